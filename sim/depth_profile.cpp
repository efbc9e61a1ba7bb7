#include "sim/depth_profile.hpp"

#include <algorithm>
#include <cmath>

#include "core/decomposition.hpp"
#include "core/electron.hpp"

namespace pendel {

namespace {

using electron::pi;

constexpr double farthest = 12;  // Å
// The step repeats the atom every 36 Å, so that nothing of its images is seen within `farthest`.
constexpr double k_z_max = 50, k_z_step = 1 / 36.;
constexpr double yukawa_2 = 1;  // 1/Å², square of the Yukawa atom's inverse radius
constexpr int z_count = 96;
constexpr double z_scale = 0.01;

}  // namespace

DepthProfile::DepthProfile(const std::function<double(double)>& f, const GradedNodes& k_nodes,
                           double tolerance)
    : z_nodes_(z_count, z_scale, farthest) {
  // P/f(k) = 1/2 − ∫_0^∞ f(k, k_z)/f(k) sin(2π k_z z)/(π k_z) dk_z by the trapezoidal rule. An
  // atom at rest has a cusp, f → A/g², which no k_z_max resolves: a Yukawa atom A/(g² + c²) is
  // taken out; with κ² = k² + c², its P is A/(2κ²) exp(−2πκz).
  const Eigen::VectorXd &k = k_nodes.points(), &z = z_nodes_.points();
  const int steps = int(k_z_max / k_z_step);
  const double A = f(k_z_max) * (k_z_max * k_z_max + yukawa_2);
  Eigen::MatrixXd relative(k.size(), steps), kernel(steps, z.size()), P(k.size(), z.size());
  for (int i = 0; i < k.size(); ++i) {
    const double f_k = f(k[i]), kappa_2 = k[i] * k[i] + yukawa_2;
    if (!(f_k > 1e-290)) {  // smeared to nothing: there is no share of it
      relative.row(i).setZero();
      P.row(i).setZero();
      continue;
    }
    for (int m = 0; m < steps; ++m) {
      const double k_z = m * k_z_step;
      relative(i, m) = (f(std::hypot(k[i], k_z)) - A / (kappa_2 + k_z * k_z)) / f_k;
    }
    for (int j = 0; j < z.size(); ++j)
      P(i, j) = 0.5 + A / (2 * kappa_2 * f_k) * std::expm1(-2 * pi * std::sqrt(kappa_2) * z[j]);
  }
  for (int j = 0; j < z.size(); ++j)
    for (int m = 0; m < steps; ++m)
      kernel(m, j) = m == 0 ? -z[j] * k_z_step : -std::sin(2 * pi * m * k_z_step * z[j]) / (pi * m);
  gemm(relative, kernel, P, 1);

  // Beyond the reach every plane wave has less than ten times the tolerance. Nodes descend.
  reach_ = farthest;
  for (int j = 0; j < z.size() && P.col(j).cwiseAbs().maxCoeff() < 10 * tolerance; ++j)
    reach_ = z[j];

  highest_k_.setZero(z.size());
  for (int j = 0; j < z.size(); ++j)
    for (int i = 0; i < k.size() && highest_k_[j] == 0; ++i)  // these descend too
      if (std::abs(P(i, j)) > tolerance) highest_k_[j] = i > 0 ? k[i - 1] : HUGE_VAL;

  // The products of least number: singular vectors, from the eigenvectors of PᵀP.
  Eigen::MatrixXd gram;
  gemm(P.transpose(), P, gram);
  const EigenDecomposition eigen = symmetric_eigen(gram);
  Eigen::MatrixXd vectors = eigen.vectors.real().rowwise().reverse();
  int rank = 0;
  Eigen::MatrixXd rest = P;
  while (rank < z_count && rest.cwiseAbs().maxCoeff() > tolerance) {
    rest -= (rest * vectors.col(rank)) * vectors.col(rank).transpose();
    ++rank;
  }
  shares_ = vectors.leftCols(rank).transpose();
  gemm(P, vectors.leftCols(rank), factors_);
}

Eigen::VectorXd DepthProfile::shares(double z) const {
  if (z >= reach_) return Eigen::VectorXd::Zero(rank());
  return shares_ * z_nodes_.weights(z);
}

double DepthProfile::highest_k(double z) const {
  const Eigen::VectorXd& nodes = z_nodes_.points();
  const auto nearer =
      std::find_if(nodes.begin(), nodes.end(), [&](double node) { return node <= z; });
  return nearer == nodes.end() ? HUGE_VAL : highest_k_[nearer - nodes.begin()];
}

}  // namespace pendel

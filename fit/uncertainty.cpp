#include "fit/uncertainty.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <cmath>
#include <limits>

namespace pendel {

std::vector<int> free_unknowns(const DiskModel& model, const Nuisance& nuisance) {
  const int n = int(model.parameters().size());
  std::vector<int> free;
  for (int k = 0; k < n; ++k)
    if (model.parameters()[k].lower < model.parameters()[k].upper) free.push_back(k);
  if (nuisance.scale_lower < nuisance.scale_upper) free.push_back(n);
  if (nuisance.background_lower < nuisance.background_upper) free.push_back(n + 1);
  return free;
}

Eigen::MatrixXd weighted_jacobian(const DiskModel& model, const DiskData& data,
                                  const Solution& solution, Eigen::VectorXd* fitted,
                                  Eigen::VectorXd* sigma, double factor) {
  Eigen::VectorXd intensity;
  Eigen::MatrixXd jacobian;
  model.evaluate(solution.values.data(), intensity, &jacobian);
  const double amplitude = solution.scale * data.dose;
  const Eigen::VectorXd values = amplitude * intensity.array() + solution.background;
  Eigen::MatrixXd J(intensity.size(), solution.values.size() + 2);
  J << amplitude * jacobian, data.dose * intensity, Eigen::VectorXd::Ones(intensity.size());
  if (sigma) sigma->resize(intensity.size());
  for (int i = 0; i < intensity.size(); ++i) {
    const double variance = model_variance(data, i, values[i]);
    J.row(i) *= std::isfinite(data.intensity[i]) && variance > 0 ? 1 / std::sqrt(variance) : 0.0;
    if (sigma) (*sigma)[i] = std::sqrt(variance);
  }
  if (fitted) *fitted = values;
  const long data_rows = J.rows();
  for (std::size_t k = 0; k < model.parameters().size(); ++k) {
    if (!model.parameters()[k].has_prior()) continue;
    J.conservativeResize(J.rows() + 1, Eigen::NoChange);
    J.bottomRows(1).setZero();
    J(J.rows() - 1, long(k)) = 1 / model.parameters()[k].prior_sigma;
  }
  J.topRows(data_rows) /= std::sqrt(factor);
  return J;
}

int free_priors(const DiskModel& model) {
  int count = 0;
  for (const Parameter& p : model.parameters()) count += p.has_prior() && p.lower < p.upper;
  return count;
}

Eigen::MatrixXd inverse_information(const Eigen::MatrixXd& information) {
  const long m = information.rows();
  const Eigen::VectorXd norm = information.diagonal().cwiseMax(1e-300).cwiseSqrt();
  const Eigen::MatrixXd scaled =
      norm.cwiseInverse().asDiagonal() * information * norm.cwiseInverse().asDiagonal();
  const Eigen::LLT<Eigen::MatrixXd> cholesky(scaled);
  // Well away from rounding: eigenvalues of a matrix with unit diagonal.
  if (cholesky.info() == Eigen::Success && cholesky.rcond() > 1e-9)
    return norm.cwiseInverse().asDiagonal() * cholesky.solve(Eigen::MatrixXd::Identity(m, m)) *
           norm.cwiseInverse().asDiagonal();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(scaled);
  Eigen::MatrixXd inverse = Eigen::MatrixXd::Zero(m, m);
  std::vector<char> undetermined(std::size_t(m), 0);
  for (long i = 0; i < m; ++i) {
    const Eigen::VectorXd v = eigen.eigenvectors().col(i);
    if (eigen.eigenvalues()[i] > 1e-12) {
      inverse += v * v.transpose() / eigen.eigenvalues()[i];
    } else {
      for (long k = 0; k < m; ++k) undetermined[std::size_t(k)] |= std::abs(v[k]) > 0.1;
    }
  }
  for (long i = 0; i < m; ++i)
    for (long k = 0; k < m; ++k)
      inverse(i, k) = undetermined[std::size_t(i)] || undetermined[std::size_t(k)]
                          ? std::numeric_limits<double>::quiet_NaN()
                          : inverse(i, k) / (norm[i] * norm[k]);
  return inverse;
}

Eigen::MatrixXd cramer_rao(const Eigen::MatrixXd& J, const std::vector<int>& free) {
  Eigen::MatrixXd result =
      Eigen::MatrixXd::Constant(J.cols(), J.cols(), std::numeric_limits<double>::quiet_NaN());
  if (free.empty()) return result;
  const Eigen::MatrixXd A = J(Eigen::all, free);
  result(free, free) = inverse_information(A.transpose() * A);
  return result;
}

Eigen::MatrixXd response(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B) {
  return -A.completeOrthogonalDecomposition().solve(B);
}

Eigen::VectorXd model_shift(const DiskModel& model, const DiskModel& finer, const DiskData& data,
                            const Nuisance& nuisance, const Solution& solution) {
  Eigen::VectorXd fitted, sigma, intensity;
  const Eigen::MatrixXd J = weighted_jacobian(model, data, solution, &fitted, &sigma);
  finer.evaluate(solution.values.data(), intensity, nullptr);
  Eigen::VectorXd difference = Eigen::VectorXd::Zero(J.rows());  // a prior does not change
  for (int i = 0; i < fitted.size(); ++i)
    if (!J.row(i).isZero(0))
      difference[i] =
          (fitted[i] - solution.scale * data.dose * intensity[i] - solution.background) / sigma[i];
  const std::vector<int> free = free_unknowns(model, nuisance);
  Eigen::VectorXd shift = Eigen::VectorXd::Zero(J.cols());
  if (!free.empty()) {
    const Eigen::MatrixXd A = J(Eigen::all, free);
    const Eigen::VectorXd solved = A.completeOrthogonalDecomposition().solve(difference);
    for (std::size_t k = 0; k < free.size(); ++k) shift[free[k]] = solved[long(k)];
  }
  return shift;
}

}  // namespace pendel

#include "model/aperture.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>

#include "core/electron.hpp"

namespace pendel {

namespace {

using electron::pi;

void add_ring(Aperture& aperture, double radius, int count, double turn, double weight) {
  for (int i = 0; i < count; ++i) {
    const double angle = 2 * pi * (i + turn) / count;
    aperture.offsets.emplace_back(radius * std::cos(angle), radius * std::sin(angle));
    aperture.weights.push_back(weight);
  }
}

/// Nodes and weights (sum 1) of the rule whose orthogonal polynomials have these recurrence
/// coefficients: eigenvalues of the Jacobi matrix. [GolubWelsch1969]
void gauss_rule(const Eigen::VectorXd& diagonal, const Eigen::VectorXd& beside,
                Eigen::VectorXd& nodes, Eigen::VectorXd& weights) {
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen;
  eigen.computeFromTridiagonal(diagonal, beside);
  nodes = eigen.eigenvalues();
  weights = eigen.eigenvectors().row(0).array().square();
}

/// Gauss-Legendre on [0, 1].
void gauss_legendre(int n, Eigen::VectorXd& nodes, Eigen::VectorXd& weights) {
  Eigen::VectorXd beside(n - 1);
  for (int i = 1; i < n; ++i) beside[i - 1] = i / std::sqrt(4.0 * i * i - 1);
  gauss_rule(Eigen::VectorXd::Zero(n), beside, nodes, weights);
  nodes = (nodes.array() + 1) / 2;
}

/// Gauss-Laguerre: the weight exp(−x) on [0, ∞).
void gauss_laguerre(int n, Eigen::VectorXd& nodes, Eigen::VectorXd& weights) {
  Eigen::VectorXd diagonal(n), beside(n - 1);
  for (int i = 0; i < n; ++i) diagonal[i] = 2 * i + 1;
  for (int i = 1; i < n; ++i) beside[i - 1] = i;
  gauss_rule(diagonal, beside, nodes, weights);
}

}  // namespace

Aperture disk_aperture(double semiangle, int degree) {
  Aperture aperture;
  if (semiangle == 0 || degree <= 1) {
    add_ring(aperture, 0, 1, 0, 1);
  } else if (degree <= 3) {
    add_ring(aperture, semiangle * std::sqrt(0.5), 4, 0, 0.25);
  } else if (degree <= 5) {
    add_ring(aperture, 0, 1, 0, 0.25);
    add_ring(aperture, semiangle * std::sqrt(2.0 / 3), 6, 0, 0.125);
  } else if (degree <= 7) {
    const double root = std::sqrt(29.0);
    add_ring(aperture, semiangle * std::sqrt(0.75), 4, 0, 2.0 / 27);
    add_ring(aperture, semiangle * std::sqrt(2 * (27 - 3 * root) / 104), 4, 0.5,
             (551 + 41 * root) / 6264);
    add_ring(aperture, semiangle * std::sqrt(2 * (27 + 3 * root) / 104), 4, 0.5,
             (551 - 41 * root) / 6264);
  } else {
    // The mean over the disk is the mean over r² in [0, 1] of ring means: n rings are exact to
    // degree 2n-1 in r².
    const int rings = (degree / 2 + 2) / 2, count = degree + 1;
    Eigen::VectorXd nodes, weights;
    gauss_legendre(rings, nodes, weights);
    for (int i = 0; i < rings; ++i)
      add_ring(aperture, semiangle * std::sqrt(nodes[i]), count, i % 2 ? 0.5 : 0,
               weights[i] / count);
  }
  return aperture;
}

int disk_aperture_degree(double semiangle, double g, double thickness) {
  const double phase = 2 * pi * g * semiangle * thickness;
  if (phase < 0.02) return 1;
  if (phase < 2.5) return 3;
  if (phase < 5) return 5;
  if (phase < 8) return 7;
  return 7 + 2 * int(std::ceil(phase - 8));
}

Aperture gaussian_spread(double sigma, int degree) {
  Aperture spread;
  if (sigma == 0 || degree <= 1) {
    add_ring(spread, 0, 1, 0, 1);
    return spread;
  }
  // r²/2σ² is exponentially distributed: n rings are exact to degree 2n−1 in r².
  const int rings = (degree / 2 + 2) / 2, count = degree + 1;
  Eigen::VectorXd nodes, weights;
  gauss_laguerre(rings, nodes, weights);
  for (int i = 0; i < rings; ++i)
    add_ring(spread, sigma * std::sqrt(2 * nodes[i]), count, i % 2 ? 0.5 : 0, weights[i] / count);
  return spread;
}

int gaussian_spread_degree(double sigma, double g, double thickness) {
  const int degree = disk_aperture_degree(2 * sigma, g, thickness);
  return degree > 1 ? degree + 2 : 1;
}

Aperture hollow_cone(double semiangle, double g, double thickness) {
  Aperture aperture;
  const int count = semiangle > 0 ? 16 + int(4 * pi * g * semiangle * thickness) : 1;
  add_ring(aperture, semiangle, count, 0, 1.0 / count);
  return aperture;
}

Aperture combined(const Aperture& a, const Aperture& b) {
  Aperture sum;
  for (std::size_t i = 0; i < a.offsets.size(); ++i)
    for (std::size_t j = 0; j < b.offsets.size(); ++j) {
      sum.offsets.push_back(a.offsets[i] + b.offsets[j]);
      sum.weights.push_back(a.weights[i] * b.weights[j]);
    }
  return sum;
}

}  // namespace pendel

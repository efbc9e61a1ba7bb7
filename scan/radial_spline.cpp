#include "scan/radial_spline.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "scan/cubic_spline.hpp"

namespace pendel {

namespace {

struct Place {
  std::size_t first;  // of four coefficients
  double w[4], derivative[4];
};

Place place(double radius, std::size_t count) {
  const double x = radius / RadialSpline::knot;
  const std::size_t first = std::min(std::size_t(x), count - 4);
  Place p{first, {}, {}};
  cubic_weights(x - double(first), p.w, p.derivative);
  return p;
}

// Coefficient −1 is coefficient 1: the function is even.
std::size_t free_index(std::size_t k) { return k == 0 ? 1 : k - 1; }

}  // namespace

RadialSpline::RadialSpline(const std::vector<double>& radius, const std::vector<double>& value,
                           const std::vector<double>& weight, double reach)
    : reach_(reach), coefficients_(std::size_t(std::ceil(reach / knot)) + 3) {
  const auto n = Eigen::Index(coefficients_.size() - 1);
  Eigen::MatrixXd A = Eigen::MatrixXd::Zero(n, n);
  Eigen::VectorXd b = Eigen::VectorXd::Zero(n);
  for (std::size_t i = 0; i < radius.size(); ++i) {
    const Place p = place(std::min(radius[i], reach), coefficients_.size());
    for (std::size_t k = 0; k < 4; ++k) {
      const auto row = Eigen::Index(free_index(p.first + k));
      b[row] += weight[i] * p.w[k] * value[i];
      for (std::size_t l = 0; l < 4; ++l)
        A(row, Eigen::Index(free_index(p.first + l))) += weight[i] * p.w[k] * p.w[l];
    }
  }
  // Where no sample lies, about the centre, the curve goes on smoothly.
  const double smooth = 1e-3 * A.trace() / double(n);
  for (Eigen::Index k = 0; k + 2 < n; ++k) {
    const double second[3] = {1, -2, 1};
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) A(k + i, k + j) += smooth * second[i] * second[j];
  }
  A.diagonal().array() += 1e-12 * A.trace() / double(n);
  const Eigen::VectorXd x = A.ldlt().solve(b);
  for (std::size_t k = 0; k < coefficients_.size(); ++k)
    coefficients_[k] = x[Eigen::Index(free_index(k))];
}

double RadialSpline::at(double radius, double* slope) const {
  const Place p = place(std::min(radius, reach_), coefficients_.size());
  double value = 0, derivative = 0;
  for (std::size_t k = 0; k < 4; ++k) {
    value += p.w[k] * coefficients_[p.first + k];
    derivative += p.derivative[k] * coefficients_[p.first + k];
  }
  if (slope) *slope = derivative / knot;
  return value;
}

}  // namespace pendel

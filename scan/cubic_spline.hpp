// Cubic B-splines on equally spaced knots.
#pragma once
#include <cmath>
#include <cstddef>
#include <vector>

namespace pendel {

/// Weights of the four B-splines that reach a point at the fraction u between two knots, and their
/// derivatives by u.
template <class Real>
inline void cubic_weights(Real u, Real* w, Real* derivative) {
  const Real v = 1 - u;
  w[0] = v * v * v / 6;
  w[1] = Real(2) / 3 - u * u * (2 - u) / 2;
  w[2] = Real(2) / 3 - v * v * (2 - v) / 2;
  w[3] = u * u * u / 6;
  derivative[0] = -v * v / 2;
  derivative[1] = u * (3 * u - 4) / 2;
  derivative[2] = -v * (3 * v - 4) / 2;
  derivative[3] = u * u / 2;
}

/// Coefficients of the spline through the values of a square (side, side) that is 0 beyond its
/// edges. [Unser1999]
inline std::vector<double> spline_coefficients(std::vector<double> values, int side) {
  const double z = std::sqrt(3.0) - 2;
  const auto filter = [&](int first, int stride) {
    const auto c = [&](int i) -> double& { return values[std::size_t(first + i * stride)]; };
    for (int i = 1; i < side; ++i) c(i) += z * c(i - 1);
    c(side - 1) *= -z / (1 - z * z);
    for (int i = side - 2; i >= 0; --i) c(i) = z * (c(i + 1) - c(i));
    for (int i = 0; i < side; ++i) c(i) *= 6;
  };
  for (int line = 0; line < side; ++line) {
    filter(line * side, 1);
    filter(line, side);
  }
  return values;
}

}  // namespace pendel

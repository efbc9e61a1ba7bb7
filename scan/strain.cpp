#include "scan/strain.hpp"

#include <Eigen/LU>
#include <cmath>

namespace pendel {

namespace {

using Eigen::Matrix2d;

/// The change of a basis along one of (g1x, g1y, g2x, g2y).
Matrix2d direction(int component) {
  Matrix2d d = Matrix2d::Zero();
  d(component % 2, component / 2) = 1;
  return d;
}

StrainOfLattice linear(const Matrix2d& basis, const Matrix2d& reference) {
  const Matrix2d inverse = reference.inverse();
  const auto parts = [](const Matrix2d& m) {
    return Eigen::Vector4d(m(0, 0), m(1, 1), (m(0, 1) + m(1, 0)) / 2, (m(0, 1) - m(1, 0)) / 2);
  };
  const Eigen::Vector4d e = parts(Matrix2d::Identity() - basis * inverse);
  StrainOfLattice result{{e[0], e[1], e[2], e[3]}, {}};
  for (int i = 0; i < 4; ++i) result.derivative.col(i) = parts(-direction(i) * inverse);
  return result;
}

}  // namespace

StrainOfLattice strain_of(const Matrix2d& basis, const Matrix2d& reference, bool linearised) {
  if (linearised) return linear(basis, reference);
  const Matrix2d inverse = basis.inverse();
  const Matrix2d F = (reference * inverse).transpose();
  const double sine = F(1, 0) - F(0, 1), cosine = F(0, 0) + F(1, 1);
  const double angle = std::atan2(sine, cosine), square = sine * sine + cosine * cosine;
  Matrix2d R, J;
  R << std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle);
  J << 0, -1, 1, 0;
  const Matrix2d U = R.transpose() * F;
  StrainOfLattice result{{U(0, 0) - 1, U(1, 1) - 1, (U(0, 1) + U(1, 0)) / 2, angle}, {}};
  for (int i = 0; i < 4; ++i) {
    const Matrix2d dF = -inverse.transpose() * direction(i).transpose() * F;
    const double turn = (cosine * (dF(1, 0) - dF(0, 1)) - sine * (dF(0, 0) + dF(1, 1))) / square;
    const Matrix2d dU = R.transpose() * (dF - turn * J * F);
    result.derivative.col(i) << dU(0, 0), dU(1, 1), (dU(0, 1) + dU(1, 0)) / 2, turn;
  }
  return result;
}

}  // namespace pendel

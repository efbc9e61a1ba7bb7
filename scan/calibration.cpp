#include "scan/calibration.hpp"

#include <cmath>

#include <Eigen/Geometry>
#include <Eigen/LU>

#include "core/electron.hpp"

namespace pendel {

Eigen::Matrix2d Calibration::matrix() const {
  const auto turn = [](double degrees) {
    return Eigen::Rotation2Dd(degrees * electron::pi / 180).toRotationMatrix();
  };
  const Eigen::Matrix2d axes = turn(ellipse_angle_deg);
  const double root = std::sqrt(ellipse_ratio);
  const Eigen::Matrix2d round = axes * Vec2(1 / root, root).asDiagonal() * axes.transpose();
  const Eigen::Matrix2d mirror = Vec2(1, flip ? -1 : 1).asDiagonal();
  return (std::isfinite(pixel_invA) ? pixel_invA : 1) * turn(-rotation_deg) * mirror * round;
}

Vec2 Calibration::vector(std::size_t position, const Vec2& pixel) const {
  return matrix() * (pixel - origin[origin.size() > 1 ? position : 0]);
}

Vec2 Calibration::pixel(std::size_t position, const Vec2& vector) const {
  return origin[origin.size() > 1 ? position : 0] + matrix().inverse() * vector;
}

}  // namespace pendel

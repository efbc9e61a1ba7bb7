#include "crystal/rotation.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <cmath>

#include "core/electron.hpp"

namespace pendel {

namespace {

using electron::pi;

Mat3 map_frame() { return Vec3(1, -1, -1).asDiagonal(); }

double from_0_to_2pi(double angle) {
  const double positive = angle < 0 ? angle + 2 * pi : angle;
  return positive < 2 * pi ? positive : 0;
}

}  // namespace

// v_crystal = Rᵀ v_lab and v_lab = D v_map.
Mat3 bunge_matrix(const Mat3& R_lab_crystal) { return R_lab_crystal.transpose() * map_frame(); }

Mat3 from_bunge_matrix(const Mat3& g) { return map_frame() * g.transpose(); }

Vec3 bunge_angles(const Mat3& R_lab_crystal) {
  const Mat3 g = bunge_matrix(R_lab_crystal);
  const double sin_PHI = std::hypot(g(2, 0), g(2, 1));
  const double PHI = std::atan2(sin_PHI, g(2, 2));
  // Below this the third row tells phi1 worse than taking PHI for 0 or π does.
  if (sin_PHI < 1e-8) return {from_0_to_2pi(std::atan2(g(0, 1), g(0, 0))), PHI, 0};
  const double phi1 = std::atan2(g(2, 0), -g(2, 1));
  // phi2 from what is left without Z(phi1), so that errors of phi1 cancel near PHI = 0 and π.
  const double c = std::cos(phi1), s = std::sin(phi1);
  const double phi2 = std::atan2(-(g(1, 0) * c + g(1, 1) * s), g(0, 0) * c + g(0, 1) * s);
  return {from_0_to_2pi(phi1), PHI, from_0_to_2pi(phi2)};
}

Mat3 from_bunge_angles(const Vec3& phi1_PHI_phi2) {
  // Passive rotations: Z(phi) is the transpose of the active rotation about z.
  const Mat3 g = rotation_about(Vec3::UnitZ(), -phi1_PHI_phi2[2]) *
                 rotation_about(Vec3::UnitX(), -phi1_PHI_phi2[1]) *
                 rotation_about(Vec3::UnitZ(), -phi1_PHI_phi2[0]);
  return from_bunge_matrix(g);
}

Eigen::Vector4d quaternion(const Mat3& R_lab_crystal) {
  const Eigen::Quaterniond q = Eigen::Quaterniond(bunge_matrix(R_lab_crystal)).normalized();
  const Eigen::Vector4d wxyz(q.w(), q.x(), q.y(), q.z());
  return wxyz[0] < 0 ? Eigen::Vector4d(-wxyz) : wxyz;
}

Mat3 from_quaternion(const Eigen::Vector4d& wxyz) {
  const Eigen::Quaterniond q(wxyz[0], wxyz[1], wxyz[2], wxyz[3]);
  return from_bunge_matrix(q.normalized().toRotationMatrix());
}

Mat3 rotation_about(const Vec3& axis, double angle) {
  return Eigen::AngleAxisd(angle, axis.normalized()).toRotationMatrix();
}

// |A - B|² = 8 sin²(angle/2)
double angle_between(const Mat3& A, const Mat3& B) {
  return 2 * std::asin(std::min(1.0, (A - B).norm() / std::sqrt(8.0)));
}

Mat3 nearest_equivalent(const Mat3& R_lab_crystal, const Mat3& to,
                        const std::vector<Mat3>& operations) {
  Mat3 nearest = R_lab_crystal;
  double least = (R_lab_crystal - to).squaredNorm();
  for (const Mat3& S : operations) {
    if (S.determinant() < 0) continue;
    const Mat3 equivalent = R_lab_crystal * S;
    const double distance = (equivalent - to).squaredNorm();
    if (distance < least - 1e-12) {
      least = distance;
      nearest = equivalent;
    }
  }
  return nearest;
}

Mat3 reduced_orientation(const Mat3& R_lab_crystal, const std::vector<Mat3>& operations) {
  return nearest_equivalent(R_lab_crystal, map_frame(), operations);
}

double misorientation(const Mat3& R1, const Mat3& R2, const std::vector<Mat3>& operations) {
  return angle_between(nearest_equivalent(R1, R2, operations), R2);
}

}  // namespace pendel

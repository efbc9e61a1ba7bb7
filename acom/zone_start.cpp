#include "acom/zone_start.hpp"

#include <Eigen/Geometry>
#include <cmath>
#include <numeric>

#include "crystal/orientation.hpp"

namespace pendel {

namespace {

double angle_between(const Vec3& a, const Vec3& b) {
  return std::atan2(a.cross(b).norm(), a.dot(b));
}

/// The lattice direction next to a crystal direction, but `excluded`.
Eigen::Vector3i lattice_direction(const Cell& cell, const Vec3& direction, double near, int largest,
                                  const Eigen::Vector3i& excluded) {
  Eigen::Vector3i best(0, 0, 0);
  double least = 4;
  for (int n = 1; n <= largest && !(least < near); ++n)
    for (int u = -n; u <= n; ++u)
      for (int v = -n; v <= n; ++v)
        for (int w = -n; w <= n; ++w) {
          const Eigen::Vector3i uvw(u, v, w);
          if (std::gcd(std::gcd(u, v), w) != 1 || uvw == excluded || uvw == -excluded) continue;
          const double angle = angle_between(cell.cartesian({uvw.cast<double>()}).v, direction);
          if (angle < least - 1e-9) {
            least = angle;
            best = uvw;
          }
        }
  return best;
}

}  // namespace

ZoneStart zone_start(const Cell& cell, const Mat3& R_lab_crystal, double near, int largest) {
  ZoneStart start;
  const Vec3 to_source = -R_lab_crystal.row(2).transpose(), along_x = R_lab_crystal.row(0);
  start.zone_axis = lattice_direction(cell, to_source, near, largest, Eigen::Vector3i::Zero());
  const Vec3 zone = start.zone_axis.cast<double>();
  start.zone_off = angle_between(cell.cartesian({zone}).v, to_source);
  start.x_axis = lattice_direction(cell, along_x, near, largest, start.zone_axis);
  const Mat3 aligned = orientation(cell, -zone, start.x_axis.cast<double>());
  const Vec3 beam = aligned * -to_source;
  start.beam_tilt = Vec2(std::asin(beam.x()), std::asin(beam.y()));
  // what is left when the beam runs along z: a turn in the plane
  const Mat3 rest = R_lab_crystal * aligned.transpose() *
                    Eigen::Quaterniond::FromTwoVectors(Vec3::UnitZ(), beam).toRotationMatrix();
  start.turn = std::atan2(rest(1, 0), rest(0, 0));
  return start;
}

}  // namespace pendel

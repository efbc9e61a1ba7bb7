#include "crystal/orientation.hpp"

#include <Eigen/Geometry>
#include <sstream>

#include "core/error.hpp"

namespace pendel {

Mat3 orientation(const Cell& cell, const Vec3& beam_direction_uvw, const Vec3& x_axis_uvw) {
  const Vec3 beam = cell.cartesian({beam_direction_uvw}).v;
  const Vec3 along_x = cell.cartesian({x_axis_uvw}).v;
  const Vec3 z = beam.normalized();
  const Vec3 across = along_x - z * z.dot(along_x);
  // Negated so that zero vectors and NaN are refused too.
  if (!(beam.norm() > 0 && across.norm() > 1e-6 * along_x.norm())) {
    std::ostringstream text;
    text << "beam direction [" << beam_direction_uvw.transpose() << "] and x axis ["
         << x_axis_uvw.transpose() << "] are parallel or zero; they must span a plane";
    throw Error(ErrorKind::study, text.str());
  }
  const Vec3 x = across.normalized();
  Mat3 R_lab_crystal;
  R_lab_crystal << x.transpose(), z.cross(x).transpose(), z.transpose();
  return R_lab_crystal;
}

}  // namespace pendel

// Zone axes spread over a fundamental zone, and the orientations that have them.
#pragma once
#include "crystal/fundamental_zone.hpp"

namespace pendel {

enum class ZoneSpacing {
  equal_area,  ///< every axis stands for the same area [Arvo1995]
  slerp        ///< rows and columns of equal angles: py4DSTEM's (cubic: its counts)
};

struct ZoneAxes {
  std::vector<Vec3> axes;  ///< unit vectors in the crystal frame, the zone's vertices among them
  /// Every direction of the zone is within this angle [rad] of one of them (the circumradius of
  /// the largest triangle between axes).
  double covering_radius = 0;
};

/// The zone is cut into equal triangles with sides up to 90° (few need more than one), each with n
/// + 1 axes along a side, (n + 1)(n + 2)/2 of them. `step` [rad] is with equal_area the side of the
/// equilateral triangle that has the area between three axes; the covering radius is then 0.55
/// to 0.81 steps, by the shape of the zone. With slerp n is the longer side that leaves the first
/// vertex, over step, rounded. Of axes on the zone's boundary that the group turns into each other
/// there is one. Error (study) unless 0 < step <= 1 rad.
ZoneAxes zone_axes(const FundamentalZone& zone, double step,
                   ZoneSpacing spacing = ZoneSpacing::equal_area);

/// The orientation with this crystal direction to the source. In-plane angle 0: from the
/// orientation with g = 1 (see crystal/rotation.hpp) by the least rotation, about x for the
/// direction -z. From there turned by `in_plane` [rad] counterclockwise, as seen from the source.
Mat3 zone_orientation(const Vec3& axis, double in_plane = 0);

/// In-plane angles [rad] after which the orientations with this axis repeat: 2π over the number of
/// the group's rotations about it.
double in_plane_range(const PointGroup& group, const Vec3& axis);

}  // namespace pendel

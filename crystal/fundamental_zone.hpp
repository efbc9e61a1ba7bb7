// The directions of a crystal that its symmetry leaves different: a sector of the sphere whose
// images under the group cover it once. With the Laue group it is the triangle of inverse pole
// figures.
#pragma once
#include "crystal/point_group.hpp"

namespace pendel {

/// Of whichever group the caller means: point group, Laue group, or the rotations of either.
///
/// In the standard settings: above the xy plane where the group turns z over; from x
/// counterclockwise, or between the mirror planes through z on either side of x (the first at or
/// clockwise of x). So m-3m has 001-101-111, 6/mmm 0..30°, -3m 30° to either side of x. Groups in
/// another setting have the same sector, turned with their axes by as little as possible.
class FundamentalZone {
 public:
  explicit FundamentalZone(const PointGroup& group);

  const PointGroup& group() const { return group_; }
  /// Unit vectors: v is in the zone where none has a negative product with it. Counterclockwise as
  /// seen from outside. None for the whole sphere, one for a hemisphere.
  const std::vector<Vec3>& normals() const { return normals_; }
  /// Unit vectors: vertex i is where edge i begins (normal i). Two opposite ones of a lune, none of
  /// a hemisphere or the sphere. The first is the one next to the group's principal axis (z in the
  /// standard settings).
  const std::vector<Vec3>& vertices() const { return vertices_; }
  /// From the axes of the standard setting to this one's: a rotation.
  const Mat3& setting() const { return setting_; }

  /// A boundary that images share belongs to all of them, with `tolerance` [rad].
  bool contains(const Vec3& direction, double tolerance = 1e-9) const;

  struct Image {
    Vec3 direction;  ///< operation * the direction asked for
    Mat3 operation;  ///< the first of the group's that leads into the zone
  };
  Image reduced(const Vec3& direction) const;

 private:
  PointGroup group_;
  Mat3 setting_;
  std::vector<Vec3> normals_, vertices_;
};

}  // namespace pendel

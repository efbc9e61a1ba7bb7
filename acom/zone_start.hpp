// From a mapped orientation to what a study's `specimen` says of a crystal: zone axis, x axis and
// the tilt of the beam that is left, for fits that start there and strain against a crystal.
#pragma once
#include "crystal/cell.hpp"

namespace pendel {

struct ZoneStart {
  Eigen::Vector3i zone_axis{0, 0, 1};  ///< [uvw] next to the source
  Eigen::Vector3i x_axis{1, 0, 0};     ///< [uvw] next to lab x, not parallel to it
  double zone_off = 0;                 ///< rad, between the zone axis and the source
  Vec2 beam_tilt{0, 0};  ///< rad, in the frame that the two axes make, the crystal fixed
  double turn = 0;       ///< rad: of that frame in the plane of the detector, from its x to its y
};

/// The zone axis is the one of smallest indices within `near` [rad], at least the nearest one with
/// indices to `largest`.
ZoneStart zone_start(const Cell& cell, const Mat3& R_lab_crystal, double near = 0.07,
                     int largest = 5);

}  // namespace pendel

// A crystal made periodic in a rectangle across the beam: the search for two lattice vectors
// nearly along lab x and y, and the deformation that makes them exactly so.
#pragma once
#include <vector>

#include "sim/state.hpp"

namespace pendel {

struct OrthogonalCell {
  Eigen::Matrix<int, 3, 2> vectors;  ///< columns: lattice vectors [uvw] along lab x and y
  Vec2 size = Vec2::Zero();          ///< Å
  /// Of the crystal, in the lab frame: r → deformation r. Leaves lab z; where the vectors are not
  /// quite across the beam (triclinic zones) it shears their depth away.
  Mat3 deformation = Mat3::Identity();
  /// Spectral norm of deformation − 1, so that a rotation of the vectors counts too.
  double largest_strain = 0;
};

/// The smallest orthogonal cell, at least `minimum` [Å] along x and y, whose strain is at most
/// `strain_max`; of equal ones the least strained. Works for any orientation, but small cells
/// exist where lattice vectors lie across the beam. Error (study) if no cell with edges up to
/// `maximum` [Å] will do; it names the best one found.
OrthogonalCell orthogonal_cell(const OrientedCrystal& oriented, const Vec2& minimum,
                               double strain_max, double maximum = 500);

/// One cell for several crystals: the smallest of the first one to which each other can be
/// strained; (crystals), all of one size. Errors as above.
std::vector<OrthogonalCell> common_cell(const std::vector<const OrientedCrystal*>& crystals,
                                        const Vec2& minimum, double strain_max,
                                        double maximum = 500);

}  // namespace pendel

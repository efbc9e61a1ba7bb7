// What the crystal's symmetry says about directions of incidence: rotations and mirrors about the
// surface normal that leave a specimen as it is. The wave of direction R s is that of s, its beams
// elsewhere and with other phases:
//   ψ_{h'}(R s) = exp(−2πi h'·w) ψ_h(s),  h' = W⁻ᵀ h,  for x' = W x + w, s the sines of the tilts.
#pragma once
#include "sim/state.hpp"

namespace pendel {

struct DirectionSymmetry {
  Eigen::Matrix2d R;      ///< of transverse wavevectors, lab x, y
  Eigen::Matrix3i W_hkl;  ///< of Miller indices: W⁻ᵀ
  Vec3 w;                 ///< in fractions of the cell
  Hkl image(const Hkl& hkl) const;
  Hkl before(const Hkl& image) const;  ///< its inverse
  /// What the amplitude of `hkl` before is multiplied with to make that of its image.
  std::complex<double> phase(const Hkl& hkl) const;
};

/// All of them with lab z kept, the identity first; one per R. Only the identity where layers are
/// of several crystals or single structure factors are changed. whole_cells: none that shifts the
/// crystal along z, for engines to which the place of its faces in the cell matters.
std::vector<DirectionSymmetry> direction_symmetries(const State& state, bool whole_cells);

}  // namespace pendel

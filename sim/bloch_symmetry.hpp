// Inside the Bloch-wave engine: what many incident directions can share. Beams that are out of
// reach, phases of beams that make the couplings real, and the symmetry of the beams.
#pragma once
#include <vector>

#include "core/decomposition.hpp"
#include "sim/beams.hpp"

namespace pendel {

/// A rotation or mirror about the surface normal that leaves the couplings U as they are:
/// U(image_g, image_h) = phase_g U(g, h) conj(phase_h), and turns beam g into beam image_g.
struct BeamSymmetry {
  Eigen::Matrix2d R;  // of transverse wavevectors (lab x, y)
  std::vector<int> image;
  VectorXcd phase;
};

/// The beams that scattering reaches from the incident one, in the order of the list.
struct ReachedBeams {
  std::vector<int> kept;
  std::vector<Vec3> g;
  /// Beams times conj(gauge): then every coupling is real (elastic and absorptive part each) if
  /// is_real. A centrosymmetric crystal has such phases wherever its origin is. Else all 1.
  VectorXcd gauge;
  bool is_real = false;
  std::vector<BeamSymmetry> symmetries;  // without the identity
  int zero = 0;                          // the incident beam among them
};

/// The hermitian parts of one crystal's couplings: U = elastic + i absorptive.
struct Couplings {
  MatrixXcd elastic, absorptive;  // absorptive empty: none
};

/// All couplings (one crystal each) together; everything exact to rounding. Symmetries are not
/// sought if not wanted.
ReachedBeams reached_beams(const Beams& beams, const std::vector<Couplings>& crystals,
                           int zero_beam, const Vec3& surface_normal, bool want_symmetries);

}  // namespace pendel

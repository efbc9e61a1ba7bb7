// What the patterns of a scan say of phase and orientation, position by position.
//
// The lab frame of a map is the scan's: x along its columns, y along its rows, z along the beam.
// Files for other programs (acom/ang.hpp, acom/ctf.hpp) have y up and z to the source.
#pragma once
#include <limits>
#include <string>
#include <vector>

#include "crystal/crystal.hpp"

namespace pendel {

/// A phase that a map may show. Of a map read from a file the crystal is a cell without sites.
struct MapPhase {
  std::string name;
  Crystal crystal;
  std::string point_group;  ///< Hermann-Mauguin symbol, "m-3m"
  /// Point operations in the crystal's Cartesian frame: orientations that the proper ones among
  /// them turn into each other count as the same (PhaseLibrary::symmetry, or the point group's).
  std::vector<Mat3> symmetry;
};

/// One reading of a pattern.
struct OrientationSolution {
  static constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

  int phase = 0;  ///< index of OrientationMap::phases
  Mat3 R_lab_crystal = Mat3::Identity();
  double score = not_known;          ///< likeness of the peaks and the template, 0 to 1
  int peaks_used = 0;                ///< that lie where the template has spots
  double residual_invA = not_known;  ///< root mean square distance of these from the spots
  double error_deg = not_known;      ///< standard error: root of the sum over three axes
  double thickness_A = not_known;    ///< where the library has thicknesses
  double share = not_known;  ///< of crystals above each other: of the intensity that they explain
  double thickness_error_A = not_known;  ///< standard error, where multiple scattering was compared
  double dynamical_misfit = not_known;   ///< −2 ln of its likelihood there
};

/// What is to be known of a position besides; a sum of these.
enum OrientationFlag : unsigned {
  turned_180 = 1,       ///< turned by 180° about the beam the crystal fits as well
  ambiguous = 2,        ///< another orientation of the phase fits as well
  phase_uncertain = 4,  ///< another phase fits about as well
  few_peaks = 8,        ///< not indexed: fewer peaks than it takes
  unexplained = 16,     ///< not indexed: no template is like the peaks
  by_neighbours = 32,   ///< not the best solution, but the one that continues the neighbours'
  by_dynamics = 64,     ///< not the best by single scattering, but by multiple scattering
};

struct MapPosition {
  /// The best first; empty: not indexed.
  std::vector<OrientationSolution> solutions;
  /// Where crystals that lie above each other were looked for: all of them, the largest share
  /// first.
  std::vector<OrientationSolution> overlapping;
  int peaks = 0;  ///< that were measured, the undiffracted beam left out
  /// 1 − (score of the next distinct orientation of the phase, of the next phase)/score: 0 says
  /// that they fit as well, 1 that there is no other.
  double reliability = OrientationSolution::not_known;
  double phase_reliability = OrientationSolution::not_known;
  std::vector<double> phase_probability;  ///< of each phase; empty: not known
  unsigned flags = 0;                     ///< of OrientationFlag

  bool indexed() const { return !solutions.empty(); }
};

struct OrientationMap {
  std::size_t rows = 0, columns = 0;
  double step_A = OrientationSolution::not_known;  ///< between positions
  std::vector<MapPhase> phases;
  std::vector<MapPosition> at;  ///< row * columns + column

  std::size_t positions() const { return rows * columns; }
};

}  // namespace pendel

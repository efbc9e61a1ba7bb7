// Which of a matcher's candidates multiple scattering confirms: their intensities by Bloch waves,
// over thickness and, near the candidates, over tilt, against those of the peaks. What kinematical
// templates cannot tell (a polar axis, phases of one lattice) these may, and the thickness.
#pragma once
#include <vector>

#include "acom/match.hpp"
#include "sim/dynamical_pattern.hpp"

namespace pendel {

struct DynamicalRankingOptions {
  /// 1/Å: a spot is the nearest peak's within this.
  double reach = 0.05;
  double position_error = 0.005;  ///< 1/Å: of a peak, each component, if it does not bring its own
  /// Relative, of an intensity: of the peak and, mostly, of the model (orientation, potential).
  double intensity_error = 0.2;
  /// The first so many of the candidates, compared as they are, are also tilted, by up to about
  /// `farthest` [rad], to less misfit: intensities change within a fraction of what single
  /// scattering leaves open. Some forty patterns each.
  int tilted = 2;
  double farthest = 0.012;
};

/// A candidate as multiple scattering sees it.
struct DynamicalCandidate {
  Match match;  ///< with the best of the thicknesses; covariance as it was
  /// Of one standard deviation at this orientation, no less than the thicknesses' spacing allows.
  double thickness_error_A = 0;
  double misfit = 0;           ///< −2 ln likelihood: of positions and of intensities
  double position_misfit = 0;  ///< its first part
};

/// The candidates, of least misfit first. `patterns`: of each phase. Peaks nearer the origin than
/// the reach, or beyond the least g_max of the patterns, are passed over. √I of every peak is
/// compared with that of the spots that are its, one scale free; a peak without spots is one of
/// predicted intensity 0; a spot without a peak counts by what it would be brighter than the
/// faintest peak. Outliers cost no more than so much each. Error (study) if an option is not
/// positive, a phase has no patterns, or these have less than two thicknesses, not ascending.
std::vector<DynamicalCandidate> ranked_dynamically(
    const std::vector<PeakVector>& peaks, const std::vector<Match>& candidates,
    const std::vector<const DynamicalPatterns*>& patterns,
    const DynamicalRankingOptions& options = {});

}  // namespace pendel

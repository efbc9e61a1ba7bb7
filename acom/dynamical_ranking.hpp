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
  /// scattering leaves open. Some sixty patterns each, and more as the square of `farthest`.
  int tilted = 2;
  double farthest = 0.012;
};

/// The candidates, of least misfit first, with that, the best of the thicknesses and its error; the
/// covariance as it was. `patterns`: of each phase. Peaks nearer the origin than the reach, or
/// beyond the least g_max of the patterns, are passed over. √I of every peak is compared with that
/// of the spots that are its, one scale free; a peak without spots is one of predicted intensity 0;
/// a spot without a peak counts by what it would be brighter than the faintest peak. Outliers cost
/// no more than so much each. The thickness's error allows for the tilts tried (each thickness with
/// its best) and for intensities that scatter more than they should; of candidates that were not
/// tilted it holds at their orientation only. Error (study) if an option is not positive, a phase
/// has no patterns, or these have less than two thicknesses, not ascending.
std::vector<Match> ranked_dynamically(const std::vector<PeakVector>& peaks,
                                      const std::vector<Match>& candidates,
                                      const std::vector<const DynamicalPatterns*>& patterns,
                                      const DynamicalRankingOptions& options = {});

}  // namespace pendel

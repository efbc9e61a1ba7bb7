// Origin, ellipse, pixel size and the turn of the lattice from the Bragg peaks of a known crystal.
#pragma once
#include "scan/bragg_peaks.hpp"

namespace pendel {

struct ZoneOptions {
  /// Reflections of the zone [1/Å] in any orthogonal frame whose x turns to y as columns to rows,
  /// both signs; without 0.
  std::vector<Vec2> vectors_invA;
  Calibration start;         ///< about: origin(s), pixel; the ellipse as far as it is known
  double reach_invA = 0.05;  ///< a peak further from every reflection than this is none of them
};

struct ZoneFit {
  /// `start` with one more shift of all origins, the ellipse and the pixel; its rotation and flip
  /// are kept.
  Calibration calibration;
  Vec2 shift{0, 0};        ///< of the origins [pixels]
  double lattice_deg = 0;  ///< of the crystal's frame against the detector's columns
  double lattice_error_deg = 0;
  std::size_t peaks = 0;   ///< that were indexed; those without weight are not
  double residual_px = 0;  ///< rms, of these
};

/// Least squares of all positions' peaks to p = origin + shift + A v, weighted by their errors (the
/// same for all where not known) and by Tukey's weights; the scatter of the residuals sets the
/// errors' scale. A = (pixel · ellipse)⁻¹ · turn, any 2 x 2 matrix without mirror: four unknowns.
/// The lattice turns the same at every position. Starts from every turn in steps of a degree.
/// Error (numerical) if fewer than five peaks are indexed or they lie on a line.
ZoneFit fit_zone(const BraggPeaks& peaks, const ZoneOptions& options);

}  // namespace pendel

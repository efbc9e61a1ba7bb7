// The undiffracted beam in every pattern of a scan, and the smooth function of the position that it
// follows: what the scan coils leave of descan.
#pragma once
#include <functional>

#include "scan/bragg_peaks.hpp"
#include "scan/datacube.hpp"

namespace pendel {

/// Beams where they were found; NaN where none was.
struct MeasuredOrigins {
  std::size_t rows = 0, columns = 0;
  std::vector<Vec2> at;  ///< (column, row) [pixels]
};

/// Centre of mass of what is above half the maximum of the mean of up to 64 patterns, in the
/// connected region around that maximum. Error (input) if they are empty.
Vec2 mean_origin(const DataCube& cube, const std::vector<float>& mask = {});

/// Of every pattern: centre of mass of what is above half of the maximum within `radius` of
/// `about`, in circles of that radius that follow it. NaN for empty patterns.
MeasuredOrigins measured_origins(const DataCube& cube, const Vec2& about, double radius,
                                 const std::vector<float>& mask = {},
                                 const std::function<void(std::size_t)>& progress = {});
/// Of every position: the strongest peak within `radius` of `about`.
MeasuredOrigins measured_origins(const BraggPeaks& peaks, const Vec2& about, double radius);

enum class OriginShape { constant, plane, parabola, none };

struct OriginFit {
  std::vector<Vec2> at;       ///< of every position; `none`: the measured ones
  Vec2 error{0, 0};           ///< of these, root of the mean square over positions
  Vec2 scatter{0, 0};         ///< of the measured ones around these, outliers apart
  std::vector<bool> outlier;  ///< also where nothing was measured
};

/// Least squares by Tukey's weights, their width from the median of the residuals: beams further
/// than 4.685 standard deviations do not count. Error (numerical) if fewer are left than the shape
/// needs twice. [BeatonTukey1974]
OriginFit fit_origins(const MeasuredOrigins& measured, OriginShape shape);

}  // namespace pendel

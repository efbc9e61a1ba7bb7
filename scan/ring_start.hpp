// Where a fit of rings starts (internal to scan/rings).
#pragma once
#include "scan/rings.hpp"

namespace pendel::ring_start {

/// ln √ratio along and at 45° to the columns: the ellipse without its angle's singularity at 1.
/// The pattern is stretched by the exponential of (x y; y −x).
using Stretch = Vec2;
void set_ellipse(const Stretch& stretch, Calibration& calibration);

/// The centre and ellipse of the least scatter of pixels around their radial mean, relative to what
/// it is at the start, radii in [from, to].
struct Geometry {
  Vec2 centre;
  Stretch stretch;
  Calibration calibration() const;
};
Geometry sharpest(const std::vector<double>& pattern, std::size_t q_rows, std::size_t q_columns,
                  const std::vector<float>& mask, Geometry start, double from, double to);

/// 0 where a pixel is masked, not a number, or far darker than the others of
/// its radius, of which none beyond `to` [pixels] is looked at.
std::vector<float> without_shadow(const std::vector<double>& pattern, std::size_t q_rows,
                                  std::size_t q_columns, const std::vector<float>& mask,
                                  const Calibration& calibration, double to, std::size_t& dark);

/// The radius from which on the radial mean has ceased to fall, by a fifth less; 0 if it falls to
/// the end.
double end_of_beam(const RadialProfile& profile);

/// What a background is a multiple of: radius to this power goes through its ends.
double power_between_ends(const RadialProfile& profile);
/// Chebyshev polynomials T_0, T_1, ... at x in [-1, 1].
void chebyshev(double x, int count, double* values, double* slopes);

/// Pixel size and standard deviation of rings [pixels] that explain a radial mean best by
/// kinematical heights over a background. Error (numerical) if no rings do.
struct LinesAt {
  double pixel_invA, width;
};
LinesAt best_pixel(const RadialProfile& profile, const std::vector<PowderLine>& lines, int terms,
                   double least_invA, double most_invA);

/// Maxima of a radial mean over its trend that are four of its standard errors high: radii, and
/// their standard deviations [pixels].
std::vector<Vec2> maxima(const RadialProfile& profile);

}  // namespace pendel::ring_start

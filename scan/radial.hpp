// A pattern around its beam: mean and variance over angles, and the pattern in polar coordinates,
// after its ellipse is made round. Radii and angles are those of Calibration::vector().
#pragma once
#include <cstdint>
#include <vector>

#include "scan/calibration.hpp"

namespace pendel {

/// Bins of equal width: the i-th reaches from from + i step to from + (i + 1) step.
struct Bins {
  double from = 0, step = 1;
  std::size_t count = 0;
  double centre(std::size_t i) const { return from + (double(i) + 0.5) * step; }
};

/// From 0 as far as the pattern is seen all around, one bin for each pixel (of the geometric mean).
Bins whole_rings(const Calibration& calibration, std::size_t q_rows, std::size_t q_columns);

struct RadialProfile {
  Bins bins;
  std::vector<double> mean, variance;  ///< of the pixels' values, NaN where no pixel is
  std::vector<double> pixels;          ///< how many there are, in parts of them
};

/// Which parts of the pixels lie in which ring. Every pixel is shared among rings by its area, with
/// their edges straight across a pixel: within 1/(24 radius in pixels) of the exact shares.
class RadialMap {
 public:
  /// mask, (q_rows, q_columns), 0: not counted; empty: all are.
  RadialMap(const Calibration& calibration, std::size_t position, const Bins& bins,
            std::size_t q_rows, std::size_t q_columns, const std::vector<float>& mask = {});

  /// pattern, (q_rows, q_columns); values that are NaN are not counted.
  template <class Real>
  RadialProfile profile(const Real* pattern) const;

 private:
  struct Share {
    std::uint32_t pixel, bin;
    float part;
  };
  Bins bins_;
  std::vector<Share> shares_;
};

/// The pattern at the bins' centres, (angles, radii), interpolated linearly between the four
/// nearest pixels; NaN where one of them is not there or masked. Angles [degrees] from x to y.
template <class Real>
std::vector<double> polar_pattern(const Real* pattern, std::size_t q_rows, std::size_t q_columns,
                                  const Calibration& calibration, std::size_t position,
                                  const Bins& radii, const Bins& angles_deg,
                                  const std::vector<float>& mask = {});

}  // namespace pendel

// Weak arcs on a ring of a pattern: which way the layers or chains of a soft material lie at a
// position of the scan, and how strongly. Angles [degrees] are those of Calibration::vector, from
// the scan's columns (x) towards its rows (y), modulo 180: a pattern and its inverse (Friedel) are
// one.
#pragma once
#include <vector>

#include "scan/bragg_peaks.hpp"

namespace pendel {

/// The same orientation in [0, 180), and as a difference in [−90, 90].
double orientation_of(double angle_deg);
double orientation_difference(double angle_deg);

struct Arc {
  double angle_deg = 0, angle_error_deg = 0;
  double width_deg = 0;  ///< standard deviation; NaN of a Bragg peak
  double strength = 0;   ///< intensity above the background
  double strength_error = 0;
};

/// (rows, columns) lists, the strongest first.
struct ArcMap {
  std::size_t rows = 0, columns = 0;
  std::vector<std::vector<Arc>> at;
  std::vector<bool> recorded;  ///< empty: all were
  std::size_t positions() const { return rows * columns; }
};

struct ArcOptions {
  double from = 0, to = 0;      ///< |q|, in the units of Calibration::vector
  double step_deg = 3;          ///< of the azimuth's bins
  double width_deg = 8;         ///< about, of an arc: what is looked for
  double min_significance = 4;  ///< height over its error, of an arc of that width
  std::size_t most = 3;         ///< arcs at a position
};

/// The ring of one pattern of counts: pixels whose centre lies in it, the mean at their radius
/// taken off, as a function of the azimuth; Gaussians (periodic) are fitted to its maxima. Errors
/// are those of counting, or of the scatter about the fit if that is larger.
class ArcFinder {
 public:
  /// mask, (q_rows, q_columns), 0: not counted; empty: all are. Error (study) if the ring has too
  /// few pixels to tell angles apart.
  ArcFinder(const Calibration& calibration, std::size_t position, std::size_t q_rows,
            std::size_t q_columns, const ArcOptions& options, const std::vector<float>& mask = {});

  /// Empty if nothing is significant. Pixels that are NaN are not counted.
  std::vector<Arc> find(const float* pattern) const;

 private:
  struct Pixel {
    std::size_t index, bin, ring;
    double angle_deg;
  };
  ArcOptions options_;
  std::size_t bins_ = 0, rings_ = 0;
  std::vector<Pixel> pixels_;
};

/// Every Bragg peak of some intensity between two |q| is an arc: its own error along the ring, and
/// no width. Error (study) if the calibration has no origin.
ArcMap arcs_of_peaks(const BraggPeaks& peaks, double from, double to);

}  // namespace pendel

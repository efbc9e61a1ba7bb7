// All Bragg peaks of a scan in one picture: the Bragg-vector map, the histogram of their lengths,
// and the maxima of both. Units: those of Calibration::vector (1/Å, or pixels).
#pragma once
#include <vector>

#include "scan/bragg_peaks.hpp"

namespace pendel {

/// Intensity by diffraction vector (x, y) in the scan's frame, every peak shared among the four
/// nearest elements: (row, column) is the vector ((column − half) step, (row − half) step).
struct BraggVectorMap {
  double step = 0;
  long half = 0;
  std::vector<double> values;  ///< (2 half + 1, 2 half + 1)
  long edge() const { return 2 * half + 1; }
};
/// Of vectors to q_max. Error (study) if the peaks' calibration has no origin.
BraggVectorMap bragg_vector_map(const BraggPeaks& peaks, double q_max, double step);

struct MapMaximum {
  Vec2 q{0, 0};
  double height = 0;
};
struct MaximumOptions {
  double from = 0, to = 0;  ///< |q|
  double smoothing = 0;     ///< of the map: standard deviation of a Gaussian
  double spacing = 0;       ///< a maximum is the highest of all that are this near
  double least = 0;         ///< part of the highest
  std::size_t most = 0;     ///< the highest ones; 0: all
};
/// The highest first; their place by a parabola along each axis.
std::vector<MapMaximum> map_maxima(const BraggVectorMap& map, const MaximumOptions& options);

/// Sum of intensities by |q|: element i from i step to (i + 1) step. Error as above.
std::vector<double> radial_histogram(const BraggPeaks& peaks, double q_max, double step);
/// Centres of the elements between two |q| that exceed the one before and are not below the one
/// after: the `most` highest of them, by increasing |q|.
std::vector<double> radial_maxima(const std::vector<double>& histogram, double step, double from,
                                  double to, std::size_t most);

}  // namespace pendel

// The Bragg disks of every pattern of a scan: where they lie and how strong they are.
#pragma once
#include <limits>
#include <vector>

#include "scan/calibration.hpp"

namespace pendel {

struct BraggPeak {
  Vec2 position;         ///< (column, row) [pixels]
  double intensity = 0;  ///< [counts] of the disk
  /// Standard deviations along columns and rows [pixels]; NaN: not known.
  Vec2 error{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
};

struct BraggPeaks {
  std::size_t rows = 0, columns = 0;      ///< of the scan
  std::size_t q_rows = 0, q_columns = 0;  ///< of the patterns
  /// Position row * columns + column; empty where none was found.
  std::vector<std::vector<BraggPeak>> at;
  /// Whether the position was recorded at all; empty: all were.
  std::vector<bool> recorded;
  Calibration calibration;  ///< with an empty origin: none is known

  std::size_t positions() const { return rows * columns; }
};

}  // namespace pendel

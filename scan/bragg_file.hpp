// Bragg peaks and calibrations in files: written as py4DSTEM's BraggVectors and Calibration in EMD
// 1.0, which it opens; read from these and from its older files.
#pragma once
#include <optional>

#include "scan/bragg_peaks.hpp"

namespace pendel {

class EmdWriter;

/// Adds the peaks as "braggvectors", their errors beside them, and the calibration. Positions that
/// were not recorded are kept apart from empty ones.
void write_bragg_peaks(EmdWriter& file, const BraggPeaks& peaks);
/// Adds the calibration alone. `rows`, `columns`: of the scan.
void write_calibration(EmdWriter& file, const Calibration& calibration, std::size_t rows,
                       std::size_t columns);

/// Error (input) if the file holds none. Vectors that a program has calibrated before (in files
/// before EMD 1.0) have a calibration that leaves them as they are.
BraggPeaks read_bragg_peaks(const std::string& path);
/// Error (input) if the file holds none. A recording (EMD 1.0) may have one, too.
Calibration read_calibration(const std::string& path);

}  // namespace pendel

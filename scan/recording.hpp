// A 4D-STEM recording: a scan of diffraction patterns (row, column, q_row, q_column) with what its
// file says of them. Nothing is read but headers until frames are asked for.
#pragma once
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scan/frames.hpp"

namespace pendel {

constexpr double not_recorded = std::numeric_limits<double>::quiet_NaN();

/// What a file says about its axes; NaN: nothing.
struct RecordedScale {
  std::array<double, 2> q_pixel{not_recorded, not_recorded};      ///< q_row, q_column
  std::string q_units;                                            ///< "1/Å" or "mrad"
  std::array<double, 2> scan_step_A{not_recorded, not_recorded};  ///< row, column
};

struct Recording {
  std::string path, format;
  std::string dataset;                ///< of files with several
  std::size_t rows = 0, columns = 0;  ///< of the scan
  /// Pattern of position row * columns + column. Fewer than positions: the last were not recorded.
  std::shared_ptr<const Frames> frames;
  RecordedScale scale;
  double energy_keV = not_recorded;
  std::vector<std::pair<std::string, std::string>> properties;  ///< other words of the file
  std::vector<std::string> notes;                               ///< what was assumed or is missing

  std::size_t positions() const { return rows * columns; }
  /// Positions with a pattern.
  std::size_t recorded() const { return std::min(positions(), frames->count()); }
};

struct OpenOptions {
  std::optional<std::array<std::size_t, 2>> scan_shape;  ///< rows, columns
  std::string dataset;                                   ///< of HDF5; empty: the only one
};

/// Error (input) if the file is of no known format, damaged, or does not fit the options.
Recording open_recording(const std::string& path, const OpenOptions& options = {});

/// "EMD 1.0 (.h5, .emd), Merlin (.mib), ...": what can be read.
std::string readable_formats();

}  // namespace pendel

// The group of keys of measured Bragg peaks: their file, what of it is used, and what it may not
// say of its detector.
#pragma once
#include "core/options_reader.hpp"
#include "scan/bragg_peaks.hpp"
#include "studies/run_context.hpp"

namespace pendel {

struct MeasuredPeaksOptions {
  File file;
  std::optional<std::array<int, 2>> rows, columns;
  std::optional<Vec2> origin_px;
  std::optional<double> pixel_invA, rotation_deg;
  std::optional<bool> flip;

  template <class Visitor>
  void describe(Visitor& v) {
    v("file", file,
      help("Bragg peaks: a result of study `disks`, or a file of py4DSTEM's").required());
    v("rows", rows, help("first and last row of the scan that is used, from 0").at_least(0));
    v("columns", columns, help("likewise").at_least(0));
    v("origin_px", origin_px, help("column, row of the undiffracted beam, for what the file says"));
    v("pixel_invA", pixel_invA, help("of the patterns, for what the file says").above(0));
    v("rotation_deg", rotation_deg,
      help("of the detector's columns against the scan's, for what the file says")
          .range(-360, 360));
    v("flip", flip,
      help("the detector is a mirror image: its rows are reversed before; for what the file says"));
  }
};

/// The part of the scan that is used, its calibration with an origin and, if `scaled`, a pixel in
/// 1/Å; added to the provenance. Error (input) if the file has no peaks or not that part of them;
/// (study) if the origin or the pixel is not known.
BraggPeaks open_peaks(const MeasuredPeaksOptions& options, RunContext& context, bool scaled = true);
/// "peaks: 121390 at 80 x 58 positions, 1 to 70 each".
std::string peaks_summary(const BraggPeaks& peaks);

}  // namespace pendel

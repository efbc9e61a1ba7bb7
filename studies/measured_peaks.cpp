#include "studies/measured_peaks.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "scan/bragg_file.hpp"

namespace pendel {

namespace {

struct Part {
  std::size_t first, count;
};

Part part_of(const std::optional<std::array<int, 2>>& ends, std::size_t count, const char* name,
             const std::string& path) {
  if (!ends) return {0, count};
  const std::string given =
      "[" + std::to_string((*ends)[0]) + ", " + std::to_string((*ends)[1]) + "]";
  if ((*ends)[1] < (*ends)[0])
    throw Error(ErrorKind::study,
                std::string("peaks.") + name + ": " + given + " is no first and last element");
  if (std::size_t((*ends)[1]) >= count)
    throw Error(ErrorKind::input, path + ": peaks." + name + " " + given +
                                      " is not in the scan, which has " + std::to_string(count));
  return {std::size_t((*ends)[0]), std::size_t((*ends)[1] - (*ends)[0] + 1)};
}

}  // namespace

BraggPeaks open_peaks(const MeasuredPeaksOptions& options, RunContext& context, bool scaled) {
  const BraggPeaks all = read_bragg_peaks(options.file.path);
  context.provenance.add_input(options.file.path);
  if (all.positions() == 0)
    throw Error(ErrorKind::input, options.file.path + ": its scan of Bragg peaks has no position");
  const Part rows = part_of(options.rows, all.rows, "rows", options.file.path),
             columns = part_of(options.columns, all.columns, "columns", options.file.path);
  BraggPeaks used;
  used.rows = rows.count;
  used.columns = columns.count;
  used.q_rows = all.q_rows;
  used.q_columns = all.q_columns;
  used.calibration = all.calibration;
  const bool origins = all.calibration.origin.size() > 1;
  if (origins) used.calibration.origin.clear();
  std::size_t left_out = 0;
  for (std::size_t r = rows.first; r < rows.first + rows.count; ++r)
    for (std::size_t c = columns.first; c < columns.first + columns.count; ++c) {
      const std::size_t i = r * all.columns + c;
      used.at.emplace_back();
      for (const BraggPeak& peak : all.at[i])
        if (peak.position.allFinite() && std::isfinite(peak.intensity))
          used.at.back().push_back(peak);
      left_out += all.at[i].size() - used.at.back().size();
      if (!all.recorded.empty()) used.recorded.push_back(all.recorded[i]);
      if (origins) used.calibration.origin.push_back(all.calibration.origin[i]);
    }
  if (left_out > 0)
    context.say("note: " + std::to_string(left_out) +
                " peaks whose place or intensity is not a finite number are left out");
  if (options.origin_px) used.calibration.origin = {*options.origin_px};
  if (options.pixel_invA) used.calibration.pixel_invA = *options.pixel_invA;
  if (options.rotation_deg) used.calibration.rotation_deg = *options.rotation_deg;
  if (options.flip) used.calibration.flip = *options.flip;
  if (used.calibration.origin.empty())
    throw Error(ErrorKind::study, options.file.path +
                                      ": does not say where the undiffracted beam is; the study "
                                      "`calibrate` finds it, or give peaks.origin_px");
  if (scaled && !std::isfinite(used.calibration.pixel_invA))
    throw Error(ErrorKind::study, options.file.path +
                                      ": does not say how large a pixel is; the study `calibrate` "
                                      "finds it, or give peaks.pixel_invA");
  return used;
}

std::string peaks_summary(const BraggPeaks& peaks) {
  std::size_t sum = 0, least = peaks.at.front().size(), most = 0;
  for (const auto& list : peaks.at) {
    sum += list.size();
    least = std::min(least, list.size());
    most = std::max(most, list.size());
  }
  return "peaks: " + std::to_string(sum) + " at " + std::to_string(peaks.rows) + " x " +
         std::to_string(peaks.columns) + " positions, " + std::to_string(least) + " to " +
         std::to_string(most) + " each";
}

}  // namespace pendel

#include "studies/flow.hpp"

#include <algorithm>
#include <cmath>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/median.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/text.hpp"
#include "scan/bragg_file.hpp"

namespace pendel {

namespace {

/// The pixel as the file says it, in 1/Å.
double pixel_of(const DataCube& cube) {
  const RecordedScale scale = cube.scale();
  const double pixel = std::sqrt(scale.q_pixel[0] * scale.q_pixel[1]);
  if (scale.q_units == "mrad")
    return pixel * 1e-3 / electron::wavelength(cube.recording().energy_keV);  // NaN: not known
  return scale.q_units == "1/Å" ? pixel : Calibration::not_known;
}

Calibration calibration_of(const FlowCalibrationOptions& options, const DataCube& cube,
                           bool pixel_given, RunContext& context) {
  Calibration result;
  if (options.file) {
    result = read_calibration(options.file->path);
    context.provenance.add_input(options.file->path);
    if (result.origin.size() > 1 && result.origin.size() != cube.positions())
      throw Error(ErrorKind::input,
                  options.file->path + ": has " + std::to_string(result.origin.size()) +
                      " origins, the scan " + std::to_string(cube.positions()) + " positions");
  }
  if (pixel_given || !std::isfinite(result.pixel_invA)) result.pixel_invA = pixel_of(cube);
  if (options.origin_px) result.origin = {*options.origin_px};
  if (options.rotation_deg) result.rotation_deg = *options.rotation_deg;
  if (options.flip) result.flip = *options.flip;
  if (result.origin.empty())
    throw Error(ErrorKind::study,
                "where the undiffracted beam is must be known: calibration.file (the study "
                "`calibrate` makes it) or calibration.origin_px says so");
  if (!std::isfinite(result.pixel_invA))
    throw Error(
        ErrorKind::study,
        "the file does not say how large a pixel is; give scan.pixel_invA, or scan.pixel_mrad "
        "and scan.energy_keV");
  return result;
}

std::vector<float> mask_of(const FlowCalibrationOptions& options, const DataCube& cube,
                           RunContext& context) {
  if (!options.mask) return {};
  const Recording mask = open_reference(*options.mask, context);
  if (mask.frames->count() != 1 || mask.frames->q_rows() != cube.q_rows() ||
      mask.frames->q_columns() != cube.q_columns())
    throw Error(ErrorKind::input, options.mask->file.path + ": is not one image of " +
                                      std::to_string(cube.q_rows()) + " x " +
                                      std::to_string(cube.q_columns()) +
                                      " pixels, as the patterns that are used");
  std::vector<float> values(cube.pixels());
  mask.frames->read(0, 1, values.data());
  return values;
}

/// One pass over the patterns; a map for each ring.
std::vector<ArcMap> arcs_of_patterns(const DataCube& cube, const Calibration& calibration,
                                     const std::vector<ArcOptions>& rings,
                                     const std::vector<float>& mask, bool quiet) {
  std::vector<ArcMap> maps(rings.size());
  for (ArcMap& map : maps) {
    map.rows = cube.rows();
    map.columns = cube.columns();
    map.at.resize(cube.positions());
  }
  std::vector<char> recorded(cube.positions(), 1);
  const bool one_origin = calibration.origin.size() == 1;
  std::vector<ArcFinder> common;
  for (const ArcOptions& ring : rings)
    if (one_origin)
      common.emplace_back(calibration, 0, cube.q_rows(), cube.q_columns(), ring, mask);
  Progress progress("arcs", long(cube.positions()), quiet);
  parallel_for(long(cube.positions()), [&](long position, int) {
    const auto i = std::size_t(position);
    std::vector<float> pattern(cube.pixels());
    cube.read(i, 1, pattern.data());
    recorded[i] = !std::isnan(pattern[0]);
    for (std::size_t r = 0; recorded[i] && r < rings.size(); ++r)
      maps[r].at[i] =
          one_origin ? common[r].find(pattern.data())
                     : ArcFinder(calibration, i, cube.q_rows(), cube.q_columns(), rings[r], mask)
                           .find(pattern.data());
    progress.advance();
  });
  if (std::count(recorded.begin(), recorded.end(), 0) > 0)
    for (ArcMap& map : maps) map.recorded.assign(recorded.begin(), recorded.end());
  return maps;
}

}  // namespace

FlowStudy FlowStudy::example(const std::string& data) {
  FlowStudy study;
  study.peaks.emplace();
  study.peaks->file = {data + "/scans/cathode_peaks.h5", data + "/scans/cathode_peaks.h5"};
  study.flow.rings_invA = {{0.36, 0.44}};
  return study;
}

void FlowStudy::check(Problems& problems) const {
  if (scan && scan->pixel_mrad && scan->pixel_invA)
    problems.add("scan.pixel_invA", "is given twice: as pixel_mrad, too");
  if (calibration.file && scan &&
      (scan->rows || scan->columns || scan->q_rows || scan->q_columns || scan->bin_scan > 1 ||
       scan->bin_pattern > 1))
    problems.add("calibration.file",
                 "is of the whole scan and whole patterns; scan.rows, columns, q_rows, q_columns, "
                 "bin_scan and bin_pattern do not go with it");
}

void FlowStudy::run(RunContext& context) const {
  std::vector<ArcOptions> rings;
  for (const auto& [from, to] : flow.rings_invA) {
    rings.push_back(flow.arcs);
    rings.back().from = from;
    rings.back().to = to;
    rings.back().most = std::size_t(flow.most);
  }
  std::vector<ArcMap> maps;
  EmdAxis row, column;
  if (peaks) {
    const BraggPeaks measured = open_peaks(*peaks, context);
    context.say(peaks_summary(measured));
    if (!context.begin()) return;
    for (const ArcOptions& ring : rings) {
      maps.push_back(arcs_of_peaks(measured, ring.from, ring.to));
      for (auto& arcs : maps.back().at) arcs.resize(std::min(arcs.size(), ring.most));
    }
    row = index_axis("row", measured.rows);
    column = index_axis("column", measured.columns);
  } else {
    const DataCube cube = open_scan(*scan, context);
    for (const std::string& line : scan_summary(cube)) context.say(line);
    const Calibration detector =
        calibration_of(calibration, cube, scan->pixel_invA || scan->pixel_mrad, context);
    const std::vector<float> mask = mask_of(calibration, cube, context);
    if (!context.begin()) return;
    maps = arcs_of_patterns(cube, detector, rings, mask, context.quiet);
    const auto axes = scan_axes(cube, detector.origin[0]);
    row = axes[0];
    column = axes[1];
  }

  HistogramOptions histogram = flow.histogram;
  histogram.angles = std::size_t(flow.angles);
  histogram.offset_deg = flow.direction == LineDirection::along_planes ? 90 : 0;
  FlowLineOptions options = flow.lines;
  options.seed = std::uint64_t(flow.seed);
  EmdWriter result("pendel");
  for (std::size_t r = 0; r < maps.size(); ++r) {
    const ArcMap& map = maps[r];
    const std::string ring = "ring" + std::to_string(r + 1) + "/";
    const EmdAxis arc = index_axis("arc", std::size_t(flow.most));
    const auto save = [&](const char* name, const char* units, const char* note,
                          const auto& value) {
      Array array({map.rows, map.columns, std::size_t(flow.most)}, Calibration::not_known);
      for (std::size_t i = 0; i < map.at.size(); ++i)
        for (std::size_t k = 0; k < map.at[i].size(); ++k) array(i, k) = value(map.at[i][k]);
      result.array(ring + name, array, units, {row, column, arc}, note);
    };
    save("angle", "deg", "of the vector, from the scan's columns towards its rows, 0 to 180",
         [](const Arc& a) { return a.angle_deg; });
    save("angle_error", "deg", "standard error", [](const Arc& a) { return a.angle_error_deg; });
    save("width", "deg", "standard deviation of the arc", [](const Arc& a) { return a.width_deg; });
    save("strength", "", "intensity above the background", [](const Arc& a) { return a.strength; });
    save("strength_error", "", "standard error", [](const Arc& a) { return a.strength_error; });

    const OrientationHistogram found = orientation_histogram(map, histogram);
    Array values({found.rows, found.columns, found.angles});
    values.values = found.values;
    EmdAxis angle = index_axis("angle", found.angles);
    angle.units = "deg";
    for (double& value : angle.values) value *= found.step_deg();
    result.array(ring + "orientation_histogram", values, "", {row, column, angle},
                 "strength by position and direction of the lines, smoothed");
    const auto lines = flow_lines(found, options);
    std::size_t points = 0;
    for (const auto& line : lines) points += line.size();
    if (points > 0) {
      Array array({points, 5});
      std::size_t p = 0;
      for (std::size_t l = 0; l < lines.size(); ++l)
        for (const LinePoint& point : lines[l]) {
          const double numbers[] = {double(l), point.column, point.row, point.angle_deg,
                                    point.strength};
          for (std::size_t k = 0; k < 5; ++k) array(p, k) = numbers[k];
          ++p;
        }
      result.array(ring + "lines", array, "", {index_axis("point", points), index_axis("value", 5)},
                   "number of the line, column, row [positions], angle [deg], strength");
    }
    std::size_t with = 0, several = 0, recorded = 0;
    std::vector<double> errors;
    for (std::size_t i = 0; i < map.at.size(); ++i) {
      recorded += map.recorded.empty() || map.recorded[i];
      with += !map.at[i].empty();
      several += map.at[i].size() > 1;
      if (!map.at[i].empty() && std::isfinite(map.at[i][0].angle_error_deg))
        errors.push_back(map.at[i][0].angle_error_deg);
    }
    std::string error;
    if (!errors.empty()) error = formatted(", median error of the angle %.2g deg", median(errors));
    context.say(formatted("%g to %g 1/Å: arcs at %zu of %zu positions, several at %zu%s; %zu lines",
                          rings[r].from, rings[r].to, with, recorded, several, error.c_str(),
                          lines.size()));
  }
  result.metadata("rings", [&] {
    EmdDictionary edges;
    for (std::size_t r = 0; r < rings.size(); ++r)
      edges.push_back(
          {"ring" + std::to_string(r + 1), formatted("%g to %g 1/Å", rings[r].from, rings[r].to)});
    return edges;
  }());
  context.save(result);
  context.say(formatted("%.2f s CPU", context.provenance.cpu_seconds()));
}

}  // namespace pendel

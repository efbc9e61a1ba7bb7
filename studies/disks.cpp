#include "studies/disks.hpp"

#include <algorithm>
#include <cmath>

#include "core/median.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/text.hpp"
#include "scan/bragg_file.hpp"
#include "scan/template_from_scan.hpp"

namespace pendel {

namespace {

constexpr std::size_t block = 8, blocks_at_once = 32;  // positions

/// The only image of a file, of the size of the patterns that are used; of several the sum.
std::vector<float> image_of(const ReferenceOptions& options, const DataCube& cube, bool several,
                            RunContext& context) {
  const Recording recording = open_reference(options, context);
  if (recording.frames->q_rows() != cube.q_rows() ||
      recording.frames->q_columns() != cube.q_columns() ||
      (!several && recording.frames->count() != 1))
    throw Error(ErrorKind::input,
                options.file.path + ": is not " + (several ? "of patterns" : "one image") + " of " +
                    std::to_string(cube.q_rows()) + " x " + std::to_string(cube.q_columns()) +
                    " pixels, as the patterns that are used");
  std::vector<float> sum(cube.pixels()), one(cube.pixels());
  for (std::size_t i = 0; i < recording.frames->count(); ++i) {
    recording.frames->read(i, 1, one.data());
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += one[k];
  }
  return sum;
}

DiskTemplate template_of(const DiskTemplateOptions& options, const DataCube& cube,
                         const std::vector<std::uint8_t>& valid, RunContext& context) {
  if (options.vacuum)
    return measured_template(image_of(*options.vacuum, cube, true, context), cube.q_rows(),
                             cube.q_columns());
  if (!options.radius_px) return template_from_scan(cube, 64, valid);
  Bullseye bullseye{*options.radius_px, options.edge_px, {}, options.bars, options.bar_width_px};
  for (const DarkRingOptions& ring : options.dark_rings)
    bullseye.dark_rings.push_back(ring.radii_px);
  return bullseye_template(bullseye);
}

double counts_of(const float* pattern, std::size_t pixels, const std::vector<std::uint8_t>& valid) {
  double sum = 0;
  for (std::size_t i = 0; i < pixels; ++i)
    if (valid.empty() || valid[i]) sum += double(pattern[i]);
  return sum;
}

/// Counts of the diffracted disks over all counts outside the undiffracted one, per position: 0 of
/// amorphous matter. That disk is where the strongest one mostly is, within `radius`.
Array crystallinity(const BraggPeaks& peaks, const std::vector<double>& counted, double radius) {
  Array result({peaks.rows, peaks.columns});
  std::vector<double> x, y;
  for (const auto& at : peaks.at) {
    if (at.empty()) continue;
    const auto strongest = std::max_element(
        at.begin(), at.end(),
        [](const BraggPeak& a, const BraggPeak& b) { return a.intensity < b.intensity; });
    x.push_back(strongest->position.x());
    y.push_back(strongest->position.y());
  }
  std::fill(result.values.begin(), result.values.end(), not_recorded);
  if (x.empty()) return result;
  const Vec2 centre(median(x), median(y));
  for (std::size_t i = 0; i < peaks.positions(); ++i) {
    double direct = 0, diffracted = 0;
    for (const BraggPeak& peak : peaks.at[i])
      ((peak.position - centre).norm() < radius ? direct : diffracted) += peak.intensity;
    // NaN: no pattern, or no direct beam by which to know the rest
    if (direct > 0) result.values[i] = diffracted / (counted[i] - direct);
  }
  return result;
}

/// Counts at the places of all peaks, each shared among the four pixels around it.
Array peak_map(const BraggPeaks& peaks) {
  Array map({peaks.q_rows, peaks.q_columns});
  for (const auto& at : peaks.at)
    for (const BraggPeak& peak : at) {
      const double X = std::floor(peak.position.x()), Y = std::floor(peak.position.y());
      const double u = peak.position.x() - X, v = peak.position.y() - Y;
      for (int j = 0; j < 2; ++j)
        for (int i = 0; i < 2; ++i) {
          const double x = X + i, y = Y + j;
          if (x < 0 || y < 0 || x >= double(peaks.q_columns) || y >= double(peaks.q_rows)) continue;
          map(std::size_t(y), std::size_t(x)) += peak.intensity * (i ? u : 1 - u) * (j ? v : 1 - v);
        }
    }
  return map;
}

/// refined: places are refined afterwards.
DetectionOptions detection_of(const DiskDetectionOptions& o, bool refined) {
  DetectionOptions result;
  result.power = o.power;
  result.trench = o.trench;
  result.trench_width = o.trench_width_px.value_or(0);
  result.smoothing = o.smoothing_px;
  result.min_spacing = o.min_spacing_px.value_or(0);
  // the likelihood decides in the end, so that nothing is to be lost before
  result.min_significance = refined ? std::max(1.0, o.min_significance - 1) : o.min_significance;
  result.min_counts = o.min_counts;
  result.min_relative = o.min_relative;
  result.border = o.border_px;
  result.max_number = std::size_t(o.max_number.value_or(0));
  return result;
}

RefinementOptions refinement_of(const DiskDetectionOptions& detection,
                                const std::optional<DiskRefinementOptions>& options) {
  RefinementOptions result;
  result.min_significance = detection.min_significance;
  result.min_spacing = detection.min_spacing_px.value_or(0);
  result.border = detection.border_px;
  if (options) result.max_order = options->max_order;
  return result;
}

}  // namespace

DiskSearch::DiskSearch(const DiskTemplate& shape, std::size_t q_rows, std::size_t q_columns,
                       const DiskDetectionOptions& detection,
                       const std::optional<DiskRefinementOptions>& refinement,
                       const std::vector<std::uint8_t>& valid)
    : finder_(shape, q_rows, q_columns, detection_of(detection, refinement.has_value()), valid),
      refiner_(shape, q_rows, q_columns, refinement_of(detection, refinement), valid),
      refinement_(refinement),
      rooms_(std::size_t(threads())) {}

std::optional<LatticePrior> DiskSearch::find(const float* pattern, int thread,
                                             std::vector<BraggPeak>& peaks) {
  auto& room = rooms_[std::size_t(thread)];
  if (!room) room.reset(new Room{finder_.workspace(), refiner_.workspace()});
  finder_.find(pattern, room->finding, peaks);
  if (!refinement_) return std::nullopt;
  refiner_.refine(pattern, room->finding.background, room->refining, peaks);
  return refinement_->lattice ? join_lattice(peaks) : std::nullopt;
}

DisksStudy DisksStudy::example(const std::string& data) {
  DisksStudy study;
  study.scan.file = {data + "/scans/ped_3x2.blo", data + "/scans/ped_3x2.blo"};
  study.disks.shape.radius_px = 2;
  return study;
}

void DisksStudy::check(Problems& problems) const {
  if (disks.shape.vacuum && disks.shape.radius_px)
    problems.add("disks.template.radius_px",
                 "is given beside vacuum: a template is one or the other");
  if (!disks.shape.radius_px && (disks.shape.bars > 0 || !disks.shape.dark_rings.empty()))
    problems.add("disks.template", "bars and dark_rings are those of a disk of radius_px");
  if (scan.pixel_mrad && scan.pixel_invA)
    problems.add("scan.pixel_invA", "is given twice: as pixel_mrad, too");
}

void DisksStudy::run(RunContext& context) const {
  const DataCube cube = open_scan(scan, context);
  for (const std::string& line : scan_summary(cube)) context.say(line);
  std::vector<std::uint8_t> valid;
  if (disks.mask)
    for (const float value : image_of(*disks.mask, cube, false, context))
      valid.push_back(value != 0);
  const DiskTemplate shape = template_of(disks.shape, cube, valid, context);
  context.say(formatted("template: radius %.2f pixels, edge %.2f pixels%s", shape.radius,
                        shape.edge_width,
                        disks.shape.vacuum      ? " (measured in a vacuum)"
                        : disks.shape.radius_px ? ""
                                                : " (from disks of the scan)"));
  DiskSearch search(shape, cube.q_rows(), cube.q_columns(), disks.detection, disks.refinement,
                    valid);
  if (!context.begin()) return;

  BraggPeaks peaks;
  peaks.rows = cube.rows();
  peaks.columns = cube.columns();
  peaks.q_rows = cube.q_rows();
  peaks.q_columns = cube.q_columns();
  peaks.at.resize(cube.positions());
  std::vector<std::uint8_t> recorded(cube.positions(), 1);
  std::vector<double> counted(cube.positions(), not_recorded);  // of the whole pattern
  Array scatter({cube.rows(), cube.columns()});
  std::fill(scatter.values.begin(), scatter.values.end(), not_recorded);
  std::vector<std::vector<float>> rooms;  // per thread
  rooms.resize(std::size_t(threads()));
  const std::size_t blocks = (cube.positions() + block - 1) / block;
  {
    Progress progress("disks", long(cube.positions()), context.quiet);
    for (std::size_t first = 0; first < blocks; first += blocks_at_once) {
      parallel_for(long(std::min(blocks_at_once, blocks - first)), [&](long index, int thread) {
        std::vector<float>& patterns = rooms[std::size_t(thread)];
        patterns.resize(block * cube.pixels());
        const std::size_t begin = (first + std::size_t(index)) * block;
        const std::size_t count = std::min(block, cube.positions() - begin);
        cube.read(begin, count, patterns.data());
        if (disks.counts_per_electron != 1)
          for (float& value : patterns) value /= float(disks.counts_per_electron);
        for (std::size_t k = 0; k < count; ++k) {
          const float* pattern = &patterns[k * cube.pixels()];
          if (std::isnan(pattern[0])) {
            recorded[begin + k] = 0;
            continue;
          }
          if (const auto joined = search.find(pattern, thread, peaks.at[begin + k]))
            scatter.values[begin + k] = joined->scatter;
          counted[begin + k] = counts_of(pattern, cube.pixels(), valid);
        }
        progress.advance(long(count));
      });
    }
  }
  if (std::find(recorded.begin(), recorded.end(), 0) != recorded.end())
    peaks.recorded.assign(recorded.begin(), recorded.end());

  const RecordedScale scale = cube.scale();
  if (scale.q_units == "1/Å" && std::isfinite(scale.q_pixel[0])) {
    peaks.calibration.pixel_invA = std::sqrt(scale.q_pixel[0] * scale.q_pixel[1]);
    peaks.calibration.sources.push_back({"pixel_invA", "the scan's file or the study"});
  }
  const auto axes = scan_axes(cube, Vec2(0, 0));
  EmdWriter result("pendel");
  write_bragg_peaks(result, peaks);
  Array number({cube.rows(), cube.columns()}), counts({cube.rows(), cube.columns()});
  std::size_t all = 0;
  std::vector<double> errors;
  for (std::size_t i = 0; i < cube.positions(); ++i) {
    number.values[i] = recorded[i] ? double(peaks.at[i].size()) : not_recorded;
    counts.values[i] = recorded[i] ? 0 : not_recorded;
    all += peaks.at[i].size();
    for (const BraggPeak& peak : peaks.at[i]) {
      counts.values[i] += peak.intensity;
      if (disks.refinement) errors.push_back(peak.error.norm());
    }
  }
  result.array("number_of_disks", number, "", {axes[0], axes[1]}, "NaN: no pattern");
  result.array("disk_counts", counts, "", {axes[0], axes[1]}, "sum over the disks");
  result.array("crystallinity", crystallinity(peaks, counted, shape.radius), "", {axes[0], axes[1]},
               "counts of the diffracted disks over all counts outside the undiffracted disk");
  if (disks.refinement && disks.refinement->lattice)
    result.array("lattice_scatter", scatter, "pixels", {axes[0], axes[1]},
                 "of true places about the lattice of their pattern; NaN: disks form none");
  const EmdAxis q_row = index_axis("q_row", cube.q_rows()),
                q_column = index_axis("q_column", cube.q_columns());
  result.array("disk_map", peak_map(peaks), "", {q_row, q_column},
               "counts of the disks of all positions, each at its place between pixels");
  const auto side = std::size_t(shape.side());
  Array image({side, side});
  image.values.assign(shape.samples.begin(), shape.samples.end());
  std::vector<EmdAxis> template_axes{index_axis("row", side), index_axis("column", side)};
  for (EmdAxis& axis : template_axes) {
    axis.units = "pixels";
    for (double& value : axis.values) value = value / DiskTemplate::per_pixel - shape.half;
  }
  result.array("template", image, "", template_axes, "of one count, from its centre");
  result.metadata("template", {{"radius_px", shape.radius}, {"edge_px", shape.edge_width}});
  context.save(result);

  context.say(formatted("%zu disks in %zu patterns", all,
                        std::size_t(std::count(recorded.begin(), recorded.end(), 1))));
  if (!errors.empty())
    context.say(formatted("median error of a place: %.3f pixels", median(errors)));
  context.say(
      formatted("%zu positions; %.2f s CPU", cube.positions(), context.provenance.cpu_seconds()));
}

}  // namespace pendel

#include "studies/measured_scan.hpp"

#include <cmath>

#include "core/error.hpp"

namespace pendel {

namespace {

std::vector<float> reference(const ReferenceOptions& options, RunContext& context) {
  const Recording recording = open_reference(options, context);
  if (recording.frames->count() != 1)
    throw Error(ErrorKind::input, options.file.path + ": holds " +
                                      std::to_string(recording.frames->count()) +
                                      " patterns; a reference is one");
  std::vector<float> values(recording.frames->pixels());
  recording.frames->read(0, 1, values.data());
  return values;
}

Preparation::Range range(const std::optional<std::array<int, 2>>& ends, const char* key) {
  if (!ends) return {};
  if ((*ends)[1] < (*ends)[0])
    throw Error(ErrorKind::study, std::string("scan.") + key + ": [" + std::to_string((*ends)[0]) +
                                      ", " + std::to_string((*ends)[1]) +
                                      "] is no first and last element");
  return {std::size_t((*ends)[0]), std::size_t((*ends)[1] - (*ends)[0] + 1)};
}

EmdAxis axis(const std::string& name, std::size_t count, double step, double origin,
             const std::string& units) {
  EmdAxis result = index_axis(name, count);
  result.units = units;
  for (double& value : result.values) value = (value - origin) * step;
  return result;
}

}  // namespace

Recording open_reference(const ReferenceOptions& options, RunContext& context) {
  OpenOptions open;
  open.dataset = options.dataset;
  Recording recording = open_recording(options.file.path, open);
  context.provenance.add_input(options.file.path);
  return recording;
}

DataCube open_scan(const MeasuredScanOptions& options, RunContext& context) {
  OpenOptions open;
  open.dataset = options.dataset;
  if (options.scan_shape)
    open.scan_shape = {
        {std::size_t((*options.scan_shape)[0]), std::size_t((*options.scan_shape)[1])}};
  Recording recording = open_recording(options.file.path, open);
  context.provenance.add_input(recording.path);
  if (options.pixel_mrad || options.pixel_invA) {
    recording.scale.q_units = options.pixel_mrad ? "mrad" : "1/Å";
    recording.scale.q_pixel.fill(options.pixel_mrad ? *options.pixel_mrad : *options.pixel_invA);
  }
  if (options.step_A) recording.scale.scan_step_A.fill(*options.step_A);
  if (options.energy_keV) recording.energy_keV = *options.energy_keV;
  Preparation preparation;
  preparation.rows = range(options.rows, "rows");
  preparation.columns = range(options.columns, "columns");
  preparation.q_rows = range(options.q_rows, "q_rows");
  preparation.q_columns = range(options.q_columns, "q_columns");
  preparation.bin_scan = std::size_t(options.bin_scan);
  preparation.bin_q = std::size_t(options.bin_pattern);
  if (options.dark) preparation.dark = reference(*options.dark, context);
  if (options.gain) preparation.gain = reference(*options.gain, context);
  if (options.bad_pixels) {
    const std::vector<float> bad = reference(*options.bad_pixels, context);
    if (bad.size() != recording.frames->pixels())
      throw Error(ErrorKind::input, options.bad_pixels->file.path + ": has " +
                                        std::to_string(bad.size()) + " pixels, a pattern " +
                                        std::to_string(recording.frames->pixels()));
    for (std::size_t i = 0; i < bad.size(); ++i)
      if (bad[i] != 0) preparation.bad_pixels.push_back(i);
  }
  return DataCube(std::move(recording), std::move(preparation));
}

std::vector<std::string> scan_summary(const DataCube& cube) {
  const Recording& recording = cube.recording();
  std::vector<std::string> lines{
      "scan: " + std::to_string(cube.rows()) + " x " + std::to_string(cube.columns()) +
      " positions of " + std::to_string(cube.q_rows()) + " x " + std::to_string(cube.q_columns()) +
      " pixels (" + recording.format + ", " + name_of(recording.frames->number()) + ")"};
  for (const std::string& note : recording.notes) lines.push_back("note: " + note);
  return lines;
}

std::array<EmdAxis, 4> scan_axes(const DataCube& cube, const Vec2& centre_px) {
  const RecordedScale scale = cube.scale();
  const auto scanned = [&](const char* name, std::size_t count, double step) {
    return std::isfinite(step) ? axis(name, count, step, 0, "Å") : index_axis(name, count);
  };
  const auto detected = [&](const char* name, std::size_t count, double pixel, double centre) {
    return std::isfinite(pixel) ? axis(name, count, pixel, centre, scale.q_units)
                                : axis(name, count, 1, centre, "pixels");
  };
  return {scanned("row", cube.rows(), scale.scan_step_A[0]),
          scanned("column", cube.columns(), scale.scan_step_A[1]),
          detected("q_row", cube.q_rows(), scale.q_pixel[0], centre_px.y()),
          detected("q_column", cube.q_columns(), scale.q_pixel[1], centre_px.x())};
}

}  // namespace pendel

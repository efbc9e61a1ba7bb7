#include "scan/bragg_file.hpp"

#include <algorithm>
#include <cmath>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "io/emd.hpp"

namespace pendel {

namespace {

using hdf5::InputFile;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::input, path + ": " + what);
}

constexpr double degree = electron::pi / 180;

// py4DSTEM's x runs along rows, its y along columns. Its ellipse leaves the short axis b as it is
// and contracts the long one, a, which makes its pixel √(a/b) times ours; theta is the long axis'
// angle from its x. A flip exchanges its x and y before the rotation. [py4DSTEM: BraggVectors]
EmdDictionary peer_dictionary(const Calibration& calibration, std::size_t rows,
                              std::size_t columns) {
  EmdDictionary items;
  const double root = std::sqrt(calibration.ellipse_ratio);
  if (!calibration.origin.empty()) {
    Array row({rows, columns}), column({rows, columns});
    double mean_row = 0, mean_column = 0;
    for (std::size_t i = 0; i < rows * columns; ++i) {
      const Vec2& origin = calibration.origin[calibration.origin.size() > 1 ? i : 0];
      row.values[i] = origin.y();
      column.values[i] = origin.x();
      mean_row += origin.y() / double(rows * columns);
      mean_column += origin.x() / double(rows * columns);
    }
    items = {{"qx0", row}, {"qy0", column}, {"qx0_mean", mean_row}, {"qy0_mean", mean_column}};
  }
  items.push_back({"a", root});
  items.push_back({"b", 1 / root});
  items.push_back({"theta", (90 - calibration.ellipse_angle_deg) * degree});
  const bool scaled = std::isfinite(calibration.pixel_invA);
  items.push_back({"Q_pixel_size", scaled ? calibration.pixel_invA * root : 1.0});
  items.push_back({"Q_pixel_units", std::string(scaled ? "A^-1" : "pixels")});
  const double rotation = calibration.rotation_deg + (calibration.flip ? 90 : 0);
  items.push_back({"QR_rotation", rotation * degree});
  items.push_back({"QR_rotation_degrees", rotation});
  items.push_back({"QR_flip", calibration.flip});
  items.push_back({"_root_treepath", std::string()});
  return items;
}

/// What py4DSTEM has no place for.
EmdDictionary own_dictionary(const Calibration& calibration) {
  EmdDictionary items{{"origin_column_error", calibration.origin_error.x()},
                      {"origin_row_error", calibration.origin_error.y()},
                      {"ellipse_ratio_error", calibration.ellipse_ratio_error},
                      {"ellipse_angle_error_deg", calibration.ellipse_angle_error_deg},
                      {"pixel_error_invA", calibration.pixel_error_invA},
                      {"rotation_error_deg", calibration.rotation_error_deg}};
  for (const auto& [what, source] : calibration.sources) items.push_back({what + "_from", source});
  return items;
}

double number(const InputFile& file, const std::string& name, double otherwise) {
  return file.has(name) ? file.read(name).values.at(0) : otherwise;
}

/// Error (input) if it holds one that cannot be used.
Calibration calibration_of(const InputFile& file, const std::string& root) {
  const std::string theirs = root + "/metadatabundle/calibration/",
                    own = root + "/metadatabundle/calibration_errors/";
  Calibration result;
  if (file.has(theirs + "qx0") && file.has(theirs + "qy0")) {
    const Array row = file.read(theirs + "qx0"), column = file.read(theirs + "qy0");
    if (row.size() != column.size())
      fail(file.path(), "its origins' rows (qx0) and columns (qy0) are not of one number");
    for (std::size_t i = 0; i < row.size(); ++i)
      result.origin.push_back({column.values[i], row.values[i]});
  } else if (file.has(theirs + "qx0_mean") && file.has(theirs + "qy0_mean")) {
    result.origin = {{number(file, theirs + "qy0_mean", 0), number(file, theirs + "qx0_mean", 0)}};
  }
  const double a = number(file, theirs + "a", 1), b = number(file, theirs + "b", 1);
  if (!(a > 0) || !(b > 0)) fail(file.path(), "the axes of its ellipse are not above 0");
  // whichever of the two is called a, what is contracted is the direction theta by b/a
  result.ellipse_ratio = a / b;
  result.ellipse_angle_deg = 90 - number(file, theirs + "theta", 0) / degree;
  const std::string units =
      file.has(theirs + "Q_pixel_units") ? file.read_text(theirs + "Q_pixel_units") : "pixels";
  if (units == "A^-1")
    result.pixel_invA =
        number(file, theirs + "Q_pixel_size", Calibration::not_known) / std::sqrt(a / b);
  result.flip = file.has(theirs + "QR_flip") && file.read_flag(theirs + "QR_flip");
  result.rotation_deg = number(file, theirs + "QR_rotation", 0) / degree - (result.flip ? 90 : 0);
  const auto error = [&](const char* name) {
    return number(file, own + name, Calibration::not_known);
  };
  result.origin_error = {error("origin_column_error"), error("origin_row_error")};
  result.ellipse_ratio_error = error("ellipse_ratio_error");
  result.ellipse_angle_error_deg = error("ellipse_angle_error_deg");
  result.pixel_error_invA = error("pixel_error_invA");
  result.rotation_error_deg = error("rotation_error_deg");
  for (const char* what : {"origin", "ellipse", "pixel", "rotation"})
    if (file.has(own + what + "_from"))
      result.sources.push_back({what, file.read_text(own + what + "_from")});
  return result;
}

}  // namespace

void write_calibration(EmdWriter& file, const Calibration& calibration, std::size_t rows,
                       std::size_t columns) {
  file.metadata("calibration", peer_dictionary(calibration, rows, columns), "Calibration");
  file.metadata("calibration_errors", own_dictionary(calibration));
}

void write_bragg_peaks(EmdWriter& file, const BraggPeaks& peaks) {
  const bool errors = std::any_of(peaks.at.begin(), peaks.at.end(), [](const auto& list) {
    return std::any_of(list.begin(), list.end(),
                       [](const BraggPeak& peak) { return peak.error.array().isFinite().any(); });
  });
  hdf5::PointLists points;
  points.shape = {peaks.rows, peaks.columns};
  points.fields = {"qx", "qy", "intensity"};
  if (errors) points.fields.insert(points.fields.end(), {"qx_error", "qy_error"});
  for (const std::vector<BraggPeak>& list : peaks.at) {
    for (const BraggPeak& peak : list) {
      points.values.insert(points.values.end(),
                           {peak.position.y(), peak.position.x(), peak.intensity});
      if (errors) points.values.insert(points.values.end(), {peak.error.y(), peak.error.x()});
    }
    points.ends.push_back(points.values.size() / points.fields.size());
  }
  file.bragg_vectors("braggvectors", points, {peaks.q_rows, peaks.q_columns});
  write_calibration(file, peaks.calibration, peaks.rows, peaks.columns);
  if (!peaks.recorded.empty()) {
    Array recorded({peaks.rows, peaks.columns});
    std::copy(peaks.recorded.begin(), peaks.recorded.end(), recorded.values.begin());
    file.array("recorded", recorded, "",
               {index_axis("row", peaks.rows), index_axis("column", peaks.columns)},
               "1: the position has a pattern", hdf5::Stored::uint8);
  }
}

BraggPeaks read_bragg_peaks(const std::string& path) {
  const InputFile file(path);
  std::vector<std::string> found;
  for (const std::string& dataset : hdf5::point_lists_of(file))
    if (hdf5::has_field(file, dataset, "qx") && hdf5::has_field(file, dataset, "qy") &&
        hdf5::has_field(file, dataset, "intensity"))
      found.push_back(dataset);
  if (found.empty())
    fail(path,
         "holds no Bragg peaks, lists of (qx, qy, intensity); the study `disks` makes them from a "
         "scan");
  if (found.size() > 1) {
    std::string names;
    for (const std::string& name : found) names += (names.empty() ? "" : ", ") + name;
    fail(path, "holds several lists of Bragg peaks: " + names + "; one was expected");
  }
  const std::string& dataset = found[0];
  const bool errors =
      hdf5::has_field(file, dataset, "qx_error") && hdf5::has_field(file, dataset, "qy_error");
  std::vector<std::string> fields{"qx", "qy", "intensity"};
  if (errors) fields.insert(fields.end(), {"qx_error", "qy_error"});
  const hdf5::PointLists points = hdf5::read_point_lists(file, dataset, fields);
  if (points.shape.size() != 2)
    fail(path,
         dataset + ": has " + std::to_string(points.shape.size()) + " dimensions, a scan has two");
  BraggPeaks peaks;
  peaks.rows = points.shape[0];
  peaks.columns = points.shape[1];
  peaks.at.resize(peaks.positions());
  for (std::size_t i = 0; i < peaks.at.size(); ++i)
    for (std::size_t p = points.first(i); p < points.ends[i]; ++p) {
      const double* value = &points.values[p * fields.size()];
      BraggPeak peak;
      peak.position = {value[1], value[0]};
      peak.intensity = value[2];
      if (errors) peak.error = {value[4], value[3]};
      peaks.at[i].push_back(peak);
    }
  const std::string root = emd_root(file);
  if (root.empty()) {  // before EMD 1.0: vectors in 1/Å from the beam
    peaks.calibration.origin = {Vec2(0, 0)};
    peaks.calibration.pixel_invA = 1;
    peaks.calibration.sources = {{"pixel", "the file's vectors are taken as 1/Å from the beam"}};
    return peaks;
  }
  const std::string shape =
      dataset.substr(0, dataset.rfind("/_v_uncal")) + "/metadatabundle/_braggvectors_shape/Qshape";
  if (file.has(shape)) {
    const Array q = file.read(shape);
    if (q.size() == 2) {
      peaks.q_rows = std::size_t(q.values[0]);
      peaks.q_columns = std::size_t(q.values[1]);
    }
  }
  peaks.calibration = calibration_of(file, root);
  if (peaks.calibration.origin.size() > 1 && peaks.calibration.origin.size() != peaks.positions())
    fail(path, "has " + std::to_string(peaks.calibration.origin.size()) + " origins for " +
                   std::to_string(peaks.positions()) + " positions");
  if (file.has(root + "/recorded")) {
    const Array recorded = file.read(root + "/recorded");
    if (recorded.size() == peaks.positions())
      for (const double value : recorded.values) peaks.recorded.push_back(value != 0);
  }
  return peaks;
}

Calibration read_calibration(const std::string& path) {
  const InputFile file(path);
  const std::string root = emd_root(file);
  if (root.empty() || !file.has(root + "/metadatabundle/calibration"))
    fail(path, "holds no calibration; the study `calibrate` makes one");
  return calibration_of(file, root);
}

}  // namespace pendel

#include "studies/disk_scan.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "sim/beams.hpp"

namespace pendel {

namespace {

std::string text(const std::vector<std::size_t>& shape) {
  std::string result;
  for (const std::size_t length : shape)
    result += (result.empty() ? "" : ", ") + std::to_string(length);
  return "(" + result + ")";
}

std::string text(const Hkl& hkl) {
  return "(" + std::to_string(hkl.h) + " " + std::to_string(hkl.k) + " " + std::to_string(hkl.l) +
         ")";
}

class ScanReader {
 public:
  explicit ScanReader(const DataOptions& options) : options_(options), file_(options.file.path) {}

  DiskScan read(const State& state, double g_max, bool zone_only) {
    DiskScan scan;
    scan.hkl = read_beams(state);
    check_beams(scan.hkl, state, g_max, zone_only);
    const std::vector<Vec2> tilts = read_tilts();
    scan.intensity = read_channels(options_.intensity, scan.hkl.size(), tilts.size());
    const Array& intensity = scan.intensity;
    scan.shape.assign(intensity.shape.begin(), intensity.shape.end() - 1);
    if (!tilts.empty()) scan.tilts = tilts.size();
    const std::vector<Hkl> beams = scan.hkl;
    for (std::size_t t = 1; t < scan.tilts; ++t)
      scan.hkl.insert(scan.hkl.end(), beams.begin(), beams.end());
    for (const Vec2& tilt : tilts) scan.tilt_mrad.insert(scan.tilt_mrad.end(), beams.size(), tilt);
    for (std::size_t i = 0; i < scan.hkl.size(); ++i) scan.pixels.push_back({int(i), -1, -1});
    scan.set.assign(scan.hkl.size(), 0);
    complete(scan);

    if (options_.variance) {
      scan.variance = read_channels(*options_.variance, beams.size(), tilts.size());
      check_variance(scan, intensity.shape);
    }
    return scan;
  }

  DiskScan read_pixels(const DiskPixels& pixels, const std::vector<Hkl>& disks) {
    DiskScan scan;
    for (const DiskPixels::Pixel& pixel : pixels.pixels) {
      scan.hkl.push_back(disks[std::size_t(pixel.disk)]);
      scan.pixels.push_back(pixel);
    }
    scan.set.assign(scan.hkl.size(), 0);
    const std::vector<std::size_t> whole = pattern_shape();
    scan.shape.assign(whole.begin(), whole.end() - 2);
    scan.intensity = in_disks(options_.intensity, scan);
    complete(scan);
    if (options_.variance) {
      if (file_.shape(*options_.variance) != whole)
        fail(*options_.variance, "has the shape " + text(file_.shape(*options_.variance)) +
                                     "; needed: " + text(whole) + ", that of " +
                                     options_.intensity);
      scan.variance = in_disks(*options_.variance, scan);
      check_variance(scan, scan.intensity.shape);
    }
    return scan;
  }

  Detector detector(double energy_keV) {
    const DiskPixelOptions& options = *options_.pixels;
    const std::vector<std::size_t> whole = pattern_shape();
    const double wavelength = electron::wavelength(energy_keV);
    Detector detector;
    detector.rows = int(whole[whole.size() - 2]);
    detector.columns = int(whole[whole.size() - 1]);
    detector.rotation = options.rotation_deg * electron::pi / 180;
    detector.blur = options.blur_px;
    if (options.ellipse) {
      detector.ellipse_ratio = options.ellipse->ratio;
      detector.ellipse_angle = options.ellipse->angle_deg * electron::pi / 180;
    }
    if (options.pixel_mrad && options.centre_px) {
      detector.pixel = *options.pixel_mrad * 1e-3 / wavelength;
      detector.centre = options.centre_px;
      return detector;
    }
    Vec2 step, centre;  // (column, row); step in 1/Å
    for (int axis = 0; axis < 2; ++axis) {
      const std::size_t dimension = whole.size() - 1 - std::size_t(axis);
      const std::string name = options_.intensity + "/dim" + std::to_string(dimension);
      const std::vector<double> values =
          file_.has(name) ? file_.read(name).values : std::vector<double>();
      const std::string units = file_.has(name) ? file_.attribute(name, "units") : "";
      const bool inverse = units == "1/Å" || units == "A^-1" || units == "1/A";
      if (values.size() < 2 || !(values[1] > values[0]) || !(inverse || units == "mrad"))
        throw Error(ErrorKind::study,
                    "data.pixels: " + std::string(options.pixel_mrad ? "centre_px" : "pixel_mrad") +
                        " is needed: " + options_.file.path + ": " + name +
                        " is no axis in mrad or 1/Å");
      const double spacing = values[1] - values[0];
      step[axis] = inverse ? spacing : spacing * 1e-3 / wavelength;
      centre[axis] = -values[0] / spacing;
    }
    if (!options.pixel_mrad && std::abs(step[0] - step[1]) > 1e-3 * step[0])
      fail(options_.intensity,
           "has pixels that are not square by its axes: " + number_text(step[0]) + " by " +
               number_text(step[1]) + " 1/Å; give data.pixels.pixel_mrad and ellipse");
    detector.pixel = options.pixel_mrad ? *options.pixel_mrad * 1e-3 / wavelength : step[0];
    detector.centre = options.centre_px ? *options.centre_px : centre;
    return detector;
  }

 private:
  // Empty without a series of tilts.
  std::vector<Vec2> read_tilts() const {
    if (!options_.tilts_mrad) return {};
    const Array table = file_.read(*options_.tilts_mrad);
    if (table.rank() != 2 || table.shape[1] != 2 || table.shape[0] == 0)
      fail(*options_.tilts_mrad, "has the shape " + text(table.shape) + "; needed: (tilt, 2)");
    std::vector<Vec2> tilts;
    for (std::size_t t = 0; t < table.shape[0]; ++t) {
      tilts.emplace_back(table(t, 0), table(t, 1));
      if (!tilts.back().allFinite()) fail(*options_.tilts_mrad, "holds a tilt that is no number");
    }
    return tilts;
  }

  // (positions..., channels); the disks of all tilts behind each other are one position's channels.
  Array read_channels(const std::string& dataset, std::size_t disks, std::size_t tilts) const {
    Array array = file_.read(dataset);
    const std::size_t inner = tilts == 0 ? 1 : 2;
    const bool series = tilts > 0 && array.rank() == inner;  // of one position
    const bool known = array.rank() == inner + 1 || array.rank() == inner + 2 || series;
    if (!known || array.shape.back() != disks ||
        (tilts > 0 && array.shape[array.rank() - 2] != tilts))
      fail(dataset,
           "has the shape " + text(array.shape) + "; needed: " +
               (tilts == 0
                    ? "(row, column, disk) or (position, disk) with "
                    : "(row, column, tilt, disk), (position, tilt, disk) or (tilt, disk) with " +
                          std::to_string(tilts) + " tilts and ") +
               std::to_string(disks) + " disks, as many as there are beams in " + options_.beams);
    if (tilts == 0) return array;
    array.shape.resize(array.rank() - inner);
    if (series) array.shape = {1};
    array.shape.push_back(disks * tilts);
    return array;
  }

  // Axes and units; numbers that are none.
  void complete(DiskScan& scan) const {
    const std::string& name = options_.intensity;
    scan.units = file_.attribute(has_data(name), "units");
    if (scan.positions() == 0)
      fail(name, "has the shape " + text(file_.shape(name)) + ": the scan has no position");
    bool any = false;
    for (const double value : scan.intensity.values) {
      any = any || std::isfinite(value);
      if (std::isinf(value)) fail(name, "holds an infinite value; missing data is NaN");
    }
    if (!any) fail(name, "holds no number: every intensity is NaN");
    const std::vector<std::string> names = scan.shape.size() == 2
                                               ? std::vector<std::string>{"row", "column"}
                                               : std::vector<std::string>{"position"};
    for (std::size_t i = 0; i < names.size(); ++i)
      scan.axes.push_back(axis(names[i], i, scan.shape[i]));
  }

  void check_variance(const DiskScan& scan, const std::vector<std::size_t>& shape) const {
    if (scan.variance.shape != shape)
      fail(*options_.variance, "has the shape " + text(scan.variance.shape) +
                                   "; needed: " + text(shape) + ", that of " + options_.intensity);
    for (std::size_t i = 0; i < scan.variance.size(); ++i)
      if (std::isfinite(scan.intensity.values[i]) && !(scan.variance.values[i] > 0))
        fail(*options_.variance, "holds " + number_text(scan.variance.values[i]) +
                                     " beside an intensity; a variance is above 0");
  }

  std::vector<std::size_t> pattern_shape() const {
    const std::vector<std::size_t> shape = file_.shape(options_.intensity);
    if (shape.size() != 3 && shape.size() != 4)
      fail(options_.intensity, "has the shape " + text(shape) +
                                   "; needed with data.pixels: (row, column, q_row, q_column) or "
                                   "(position, q_row, q_column)");
    return shape;
  }

  // The pixels of scan.pixels of every pattern; read row by row of the scan, because whole
  // patterns may be more than the memory holds.
  Array in_disks(const std::string& dataset, const DiskScan& scan) const {
    std::vector<std::size_t> shape = scan.shape;
    shape.push_back(scan.pixels.size());
    Array result(shape);
    std::size_t position = 0;
    for (std::size_t row = 0; row < scan.shape[0]; ++row) {
      const Array patterns = file_.read_part(dataset, row, 1);
      const std::size_t columns = patterns.shape.back();
      const std::size_t size = columns * patterns.shape[patterns.rank() - 2];
      for (std::size_t begin = 0; begin < patterns.size(); begin += size, ++position)
        for (std::size_t i = 0; i < scan.pixels.size(); ++i)
          result(position, i) = patterns.values[begin + std::size_t(scan.pixels[i].row) * columns +
                                                std::size_t(scan.pixels[i].column)];
    }
    return result;
  }

  [[noreturn]] void fail(const std::string& dataset, const std::string& what) const {
    throw Error(ErrorKind::input, options_.file.path + ": " + dataset + ": " + what);
  }

  // The dataset itself where the name is that of an EMD array.
  std::string has_data(const std::string& name) const {
    return file_.has(name + "/data") ? name + "/data" : name;
  }

  // The scan step, where the study or an EMD file says it; else positions are counted.
  EmdAxis axis(const std::string& name, std::size_t i, std::size_t count) const {
    const std::string dim = options_.intensity + "/dim" + std::to_string(i);
    EmdAxis axis = index_axis(name, count);
    if (options_.scan_step_A) {
      axis.units = "Å";
      for (double& value : axis.values) value *= *options_.scan_step_A;
      return axis;
    }
    if (!file_.has(dim)) return axis;
    const std::vector<double> values = file_.read(dim).values;
    if (values.size() != count && values.size() != 2) return axis;
    axis.units = file_.attribute(dim, "units");
    for (std::size_t j = 0; j < count; ++j)
      axis.values[j] =
          values.size() == count ? values[j] : values[0] + double(j) * (values[1] - values[0]);
    return axis;
  }

  std::vector<Hkl> read_beams(const State& state) const {
    const Array table = file_.read(options_.beams);
    if (table.rank() != 2 || (table.shape[1] != 2 && table.shape[1] != 3) || table.shape[0] == 0)
      fail(options_.beams,
           "has the shape " + text(table.shape) + "; needed: (disk, 3) for hkl, or (disk, 2)");
    for (const double value : table.values)
      if (value != std::round(value) || std::abs(value) > 1000)
        fail(options_.beams, "holds " + number_text(value) + "; indices are integers");
    std::vector<Hkl> beams;
    const int first = state.layers.front().crystal;
    for (std::size_t i = 0; i < table.shape[0]; ++i) {
      const int a = int(table(i, 0)), b = int(table(i, 1));
      beams.push_back(table.shape[1] == 2 ? zone_net(state).hkl(first, a, b)
                                          : Hkl{a, b, int(table(i, 2))});
    }
    return beams;
  }

  void check_beams(const std::vector<Hkl>& beams, const State& state, double g_max,
                   bool zone_only) const {
    const OrientedCrystal& first = state.crystals[state.layers.front().crystal];
    std::set<Hkl> seen;
    for (const Hkl& hkl : beams) {
      if (!seen.insert(hkl).second) fail(options_.beams, "beam " + text(hkl) + " is there twice");
      const Vec3 g = first.R_lab_crystal * first.crystal.cell.g(hkl).v;
      if (zone_only && std::abs(g[2]) > 1e-6 * (g.norm() + 1e-6))
        fail(options_.beams, "beam " + text(hkl) +
                                 " is not in the model: it is not in the zero-order zone of " +
                                 first.crystal.name + " along the beam");
      if (g.norm() > g_max)
        fail(options_.beams, "beam " + text(hkl) + " is not in the model: its |g| = " +
                                 number_text(std::round(g.norm() * 1e4) / 1e4) +
                                 " 1/Å is above engine.g_max_invA = " + number_text(g_max));
    }
  }

  DataOptions options_;
  hdf5::InputFile file_;
};

}  // namespace

DiskScan read_disk_scan(const DataOptions& options, const State& state, double g_max,
                        bool zone_only) {
  return ScanReader(options).read(state, g_max, zone_only);
}

Detector read_detector(const DataOptions& options, double energy_keV) {
  return ScanReader(options).detector(energy_keV);
}

ProbeTemplate read_template(const DataOptions& options, const Detector& detector,
                            double semiangle) {
  ProbeTemplate probe;
  probe.semiangle = semiangle;
  probe.edge = options.pixels->edge_mrad * 1e-3;
  if (!options.pixels->probe) return probe;
  const TemplateOptions& image = *options.pixels->probe;
  probe.image = hdf5::InputFile(image.file.path).read(image.image);
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::input, image.file.path + ": " + image.image + ": " + what);
  };
  if (probe.image->rank() != 2)
    fail("has the shape " + text(probe.image->shape) + "; needed: (q_row, q_column)");
  for (const double value : probe.image->values)
    if (!std::isfinite(value)) fail("holds " + number_text(value) + "; pixels are finite");
  if (!(*std::max_element(probe.image->values.begin(), probe.image->values.end()) > 0))
    fail("is dark everywhere");
  if (int(probe.image->shape[0]) > detector.rows || int(probe.image->shape[1]) > detector.columns)
    fail("has the shape " + text(probe.image->shape) + ", more than the detector, " +
         text(std::vector<std::size_t>{std::size_t(detector.rows), std::size_t(detector.columns)}));
  return probe;
}

DiskScan read_pixel_scan(const DataOptions& options, const DiskPixels& pixels,
                         const std::vector<Hkl>& disks) {
  return ScanReader(options).read_pixels(pixels, disks);
}

DiskScan joined(const std::vector<DiskScan>& sets, const std::vector<DataOptions>& options) {
  DiskScan scan = sets.front();
  if (sets.size() == 1) return scan;

  for (std::size_t k = 1; k < sets.size(); ++k) {
    if (sets[k].shape != scan.shape)
      throw Error(ErrorKind::input, options[k].file.path + ": " + options[k].intensity +
                                        ": has positions of shape " + text(sets[k].shape) +
                                        "; the first set has " + text(scan.shape) +
                                        ", and all sets are of the same region");
    scan.hkl.insert(scan.hkl.end(), sets[k].hkl.begin(), sets[k].hkl.end());
    scan.pixels.insert(scan.pixels.end(), sets[k].pixels.begin(), sets[k].pixels.end());
    scan.set.insert(scan.set.end(), sets[k].disks(), int(k));
    if (sets[k].units != scan.units) scan.units.clear();
  }
  if (std::any_of(sets.begin(), sets.end(), [](const auto& s) { return !s.tilt_mrad.empty(); })) {
    scan.tilt_mrad.clear();
    for (const DiskScan& set : sets) {
      const std::vector<Vec2> none(set.disks(), Vec2::Zero());
      const std::vector<Vec2>& tilts = set.tilt_mrad.empty() ? none : set.tilt_mrad;
      scan.tilt_mrad.insert(scan.tilt_mrad.end(), tilts.begin(), tilts.end());
    }
  }
  std::vector<std::size_t> shape = scan.shape;
  shape.push_back(scan.hkl.size());
  const auto together = [&](auto member) {
    Array result(shape);
    for (std::size_t i = 0; i < scan.positions(); ++i) {
      std::size_t at = 0;
      for (const DiskScan& set : sets)
        for (std::size_t j = 0; j < set.disks(); ++j)
          // a set without variances beside one with them: refused by the study's check
          result(i, at++) = (set.*member)(i, j);
    }
    return result;
  };
  scan.intensity = together(&DiskScan::intensity);
  if (scan.variance.size() > 0) scan.variance = together(&DiskScan::variance);
  return scan;
}

}  // namespace pendel

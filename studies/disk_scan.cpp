#include "studies/disk_scan.hpp"

#include <cmath>
#include <set>

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

    scan.intensity = file_.read(options_.intensity);
    const Array& intensity = scan.intensity;
    if ((intensity.rank() != 2 && intensity.rank() != 3) ||
        intensity.shape.back() != scan.hkl.size())
      fail(options_.intensity, "has the shape " + text(intensity.shape) +
                                   "; needed: (row, column, disk) or "
                                   "(position, disk) with " +
                                   std::to_string(scan.hkl.size()) +
                                   " disks, as many as there are beams in " + options_.beams);
    scan.shape.assign(intensity.shape.begin(), intensity.shape.end() - 1);
    if (scan.positions() == 0)
      fail(options_.intensity,
           "has the shape " + text(intensity.shape) + ": the scan has no position");
    scan.units = file_.attribute(has_data(options_.intensity), "units");
    bool any = false;
    for (const double value : intensity.values) {
      any = any || std::isfinite(value);
      if (std::isinf(value))
        fail(options_.intensity, "holds an infinite value; missing data is NaN");
    }
    if (!any) fail(options_.intensity, "holds no number: every intensity is NaN");
    const std::vector<std::string> names = scan.shape.size() == 2
                                               ? std::vector<std::string>{"row", "column"}
                                               : std::vector<std::string>{"position"};
    for (std::size_t i = 0; i < names.size(); ++i)
      scan.axes.push_back(axis(names[i], i, scan.shape[i]));

    if (options_.variance) {
      scan.variance = file_.read(*options_.variance);
      if (scan.variance.shape != intensity.shape)
        fail(*options_.variance, "has the shape " + text(scan.variance.shape) + "; needed: " +
                                     text(intensity.shape) + ", that of " + options_.intensity);
      for (std::size_t i = 0; i < intensity.size(); ++i)
        if (std::isfinite(intensity.values[i]) && !(scan.variance.values[i] > 0))
          fail(*options_.variance, "holds " + number_text(scan.variance.values[i]) +
                                       " beside an intensity; a variance is above 0");
    }
    return scan;
  }

 private:
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

}  // namespace pendel

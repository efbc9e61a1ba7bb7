// `pendel info`: what is in a scan, an HDF5 file, an orientation map, a CIF or a study; `pendel
// convert`.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "acom/ang.hpp"
#include "acom/ctf.hpp"
#include "cif/read.hpp"
#include "core/error.hpp"
#include "core/progress.hpp"
#include "core/text.hpp"
#include "io/emd.hpp"
#include "scan/write.hpp"
#include "studies/runner.hpp"

namespace pendel {

namespace {

std::string shape_text(const std::vector<std::size_t>& shape,
                       const std::vector<std::string>& axes) {
  std::string text;
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]) +
            (i < axes.size() && !axes[i].empty() ? " " + axes[i] : "");
  return "(" + text + ")";
}

std::string line_of(const std::string& name, const hdf5::Item& data,
                    const std::vector<std::string>& axes) {
  return formatted("  %-36s %-8s ", name.c_str(), data.type.c_str()) +
         shape_text(data.shape, axes) + (data.units.empty() ? "" : " [" + data.units + "]");
}

// An axis of an EMD array: its name and, if it has a unit, its step or the unit: "q_row every 0.5
// mrad".
std::string axis_text(const hdf5::InputFile& file, const std::string& dim) {
  const std::string name = file.attribute(dim, "name"), units = file.attribute(dim, "units");
  if (!file.has(dim) || units.empty() || units == "pixels") return name;
  const std::vector<double> values = file.read(dim).values;
  // an even axis is stored by two values, or has few enough to look
  for (std::size_t i = 2; i < values.size(); ++i)
    if (std::abs(values[i] - 2 * values[i - 1] + values[i - 2]) > 1e-6 * std::abs(values[i]))
      return name + " [" + units + "]";
  if (values.size() == 1) return name + formatted(" at %.6g ", values[0]) + units;
  return name + formatted(" every %.6g ", values[1] - values[0]) + units;
}

// An EMD array is one line; the numbers of its axes, and the metadata, are not shown.
std::string emd_lines(const hdf5::InputFile& file, const std::string& root) {
  std::string text;
  for (const hdf5::Item& item : file.items(root)) {
    const auto slash = item.path.rfind('/');
    const std::string node = item.path.substr(0, slash);
    if (item.is_group || item.path.substr(slash) != "/data" ||
        file.attribute(node, "emd_group_type") != "array")
      continue;
    std::vector<std::string> axes;
    for (std::size_t i = 0; i < item.shape.size(); ++i)
      axes.push_back(axis_text(file, node + "/dim" + std::to_string(i)));
    const std::string note = file.attribute(node, "description");
    text += line_of(node.substr(root.size() + 1), item, axes) + (note.empty() ? "" : ": " + note) +
            "\n";
  }
  return text;
}

std::string hdf5_info(const std::string& path) {
  const hdf5::InputFile file(path);
  const std::string root = emd_root(file);
  std::string text = path + ": HDF5" + (root.empty() ? "" : ", EMD 1.0 tree " + root) + "\n";
  const std::string provenance = root + "/metadatabundle/provenance";
  if (!root.empty() && file.has(provenance + "/git_hash"))
    text += "  made by pendel " + file.read_text(provenance + "/version") + " (" +
            file.read_text(provenance + "/git_hash") + ") on " +
            file.read_text(provenance + "/date") + "\n";
  if (!root.empty()) return text + emd_lines(file, root);
  for (const hdf5::Item& item : file.items())
    text += item.is_group ? "  " + item.path + "\n" : line_of(item.path, item, {}) + "\n";
  return text;
}

std::string cif_info(const std::string& path) {
  std::vector<std::string> notes;
  const Crystal crystal = read_cif(path, {}, &notes);
  const Vec3 edges = crystal.cell.edges(), angles = crystal.cell.angles_deg();
  std::map<std::string, double> content;
  for (const Site& site : crystal.sites) content[element_symbol(site.Z)] += site.occupancy;
  std::string text = path + ": CIF" + (crystal.name.empty() ? "" : ", " + crystal.name) + "\n";
  text += formatted("  cell      %.5g %.5g %.5g Å, %.5g %.5g %.5g°, volume %.6g Å³\n", edges[0],
                    edges[1], edges[2], angles[0], angles[1], angles[2], crystal.cell.volume());
  if (!crystal.sites.empty())
    text += "  point group " + point_group(crystal).name + ", as the atoms have it\n";
  text += "  contains ";
  for (const auto& [element, count] : content) text += " " + element + formatted("%.4g", count);
  text += formatted("\n  %zu sites  (label, element, x, y, z, occupancy, B in Å²)\n",
                    crystal.sites.size());
  for (const Site& site : crystal.sites) {
    const Vec3& x = site.position.v;
    text += formatted("    %-8s %-3s %9.5f %9.5f %9.5f  %6.4g %7.4g\n", site.label.c_str(),
                      element_symbol(site.Z).c_str(), x[0], x[1], x[2], site.occupancy, site.B());
  }
  for (const std::string& note : notes) text += "  note: " + note + "\n";
  return text;
}

std::string map_info(const std::string& path, const OrientationMap& map) {
  std::string text = path + ": orientation map\n";
  text +=
      formatted("  scan      %zu x %zu positions (rows x columns), step ", map.rows, map.columns);
  text += std::isfinite(map.step_A) ? formatted("%.6g Å\n", map.step_A) : "unknown\n";
  std::vector<std::size_t> count(map.phases.size() + 1, 0);  // the last: not indexed
  for (const MapPosition& position : map.at)
    ++count[position.indexed() ? std::size_t(position.solutions[0].phase) : map.phases.size()];
  const auto share = [&](std::size_t i) {
    return formatted("%.4g %% of the positions\n",
                     100 * double(count[i]) / double(map.positions()));
  };
  for (std::size_t i = 0; i < map.phases.size(); ++i) {
    const Vec3 edges = map.phases[i].crystal.cell.edges();
    const Vec3 angles = map.phases[i].crystal.cell.angles_deg();
    text += "  phase     " + map.phases[i].name + ", " + map.phases[i].point_group +
            formatted(", %.5g %.5g %.5g Å, %.5g %.5g %.5g°, ", edges[0], edges[1], edges[2],
                      angles[0], angles[1], angles[2]) +
            share(i);
  }
  return text + "  not indexed  " + share(map.phases.size());
}

std::string with_unit(const std::array<double, 2>& steps, const std::string& units) {
  if (!std::isfinite(steps[0]) && !std::isfinite(steps[1])) return "unknown";
  return std::abs(steps[0] - steps[1]) <= 1e-9 * std::abs(steps[0])
             ? formatted("%.6g %s", steps[0], units.c_str())
             : formatted("%.6g x %.6g %s", steps[0], steps[1], units.c_str());
}

std::string scan_info(const Recording& scan) {
  const Frames& frames = *scan.frames;
  std::string text =
      scan.path + ": " + scan.format + (scan.dataset.empty() ? "" : ", " + scan.dataset) + "\n";
  text += formatted("  scan      %zu x %zu positions (rows x columns), step %s\n", scan.rows,
                    scan.columns, with_unit(scan.scale.scan_step_A, "Å").c_str());
  text += formatted("  patterns  %zu x %zu pixels, %s, pixel %s\n", frames.q_rows(),
                    frames.q_columns(), name_of(frames.number()).c_str(),
                    with_unit(scan.scale.q_pixel, scan.scale.q_units).c_str());
  if (std::isfinite(scan.energy_keV)) text += formatted("  energy    %.6g keV\n", scan.energy_keV);
  for (const auto& [key, value] : scan.properties) text += "  " + key + ": " + value + "\n";
  for (const std::string& note : scan.notes) text += "  note: " + note + "\n";
  return text;
}

}  // namespace

void convert(const ConvertArguments& arguments) {
  OpenOptions options;
  options.dataset = arguments.dataset;
  if (!arguments.scan_shape.empty())
    options.scan_shape = {{arguments.scan_shape.at(0), arguments.scan_shape.at(1)}};
  const Recording scan = open_recording(arguments.from, options);
  if (!arguments.quiet) std::fputs(scan_info(scan).c_str(), stdout);
  Progress progress("convert", long(scan.recorded()), arguments.quiet);
  std::size_t before = 0;
  write_recording(scan, arguments.to, [&](std::size_t done) {
    progress.advance(long(done - before));
    before = done;
  });
}

void info(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path))
    throw Error(ErrorKind::input, path + ": there is no such file, or it may not be read");
  char start[8] = "";
  file.read(start, sizeof start);
  if (std::string(start, 8) == "\x89HDF\r\n\x1a\n") {
    std::fputs(hdf5_info(path).c_str(), stdout);
    try {
      std::fputs(scan_info(open_recording(path)).c_str(), stdout);
    } catch (const Error&) {  // most files hold no scan; convert says why
    }
    return;
  }
  const std::string extension = std::filesystem::path(path).extension().string();
  if (extension == ".cif" || extension == ".mcif") {
    std::fputs(cif_info(path).c_str(), stdout);
    return;
  }
  if (extension == ".ang" || extension == ".ctf") {
    const OrientationMap map = extension == ".ang" ? read_ang(path) : read_ctf(path);
    std::fputs(map_info(path, map).c_str(), stdout);
    return;
  }
  if (extension == ".yaml" || extension == ".yml") {
    RunArguments arguments;
    arguments.study = path;
    check(arguments);
    return;
  }
  std::fputs(scan_info(open_recording(path)).c_str(), stdout);
}

}  // namespace pendel

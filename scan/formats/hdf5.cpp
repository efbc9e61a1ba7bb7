// HDF5: the patterns are the one dataset of four dimensions (of three or two where the file's kind
// makes sure that these are patterns), or what the user names.
#include "io/hdf5.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "scan/formats/format.hpp"

namespace pendel::formats {

namespace {

using hdf5::InputFile;
using hdf5::Item;

/// What a stored type is read as: 64-bit integers and truth values are read as real numbers.
Number read_as(const std::string& type, const std::string& where) {
  if (type == "int64" || type == "uint64" || type == "float128") return Number::float64;
  if (type == "float16") return Number::float32;
  return number_of(type, where);
}

/// Chunked or compressed patterns, in one dataset or in several one after another.
class HdfFrames : public Frames {
 public:
  struct Part {
    std::shared_ptr<const InputFile> file;
    std::string dataset;
    std::vector<std::size_t> shape;
    std::size_t count() const {
      std::size_t n = 1;
      for (std::size_t i = 0; i + 2 < shape.size(); ++i) n *= shape[i];
      return n;
    }
  };
  HdfFrames(std::vector<Part> parts, std::size_t count, Number number)
      : Frames(count, *(parts[0].shape.end() - 2), parts[0].shape.back(), number),
        parts_(std::move(parts)) {}

  void read_stored(std::size_t first, std::size_t count, void* values) const override {
    static std::mutex library;  // one thread at a time
    const std::lock_guard<std::mutex> lock(library);
    const std::size_t frame = pixels() * bytes_of(number());
    auto* to = static_cast<char*>(values);
    for (const Part& part : parts_) {
      const std::size_t there = part.count();
      while (count > 0 && first < there) {
        const std::size_t read = read_piece(part, first, std::min(count, there - first), to);
        to += read * frame;
        first += read;
        count -= read;
      }
      first -= std::min(first, there);
      if (count == 0) return;
    }
  }

 private:
  /// Frames of one row of the scan, or of whole rows; how many they were.
  std::size_t read_piece(const Part& part, std::size_t first, std::size_t count, void* to) const {
    const std::size_t rank = part.shape.size();
    std::vector<std::size_t> start(rank, 0), length = part.shape;
    if (rank == 2) {
      count = 1;
    } else if (rank == 3) {
      start[0] = first;
      length[0] = count;
    } else {
      const std::size_t columns = part.shape[1];
      start = {first / columns, first % columns, 0, 0};
      if (start[1] == 0 && count >= columns)
        length[0] = count / columns;
      else
        length[0] = 1, length[1] = std::min(count, columns - start[1]);
      count = length[0] * length[1];
    }
    part.file->read_part(part.dataset, start, length, number(), to);
    return count;
  }

  std::vector<Part> parts_;
};

bool plain_numbers(const Item& item) {
  return item.type.compare(0, 3, "int") == 0 || item.type.compare(0, 4, "uint") == 0 ||
         item.type.compare(0, 5, "float") == 0;
}

std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::string listed(const std::vector<Item>& items) {
  std::string text;
  for (const Item& item : items) {
    if (item.is_group || item.shape.empty()) continue;
    if (text.size() > 400) return text + ", ...";
    text += (text.empty() ? "" : ", ") + item.path + " (";
    for (std::size_t i = 0; i < item.shape.size(); ++i)
      text += (i ? " x " : "") + std::to_string(item.shape[i]);
    text += " " + item.type + ")";
  }
  return text.empty() ? "nothing" : text;
}

/// The kind of file decides what may be taken for patterns.
struct Kind {
  std::string name;
  std::size_t least_rank;  // of patterns without being named
};

Kind kind_of(const InputFile& file) {
  if (file.attribute("/", "file_format") == "HyperSpy") return {"HyperSpy", 2};
  if (file.attribute("/", "emd_group_type") == "file") return {"EMD 1.0", 4};
  if (file.has("/4DSTEM_simulation")) return {"Prismatic", 4};
  if (file.has("/4DSTEM") || file.has("/4DSTEM_experiment")) return {"py4DSTEM before EMD 1.0", 4};
  for (const hdf5::Member& member : file.members("/"))
    if (file.attribute("/" + member.name, "NX_class") == "NXentry") return {"NeXus", 3};
  return {"HDF5", 4};
}

/// py4DSTEM's Probe: the image in a vacuum, then the kernel made of it.
bool is_probe(const InputFile& file, const Item& item) {
  return item.shape.size() == 3 && item.shape[0] == 2 &&
         file.attribute(parent(item.path), "python_class") == "Probe";
}

/// Chooses a dataset; error (input) if there is none or a choice is left to the user.
Item choose(const InputFile& file, const Kind& kind, const std::string& wanted) {
  std::vector<Item> items = file.items();
  if (!wanted.empty()) {
    const std::string name = (wanted[0] == '/' ? "" : "/") + wanted;
    for (const Item& item : items)
      if ((item.path == name || item.path == name + "/data") && !item.is_group) {
        if (!plain_numbers(item) || item.shape.size() < 2 || item.shape.size() > 4)
          fail(file.path(), name + " is not an array of numbers of two to four dimensions");
        return item;
      }
    fail(file.path(), "has no dataset " + name + "; it holds " + listed(items));
  }
  std::vector<Item> found;
  for (std::size_t rank = 4; rank >= kind.least_rank && found.empty(); --rank)
    for (const Item& item : items)
      if (!item.is_group && item.shape.size() == rank && plain_numbers(item)) {
        // of a NeXus entry only what it calls its signal
        const std::string name = item.path.substr(item.path.rfind('/') + 1);
        if (kind.name != "NeXus" || rank == 4 ||
            file.attribute(parent(item.path), "signal") == name)
          found.push_back(item);
      }
  if (found.size() > 1) {
    const auto cube = std::find_if(found.begin(), found.end(), [&](const Item& item) {
      return file.attribute(parent(item.path), "python_class") == "DataCube";
    });
    if (cube != found.end() && std::count_if(found.begin(), found.end(), [&](const Item& item) {
                                 return file.attribute(parent(item.path), "python_class") ==
                                        "DataCube";
                               }) == 1)
      return *cube;
    fail(file.path(), "holds several scans: " + listed(found) + "; name one by its dataset");
  }
  // a file that py4DSTEM keeps a probe in
  if (found.empty() && kind.name == "EMD 1.0")
    for (const Item& item : items)
      if (!item.is_group && is_probe(file, item)) return item;
  if (found.empty())
    fail(file.path(), "(" + kind.name + ") holds no scan of patterns; it holds " + listed(items));
  return found[0];
}

/// Step of an axis that is stored as all its values or as the first two.
double step_of(const InputFile& file, const std::string& dim) {
  if (!file.has(dim)) return not_recorded;
  const std::vector<double> values = file.read(dim).values;
  return values.size() < 2 ? not_recorded : values[1] - values[0];
}

void emd_scale(Recording& recording, const InputFile& file, const std::string& node) {
  const std::string root = node.substr(0, node.find('/', 1));
  const std::string calibration = root + "/metadatabundle/calibration/";
  const auto number = [&](const std::string& name) {
    return file.has(calibration + name) ? file.read(calibration + name).values.at(0) : not_recorded;
  };
  const auto text = [&](const std::string& name) {
    return file.has(calibration + name) ? file.read_text(calibration + name) : std::string();
  };
  for (std::size_t axis : {0, 1}) {
    // py4DSTEM's dimension vectors are not to be trusted; its calibration is
    if (file.has(calibration + "Q_pixel_size")) {
      set_q_pixel(recording, axis, number("Q_pixel_size"), text("Q_pixel_units"));
      set_scan_step(recording, axis, number("R_pixel_size"), text("R_pixel_units"));
    } else {
      const auto dim = [&](std::size_t n) { return node + "/dim" + std::to_string(n); };
      set_scan_step(recording, axis, step_of(file, dim(axis)), file.attribute(dim(axis), "units"));
      set_q_pixel(recording, axis, step_of(file, dim(2 + axis)),
                  file.attribute(dim(2 + axis), "units"));
    }
  }
  const std::string energy = root + "/metadatabundle/source/energy_keV";  // of a converted scan
  if (file.has(energy)) recording.energy_keV = file.read(energy).values.at(0);
  for (const char* name : {"QR_rotation_degrees", "qx0_mean", "qy0_mean", "a", "b", "theta"})
    if (file.has(calibration + name)) {
      char value[32];
      std::snprintf(value, sizeof value, "%.6g", number(name));
      recording.properties.push_back({name, value});
    }
}

void prismatic_scale(Recording& recording, const InputFile& file, const std::string& node) {
  for (std::size_t axis : {0, 1}) {
    const std::string r = node + "/dim" + std::to_string(1 + axis),
                      q = node + "/dim" + std::to_string(3 + axis);
    // steps are in Å, whatever older files say
    const std::string said = file.attribute(q, "units");
    set_scan_step(recording, axis, step_of(file, r), "A");
    set_q_pixel(recording, axis, step_of(file, q),
                said.find("mrad") != std::string::npos ? "mrad" : "1/A");
  }
  if (const auto keV = file.number_attribute(
          "/4DSTEM_simulation/metadata/metadata_0/original/simulation_parameters", "E"))
    recording.energy_keV = *keV;
}

void hyperspy_scale(Recording& recording, const InputFile& file, const std::string& node,
                    std::size_t rank) {
  for (std::size_t i = 0; i < rank; ++i) {
    const std::string axis = node + "/axis-" + std::to_string(i);
    const double scale = file.number_attribute(axis, "scale").value_or(not_recorded);
    const std::string units = file.attribute(axis, "units");
    if (i + 2 >= rank)
      set_q_pixel(recording, i + 2 - rank, scale, units);
    else
      set_scan_step(recording, rank == 4 ? i : 1, scale, units);
  }
  if (const auto keV =
          file.number_attribute(node + "/metadata/Acquisition_instrument/TEM", "beam_energy"))
    recording.energy_keV = *keV;
}

/// Arina and other DECTRIS detectors: a master file that links to files of patterns.
std::optional<Recording> open_linked(const std::shared_ptr<const InputFile>& file,
                                     const OpenOptions& options) {
  const std::string group = "/entry/data";
  std::vector<HdfFrames::Part> parts;
  std::vector<std::string> absent;
  Number number = Number::uint8;
  std::size_t count = 0;
  for (const hdf5::Member& member : file->members(group)) {
    if (member.external_file.empty()) continue;
    const std::string dataset = group + "/" + member.name;
    if (!file->has(dataset)) {
      absent.push_back(member.external_file);
      continue;
    }
    if (!absent.empty()) break;  // patterns after a gap would be at wrong positions
    const hdf5::Block block = file->block(dataset);
    const Number stored = read_as(block.type, file->path());
    if (block.shape.size() != 3 ||
        (!parts.empty() && (stored != number || block.shape[1] != parts[0].shape[1] ||
                            block.shape[2] != parts[0].shape[2])))
      fail(file->path(), dataset + " is no list of patterns like the first");
    number = stored;
    parts.push_back({file, dataset, block.shape});
    count += block.shape[0];
  }
  if (parts.empty() && absent.empty()) return std::nullopt;
  if (parts.empty())
    fail(file->path(), "its patterns are in " + absent[0] + ", which is not beside it");
  Recording recording;
  recording.path = file->path();
  recording.format = "NeXus, linked files";
  recording.dataset = group;
  recording.frames = std::make_shared<HdfFrames>(std::move(parts), count, number);
  if (!absent.empty())
    recording.notes.push_back(absent[0] +
                              ", which the file links to, is not beside it: what "
                              "comes from there on is missing");
  shape_scan(recording, options, std::nullopt);
  return recording;
}

}  // namespace

Recording open_hdf5(const Candidate& candidate, const OpenOptions& options) {
  const auto file = std::make_shared<const InputFile>(candidate.path);
  if (options.dataset.empty())
    if (auto linked = open_linked(file, options)) return *linked;
  const Kind kind = kind_of(*file);
  const Item item = choose(*file, kind, options.dataset);
  const hdf5::Block block = file->block(item.path);
  const Number number = read_as(item.type, file->path() + ": " + item.path);
  for (const std::size_t length : item.shape)
    if (length == 0) fail(file->path(), item.path + " is empty");

  const HdfFrames::Part part{file, item.path, item.shape};
  const std::size_t count = is_probe(*file, item) ? 1 : part.count();
  Recording recording;
  recording.path = candidate.path;
  recording.format = kind.name;
  recording.dataset = item.path;
  if (block.offset && name_of(number) == item.type) {
    RawLayout layout;
    layout.path = candidate.path;
    layout.offset = *block.offset;
    layout.count = count;
    layout.q_rows = item.shape[item.shape.size() - 2];
    layout.q_columns = item.shape.back();
    layout.number = number;
    layout.big_endian = block.big_endian;
    recording.frames = std::make_shared<RawFrames>(layout);
  } else {
    recording.frames =
        std::make_shared<HdfFrames>(std::vector<HdfFrames::Part>{part}, count, number);
  }
  std::optional<std::array<std::size_t, 2>> shape;
  if (item.shape.size() == 4) shape = {{item.shape[0], item.shape[1]}};
  shape_scan(recording, options, shape);

  const std::string node = parent(item.path);
  if (kind.name == "EMD 1.0" && item.shape.size() == 4) emd_scale(recording, *file, node);
  if (kind.name == "Prismatic" && item.shape.size() == 4) prismatic_scale(recording, *file, node);
  if (kind.name == "HyperSpy") hyperspy_scale(recording, *file, node, item.shape.size());
  return recording;
}

}  // namespace pendel::formats

#include "scan/write.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "core/error.hpp"
#include "io/files.hpp"
#include "io/scan_file.hpp"

namespace pendel {

namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::input, path + ": " + what);
}

/// Patterns that are read together: about 64 MB, whole rows of the scan if that is a row or more.
std::size_t block_of(const Recording& recording) {
  constexpr double bytes = 64e6;
  const double frame = double(recording.frames->pixels()) * sizeof(double);
  const auto frames = std::size_t(std::max(1.0, bytes / frame));
  const std::size_t rows = frames / recording.columns;
  return std::min(rows > 0 ? rows * recording.columns : frames, recording.positions());
}

using Take = std::function<void(std::size_t first, std::size_t count, const double* values)>;

/// Every recorded pattern in blocks, in order.
void for_blocks(const Recording& recording, const std::function<void(std::size_t)>& progress,
                const Take& take) {
  const std::size_t block = block_of(recording), pixels = recording.frames->pixels();
  std::vector<double> values(block * pixels);
  for (std::size_t first = 0; first < recording.recorded(); first += block) {
    const std::size_t count = std::min(block, recording.recorded() - first);
    recording.frames->read(first, count, values.data());
    take(first, count, values.data());
    if (progress) progress(first + count);
  }
}

/// An axis from 0, or around 0 for the pattern.
EmdAxis axis(const std::string& name, std::size_t count, double step, const std::string& units,
             bool centred) {
  EmdAxis result = index_axis(name, count);
  if (!std::isfinite(step)) return result;
  result.units = units;
  for (double& value : result.values)
    value = (value - (centred ? std::floor(double(count) / 2) : 0)) * step;
  return result;
}

std::array<EmdAxis, 4> axes_of(const Recording& recording) {
  const RecordedScale& s = recording.scale;
  return {axis("row", recording.rows, s.scan_step_A[0], "Å", false),
          axis("column", recording.columns, s.scan_step_A[1], "Å", false),
          axis("q_row", recording.frames->q_rows(), s.q_pixel[0], s.q_units, true),
          axis("q_column", recording.frames->q_columns(), s.q_pixel[1], s.q_units, true)};
}

/// What the source says, for the metadata of the copy.
EmdDictionary words_of(const Recording& recording) {
  EmdDictionary words{{"file", std::filesystem::path(recording.path).filename().string()},
                      {"format", recording.format}};
  if (std::isfinite(recording.energy_keV)) words.push_back({"energy_keV", recording.energy_keV});
  for (const auto& [key, value] : recording.properties) words.push_back({key, value});
  if (!recording.notes.empty()) words.push_back({"notes", recording.notes});
  return words;
}

void write_hspy_tree(const Recording& recording, hdf5::OutputFile& tree, const std::string& node) {
  tree.attribute("/", "file_format", "HyperSpy");
  tree.attribute("/", "file_format_version", "3.1");
  tree.group(node);
  tree.attribute(node, "package", "pendel");
  tree.attribute(node, "package_version", "");
  const auto axes = axes_of(recording);
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string name = node + "/axis-" + std::to_string(i);
    const std::vector<double>& values = axes[i].values;
    const char* names[] = {"y", "x", "ky", "kx"};
    tree.group(name);
    tree.attribute(name, "_type", "UniformDataAxis");
    tree.attribute(name, "name", names[i]);
    tree.attribute(name, "size", long(values.size()));
    tree.real_attribute(name, "scale", values.size() > 1 ? values[1] - values[0] : 1.0);
    tree.real_attribute(name, "offset", values[0]);
    tree.attribute(name, "units", axes[i].units.empty() ? "px" : axes[i].units);
    tree.flag(name, "navigate", i < 2);
    tree.flag(name, "is_binned", false);
  }
  for (const char* group :
       {"/metadata/General", "/metadata/Signal", "/original_metadata/pendel", "/learning_results"})
    tree.group(node + group);
  tree.attribute(node + "/metadata/General", "title",
                 std::filesystem::path(recording.path).stem().string());
  tree.attribute(node + "/metadata/Signal", "signal_type", "electron_diffraction");
  if (std::isfinite(recording.energy_keV)) {
    const std::string tem = node + "/metadata/Acquisition_instrument/TEM";
    tree.group(tem);
    tree.real_attribute(tem, "beam_energy", recording.energy_keV);
  }
  for (const auto& [key, value] : recording.properties)
    tree.attribute(node + "/original_metadata/pendel", key, value);
}

void write_hdf5(const Recording& recording, const std::string& path, bool hspy,
                const std::function<void(std::size_t)>& progress) {
  ScanFileLayout layout;
  layout.rows = recording.rows;
  layout.columns = recording.columns;
  layout.q_rows = recording.frames->q_rows();
  layout.q_columns = recording.frames->q_columns();
  layout.stored = recording.frames->number();
  if (hspy) layout.cubes = {"scan"};
  try {
    ScanWriter writer(path, "convert", layout, false);
    const std::size_t pixels = layout.pattern();
    for_blocks(recording, progress,
               [&](std::size_t first, std::size_t count, const double* values) {
                 for (std::size_t i = 0; i < count; ++i)
                   writer.write(first + i, values + i * pixels);
               });
    const std::vector<double> nothing(pixels);
    for (std::size_t i = recording.recorded(); i < layout.positions(); ++i)
      writer.write(i, nothing.data());
    if (hspy) {
      hdf5::OutputFile tree;
      write_hspy_tree(recording, tree, "/Experiments/scan");
      writer.finish(tree, "/Experiments", "");
    } else {
      EmdWriter rest("scan");
      rest.metadata("source", words_of(recording));
      writer.finish(rest, axes_of(recording), "pixel intensity", "diffraction patterns");
    }
  } catch (...) {
    ::unlink(ScanWriter::partial(path).c_str());
    ::unlink(ScanWriter::journal(path).c_str());
    throw;
  }
}

/// A file that gets its name when it is whole.
class PlainFile {
 public:
  explicit PlainFile(const std::string& path) : path_(path), temporary_(path + ".partial") {
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file_ < 0) stop();
  }
  ~PlainFile() {
    if (file_ < 0) return;
    ::close(file_);
    ::unlink(temporary_.c_str());
  }
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;

  void write(const void* bytes, std::size_t count, std::uint64_t offset) {
    if (!write_at(file_, bytes, count, offset)) stop();
  }
  void finish() {
    if (::fsync(file_) != 0 || std::rename(temporary_.c_str(), path_.c_str()) != 0) stop();
    ::close(file_);
    file_ = -1;
  }

 private:
  [[noreturn]] void stop() {
    fail(path_, std::string("cannot be written: ") + std::strerror(errno));
  }
  std::string path_, temporary_;
  int file_ = -1;
};

void write_npy(const Recording& recording, const std::string& path,
               const std::function<void(std::size_t)>& progress) {
  const Frames& frames = *recording.frames;
  const std::size_t bytes = bytes_of(frames.number()), frame = frames.pixels() * bytes;
  const std::string name = name_of(frames.number());
  std::string header = "{'descr': '" + std::string(bytes == 1 ? "|" : "<") + name[0] +
                       std::to_string(bytes) + "', 'fortran_order': False, 'shape': (" +
                       std::to_string(recording.rows) + ", " + std::to_string(recording.columns) +
                       ", " + std::to_string(frames.q_rows()) + ", " +
                       std::to_string(frames.q_columns()) + "), }";
  header.resize((10 + header.size() + 64) / 64 * 64 - 10 - 1, ' ');  // numbers begin at 64 n
  header += '\n';
  const std::string magic("\x93NUMPY\x01\x00", 8);
  const std::string start = magic + char(header.size() & 0xff) + char(header.size() >> 8) + header;
  check_room(path, double(start.size()) + double(frame) * double(recording.positions()));
  PlainFile file(path);
  file.write(start.data(), start.size(), 0);
  const std::size_t block = block_of(recording);
  std::vector<char> values(block * frame);
  for (std::size_t first = 0; first < recording.positions(); first += block) {
    const std::size_t count = std::min(block, recording.positions() - first);
    const std::size_t there =
        std::min(count, recording.recorded() - std::min(recording.recorded(), first));
    if (there > 0) frames.read_stored(first, there, values.data());
    std::fill(values.begin() + std::ptrdiff_t(there * frame), values.end(), '\0');
    file.write(values.data(), count * frame, start.size() + first * frame);
    if (progress) progress(std::min(first + count, recording.recorded()));
  }
  file.finish();
}

template <class T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(&bytes[at], &value, sizeof value);
}

void write_blo(const Recording& recording, const std::string& path,
               const std::function<void(std::size_t)>& progress) {
  constexpr std::size_t head = 4096, mark = 6;
  const Frames& frames = *recording.frames;
  const std::size_t edge = frames.q_rows();
  constexpr std::size_t most = std::numeric_limits<std::uint16_t>::max();
  if (edge != frames.q_columns())
    fail(path, "a .blo file holds square patterns; these are " + std::to_string(edge) + " x " +
                   std::to_string(frames.q_columns()));
  if (edge > most || recording.rows > most || recording.columns > most)
    fail(path, "a .blo file holds scans and patterns of at most 65535 along an edge");
  const std::uint64_t first_pattern = (head + recording.positions() + 15) / 16 * 16;
  if (first_pattern > std::numeric_limits<std::uint32_t>::max())
    fail(path, "this scan has too many positions for a .blo file");
  std::string start(head, '\0');
  start.replace(0, 6, "IMGBLO");
  const auto or_zero = [](double value) { return std::isfinite(value) ? value : 0; };
  put(start, 6, std::uint16_t(0x0102));
  put(start, 8, std::uint32_t(head));
  put(start, 12, std::uint32_t(first_pattern));
  put(start, 20, std::uint16_t(edge));
  put(start, 24, std::uint16_t(recording.columns));
  put(start, 26, std::uint16_t(recording.rows));
  put(start, 30, or_zero(recording.scale.scan_step_A[1]) / 10);
  put(start, 38, or_zero(recording.scale.scan_step_A[0]) / 10);
  put(start, 46, std::uint32_t(std::lround(1000 * or_zero(recording.energy_keV))));
  if (recording.scale.q_units == "mrad" && recording.scale.q_pixel[0] > 0) {
    // a camera length that makes a pixel 1 cm on the screen
    put(start, 50, std::uint16_t(100));
    put(start, 52, std::uint32_t(std::lround(1e5 / recording.scale.q_pixel[0])));
  }
  const std::size_t stride = mark + frames.pixels();
  check_room(path, double(first_pattern) + double(stride) * double(recording.positions()));
  PlainFile file(path);
  file.write(start.data(), head, 0);
  std::vector<double> sums(recording.positions());
  std::string patterns;
  const auto write = [&](std::size_t position, const double* values) {
    std::string bytes(stride, '\0');
    bytes[0] = '\xaa';
    bytes[1] = '\x55';
    put(bytes, 2, std::uint32_t(position));
    for (std::size_t i = 0; values && i < frames.pixels(); ++i) {
      if (!(values[i] >= 0 && values[i] <= 255) || values[i] != std::floor(values[i]))
        fail(path, "a .blo file holds whole numbers from 0 to 255; pattern " +
                       std::to_string(position) + " has " + std::to_string(values[i]));
      bytes[mark + i] = char(std::uint8_t(values[i]));
    }
    patterns += bytes;
  };
  for_blocks(recording, progress, [&](std::size_t first, std::size_t count, const double* values) {
    patterns.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const double* pattern = values + i * frames.pixels();
      write(first + i, pattern);
      for (std::size_t row = edge / 4; row < edge - edge / 4; ++row)  // the bright field, about
        for (std::size_t column = edge / 4; column < edge - edge / 4; ++column)
          sums[first + i] += pattern[row * edge + column];
    }
    file.write(patterns.data(), patterns.size(), first_pattern + first * stride);
  });
  for (std::size_t position = recording.recorded(); position < recording.positions(); ++position) {
    patterns.clear();
    write(position, nullptr);
    file.write(patterns.data(), patterns.size(), first_pattern + position * stride);
  }
  const double largest = std::max(1.0, *std::max_element(sums.begin(), sums.end()));
  std::string image(first_pattern - head, '\0');
  for (std::size_t i = 0; i < sums.size(); ++i)
    image[i] = char(std::lround(255 * sums[i] / largest));
  file.write(image.data(), image.size(), head);
  file.finish();
}

}  // namespace

void write_recording(const Recording& recording, const std::string& path,
                     const std::function<void(std::size_t)>& progress) {
  std::error_code error;
  if (std::filesystem::equivalent(recording.path, path, error))
    throw Error(ErrorKind::study, path + ": is the file that is read; give another name");
  const std::string extension = std::filesystem::path(path).extension().string();
  if (extension == ".h5" || extension == ".emd" || extension == ".hspy")
    return write_hdf5(recording, path, extension == ".hspy", progress);
  if (extension == ".npy") return write_npy(recording, path, progress);
  if (extension == ".blo") return write_blo(recording, path, progress);
  throw Error(ErrorKind::study, path + ": '" + extension +
                                    "' is no format that Pendel writes; .h5 and .emd (EMD 1.0), "
                                    ".hspy, .blo and .npy are");
}

}  // namespace pendel

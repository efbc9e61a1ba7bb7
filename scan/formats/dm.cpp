// DigitalMicrograph .dm3 and .dm4: a tree of tags in which images are tags too. The last image with
// the most dimensions is taken; the first is a thumbnail. Detector axes run fastest where the tag
// "Data Order Swapped" says so, scan axes where a file of four dimensions has no such tag.
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>

#include "scan/formats/format.hpp"

namespace pendel::formats {

namespace {

/// Tags by their paths ("ImageList.1.ImageData.Dimensions.0"); arrays by where they lie.
struct Tags {
  struct Data {
    std::uint64_t offset = 0, count = 0;
    std::uint64_t type = 0;
  };
  std::map<std::string, double> numbers;
  std::map<std::string, std::string> texts;
  std::map<std::string, Data> arrays;
};

class TagReader {
 public:
  explicit TagReader(const Candidate& file)
      : path_(file.path), size_(file.size), in_(file.path, std::ios::binary) {
    version4_ = file.head[3] == 4;
    in_.seekg(4);
    word();  // length of the file
    little_ = integer(4, true) == 1;
    group("", 0);
  }
  Tags tags;
  bool little() const { return little_; }

 private:
  [[noreturn]] void bad() { fail(path_, "this DigitalMicrograph file is truncated or damaged"); }

  void read(void* to, std::size_t bytes) {
    if (!in_.read(static_cast<char*>(to), std::streamsize(bytes))) bad();
  }
  std::uint64_t integer(std::size_t bytes, bool big_endian) {
    unsigned char text[8] = {};
    read(text, bytes);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value |= std::uint64_t(text[i]) << 8 * (big_endian ? bytes - 1 - i : i);
    return value;
  }
  /// Sizes of the tree: 4 bytes in version 3, 8 in version 4, big-endian.
  std::uint64_t word() { return integer(version4_ ? 8 : 4, true); }
  void skip(std::uint64_t bytes) {
    const std::uint64_t at = std::uint64_t(in_.tellg());
    if (bytes > size_ || at + bytes > size_) bad();
    in_.seekg(std::streamoff(at + bytes));
  }

  static std::size_t bytes_of_type(std::uint64_t type) {
    switch (type) {
      case 8:
      case 9:
      case 10:
        return 1;
      case 2:
      case 4:
        return 2;
      case 3:
      case 5:
      case 6:
        return 4;
      case 7:
      case 11:
      case 12:
        return 8;
      default:
        return 0;
    }
  }

  double number(std::uint64_t type) {
    const std::size_t bytes = bytes_of_type(type);
    if (bytes == 0) bad();
    const std::uint64_t bits = integer(bytes, !little_);
    switch (type) {
      case 2:
        return double(std::int16_t(bits));
      case 3:
        return double(std::int32_t(bits));
      case 11:
        return double(std::int64_t(bits));
      case 6: {
        const auto low = std::uint32_t(bits);
        float value;
        std::memcpy(&value, &low, sizeof value);
        return double(value);
      }
      case 7: {
        double value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
      }
      default:
        return double(bits);
    }
  }

  void group(const std::string& path, int depth) {
    if (depth > 64) bad();
    skip(2);  // sorted, open
    const std::uint64_t count = word();
    std::size_t unnamed = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t kind = integer(1, true);
      if (kind == 0) return;
      std::string name(integer(2, true), '\0');
      if (!name.empty()) read(&name[0], name.size());
      if (name.empty()) name = std::to_string(unnamed++);
      const std::string below = path.empty() ? name : path + "." + name;
      if (version4_) skip(8);  // length of the tag
      if (kind == 20)
        group(below, depth + 1);
      else if (kind == 21)
        data(below);
      else
        bad();
    }
  }

  /// Types of a structure's fields; the length of its name is not used.
  std::vector<std::uint64_t> fields() {
    word();
    const std::uint64_t count = word();
    if (count > 100000) bad();
    std::vector<std::uint64_t> types;
    for (std::uint64_t i = 0; i < count; ++i) {
      word();
      types.push_back(word());
    }
    return types;
  }

  void data(const std::string& path) {
    char mark[4];
    read(mark, 4);
    if (std::memcmp(mark, "%%%%", 4) != 0) bad();
    word();  // how many words follow
    const std::uint64_t type = word();
    constexpr std::uint64_t structure = 15, text = 18, array = 20;
    if (type == structure) {
      std::size_t i = 0;
      for (const std::uint64_t field : fields())
        tags.numbers[path + "." + std::to_string(i++)] = number(field);
    } else if (type == text) {
      skip(word());
    } else if (type == array) {
      Tags::Data found;
      found.type = word();
      std::uint64_t bytes = bytes_of_type(found.type);
      if (found.type == structure) {
        bytes = 0;
        for (const std::uint64_t field : fields()) bytes += bytes_of_type(field);
      }
      if (bytes == 0) bad();
      found.count = word();
      found.offset = std::uint64_t(in_.tellg());
      if (found.count > size_ / bytes) bad();
      if (found.type == 4 && found.count > 0 && found.count < 4096) {  // UTF-16
        std::string& words = tags.texts[path];
        for (std::uint64_t i = 0; i < found.count; ++i) {
          const std::uint64_t c = integer(2, !little_);
          if (c < 0x80) {
            words += char(c);
          } else {  // to UTF-8; units have nothing beyond two bytes but Å's old sign
            words += c == 0x212b
                         ? std::string("Å")
                         : std::string{char(0xc0 | (c >> 6 & 0x1f)), char(0x80 | (c & 0x3f))};
          }
        }
        tags.arrays[path] = found;
      } else {
        skip(found.count * bytes);
        tags.arrays[path] = found;
      }
    } else {
      tags.numbers[path] = number(type);
    }
  }

  std::string path_;
  std::uint64_t size_;
  std::ifstream in_;
  bool version4_ = false, little_ = true;
};

/// Of ImageData.DataType.
Number number_type(const std::string& path, double type) {
  switch (int(type)) {
    case 1:
      return Number::int16;
    case 2:
      return Number::float32;
    case 6:
      return Number::uint8;
    case 7:
      return Number::int32;
    case 9:
      return Number::int8;
    case 10:
      return Number::uint16;
    case 11:
      return Number::uint32;
    case 12:
      return Number::float64;
    case 14:
      return Number::uint8;  // truth values
    default:
      fail(path, "its image is of DigitalMicrograph's type " + std::to_string(int(type)) +
                     "; whole and real numbers of one value per pixel can be read");
  }
}

}  // namespace

Recording open_dm(const Candidate& file, const OpenOptions& options) {
  const TagReader reader(file);
  const Tags& tags = reader.tags;
  std::string image;
  std::vector<std::size_t> lengths;  // fastest first
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "ImageList." + std::to_string(i);
    const std::string dimensions = name + ".ImageData.Dimensions.";
    if (!tags.numbers.count(dimensions + "0")) {
      if (i > 0) break;
      continue;
    }
    std::vector<std::size_t> found;
    for (std::size_t d = 0; d < 10 && tags.numbers.count(dimensions + std::to_string(d)); ++d)
      found.push_back(std::size_t(std::max(0.0, tags.numbers.at(dimensions + std::to_string(d)))));
    if (tags.arrays.count(name + ".ImageData.Data") && found.size() >= lengths.size()) {
      lengths = found;
      image = name;
    }
  }
  if (image.empty()) fail(file.path, "this DigitalMicrograph file holds no image");
  if (lengths.size() < 2 || lengths.size() > 4)
    fail(file.path, "its image has " + std::to_string(lengths.size()) +
                        " dimensions; a scan has four, a list of patterns three, one pattern two");
  const auto number = [&](const std::string& name, double otherwise) {
    const auto found = tags.numbers.find(image + name);
    return found == tags.numbers.end() ? otherwise : found->second;
  };
  const Tags::Data& data = tags.arrays.at(image + ".ImageData.Data");
  RawLayout layout;
  layout.path = file.path;
  layout.offset = data.offset;
  layout.number = number_type(file.path, number(".ImageData.DataType", 0));
  layout.big_endian = !reader.little();
  const bool swapped = number(".ImageTags.Meta Data.Data Order Swapped", -1) == 1;
  const bool scan_first = lengths.size() == 4 && !swapped;  // which pair of axes runs fastest
  const std::size_t q = scan_first ? 2 : 0;
  layout.q_columns = lengths[q];
  layout.q_rows = lengths[q + 1];
  layout.frames_fastest = scan_first;
  std::optional<std::array<std::size_t, 2>> shape;
  layout.count = 1;
  if (lengths.size() == 3) layout.count = lengths[2];
  if (lengths.size() == 4) {
    shape = {{lengths[scan_first ? 1 : 3], lengths[scan_first ? 0 : 2]}};
    if ((*shape)[1] > 0 && (*shape)[0] > (std::size_t(1) << 40) / (*shape)[1])
      fail(file.path, "its image has senseless dimensions");
    layout.count = (*shape)[0] * (*shape)[1];
  }
  if (double(layout.count) * double(layout.q_rows) * double(layout.q_columns) != double(data.count))
    fail(file.path, "its image has " + std::to_string(data.count) +
                        " numbers, which are not those of its dimensions");

  Recording recording;
  recording.path = file.path;
  recording.format = file.head[3] == 4 ? "DigitalMicrograph 4" : "DigitalMicrograph 3";
  recording.frames = std::make_shared<RawFrames>(layout);
  if (scan_first)
    recording.notes.push_back(
        "the file does not say which axes are the scan's; its fastest two are taken for it");
  shape_scan(recording, options, shape);
  const auto calibration = [&](std::size_t dimension, auto set, std::size_t axis) {
    const std::string name = ".ImageData.Calibrations.Dimension." + std::to_string(dimension);
    const auto unit = tags.texts.find(image + name + ".Units");
    if (unit != tags.texts.end())
      set(recording, axis, number(name + ".Scale", not_recorded), unit->second);
  };
  for (std::size_t axis : {0, 1}) {  // row, column
    calibration(q + 1 - axis, set_q_pixel, axis);
    if (lengths.size() == 4) calibration((scan_first ? 0 : 2) + 1 - axis, set_scan_step, axis);
  }
  const double volts = number(".ImageTags.Microscope Info.Voltage", 0);
  if (volts > 0) recording.energy_keV = volts / 1000;
  return recording;
}

}  // namespace pendel::formats

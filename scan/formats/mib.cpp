// Merlin (Medipix) .mib: every frame has a text header of its own. Frames are processed (U08, U16,
// U32) or as the chips send them (R64). A .hdr file beside it may say how the scan was.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "scan/formats/format.hpp"

namespace pendel::formats {

namespace {

constexpr std::size_t chip = 256;  // pixels along an edge

struct Header {
  std::size_t bytes = 0, chips = 0, width = 0, height = 0, depth = 0;
  std::string type, layout, exposure;
};

Header header_of(const Candidate& file) {
  std::vector<std::string> fields;
  const std::string text = file.head.substr(0, file.head.find('\0'));
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    std::string field = text.substr(at, end - at);
    field.erase(0, field.find_first_not_of(' '));
    fields.push_back(field.substr(0, field.find_last_not_of(" \r\n") + 1));
    at = end + 1;
  }
  while (!fields.empty() && fields.back().empty()) fields.pop_back();
  if (fields.size() < 9) fail(file.path, "its Merlin header is incomplete");
  const auto whole = [&](std::size_t i, const char* what) -> std::size_t {
    const std::string& field = fields[i];
    if (field.empty() || field.size() > 7 ||
        field.find_first_not_of("0123456789") != std::string::npos)
      fail(file.path, std::string("its Merlin header has '") + field + "' for " + what);
    return std::stoul(field);
  };
  Header header{whole(2, "the header's size"),
                whole(3, "the number of chips"),
                whole(4, "the width"),
                whole(5, "the height"),
                0,
                fields[6],
                fields[7],
                ""};
  // the bits of the counter are the last field of the part after MQ1A
  for (std::size_t i = 9; i + 1 < fields.size(); ++i)
    if (fields[i] == "MQ1A") {
      header.depth = whole(fields.size() - 1, "the counter's depth");
      for (const std::string& field : fields)
        if (field.size() > 2 && field.compare(field.size() - 2, 2, "ns") == 0)
          header.exposure = field;
    }
  return header;
}

// Numbers of one 12-bit frame come in big-endian groups of four, the last first.
std::uint16_t twelve_bits(const unsigned char* bytes, std::size_t pixel) {
  const std::size_t i = 2 * (pixel ^ 3);
  return std::uint16_t(bytes[i] << 8 | bytes[i + 1]);
}

/// Pixel `i` of the detector's stream: groups of 64 bits come with their last byte first.
std::uint32_t raw_pixel(const unsigned char* bytes, std::size_t i, std::size_t pixels,
                        std::size_t depth) {
  switch (depth) {
    case 1:
      return bytes[i / 8 ^ 7] >> (i % 8) & 1;
    case 6:
      return bytes[i ^ 7];
    case 12:
      return twelve_bits(bytes, i);
    default:  // two frames, the upper bits first
      return std::uint32_t(twelve_bits(bytes, i)) << 12 | twelve_bits(bytes + 2 * pixels, i);
  }
}

template <class Stored>
void decode_raw(const unsigned char* bytes, void* values, std::size_t chips, std::size_t depth) {
  auto* to = static_cast<char*>(values);
  const std::size_t pixels = chips * chip * chip;
  for (std::size_t row = 0; row < chip; ++row)
    for (std::size_t block = 0; block < chips; ++block)
      for (std::size_t column = 0; column < chip; ++column) {
        const std::uint32_t value =
            raw_pixel(bytes, (row * chips + block) * chip + column, pixels, depth);
        // four chips: [[1, 2], [3, 4]], sent as 4, 3, 2, 1; 3 and 4 stand upside down
        std::size_t at = row * chips * chip + block * chip + column;
        if (chips == 4) {
          const bool lower = block < 2, right = block % 2 == 0;
          const std::size_t y = lower ? 2 * chip - 1 - row : row;
          const std::size_t x = (right ? chip : 0) + (lower ? chip - 1 - column : column);
          at = y * 2 * chip + x;
        }
        const auto stored = Stored(value);
        std::memcpy(to + at * sizeof stored, &stored, sizeof stored);
      }
}

RawLayout raw_layout(const Candidate& file, const Header& header) {
  RawLayout layout;
  const std::size_t depth = header.depth;
  if (depth != 1 && depth != 6 && depth != 12 && depth != 24)
    fail(file.path, "raw frames of a counter of " + std::to_string(depth) +
                        " bits are not known; 1, 6, 12 and 24 bits are");
  if ((header.chips != 1 && header.chips != 4) || header.height != chip ||
      header.width != header.chips * chip * (depth == 24 ? 2 : 1))
    fail(file.path, "raw frames of " + std::to_string(header.chips) + " chips, " +
                        std::to_string(header.width) + " x " + std::to_string(header.height) +
                        " pixels, are not known; whole single and quad detectors are");
  const std::size_t chips = header.chips, edge = chips == 4 ? 2 * chip : chip;
  layout.q_rows = layout.q_columns = edge;
  layout.number = depth <= 6 ? Number::uint8 : depth == 12 ? Number::uint16 : Number::uint32;
  layout.encoded_bytes = edge * edge *
                         (depth == 1    ? 1
                          : depth == 6  ? 8
                          : depth == 12 ? 16
                                        : 32) /
                         8;
  layout.decode = [chips, depth](const unsigned char* bytes, void* values) {
    if (depth <= 6) return decode_raw<std::uint8_t>(bytes, values, chips, depth);
    if (depth == 12) return decode_raw<std::uint16_t>(bytes, values, chips, depth);
    decode_raw<std::uint32_t>(bytes, values, chips, depth);
  };
  return layout;
}

/// "key:\tvalue" lines of the .hdr file; empty without one.
std::map<std::string, std::string> companion(const std::string& path) {
  std::map<std::string, std::string> result;
  for (const char* extension : {".hdr", ".HDR"}) {
    std::ifstream in(std::filesystem::path(path).replace_extension(extension));
    for (std::string line; std::getline(in, line) && line.compare(0, 3, "End") != 0;) {
      const auto colon = line.find(":\t");
      if (colon == std::string::npos) continue;
      const auto end = line.find_last_not_of(" \r\t");
      if (end != std::string::npos && end > colon + 1)
        result[line.substr(0, colon)] = line.substr(colon + 2, end - colon - 1);
    }
  }
  return result;
}

std::size_t count_in(const std::map<std::string, std::string>& words, const std::string& key) {
  const auto found = words.find(key);
  return found == words.end() ? 0 : std::strtoul(found->second.c_str(), nullptr, 10);
}

}  // namespace

Recording open_mib(const Candidate& file, const OpenOptions& options) {
  const Header header = header_of(file);
  RawLayout layout;
  if (header.type == "R64") {
    layout = raw_layout(file, header);
  } else {
    if (header.type != "U08" && header.type != "U16" && header.type != "U32")
      fail(file.path,
           "pixels of type '" + header.type + "' are not known; U08, U16, U32 and R64 are");
    layout.number = header.type == "U08"   ? Number::uint8
                    : header.type == "U16" ? Number::uint16
                                           : Number::uint32;
    layout.q_rows = header.height;
    layout.q_columns = header.width;
    layout.big_endian = true;
    layout.encoded_bytes = header.width * header.height * bytes_of(layout.number);
  }
  if (layout.encoded_bytes == 0 || header.bytes == 0)
    fail(file.path, "its Merlin header says that patterns have no pixels");
  layout.path = file.path;
  layout.offset = header.bytes;
  layout.stride = header.bytes + layout.encoded_bytes;
  layout.count = file.size / layout.stride;

  Recording recording;
  recording.path = file.path;
  recording.format = header.type == "R64" ? "Merlin, raw" : "Merlin";
  recording.frames = std::make_shared<RawFrames>(layout);
  recording.properties = {{"counter depth", std::to_string(header.depth) + " bits"},
                          {"chips", std::to_string(header.chips) + ", " + header.layout}};
  if (!header.exposure.empty()) recording.properties.push_back({"exposure", header.exposure});
  if (file.size % layout.stride != 0)
    recording.notes.push_back("the last pattern is incomplete and left out");

  const auto words = companion(file.path);
  std::optional<std::array<std::size_t, 2>> shape;
  if (count_in(words, "ScanX") > 0 && count_in(words, "ScanY") > 0) {
    shape = {{count_in(words, "ScanY"), count_in(words, "ScanX")}};
  } else if (const std::size_t together = count_in(words, "Frames per Trigger (Number)");
             together > 1) {
    const std::size_t frames =
        std::max(layout.count, count_in(words, "Frames in Acquisition (Number)"));
    shape = {{(frames + together - 1) / together, together}};
  }
  shape_scan(recording, options, shape);
  return recording;
}

}  // namespace pendel::formats

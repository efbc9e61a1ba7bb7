// MRC, as Velox and direct-electron detectors write 4D-STEM: sections are patterns. [MRC2014]
#include "scan/formats/format.hpp"

namespace pendel::formats {

Recording open_mrc(const Candidate& file, const OpenOptions& options) {
  const bool big = file.head.size() > 212 && file.head[212] == 0x11;
  const auto at = [&](std::size_t offset) { return number_at<std::int32_t>(file, offset, big); };
  const std::int32_t columns = at(0), rows = at(4), sections = at(8), mode = at(12),
                     extended = at(92);
  if (columns <= 0 || rows <= 0 || sections <= 0 || extended < 0)
    fail(file.path, "its MRC header has no sensible sizes");
  RawLayout layout;
  switch (mode) {
    case 0:
      layout.number = Number::int8;
      break;
    case 1:
      layout.number = Number::int16;
      break;
    case 2:
      layout.number = Number::float32;
      break;
    case 6:
      layout.number = Number::uint16;
      break;
    default:
      fail(file.path, "MRC mode " + std::to_string(mode) +
                          " is not known; 0 (int8), 1 (int16), 2 (float32), 6 (uint16) are");
  }
  layout.path = file.path;
  layout.offset = 1024 + std::uint64_t(extended);
  layout.q_rows = std::size_t(rows);
  layout.q_columns = std::size_t(columns);
  layout.big_endian = big;
  const std::uint64_t frame = layout.q_rows * layout.q_columns * bytes_of(layout.number);
  const std::uint64_t there = file.size > layout.offset ? (file.size - layout.offset) / frame : 0;
  layout.count = std::min<std::uint64_t>(there, std::uint64_t(sections));

  Recording recording;
  recording.path = file.path;
  recording.format = "MRC";
  recording.frames = std::make_shared<RawFrames>(layout);
  if (there < std::uint64_t(sections))
    recording.notes.push_back("the header says " + std::to_string(sections) +
                              " patterns, the file ends after " + std::to_string(there));
  shape_scan(recording, options, std::nullopt);
  return recording;
}

}  // namespace pendel::formats

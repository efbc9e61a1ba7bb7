// NanoMEGAS block files: a packed little-endian header, an image of the virtual bright field, then
// patterns of 8 bits, each behind a mark of six bytes.
#include "scan/formats/format.hpp"

namespace pendel::formats {

Recording open_blo(const Candidate& file, const OpenOptions& options) {
  constexpr std::size_t mark = 6;
  RawLayout layout;
  layout.path = file.path;
  layout.q_rows = layout.q_columns = number_at<std::uint16_t>(file, 20);
  const std::size_t columns = number_at<std::uint16_t>(file, 24);
  const std::size_t rows = number_at<std::uint16_t>(file, 26);
  const std::uint64_t first = number_at<std::uint32_t>(file, 12);
  if (layout.q_rows == 0 || rows == 0 || columns == 0)
    fail(file.path, "its header says that there are no patterns");
  layout.offset = first + mark;
  layout.stride = mark + layout.q_rows * layout.q_columns;
  layout.count = file.size > first ? (file.size - first) / layout.stride : 0;

  Recording recording;
  recording.path = file.path;
  recording.format = "NanoMEGAS block file";
  recording.frames = std::make_shared<RawFrames>(layout);
  shape_scan(recording, options, {{rows, columns}});
  set_scan_step(recording, 0, number_at<double>(file, 38), "nm");
  set_scan_step(recording, 1, number_at<double>(file, 30), "nm");
  const double volts = number_at<std::uint32_t>(file, 46);
  if (volts > 0) recording.energy_keV = volts / 1000;
  // pixels per cm of the screen (x 100), camera length in mm (x 10)
  const double per_cm = number_at<std::uint16_t>(file, 50) / 100.0;
  const double camera_mm = number_at<std::uint32_t>(file, 52) / 10.0;
  if (per_cm > 0 && camera_mm > 0) {
    for (std::size_t axis : {0, 1})
      set_q_pixel(recording, axis, 1e4 / (per_cm * camera_mm), "mrad");
    recording.notes.push_back("the size of a pixel is that of the nominal camera length");
  }
  std::string note;
  if (file.head.size() > 240) note = file.head.substr(240, file.head.find('\0', 240) - 240);
  while (!note.empty() && std::isspace(static_cast<unsigned char>(note.back()))) note.pop_back();
  for (char& c : note)
    if (c == '\n' || c == '\r') c = ';';
  if (!note.empty()) recording.properties.push_back({"note", note});
  return recording;
}

}  // namespace pendel::formats

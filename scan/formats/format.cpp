#include "scan/formats/format.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/electron.hpp"

namespace pendel::formats {

Candidate candidate(const std::string& path) {
  Candidate file;
  file.path = path;
  std::error_code error;
  file.size = std::filesystem::file_size(path, error);
  std::ifstream in(path, std::ios::binary);
  if (error || !in) fail(path, "there is no such file, or it may not be read");
  file.extension = std::filesystem::path(path).extension().string();
  for (char& c : file.extension) c = char(std::tolower(static_cast<unsigned char>(c)));
  file.head.resize(std::min<std::uint64_t>(file.size, 4096));
  in.read(file.head.data(), std::streamsize(file.head.size()));
  return file;
}

template <class T>
T number_at(const Candidate& file, std::size_t offset, bool big_endian) {
  if (offset + sizeof(T) > file.head.size()) fail(file.path, "ends within its header");
  unsigned char bytes[sizeof(T)];
  std::copy_n(file.head.begin() + std::ptrdiff_t(offset), sizeof(T), bytes);
  if (big_endian) std::reverse(bytes, bytes + sizeof(T));
  T value;
  std::copy_n(bytes, sizeof(T), reinterpret_cast<unsigned char*>(&value));
  return value;
}
template std::uint16_t number_at(const Candidate&, std::size_t, bool);
template std::uint32_t number_at(const Candidate&, std::size_t, bool);
template std::int32_t number_at(const Candidate&, std::size_t, bool);
template std::int64_t number_at(const Candidate&, std::size_t, bool);
template float number_at(const Candidate&, std::size_t, bool);
template double number_at(const Candidate&, std::size_t, bool);

void shape_scan(Recording& recording, const OpenOptions& options,
                std::optional<std::array<std::size_t, 2>> in_file) {
  const std::size_t frames = recording.frames->count();
  if (frames == 0) fail(recording.path, "holds no whole pattern");
  const std::string there = std::to_string(frames) + (frames == 1 ? " pattern" : " patterns");
  const auto shape = options.scan_shape ? options.scan_shape : in_file;
  if (shape) {
    recording.rows = (*shape)[0];
    recording.columns = (*shape)[1];
    // an absurd shape must not overflow
    const bool sane = recording.rows > 0 && recording.columns > 0 &&
                      recording.columns <= (std::size_t(1) << 40) / recording.rows;
    const std::string said =
        std::to_string(recording.rows) + " x " + std::to_string(recording.columns);
    if (options.scan_shape && (!sane || recording.positions() < frames))
      fail(recording.path,
           "a scan of " + said + " (rows x columns) does not hold the " + there + " of the file");
    if (sane && recording.positions() >= frames &&
        (options.scan_shape || recording.positions() <= 2 * frames ||
         recording.positions() - frames <= recording.columns)) {
      if (recording.positions() > frames)
        recording.notes.push_back("the last " + std::to_string(recording.positions() - frames) +
                                  " of " + said + " positions were not recorded");
      return;
    }
    if (sane && recording.positions() < frames) {
      recording.notes.push_back("the file holds " + there + "; the first " + said +
                                " (rows x columns) are taken, as its header says");
      return;
    }
    recording.notes.push_back("the header's scan of " + said + " does not fit the " + there);
  }
  const auto edge = std::size_t(std::llround(std::sqrt(double(frames))));
  recording.rows = edge * edge == frames ? edge : 1;
  recording.columns = frames / recording.rows;
  if (frames > 1)
    recording.notes.push_back("the file does not say how its " + there +
                              " lie in the scan; taken as " + std::to_string(recording.rows) +
                              " x " + std::to_string(recording.columns) +
                              " (rows x columns): say otherwise by scan_shape");
}

namespace {

// "1/nm", "nm^-1", "$nm^{-1}$" and their like as "1/nm"; Å as "A", µ as "u".
std::string plain(const std::string& unit) {
  std::string text;
  for (std::size_t i = 0; i < unit.size(); ++i) {
    const std::string two = unit.substr(i, 2), three = unit.substr(i, 3);
    if (two == "Å" || three == "Å") {
      text += 'A';
      i += two == "Å" ? 1 : 2;
    } else if (two == "µ" || two == "μ") {
      text += 'u';
      ++i;
    } else if (unit[i] == '\xc5' || unit[i] == '\xb5') {  // the same in Latin-1
      text += unit[i] == '\xc5' ? 'A' : 'u';
    } else if (std::string(" \t$^{}()[]\\_").find(unit[i]) == std::string::npos) {
      text += unit[i];
    }
  }
  for (const std::string word : {"angstroms", "angstrom", "Angstroms", "Angstrom", "Ang"})
    if (const auto at = text.find(word); at != std::string::npos)
      text.replace(at, word.size(), "A");
  if (text.size() > 2 && text.compare(text.size() - 2, 2, "-1") == 0)
    text = "1/" + text.substr(0, text.size() - 2);
  return text;
}

const std::map<std::string, double> lengths_A{{"A", 1},    {"nm", 10},  {"pm", 0.01},
                                              {"um", 1e4}, {"mm", 1e7}, {"m", 1e10}};
const std::map<std::string, double> angles_mrad{
    {"mrad", 1}, {"rad", 1000}, {"urad", 1e-3}, {"deg", 1000 * electron::pi / 180}};

bool says_nothing(double step, const std::string& unit) {
  return !std::isfinite(step) || step == 0 || unit.empty() || unit == "pixels" || unit == "pixel" ||
         unit == "px" || unit == "none" || unit == "None" || unit == "unknown" ||
         unit == "<undefined>";
}

void unknown_unit(Recording& recording, const std::string& axis, double step,
                  const std::string& unit) {
  char number[32];
  std::snprintf(number, sizeof number, "%.6g ", step);
  recording.notes.push_back("the step of the axis " + axis + ", " + number + unit +
                            ", is left out: its unit is not known");
}

}  // namespace

void set_q_pixel(Recording& recording, std::size_t axis, double step, const std::string& unit) {
  const std::string text = plain(unit);
  if (says_nothing(step, text)) return;
  RecordedScale& scale = recording.scale;
  const bool reciprocal = text.compare(0, 2, "1/") == 0 && lengths_A.count(text.substr(2)) > 0;
  if (!reciprocal && !angles_mrad.count(text))
    return unknown_unit(recording, axis == 0 ? "q_row" : "q_column", step, unit);
  scale.q_units = reciprocal ? "1/Å" : "mrad";
  scale.q_pixel[axis] =
      std::abs(reciprocal ? step / lengths_A.at(text.substr(2)) : step * angles_mrad.at(text));
}

void set_scan_step(Recording& recording, std::size_t axis, double step, const std::string& unit) {
  const std::string text = plain(unit);
  if (says_nothing(step, text)) return;
  if (!lengths_A.count(text))
    return unknown_unit(recording, axis == 0 ? "row" : "column", step, unit);
  recording.scale.scan_step_A[axis] = std::abs(step * lengths_A.at(text));
}

}  // namespace pendel::formats

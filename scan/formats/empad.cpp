// EMPAD: frames of 130 rows of 128 numbers, of which the last two are no image. An XML file beside
// the .raw says how the scan was; without it, the file's name does.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "scan/formats/format.hpp"

namespace pendel::formats {

namespace {

constexpr std::size_t edge = 128, stored_rows = 130;

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// What stands between <name ...> and </name>; empty without.
std::string element(const std::string& xml, const std::string& name) {
  for (std::size_t at = 0; (at = xml.find("<" + name, at)) != std::string::npos; ++at) {
    const char after = at + name.size() + 1 < xml.size() ? xml[at + name.size() + 1] : ' ';
    if (after != '>' && after != ' ') continue;
    const auto begin = xml.find('>', at), end = xml.find("</" + name + ">", at);
    if (end == std::string::npos || begin >= end) return "";
    return xml.substr(begin + 1, end - begin - 1);
  }
  return "";
}

std::string raw_name(const std::string& xml) {
  const std::string before = "<raw_file filename=\"";
  const auto at = xml.find(before);
  if (at == std::string::npos) return "";
  const auto begin = at + before.size();
  return xml.substr(begin, xml.find('"', begin) - begin);
}

/// The XML file that names this .raw file; empty without.
std::string companion(const std::filesystem::path& raw) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  const auto folder = raw.has_parent_path() ? raw.parent_path() : std::filesystem::path(".");
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".xml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files)
    if (const std::string xml = text_of(file.string()); raw_name(xml) == raw.filename()) return xml;
  return "";
}

std::optional<std::array<std::size_t, 2>> shape_of(const std::string& rows,
                                                   const std::string& columns) {
  const std::size_t r = std::strtoul(rows.c_str(), nullptr, 10),
                    c = std::strtoul(columns.c_str(), nullptr, 10);
  if (r == 0 || c == 0) return std::nullopt;
  return {{r, c}};
}

}  // namespace

Recording open_empad(const Candidate& file, const OpenOptions& options) {
  std::filesystem::path raw = file.path;
  std::string xml;
  if (file.extension == ".xml") {
    xml = text_of(file.path);
    raw = raw.parent_path() / std::filesystem::path(raw_name(xml)).filename();
    if (!std::filesystem::is_regular_file(raw))
      fail(file.path, "names the patterns' file " + raw_name(xml) + ", which is not beside it");
  } else {
    xml = companion(raw);
  }
  RawLayout layout;
  layout.path = raw.string();
  layout.q_rows = layout.q_columns = edge;
  layout.number = Number::float32;
  layout.stride = stored_rows * edge * 4;
  const std::uint64_t size = std::filesystem::file_size(raw);
  layout.count = size / layout.stride;
  if (layout.count == 0)
    fail(raw.string(),
         "is shorter than one EMPAD frame (130 x 128 numbers of 32 bits); raw data of "
         "other detectors are not known");

  Recording recording;
  recording.path = raw.string();
  recording.format = "EMPAD";
  recording.frames = std::make_shared<RawFrames>(layout);
  if (size % layout.stride != 0) {
    if (xml.empty())
      recording.notes.push_back(
          "the size is no multiple of an EMPAD frame: is this a file of that detector?");
    else
      recording.notes.push_back("the last pattern is incomplete and left out");
  }
  auto shape = shape_of(element(xml, "pix_y"), element(xml, "pix_x"));
  std::smatch match;
  const std::string name = raw.filename().string();
  if (!shape && std::regex_search(name, match, std::regex("_x([0-9]{1,6})_y([0-9]{1,6})")))
    shape = shape_of(match[2], match[1]);
  const std::string series = element(xml, "count");
  if (!shape && !series.empty()) shape = shape_of("1", series);
  if (!shape && std::regex_search(name, match, std::regex("_x([0-9]{1,9})\\.raw$")))
    shape = shape_of("1", match[1]);
  shape_scan(recording, options, shape);

  const auto number = [&](const char* element_name) {
    return std::strtod(element(xml, element_name).c_str(), nullptr);
  };
  for (const char* volts : {"high_voltage", "source.get_voltage"})
    if (number(volts) > 0) recording.energy_keV = number(volts) / 1000;
  for (std::size_t axis : {0, 1}) {
    set_q_pixel(recording, axis, number("calibrated_diffraction_angle"), "rad");
    set_scan_step(recording, axis, number("calibrated_pixelsize"), "m");
  }
  for (const char* name_of_length : {"nominal_camera_length", "optics.get_cameralength"})
    if (!element(xml, name_of_length).empty())
      recording.properties.push_back({"camera length", element(xml, name_of_length) + " m"});
  return recording;
}

}  // namespace pendel::formats

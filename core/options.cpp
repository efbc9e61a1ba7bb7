#include "core/options.hpp"

#include <charconv>

namespace pendel {

namespace {

// Endings that mean a unit, with the unit as it is printed. Those that no key of Pendel uses are
// here so that a key with the wrong one is recognised.
const std::vector<std::pair<std::string, std::string>> unit_endings = {
    {"_A", "Å"},      {"_invA", "1/Å"},  {"_A2", "Å²"},   {"_invA2", "1/Å²"}, {"_uCcm2", "µC/cm²"},
    {"_keV", "keV"},  {"_mrad", "mrad"}, {"_deg", "°"},   {"_nm", "nm"},      {"_pm", "pm"},
    {"_um", "µm"},    {"_mm", "mm"},     {"_m", "m"},     {"_invnm", "1/nm"}, {"_nm2", "nm²"},
    {"_kV", "kV"},    {"_eV", "eV"},     {"_MeV", "MeV"}, {"_V", "V"},        {"_rad", "rad"},
    {"_urad", "µrad"}};

const std::pair<std::string, std::string>* unit_ending(const std::string& key) {
  const auto underscore = key.rfind('_');
  if (underscore == std::string::npos) return nullptr;
  for (const auto& unit : unit_endings)
    if (key.compare(underscore, std::string::npos, unit.first) == 0) return &unit;
  return nullptr;
}

}  // namespace

std::string Spec::allowed() const {
  const bool from = std::isfinite(low), to = std::isfinite(high);
  if (from && to) return number_text(low) + " to " + number_text(high);
  if (from) return (low_excluded ? "above " : "at least ") + number_text(low);
  return to ? "at most " + number_text(high) : "";
}

const Field* Field::find(const std::string& name) const {
  for (const Field& field : fields)
    if (field.key == name) return &field;
  return nullptr;
}

std::string unit_of_key(const std::string& key) {
  const auto* unit = unit_ending(key);
  return unit ? unit->second : "";
}

std::string key_without_unit(const std::string& key) {
  const auto* unit = unit_ending(key);
  return unit ? key.substr(0, key.size() - unit->first.size()) : key;
}

std::string number_text(double value) {
  char buffer[32];
  if (value == std::round(value) && std::abs(value) < 1e15)  // not 1e+05
    return {buffer,
            std::to_chars(buffer, buffer + sizeof buffer, static_cast<long long>(value)).ptr};
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

}  // namespace pendel

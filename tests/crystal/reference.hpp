// The crystals of the reference numbers in tests/data/crystal, and a reader of those files.
#pragma once
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "crystal/crystal.hpp"

namespace reference {

using namespace pendel;

inline Crystal crystal(const std::string& name, Cell cell, std::vector<std::pair<int, Vec3>> atoms,
                       std::vector<std::pair<int, double>> B) {
  Crystal result{name, cell, {}};
  for (const auto& [Z, position] : atoms) {
    Site site;
    site.Z = Z;
    site.label = element_symbol(Z) + std::to_string(result.sites.size());
    site.position.v = position;
    for (const auto& [element, value] : B)
      if (element == Z) site.set_B(value);
    result.sites.push_back(site);
  }
  return result;
}

inline Crystal PbTiO3(double B_Pb = 0.9, double B_Ti = 0.45, double B_O = 0.8) {
  return crystal("PbTiO3", Cell(3.904, 3.904, 4.152, 90, 90, 90),
                 {{82, {0, 0, 0}},
                  {22, {0.5, 0.5, 0.5377}},
                  {8, {0.5, 0.5, 0.1118}},
                  {8, {0.5, 0, 0.6174}},
                  {8, {0, 0.5, 0.6174}}},
                 {{82, B_Pb}, {22, B_Ti}, {8, B_O}});
}

inline Crystal SrTiO3(double B_Sr = 0.62, double B_Ti = 0.44, double B_O = 0.73) {
  return crystal("SrTiO3", Cell(3.905, 3.905, 3.905, 90, 90, 90),
                 {{38, {0, 0, 0}},
                  {22, {0.5, 0.5, 0.5}},
                  {8, {0.5, 0.5, 0}},
                  {8, {0.5, 0, 0.5}},
                  {8, {0, 0.5, 0.5}}},
                 {{38, B_Sr}, {22, B_Ti}, {8, B_O}});
}

inline Crystal face_centred(const std::string& name, double a, int Z, bool diamond) {
  std::vector<std::pair<int, Vec3>> atoms;
  const Vec3 centring[] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
  for (const Vec3& r : centring) atoms.push_back({Z, r});
  if (diamond)
    for (const Vec3& r : centring) atoms.push_back({Z, r + Vec3::Constant(0.25)});
  return crystal(name, Cell(a, a, a, 90, 90, 90), atoms, {});
}

/// The rows of a CSV file below its header; every test that reads one also checks that it has rows.
inline std::vector<std::vector<std::string>> rows(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("missing " + path);
  std::vector<std::vector<std::string>> result;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::stringstream fields(line);
    result.emplace_back();
    for (std::string field; std::getline(fields, field, ',');) result.back().push_back(field);
  }
  if (result.empty()) throw std::runtime_error("no rows in " + path);
  return result;
}

inline std::string file(const std::string& name) {
  return std::string(PENDEL_SOURCE_DIR "/tests/data/crystal/") + name;
}

}  // namespace reference

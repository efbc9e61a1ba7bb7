#include "studies/specimen.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "cif/read.hpp"
#include "crystal/displacement.hpp"
#include "crystal/orientation.hpp"
#include "crystal/symmetry.hpp"
#include "sim/sublayers.hpp"

namespace pendel {

namespace {

template <class Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return keys;
}

Vec3 beam_direction_of(const SpecimenOptions& specimen) {
  return specimen.beam_direction ? *specimen.beam_direction : Vec3(-*specimen.zone_axis);
}

// [uvw] in lowest terms, if it is made of integers: the repeat along the beam.
Vec3 lowest_terms(const Vec3& uvw) {
  long divisor = 0;
  for (int i = 0; i < 3; ++i) {
    if (uvw[i] != std::round(uvw[i]))
      throw Error(ErrorKind::study,
                  "specimen: `cells` counts repeats along the beam direction, which "
                  "needs integers there; give thickness_A instead");
    divisor = std::gcd(divisor, std::lround(uvw[i]));
  }
  return uvw / double(std::max(divisor, 1L));
}

CrystalTangent read_mode(const Crystal& crystal, const ModeOptions& mode, double default_B_A2,
                         Specimen& specimen) {
  if (mode.polar_cif) {
    CifOptions options;
    options.default_B_A2 = default_B_A2;
    specimen.files.push_back(mode.polar_cif->path);
    return displacement_between(crystal, read_cif(mode.polar_cif->path, options));
  }
  if (mode.unique_site) {
    const int site = sites_named(crystal, mode.unique_site->site).front();
    return symmetric_displacement(crystal, site, mode.unique_site->displacement_A);
  }
  std::vector<std::pair<std::string, Vec3>> sites;
  for (const SiteDisplacementOptions& site : *mode.sites)
    sites.emplace_back(site.site, site.displacement_A);
  return displacement_of_sites(crystal, sites);
}

// Index of a crystal of this name and these amplitudes, which is made if there is none yet.
int state_crystal(Specimen& specimen, std::vector<std::map<std::string, double>>& amplitudes,
                  const std::string& name, const Crystal& crystal, const Mat3& R_lab_crystal,
                  const std::map<std::string, double>& modes) {
  for (std::size_t i = 0; i < specimen.names.size(); ++i)
    if (specimen.names[i] == name && amplitudes[i] == modes) return int(i);
  Crystal displaced = crystal;
  for (const auto& [mode, amplitude] : modes)
    displaced = moved(displaced, specimen.modes.at(name).at(mode), amplitude);
  specimen.state.crystals.push_back({displaced, R_lab_crystal});
  specimen.names.push_back(name);
  amplitudes.push_back(modes);
  return int(specimen.names.size()) - 1;
}

}  // namespace

void check_specimen(const CrystalsOptions& crystals, const SpecimenOptions& specimen,
                    Problems& problems) {
  for (std::size_t i = 0; i < specimen.layers.size(); ++i) {
    const LayerOptions& layer = specimen.layers[i];
    const std::string path = "specimen.layers." + std::to_string(i);
    const auto crystal = crystals.find(layer.crystal);
    if (crystal == crystals.end()) {
      problems.add(path + ".crystal", unknown_name(layer.crystal, keys_of(crystals)));
      continue;
    }
    for (const auto& mode : layer.modes)
      if (!crystal->second.modes.count(mode.first))
        problems.add(path + ".modes." + mode.first,
                     unknown_name(mode.first, keys_of(crystal->second.modes)));
  }
}

Specimen build_specimen(const CrystalsOptions& crystals, const SpecimenOptions& options,
                        const BeamOptions& beam, const EngineOptions& engine) {
  Specimen specimen;
  std::map<std::string, Crystal> read;
  for (const auto& [name, crystal] : crystals) {
    CifOptions cif;
    cif.default_B_A2 = crystal.default_B_A2;
    specimen.files.push_back(crystal.cif.path);
    read[name] = read_cif(crystal.cif.path, cif, &specimen.notes);
    read[name].name = name;
    for (const auto& [mode_name, mode] : crystal.modes)
      specimen.modes[name][mode_name] = read_mode(read[name], mode, crystal.default_B_A2, specimen);
  }

  State& state = specimen.state;
  state.energy_keV = beam.energy_keV;
  state.beam_tilt = beam.tilt_mrad * 1e-3;
  state.semiangle = beam.semiangle_mrad * 1e-3;
  state.absorption_strength = engine.absorption_strength;
  const Vec3 uvw = beam_direction_of(options);
  std::vector<std::map<std::string, double>> amplitudes;
  for (const LayerOptions& layer : options.layers) {
    const Crystal& crystal = read.at(layer.crystal);
    const Mat3 R = orientation(crystal.cell, uvw, options.x_axis);
    std::map<std::string, double> modes = layer.modes;
    for (auto it = modes.begin(); it != modes.end();) it = it->second == 0 ? modes.erase(it) : ++it;
    const double thickness =
        layer.cells ? *layer.cells * crystal.cell.cartesian({lowest_terms(uvw)}).v.norm()
                    : *layer.thickness_A;
    state.layers.push_back(
        {state_crystal(specimen, amplitudes, layer.crystal, crystal, R, modes), thickness});
    specimen.layers.push_back({int(state.layers.size()) - 1});
  }
  if (options.surface_normal) {
    const OrientedCrystal& first = state.crystals[state.layers[0].crystal];
    state.surface_normal =
        (first.R_lab_crystal * first.crystal.cell.cartesian({*options.surface_normal}).v)
            .normalized();
    if (!(state.surface_normal[2] > 0.1))
      throw Error(ErrorKind::study,
                  "specimen.surface_normal: must point along the beam, not against "
                  "it or across it");
  }
  return specimen;
}

void own_crystal(Specimen& specimen, int layer) {
  for (int l : specimen.layers.at(layer)) {
    const std::string name = specimen.names[specimen.state.layers[l].crystal];
    own_crystal(specimen.state, l);
    specimen.names.resize(specimen.state.crystals.size(), name);
  }
}

void split_layer(Specimen& specimen, int layer, int parts) {
  const int first = specimen.layers.at(layer).at(0);
  const std::string name = specimen.names[specimen.state.layers[first].crystal];
  split_layer(specimen.state, first, parts);
  specimen.names.resize(specimen.state.crystals.size(), name);
  for (int part = 1; part < parts; ++part) specimen.layers[layer].push_back(first + part);
  for (std::size_t l = layer + 1; l < specimen.layers.size(); ++l)
    for (int& index : specimen.layers[l]) index += parts - 1;
}

std::string specimen_summary(const Specimen& specimen) {
  std::string text = "specimen: ";
  for (std::size_t i = 0; i < specimen.state.layers.size(); ++i) {
    const Layer& layer = specimen.state.layers[i];
    char thickness[40];
    std::snprintf(thickness, sizeof thickness, " %.4g Å", layer.thickness);
    text += (i ? " / " : "") + specimen.names[layer.crystal] + thickness;
  }
  if (specimen.state.layers.size() > 1)
    text += ", " + number_text(std::round(total_thickness(specimen.state) * 10) / 10) + " Å in all";
  for (const std::string& note : specimen.notes) text += "\nnote: " + note;
  return text;
}

}  // namespace pendel

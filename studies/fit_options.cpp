// What a `fit` study is by example, and what reading alone cannot see in one.
#include <algorithm>
#include <set>

#include "studies/fit.hpp"
#include "studies/fit_parameters.hpp"

namespace pendel {

namespace {

template <class List, class Use>
void for_each(const std::string& key, const List& list, Use use) {
  for (std::size_t i = 0; i < list.size(); ++i) use(list[i], key + "." + std::to_string(i));
}

// One layer is cut, and one way.
void check_sublayers(const FitStudy& study, Problems& problems) {
  for_each("fit.modes", study.fit.modes, [&](const ModeFitOptions& mode, const std::string& path) {
    for (const ModeFitOptions& other : study.fit.modes)
      if (other.crystal == mode.crystal && other.sublayers < mode.sublayers)
        problems.add(path + ".sublayers", "is " + std::to_string(mode.sublayers) + ", but mode " +
                                              other.mode + " of " + mode.crystal + " has " +
                                              std::to_string(other.sublayers) +
                                              "; all modes of a crystal need the same");
    int layers = 0;
    for (const LayerOptions& layer : study.specimen.layers) layers += layer.crystal == mode.crystal;
    if (mode.sublayers > 1 && layers > 1)
      problems.add(path + ".sublayers", "cuts one layer, but " + std::to_string(layers) +
                                            " are made of " + mode.crystal +
                                            "; give their crystals names of their own");
  });
}

}  // namespace

FitStudy FitStudy::example(const std::string& data) {
  FitStudy study;
  study.data.resize(1);
  study.data[0].file.given = data + "/scans/sto_pto_vortex.h5";
  study.data[0].intensity = "counts";
  study.data[0].truth = "truth";
  study.data[0].dose = 1e5;
  study.crystals["STO"].cif.given = data + "/cif/SrTiO3_stack.cif";
  study.crystals["PTO"].cif.given = data + "/cif/PbTiO3_stack.cif";
  for (const std::string axis : {"x", "y"})
    study.crystals["PTO"].modes[axis].polar_cif =
        File{data + "/cif/PbTiO3_stack_polar_" + axis + ".cif", ""};
  study.specimen.beam_direction = Vec3(0, 0, 1);
  for (const char* name : {"STO", "PTO", "STO"}) {
    LayerOptions layer;
    layer.crystal = name;
    layer.cells = 16;
    study.specimen.layers.push_back(layer);
  }
  study.beam.semiangle_mrad = 1.75;
  study.fit.beam_tilt_mrad.emplace().range = {-5, 5};
  study.fit.modes = {{"PTO", "x"}, {"PTO", "y"}};
  ThicknessFitOptions thickness;
  thickness.range = {54, 71};
  study.fit.thickness_A = {thickness};
  study.fit.background = BackgroundOptions{{{0, 20}}};
  return study;
}

namespace {

void check_data(const FitStudy& study, Problems& problems) {
  bool variance = true, pixels = false;
  for (std::size_t k = 0; k < study.data.size(); ++k) {
    const DataOptions& set = study.data[k];
    const std::string path = study.data.size() == 1 ? "data" : "data." + std::to_string(k);
    variance = variance && set.variance;
    pixels = pixels || set.pixels;
    const std::size_t offsets = set.thickness_offset_A.size(),
                      layers = study.specimen.layers.size();
    if (offsets != 0 && offsets != layers)
      problems.add(path + ".thickness_offset_A",
                   "has " + std::to_string(offsets) + " elements; needed: " +
                       std::to_string(layers) + ", one for every layer (0 where it is the same)");
    if (!set.pixels) continue;
    if (set.tilts_mrad)
      problems.add(path + ".tilts_mrad",
                   "is for integrated disks; with pixels, give every tilt as a set of its own");
    if (set.pixels->probe && set.pixels->edge_mrad > 0)
      problems.add(path + ".pixels.edge_mrad", "has no effect beside an image of the probe");
    if (!set.pixels->probe && !(set.semiangle_mrad.value_or(study.beam.semiangle_mrad) > 0))
      problems.add(path + ".pixels", "disks have a size: give beam.semiangle_mrad or pixels.probe");
    if (set.pixels->g_max_invA > study.engine.g_max_invA)
      problems.add(path + ".pixels.g_max_invA",
                   "is " + number_text(set.pixels->g_max_invA) +
                       "; at most engine.g_max_invA = " + number_text(study.engine.g_max_invA));
  }
  check_noise(study.fit.noise, variance, problems);
  if (pixels && (study.fit.semiangle_mrad || study.fit.tilt_spread_mrad))
    problems.add(study.fit.semiangle_mrad ? "fit.semiangle_mrad" : "fit.tilt_spread_mrad",
                 "is for integrated disks; pixels have the size of the disks from beam and data");
}

}  // namespace

void FitStudy::check(Problems& problems) const {
  check_specimen(crystals, specimen, problems);
  const auto in_a_layer = [&](const std::string& crystal, const std::string& path) {
    std::vector<std::string> names;
    for (const LayerOptions& layer : specimen.layers) names.push_back(layer.crystal);
    if (std::find(names.begin(), names.end(), crystal) != names.end()) return true;
    problems.add(path, "is '" + crystal + "'; allowed: a crystal of a layer: " + joined(names));
    return false;
  };
  for (std::size_t i = 0; i < fit.modes.size(); ++i) {
    const ModeFitOptions& mode = fit.modes[i];
    const std::string path = "fit.modes." + std::to_string(i);
    if (!in_a_layer(mode.crystal, path + ".crystal") || !crystals.count(mode.crystal)) continue;
    std::vector<std::string> names;
    for (const auto& entry : crystals.at(mode.crystal).modes) names.push_back(entry.first);
    if (!crystals.at(mode.crystal).modes.count(mode.mode))
      problems.add(path + ".mode", unknown_name(mode.mode, names));
    for (const LayerOptions& layer : specimen.layers) {
      const auto amplitude = layer.modes.find(mode.mode);
      if (layer.crystal == mode.crystal &&
          (amplitude == layer.modes.end() ? 0 : amplitude->second) !=
              base_amplitude(specimen, mode))
        problems.add(path + ".mode", "its amplitudes in the layers of " + mode.crystal +
                                         " differ; a fitted mode has one amplitude");
    }
  }
  const auto is_a_layer = [&](int layer, const std::string& path) {
    if (layer > int(specimen.layers.size()))
      problems.add(path + ".layer", "is " + std::to_string(layer) + "; allowed: 1 to " +
                                        std::to_string(specimen.layers.size()) +
                                        ", the number of layers");
  };
  for_each("fit.thickness_A", fit.thickness_A,
           [&](const auto& p, const std::string& path) { is_a_layer(p.layer, path); });
  for_each("fit.registry_A", fit.registry_A,
           [&](const auto& p, const std::string& path) { is_a_layer(p.layer, path); });
  for_each("fit.debye_waller_B_A2", fit.debye_waller_B_A2,
           [&](const auto& B, const std::string& path) {
             in_a_layer(B.crystal, path + ".crystal");
             if (atomic_number(B.element) == 0)
               problems.add(path + ".element", "'" + B.element + "' is no element");
           });
  const auto of_a_layer = [&](const auto& p, const std::string& path) {
    in_a_layer(p.crystal, path + ".crystal");
  };
  for_each("fit.anisotropic_U_A2", fit.anisotropic_U_A2, of_a_layer);
  for_each("fit.occupancy", fit.occupancy, of_a_layer);
  for_each("fit.structure_factor_invA2", fit.structure_factor_invA2, of_a_layer);
  for_each("fit.strain_out_of_plane", fit.strain_out_of_plane, of_a_layer);
  std::set<std::string> seen;
  const auto once = [&](const std::string& what, const std::string& path) {
    if (!seen.insert(what).second) problems.add(path, what + " is fitted already; remove one");
  };
  const auto once_each = [&](const std::string& key, const auto& list, auto name) {
    for_each(key, list, [&](const auto& p, const std::string& path) { once(name(p), path); });
  };
  once_each("fit.modes", fit.modes,
            [](const auto& p) { return "mode " + p.mode + " of " + p.crystal; });
  once_each("fit.thickness_A", fit.thickness_A,
            [](const auto& p) { return "layer " + std::to_string(p.layer); });
  once_each("fit.debye_waller_B_A2", fit.debye_waller_B_A2,
            [](const auto& p) { return p.element + " of " + p.crystal; });
  once_each("fit.anisotropic_U_A2", fit.anisotropic_U_A2, [](const auto& p) {
    return "U_" + choice_name(p.component) + " of " + p.site + " of " + p.crystal;
  });
  once_each("fit.occupancy", fit.occupancy,
            [](const auto& p) { return "occupancy of " + p.site + " of " + p.crystal; });
  once_each("fit.structure_factor_invA2", fit.structure_factor_invA2, [](const auto& p) {
    return choice_name(p.part) + " of U_(" + std::to_string(p.hkl[0]) + " " +
           std::to_string(p.hkl[1]) + " " + std::to_string(p.hkl[2]) + ") of " + p.crystal;
  });
  once_each("fit.strain_in_plane", fit.strain_in_plane,
            [](const auto& p) { return "strain " + choice_name(p.component); });
  once_each("fit.strain_out_of_plane", fit.strain_out_of_plane,
            [](const auto& p) { return "strain of " + p.crystal; });
  once_each("fit.registry_A", fit.registry_A, [](const auto& p) {
    return "shift of layer " + std::to_string(p.layer) + " along " + choice_name(p.axis);
  });
  check_sublayers(*this, problems);
  if (fit.semiangle_mrad && beam.semiangle_mrad == 0)
    problems.add("fit.semiangle_mrad", "starts from beam.semiangle_mrad, which must be above 0");
  if (fit.absorption_strength && engine.absorption == Absorption::none)
    problems.add("fit.absorption_strength", "has no effect while engine.absorption is none");
  check_data(*this, problems);
  if (!fit.beam_tilt_mrad && fit.modes.empty() && fit.thickness_A.empty() &&
      fit.debye_waller_B_A2.empty() && fit.anisotropic_U_A2.empty() && fit.occupancy.empty() &&
      fit.structure_factor_invA2.empty() && fit.strain_in_plane.empty() &&
      fit.strain_out_of_plane.empty() && fit.registry_A.empty() && !fit.absorption_strength &&
      !fit.semiangle_mrad && !fit.tilt_spread_mrad)
    problems.add("fit", "names nothing to fit; for example beam_tilt_mrad: {range: [-5, 5]}");
}

}  // namespace pendel

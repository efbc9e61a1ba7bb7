// What a `fit` study is by example, and what reading alone cannot see in one.
#include <algorithm>
#include <set>

#include "studies/fit.hpp"
#include "studies/fit_parameters.hpp"

namespace pendel {

FitStudy FitStudy::example(const std::string& data) {
  FitStudy study;
  study.data.file.given = data + "/scans/sto_pto_vortex.h5";
  study.data.intensity = "counts";
  study.data.truth = "truth";
  study.data.dose = 1e5;
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
  study.fit.beam_tilt_mrad = RangeOptions{{{-5, 5}}};
  study.fit.modes = {{"PTO", "x"}, {"PTO", "y"}};
  ThicknessFitOptions thickness;
  thickness.range = {54, 71};
  study.fit.thickness_A = {thickness};
  study.fit.background = RangeOptions{{{0, 20}}};
  return study;
}

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
  for (std::size_t i = 0; i < fit.thickness_A.size(); ++i)
    if (fit.thickness_A[i].layer > int(specimen.layers.size()))
      problems.add("fit.thickness_A." + std::to_string(i) + ".layer",
                   "is " + std::to_string(fit.thickness_A[i].layer) + "; allowed: 1 to " +
                       std::to_string(specimen.layers.size()) + ", the number of layers");
  for (std::size_t i = 0; i < fit.debye_waller_B_A2.size(); ++i) {
    const std::string path = "fit.debye_waller_B_A2." + std::to_string(i);
    in_a_layer(fit.debye_waller_B_A2[i].crystal, path + ".crystal");
    if (atomic_number(fit.debye_waller_B_A2[i].element) == 0)
      problems.add(path + ".element", "'" + fit.debye_waller_B_A2[i].element + "' is no element");
  }
  std::set<std::string> seen;
  const auto once = [&](const std::string& what, const std::string& path) {
    if (!seen.insert(what).second) problems.add(path, what + " is fitted already; remove one");
  };
  for (std::size_t i = 0; i < fit.modes.size(); ++i)
    once("mode " + fit.modes[i].mode + " of " + fit.modes[i].crystal,
         "fit.modes." + std::to_string(i));
  for (std::size_t i = 0; i < fit.thickness_A.size(); ++i)
    once("layer " + std::to_string(fit.thickness_A[i].layer),
         "fit.thickness_A." + std::to_string(i));
  for (std::size_t i = 0; i < fit.debye_waller_B_A2.size(); ++i)
    once(fit.debye_waller_B_A2[i].element + " of " + fit.debye_waller_B_A2[i].crystal,
         "fit.debye_waller_B_A2." + std::to_string(i));
  if (fit.absorption_strength && engine.absorption == Absorption::none)
    problems.add("fit.absorption_strength", "has no effect while engine.absorption is none");
  if (fit.noise == Noise::gaussian && !data.variance)
    problems.add("fit.noise", "gaussian noise needs data.variance, the name of a dataset");
  if (!fit.beam_tilt_mrad && fit.modes.empty() && fit.thickness_A.empty() &&
      fit.debye_waller_B_A2.empty() && !fit.absorption_strength)
    problems.add("fit", "names nothing to fit; for example beam_tilt_mrad: {range: [-5, 5]}");
}

}  // namespace pendel

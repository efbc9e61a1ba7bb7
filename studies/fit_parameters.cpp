#include "studies/fit_parameters.hpp"

namespace pendel {

namespace {

std::vector<int> copies_of(const Specimen& specimen, const std::string& crystal) {
  std::vector<int> copies;
  for (std::size_t i = 0; i < specimen.names.size(); ++i)
    if (specimen.names[i] == crystal) copies.push_back(int(i));
  return copies;
}

// A parameter of a crystal moves every copy of it that the state holds.
template <class Make>
Parameter over_copies(const Specimen& specimen, const std::string& crystal, Make make) {
  const std::vector<int> copies = copies_of(specimen, crystal);
  Parameter parameter = make(copies.front());
  for (const int copy : copies)
    parameter.direction.crystals[copy] = make(copy).direction.crystals[copy];
  return parameter;
}

}  // namespace

FitOptions fit_options(const ParameterOptions& options) {
  FitOptions fit = options.search.fit;
  Nuisance& nuisance = fit.nuisance;
  nuisance.scale_lower = options.scale ? options.scale->range[0] : 1;
  nuisance.scale_upper = options.scale ? options.scale->range[1] : 1;
  nuisance.background_lower = options.background ? options.background->range[0] : 0;
  nuisance.background_upper = options.background ? options.background->range[1] : 0;
  return fit;
}

double base_amplitude(const SpecimenOptions& specimen, const ModeFitOptions& mode) {
  for (const LayerOptions& layer : specimen.layers)
    if (layer.crystal == mode.crystal && layer.modes.count(mode.mode))
      return layer.modes.at(mode.mode);
  return 0;
}

Unknowns unknowns_of(const FitStudy& study, const Specimen& specimen) {
  const ParameterOptions& fit = study.fit;
  const State& base = specimen.state;
  Unknowns all;
  const auto add = [&](Parameter parameter, const std::string& name, Per per) {
    parameter.name = name;
    parameter.unit = unit_of_key(name.substr(0, name.find('.')));
    all.parameters.push_back(std::move(parameter));
    all.per.push_back(per);
  };
  if (fit.beam_tilt_mrad)
    for (int axis = 0; axis < 2; ++axis) {
      const auto [lower, upper] = fit.beam_tilt_mrad->range;
      add(tilt_parameter(base, axis, lower, upper), axis ? "beam_tilt_mrad.y" : "beam_tilt_mrad.x",
          Per::position);
    }
  for (const ModeFitOptions& mode : fit.modes) {
    const CrystalTangent& tangent = specimen.modes.at(mode.crystal).at(mode.mode);
    Parameter parameter = over_copies(specimen, mode.crystal, [&](int copy) {
      return mode_parameter(base, copy, tangent, mode.mode, mode.range[0], mode.range[1]);
    });
    parameter.nominal = base_amplitude(study.specimen, mode);
    add(parameter, "polarization." + mode.crystal + "." + mode.mode, mode.per);
  }
  for (const ThicknessFitOptions& thickness : fit.thickness_A)
    add(thickness_parameter(base, thickness.layer - 1, thickness.range[0], thickness.range[1]),
        "thickness_A." + std::to_string(thickness.layer), thickness.per);
  for (const DebyeWallerFitOptions& B : fit.debye_waller_B_A2)
    add(over_copies(specimen, B.crystal,
                    [&](int copy) {
                      return debye_waller_parameter(base, copy, atomic_number(B.element),
                                                    B.range[0], B.range[1]);
                    }),
        "debye_waller_B_A2." + B.crystal + "." + B.element, B.per);
  if (fit.absorption_strength)
    add(absorption_parameter(base, fit.absorption_strength->range[0],
                             fit.absorption_strength->range[1]),
        "absorption_strength", fit.absorption_strength->per);
  return all;
}

}  // namespace pendel

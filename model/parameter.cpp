#include "model/parameter.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace pendel {

Parameter tilt_parameter(const State& base, int axis, double lower, double upper) {
  StateTangent direction = tilt_direction(axis);
  direction.beam_tilt *= 1e-3;
  return {axis == 0 ? "tilt_x" : "tilt_y", "mrad",   lower, upper,
          base.beam_tilt[axis] * 1e3,      direction};
}

Parameter thickness_parameter(const State& base, int layer, double lower, double upper) {
  return {
      "thickness_" + std::to_string(layer + 1), "A", lower, upper, base.layers.at(layer).thickness,
      thickness_direction(base, layer)};
}

Parameter mode_parameter(const State& base, int crystal, const CrystalTangent& mode,
                         const std::string& name, double lower, double upper) {
  return {name, "1", lower, upper, 0, crystal_direction(base, crystal, mode)};
}

Parameter debye_waller_parameter(const State& base, int crystal, int Z, double lower,
                                 double upper) {
  const Crystal& cell = base.crystals.at(crystal).crystal;
  const auto site =
      std::find_if(cell.sites.begin(), cell.sites.end(), [&](const Site& s) { return s.Z == Z; });
  if (site == cell.sites.end())
    throw Error(ErrorKind::study, "crystal " + cell.name + " holds no " + element_symbol(Z));
  return {cell.name + "_B_" + element_symbol(Z),
          "A^2",
          lower,
          upper,
          site->B(),
          crystal_direction(base, crystal, debye_waller_direction(cell, Z))};
}

Parameter absorption_parameter(const State& base, double lower, double upper) {
  return {"absorption_strength", "1", lower, upper, base.absorption_strength,
          absorption_direction()};
}

State state_at(const State& base, const std::vector<Parameter>& parameters, const double* values) {
  State state = base;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (const double amount = values[i] - parameters[i].nominal; amount != 0)
      state = moved(state, parameters[i].direction, amount);
  return state;
}

}  // namespace pendel

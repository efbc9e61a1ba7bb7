#include "sim/state.hpp"

#include <cassert>

namespace pendel {

double total_thickness(const State& state) {
  double total = 0;
  for (const Layer& layer : state.layers) total += layer.thickness;
  return total;
}

State moved(const State& state, const StateTangent& direction, double amount) {
  State result = state;
  result.beam_tilt += amount * direction.beam_tilt;
  result.absorption_strength += amount * direction.absorption_strength;
  result.semiangle += amount * direction.semiangle;
  result.tilt_spread += amount * direction.tilt_spread;
  assert(direction.crystals.empty() || direction.crystals.size() == state.crystals.size());
  for (std::size_t i = 0; i < direction.crystals.size(); ++i)
    if (!direction.crystals[i].zero())
      result.crystals[i].crystal = moved(state.crystals[i].crystal, direction.crystals[i], amount);
  assert(direction.thickness.empty() || direction.thickness.size() == state.layers.size());
  for (std::size_t i = 0; i < direction.thickness.size(); ++i)
    result.layers[i].thickness += amount * direction.thickness[i];
  return result;
}

StateTangent tilt_direction(int axis) {
  assert(axis == 0 || axis == 1);
  StateTangent tangent;
  tangent.beam_tilt[axis] = 1;
  return tangent;
}

StateTangent thickness_direction(const State& state, int layer) {
  StateTangent tangent;
  tangent.thickness.assign(state.layers.size(), 0);
  tangent.thickness.at(layer) = 1;
  return tangent;
}

StateTangent crystal_direction(const State& state, int crystal, const CrystalTangent& direction) {
  StateTangent tangent;
  tangent.crystals.resize(state.crystals.size());
  tangent.crystals.at(crystal) = direction;
  return tangent;
}

StateTangent absorption_direction() {
  StateTangent tangent;
  tangent.absorption_strength = 1;
  return tangent;
}

}  // namespace pendel

// Small specimens that every kind of parameter is tested on, and every engine for them.
#pragma once
#include "model/forward_model.hpp"
#include "sim/sublayers.hpp"
#include "tests/sim/derivative_check.hpp"

namespace pendel::test {

constexpr double semiangle = 1.5e-3;

struct Case {
  std::string name;
  State state;
};

/// Non-centrosymmetric PbTiO3 on its exact zone axis, polar axis in the plane; and a tilted stack
/// with it, every layer with atoms of its own.
inline std::vector<Case> cases() {
  State slab;
  slab.semiangle = semiangle;
  slab.tilt_spread = 0.4e-3;
  slab.crystals = {oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0})};
  slab.layers = {{0, 9 * 3.904}};
  State stack = slab;
  stack.crystals = {oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}), slab.crystals[0]};
  stack.crystals[1].crystal.cell = Cell(3.904, 3.904, 3.99, 90, 90, 90);  // within the net's 5 %
  stack.layers = {{0, 5 * 3.905}, {1, 6 * 3.904}, {0, 4 * 3.905}};
  for (int layer = 0; layer < 3; ++layer) own_crystal(stack, layer);
  stack.beam_tilt = {2.5e-3, -4e-3};
  return {{"PbTiO3 on its zone axis", slab}, {"tilted stack", stack}};
}

inline std::vector<Engine> engines(const State& state, const Beams& beams) {
  PotentialOptions potential;
  potential.absorption = Absorption::proportional;
  SplitStepOptions splitstep;
  splitstep.g_max = 1;
  splitstep.potential = potential;
  std::vector<Engine> result;
  result.emplace_back(Kinematical(state, beams, {potential, true}));
  result.emplace_back(Bloch(state, beams, {potential, true, 0}));
  result.emplace_back(SplitStep(state, beams, splitstep));
  return result;
}

}  // namespace pendel::test

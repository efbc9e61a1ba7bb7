// Crystals along zone axes in which higher-order Laue zones count.
#pragma once
#include <cmath>

#include "derivative_check.hpp"

namespace pendel::test {

/// `cells` cells of PbTiO3 along its polar axis: neither the crystal nor its faces have a mirror.
inline State polar(int cells) {
  State state;
  state.crystals = {oriented(lead_titanate(), {0, 0, 1}, {1, 0, 0})};
  state.layers = {{0, cells * 4.152}};
  state.beam_tilt = {3e-3, -5e-3};
  return state;
}

inline State silicon(int cells) {
  const double a = 5.431;
  Crystal crystal{"Si", Cell(a, a, a, 90, 90, 90), {}};
  for (double shift : {0., .25})
    for (const Vec3& p : {Vec3(0, 0, 0), Vec3(0, .5, .5), Vec3(.5, 0, .5), Vec3(.5, .5, 0)})
      crystal.sites.push_back(site(14, p[0] + shift, p[1] + shift, p[2] + shift, 0.4668));
  State state;
  state.crystals = {oriented(crystal, {1, 1, 0}, {-1, 1, 0})};
  state.layers = {{0, cells * a / std::sqrt(2.0)}};
  state.beam_tilt = {1e-3, 2e-3};
  return state;
}

}  // namespace pendel::test

#include "sim/sublayers.hpp"

#include <cmath>
#include <string>

#include "core/error.hpp"
#include "sim/beams.hpp"

namespace pendel {

int own_crystal(State& state, int layer) {
  const int crystal = state.layers.at(layer).crystal;
  bool alone = true;
  for (int l = 0; l < int(state.layers.size()); ++l)
    alone = alone && (l == layer || state.layers[l].crystal != crystal);
  if (alone) return crystal;
  state.crystals.push_back(state.crystals[crystal]);
  return state.layers[layer].crystal = int(state.crystals.size()) - 1;
}

void split_layer(State& state, int layer, int parts) {
  const Layer whole = state.layers.at(layer);
  // Whole repeats, so that each sublayer begins where the lattice begins anew; a thickness in
  // between stretches all repeats alike, as in the split-step engine.
  const int repeats = int(std::lround(whole.thickness / repeat_along_z(state, whole.crystal)));
  if (parts < 1 || parts > repeats)
    throw Error(ErrorKind::study, "layer " + std::to_string(layer + 1) + " is to be cut into " +
                                      std::to_string(parts) + " sublayers; it has " +
                                      std::to_string(repeats) + " repeats along the beam");
  std::vector<Layer> sublayers;
  for (int part = 0; part < parts; ++part) {
    const int count = repeats * (part + 1) / parts - repeats * part / parts;
    sublayers.push_back({whole.crystal, whole.thickness * count / repeats});
  }
  state.layers.erase(state.layers.begin() + layer);
  state.layers.insert(state.layers.begin() + layer, sublayers.begin(), sublayers.end());
  for (int part = 0; part < parts; ++part) own_crystal(state, layer + part);
}

}  // namespace pendel

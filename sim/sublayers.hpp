// Layers that shall differ from others of the same crystal: with atoms of their own, or cut into
// sublayers along the beam.
#pragma once
#include "sim/state.hpp"

namespace pendel {

/// The index of a crystal that only this layer is made of: a copy is added to the state unless it
/// is alone already.
int own_crystal(State& state, int layer);

/// Cuts a layer into `parts` sublayers of whole repeats along the beam, as nearly equal as can be,
/// each with a crystal of its own; the state's layers from `layer` on then are these, entrance
/// first. Amplitudes stay as they are. Error (study) unless lab z is a lattice direction and the
/// layer has as many repeats.
void split_layer(State& state, int layer, int parts);

}  // namespace pendel

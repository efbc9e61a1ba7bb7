// What every simulator returns: complex exit amplitudes and their derivatives along directions in
// state space, on a fixed set of beams. One call serves several incident directions.
#pragma once
#include <functional>
#include <vector>

#include "core/decomposition.hpp"
#include "sim/state.hpp"

namespace pendel {

/// Exit amplitudes relative to an incident plane wave of amplitude 1.
struct ExitWaves {
  MatrixXcd psi;                ///< (beams, incident directions)
  std::vector<MatrixXcd> dpsi;  ///< per tangent: (beams, incident directions)
};

/// Takes the amplitudes psi (beams, directions.size()) of thickness number `thickness` for the
/// incident directions listed by number.
using SeriesSink = std::function<void(
    std::size_t thickness, const std::vector<std::size_t>& directions, const MatrixXcd& psi)>;

/// The contract of an engine (a type that has this member; `Engine` in engine.hpp is the variant):
///
///   void exit_waves(const State& state, const std::vector<Vec2>& incidence,
///                   const std::vector<StateTangent>& tangents, ExitWaves& waves) const;
///
/// state      what was given to the constructor, moved along StateTangents (same crystals' cells,
///            elements and layers; other tilt, thicknesses, atoms, B, absorption strength)
/// incidence  offsets [rad] added to state.beam_tilt, one per incident direction (an aperture's
///            cubature points; a tilt series); {0,0} for a plane wave
/// tangents   directions to differentiate along; empty if no derivative is wanted
/// Thread-safe: const, no hidden state.

}  // namespace pendel

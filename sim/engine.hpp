// The engines: one closed list, so that a test over all of them cannot run zero cases.
#pragma once
#include <variant>

#include "sim/bloch.hpp"
#include "sim/kinematical.hpp"
#include "sim/splitstep.hpp"

namespace pendel {

using Engine = std::variant<Kinematical, Bloch, SplitStep>;

inline const Beams& beams(const Engine& engine) {
  return std::visit([](const auto& e) -> const Beams& { return e.beams(); }, engine);
}

/// See exit_wave.hpp for the contract.
inline void exit_waves(const Engine& engine, const State& state, const std::vector<Vec2>& incidence,
                       const std::vector<StateTangent>& tangents, ExitWaves& waves) {
  std::visit([&](const auto& e) { e.exit_waves(state, incidence, tangents, waves); }, engine);
}

/// Bloch::thickness_series for any engine: exit amplitudes of many incident directions with layer
/// `layer` as thick as each of `thicknesses` in turn; see there for `sink`.
void thickness_series(const Engine& engine, const State& state, const std::vector<Vec2>& incidence,
                      int layer, const std::vector<double>& thicknesses, const SeriesSink& sink);

}  // namespace pendel

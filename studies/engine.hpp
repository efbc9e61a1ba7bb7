// The engine that a study asks for.
#pragma once
#include "sim/engine.hpp"
#include "studies/options.hpp"

namespace pendel {

/// `auto` made definite: splitstep if lab z is a zone axis of every crystal and the surface normal.
EngineKind engine_kind(const State& state, const EngineOptions& options);

/// Beams that the engine can give, |g| <= g_max [1/Å]: the zero-order zone for splitstep, else
/// those near the Ewald sphere.
/// incidence: directions [rad, added to the state's tilt] at which a stated tolerance must hold.
std::vector<Hkl> available_beams(const State& state, const EngineOptions& options, double g_max,
                                 const std::vector<Vec2>& incidence = {Vec2(0, 0)});

/// An engine whose beams hold `wanted` (Bloch waves need others beside them), with the place of
/// each.
struct EngineWithBeams {
  Engine engine;
  std::vector<int> index;  ///< (wanted): into beams(engine)
  std::string note;        ///< "359 beams, ..."; empty where the engine has no list of them
};
EngineWithBeams make_engine(const State& state, const std::vector<Hkl>& wanted,
                            const EngineOptions& options,
                            const std::vector<Vec2>& incidence = {Vec2(0, 0)});

/// The same engine with a finer discretisation, one refinement at a time: slices an eighth as thick
/// and a larger grid, or more beams; none for the kinematical engine, which discretises nothing,
/// and for Bloch waves of a stated tolerance.
struct Refinement {
  std::string what;  ///< "g_max_invA 4 -> 5"
  EngineOptions engine;
};
std::vector<Refinement> refinements(const State& state, const EngineOptions& options);

/// "splitstep, lobato, absorption none, |g| <= 4 1/Å".
std::string engine_summary(const State& state, const EngineOptions& options);

}  // namespace pendel

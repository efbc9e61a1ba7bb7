// The engine that a study asks for.
#pragma once
#include "sim/engine.hpp"
#include "studies/options.hpp"

namespace pendel {

/// `auto` made definite: splitstep if lab z is a zone axis of every crystal and the surface normal.
EngineKind engine_kind(const State& state, const EngineOptions& options);

/// The beams of a Bloch-wave or kinematical calculation for directions of incidence [rad, added to
/// the state's tilt] and those between: near the Ewald sphere and, for Bloch waves, whose
/// |U|/(2K|s|) is at least 0.005 wherever they are; or as many as a stated tolerance
/// needs (it holds in the middle and at the extremes of the directions). Empty for splitstep, which
/// has no list. Error (numerical) if the tolerance is not reached.
struct BeamList {
  std::vector<Hkl> hkl;
  std::string note;  ///< how good it is, if that was found out
};
BeamList beam_list(const State& state, const EngineOptions& options,
                   const std::vector<Vec2>& incidence);

/// An engine whose beams hold `wanted` (Bloch waves need others beside them), with the place of
/// each.
struct EngineWithBeams {
  Engine engine;
  std::vector<int> index;  ///< (wanted): into beams(engine)
  std::string note;        ///< "359 beams, ..."; empty where the engine has no list of them
};
EngineWithBeams make_engine(const State& state, const std::vector<Hkl>& wanted,
                            const EngineOptions& options);
/// The same with a list that is known already, and the directions that it is for.
EngineWithBeams make_engine(const State& state, const std::vector<Hkl>& wanted,
                            const EngineOptions& options, const BeamList& list,
                            const std::vector<Vec2>& incidence);

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

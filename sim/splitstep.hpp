// Split-step (multislice) propagation of one periodic cell per layer, on the plane waves of the
// in-plane reciprocal net, without a band limit. Derivatives are exact for the discrete scheme.
#pragma once
#include "sim/beams.hpp"
#include "sim/exit_wave.hpp"

namespace pendel {

struct SplitStepOptions {
  PotentialOptions potential;
  bool refraction = true;
  int grid = 0;             ///< plane waves along b1 and b2; 0: from g_max
  double g_max = 4;         ///< 1/Å: the grid holds at least every |g| <= g_max
  double step_A = 2;        ///< longest step; a layer takes equal steps
};

class SplitStep {
 public:
  SplitStep(const State& state, Beams beams, SplitStepOptions options);

  const Beams& beams() const { return beams_; }
  void exit_waves(const State& state, const std::vector<Vec2>& incidence,
                  const std::vector<StateTangent>& tangents, ExitWaves& waves) const;
  // private parts: see splitstep.cpp
 private:
  Beams beams_;
  SplitStepOptions options_;
};

}  // namespace pendel

// Kinematical (first Born, single scattering) amplitudes of a stack of layers.
//   ψ_g = iπ U_g t/K_n · sinc(s t) · exp(iπ s t) per layer, with the phases of the layers above and below.
#pragma once
#include "sim/beams.hpp"
#include "sim/exit_wave.hpp"

namespace pendel {

struct KinematicalOptions {
  PotentialOptions potential;
  bool refraction = true;
};

class Kinematical {
 public:
  Kinematical(const State& state, Beams beams, KinematicalOptions options);

  const Beams& beams() const { return beams_; }
  void exit_waves(const State& state, const std::vector<Vec2>& incidence,
                  const std::vector<StateTangent>& tangents, ExitWaves& waves) const;

 private:
  Beams beams_;
  KinematicalOptions options_;
  std::vector<StructureFactors> factors_;  // per crystal
};

}  // namespace pendel

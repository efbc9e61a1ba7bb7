// Kinematical (first Born, single scattering) amplitudes of a stack of layers:
//   ψ_g = δ_g0 + iπ U_g t/K_n · sinc(s t) · exp(iπ s t) per layer, s = (K² − |K+g|²)/(2 κ_g),
// where a layer's U_g stands for U_g/sqrt(1+g_n/K_n), κ_g = K_n + g_n, and the waves run freely
// before and behind the scattering layer. It is the term of first order in U_g of the Bloch
// amplitudes, with their normalisation and phases; refraction is taken in full. The central beam
// follows the same rule: with refraction its first-order term is absorption alone (the amplitude
// is a phase without absorption), without refraction it also has the term iπ U_0 t/K_n.
#pragma once
#include "sim/beams.hpp"
#include "sim/exit_wave.hpp"
#include "sim/optical_potential.hpp"

namespace pendel {

struct KinematicalOptions {
  PotentialOptions potential;
  bool refraction = true;
};

class Kinematical {
 public:
  /// Error (study) if (0,0,0) is not among the beams.
  Kinematical(const State& state, Beams beams, KinematicalOptions options);

  const Beams& beams() const { return beams_; }
  /// See exit_wave.hpp. Derivatives are exact.
  void exit_waves(const State& state, const std::vector<Vec2>& incidence,
                  const std::vector<StateTangent>& tangents, ExitWaves& waves) const;

 private:
  Beams beams_;
  OpticalPotential potential_;  // of the beams
};

}  // namespace pendel

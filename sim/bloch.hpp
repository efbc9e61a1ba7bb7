// Bloch waves: eigen-decomposition of the structure matrix of every layer.
//   A_gg = (K² − |K+g|²)/(1 + g_n/K_n),  A_gh = (U+iU')_{g−h}/sqrt((1+g_n/K_n)(1+h_n/K_n)),
//   ψ(t) = exp(iπ A t/K_n) ψ(0).
// Amplitudes are flux-normalised: |ψ_g|² is the flux of beam g through the surface, so their sum is
// 1 without absorption. (The amplitude of the plane wave g is ψ_g/sqrt(1+g_n/K_n).) Phases are
// relative to the incident wave continued as in vacuum: refraction multiplies a layer by
// exp(2πi (K_n − k0_n) t).
#pragma once
#include "sim/beams.hpp"
#include "sim/exit_wave.hpp"
#include "sim/optical_potential.hpp"

namespace pendel {

struct BlochOptions {
  PotentialOptions potential;
  bool refraction = true;     ///< K² = k0² + U_0; without it U_0 is on the diagonal of A
  double coupling_g_max = 0;  ///< couplings with |g−h| beyond it are 0 [1/Å]; 0 = keep all
};

class Bloch {
 public:
  /// Error (study) if (0,0,0) is not among the beams.
  Bloch(const State& state, Beams beams, BlochOptions options);

  const Beams& beams() const { return beams_; }
  /// See exit_wave.hpp. Derivatives are exact (Najfeld & Havel, applied to the incoming wave),
  /// however close eigenvalues come. [NajfeldHavel1995]
  void exit_waves(const State& state, const std::vector<Vec2>& incidence,
                  const std::vector<StateTangent>& tangents, ExitWaves& waves) const;
  /// A [1/Å²] of one layer for one (whole) tilt; (beams, beams).
  MatrixXcd structure_matrix(const State& state, int layer, const Vec2& tilt) const;

 private:
  Beams beams_;
  int zero_beam_;
  // per crystal: the index of g−h in the potential's list of distinct differences; -1: no coupling
  std::vector<Eigen::MatrixXi> pair_;
  OpticalPotential potential_;
};

}  // namespace pendel

// Bloch waves: eigen-decomposition of the structure matrix of every layer.
//   A_gg = (K² − |K+g|²)/(1 + g_n/K_n),  A_gh = (U+iU')_{g−h}/sqrt((1+g_n/K_n)(1+h_n/K_n)),
//   ψ(t) = exp(iπ A t/K_n) ψ(0).
#pragma once
#include "sim/beams.hpp"
#include "sim/exit_wave.hpp"

namespace pendel {

struct BlochOptions {
  PotentialOptions potential;
  bool refraction = true;       ///< K² = k0² + U_0; without it U_0 is on the diagonal of A
  double coupling_g_max = 0;    ///< couplings with |g−h| beyond it are 0 [1/Å]; 0 = keep all
};

class Bloch {
 public:
  Bloch(const State& state, Beams beams, BlochOptions options);

  const Beams& beams() const { return beams_; }
  void exit_waves(const State& state, const std::vector<Vec2>& incidence,
                  const std::vector<StateTangent>& tangents, ExitWaves& waves) const;
  /// A [1/Å²] of one layer for one tilt; (beams, beams).
  MatrixXcd structure_matrix(const State& state, int layer, const Vec2& tilt) const;

 private:
  Beams beams_;
  BlochOptions options_;
  // per crystal: distinct differences g−h, their structure factors, and the index of every pair
  std::vector<StructureFactors> factors_;
  std::vector<Eigen::MatrixXi> pair_;
};

}  // namespace pendel

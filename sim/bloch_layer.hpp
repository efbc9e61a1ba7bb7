// Inside the Bloch-wave engine: the structure matrix of one crystal for one direction of incidence.
//   H = A/K_n, ψ(t) = exp(iπ H t) ψ(0), κ_g = K_n + g_n:
//   H_gg = (K² − |K+g|² + U_0)/κ_g,  H_gh = U_{g−h}/sqrt(κ_g κ_h)
#pragma once
#include "sim/beams.hpp"
#include "sim/ewald.hpp"
#include "sim/optical_potential.hpp"

namespace pendel {

/// Where the coupling of two beams stands in the list of distinct differences of a crystal; -1: no
/// coupling. Weak beams couple to strong ones only.
struct BeamPairs {
  Eigen::MatrixXi strong;                    // g − h
  Eigen::MatrixXi strong_weak, weak_strong;  // g − w, w − h
};

/// Distinct differences per crystal, (0,0,0) first, and where each pair finds its own.
struct Differences {
  std::vector<std::vector<Hkl>> distinct;
  std::vector<BeamPairs> pairs;
};

/// g_max > 0 leaves out couplings beyond it [1/Å].
Differences distinct_differences(const Beams& beams, const Beams& weak, double g_max);

/// The couplings U_{g−h} as a matrix shaped like `pair`.
MatrixXcd coupling_matrix(const Eigen::MatrixXi& pair, const VectorXcd& U);

struct CrystalWave {
  IncidentWave wave;
  Eigen::VectorXd kappa;
  bool inclined = false;  // some g_n ≠ 0
  MatrixXcd H;            // strong beams; weak ones folded in
  MatrixXcd U_sw, U_ws;   // strong-weak couplings, empty without weak beams
  Eigen::VectorXd e_w;    // 2K s_w of the weak beams
};

/// Error (study) if a beam leaves through the entrance face, or if a weak beam is so close to the
/// Ewald sphere that it is not weak.
CrystalWave crystal_wave(const State& state, const Beams& beams, const Beams& weak,
                         const BeamPairs& pairs, const OpticalPotential::Coefficients& potential,
                         const Vec2& tilt);

/// κ_g of every beam.
Eigen::VectorXd flux_factors(const IncidentWave& wave, const Vec3& surface_normal,
                             const Beams& beams);

/// K² − |K+g|² of every beam, and how it changes along a tangent.
Eigen::VectorXd excitations(const IncidentWave& wave, const std::vector<Vec3>& g);
Eigen::VectorXd excitation_derivatives(const State& state, const StateTangent& tangent,
                                       const IncidentWave& wave, const std::vector<Vec3>& g,
                                       double dU_0);

/// By the symmetry that H has: real symmetric, hermitian or (absorbing) none.
EigenDecomposition decompose(const MatrixXcd& H, bool absorbing);

/// U_gh^eff = U_gh − Σ_w U_gw U_wh/(2K s_w).
void fold_weak_beams(const MatrixXcd& U_sw, const Eigen::VectorXd& e_w, const MatrixXcd& U_ws,
                     MatrixXcd& U);

}  // namespace pendel

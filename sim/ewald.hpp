// The wave inside a layer: wavevector, excitation errors and their derivatives with the tilt.
//   K² = k0² + U_0 (or k0² without refraction), K_t continuous at the surface,
//   2K s_g = K² − |K+g|².
#pragma once
#include "sim/state.hpp"

namespace pendel {

struct IncidentWave {
  double k0 = 0;                       ///< vacuum wavenumber 1/λ [1/Å]
  double K = 0;                        ///< wavenumber inside the crystal [1/Å]
  Vec3 wavevector;                     ///< K inside the crystal, lab frame [1/Å]
  Vec3 dwavevector[2];                 ///< derivative with respect to θ_x, θ_y [1/Å per rad]
  double K_n = 0, dK_n[2] = {0, 0};    ///< component along the surface normal
  double k0_n = 0, dk0_n[2] = {0, 0};  ///< the same of the vacuum wavevector
};

/// K_t = k0 (sin θ_x, sin θ_y) is what the vacuum wave brings; its component along the surface is
/// continuous. `tilt` [rad] is the whole tilt (state.beam_tilt is not added). U_0 [1/Å²] real; 0
/// for no refraction. Error (study) if the beam does not enter through the surface.
IncidentWave incident_wave(const State& state, const Vec2& tilt, double U_0);

/// How that wave changes along a direction.
struct WaveTangent {
  Vec3 dwavevector;  ///< 1/Å
  double dK_n = 0, dk0_n = 0;
};
/// Along a change of the tilt [rad] and of U_0 [1/Å²].
WaveTangent wave_tangent(const IncidentWave& wave, const Vec3& surface_normal, const Vec2& dtilt,
                         double dU_0);

/// K² − |K+g|² = 2K s_g [1/Å²], and its derivative while g changes by dg.
double excitation(const IncidentWave& wave, const Vec3& g);
double excitation_derivative(const IncidentWave& wave, const WaveTangent& tangent, const Vec3& g,
                             const Vec3& dg);

}  // namespace pendel

#include "sim/ewald.hpp"

#include <cmath>
#include <string>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

IncidentWave incident_wave(const State& state, const Vec2& tilt, double U_0) {
  const double sx = std::sin(tilt[0]), sy = std::sin(tilt[1]);
  const double cz_squared = 1 - sx * sx - sy * sy;
  const double norm = state.surface_normal.norm();
  if (!(cz_squared > 0))
    throw Error(ErrorKind::study, "beam tilt (" + std::to_string(tilt[0] * 1e3) + ", " +
                                      std::to_string(tilt[1] * 1e3) +
                                      ") mrad turns the beam away from +z");
  if (!(norm > 0)) throw Error(ErrorKind::study, "the surface normal has no length");
  const Vec3 n = state.surface_normal / norm;

  // Vacuum: k0 = k0 (sin θx, sin θy, cz).
  IncidentWave wave;
  wave.k0 = 1 / electron::wavelength(state.energy_keV);
  const double cz = std::sqrt(cz_squared), cx = std::cos(tilt[0]), cy = std::cos(tilt[1]);
  const Vec3 k0 = wave.k0 * Vec3(sx, sy, cz);
  const Vec3 dk0[2] = {wave.k0 * Vec3(cx, 0, -sx * cx / cz), wave.k0 * Vec3(0, cy, -sy * cy / cz)};
  wave.k0_n = k0.dot(n);
  const double K_n_squared = U_0 + wave.k0_n * wave.k0_n;
  if (!(wave.k0_n > 0 && K_n_squared > 0))
    throw Error(ErrorKind::study,
                "the beam does not enter through the surface: its wavevector has " +
                    std::to_string(wave.k0_n) + " 1/A along the surface normal");

  // Inside: the component along the surface is continuous, K = k0 + (K_n − k0_n) n with
  // K_n² = K² − |k0_parallel|² = U_0 + k0_n².
  wave.K = std::sqrt(wave.k0 * wave.k0 + U_0);
  wave.K_n = std::sqrt(K_n_squared);
  // K_n − k0_n without cancellation
  wave.wavevector = k0 + U_0 / (wave.K_n + wave.k0_n) * n;
  for (int axis = 0; axis < 2; ++axis) {
    wave.dk0_n[axis] = dk0[axis].dot(n);
    wave.dK_n[axis] = wave.k0_n / wave.K_n * wave.dk0_n[axis];
    wave.dwavevector[axis] = dk0[axis] + (wave.dK_n[axis] - wave.dk0_n[axis]) * n;
  }
  return wave;
}

WaveTangent wave_tangent(const IncidentWave& wave, const Vec3& surface_normal, const Vec2& dtilt,
                         double dU_0) {
  WaveTangent tangent;
  const double of_U_0 = dU_0 / (2 * wave.K_n);  // K_n² = U_0 + k0_n²; K_t stays
  tangent.dwavevector = dtilt[0] * wave.dwavevector[0] + dtilt[1] * wave.dwavevector[1] +
                        of_U_0 * surface_normal.normalized();
  tangent.dK_n = dtilt[0] * wave.dK_n[0] + dtilt[1] * wave.dK_n[1] + of_U_0;
  tangent.dk0_n = dtilt[0] * wave.dk0_n[0] + dtilt[1] * wave.dk0_n[1];
  return tangent;
}

double excitation(const IncidentWave& wave, const Vec3& g) {
  return -(2 * wave.wavevector + g).dot(g);
}

double excitation_derivative(const IncidentWave& wave, const WaveTangent& tangent, const Vec3& g,
                             const Vec3& dg) {
  return -2 * (tangent.dwavevector.dot(g) + (wave.wavevector + g).dot(dg));
}

}  // namespace pendel

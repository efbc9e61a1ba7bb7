#include "sim/kinematical.hpp"

#include <cmath>
#include <utility>

#include "sim/ewald.hpp"

namespace pendel {

namespace {

const complex i_pi(0, electron::pi);

/// d/dz (e^z − 1)/z = (e^z (z − 1) + 1)/z².
complex slope_of_divided_difference(complex z) {
  if (std::abs(z) > 1) return (std::exp(z) * (z - 1.0) + 1.0) / (z * z);
  // Σ_n (n+1) z^n/(n+2)!
  complex sum = 0, power = 0.5;  // z^n/(n+2)!
  for (int n = 0; n < 20; ++n) {
    sum += double(n + 1) * power;
    power *= z / double(n + 3);
  }
  return sum;
}

}  // namespace

Kinematical::Kinematical(const State& state, Beams beams, KinematicalOptions options)
    : beams_(std::move(beams)),
      potential_(state, beams_.hkl_of_crystal, options.potential, options.refraction) {}

void Kinematical::exit_waves(const State& state, const std::vector<Vec2>& incidence,
                             const std::vector<StateTangent>& tangents, ExitWaves& waves) const {
  const Eigen::Index n = Eigen::Index(beams_.size());
  const std::size_t parameters = tangents.size(), crystals = state.crystals.size();
  waves.psi = MatrixXcd::Zero(n, incidence.size());
  waves.dpsi.assign(parameters, MatrixXcd::Zero(n, incidence.size()));
  const Vec3 normal = state.surface_normal.normalized();

  const Beams beams = strained(beams_, state);
  std::vector<Mat3> strain(parameters);
  for (std::size_t p = 0; p < parameters; ++p) strain[p] = strain_of_beams(state, tangents[p]);

  std::vector<OpticalPotential::Coefficients> potential(crystals);
  std::vector<std::vector<OpticalPotential::Coefficients>> dU(crystals);
  for (std::size_t c = 0; c < crystals; ++c) {
    potential[c] = potential_.coefficients(state, int(c));
    for (const StateTangent& tangent : tangents)
      dU[c].push_back(potential_.derivative(state, int(c), tangent));
  }

  for (std::size_t direction = 0; direction < incidence.size(); ++direction) {
    auto psi = waves.psi.col(direction);
    for (Eigen::Index g = 0; g < n; ++g) psi[g] = beams.hkl[g] == Hkl{} ? 1 : 0;
    complex central = 1;  // amplitude of the unscattered wave
    VectorXcd dcentral = VectorXcd::Zero(parameters);

    for (std::size_t layer = 0; layer < state.layers.size(); ++layer) {
      const int c = state.layers[layer].crystal;
      const double t = state.layers[layer].thickness;
      const IncidentWave wave =
          incident_wave(state, state.beam_tilt + incidence[direction], potential[c].refraction_U_0);
      const complex refraction = phase((wave.K_n - wave.k0_n) * t);

      // What every parameter does to the wave in this layer.
      struct Parameter {
        WaveTangent wave;
        double dt;
        complex dlog_refraction;
      };
      std::vector<Parameter> moving(parameters);
      for (std::size_t p = 0; p < parameters; ++p) {
        const double dt = tangents[p].thickness.empty() ? 0 : tangents[p].thickness[layer];
        const WaveTangent dwave =
            wave_tangent(wave, normal, tangents[p].beam_tilt, dU[c][p].refraction_U_0);
        moving[p] = {dwave, dt,
                     2.0 * i_pi * ((dwave.dK_n - dwave.dk0_n) * t + (wave.K_n - wave.k0_n) * dt)};
      }

      for (Eigen::Index g = 0; g < n; ++g) {
        // Free propagation e^{at}, a = iπ (K² − |K+g|²)/κ, and scattering out of the central beam:
        // ψ(t) = e^{at} ψ(0) + iπ u G ψ_0, u = U_g/sqrt(K_n κ), G = ∫ e^{a(t−z)} dz = (e^{at} −
        // 1)/a.
        const double kappa = wave.K_n + beams.g[g].dot(normal);
        const complex a = i_pi * excitation(wave, beams.g[g]) / kappa;
        const complex E = std::exp(a * t), G = t * exp_divided_difference(a * t, 0);
        const double scale = 1 / std::sqrt(wave.K_n * kappa);
        const complex u = potential[c].U[g] * scale;
        const complex before = psi[g];
        psi[g] = refraction * (E * before + i_pi * u * G * central);

        for (std::size_t p = 0; p < parameters; ++p) {
          const Parameter& m = moving[p];
          complex& dpsi = waves.dpsi[p](g, direction);
          const Vec3 dg = strain[p] * beams.g[g];
          const double dkappa = m.wave.dK_n + dg.dot(normal);
          const complex da = i_pi * excitation_derivative(wave, m.wave, beams.g[g], dg) / kappa -
                             a * dkappa / kappa;
          const complex dG = E * m.dt + t * t * slope_of_divided_difference(a * t) * da;
          complex du = -0.5 * u * (m.wave.dK_n / wave.K_n + dkappa / kappa);
          if (dU[c][p].U.size() > 0) du += dU[c][p].U[g] * scale;
          dpsi = refraction * (E * dpsi + E * (da * t + a * m.dt) * before +
                               i_pi * (du * G * central + u * dG * central + u * G * dcentral[p])) +
                 m.dlog_refraction * psi[g];
        }
      }
      central *= refraction;
      for (std::size_t p = 0; p < parameters; ++p)
        dcentral[p] = refraction * dcentral[p] + moving[p].dlog_refraction * central;
    }
  }
}

}  // namespace pendel

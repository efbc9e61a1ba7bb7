// Kinematical amplitudes: formula, thin limit of Bloch waves, derivatives.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "sim/ewald.hpp"
#include "sim/kinematical.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double pi = electron::pi;

State lead_titanate_slab(double thickness) {
  State state;
  state.crystals = {oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0})};
  state.layers = {{0, thickness}};
  return state;
}

State inclined_stack(double scale) {
  State state = lead_titanate_slab(scale);
  state.crystals[0].crystal.cell = Cell(3.904, 3.904, 3.95, 90, 90, 90);
  state.crystals.push_back(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}));
  state.layers = {{0, 0.5 * scale}, {1, 0.3 * scale}, {0, 0.2 * scale}};
  state.surface_normal = {0.4, -0.2, 1};
  state.beam_tilt = {5e-3, -8e-3};
  return state;
}

/// |ψ_Bloch − ψ_kinematical| over all beams relative to the scattered part |ψ_kinematical − ψ(0)|.
double relative_difference(const State& state, Absorption absorption, bool refraction) {
  const Beams beams = zone_beams(state, 0.8);
  PotentialOptions potential;
  potential.absorption = absorption;
  ExitWaves bloch, kinematical;
  Bloch(state, beams, {potential, refraction, 0}).exit_waves(state, {{0, 0}}, {}, bloch);
  Kinematical(state, beams, {potential, refraction}).exit_waves(state, {{0, 0}}, {}, kinematical);
  VectorXcd scattered = kinematical.psi.col(0);
  scattered[beams.index({})] = 0;
  return (bloch.psi - kinematical.psi).norm() / scattered.norm();
}

}  // namespace

BOOST_AUTO_TEST_CASE(amplitude_is_the_formula) {
  State state = lead_titanate_slab(70);
  state.beam_tilt = {2e-3, -6e-3};
  const Beams beams = zone_beams(state, 1.2);
  ExitWaves waves;
  Kinematical(state, beams, {}).exit_waves(state, {{0, 0}}, {}, waves);
  const auto U = structure_factors(state.crystals[0].crystal, beams.hkl, state.energy_keV, {});
  const double U_0 = U[0].elastic.real();
  const IncidentWave wave = incident_wave(state, state.beam_tilt, U_0);
  const complex refraction = phase((wave.K_n - wave.k0_n) * 70);
  BOOST_TEST(std::abs(waves.psi(0, 0) - refraction) < 1e-12);
  for (std::size_t g = 1; g < beams.size(); ++g) {
    // K_n for K: the normal is +z and g_n = 0
    const double s = excitation(wave, beams.g[g]) / (2 * wave.K_n);
    const complex expected =
        complex(0, pi) * U[g].elastic * (70 / wave.K_n) * sinc(s * 70) * phase(s * 70 / 2);
    BOOST_TEST(std::abs(waves.psi(g, 0) - refraction * expected) < 1e-12);
  }
}

// Second-order scattering is left out: the difference is proportional to thickness.
BOOST_AUTO_TEST_CASE(thin_limit_of_bloch_waves) {
  for (const bool refraction : {true, false})
    for (const Absorption absorption : {Absorption::none, Absorption::proportional})
      for (const bool stack : {false, true}) {
        const auto difference = [&](double t) {
          State state = stack ? inclined_stack(t) : lead_titanate_slab(t);
          state.beam_tilt = {5e-3, -8e-3};
          return relative_difference(state, absorption, refraction);
        };
        BOOST_TEST_CONTEXT("refraction " << refraction << ", absorption " << int(absorption)
                                         << ", stack " << stack) {
          const double thin = difference(0.01), double_thin = difference(0.02);
          BOOST_TEST_MESSAGE("    " << difference(1) << " at 1 A, " << difference(5) << " at 5 A");
          BOOST_TEST(std::abs(double_thin / thin - 2) < 0.02);
          BOOST_TEST(thin < 1e-3);
        }
      }
}

// Phases of the layers before and behind the scattering one: a cut changes nothing.
BOOST_AUTO_TEST_CASE(layer_cut_in_two) {
  State state = inclined_stack(200), cut = state;
  cut.layers = {{0, 30}, {0, 70}, {1, 60}, {0, 15}, {0, 0}, {0, 25}};
  KinematicalOptions options;
  options.potential.absorption = Absorption::proportional;
  const Kinematical engine(state, zone_beams(state, 1.2), options);
  ExitWaves whole, pieces;
  engine.exit_waves(state, {{0, 0}, {1e-3, 0}}, {}, whole);
  engine.exit_waves(cut, {{0, 0}, {1e-3, 0}}, {}, pieces);
  BOOST_TEST((whole.psi - pieces.psi).norm() < 1e-12 * whole.psi.norm());
  BOOST_TEST((whole.psi.col(0) - whole.psi.col(1)).norm() > 1e-3);
}

BOOST_AUTO_TEST_CASE(derivatives) {
  for (const bool refraction : {true, false})
    for (const Absorption absorption : {Absorption::none, Absorption::proportional}) {
      KinematicalOptions options;
      options.potential.absorption = absorption;
      options.refraction = refraction;
      const bool absorbing = absorption != Absorption::none;
      BOOST_TEST_CONTEXT("refraction " << refraction << ", absorbing " << absorbing) {
        State state = lead_titanate_slab(120);  // exact zone axis
        check_derivatives(Kinematical(state, zone_beams(state, 1.2), options), state, {{0, 0}},
                          all_directions(state, absorbing));
        state = inclined_stack(200);
        check_derivatives(Kinematical(state, zone_beams(state, 1.2), options), state,
                          {{0, 0}, {2e-3, 1e-3}}, all_directions(state, absorbing));
      }
    }
}

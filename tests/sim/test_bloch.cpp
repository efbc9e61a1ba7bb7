// Bloch waves against the definition written out: exponentials of the textbook matrix, flux,
// stacks.
#include <Eigen/Dense>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <unsupported/Eigen/MatrixFunctions>

#include "core/error.hpp"
#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "sim/ewald.hpp"

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

BlochOptions with_absorption() {
  BlochOptions options;
  options.potential.absorption = Absorption::proportional;
  return options;
}

VectorXcd exit_wave(const Bloch& engine, const State& state) {
  ExitWaves waves;
  engine.exit_waves(state, {{0, 0}}, {}, waves);
  return waves.psi.col(0);
}

/// The plane-wave amplitudes of the textbook, unsymmetrised, written out anew:
///   dψ_g/dz = 2πi Σ_h M_gh ψ_h along the normal n, M_gh = U_{g−h}/(2 (K+g)·n),
///   M_gg = (k² + U_0 − |K+g|²)/(2 (K+g)·n), k the vacuum wavenumber,
/// times exp(2πi (K−k)·n t): phases relative to the incident wave.
VectorXcd textbook(const State& state, const Beams& beams, const PotentialOptions& potential) {
  const int n = int(beams.size());
  const double k = 1 / electron::wavelength(state.energy_keV);
  const Vec2 t = state.beam_tilt.array().sin();
  const Vec3 k0 = k * Vec3(t[0], t[1], std::sqrt(1 - t.squaredNorm()));
  const Vec3 normal = state.surface_normal.normalized();
  VectorXcd psi = VectorXcd::Unit(n, beams.index({}));
  for (const Layer& layer : state.layers) {
    const Crystal& crystal = state.crystals[layer.crystal].crystal;
    const Ug U_0 = structure_factors(crystal, {Hkl{}}, state.energy_keV, potential)[0];
    const double k_n = k0.dot(normal);
    const double K_n = std::sqrt(k_n * k_n + U_0.elastic.real());
    const Vec3 K = k0 + (K_n - k_n) * normal;
    MatrixXcd M(n, n);
    for (int g = 0; g < n; ++g) {
      std::vector<Hkl> row;
      for (int h = 0; h < n; ++h)
        row.push_back(beams.hkl_of_crystal[layer.crystal][g] -
                      beams.hkl_of_crystal[layer.crystal][h]);
      const auto U = structure_factors(crystal, row, state.energy_keV, potential);
      const Vec3 K_g = K + beams.g[g];
      for (int h = 0; h < n; ++h) {
        complex value = U[h].elastic + complex(0, state.absorption_strength) * U[h].absorptive;
        if (g == h) value += k * k - K_g.squaredNorm();
        M(g, h) = value / (2 * K_g.dot(normal));
      }
    }
    const MatrixXcd S = (complex(0, 2 * pi * layer.thickness) * M).exp();
    psi = phase((K_n - k_n) * layer.thickness) * (S * psi);
  }
  return psi;
}

/// Flux-normalised amplitudes to plane-wave amplitudes, for the last layer.
VectorXcd plane_waves(const State& state, const Beams& beams, VectorXcd psi, double U_0) {
  const IncidentWave wave = incident_wave(state, state.beam_tilt, U_0);
  for (std::size_t g = 0; g < beams.size(); ++g)
    psi[g] /= std::sqrt(1 + beams.g[g].dot(state.surface_normal.normalized()) / wave.K_n);
  return psi;
}

double U_0_of_last(const State& state, const PotentialOptions& options) {
  return structure_factors(state.crystals[state.layers.back().crystal].crystal, {Hkl{}},
                           state.energy_keV, options)[0]
      .elastic.real();
}

double difference_from_textbook(const State& state, const Beams& beams,
                                const BlochOptions& options) {
  const VectorXcd psi = exit_wave(Bloch(state, beams, options), state);
  return (plane_waves(state, beams, psi, U_0_of_last(state, options.potential)) -
          textbook(state, beams, options.potential))
      .norm();
}

}  // namespace

// 1e-10: rounding of the exponential of a matrix of norm 300.
BOOST_AUTO_TEST_CASE(equals_the_exponential_of_the_textbook_matrix) {
  State state = lead_titanate_slab(200);
  BOOST_TEST(difference_from_textbook(state, zone_beams(state, 0.8), {}) < 1e-10);
  state.beam_tilt = {4e-3, -9e-3};
  BOOST_TEST(difference_from_textbook(state, zone_beams(state, 0.8), {}) < 1e-10);
  BOOST_TEST(difference_from_textbook(state, zone_beams(state, 0.8), with_absorption()) < 1e-10);
  state.absorption_strength = 0.4;
  BOOST_TEST(difference_from_textbook(state, zone_beams(state, 0.8), with_absorption()) < 1e-10);
  state.surface_normal = {0.4, -0.3, 1};
  BOOST_TEST(difference_from_textbook(state, zone_beams(state, 0.8), {}) < 1e-10);
  BOOST_TEST(difference_from_textbook(state, zone_beams(state, 0.8), with_absorption()) < 1e-10);
}

BOOST_AUTO_TEST_CASE(equals_the_textbook_with_higher_order_zones) {
  State state = lead_titanate_slab(200);
  state.energy_keV = 60;
  state.beam_tilt = {10e-3, 4e-3};
  BeamSelection near_sphere;
  near_sphere.g_max = 3.4;
  near_sphere.sg_max = 0.004;
  const Beams beams = select_beams(state, {}, near_sphere);
  BOOST_TEST((std::abs(beams.g.back()[2]) > 0.1 && beams.size() > 20));
  BOOST_TEST(difference_from_textbook(state, beams, {}) < 1e-10);
  state.surface_normal = {0.3, 0.1, 1};
  BOOST_TEST(difference_from_textbook(state, beams, with_absorption()) < 1e-10);
}

BOOST_AUTO_TEST_CASE(stack_equals_the_product_of_its_layers) {
  State state = lead_titanate_slab(80);
  state.crystals[0].crystal.cell = Cell(3.904, 3.904, 3.95, 90, 90, 90);
  state.crystals.push_back(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}));
  state.layers = {{0, 80}, {1, 50}, {0, 30}};
  state.beam_tilt = {-3e-3, 5e-3};
  const Beams beams = zone_beams(state, 0.8);
  BOOST_TEST(difference_from_textbook(state, beams, with_absorption()) < 1e-10);
  // a layer cut in two, and one of no thickness, change nothing
  State cut = state;
  cut.layers = {{0, 80}, {1, 20}, {0, 0}, {1, 30}, {0, 30}};
  const Bloch engine(state, beams, with_absorption());
  BOOST_TEST((exit_wave(engine, cut) - exit_wave(engine, state)).norm() < 1e-12);
}

BOOST_AUTO_TEST_CASE(flux_is_conserved_without_absorption) {
  State state = lead_titanate_slab(500);
  state.crystals.push_back(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}));
  state.crystals[0].crystal.cell = Cell(3.904, 3.904, 3.95, 90, 90, 90);
  state.layers.push_back({1, 300});
  for (const Vec3& normal : {Vec3(0, 0, 1), Vec3(0.5, 0.3, 1)})
    for (const Vec2& tilt : {Vec2(0, 0), Vec2(7e-3, -2e-3)}) {
      state.surface_normal = normal;
      state.beam_tilt = tilt;
      const Bloch engine(state, zone_beams(state, 1.2), {});
      BOOST_TEST(std::abs(exit_wave(engine, state).squaredNorm() - 1) < 1e-10);
      const Bloch lossy(state, zone_beams(state, 1.2), with_absorption());
      BOOST_TEST(exit_wave(lossy, state).squaredNorm() < 0.9);
    }
}

BOOST_AUTO_TEST_CASE(moved_atoms_are_those_of_the_state) {
  const State reference = lead_titanate_slab(100);
  const Beams beams = zone_beams(reference, 0.8);
  const StateTangent mode =
      crystal_direction(reference, 0, displacement_mode(reference.crystals[0].crystal));
  const State state = moved(reference, mode, 0.3);
  const VectorXcd psi = exit_wave(Bloch(reference, beams, {}), state);
  BOOST_TEST((psi - exit_wave(Bloch(state, beams, {}), state)).norm() < 1e-12);
  BOOST_TEST((psi - exit_wave(Bloch(reference, beams, {}), reference)).norm() > 1e-3);
}

BOOST_AUTO_TEST_CASE(structure_matrix_is_its_definition) {
  State state = lead_titanate_slab(100);
  const Vec2 tilt(3e-3, 1e-3);
  const Beams beams = zone_beams(state, 0.6);
  BlochOptions options;
  options.refraction = false;
  options.coupling_g_max = 0.7;
  const MatrixXcd A = Bloch(state, beams, options).structure_matrix(state, 0, tilt);
  const IncidentWave wave = incident_wave(state, tilt, 0);
  const double U_0 = U_0_of_last(state, options.potential);
  for (int g = 0; g < int(beams.size()); ++g) {
    BOOST_TEST(std::abs(A(g, g) - excitation(wave, beams.g[g]) - U_0) < 1e-12);
    for (int h = 0; h < g; ++h) {
      const Hkl difference = beams.hkl[g] - beams.hkl[h];
      const complex U = structure_factors(state.crystals[0].crystal, {difference}, state.energy_keV,
                                          options.potential)[0]
                            .elastic;
      const bool coupled = (beams.g[g] - beams.g[h]).norm() < 0.7;
      BOOST_TEST(std::abs(A(g, h) - (coupled ? U : complex(0))) < 1e-14);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_incident_beam_must_be_listed) {
  const State state = lead_titanate_slab(100);
  BOOST_CHECK_EXCEPTION(Bloch(state, beams_from_hkl(state, {{0, 1, 0}}), {}), Error,
                        [](const Error& e) { return e.kind() == ErrorKind::study; });
}

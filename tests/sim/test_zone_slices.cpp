// Bloch waves of a crystal in slices: order of convergence to the equations integrated by another
// method, agreement with split-step propagation, unitarity, derivatives, and the engine's ways
// against each other.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "sim/bloch.hpp"
#include "sim/ewald.hpp"
#include "sim/splitstep.hpp"
#include "zone_states.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

BlochOptions sliced(double slice_A, bool absorbing = false) {
  BlochOptions options;
  options.zones = HigherZones::sliced;
  options.slice_A = slice_A;
  if (absorbing) options.potential.absorption = Absorption::proportional;
  return options;
}

/// dψ/dz = iπ/K_n (T + U(z)) ψ by the classical Runge-Kutta method, U(z) summed up from structure
/// factors, through the first layer of a crystal whose beams' lattice has c along the beam.
VectorXcd integrated(const State& state, const Beams& beams, const PotentialOptions& potential,
                     int steps) {
  const OrientedCrystal& oriented = state.crystals[0];
  const double U_0 =
      structure_factors(oriented.crystal, {Hkl{}}, state.energy_keV, potential)[0].elastic.real();
  const IncidentWave wave = incident_wave(state, state.beam_tilt, U_0);
  const int n = int(beams.size());
  constexpr int orders = 33;  // to 8 1/Å
  std::vector<MatrixXcd> U;
  for (int l = -orders; l <= orders; ++l) {
    std::vector<Hkl> hkl;
    for (int h = 0; h < n; ++h)
      for (int g = 0; g < n; ++g) hkl.push_back(beams.hkl[g] - beams.hkl[h] + Hkl{0, 0, l});
    const auto values = structure_factors(oriented.crystal, hkl, state.energy_keV, potential);
    MatrixXcd one(n, n);
    for (int i = 0; i < n * n; ++i)
      one(i % n, i / n) = values[i].elastic + complex(0, 1) * values[i].absorptive;
    if (l == 0) {
      one.diagonal().array() -= U_0;
      for (int g = 0; g < n; ++g) one(g, g) += excitation(wave, beams.g[g]);
    }
    U.push_back(one);
  }
  const double c = oriented.crystal.cell.edges().z(), dz = c / steps;
  std::vector<MatrixXcd> A;  // at whole and half steps of one cell
  for (int j = 0; j < 2 * steps; ++j) {
    A.push_back(MatrixXcd::Zero(n, n));
    for (int l = -orders; l <= orders; ++l)
      A[j] += phase(l * j / (2.0 * steps)) * complex(0, electron::pi / wave.K_n) * U[l + orders];
  }
  VectorXcd psi = VectorXcd::Unit(n, beams.index(Hkl{}));
  const int cells = int(std::lround(state.layers[0].thickness / c));
  for (int step = 0; step < cells * steps; ++step) {
    const int j = 2 * (step % steps);
    const MatrixXcd &middle = A[j + 1], &end = A[(j + 2) % (2 * steps)];
    const VectorXcd k1 = A[j] * psi, k2 = middle * (psi + dz / 2 * k1),
                    k3 = middle * (psi + dz / 2 * k2), k4 = end * (psi + dz * k3);
    psi += dz / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
  }
  return phase((wave.K_n - wave.k0_n) * state.layers[0].thickness) * psi;
}

MatrixXcd exit_wave(const State& state, const Bloch& engine) {
  ExitWaves waves;
  engine.exit_waves(state, {{0, 0}}, {}, waves);
  return waves.psi;
}

}  // namespace

// Atoms wide enough for the order to show with slices of quarter angstroms.
BOOST_AUTO_TEST_CASE(converges_with_the_fourth_power_of_the_slice) {
  for (bool absorbing : {false, true}) {
    State state = polar(5);
    for (Site& atom : state.crystals[0].crystal.sites) atom.set_B(8);
    const Beams beams = zone_beams(state, 0.6);
    const VectorXcd expected = integrated(state, beams, sliced(1, absorbing).potential, 300);
    double before = 0;
    for (int slices : {4, 8, 16}) {
      const double error =
          (exit_wave(state, Bloch(state, beams, sliced(4.152 / slices, absorbing))) - expected)
              .cwiseAbs()
              .maxCoeff();
      BOOST_TEST_MESSAGE("    " << slices << " slices: " << error);
      if (slices == 16) {
        BOOST_TEST(error < 1e-6);
        BOOST_TEST(error < before / 11.3);  // order 3.5 and more; averaged slices: 2
        BOOST_TEST(error > before / 40);    // so the difference is the slices'
      }
      before = error;
    }
  }
}

// The same crystal as in test_mean_zones.cpp, whose limit is 4e-4. The two engines' grids of plane
// waves differ.
BOOST_AUTO_TEST_CASE(a_polar_crystal_against_splitstep) {
  State state = polar(20);
  for (Site& atom : state.crystals[0].crystal.sites) atom.set_B(3);
  const Beams beams = zone_beams(state, 2.75), compared = zone_beams(state, 1);
  SplitStepOptions fine;
  fine.g_max = 2.75;
  fine.slice_A = 0.125;
  ExitWaves expected;
  SplitStep(state, compared, fine).exit_waves(state, {{0, 0}}, {}, expected);
  const MatrixXcd psi = exit_wave(state, Bloch(state, beams, sliced(0.5)));
  double error = 0;
  for (std::size_t g = 0; g < compared.size(); ++g)
    error = std::max(error, std::abs(psi(beams.index(compared.hkl[g]), 0) - expected.psi(g, 0)));
  BOOST_TEST_MESSAGE("    amplitudes: " << error);
  BOOST_TEST(error < 1e-4);
}

// Thickness series with and without symmetry, derivatives' amplitudes and scattering matrices are
// the same engine, for any number of threads; thicknesses between whole cells, too.
BOOST_AUTO_TEST_CASE(all_ways_agree) {
  for (bool absorbing : {false, true}) {
    State state = polar(15);
    state.beam_tilt = {0, 0};
    state.crystals.push_back(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}));
    state.layers.push_back({1, 39.05});
    const Bloch engine(state, zone_beams(state, 1), sliced(0.5, absorbing));
    const std::vector<Vec2> incidence = {{0, 0}, {2e-3, 1e-3}, {1e-3, -2e-3}, {-1e-3, 5e-3}};
    ExitWaves waves;
    engine.exit_waves(state, incidence, {tilt_direction(0)}, waves);
    for (bool symmetry : {false, true}) {
      SeriesOptions options;
      options.symmetry = symmetry;
      const auto psi =
          engine.thickness_series(state, incidence, 0, {30, 15 * 4.152, 5 * 4.152}, options);
      BOOST_TEST((psi[1] - waves.psi).cwiseAbs().maxCoeff() < 1e-10);
      State thinner = state;
      for (const auto& [k, t] : {std::pair{0, 30.0}, {2, 5 * 4.152}}) {
        thinner.layers[0].thickness = t;
        ExitWaves thin;
        engine.exit_waves(thinner, incidence, {}, thin);
        BOOST_TEST((psi[k] - thin.psi).cwiseAbs().maxCoeff() < 1e-10);
      }
      const int before = threads();
      set_threads(before == 1 ? 2 : 1);
      BOOST_TEST((engine.thickness_series(state, incidence, 0, {30}, options)[0] - psi[0]).norm() ==
                 0);
      set_threads(before);
    }
    const int zero = engine.beams().index(Hkl{});
    const MatrixXcd S = engine.scattering_matrix(state, incidence[1]);
    BOOST_TEST((S.col(zero) - waves.psi.col(1)).norm() < 1e-10);
    const double flux = (S.adjoint() * S - MatrixXcd::Identity(S.rows(), S.cols())).norm();
    BOOST_TEST((absorbing ? flux > 0.1 : flux < 1e-10));
  }
}

BOOST_AUTO_TEST_CASE(derivatives) {
  State state = polar(6);
  state.crystals.push_back(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}));
  state.layers.push_back({1, 19.525});
  std::vector<Direction> directions;
  for (const Direction& direction : all_directions(state, true))  // one element's B will do
    if (direction.name.find("B of") != 0 || direction.name == "B of Ti in PbTiO3")
      directions.push_back(direction);
  check_derivatives(Bloch(state, zone_beams(state, 0.4), sliced(1, true)), state,
                    {{0, 0}, {1e-3, 2e-3}}, directions);
  State single = polar(6);
  CrystalTangent strain;
  strain.strain << 0.5, 0.2, 0, 0.1, -0.3, 0, 0, 0, 0.6;
  check_derivatives(Bloch(single, zone_beams(single, 0.6), sliced(1)), single, {{0, 0}},
                    {{"strain", crystal_direction(single, 0, strain), 2e-3}});
}

BOOST_AUTO_TEST_CASE(errors_are_clear) {
  State state = silicon(4);
  const Beams beams = zone_beams(state, 1);
  const Bloch engine(state, beams, sliced(1));
  BOOST_CHECK_THROW(engine.structure_matrix(state, 0, {0, 0}), Error);
  SeriesOptions eigen;
  eigen.method = BlochMethod::eigen;
  BOOST_CHECK_THROW(engine.thickness_series(state, {{0, 0}}, 0, {10}, eigen), Error);
  BlochOptions weak = sliced(1);
  weak.weak_beams = zone_beams(state, 1);
  BOOST_CHECK_THROW(Bloch(state, beams, weak), Error);
  // sheared out of the plane
  CrystalTangent shear;
  shear.strain = state.crystals[0].R_lab_crystal.transpose() *
                 (Vec3::UnitX() * Vec3::UnitZ().transpose()) * state.crystals[0].R_lab_crystal;
  const StateTangent sheared = crystal_direction(state, 0, shear);
  ExitWaves waves;
  BOOST_CHECK_THROW(engine.exit_waves(moved(state, sheared, 0.01), {{0, 0}}, {}, waves), Error);
  BOOST_CHECK_THROW(engine.exit_waves(state, {{0, 0}}, {sheared}, waves), Error);
  // along [111] the zones do not lie above each other
  state.crystals[0] = oriented(state.crystals[0].crystal, {1, 1, 1}, {-1, 1, 0});
  const Bloch beside(state, zone_beams(state, 1), sliced(1));
  BOOST_CHECK_THROW(beside.exit_waves(state, {{0, 0}}, {}, waves), Error);
}

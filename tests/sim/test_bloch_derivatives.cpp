// Every derivative of the Bloch engine against finite differences of its complex amplitudes.
#include <boost/test/unit_test.hpp>

#include "derivative_check.hpp"
#include "sim/bloch.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

State slab(const OrientedCrystal& crystal, double thickness) {
  State state;
  state.crystals = {crystal};
  state.layers = {{0, thickness}};
  return state;
}

BlochOptions with_absorption() {
  BlochOptions options;
  options.potential.absorption = Absorption::proportional;
  return options;
}

void check(const State& state, const Beams& beams, const BlochOptions& options,
           const std::vector<Vec2>& incidence = {{0, 0}}) {
  const bool absorption = options.potential.absorption != Absorption::none;
  check_derivatives(Bloch(state, beams, options), state, incidence,
                    all_directions(state, absorption));
}

void check_with_and_without_absorption(const State& state, const Beams& beams) {
  BOOST_TEST_CONTEXT("without absorption") check(state, beams, {});
  BOOST_TEST_CONTEXT("with absorption") check(state, beams, with_absorption());
}

}  // namespace

// Exact zone axis: the fourfold axis makes eigenvalues degenerate.
BOOST_AUTO_TEST_CASE(zone_axis_of_a_centrosymmetric_crystal) {
  const State state = slab(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}), 120);
  check_with_and_without_absorption(state, zone_beams(state, 0.75));
}

BOOST_AUTO_TEST_CASE(zone_axis_along_the_polar_axis) {
  const State state = slab(oriented(lead_titanate(), {0, 0, 1}, {1, 0, 0}), 120);
  check_with_and_without_absorption(state, zone_beams(state, 0.75));
}

BOOST_AUTO_TEST_CASE(polar_axis_in_the_plane) {
  State state = slab(oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0}), 150);
  check_with_and_without_absorption(state, zone_beams(state, 0.75));
  state.beam_tilt = {4e-3, -7e-3};
  check_with_and_without_absorption(state, zone_beams(state, 0.75));
}

BOOST_AUTO_TEST_CASE(several_directions_of_incidence) {
  State state = slab(oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0}), 90);
  state.beam_tilt = {-2e-3, 5e-3};
  check(state, zone_beams(state, 0.7), with_absorption(), {{0, 0}, {1e-3, 0}, {-2e-3, 1e-3}});
}

BOOST_AUTO_TEST_CASE(stack_of_two_crystals) {
  State state = slab(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}), 60);
  state.crystals.push_back(oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0}));
  state.layers = {{0, 60}, {1, 75}, {0, 40}};
  state.crystals[1].crystal.cell = Cell(3.904, 3.904, 3.99, 90, 90, 90);  // within the net's 5 %
  check_with_and_without_absorption(state, zone_beams(state, 0.75));
  state.beam_tilt = {3e-3, 5e-3};
  check_with_and_without_absorption(state, zone_beams(state, 0.75));
}

// Beams have components along the normal: the factors 1/(1+g_n/K_n) depend on the tilt.
BOOST_AUTO_TEST_CASE(inclined_surface) {
  State state = slab(oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0}), 100);
  state.surface_normal = Vec3(0.5, 0.2, 1);  // not normalised on purpose
  state.beam_tilt = {2e-3, 6e-3};
  check_with_and_without_absorption(state, zone_beams(state, 0.75));
}

namespace {

struct BeamsOfHigherZones {
  State state = slab(oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0}), 100);
  Beams beams;

  BeamsOfHigherZones() {
    state.energy_keV = 60;  // brings the first-order zone near
    state.beam_tilt = {12e-3, -9e-3};
    state.surface_normal = Vec3(-0.2, 0.1, 1);
    BeamSelection near_sphere;
    near_sphere.g_max = 3.4;
    near_sphere.sg_max = 0.01;
    std::vector<Hkl> hkl = zone_beams(state, 0.6).hkl;
    const std::size_t in_zone = hkl.size();
    const Beams candidates = select_beams(state, {}, near_sphere);
    for (std::size_t i = 0; i < candidates.size() && hkl.size() < in_zone + 8; ++i)
      if (std::abs(candidates.g[i][2]) > 0.1) hkl.push_back(candidates.hkl[i]);
    BOOST_TEST(hkl.size() == in_zone + 8);
    beams = beams_from_hkl(state, hkl);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(higher_order_zones) {
  const BeamsOfHigherZones zones;
  check_with_and_without_absorption(zones.state, zones.beams);
}

// Every component of the strain acts: lengths, excitation errors, flux through an inclined surface;
// with the volume and the occupancies the mean potential changes and refracts the beams.
BOOST_AUTO_TEST_CASE(strain_and_occupancy_in_an_inclined_foil) {
  BeamsOfHigherZones zones;
  CrystalTangent strain, occupancy;
  strain.strain << 0.5, 0.2, -0.1, 0.1, -0.3, 0.4, 0.2, 0.3, 0.6;
  occupancy.occupancy = {-1, 0.5, 0.2, -0.7, 0.1};
  zones.state = moved(zones.state, crystal_direction(zones.state, 0, strain), 0.004);
  for (bool refraction : {true, false}) {
    BlochOptions options = with_absorption();
    options.refraction = refraction;
    check_derivatives(Bloch(zones.state, zones.beams, options), zones.state, {{0, 0}},
                      {{"strain", crystal_direction(zones.state, 0, strain), 2e-3},
                       {"occupancy", crystal_direction(zones.state, 0, occupancy), 0.1}});
  }
}

// The engine made for one strain and moved to another is the engine made for the other.
BOOST_AUTO_TEST_CASE(strained_state_against_a_crystal_with_the_strained_cell) {
  State state = slab(oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0}), 100);
  state.beam_tilt = {3e-3, -2e-3};
  CrystalTangent strain;
  strain.strain = Vec3(0.01, -0.02, 0.015).asDiagonal();
  State built = state;
  built.crystals[0].crystal.cell = Cell(3.904 * 1.01, 3.904 * 0.98, 4.152 * 1.015, 90, 90, 90);
  std::vector<Hkl> hkl = zone_beams(state, 0.8).hkl;
  for (const Hkl& other : {Hkl{1, 0, 0}, Hkl{1, 2, 1}, Hkl{-1, 1, 3}}) hkl.push_back(other);
  const State moved_state = moved(state, crystal_direction(state, 0, strain), 1);
  ExitWaves expected, psi;
  Bloch(built, beams_from_hkl(built, hkl), with_absorption())
      .exit_waves(built, {{0, 0}, {1e-3, 2e-3}}, {}, expected);
  Bloch(state, beams_from_hkl(state, hkl), with_absorption())
      .exit_waves(moved_state, {{0, 0}, {1e-3, 2e-3}}, {}, psi);
  BOOST_TEST((psi.psi - expected.psi).norm() < 1e-11);
  Bloch(moved_state, beams_from_hkl(moved_state, hkl), with_absorption())
      .exit_waves(moved_state, {{0, 0}, {1e-3, 2e-3}}, {}, psi);
  BOOST_TEST((psi.psi - expected.psi).norm() < 1e-11);
  Bloch(state, beams_from_hkl(state, hkl), with_absorption())
      .exit_waves(state, {{0, 0}, {1e-3, 2e-3}}, {}, psi);
  BOOST_TEST((psi.psi - expected.psi).norm() > 0.01);  // the strain is seen
  const auto series = Bloch(state, beams_from_hkl(state, hkl), with_absorption())
                          .thickness_series(moved_state, {{0, 0}, {1e-3, 2e-3}}, 0, {100});
  BOOST_TEST((series[0] - expected.psi).norm() < 1e-8);  // of the exponential
}

BOOST_AUTO_TEST_CASE(without_refraction_and_with_limited_couplings) {
  State state = slab(oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0}), 100);
  state.beam_tilt = {2e-3, 6e-3};
  BlochOptions options = with_absorption();
  options.refraction = false;
  options.coupling_g_max = 0.9;
  check(state, zone_beams(state, 0.8), options);
}

BOOST_AUTO_TEST_CASE(absorption_of_weickenmeier_and_kohl) {
  State state = slab(oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0}), 100);
  state.beam_tilt = {2e-3, 6e-3};
  BlochOptions options;
  options.potential.table = ScatteringTable::weickenmeier_kohl;
  options.potential.absorption = Absorption::weickenmeier_kohl;
  check(state, zone_beams(state, 0.6), options);
}

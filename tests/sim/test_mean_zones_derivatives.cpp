// Derivatives of Bloch waves with the mean effect of higher-order zones, against finite differences
// of complex amplitudes; and strained states.
#include <boost/test/unit_test.hpp>

#include "sim/bloch.hpp"
#include "zone_states.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

BlochOptions mean_zones() {
  BlochOptions options;
  options.zones = HigherZones::mean;
  options.potential.absorption = Absorption::proportional;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(tilt_thickness_atoms_and_absorption_in_a_stack) {
  State state = polar(12);
  state.crystals.push_back(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}));
  state.layers.push_back({1, 39.05});
  std::vector<Direction> directions;
  for (const Direction& direction : all_directions(state, true))  // one element's B will do
    if (direction.name.find("B of") != 0 || direction.name == "B of Ti in PbTiO3")
      directions.push_back(direction);
  check_derivatives(Bloch(state, zone_beams(state, 0.6), mean_zones()), state,
                    {{0, 0}, {1e-3, 2e-3}}, directions);
}

// A strain moves the zones apart and their reflections sideways; single structure factors act
// whichever zone they are in.
BOOST_AUTO_TEST_CASE(derivatives_along_strain_and_structure_factors) {
  State state = polar(12);
  CrystalTangent strain, in_zone, in_first;
  strain.strain << 0.5, 0.2, 0, 0.1, -0.3, 0, 0, 0, 0.6;
  in_zone.U_g_change = {{{1, 1, 0}, {0.6, 0.8}}, {{-1, -1, 0}, {0.6, -0.8}}};
  in_first.U_g_change = {{{1, 0, 1}, {0.6, 0.8}}, {{-1, 0, -1}, {0.6, -0.8}}};
  state = moved(state, crystal_direction(state, 0, strain), 0.004);
  BlochOptions options = mean_zones();
  options.refraction = false;
  const Bloch engine(state, zone_beams(state, 0.6), options);
  check_derivatives(engine, state, {{0, 0}},
                    {{"strain", crystal_direction(state, 0, strain), 2e-3},
                     {"U_(1 1 0)", crystal_direction(state, 0, in_zone), 2e-3},
                     {"U_(1 0 1)", crystal_direction(state, 0, in_first), 2e-3}});
  // not at the state that it was built for
  check_derivatives(engine, moved(state, crystal_direction(state, 0, strain), 0.003), {{0, 0}},
                    {{"strain", crystal_direction(state, 0, strain), 2e-3}});
}

// Equal but for reflections at the end of the reach of χ, where U_g is below 1e-3 U_0: the strained
// cell has others within it.
BOOST_AUTO_TEST_CASE(strained_state_against_a_crystal_with_the_strained_cell) {
  const State state = polar(12);
  CrystalTangent strain;
  strain.strain = Vec3(0.01, -0.02, 0.03).asDiagonal();
  State built = state;
  built.crystals[0].crystal.cell = Cell(3.904 * 1.01, 3.904 * 0.98, 4.152 * 1.03, 90, 90, 90);
  const std::vector<Hkl> hkl = zone_beams(state, 0.8).hkl;
  const State strained_state = moved(state, crystal_direction(state, 0, strain), 1);
  ExitWaves expected, psi, unstrained;
  const auto run = [&](const State& made_for, const State& state_, ExitWaves& waves) {
    Bloch(made_for, beams_from_hkl(made_for, hkl), mean_zones())
        .exit_waves(state_, {{0, 0}}, {}, waves);
  };
  run(built, built, expected);
  run(state, strained_state, psi);
  BOOST_TEST((psi.psi - expected.psi).norm() < 1e-6);
  run(strained_state, strained_state, psi);
  BOOST_TEST((psi.psi - expected.psi).norm() < 1e-6);
  run(state, state, unstrained);
  BOOST_TEST((unstrained.psi - expected.psi).norm() > 0.01);
}

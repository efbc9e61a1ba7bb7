// Directions of incidence that a crystal's symmetry relates: amplitudes against those calculated.
#include <boost/test/unit_test.hpp>
#include <set>

#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "sim/direction_symmetry.hpp"
#include "zone_states.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

/// Every symmetry's image of one direction; beams are closed under them.
void check(const State& state, std::size_t expected, BlochOptions options = {}) {
  options.potential.absorption = Absorption::proportional;
  const auto symmetries = direction_symmetries(state, options.zones == HigherZones::mean);
  BOOST_TEST(symmetries.size() == expected);
  BeamSelection near;  // at this energy beams of other zones
  near.g_max = 2;
  near.sg_max = 0.03;
  near.zero_order_only = options.zones == HigherZones::mean;
  std::set<Hkl> hkl = {Hkl{}};
  for (const Hkl& g : select_beams(state, {}, near).hkl)
    for (const DirectionSymmetry& symmetry : symmetries) hkl.insert(symmetry.image(g));
  const Bloch engine(state, beams_from_hkl(state, {hkl.begin(), hkl.end()}), options);
  const Vec2 sines = (state.beam_tilt + Vec2(3e-3, 7e-3)).array().sin();
  std::vector<Vec2> incidence;
  for (const DirectionSymmetry& symmetry : symmetries)
    incidence.push_back(Vec2((symmetry.R * sines).array().asin()) - state.beam_tilt);
  ExitWaves waves;
  engine.exit_waves(state, incidence, {}, waves);
  double largest = 0;
  for (std::size_t k = 0; k < symmetries.size(); ++k)
    for (std::size_t i = 0; i < engine.beams().size(); ++i) {
      const Hkl g = engine.beams().hkl[i];
      const int image = engine.beams().index(symmetries[k].image(g));
      BOOST_REQUIRE(image >= 0);
      BOOST_REQUIRE(symmetries[k].before(symmetries[k].image(g)) == g);
      largest = std::max(largest, std::abs(waves.psi(image, long(k)) -
                                           symmetries[k].phase(g) * waves.psi(long(i), 0)));
    }
  BOOST_TEST(largest < 1e-9);
}

}  // namespace

BOOST_AUTO_TEST_CASE(silicon_with_glide_planes_and_screw_axes) {
  State state = silicon(30);
  state.energy_keV = 40;  // brings zones near
  check(state, 4);        // 2mm
  Crystal& crystal = state.crystals[0].crystal;
  state.crystals[0] = oriented(crystal, {0, 0, 1}, {1, 1, 0});
  check(state, 8);
  for (Site& site : state.crystals[0].crystal.sites) site.position.v += Vec3(0.03, 0.11, -0.07);
  check(state, 8);  // wherever the origin is
  state.surface_normal = {0.2, 0.2, 1};
  BOOST_TEST(direction_symmetries(state, false).size() <= 2u);
}

BOOST_AUTO_TEST_CASE(polar_crystals_and_oblique_beams) {
  State state = polar(20);
  state.energy_keV = 40;
  check(state, 8);  // 4mm
  state.beam_tilt = {0, 0};
  state.crystals[0] = oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0});
  check(state, 2);  // the mirror that holds the polar axis
  state.crystals[0] = oriented(lead_titanate(), {0, 1, 3}, {1, 0, 0});
  check(state, 2);
}

// Faces cut the cell where z = 0: symmetries that shift the crystal along z do not hold.
BOOST_AUTO_TEST_CASE(mean_zones) {
  BlochOptions options;
  options.zones = HigherZones::mean;
  State state = polar(20);
  check(state, 8, options);
  state = silicon(30);
  state.crystals[0] = oriented(state.crystals[0].crystal, {0, 0, 1}, {1, 1, 0});
  check(state, direction_symmetries(state, true).size(), options);
  BOOST_TEST(direction_symmetries(state, true).size() < 8u);
}

BOOST_AUTO_TEST_CASE(layers_and_single_structure_factors_have_none) {
  State state = polar(20);
  state.crystals[0].crystal.U_g_change[{1, 0, 0}] = 0.01;
  BOOST_TEST(direction_symmetries(state, false).size() == 1u);
  state = polar(20);
  state.crystals.push_back(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}));
  state.layers.push_back({1, 39.05});
  BOOST_TEST(direction_symmetries(state, false).size() == 1u);
}

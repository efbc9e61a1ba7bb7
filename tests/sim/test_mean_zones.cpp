// Bloch waves of the zero-order zone with the mean effect of the other zones: against split-step
// propagation, which resolves them, and the engine's ways against each other.
#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "sim/bloch.hpp"
#include "sim/splitstep.hpp"
#include "zone_states.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

BlochOptions mean_zones(bool absorbing = false) {
  BlochOptions options;
  options.zones = HigherZones::mean;
  if (absorbing) options.potential.absorption = Absorption::proportional;
  return options;
}

/// Largest difference of amplitudes to split-step with thin slices, with and without other zones'
/// mean effect.
struct Errors {
  double with, without;
};
Errors errors(const State& state, double g_max, double g_compared) {
  const Beams beams = zone_beams(state, g_max), compared = zone_beams(state, g_compared);
  SplitStepOptions fine;
  fine.g_max = g_max;
  fine.slice_A = 0.25;
  ExitWaves expected;
  SplitStep(state, compared, fine).exit_waves(state, {Vec2(0, 0)}, {}, expected);
  Errors result{0, 0};
  for (double* error : {&result.with, &result.without}) {
    BlochOptions options;
    if (error == &result.with) options.zones = HigherZones::mean;
    const MatrixXcd psi =
        Bloch(state, beams, options)
            .thickness_series(state, {Vec2(0, 0)}, 0, {state.layers[0].thickness})[0];
    for (std::size_t g = 0; g < compared.size(); ++g)
      *error =
          std::max(*error, std::abs(psi(beams.index(compared.hkl[g]), 0) - expected.psi(g, 0)));
  }
  BOOST_TEST_MESSAGE("    amplitudes: " << result.with << ", without " << result.without);
  return result;
}

}  // namespace

// What is left is of higher order in the mean zones' expansion. Phases of the faces count here.
// g_max is enough for B three times as large.
BOOST_AUTO_TEST_CASE(a_polar_crystal_against_splitstep) {
  State state = polar(20);
  for (Site& atom : state.crystals[0].crystal.sites) atom.set_B(3);
  const Errors e = errors(state, 2.75, 1);
  BOOST_TEST(e.with < e.without / 10);
  BOOST_TEST(e.with < 4e-4);
}

BOOST_AUTO_TEST_CASE(silicon_against_splitstep) {
  const Errors e = errors(silicon(40), 3.5, 1);
  BOOST_TEST(e.with < e.without / 10);
  BOOST_TEST(e.with < 2e-4);
}

// Thickness series by both methods, with symmetry, and scattering matrices are the same engine.
BOOST_AUTO_TEST_CASE(all_ways_agree) {
  for (bool absorbing : {false, true}) {
    State state = polar(15);
    state.beam_tilt = {0, 0};
    state.crystals.push_back(oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}));
    state.layers.push_back({1, 39.05});
    const Bloch engine(state, zone_beams(state, 1.2), mean_zones(absorbing));
    const std::vector<Vec2> incidence = {{0, 0}, {2e-3, 1e-3}, {1e-3, -2e-3}, {-1e-3, 5e-3}};
    ExitWaves waves;
    engine.exit_waves(state, incidence, {}, waves);
    for (BlochMethod method : {BlochMethod::eigen, BlochMethod::exponential}) {
      SeriesOptions options;
      options.method = method;
      const MatrixXcd psi =
          engine.thickness_series(state, incidence, 0, {30, 15 * 4.152}, options)[1];
      BOOST_TEST((psi - waves.psi).cwiseAbs().maxCoeff() < 1e-11);
    }
    const int zero = engine.beams().index(Hkl{});
    BOOST_TEST((engine.scattering_matrix(state, incidence[1]).col(zero) - waves.psi.col(1)).norm() <
               1e-11);
  }
  // unitary without absorption
  const State state = polar(15);
  const Bloch engine(state, zone_beams(state, 1.2), mean_zones());
  const MatrixXcd S = engine.scattering_matrix(state, state.beam_tilt);
  BOOST_TEST((S.adjoint() * S - MatrixXcd::Identity(S.rows(), S.cols())).norm() < 1e-11);
}

BOOST_AUTO_TEST_CASE(errors_are_clear) {
  State state = silicon(10);
  Beams beams = zone_beams(state, 1);
  beams.hkl.push_back({1, 1, 1});
  BOOST_CHECK_THROW(Bloch(state, beams_from_hkl(state, beams.hkl), mean_zones()), Error);
  state.surface_normal = {0.1, 0, 1};
  BOOST_CHECK_THROW(Bloch(state, zone_beams(state, 1), mean_zones()), Error);
  state.surface_normal = Vec3::UnitZ();
  // sheared out of the plane, when it is made, used or differentiated
  CrystalTangent shear;
  shear.strain = state.crystals[0].R_lab_crystal.transpose() *
                 (Vec3::UnitX() * Vec3::UnitZ().transpose()) * state.crystals[0].R_lab_crystal;
  const StateTangent sheared = crystal_direction(state, 0, shear);
  const Bloch engine(state, zone_beams(state, 1), mean_zones());
  ExitWaves waves;
  BOOST_CHECK_THROW(engine.exit_waves(moved(state, sheared, 0.01), {{0, 0}}, {}, waves), Error);
  BOOST_CHECK_THROW(engine.exit_waves(state, {{0, 0}}, {sheared}, waves), Error);
  BOOST_CHECK_NO_THROW(engine.exit_waves(state, {{0, 0}}, {}, waves));
  const State other = moved(state, sheared, 0.01);
  BOOST_CHECK_THROW(Bloch(other, zone_beams(state, 1), mean_zones()), Error);
  state.crystals[0].R_lab_crystal =
      Eigen::AngleAxisd(0.3, Vec3(1, 2, 0).normalized()).toRotationMatrix() *
      state.crystals[0].R_lab_crystal;
  BOOST_CHECK_THROW(Bloch(state, beams_from_hkl(state, {Hkl{}}), mean_zones()), Error);
}

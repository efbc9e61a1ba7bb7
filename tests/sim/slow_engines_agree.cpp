// Bloch waves, split-step propagation and (thin) kinematical amplitudes of the same specimen:
// polar, tilted, absorbing. One polarity in all engines: the inverted crystal is far off.
#include <boost/test/unit_test.hpp>

#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "sim/kinematical.hpp"
#include "sim/splitstep.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

State slab(const Vec3& beam, const Vec3& x, double thickness) {
  State state;
  state.beam_tilt = {4e-3, -2.5e-3};
  state.crystals = {oriented(lead_titanate(), beam, x)};
  state.layers = {{0, thickness}};
  return state;
}

State inverted(State state) {
  for (Site& atom : state.crystals[0].crystal.sites) atom.position.v *= -1;
  return state;
}

PotentialOptions absorbing() {
  PotentialOptions potential;
  potential.absorption = Absorption::weickenmeier_kohl;
  return potential;
}

/// Amplitudes of `compared`, all among the engine's beams.
template <class Engine>
VectorXcd amplitudes(const Engine& engine, const State& state, const Beams& compared) {
  ExitWaves waves;
  engine.exit_waves(state, {Vec2(0, 0)}, {}, waves);
  VectorXcd psi(compared.size());
  for (std::size_t i = 0; i < compared.size(); ++i)
    psi[i] = waves.psi(engine.beams().index(compared.hkl[i]), 0);
  return psi;
}

VectorXcd bloch(const State& state, const Beams& compared, double g_max) {
  const Bloch engine(state, zone_beams(state, g_max), {absorbing()});
  BOOST_TEST_MESSAGE("    Bloch with " << engine.beams().size() << " beams");
  return amplitudes(engine, state, compared);
}

VectorXcd splitstep(const State& state, const Beams& compared, double g_max, double slice) {
  SplitStepOptions options;
  options.potential = absorbing();
  options.zero_order_only = true;
  options.g_max = g_max;
  options.slice_A = slice;
  return amplitudes(SplitStep(state, compared, options), state, compared);
}

double intensity_difference(const VectorXcd& a, const VectorXcd& b) {
  return (a.cwiseAbs2() - b.cwiseAbs2()).cwiseAbs().maxCoeff();
}

}  // namespace

// Each engine is compared with the other at its finest: errors fall with every refinement.
BOOST_AUTO_TEST_CASE(bloch_waves_and_splitstep) {
  struct Zone {
    Vec3 beam, x;
    double thickness;
  };
  for (const Zone& zone :
       {Zone{{1, 0, 0}, {0, 1, 0}, 51 * 3.904}, Zone{{0, 0, 1}, {1, 0, 0}, 48 * 4.152}})
    BOOST_TEST_CONTEXT("beam along " << zone.beam.transpose()) {
      const State state = slab(zone.beam, zone.x, zone.thickness);
      const Beams compared = zone_beams(state, 1.2);
      const VectorXcd finest_splitstep = splitstep(state, compared, 5, 0.25);
      VectorXcd finest_bloch;
      double previous = 1;
      for (const double g_max : {2.0, 2.6, 3.5}) {  // 200, 340, 600 beams
        finest_bloch = bloch(state, compared, g_max);
        const double error = intensity_difference(finest_bloch, finest_splitstep);
        BOOST_TEST_MESSAGE("    difference "
                           << error << ", in amplitude "
                           << (finest_bloch - finest_splitstep).cwiseAbs().maxCoeff());
        BOOST_TEST(error < 0.6 * previous);
        previous = error;
      }
      // beams between 3.5 and 5 1/Å are what is left
      const char* what = "200 Å of PbTiO3 [100] and [001], tilted, absorbing, 600 beams: ";
      record("Bloch waves", std::string(what) + "intensities", "split-step", previous,
             at_most(1e-3));
      record("Bloch waves", std::string(what) + "amplitudes", "split-step",
             (finest_bloch - finest_splitstep).cwiseAbs().maxCoeff(), at_most(2e-3));

      double previous_slice = 1;
      for (const double slice : {5.0, 2.5, 1.25}) {
        const double error =
            intensity_difference(splitstep(state, compared, 5, slice), finest_splitstep);
        BOOST_TEST_MESSAGE("    slices of " << slice << " A: difference " << error);
        BOOST_TEST(error < 0.4 * previous_slice);  // 1, 2, 4 per cell; second order: a quarter
        previous_slice = error;
      }
    }
}

BOOST_AUTO_TEST_CASE(one_polarity) {
  const State state = slab({1, 0, 0}, {0, 1, 0}, 51 * 3.904), other = inverted(state);
  const Beams compared = zone_beams(state, 1.2);
  const VectorXcd bloch_here = bloch(state, compared, 2.6),
                  bloch_there = bloch(other, compared, 2.6);
  const VectorXcd split_here = splitstep(state, compared, 4, 1),
                  split_there = splitstep(other, compared, 4, 1);
  const double agreement = intensity_difference(bloch_here, split_here);
  BOOST_TEST_MESSAGE("    same polarity: " << agreement << "; other polarity: "
                                           << intensity_difference(bloch_here, split_there));
  record("Bloch waves", "difference from the opposite polarity over that from the same",
         "split-step, PbTiO3 [100]", intensity_difference(bloch_here, split_there) / agreement,
         at_least(20));
  BOOST_TEST(intensity_difference(bloch_there, split_here) > 20 * agreement);

  // The zone of the polar axis is symmetric under its twofold axis: inversion is unseen there.
  const State along = slab({0, 0, 1}, {1, 0, 0}, 50);
  const Beams zone = zone_beams(along, 1.2);
  BOOST_TEST(intensity_difference(splitstep(along, zone, 4, 1),
                                  splitstep(inverted(along), zone, 4, 1)) < 1e-10);

  // Kinematical intensities of thin crystals hardly know the polarity (Friedel), amplitudes do.
  const State thin = slab({1, 0, 0}, {0, 1, 0}, 0.3), thin_other = inverted(thin);
  const Kinematical kinematical(thin, compared, {absorbing()}),
      kinematical_other(thin_other, compared, {absorbing()});
  const VectorXcd single = amplitudes(kinematical, thin, compared),
                  single_other = amplitudes(kinematical_other, thin_other, compared);
  for (const VectorXcd& many : {bloch(thin, compared, 2), splitstep(thin, compared, 4, 0.25)}) {
    const double here = (many - single).norm(), there = (many - single_other).norm();
    BOOST_TEST_MESSAGE("    thin: " << here << ", other polarity: " << there);
    BOOST_TEST(there > 20 * here);
  }
}

// Along the polar axis the polarity shows only through higher-order zones. Beams with one in-plane
// g leave the crystal as one wave: Bloch amplitudes of (h k l) are summed over l. Three zones of
// few beams are far from converged, but the sign and size of what inversion changes must agree.
BOOST_AUTO_TEST_CASE(polarity_along_the_beam) {
  State state = slab({0, 0, 1}, {1, 0, 0}, 24 * 4.152);
  state.energy_keV = 200;
  const Beams compared = zone_beams(state, 1.2);
  BeamSelection selection;
  selection.g_max = 2;
  selection.sg_max = 0.3;
  const Beams beams = select_beams(state, {}, selection);
  const auto bloch_waves = [&](const State& at) {
    ExitWaves waves;
    Bloch(at, beams, {}).exit_waves(at, {Vec2(0, 0)}, {}, waves);
    VectorXcd sum = VectorXcd::Zero(compared.size());
    for (std::size_t i = 0; i < beams.size(); ++i) {
      const int row = compared.index({beams.hkl[i].h, beams.hkl[i].k, 0});
      if (row >= 0) sum[row] += waves.psi(i, 0);
    }
    return sum;
  };
  const auto multislice = [&](const State& at) {
    SplitStepOptions options;
    options.g_max = 5;
    options.slice_A = 0.25;
    return amplitudes(SplitStep(at, compared, options), at, compared);
  };
  const State other = inverted(state);
  const VectorXcd by_bloch = bloch_waves(state) - bloch_waves(other),
                  by_splitstep = multislice(state) - multislice(other);
  const double cosine = by_bloch.dot(by_splitstep).real() / (by_bloch.norm() * by_splitstep.norm());
  BOOST_TEST_MESSAGE("    inversion changes amplitudes by "
                     << by_bloch.norm() << " and " << by_splitstep.norm() << ", cosine " << cosine);
  BOOST_TEST(cosine > 0.5);  // -0.8 if one engine had the other sense of z
  BOOST_TEST(std::abs(std::log(by_bloch.norm() / by_splitstep.norm())) < std::log(2.0));
}

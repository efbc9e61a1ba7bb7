// Kinematical amplitudes are the thin limit of Bloch waves and of split-step propagation: what they
// leave out, multiple scattering, is a part of the amplitude that grows in proportion to thickness.
#include <boost/test/unit_test.hpp>

#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "sim/kinematical.hpp"
#include "sim/splitstep.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

Crystal silicon() {
  Crystal crystal{"Si", Cell(5.431, 5.431, 5.431, 90, 90, 90), {}};
  for (double origin : {0.0, 0.25})
    for (const Vec3& face : {Vec3(0, 0, 0), Vec3(.5, .5, 0), Vec3(.5, 0, .5), Vec3(0, .5, .5)})
      crystal.sites.push_back(
          site(14, origin + face[0], origin + face[1], origin + face[2], 0.4668));
  return crystal;
}

/// Scattered amplitudes of the zero-order zone up to 1 1/Å.
struct Thin {
  VectorXcd kinematical, bloch, splitstep;
};

Thin thin(const OrientedCrystal& crystal, double thickness) {
  State state;
  state.energy_keV = 200;
  state.beam_tilt = {3e-3, -2e-3};
  state.crystals = {crystal};
  state.layers = {{0, thickness}};
  PotentialOptions potential;
  potential.absorption = Absorption::proportional;
  const Beams compared = zone_beams(state, 1), many = zone_beams(state, 2);
  SplitStepOptions options;
  options.potential = potential;
  options.zero_order_only = true;
  options.slice_A = 0.25;
  ExitWaves kinematical, bloch, splitstep;
  Kinematical(state, compared, {potential, true}).exit_waves(state, {{0, 0}}, {}, kinematical);
  Bloch(state, many, {potential, true, 0}).exit_waves(state, {{0, 0}}, {}, bloch);
  SplitStep(state, compared, options).exit_waves(state, {{0, 0}}, {}, splitstep);
  const auto scattered = [&](const ExitWaves& waves, const Beams& beams) {
    VectorXcd psi(compared.size() - 1);
    long row = 0;
    for (const Hkl& hkl : compared.hkl)
      if (hkl != Hkl{}) psi[row++] = waves.psi(beams.index(hkl), 0);
    return psi;
  };
  return {scattered(kinematical, compared), scattered(bloch, many), scattered(splitstep, compared)};
}

double relative(const VectorXcd& a, const VectorXcd& b) { return (a - b).norm() / b.norm(); }

/// d/dt at t = 0 of amplitudes at t, t/2 and t/4, up to terms of t².
VectorXcd initial_slope(const VectorXcd& whole, const VectorXcd& half, const VectorXcd& quarter,
                        double t) {
  const VectorXcd coarse = 4 * half / t - whole / t, fine = 8 * quarter / t - 2 * half / t;
  return (4 * fine - coarse) / 3;
}

}  // namespace

BOOST_AUTO_TEST_CASE(difference_is_proportional_to_thickness) {
  for (const OrientedCrystal& crystal :
       {oriented(silicon(), {1, 1, 0}, {0, 0, 1}), oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0})})
    for (const double t : {5.0, 2.0, 1.0})
      BOOST_TEST_CONTEXT(crystal.crystal.name << " " << t << " A") {
        const Thin whole = thin(crystal, t), half = thin(crystal, t / 2),
                   quarter = thin(crystal, t / 4);
        const double bloch = relative(whole.kinematical, whole.bloch),
                     splitstep = relative(whole.kinematical, whole.splitstep);
        const double intensity =
            (whole.kinematical.cwiseAbs2() - whole.bloch.cwiseAbs2()).cwiseAbs().maxCoeff();
        // exactly 0.5 but for third order
        const auto proportional = boost::test_tools::tolerance(0.02);
        BOOST_TEST(relative(half.kinematical, half.bloch) / bloch == 0.5, proportional);
        BOOST_TEST(relative(half.kinematical, half.splitstep) / splitstep == 0.5, proportional);
        const VectorXcd single =
            initial_slope(whole.kinematical, half.kinematical, quarter.kinematical, t);
        const double bloch_slope =
            relative(initial_slope(whole.bloch, half.bloch, quarter.bloch, t), single);
        const double splitstep_slope =
            relative(initial_slope(whole.splitstep, half.splitstep, quarter.splitstep, t), single);
        BOOST_TEST_MESSAGE("    " << crystal.crystal.name << " " << t << " A: amplitudes differ by "
                                  << bloch << " (Bloch), " << splitstep
                                  << " (split-step), an intensity by " << intensity
                                  << "; extrapolated to no thickness by " << bloch_slope << ", "
                                  << splitstep_slope);
        record("Kinematical", "intensities of 1 to 5 Å of Si and PbTiO3", "Bloch waves", intensity,
               at_most(2e-4));
        // Extrapolation leaves terms of t³: 1e-3 at 5 Å, 1e-5 at 1 Å.
        BOOST_TEST(bloch_slope < 1.5e-5 * t * t * t);
        BOOST_TEST(splitstep_slope < 1.5e-5 * t * t * t);
      }
}

// Multiple scattering is of second order in the potential: 1.7 %/Å of an amplitude in silicon, 5.4
// %/Å in PbTiO3. With a hundredth and a three hundredth of their atoms it is within 1e-3 at 5 Å.
BOOST_AUTO_TEST_CASE(weak_crystals_agree_to_1e_3) {
  const auto diluted = [](OrientedCrystal crystal, double occupancy) {
    for (Site& atom : crystal.crystal.sites) atom.occupancy *= occupancy;
    return crystal;
  };
  for (const OrientedCrystal& crystal :
       {diluted(oriented(silicon(), {1, 1, 0}, {0, 0, 1}), 1.0 / 100),
        diluted(oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0}), 1.0 / 300)})
    for (const double t : {1.0, 2.0, 3.0, 4.0, 5.0})
      BOOST_TEST_CONTEXT(crystal.crystal.name << " " << t << " A") {
        const Thin whole = thin(crystal, t), half = thin(crystal, t / 2);
        const double bloch = relative(whole.kinematical, whole.bloch),
                     splitstep = relative(whole.kinematical, whole.splitstep);
        record("Kinematical", "amplitudes of weak crystals, 1 to 5 Å, relative", "Bloch waves",
               bloch, at_most(1e-3));
        record("Kinematical", "amplitudes of weak crystals, 1 to 5 Å, relative", "split-step",
               splitstep, at_most(1e-3));
        BOOST_TEST(bloch > 1e-5);  // dynamical all the same
        BOOST_TEST(relative(half.kinematical, half.bloch) / bloch == 0.5,
                   boost::test_tools::tolerance(0.02));
        BOOST_TEST_MESSAGE("    " << crystal.crystal.name << " diluted, " << t << " A: " << bloch
                                  << ", " << splitstep);
      }
}

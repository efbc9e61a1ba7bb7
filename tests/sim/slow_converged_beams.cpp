// A beam list that is reported as converged is: against split-step, which needs no list.
#include <boost/test/unit_test.hpp>

#include "sim/bloch_convergence.hpp"
#include "sim/splitstep.hpp"
#include "tests/record.hpp"
#include "zone_states.hpp"

using namespace pendel;
using namespace pendel::test;

BOOST_AUTO_TEST_CASE(converged_lists) {
  State silicon_500_A = silicon(130), polar_100_A = polar(25);
  silicon_500_A.beam_tilt = {0, 0};
  for (const State& state : {silicon_500_A, polar_100_A}) {
    BlochOptions mean_zones;
    mean_zones.zones = HigherZones::mean;
    ConvergenceOptions wanted;
    wanted.tolerance = 2e-3;
    const ConvergedBeams found = converged_beams(state, mean_zones, wanted);
    BOOST_TEST(found.converged);
    const Beams compared = zone_beams(state, 1);
    SplitStepOptions fine;
    fine.g_max = 5;
    fine.slice_A = 0.25;
    ExitWaves expected, psi;
    SplitStep(state, compared, fine).exit_waves(state, {Vec2(0, 0)}, {}, expected);
    Bloch(state, found.beams, mean_zones).exit_waves(state, {Vec2(0, 0)}, {}, psi);
    double largest = 0;
    for (std::size_t g = 0; g < compared.size(); ++g)
      largest =
          std::max(largest, std::abs(std::norm(expected.psi(g, 0)) -
                                     std::norm(psi.psi(found.beams.index(compared.hkl[g]), 0))));
    BOOST_TEST_MESSAGE("    " << found.beams.size() << " beams, last change " << found.last_change
                              << ", error " << largest);
    record("Bloch waves", "intensities with a list to a tolerance of 0.002", "split-step", largest,
           at_most(wanted.tolerance));
  }
}

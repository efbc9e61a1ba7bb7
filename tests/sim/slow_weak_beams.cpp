// How fast plain and second-order truncation converge: the table of docs/accuracy.md.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <iomanip>

#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

/// 16/16/16 cells, PbTiO3 strained to the lattice of SrTiO3 and polar along the beam.
State stack() {
  State state;
  Crystal pto = lead_titanate();
  pto.cell = Cell(3.905, 3.905, 4.152, 90, 90, 90);
  state.crystals = {oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}),
                    oriented(pto, {0, 0, 1}, {1, 0, 0})};
  state.layers = {{0, 16 * 3.905}, {1, 16 * 4.152}, {0, 16 * 3.905}};
  return state;
}

const std::vector<Vec2> tilts = {{0, 0}, {4e-3, -2.5e-3}};

/// Σ|ΔI|/ΣI over the beams within 1.2 1/Å, mean over the tilts.
double r1(const Beams& beams, const MatrixXcd& psi, const Beams& exact, const MatrixXcd& truth) {
  double result = 0;
  for (std::size_t d = 0; d < tilts.size(); ++d) {
    double difference = 0, sum = 0;
    for (std::size_t g = 0; g < exact.size(); ++g) {
      if (exact.g[g].norm() > 1.2) continue;
      const double I = std::norm(truth(g, d));
      difference += std::abs(I - std::norm(psi(beams.index(exact.hkl[g]), d)));
      sum += I;
    }
    result += difference / sum / double(tilts.size());
  }
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(table) {
  const State state = stack();
  const double last = state.layers[2].thickness;
  const Beams all = zone_beams(state, 4.2);
  const MatrixXcd truth = Bloch(state, all, {}).thickness_series(state, tilts, 2, {last})[0];
  double before = 1;
  for (double g_max : {1.5, 2.0, 2.5, 3.0}) {
    const BeamSplit split = split_beams(state, {}, all, {INFINITY, g_max, 0});
    BlochOptions options;
    const double plain =
        r1(split.strong,
           Bloch(state, split.strong, options).thickness_series(state, tilts, 2, {last})[0], all,
           truth);
    options.weak_beams = split.weak;
    const double folded =
        r1(split.strong,
           Bloch(state, split.strong, options).thickness_series(state, tilts, 2, {last})[0], all,
           truth);
    BOOST_TEST_MESSAGE("    " << g_max << ": " << split.strong.size() << " beams, plain "
                              << std::setprecision(2) << plain << ", with " << split.weak.size()
                              << " weak beams " << folded);
    record("Bloch waves", "R1 with weak beams over R1 without", "845 beams", folded / plain,
           at_most(0.4));
    plot("beams", "Bloch, truncated", double(split.strong.size()), plain);
    plot("beams", "Bloch, weak beams by perturbation", double(split.strong.size()), folded);
    BOOST_TEST(folded < 0.5 * before);
    before = folded;
  }
}

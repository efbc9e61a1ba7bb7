// Beams by second-order perturbation, and beam lists that are raised until nothing changes.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/error.hpp"
#include "derivative_check.hpp"
#include "sim/bloch_convergence.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

State stack(const Vec2& tilt) {
  State state;
  Crystal pto = lead_titanate();
  pto.cell = Cell(3.905, 3.905, 4.152, 90, 90, 90);
  state.crystals = {oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}),
                    oriented(pto, {0, 0, 1}, {1, 0, 0})};
  state.layers = {{0, 30}, {1, 40}, {0, 20}};
  state.beam_tilt = tilt;
  return state;
}

VectorXcd exit_wave(const Bloch& engine, const State& state) {
  ExitWaves waves;
  engine.exit_waves(state, {{0, 0}}, {}, waves);
  return waves.psi.col(0);
}

/// Σ|ΔI|/ΣI over the beams within 1.2 1/Å.
double r1(const Beams& beams, const VectorXcd& psi, const Beams& exact, const VectorXcd& truth) {
  double difference = 0, sum = 0;
  for (std::size_t g = 0; g < exact.size(); ++g) {
    if (exact.g[g].norm() > 1.2) continue;
    const double I = std::norm(truth[g]);
    difference += std::abs(I - std::norm(psi[beams.index(exact.hkl[g])]));
    sum += I;
  }
  return difference / sum;
}

}  // namespace

// The definition, written out for one direction.
BOOST_AUTO_TEST_CASE(effective_couplings) {
  State state = stack({3e-3, -2e-3});
  state.layers = {{0, 100}};
  state.crystals.resize(1);
  const BeamSplit split = split_beams(state, {}, zone_beams(state, 1.5), {INFINITY, 0.6, 0});
  BlochOptions options;
  const MatrixXcd plain = Bloch(state, split.strong, options).structure_matrix(state, 0, {0, 0});
  options.weak_beams = split.weak;
  BOOST_TEST((split.strong.size() > 5u && split.weak.size() > 50u));
  const Vec2 tilt(1e-3, 2e-3);
  const MatrixXcd A = Bloch(state, split.strong, options).structure_matrix(state, 0, tilt);
  const double k = 1 / electron::wavelength(state.energy_keV);
  const Vec2 K_t = k * Vec2(tilt.array().sin());
  for (std::size_t g = 0; g < split.strong.size(); ++g)
    for (std::size_t h = 0; h < g; ++h) {
      complex expected = plain(g, h);
      for (std::size_t w = 0; w < split.weak.size(); ++w) {
        const auto U = structure_factors(
            state.crystals[0].crystal,
            {split.strong.hkl[g] - split.weak.hkl[w], split.weak.hkl[w] - split.strong.hkl[h]},
            state.energy_keV, {});
        const Vec2 v = split.weak.g[w].head<2>();
        expected += U[0].elastic * U[1].elastic / (2 * K_t + v).dot(v);  // 2K s_w = −(2K+w)·w
      }
      BOOST_TEST(std::abs(A(g, h) - expected) < 1e-12);
    }
}

BOOST_AUTO_TEST_CASE(weak_beams_help_and_their_error_is_known) {
  const State state = stack({2e-3, -1e-3});
  const Beams all = zone_beams(state, 3);
  const VectorXcd truth = exit_wave(Bloch(state, all, {}), state);
  const BeamSplit split = split_beams(state, {}, all, {INFINITY, 2.0, 0});
  BlochOptions folded;
  folded.weak_beams = split.weak;
  const Bloch engine(state, split.strong, folded);
  const VectorXcd psi = exit_wave(engine, state);
  const double plain =
      r1(split.strong, exit_wave(Bloch(state, split.strong, {}), state), all, truth);
  const double with_weak = r1(split.strong, psi, all, truth);
  BOOST_TEST_MESSAGE("    R1 plain " << plain << ", with weak beams " << with_weak);
  BOOST_TEST(with_weak < 0.4 * plain);
  // what the estimate says against the truth, in intensity
  double error = 0;
  for (std::size_t g = 0; g < split.strong.size(); ++g)
    error = std::max(
        error, std::abs(std::norm(psi[g]) - std::norm(truth[all.index(split.strong.hkl[g])])));
  const double estimate = weak_beam_error(state, split, {}, {Vec2(0, 0)});
  BOOST_TEST_MESSAGE("    error " << error << ", estimate " << estimate);
  BOOST_TEST((estimate > 0.3 * error && estimate < 5 * error));
  // many directions at once
  const auto series = engine.thickness_series(state, {Vec2(0, 0), Vec2(1e-3, 0)}, 1, {40.0});
  BOOST_TEST((series[0].col(0) - psi).norm() < 1e-11);
  SeriesOptions exponential;
  exponential.method = BlochMethod::exponential;
  BOOST_CHECK_THROW(engine.thickness_series(state, {Vec2(0, 0)}, 1, {40.0}, exponential), Error);
}

BOOST_AUTO_TEST_CASE(derivatives_with_weak_beams) {
  State state = stack({3e-3, -2e-3});
  for (const Vec3& normal : {Vec3(0, 0, 1), Vec3(0.2, -0.1, 1)}) {
    state.surface_normal = normal;
    const BeamSplit split = split_beams(state, {}, zone_beams(state, 1.4), {INFINITY, 0.8, 0});
    BlochOptions options;
    options.potential.absorption = Absorption::weickenmeier_kohl;
    options.weak_beams = split.weak;
    check_derivatives(Bloch(state, split.strong, options), state, {{0, 0}, {1e-3, 2e-3}},
                      all_directions(state, true));
  }
}

BOOST_AUTO_TEST_CASE(a_strong_beam_is_not_weak) {
  State state = stack({0, 0});
  const Beams zone = zone_beams(state, 0.6);
  BlochOptions options;
  const double k = 1 / electron::wavelength(state.energy_keV);
  state.beam_tilt = {-std::asin(0.5 / 3.905 / k), 0};  // (100) at the Bragg condition
  options.weak_beams = beams_from_hkl(state, {{1, 0, 0}});
  const Bloch engine(state, beams_from_hkl(state, {{0, 0, 0}, {0, 1, 0}}), options);
  BOOST_CHECK_EXCEPTION(exit_wave(engine, state), Error,
                        [](const Error& e) { return e.kind() == ErrorKind::study; });
}

BOOST_AUTO_TEST_CASE(converged_beam_lists) {
  State state = stack({2e-3, -1e-3});
  state.crystals.resize(1);
  state.layers = {{0, 100}};
  ConvergenceOptions wanted;
  wanted.tolerance = 3e-3;
  wanted.g_max = 4;
  wanted.zero_order_only = true;
  const ConvergedBeams found = converged_beams(state, {}, wanted);
  BOOST_TEST(found.converged);
  BOOST_TEST(found.last_change < wanted.tolerance);
  const Beams many = zone_beams(state, 4);
  BOOST_TEST(found.beams.size() < many.size());
  const VectorXcd truth = exit_wave(Bloch(state, many, {}), state);
  const VectorXcd psi = exit_wave(Bloch(state, found.beams, {}), state);
  double error = 0;
  for (std::size_t g = 0; g < found.beams.size(); ++g)
    error = std::max(
        error, std::abs(std::norm(psi[g]) - std::norm(truth[many.index(found.beams.hkl[g])])));
  BOOST_TEST_MESSAGE("    " << found.beams.size() << " beams, g_max " << found.g_max
                            << ", last change " << found.last_change << ", error " << error);
  BOOST_TEST(error < 2 * wanted.tolerance);
  wanted.max_beams = 60;
  BOOST_TEST(!converged_beams(state, {}, wanted).converged);
}

// 002 of Si has U_g = 0 and is bright all the same, by double diffraction.
BOOST_AUTO_TEST_CASE(converged_lists_hold_forbidden_reflections) {
  State state;
  state.energy_keV = 200;
  const double a = 5.431, edge = a / std::sqrt(2.0), B = 0.4668;
  const Crystal silicon{"Si",
                        Cell(edge, a, edge, 90, 90, 90),
                        {site(14, 0, 0, 0, B), site(14, 0, .25, .5, B), site(14, .5, .5, .5, B),
                         site(14, .5, .75, 0, B)}};
  state.crystals = {{silicon, Mat3::Identity()}};
  state.layers = {{0, 500}};
  ConvergenceOptions wanted;
  wanted.tolerance = 2e-3;
  wanted.zero_order_only = true;
  wanted.g_max = 3;
  const ConvergedBeams found = converged_beams(state, {}, wanted);
  BOOST_TEST(found.converged);
  const int forbidden = found.beams.index({0, 2, 0});
  BOOST_REQUIRE(forbidden >= 0);
  const Beams many = zone_beams(state, 3);
  // by thickness_series, which is quick with one direction
  const auto wave = [&](const Beams& beams) -> VectorXcd {
    return Bloch(state, beams, {}).thickness_series(state, {Vec2(0, 0)}, 0, {500})[0].col(0);
  };
  const VectorXcd truth = wave(many), psi = wave(found.beams);
  BOOST_TEST(std::norm(psi[forbidden]) > 0.05);
  for (std::size_t g = 0; g < found.beams.size(); ++g)
    BOOST_TEST(std::abs(std::norm(psi[g]) - std::norm(truth[many.index(found.beams.hkl[g])])) <
               2 * wanted.tolerance);
}

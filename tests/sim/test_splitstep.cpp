// The split-step engine: derivatives of the discrete scheme, flux, agreement with Bloch waves, and
// products of layer variants.
#include <boost/test/unit_test.hpp>
#include <mutex>

#include "core/error.hpp"
#include "sim/engine.hpp"
#include "tests/record.hpp"
#include "tests/sim/derivative_check.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

State slab(const Crystal& crystal, const Vec3& beam, const Vec3& x, double thickness) {
  State state;
  state.crystals = {oriented(crystal, beam, x)};
  state.layers = {{0, thickness}};
  return state;
}

/// SrTiO3/PbTiO3/SrTiO3 with PbTiO3's a along the beam and its polar axis in the plane, strained so
/// that the in-plane lattices nearly agree.
State sandwich(double t1, double t2, double t3) {
  State state;
  Crystal pto = lead_titanate();
  pto.cell = Cell(3.904, 3.904, 4.0, 90, 90, 90);
  state.crystals = {oriented(strontium_titanate(), {1, 0, 0}, {0, 1, 0}),
                    oriented(pto, {1, 0, 0}, {0, 1, 0})};
  state.layers = {{0, t1}, {1, t2}, {0, t3}};
  return state;
}

SplitStepOptions coarse(Absorption absorption) {
  SplitStepOptions options;
  options.g_max = 1.8;
  options.potential.absorption = absorption;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(derivatives) {
  struct Case {
    Absorption absorption;
    bool refraction, zero_order_only;
    Vec2 tilt;
  };
  const Vec2 zone_axis(0, 0), tilted(4e-3, -2.5e-3);
  const std::vector<Vec2> incidence{{0, 0}, {1.5e-3, -0.7e-3}};
  for (const Case& c :
       {Case{Absorption::none, true, false, zone_axis}, Case{Absorption::none, false, true, tilted},
        Case{Absorption::proportional, true, false, tilted},
        Case{Absorption::proportional, false, false, zone_axis},
        Case{Absorption::weickenmeier_kohl, true, true, tilted}})
    BOOST_TEST_CONTEXT("absorption " << int(c.absorption) << " refraction " << c.refraction
                                     << " zero order " << c.zero_order_only << " tilt "
                                     << c.tilt[0]) {
      State state = sandwich(15.2, 12.1, 20.1);
      state.beam_tilt = c.tilt;
      SplitStepOptions options = coarse(c.absorption);
      options.refraction = c.refraction;
      options.zero_order_only = c.zero_order_only;
      const SplitStep engine(state, zone_beams(state, 1.0), options);
      auto directions = all_directions(state, c.absorption != Absorption::none);
      // Between whole numbers of cells only: the number of cells is part of the discretisation.
      for (Direction& direction : directions)
        if (!direction.tangent.thickness.empty()) direction.step = 0.5;
      check_derivatives(engine, state, incidence, directions);
    }
}

BOOST_AUTO_TEST_CASE(flux_is_conserved_without_absorption) {
  State state = slab(lead_titanate(), {1, 0, 0}, {0, 1, 0}, 300);
  state.beam_tilt = {3e-3, 1e-3};
  SplitStepOptions options;
  options.g_max = 3;
  const SplitStep engine(state, {}, options);
  // every plane wave of the grid is a beam
  std::vector<Hkl> all;
  const ZoneNet net = zone_net(state);
  for (int p = 0; p < engine.grid().size(); ++p)
    all.push_back(net.hkl(0, PlaneWaveGrid::frequency(p / engine.grid().n2, engine.grid().n1),
                          PlaneWaveGrid::frequency(p % engine.grid().n2, engine.grid().n2)));
  const SplitStep whole(state, beams_from_hkl(state, all), options);
  ExitWaves waves;
  whole.exit_waves(state, {Vec2(0, 0)}, {}, waves);
  record("Multislice", "split-step, flux of 300 Å without absorption, less 1", "0",
         std::abs(waves.psi.squaredNorm() - 1), at_most(1e-10));
}

BOOST_AUTO_TEST_CASE(variants_are_the_states_they_stand_for) {
  State state = sandwich(15.6, 11.7, 19.5);
  const SplitStep engine(state, zone_beams(state, 0.9), coarse(Absorption::proportional));
  const Crystal& pto = state.crystals[1].crystal;
  const CrystalTangent mode = displacement_mode(pto);
  // Per layer: the states that differ in this layer only.
  std::vector<std::vector<State>> layers(3);
  for (double t : {15.6, 19.0, 23.0}) {
    layers[0].push_back(state);
    layers[0].back().layers[0].thickness = t;
  }
  for (double a : {0.0, 0.2, -0.3, 0.5}) {
    layers[1].push_back(state);
    layers[1].back().layers[1].thickness += a;
    layers[1].back().crystals[1].crystal = moved(pto, mode, a);
  }
  for (double t : {19.5, 17.0}) {
    layers[2].push_back(state);
    layers[2].back().layers[2].thickness = t;
  }
  std::vector<std::vector<LayerVariant>> variants(3);
  for (int l = 0; l < 3; ++l)
    for (const State& s : layers[l]) variants[l].push_back(engine.layer_variant(s, l));
  const Vec2 tilt(2e-3, -1e-3);
  const MatrixXcd all = engine.exit_waves_of_variants(state, tilt, variants);
  int column = 0;
  for (const State& first : layers[0])
    for (const State& second : layers[1])
      for (const State& third : layers[2]) {
        State one = second;
        one.layers[0].thickness = first.layers[0].thickness;
        one.layers[2].thickness = third.layers[2].thickness;
        ExitWaves waves;
        engine.exit_waves(one, {tilt}, {}, waves);
        record("Multislice", "split-step, stacks by products of layers: amplitudes",
               "each stack alone", (waves.psi.col(0) - all.col(column)).norm(), at_most(1e-12));
        ++column;
      }
}

// Whole cells, equally stretched ones, others, twice the same; in every layer of a stack.
BOOST_AUTO_TEST_CASE(thickness_series_is_one_thickness_at_a_time) {
  State state = sandwich(39.05, 46.848, 23);
  state.beam_tilt = {1e-3, 2e-3};
  const Engine engine = SplitStep(state, zone_beams(state, 0.8), coarse(Absorption::proportional));
  const std::vector<Vec2> incidence = {{0, 0}, {2e-3, -1e-3}, {-3e-3, 1e-3}};
  const std::vector<double> thicknesses = {10 * 3.904, 5 * 3.904, 41, 10 * 3.904, 3.905, 20.5, 2};
  for (int layer = 0; layer < 3; ++layer) {
    std::vector<MatrixXcd> series(thicknesses.size(),
                                  MatrixXcd::Zero(beams(engine).size(), incidence.size()));
    std::mutex mutex;
    thickness_series(
        engine, state, incidence, layer, thicknesses,
        [&](std::size_t k, const std::vector<std::size_t>& directions, const MatrixXcd& psi) {
          const std::lock_guard<std::mutex> lock(mutex);
          for (std::size_t i = 0; i < directions.size(); ++i)
            series[k].col(directions[i]) += psi.col(i);  // a second call would show
        });
    for (std::size_t k = 0; k < thicknesses.size(); ++k) {
      State thick = state;
      thick.layers[layer].thickness = thicknesses[k];
      ExitWaves waves;
      exit_waves(engine, thick, incidence, {}, waves);
      BOOST_TEST((series[k] - waves.psi).cwiseAbs().maxCoeff() < 1e-13);
    }
  }
  BOOST_CHECK_THROW(thickness_series(engine, state, incidence, 3, thicknesses,
                                     [](std::size_t, const auto&, const MatrixXcd&) {}),
                    Error);
}

BOOST_AUTO_TEST_CASE(agrees_with_bloch_waves_in_amplitude_and_phase) {
  // Zero-order zone, tilted, absorbing, polar. Bloch waves converge with the number of beams, the
  // split-step engine with its slices (Strang: the square); what is left is the beams beyond 3.2
  // 1/Å.
  State state = slab(lead_titanate(), {1, 0, 0}, {0, 1, 0}, 117.12);
  state.beam_tilt = {3e-3, -2e-3};
  PotentialOptions potential;
  potential.absorption = Absorption::weickenmeier_kohl;
  const Beams compared = zone_beams(state, 1.0);
  const auto splitstep = [&](const State& at, double slice) {
    SplitStepOptions options;
    options.potential = potential;
    options.zero_order_only = true;
    options.slice_A = slice;
    ExitWaves waves;
    SplitStep(at, compared, options).exit_waves(at, {Vec2(0, 0)}, {}, waves);
    return VectorXcd(waves.psi.col(0));
  };
  const VectorXcd reference = splitstep(state, 0.25);
  const double coarse_error = (splitstep(state, 2) - reference).norm();
  const double fine_error = (splitstep(state, 1) - reference).norm();
  BOOST_TEST(fine_error < 0.3 * coarse_error);

  double previous = 1, intensity_error = 1;
  for (double g_max : {2.0, 2.6, 3.2}) {
    const Beams beams = zone_beams(state, g_max);
    ExitWaves waves;
    Bloch(state, beams, {potential}).exit_waves(state, {Vec2(0, 0)}, {}, waves);
    const auto psi = waves.psi.col(0).head(long(compared.size()));
    const double error = (psi - reference).cwiseAbs().maxCoeff();
    intensity_error = (psi.cwiseAbs2() - reference.cwiseAbs2()).cwiseAbs().maxCoeff();
    BOOST_TEST_MESSAGE("Bloch with " << beams.size() << " beams: largest difference " << error
                                     << " in amplitude, " << intensity_error << " in intensity");
    BOOST_TEST(error < previous);
    previous = error;
  }
  BOOST_TEST(previous < 1.5e-3);
  BOOST_TEST(intensity_error < 1e-3);

  // The same polarity in both: the inverted crystal is far off.
  State inverted = state;
  for (Site& site : inverted.crystals[0].crystal.sites) site.position.v.z() *= -1;
  const double wrong =
      (splitstep(inverted, 1).cwiseAbs2() - reference.cwiseAbs2()).cwiseAbs().maxCoeff();
  BOOST_TEST(wrong > 20 * intensity_error);
}

// Many directions at once: every way to compute a thickness series gives the same amplitudes as one
// direction and one thickness at a time.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <mutex>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

Crystal silicon(const Vec3& origin) {
  Crystal crystal{"Si", Cell(5.431, 5.431, 5.431, 90, 90, 90), {}};
  for (double x : {0.0, 0.25})
    for (const Vec3& centring :
         {Vec3(0, 0, 0), Vec3(0, .5, .5), Vec3(.5, 0, .5), Vec3(.5, .5, 0)}) {
      const Vec3 at = centring + Vec3(x, x, x) + origin;
      crystal.sites.push_back(site(14, at[0], at[1], at[2], 0.47));
    }
  return crystal;
}

State slab(const Crystal& crystal, const Vec3& beam, const Vec3& x, double thickness) {
  State state;
  state.energy_keV = 200;
  state.crystals = {oriented(crystal, beam, x)};
  state.layers = {{0, thickness}};
  return state;
}

BlochOptions options_with(Absorption absorption) {
  BlochOptions options;
  options.potential.absorption = absorption;
  return options;
}

std::vector<Vec2> grid(int radius, double step) {
  std::vector<Vec2> directions;
  for (int x = -radius; x <= radius; ++x)
    for (int y = -radius; y <= radius; ++y)
      if (std::hypot(x, y) <= radius) directions.push_back(step * Vec2(x, y));
  return directions;
}

/// One direction and one thickness at a time.
std::vector<MatrixXcd> one_by_one(const Bloch& engine, State state,
                                  const std::vector<Vec2>& incidence, int layer,
                                  const std::vector<double>& thicknesses) {
  std::vector<MatrixXcd> result;
  for (double thickness : thicknesses) {
    state.layers[layer].thickness = thickness;
    ExitWaves waves;
    engine.exit_waves(state, incidence, {}, waves);
    result.push_back(waves.psi);
  }
  return result;
}

/// Largest difference of an amplitude over directions and thicknesses.
double difference(const std::vector<MatrixXcd>& a, const std::vector<MatrixXcd>& b) {
  double largest = 0;
  for (std::size_t k = 0; k < a.size(); ++k)
    largest = std::max(largest, (a[k] - b[k]).cwiseAbs().maxCoeff());
  return largest;
}

SeriesReport report(const Bloch& engine, const State& state, const std::vector<Vec2>& incidence,
                    const SeriesOptions& options = {}) {
  return engine.thickness_series(
      state, incidence, 0, {100.0}, [](std::size_t, const auto&, const MatrixXcd&) {}, options);
}

SeriesOptions by(BlochMethod method, bool symmetry) {
  SeriesOptions options;
  options.method = method;
  options.symmetry = symmetry;
  return options;
}

void check_all_ways(const Bloch& engine, const State& state, const std::vector<Vec2>& incidence,
                    int layer, const std::vector<double>& thicknesses) {
  const auto expected = one_by_one(engine, state, incidence, layer, thicknesses);
  for (BlochMethod method : {BlochMethod::eigen, BlochMethod::exponential, BlochMethod::automatic})
    for (bool symmetry : {false, true}) {
      const double error = difference(
          engine.thickness_series(state, incidence, layer, thicknesses, by(method, symmetry)),
          expected);
      BOOST_TEST_MESSAGE("    method " << int(method) << " symmetry " << symmetry << ": " << error);
      // Eigen-decompositions of absorbing matrices lose digits with the condition of the
      // eigenvectors; the series is cut at 1e-13 and loses at most e^9 of rounding errors.
      record("Bloch waves", "many directions, by exponential, eigenvectors, symmetry: amplitudes",
             "one direction at a time", error, at_most(1e-9));
    }
}

const std::vector<double> thicknesses = {600, 0, 120, 120, 333.3};

}  // namespace

BOOST_AUTO_TEST_CASE(every_way_agrees_centrosymmetric) {
  for (Absorption absorption : {Absorption::none, Absorption::weickenmeier_kohl}) {
    const State state = slab(silicon({0, 0, 0}), {1, 1, 0}, {0, 0, 1}, 100);
    const Bloch engine(state, zone_beams(state, 0.9), options_with(absorption));
    check_all_ways(engine, state, grid(3, 1.1e-3), 0, thicknesses);
  }
}

BOOST_AUTO_TEST_CASE(every_way_agrees_polar_tilted) {
  for (Absorption absorption : {Absorption::none, Absorption::weickenmeier_kohl}) {
    State state = slab(lead_titanate(), {1, 0, 0}, {0, 1, 0}, 100);
    state.beam_tilt = {3e-3, -1e-3};
    const Bloch engine(state, zone_beams(state, 0.8), options_with(absorption));
    check_all_ways(engine, state, grid(2, 1.7e-3), 0, thicknesses);
  }
}

BOOST_AUTO_TEST_CASE(every_way_agrees_inclined_with_higher_order_zones) {
  for (Absorption absorption : {Absorption::none, Absorption::weickenmeier_kohl}) {
    State state = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 100);
    state.energy_keV = 60;
    state.surface_normal = {0.3, 0, 1};
    BeamSelection near_sphere;
    near_sphere.g_max = 3.4;
    near_sphere.sg_max = 0.004;
    const Beams beams = select_beams(state, {}, near_sphere);
    BOOST_TEST(std::abs(beams.g.back()[2]) > 0.1);
    const Bloch engine(state, beams, options_with(absorption));
    check_all_ways(engine, state, grid(2, 1e-3), 0, thicknesses);
  }
}

// Beams that symmetry relates leave the surface at one angle: their combinations stay apart, and
// products with the couplings take a quarter of the operations.
BOOST_AUTO_TEST_CASE(every_way_agrees_along_a_zone_with_higher_order_zones) {
  for (Absorption absorption : {Absorption::none, Absorption::weickenmeier_kohl}) {
    State state = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 100);
    state.energy_keV = 60;
    BeamSelection near_sphere;
    near_sphere.g_max = 3.4;
    near_sphere.sg_max = 0.004;
    const Beams beams = select_beams(state, {}, near_sphere);
    BOOST_TEST(std::abs(beams.g.back()[2]) > 0.1);
    const Bloch engine(state, beams, options_with(absorption));
    check_all_ways(engine, state, grid(2, 1e-3), 0, thicknesses);
    double flop[2];
    for (bool symmetry : {false, true})
      flop[symmetry] =
          report(engine, state, {{1e-3, 2e-3}}, by(BlochMethod::exponential, symmetry)).flop;
    BOOST_TEST(flop[1] < 0.35 * flop[0]);
  }
}

BOOST_AUTO_TEST_CASE(every_way_agrees_in_a_stack) {
  for (Absorption absorption : {Absorption::none, Absorption::proportional}) {
    State state = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 60);
    state.crystals.push_back(oriented(lead_titanate(), {0, 0, 1}, {1, 0, 0}));
    state.layers = {{0, 60}, {1, 80}, {0, 40}};
    const Bloch engine(state, zone_beams(state, 0.8), options_with(absorption));
    for (int layer : {0, 1, 2}) check_all_ways(engine, state, grid(1, 2e-3), layer, {50, 250});
  }
}

// Losses as large as the couplings, far: the series must be taken in steps.
BOOST_AUTO_TEST_CASE(strong_absorption) {
  State state = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 60);
  state.absorption_strength = 4;
  const Bloch engine(state, zone_beams(state, 0.8), options_with(Absorption::proportional));
  const std::vector<double> far = {200, 3000, 3001};
  const double error = difference(
      engine.thickness_series(state, grid(1, 2e-3), 0, far, by(BlochMethod::exponential, false)),
      one_by_one(engine, state, grid(1, 2e-3), 0, far));
  BOOST_TEST_MESSAGE("    " << error);
  BOOST_TEST(error < 1e-9);
}

BOOST_AUTO_TEST_CASE(thick_crystals) {
  const State state = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 60);
  const Bloch engine(state, zone_beams(state, 0.8), {});
  // rounding of the phase π A t/K = 4000
  const std::vector<double> far = {40000, 7000};
  BOOST_TEST(difference(engine.thickness_series(state, grid(1, 2e-3), 0, far,
                                                by(BlochMethod::exponential, false)),
                        one_by_one(engine, state, grid(1, 2e-3), 0, far)) < 1e-9);
}

BOOST_AUTO_TEST_CASE(forbidden_beams_symmetry_and_real_couplings_are_found) {
  // wherever the origin is; half the beams of the net belong to forbidden reflections
  for (const Vec3& origin : {Vec3(0, 0, 0), Vec3(.125, .125, .125), Vec3(.13, .21, .37)}) {
    const State state = slab(silicon(origin), {1, 1, 0}, {0, 0, 1}, 100);
    const Bloch engine(state, zone_beams(state, 1.1), options_with(Absorption::weickenmeier_kohl));
    const SeriesReport found = report(engine, state, grid(4, 1e-3));
    BOOST_TEST(engine.beams().size() == 79u);
    BOOST_TEST(found.beams < 45u);
    BOOST_TEST(found.real);
    // 49 directions within a circle: 17 in a quadrant with its borders
    BOOST_TEST(grid(4, 1e-3).size() == 49u);
    BOOST_TEST(found.directions == 17u);
  }
  // parity leaves nearly a quarter of the operations of a direction
  const State state = slab(silicon({.125, .125, .125}), {1, 1, 0}, {0, 0, 1}, 100);
  const Bloch engine(state, zone_beams(state, 1.6), options_with(Absorption::weickenmeier_kohl));
  const auto flop = [&](bool symmetry) {
    const SeriesReport found =
        report(engine, state, grid(4, 1e-3), by(BlochMethod::exponential, symmetry));
    return found.flop / double(found.directions);
  };
  BOOST_TEST(flop(true) < 0.3 * flop(false));
  BOOST_TEST(flop(true) > 0.2 * flop(false));
  // 4mm: an eighth; polar within the plane: a half; not real
  const State cubic = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 100);
  BOOST_TEST(report(Bloch(cubic, zone_beams(cubic, 0.8), {}), cubic, grid(4, 1e-3)).directions ==
             10u);
  const State polar = slab(lead_titanate(), {1, 0, 0}, {0, 1, 0}, 100);
  const SeriesReport found = report(Bloch(polar, zone_beams(polar, 0.8), {}), polar, grid(4, 1e-3));
  BOOST_TEST(found.directions == 29u);
  BOOST_TEST(!found.real);
  // an inclined surface keeps the mirror that holds its normal
  State inclined = cubic;
  inclined.surface_normal = {0.2, 0, 1};
  BOOST_TEST(
      report(Bloch(inclined, zone_beams(inclined, 0.8), {}), inclined, grid(4, 1e-3)).directions ==
      29u);
}

BOOST_AUTO_TEST_CASE(threads_and_memory_change_nothing) {
  const State state = slab(lead_titanate(), {1, 0, 0}, {0, 1, 0}, 100);
  const Bloch engine(state, zone_beams(state, 0.8), options_with(Absorption::weickenmeier_kohl));
  const std::vector<Vec2> incidence = grid(6, 0.4e-3);
  set_threads(1);
  const auto one = engine.thickness_series(state, incidence, 0, thicknesses);
  set_threads(2);
  const auto two = engine.thickness_series(state, incidence, 0, thicknesses);
  for (std::size_t k = 0; k < one.size(); ++k) BOOST_TEST((one[k].array() == two[k].array()).all());
  SeriesOptions little;
  little.memory_MB = 0.05;
  std::mutex mutex;
  std::size_t largest = 0, calls = 0;
  engine.thickness_series(
      state, incidence, 0, thicknesses,
      [&](std::size_t k, const std::vector<std::size_t>& directions, const MatrixXcd& psi) {
        const std::lock_guard<std::mutex> lock(mutex);
        largest = std::max(largest, directions.size());
        calls += directions.size();
        for (std::size_t i = 0; i < directions.size(); ++i)
          BOOST_TEST((psi.col(i) - one[k].col(directions[i])).norm() < 1e-10);
      },
      little);
  set_threads(0);
  BOOST_TEST(largest < 20u);
  BOOST_TEST(calls == incidence.size() * thicknesses.size());
}

BOOST_AUTO_TEST_CASE(scattering_matrices) {
  State state = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 60);
  state.crystals.push_back(oriented(lead_titanate(), {0, 0, 1}, {1, 0, 0}));
  state.layers = {{0, 60}, {1, 80}};
  const Vec2 tilt(2e-3, -3e-3);
  const Bloch engine(state, zone_beams(state, 0.8), options_with(Absorption::proportional));
  const MatrixXcd S = engine.scattering_matrix(state, tilt);
  ExitWaves waves;
  engine.exit_waves(state, {tilt}, {}, waves);
  BOOST_TEST((S.col(engine.beams().index({})) - waves.psi.col(0)).norm() < 1e-11);
  const auto series = engine.scattering_matrices(state, 1, tilt, {80, 30, 50});
  BOOST_TEST((series[1] * series[2] - series[0]).norm() < 1e-10);
}

BOOST_AUTO_TEST_CASE(bad_questions) {
  const State state = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 60);
  const Bloch engine(state, zone_beams(state, 0.6), {});
  const auto is_study = [](const Error& e) { return e.kind() == ErrorKind::study; };
  BOOST_CHECK_EXCEPTION(engine.thickness_series(state, {Vec2(0, 0)}, 1, {10.0}), Error, is_study);
  BOOST_CHECK_EXCEPTION(engine.thickness_series(state, {Vec2(0, 0)}, 0, {-1.0}), Error, is_study);
}

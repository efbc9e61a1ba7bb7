// A convergent beam: 1125 incident directions, two thicknesses, Si [110], 200 kV, absorbing;
// potential and set-up included. Baseline: a general eigen-decomposition per direction.
#include <benchmark/benchmark.h>

#include <cmath>

#include "crystal/orientation.hpp"
#include "sim/bloch.hpp"

using namespace pendel;

namespace {

const std::vector<double> thicknesses = {300, 600};

State silicon() {
  Crystal crystal{"Si", Cell(5.431, 5.431, 5.431, 90, 90, 90), {}};
  for (double x : {0.0, 0.25})
    for (const Vec3& centring :
         {Vec3(0, 0, 0), Vec3(0, .5, .5), Vec3(.5, 0, .5), Vec3(.5, .5, 0)}) {
      Site site;
      site.Z = 14;
      site.position = {centring + Vec3(x, x, x)};
      site.set_B(0.4668);
      crystal.sites.push_back(site);
    }
  State state;
  state.energy_keV = 200;
  state.crystals = {{crystal, orientation(crystal.cell, {-1, -1, 0}, {0, 0, 1})}};
  state.layers = {{0, thicknesses[0]}};
  return state;
}

/// The cone of the reference calculation: 3.4 mrad, 19 pixels.
std::vector<Vec2> cone() {
  std::vector<Vec2> directions;
  for (int x = -19; x <= 19; ++x)
    for (int y = -19; y <= 19; ++y)
      if (std::hypot(x, y) < 19) directions.push_back(3.4e-3 / 19 * Vec2(x, y));
  return directions;
}

BlochOptions absorbing() {
  BlochOptions options;
  options.potential.table = ScatteringTable::weickenmeier_kohl;
  options.potential.absorption = Absorption::weickenmeier_kohl;
  options.refraction = false;
  return options;
}

/// g_max in 1/1000 Å, method (0 automatic, 1 eigen, 2 exponential), symmetry.
void directions(benchmark::State& timer) {
  const State state = silicon();
  const std::vector<Vec2> incidence = cone();
  SeriesOptions options;
  options.method = BlochMethod(timer.range(1));
  options.symmetry = timer.range(2) != 0;
  SeriesReport report;
  std::size_t beams = 0;
  for (auto _ : timer) {
    const Bloch engine(state, zone_beams(state, 1e-3 * double(timer.range(0))), absorbing());
    beams = engine.beams().size();
    report = engine.thickness_series(
        state, incidence, 0, thicknesses,
        [](std::size_t, const auto&, const MatrixXcd& psi) {
          benchmark::DoNotOptimize(psi.data());
        },
        options);
  }
  timer.counters["beams"] = double(beams);
  timer.counters["reached"] = double(report.beams);
  timer.counters["computed"] = double(report.directions);
  timer.counters["Mflop"] = 1e-6 * report.flop;
}

/// The part that directions share: structure factors and beams.
void setup(benchmark::State& timer) {
  const State state = silicon();
  for (auto _ : timer) {
    const Bloch engine(state, zone_beams(state, 1e-3 * double(timer.range(0))), absorbing());
    benchmark::DoNotOptimize(engine.beams().size());
  }
}

/// Time of 1125 directions as measured with some.
void baseline(benchmark::State& timer) {
  const State state = silicon();
  const Bloch engine(state, zone_beams(state, 1e-3 * double(timer.range(0))), absorbing());
  const std::vector<Vec2> incidence = cone();
  const MatrixXcd couplings = engine.structure_matrix(state, 0, {0, 0});
  const double K = 1 / electron::wavelength(state.energy_keV);
  std::size_t d = 0;
  for (auto _ : timer) {
    MatrixXcd A = couplings;
    for (std::size_t g = 0; g < engine.beams().size(); ++g)
      A(g, g) -= 2 * K * engine.beams().g[g].head<2>().dot(incidence[d % incidence.size()]);
    d += 37;
    const EigenDecomposition eigen = general_eigen(A);
    const VectorXcd y = eigen.inverse.col(engine.beams().index({}));
    for (double t : thicknesses) {
      const VectorXcd psi =
          eigen.vectors *
          (complex(0, electron::pi * t / K) * eigen.values).array().exp().matrix().cwiseProduct(y);
      benchmark::DoNotOptimize(psi.data());
    }
  }
  timer.counters["beams"] = double(engine.beams().size());
}

}  // namespace

BENCHMARK(directions)
    ->ArgNames({"g", "method", "symmetry"})
    ->ArgsProduct({{1100, 1540, 2120}, {0, 2}, {1, 0}})
    ->ArgsProduct({{1100, 1540}, {1}, {1}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(setup)->ArgName("g")->Arg(1100)->Arg(1540)->Arg(2120)->Unit(benchmark::kMillisecond);
BENCHMARK(baseline)->ArgName("g")->Arg(1100)->Arg(1540)->Arg(2120)->Unit(benchmark::kMillisecond);

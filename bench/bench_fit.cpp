// Time of what a fit of the demonstration's stack asks for: 69 disks, aperture 1.75 mrad, five
// parameters (two tilts, two polarization amplitudes, a thickness); one thread. Baseline: a general
// eigen-decomposition per layer and direction and the whole derivative of S per parameter.
#include <benchmark/benchmark.h>

#include "core/decomposition.hpp"
#include "core/parallel.hpp"
#include "fit/scan_fit.hpp"
#include "model/surrogate.hpp"
#include "tests/model/demo_stack.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

struct Demo {
  DemoStack stack;
  DemoScan scan{"sto_pto_vortex.h5"};
  ForwardModel exact{stack.state, stack.engine(scan.hkl, {}),
                     scan.hkl,    stack.parameters(5, 1.2, {0}, 2 * 3.905),
                     1.75e-3,     3};
  Eigen::VectorXd values = scan.truth[0].head(5);
};
const Demo& demo() {
  static const Demo instance;
  return instance;
}
/// With the tolerance that studies have, or with 0.01, enough for this stack.
const Surrogate& surrogate(bool coarse = false) {
  const auto made = [](double tolerance) {
    SurrogateOptions options;
    options.tolerance = tolerance;
    return Surrogate(demo().exact, options);
  };
  static const Surrogate usual(demo().exact, {});
  if (!coarse) return usual;
  static const Surrogate instance = made(0.01);
  return instance;
}

void evaluate(benchmark::State& timer, const DiskModel& model) {
  Eigen::VectorXd intensity;
  Eigen::MatrixXd jacobian;
  for (auto _ : timer) {
    model.evaluate(demo().values.data(), intensity, timer.range(0) ? &jacobian : nullptr);
    benchmark::DoNotOptimize(intensity.data());
  }
}
void exact_model(benchmark::State& timer) { evaluate(timer, demo().exact); }
void surrogate_model(benchmark::State& timer) { evaluate(timer, surrogate()); }

void surrogate_build(benchmark::State& timer) {
  set_threads(1);
  demo();
  for (auto _ : timer) benchmark::DoNotOptimize(Surrogate(demo().exact, {}).disks());
}

FitOptions fit_options() {
  FitOptions options;
  options.nuisance.background_upper = 20;
  return options;
}

/// Table search, screening, polishing, error bars: the whole scan.
void position_fit(benchmark::State& timer) {
  set_threads(1);
  const Surrogate& model = surrogate(timer.range(1) == 1);
  const StartTable table(model, 2000);
  FitOptions options = fit_options();
  options.corrections = int(timer.range(0));
  for (auto _ : timer)
    benchmark::DoNotOptimize(
        fit_scan(model, table, demo().scan.counts, options, {}, &demo().exact).data());
  timer.counters["positions"] = double(demo().scan.counts.size());
  timer.counters["surrogate_error"] = model.certificate().r1_mean;
}

/// R1 of a plane wave's disks against `reference` (g_max 6, slices of 0.25 Å).
double error_of(const Engine& engine, const State& state) {
  static const std::shared_ptr<const Engine> reference = [] {
    SplitStepOptions fine;
    fine.g_max = 6;
    fine.slice_A = 0.25;
    return demo().stack.engine(demo().scan.hkl, fine);
  }();
  const auto pattern = [&](const Engine& of) {
    ExitWaves waves;
    exit_waves(of, state, {Vec2(0, 0)}, {}, waves);
    Eigen::VectorXd result(demo().scan.hkl.size());
    for (long i = 0; i < result.size(); ++i)
      result[i] = std::norm(waves.psi(beams(of).index(demo().scan.hkl[std::size_t(i)]), 0));
    return result;
  };
  const Eigen::VectorXd expected = pattern(*reference);
  return (pattern(engine) - expected).cwiseAbs().sum() / expected.sum();
}

/// S = exp(iπAt/K) of three layers and its derivatives along five parameters for the 4 directions
/// of the aperture: per layer and direction one zgeev with the inverse, per parameter the whole dS
/// = C (C⁻¹ dX C ∘ Φ) C⁻¹. [NajfeldHavel1995] What does not depend on the direction is left out of
/// the time.
void baseline(benchmark::State& timer) {
  set_threads(1);
  const Demo& d = demo();
  const State state = state_at(d.exact.base(), d.exact.parameters(), d.values.data());
  BlochOptions options;
  options.potential.absorption = Absorption::proportional;
  const Bloch bloch(state, zone_beams(state, 1e-3 * double(timer.range(0))), options);
  const int n = int(bloch.beams().size()), layers = int(state.layers.size()), unknowns = 5;
  const double K = 1 / electron::wavelength(state.energy_keV);
  std::vector<MatrixXcd> A(layers);
  std::vector<std::vector<MatrixXcd>> dA(layers, std::vector<MatrixXcd>(unknowns));
  for (int l = 0; l < layers; ++l) {
    A[l] = bloch.structure_matrix(state, l, state.beam_tilt);
    for (int k = 0; k < unknowns; ++k) {
      const State there = moved(state, d.exact.parameters()[k].direction, 1e-4);
      dA[l][k] = (bloch.structure_matrix(there, l, there.beam_tilt) - A[l]) / 1e-4;
    }
  }
  for (auto _ : timer)
    for (const Vec2& offset : d.exact.aperture().offsets) {
      MatrixXcd S = MatrixXcd::Identity(n, n), product(n, n), work(n, n);
      std::vector<MatrixXcd> dS(unknowns, MatrixXcd::Zero(n, n));
      for (int l = 0; l < layers; ++l) {
        const complex factor(0, electron::pi * state.layers[l].thickness / K);
        MatrixXcd X = A[l];
        for (int g = 0; g < n; ++g) X(g, g) -= 2 * K * bloch.beams().g[g].head<2>().dot(offset);
        const EigenDecomposition eigen = general_eigen(X);
        const VectorXcd x = factor * eigen.values;
        const MatrixXcd scaled = eigen.vectors * x.array().exp().matrix().asDiagonal();
        MatrixXcd layer(n, n);
        gemm(1, scaled, false, eigen.inverse, 0, layer);
        const MatrixXcd phi = exp_divided_differences(x);
        for (int k = 0; k < unknowns; ++k) {
          MatrixXcd along(n, n);
          gemm(factor, dA[l][k], false, eigen.vectors, 0, work);
          gemm(1, eigen.inverse, false, work, 0, along);
          along = along.cwiseProduct(phi);
          gemm(1, eigen.vectors, false, along, 0, work);
          gemm(1, work, false, eigen.inverse, 0, along);  // dS of the layer
          gemm(1, along, false, S, 0, work);
          gemm(1, layer, false, dS[k], 1, work);
          dS[k] = work;
        }
        gemm(1, layer, false, S, 0, product);
        S.swap(product);
      }
      benchmark::DoNotOptimize(dS[0].data());
    }
  timer.counters["beams"] = n;
  options.potential.absorption = Absorption::none;
  timer.counters["error"] = error_of(
      Engine(Bloch(state, zone_beams(state, 1e-3 * double(timer.range(0))), options)), state);
  timer.counters["engine_error"] = error_of(d.exact.engine(), state);
}

/// The engine itself in the place of the surrogate, from one start at the truth.
void position_refinement(benchmark::State& timer, const DiskModel& model) {
  for (auto _ : timer)
    benchmark::DoNotOptimize(
        solve(model, demo().scan.counts[0], fit_options().nuisance, {}, demo().values));
}
void exact_refinement(benchmark::State& timer) { position_refinement(timer, demo().exact); }
void surrogate_refinement(benchmark::State& timer) { position_refinement(timer, surrogate()); }

}  // namespace

BENCHMARK(surrogate_build)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(exact_model)->ArgName("derivatives")->Arg(0)->Arg(5)->Unit(benchmark::kMillisecond);
BENCHMARK(surrogate_model)->ArgName("derivatives")->Arg(0)->Arg(5)->Unit(benchmark::kMillisecond);
BENCHMARK(position_fit)
    ->ArgNames({"corrections", "coarse"})
    ->Args({0, 0})
    ->Args({0, 1})
    ->Args({1, 0})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(baseline)->ArgName("g")->Arg(1500)->Arg(2000)->Unit(benchmark::kMillisecond);
BENCHMARK(exact_refinement)->Unit(benchmark::kMillisecond);
BENCHMARK(surrogate_refinement)->Unit(benchmark::kMillisecond);

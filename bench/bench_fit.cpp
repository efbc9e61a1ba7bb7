// Time of what a fit of the demonstration's stack asks for: 69 disks, aperture 1.75 mrad, five
// parameters (two tilts, two polarization amplitudes, a thickness); one thread.
#include <benchmark/benchmark.h>

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
const Surrogate& surrogate() {
  static const Surrogate instance(demo().exact, {});
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

/// Table search, screening, polishing, error bars; the mean over positions of the scan.
void position_fit(benchmark::State& timer) {
  const StartTable table(surrogate(), 3000);
  std::size_t i = 0;
  for (auto _ : timer) {
    benchmark::DoNotOptimize(fit_position(
        surrogate(), table, demo().scan.counts[i % demo().scan.counts.size()], fit_options()));
    i += 7;
  }
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
BENCHMARK(position_fit)->Unit(benchmark::kMillisecond);
BENCHMARK(exact_refinement)->Unit(benchmark::kMillisecond);
BENCHMARK(surrogate_refinement)->Unit(benchmark::kMillisecond);

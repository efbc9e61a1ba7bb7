// Time of waves and probes through SrTiO3 [001], 5 x 5 x 20 cells, 512 x 512 pixels of 0.038135 A,
// 40 slices of 1.9525 A, 300 kV, 10 mrad, single precision; the potential included.
#include <benchmark/benchmark.h>
#include <fftw3.h>

#include <cmath>

#include "sim/prism.hpp"

using namespace pendel;

namespace {

constexpr double a = 3.905;
constexpr int pixels = 512;
const WaveGrid grid{pixels, pixels, 5 * a, 5 * a};

std::shared_ptr<SlicedPotential> specimen() {
  AtomicModel model;
  model.box = {5 * a, 5 * a, 20 * a};
  const std::vector<Atom> cell{{38, {0, 0, .25}, 1, .6214},
                               {22, {.5, .5, .75}, 1, .4398},
                               {8, {.5, .5, .25}, 1, .7323},
                               {8, {.5, 0, .75}, 1, .7323},
                               {8, {0, .5, .75}, 1, .7323}};
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 5; ++j)
      for (int k = 0; k < 20; ++k)
        for (Atom atom : cell) {
          atom.position = a * (atom.position + Vec3(i, j, k));
          model.atoms.push_back(atom);
        }
  SlicedPotentialOptions options;
  options.slice_A = a / 2;
  return std::make_shared<SlicedPotential>(model, grid, 300, options);
}

Probe probe() {
  Probe result;
  result.semiangle = 10e-3;
  return result;
}

/// A square scan over one cell.
std::vector<Vec2> scan(int side) {
  std::vector<Vec2> positions;
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column)
      positions.push_back(Vec2(2 * a, 2 * a) + Vec2(column, row) * (a / side));
  return positions;
}

void multislice_probes(benchmark::State& timer) {
  const auto positions = scan(8);
  for (auto _ : timer) {
    const Multislice<float> multislice(specimen(), {});
    FftVector<float> waves(grid.size() * 16);
    for (std::size_t first = 0; first < positions.size(); first += 16) {
      for (std::size_t i = 0; i < 16; ++i)
        probe_wave(probe(), grid, positions[first + i], waves.data() + i * grid.size());
      multislice.propagate(waves.data(), 16, [](int) {});
    }
    benchmark::DoNotOptimize(waves.data());
  }
}

/// The usual way: whole two-dimensional transforms with plans chosen by measurement, without the
/// time of planning.
void baseline_probes(benchmark::State& timer) {
  FftVector<float> wave(grid.size()), transmission(grid.size()), propagator(grid.size());
  const auto raw = reinterpret_cast<fftwf_complex*>(wave.data());
  const fftwf_plan forward =
      fftwf_plan_dft_2d(pixels, pixels, raw, raw, FFTW_FORWARD, FFTW_MEASURE);
  const fftwf_plan backward =
      fftwf_plan_dft_2d(pixels, pixels, raw, raw, FFTW_BACKWARD, FFTW_MEASURE);
  for (std::size_t p = 0; p < grid.size(); ++p) {
    transmission[p] = std::polar(1.0F, 0.001F * float(p % 911));
    propagator[p] = std::polar(1 / float(grid.size()), 0.001F * float(p % 541));
  }
  const auto multiply = [&](const FftVector<float>& factor) {
    float* __restrict x = reinterpret_cast<float*>(wave.data());
    const float* f = reinterpret_cast<const float*>(factor.data());
    for (std::size_t p = 0; p < 2 * grid.size(); p += 2) {
      const float re = x[p] * f[p] - x[p + 1] * f[p + 1];
      x[p + 1] = x[p] * f[p + 1] + x[p + 1] * f[p];
      x[p] = re;
    }
  };
  for (auto _ : timer)
    for (int i = 0; i < 64; ++i) {
      probe_wave(probe(), grid, {7, 8}, wave.data());
      for (int slice = 0; slice < 40; ++slice) {
        fftwf_execute(backward);
        multiply(transmission);
        fftwf_execute(forward);
        multiply(propagator);
      }
      benchmark::DoNotOptimize(wave.data());
    }
  fftwf_destroy_plan(forward);
  fftwf_destroy_plan(backward);
}

/// Interpolation factor, side of the scan.
void prism(benchmark::State& timer) {
  const auto positions = scan(int(timer.range(1)));
  std::size_t beams = 0;
  for (auto _ : timer) {
    const Multislice<float> multislice(specimen(), {});
    PrismOptions options;
    options.semiangle = 10e-3;
    options.fx = options.fy = int(timer.range(0));
    const ScatteringMatrix<float> matrix(multislice, options);
    std::vector<float> patterns(matrix.pattern_grid().size() * 64);
    for (std::size_t first = 0; first < positions.size(); first += 64)
      matrix.patterns(probe(), {positions.begin() + first, positions.begin() + first + 64}, 0,
                      patterns.data());
    benchmark::DoNotOptimize(patterns.data());
    beams = matrix.layout().beams.size();
  }
  timer.counters["beams"] = double(beams);
}

}  // namespace

BENCHMARK(multislice_probes)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(baseline_probes)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(prism)
    ->ArgNames({"f", "side"})
    ->Args({1, 8})
    ->Args({2, 32})
    ->Args({4, 32})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

// Bragg disks of one pattern: by correlation with places between pixels, and refined by maximum
// likelihood; uniform disks and such with fringes.
#include <benchmark/benchmark.h>

#include <random>

#include "scan/disk_refinement.hpp"
#include "scan/disks.hpp"

using namespace pendel;

namespace {

struct Pattern {
  int size;
  double radius;
  std::vector<float> counts;
};

/// 128: 30 disks of radius 7.3; 256: 42 of radius 13.2; 1e5 electrons.
Pattern pattern(int size, bool fringes) {
  const double radius = size == 128 ? 7.3 : 13.2, spacing = size == 128 ? 21 : 38;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<double> mean(std::size_t(size * size), 10.0 / size);
  const Vec2 a(0.96 * spacing, 0.28 * spacing), b(-a.y(), a.x());
  for (int h = -9; h <= 9; ++h)
    for (int k = -9; k <= 9; ++k) {
      const Vec2 at = Vec2(size / 2 + 0.3, size / 2 - 0.4) + h * a + k * b;
      if (at.minCoeff() < radius || at.maxCoeff() > size - radius) continue;
      const double height = 3000 * std::pow(30, uniform(random) - 0.7) / (3.14 * radius * radius);
      const double angle = 6.28 * uniform(random), phase = 6.28 * uniform(random);
      for (int y = 0; y < size; ++y)
        for (int x = 0; x < size; ++x) {
          const Vec2 d = Vec2(x, y) - at;
          if (d.norm() > radius + 6) continue;
          const double along = d.x() * std::cos(angle) + d.y() * std::sin(angle);
          const double inside = fringes ? 1 + 0.6 * std::cos(5 * along / radius + phase) : 1;
          mean[std::size_t(y * size + x)] +=
              height * inside / (1 + std::exp(4 * (d.norm() - radius) / 1.6));
        }
    }
  Pattern result{size, radius, {}};
  for (const double m : mean)
    result.counts.push_back(float(std::poisson_distribution<int>(m)(random)));
  return result;
}

void disks(benchmark::State& timer) {
  const Pattern p = pattern(int(timer.range(0)), timer.range(2) != 0);
  const bool refined = timer.range(1) != 0;
  const DiskTemplate shape = disk_template(p.radius, 1.6);
  const DiskFinder finder(shape, std::size_t(p.size), std::size_t(p.size), {});
  const DiskRefiner refiner(shape, std::size_t(p.size), std::size_t(p.size), {});
  auto finding = finder.workspace();
  auto refining = refiner.workspace();
  std::vector<BraggPeak> peaks;
  for (auto _ : timer) {
    finder.find(p.counts.data(), finding, peaks);
    if (refined) refiner.refine(p.counts.data(), finding.background, refining, peaks);
    benchmark::DoNotOptimize(peaks.data());
  }
  timer.counters["disks"] = double(peaks.size());
}
BENCHMARK(disks)
    ->ArgNames({"size", "refined", "fringes"})
    ->ArgsProduct({{128, 256}, {0, 1}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace

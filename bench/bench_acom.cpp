// Matching of peaks with templates: libraries, the index of one, and the search for a pattern.
#include <benchmark/benchmark.h>

#include <random>

#include "acom/match.hpp"
#include "acom/zone_sampling.hpp"
#include "cif/read.hpp"
#include "crystal/rotation.hpp"

using namespace pendel;

namespace {

constexpr double degree = 3.14159265358979 / 180;

SpotOptions options(double g_max) {
  SpotOptions result;
  result.g_max = g_max;
  return result;
}

const char* file(int crystal) {
  return crystal == 0 ? PENDEL_SOURCE_DIR "/data/cif/Au.cif" : PENDEL_SOURCE_DIR "/data/cif/Si.cif";
}

/// 1596 zone axes of a cubic crystal, 1 degree apart.
PhaseLibrary library(const Crystal& crystal, double g_max) {
  const FundamentalZone zone(laue_group(point_group(crystal)));
  std::vector<Mat3> orientations;
  for (const Vec3& axis : zone_axes(zone, degree, ZoneSpacing::slerp).axes)
    orientations.push_back(zone_orientation(axis));
  return kinematical_library(crystal.name, crystal, 300, options(g_max), orientations);
}

/// Of a crystal in random orientations: one in ten missing, two of no reflection.
std::vector<std::vector<PeakVector>> patterns(const Crystal& crystal, double g_max, int count) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform(-1, 1);
  const SpotPatterns spots(crystal, 300, options(g_max));
  std::vector<std::vector<PeakVector>> result(static_cast<std::size_t>(count));
  for (auto& peaks : result) {
    const Mat3 R =
        from_quaternion({normal(random), normal(random), normal(random), normal(random)});
    const auto add = [&](const Vec2& q, double intensity) {
      PeakVector peak;
      peak.q = q + 0.005 * Vec2(normal(random), normal(random));
      peak.intensity = intensity * std::max(0.1, 1 + 0.1 * normal(random));
      peaks.push_back(peak);
    };
    for (const Spot& spot : spots.spots(R))
      if (spot.hkl != Hkl{} && !spot.forbidden && uniform(random) > -0.8)
        add(spot.g.head<2>(), spot.intensity);
    for (int i = 0; i < 2 && !peaks.empty(); ++i)
      add(g_max * Vec2(uniform(random), uniform(random)), peaks[0].intensity);
  }
  return result;
}

void make_library(benchmark::State& timer) {
  const Crystal crystal = read_cif(file(0));
  for (auto _ : timer) benchmark::DoNotOptimize(library(crystal, 1.5));
}

void make_index(benchmark::State& timer) {
  const PhaseLibrary made = library(read_cif(file(0)), 1.5);
  for (auto _ : timer) Matcher({made});
}

void match(benchmark::State& timer) {
  const double g_max = double(timer.range(1)) / 100;
  const Crystal crystal = read_cif(file(int(timer.range(0))));
  MatchOptions settings;
  settings.candidates = int(timer.range(2));
  settings.refine = timer.range(3) != 0;
  settings.exhaustive = timer.range(4) != 0;
  const PhaseLibrary made = library(crystal, g_max);
  const Matcher matcher({made}, settings);
  const auto measured = patterns(crystal, g_max, 200);
  double peaks = 0;
  for (const auto& pattern : measured) peaks += double(pattern.size()) / double(measured.size());
  std::size_t next = 0;
  for (auto _ : timer) benchmark::DoNotOptimize(matcher.match(measured[next++ % measured.size()]));
  timer.counters["peaks"] = peaks;
  timer.counters["axes"] = double(made.templates.size());
}

BENCHMARK(make_library)->Unit(benchmark::kMillisecond);
BENCHMARK(make_index)->Unit(benchmark::kMillisecond);
BENCHMARK(match)
    ->ArgNames({"crystal", "g", "candidates", "refined", "exhaustive"})
    ->Args({0, 150, 1, 0, 0})
    ->Args({0, 150, 1, 0, 1})
    ->Args({0, 150, 5, 1, 0})
    ->Args({1, 160, 1, 0, 0})
    ->Args({1, 160, 1, 0, 1})
    ->Args({1, 160, 5, 1, 0})
    ->Unit(benchmark::kMillisecond);

}  // namespace

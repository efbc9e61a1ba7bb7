// What multiple scattering tells a matcher, on patterns by split-step multislice: prints rows for
// bench/plot_dynamical_gain.py. Argument: number of orientations of each crystal.
#include <Eigen/Geometry>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>

#include "acom/dynamical_library.hpp"
#include "acom/dynamical_ranking.hpp"
#include "acom/zone_sampling.hpp"
#include "cif/read.hpp"
#include "core/electron.hpp"
#include "core/parallel.hpp"
#include "crystal/orientation.hpp"
#include "crystal/point_group.hpp"
#include "crystal/rotation.hpp"
#include "sim/splitstep.hpp"

using namespace pendel;

namespace {

constexpr double energy = 200, g_max = 1.5, degree = electron::pi / 180;
constexpr double electrons = 3e4;         // incident, per pattern
constexpr double least_count = 10;        // fainter spots are not found
constexpr double position_noise = 0.005;  // 1/Å, each component
constexpr double most_tilt = 0.05;        // rad, from a zone axis
constexpr double step = 2 * degree;       // of the libraries

struct Zone {
  Vec3 beam, x;
};
struct Phase {
  std::string name;
  std::vector<Zone> zones;
  Crystal crystal;
  std::vector<Mat3> symmetry;  // the Laue group's operations
};

std::vector<Phase> phases() {
  const std::vector<Zone> cubic{{{0, 0, 1}, {1, 0, 0}},
                                {{0, 1, 1}, {1, 0, 0}},
                                {{1, 1, 1}, {1, -1, 0}},
                                {{1, 1, 2}, {1, -1, 0}},
                                {{0, 1, 3}, {1, 0, 0}}};
  std::vector<Phase> result{{"Au", cubic, {}, {}},
                            {"SrTiO3", cubic, {}, {}},
                            {"PbTiO3",
                             {{{0, 0, 1}, {1, 0, 0}},
                              {{1, 0, 0}, {0, 0, 1}},
                              {{1, 1, 0}, {0, 0, 1}},
                              {{2, 1, 0}, {0, 0, 1}}},
                             {},
                             {}}};
  for (Phase& phase : result) {
    phase.crystal = read_cif(PENDEL_SOURCE_DIR "/data/cif/" + phase.name + ".cif");
    phase.symmetry = laue_group(point_group(phase.crystal)).operations;
  }
  return result;
}

/// Library axes that patterns may come from: within reach of one of the zones or its equivalents.
std::vector<Mat3> library_orientations(const Phase& phase, const PointGroup& group) {
  std::vector<Mat3> result;
  for (const Vec3& axis : zone_axes(FundamentalZone(group), step).axes)
    if (std::any_of(phase.zones.begin(), phase.zones.end(), [&](const Zone& zone) {
          const Vec3 beam = (phase.crystal.cell.orthogonalization() * zone.beam).normalized();
          return std::any_of(phase.symmetry.begin(), phase.symmetry.end(), [&](const Mat3& S) {
            return std::acos(std::clamp(axis.dot(S * beam), -1.0, 1.0)) < most_tilt + 2 * step;
          });
        }))
      result.push_back(zone_orientation(axis));
  return result;
}

struct Simulated {
  Mat3 R_lab_crystal;
  std::vector<std::vector<PeakVector>> peaks;  // by thickness
};

/// A tilt from a zone axis, anyhow turned in the plane; Poisson counts.
Simulated simulated(const Phase& phase, const std::vector<double>& thickness, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform;
  std::normal_distribution<double> normal;
  const Zone& zone = phase.zones[seed % phase.zones.size()];
  const double tilt = most_tilt * std::sqrt(uniform(random)),
               towards = 2 * electron::pi * uniform(random);
  State state;
  state.energy_keV = energy;
  state.beam_tilt = tilt * Vec2(std::cos(towards), std::sin(towards));
  state.crystals = {{phase.crystal, orientation(phase.crystal.cell, zone.beam, zone.x)}};
  state.layers = {{0, thickness.back()}};
  SplitStepOptions fine;
  fine.potential = DynamicalOptions().potential;
  fine.g_max = 4;
  fine.slice_A = 1;
  const SplitStep multislice(state, zone_beams(state, g_max), fine);
  const Vec2 sine = state.beam_tilt.array().sin();
  const Vec3 beam(sine.x(), sine.y(), std::sqrt(1 - sine.squaredNorm()));
  // the beam along z: the crystal turned against it
  const Mat3 turn = rotation_about(Vec3::UnitZ(), 2 * electron::pi * uniform(random)) *
                    Eigen::Quaterniond::FromTwoVectors(beam, Vec3::UnitZ()).toRotationMatrix();
  Simulated result{turn * state.crystals[0].R_lab_crystal, {}};
  result.peaks.resize(thickness.size());
  multislice.thickness_series(
      state, {Vec2(0, 0)}, 0, thickness,
      [&](std::size_t k, const std::vector<std::size_t>&, const MatrixXcd& psi) {
        for (std::size_t i = 0; i < multislice.beams().size(); ++i) {
          if (multislice.beams().hkl[i] == Hkl{}) continue;
          std::poisson_distribution<long> count(electrons * std::norm(psi(Eigen::Index(i), 0)));
          PeakVector peak;
          peak.intensity = double(count(random));
          peak.q = (turn * multislice.beams().g[i]).head<2>() +
                   position_noise * Vec2(normal(random), normal(random));
          if (peak.intensity >= least_count) result.peaks[k].push_back(peak);
        }
      });
  return result;
}

double seconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 30;
  const std::vector<double> truths{100, 200, 300, 400};
  std::vector<double> coarse, fine;
  for (int t = 60; t <= 460; t += 40) coarse.push_back(t);
  for (int t = 20; t <= 500; t += 10) fine.push_back(t);
  DynamicalOptions dynamical;
  dynamical.g_max = g_max;
  dynamical.tolerance = 0.06;
  SpotOptions once;
  once.g_max = g_max;
  const std::vector<Phase> all = phases();
  std::vector<PhaseLibrary> kinematical_libraries, dynamical_libraries;
  std::vector<DynamicalPatterns> made;
  for (const Phase& phase : all) {
    const double start = seconds();
    const PointGroup group = point_group(phase.crystal);
    kinematical_libraries.push_back(kinematical_library(
        phase.name, phase.crystal, energy, once, library_orientations(phase, laue_group(group))));
    dynamical_libraries.push_back(dynamical_library(phase.name, phase.crystal, energy, dynamical,
                                                    library_orientations(phase, group), coarse));
    const BeamLimits limits = std::get<DynamicalRecipe>(dynamical_libraries.back().recipe).limits;
    made.emplace_back(phase.crystal, energy, dynamical, fine, limits);
    std::fprintf(stderr, "%s: %zu and %zu orientations, reach %.4f, %.0f s\n", phase.name.c_str(),
                 kinematical_libraries.back().templates.size(),
                 dynamical_libraries.back().templates.size(), limits.strong, seconds() - start);
  }
  std::vector<const DynamicalPatterns*> patterns;
  for (const DynamicalPatterns& one : made) patterns.push_back(&one);
  const Matcher by_once(std::move(kinematical_libraries)), by_many(std::move(dynamical_libraries));

  std::puts(
      "# thickness_A phase pattern method found_phase error_deg error_or_turned_deg "
      "found_thickness_A its_error_A");
  std::puts("# methods: 0 kinematical, 1 re-ranked, 2 re-ranked and tilted, 3 dynamical library");
  for (std::size_t p = 0; p < all.size(); ++p) {
    std::vector<std::string> lines(static_cast<std::size_t>(count));
    parallel_for(count, [&](long i, int) {
      const Simulated one = simulated(all[p], truths, unsigned(i));
      for (std::size_t k = 0; k < truths.size(); ++k) {
        const auto print = [&](int method, const Match& match, double its_error) {
          double error = 180, turned = 180;
          if (match.phase == int(p)) {
            const Mat3& R = match.R_lab_crystal;
            error = misorientation(R, one.R_lab_crystal, all[p].symmetry) / degree;
            turned = std::min(error, misorientation(rotation_about(Vec3::UnitZ(), electron::pi) * R,
                                                    one.R_lab_crystal, all[p].symmetry) /
                                         degree);
          }
          char line[160];
          std::snprintf(line, sizeof line, "%g %zu %ld %d %d %.3f %.3f %g %.1f\n", truths[k], p, i,
                        method, match.phase, error, turned, match.thickness_A, its_error);
          lines[std::size_t(i)] += line;
        };
        const std::vector<Match> found = by_once.match(one.peaks[k]).candidates;
        print(0, found.empty() ? Match() : found[0], std::nan(""));
        for (const int tilted : {0, DynamicalRankingOptions().tilted}) {
          DynamicalRankingOptions options;
          options.tilted = tilted;
          const std::vector<Match> ranked =
              ranked_dynamically(one.peaks[k], found, patterns, options);
          if (ranked.empty())
            print(tilted ? 2 : 1, Match(), std::nan(""));
          else
            print(tilted ? 2 : 1, ranked[0], ranked[0].thickness_error_A);
        }
        const std::vector<Match> many = by_many.match(one.peaks[k]).candidates;
        print(3, many.empty() ? Match() : many[0], std::nan(""));
      }
    });
    for (const std::string& line : lines) std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %.0f s so far\n", all[p].name.c_str(), seconds());
  }
}

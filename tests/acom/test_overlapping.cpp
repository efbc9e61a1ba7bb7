// Two crystals above each other are both found, one is not taken for two.
#include <boost/test/unit_test.hpp>

#include "acom/match.hpp"
#include "cif/read.hpp"
#include "simulated_peaks.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

PhaseLibrary made_library(const std::string& name) {
  SpotOptions options;
  options.g_max = 1.5;
  return library_of(read_cif(PENDEL_SOURCE_DIR "/data/cif/" + name + ".cif"), 1, options);
}

/// What two crystals show, and two peaks that are of none. Peaks nearer than a detector tells apart
/// are one.
std::vector<PeakVector> both(const std::vector<std::vector<PeakVector>>& crystals,
                             const std::vector<double>& shares) {
  std::vector<PeakVector> result;
  for (std::size_t k = 0; k < crystals.size(); ++k)
    for (PeakVector peak : crystals[k]) {
      peak.intensity *= shares[k];
      const auto known = std::find_if(result.begin(), result.end(), [&](const PeakVector& other) {
        return (other.q - peak.q).norm() < 0.015;
      });
      if (known == result.end()) {
        result.push_back(peak);
        continue;
      }
      known->q = (known->q * known->intensity + peak.q * peak.intensity) /
                 (known->intensity + peak.intensity);
      known->intensity += peak.intensity;
    }
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(two_crystals_of_one_phase_are_found) {
  for (const std::string name : {"Au", "Si"}) {
    const PhaseLibrary library = made_library(name);
    const Matcher matcher({library});
    SpotOptions options;
    options.g_max = 1.5;
    options.sg_max = 0.08;
    const SpotPatterns patterns(library.crystal, 300, options);
    std::mt19937_64 random(21);
    const int count = 60;
    int found_both = 0, two = 0;
    double share = 0;
    for (int i = 0; i < count; ++i) {
      const Mat3 truth[] = {random_rotation(random), random_rotation(random)};
      PeakNoise noise;
      const auto first = noisy_peaks(patterns.spots(truth[0]), noise, 1.5, random);
      noise.spurious = 0;
      const auto second = noisy_peaks(patterns.spots(truth[1]), noise, 1.5, random);
      const auto grains = matcher.match_overlapping(both({first, second}, {0.7, 0.3}), 2);
      bool found[] = {false, false};
      for (const Overlapping& grain : grains)
        for (int k = 0; k < 2; ++k) {
          const auto is_it = [&](const Match& match) {
            return error_deg(match.R_lab_crystal, truth[k], library.symmetry) < 2;
          };
          found[k] = found[k] || is_it(grain.match) ||
                     std::any_of(grain.tied.begin(), grain.tied.end(), is_it);
        }
      found_both += found[0] && found[1];
      if (grains.size() == 2) share += grains[0].share / count;
      two += matcher.match_overlapping(first, 2).size() > 1;
    }
    BOOST_TEST_MESSAGE(name << ": both found in " << found_both << ", one taken for two in " << two
                            << " of " << count << ", share " << share);
    record("Orientations", "two grains 70/30: both found, named ties counted",
           "60 patterns of " + name, double(found_both) / count, at_least(0.9));
    record("Orientations", "one grain taken for two", "60 patterns of " + name, double(two) / count,
           at_most(0.05));
    // 0.7, but for weights that are the fourth root of intensities and peaks of both
    BOOST_TEST(std::abs(share - 0.7) < 0.1);
  }
}

BOOST_AUTO_TEST_CASE(two_phases_are_found) {
  const std::vector<PhaseLibrary> libraries = {made_library("Au"), made_library("Si")};
  const Matcher matcher(libraries);
  SpotOptions options;
  options.g_max = 1.5;
  std::mt19937_64 random(22);
  int right = 0;
  for (int i = 0; i < 20; ++i) {
    std::vector<std::vector<PeakVector>> peaks;
    for (const PhaseLibrary& library : libraries) {
      const SpotPatterns patterns(library.crystal, 300, options);
      peaks.push_back(noisy_peaks(patterns.spots(random_rotation(random)), {}, 1.5, random));
      double sum = 0;
      for (const PeakVector& peak : peaks.back()) sum += peak.intensity;
      for (PeakVector& peak : peaks.back()) peak.intensity /= sum;
    }
    const auto grains = matcher.match_overlapping(both(peaks, {0.5, 0.5}), 2);
    right += grains.size() == 2 && grains[0].match.phase != grains[1].match.phase;
  }
  BOOST_TEST(right >= 18);
}

BOOST_AUTO_TEST_CASE(nothing_is_made_of_nothing) {
  BOOST_TEST(Matcher({made_library("Au")}).match_overlapping({}, 3).empty());
}

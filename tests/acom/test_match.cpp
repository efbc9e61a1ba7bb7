// Matching of made patterns: the orientation that made them is found, what they do not tell is
// said, and the search with bounds finds what the search through everything finds.
#include "acom/match.hpp"

#include <boost/test/unit_test.hpp>

#include "cif/read.hpp"
#include "simulated_peaks.hpp"

using namespace pendel;

namespace {

const double degree = 3.14159265358979 / 180;

PhaseLibrary library_of(const std::string& name, double step_deg, double g_max) {
  const Crystal crystal = read_cif(PENDEL_SOURCE_DIR "/data/cif/" + name + ".cif");
  SpotOptions options;
  options.g_max = g_max;
  const auto symmetry = kinematical_library(name, crystal, 200, options, {}).symmetry;
  return kinematical_library(name, crystal, 200, options, net_of_axes(symmetry, step_deg));
}

std::vector<PeakVector> peaks_of(const PhaseLibrary& library, const Mat3& R, const PeakNoise& noise,
                                 std::mt19937_64& random) {
  SpotOptions options;
  options.g_max = library.g_max;
  options.sg_max = 0.08;
  return noisy_peaks(SpotPatterns(library.crystal, 200, options).spots(R), noise, library.g_max,
                     random);
}

/// Modulo a turn by 180° in the plane, which patterns of the zero-order zone hardly tell.
double error_deg(const Mat3& R, const Mat3& truth, const std::vector<Mat3>& symmetry) {
  const Mat3 turned = rotation_about(Vec3::UnitZ(), 180 * degree) * R;
  return std::min(misorientation(R, truth, symmetry), misorientation(turned, truth, symmetry)) /
         degree;
}

}  // namespace

BOOST_AUTO_TEST_CASE(orientations_of_noisy_patterns_are_found) {
  for (const std::string name : {"Si", "PbTiO3"}) {
    const PhaseLibrary library = library_of(name, 1.5, 1.3);
    const Matcher matcher({library});
    std::mt19937_64 random(5);
    std::vector<double> errors;
    for (int i = 0; i < 60; ++i) {
      const Mat3 truth = random_rotation(random);
      const PatternMatch match = matcher.match(peaks_of(library, truth, {}, random));
      BOOST_TEST(match.indexed());
      if (!match.indexed()) continue;
      BOOST_TEST(match.candidates[0].score < 1 + 1e-9);
      errors.push_back(error_deg(match.candidates[0].R_lab_crystal, truth, library.symmetry));
    }
    std::sort(errors.begin(), errors.end());
    BOOST_TEST(errors[errors.size() / 2] < 0.35);
    BOOST_TEST(errors[errors.size() * 9 / 10] < 1.0);
  }
}

BOOST_AUTO_TEST_CASE(bounds_find_what_the_whole_search_finds) {
  const PhaseLibrary library = library_of("Si", 1.5, 1.3);
  MatchOptions options;
  options.refine = false;
  const Matcher quick({library}, options);
  options.exhaustive = true;
  const Matcher whole({library}, options);
  std::mt19937_64 random(6);
  for (int i = 0; i < 100; ++i) {
    const auto peaks = peaks_of(library, random_rotation(random), {}, random);
    const PatternMatch a = quick.match(peaks), b = whole.match(peaks);
    BOOST_REQUIRE(a.candidates.size() > 0u);
    BOOST_REQUIRE(b.candidates.size() > 0u);
    BOOST_TEST(a.candidates[0].score == b.candidates[0].score, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(misorientation(a.candidates[0].R_lab_crystal, b.candidates[0].R_lab_crystal,
                              library.symmetry) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(patterns_that_say_nothing_are_not_indexed) {
  const PhaseLibrary library = library_of("Si", 2, 1.3);
  const Matcher matcher({library});
  BOOST_TEST(matcher.match({}).flags == unsigned(few_peaks));
  BOOST_TEST(!map_position(matcher.match({})).indexed());
  PeakVector peak;
  peak.q = Vec2(0.5, 0.1);
  peak.intensity = 1;
  BOOST_TEST(matcher.match({peak}).flags == unsigned(few_peaks));
  MatchOptions options;
  options.candidates = 100000;  // more than there are
  const PatternMatch all = Matcher({library_of("Si", 15, 1.3)}, options).match({peak});
  BOOST_TEST(all.flags == unsigned(few_peaks));
}

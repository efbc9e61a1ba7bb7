// Matching of made patterns: the orientation that made them is found, what they do not tell is
// said, and the search with bounds finds what the search through everything finds.
#include "acom/match.hpp"

#include <Eigen/LU>
#include <boost/test/unit_test.hpp>

#include "cif/read.hpp"
#include "core/error.hpp"
#include "simulated_peaks.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

Crystal crystal_of(const std::string& name) {
  return read_cif(PENDEL_SOURCE_DIR "/data/cif/" + name + ".cif");
}

SpotOptions spot_options(double g_max) {
  SpotOptions options;
  options.g_max = g_max;
  return options;
}

/// Patterns of a crystal in random orientations.
class Source {
 public:
  Source(const Crystal& crystal, double g_max, unsigned seed, PeakNoise noise = {})
      : noise_(noise), g_max_(g_max), patterns_(crystal, 300, wide(g_max)), random_(seed) {}

  Mat3 truth;
  std::vector<PeakVector> next() {
    truth = random_rotation(random_);
    return noisy_peaks(patterns_.spots(truth), noise_, g_max_, random_);
  }

 private:
  static SpotOptions wide(double g_max) {
    SpotOptions options = spot_options(g_max);
    options.sg_max = 0.08;  // the library's own limit is not the specimen's
    return options;
  }
  PeakNoise noise_;
  double g_max_;
  SpotPatterns patterns_;
  std::mt19937_64 random_;
};

/// Whether one of the candidates that are as good as the best is within 2° of the truth.
bool found(const PatternMatch& match, const Mat3& truth, const std::vector<Mat3>& symmetry) {
  for (int i = 0; i < match.tied; ++i)
    if (error_deg(match.candidates[std::size_t(i)].R_lab_crystal, truth, symmetry) < 2) return true;
  return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(orientations_of_noisy_patterns_are_found_with_honest_errors) {
  for (const std::string name : {"Si", "PbTiO3", "GaAs"}) {
    const PhaseLibrary library = library_of(crystal_of(name), 1.5, spot_options(1.3));
    const Matcher matcher({library});
    PeakNoise noise;
    noise.position = 0.007;
    noise.intensity = 0.2;
    Source source(library.crystal, 1.3, 5, noise);
    std::vector<double> errors, chi2;
    int right = 0;
    const int patterns = 80;
    for (int i = 0; i < patterns; ++i) {
      const PatternMatch match = matcher.match(source.next());
      BOOST_TEST_REQUIRE(match.indexed());
      const Match& best = match.candidates[0];
      errors.push_back(error_deg(best.R_lab_crystal, source.truth, library.symmetry));
      right += found(match, source.truth, library.symmetry);
      const Mat3 near = nearest_equivalent(source.truth, best.R_lab_crystal, library.symmetry);
      const Mat3 d = best.R_lab_crystal * near.transpose();
      const Vec3 w(d(2, 1) - d(1, 2), d(0, 2) - d(2, 0), d(1, 0) - d(0, 1));
      if (error_deg(best.R_lab_crystal, near, {}, false) < 3)
        chi2.push_back(0.25 * w.dot(best.covariance.inverse() * w));
    }
    const char* made = "80 noisy patterns each of Si, PbTiO3, GaAs made here";
    record("Orientations", "median error, degrees", made, quantile(errors, 0.5), at_most(0.35));
    record("Orientations", "90 % of errors below, degrees", made, quantile(errors, 0.9),
           at_most(1));
    record("Orientations", "within 2°, named ties counted", made, double(right) / patterns,
           at_least(0.98));
    // χ² of three components: median 2.4, 90 % below 6.3. A quarter of the peaks' number of degrees
    // of freedom is what their own scatter is known to, and outliers are left: within a factor 2
    // (of variance) of either.
    BOOST_TEST(chi2.size() > 0.7 * patterns);
    record("Orientations", "error bars: median χ² of three angles (2.4 expected)", made,
           quantile(chi2, 0.5), between(2.4 / 2, 2.4 * 2));
    BOOST_TEST(quantile(chi2, 0.9) < 6.3 * 2);
  }
}

BOOST_AUTO_TEST_CASE(bounds_find_what_the_whole_search_finds) {
  const PhaseLibrary library = library_of(crystal_of("Si"), 1.5, spot_options(1.3));
  MatchOptions options;
  options.refine = false;
  const Matcher quick({library}, options);
  options.exhaustive = true;
  const Matcher whole({library}, options);
  Source source(library.crystal, 1.3, 6);
  for (int i = 0; i < 300; ++i) {
    const auto peaks = source.next();
    const PatternMatch a = quick.match(peaks), b = whole.match(peaks);
    BOOST_REQUIRE(a.candidates.size() > 0u);
    BOOST_REQUIRE(b.candidates.size() > 0u);
    record("Orientations", "best score by bounds, relative difference, 300 patterns",
           "exhaustive search", std::abs(a.candidates[0].score / b.candidates[0].score - 1),
           at_most(1e-6));
    BOOST_TEST(error_deg(a.candidates[0].R_lab_crystal, b.candidates[0].R_lab_crystal,
                         library.symmetry) < 1e-4);
  }
}

BOOST_AUTO_TEST_CASE(scores_do_not_drift_with_the_number_of_spots) {
  // Perfect peaks score 1 but for the spots that only one side has, at the limits of the range.
  // With noise: three crystals, few to many spots, one mean score. 0.03: what the two spurious
  // peaks, which count for more among few, may make of it.
  PeakNoise none;
  none.position = none.intensity = none.missing = 0;
  none.spurious = 0;
  PeakNoise noise;
  noise.spurious = 0;
  std::vector<double> means;
  for (const auto& [name, g_max] :
       {std::pair{"Au", 1.5}, {"Si", 1.2}, {"Si", 1.8}, {"PbTiO3", 1.5}}) {
    const PhaseLibrary library = library_of(crystal_of(name), 3, spot_options(g_max));
    const Matcher matcher({library});
    Source perfect(library.crystal, g_max, 3, none), noisy(library.crystal, g_max, 4, noise);
    double mean = 0;
    for (int i = 0; i < 40; ++i) {
      const PatternMatch best = matcher.match(perfect.next());
      if (found(best, perfect.truth, library.symmetry)) BOOST_TEST(best.candidates[0].score > 0.93);
      mean += matcher.match(noisy.next()).candidates.at(0).score / 40;
    }
    means.push_back(mean);
  }
  record(
      "Orientations", "mean score of true matches, few to many spots: range", "Au, Si, PbTiO3",
      *std::max_element(means.begin(), means.end()) - *std::min_element(means.begin(), means.end()),
      at_most(0.03));
}

BOOST_AUTO_TEST_CASE(patterns_that_say_nothing_are_not_indexed) {
  const PhaseLibrary library = library_of(crystal_of("Si"), 2, spot_options(1.3));
  const Matcher matcher({library});
  BOOST_TEST(matcher.match({}).flags == unsigned(few_peaks));
  BOOST_TEST(!map_position(matcher.match({})).indexed());
  PeakVector peak;
  peak.q = Vec2(0.5, 0.1);
  peak.intensity = 1;
  BOOST_TEST(matcher.match({peak}).flags == unsigned(few_peaks));
  // peaks anywhere
  std::mt19937_64 random(8);
  std::uniform_real_distribution<double> uniform(-1, 1);
  int indexed = 0;
  for (int i = 0; i < 20; ++i) {
    std::vector<PeakVector> peaks;
    for (int k = 0; k < 25; ++k) {
      peak.q = Vec2(uniform(random), uniform(random));
      peaks.push_back(peak);
    }
    const PatternMatch match = matcher.match(peaks);
    indexed += match.indexed();
    if (!match.indexed())
      BOOST_TEST((match.flags == unsigned(unexplained) || match.flags == unsigned(few_peaks)));
  }
  BOOST_TEST(indexed <= 1);
}

BOOST_AUTO_TEST_CASE(more_candidates_than_templates_are_asked_for) {
  MatchOptions options;
  options.candidates = 100000;
  const PhaseLibrary library = library_of(crystal_of("Si"), 20, spot_options(1.3));
  const PatternMatch match =
      Matcher({library}, options).match(Source(library.crystal, 1.3, 9).next());
  BOOST_TEST(match.candidates.size() > 5u);
}

BOOST_AUTO_TEST_CASE(wrong_calibrations_are_survived) {
  const PhaseLibrary library = library_of(crystal_of("Si"), 1.5, spot_options(1.3));
  const Matcher matcher({library});
  Eigen::Matrix2d ellipse;
  ellipse << 1.0175, 0, 0, 0.9825;
  for (const auto& [matrix, shift] :
       {std::pair<Eigen::Matrix2d, Vec2>{1.02 * Eigen::Matrix2d::Identity(), {0, 0}},
        {0.98 * Eigen::Matrix2d::Identity(), {0, 0}},
        {ellipse, {0, 0}},
        {Eigen::Matrix2d::Identity(), {0.02, 0.01}}}) {
    Source source(library.crystal, 1.3, 10);
    int right = 0;
    for (int i = 0; i < 40; ++i) {
      auto peaks = source.next();
      for (PeakVector& peak : peaks) peak.q = matrix * peak.q + shift;
      right += found(matcher.match(peaks), source.truth, library.symmetry);
    }
    record("Orientations", "2 % of scale, 3.5 % of ellipse, shifted origin: share within 2°",
           "40 patterns of Si", right / 40.0, at_least(0.9));
  }
}

BOOST_AUTO_TEST_CASE(the_phase_is_told) {
  const std::vector<std::string> names = {"Si", "GaAs", "PbTiO3"};
  std::vector<PhaseLibrary> libraries;
  for (const std::string& name : names)
    libraries.push_back(library_of(crystal_of(name), 2, spot_options(1.3)));
  const Matcher matcher(libraries);
  for (const int phase : {0, 1, 2}) {
    Source source(libraries[std::size_t(phase)].crystal, 1.3, 11);
    int right = 0, unsure = 0;
    for (int i = 0; i < 25; ++i) {
      const PatternMatch match = matcher.match(source.next());
      right += match.candidates.at(0).phase == phase;
      unsure += match.candidates[0].phase != phase && (match.flags & phase_uncertain);
      double sum = 0;
      for (const double p : match.phase_probability) sum += p;
      BOOST_TEST(sum == 1, boost::test_tools::tolerance(1e-9));
    }
    BOOST_TEST(right + unsure >= 24);
    // Si and GaAs differ by 4 % in length, and by 002
    record("Orientations", "right phase of Si, GaAs, PbTiO3", "25 patterns each", right / 25.0,
           at_least(22 / 25.0));
  }
}

BOOST_AUTO_TEST_CASE(polarity_is_told_where_friedels_law_does_not_hold) {
  // Intensities that have the symmetry of GaAs, -43m, and no centre: as of dynamical patterns.
  // Mirrored templates then are those of its mirror planes. Nothing is turned by 180° for free.
  const Crystal crystal = crystal_of("GaAs");
  const auto polar = [](const Hkl& hkl) {
    const double sign = (hkl.h * hkl.k * hkl.l > 0) - (hkl.h * hkl.k * hkl.l < 0);
    return std::exp(1.5 * sign);
  };
  const PointGroup group = point_group(crystal);
  std::vector<Mat3> orientations;
  for (const Vec3& axis : zone_axes(FundamentalZone(group), 0.0175).axes)
    orientations.push_back(zone_orientation(axis));
  PhaseLibrary library =
      kinematical_library("polar", crystal, 300, spot_options(1.3), orientations);
  library.symmetry = group.operations;
  for (Template& made : library.templates)
    for (std::size_t j = 0; j < made.q.size(); ++j) made.intensity[j] *= float(polar(made.hkl[j]));
  MatchOptions options;
  options.refine = false;
  options.intensity_power = 0.5;
  const Matcher matcher({library}, options);

  const SpotPatterns patterns(crystal, 300, spot_options(1.3));
  std::mt19937_64 random(12);
  int right = 0, inverted = 0;
  for (int i = 0; i < 60; ++i) {
    const Mat3 truth = random_rotation(random);
    std::vector<PeakVector> peaks;
    for (const Spot& spot : patterns.spots(truth)) {
      if (spot.hkl == Hkl{} || spot.forbidden) continue;
      PeakVector peak;
      peak.q = spot.g.head<2>();
      peak.intensity = spot.intensity * polar(spot.hkl);
      peaks.push_back(peak);
    }
    const Mat3 R = matcher.match(peaks).candidates.at(0).R_lab_crystal;
    BOOST_TEST(R.determinant() == 1, boost::test_tools::tolerance(1e-9));
    const bool good = error_deg(R, truth, group.operations, false) < 3;
    right += good;
    inverted += !good && error_deg(R, truth, laue_group(group).operations, false) < 3;
  }
  BOOST_TEST(right >= 57);
  BOOST_TEST(inverted <= 2);
}

BOOST_AUTO_TEST_CASE(thickness_is_told_where_the_library_has_it) {
  // Slabs by single scattering: the width of rocking curves tells how thick.
  const Crystal crystal = crystal_of("Si");
  SpotOptions options = spot_options(1.5);
  const std::vector<double> thicknesses = {20, 60};
  PhaseLibrary library;
  std::vector<SpotPatterns> patterns;
  for (const double thickness : thicknesses) {
    options.shape = SlabShape{thickness};
    patterns.emplace_back(crystal, 300, options);
    const PhaseLibrary one = library_of(crystal, 1, options);
    if (library.templates.empty()) library = one;
  }
  library.thickness_A = thicknesses;
  for (Template& made : library.templates) {
    made.hkl.clear();
    made.q.clear();
    made.intensity.clear();
    for (std::size_t t = 0; t < thicknesses.size(); ++t)
      for (const Spot& spot : patterns[t].spots(made.R_lab_crystal)) {
        if (spot.hkl == Hkl{} || spot.forbidden) continue;
        if (t == 0) {
          made.hkl.push_back(spot.hkl);
          made.q.push_back(spot.g.head<2>());
        }
        made.intensity.push_back(float(spot.intensity));
      }
  }
  MatchOptions power;
  power.intensity_power = 0.5;
  const Matcher matcher({library}, power);
  PeakNoise noise;
  noise.spurious = 0;
  std::mt19937_64 random(13);
  std::vector<double> errors;
  int right = 0;
  for (int i = 0; i < 40; ++i) {
    const std::size_t t = std::size_t(i % 2);
    const Mat3 truth = random_rotation(random);
    const auto peaks = noisy_peaks(patterns[t].spots(truth), noise, 1.5, random);
    const Match best = matcher.match(peaks).candidates.at(0);
    right += best.thickness_A == thicknesses[t];
    errors.push_back(error_deg(best.R_lab_crystal, truth, library.symmetry));
  }
  // rocking curves with a width for each thickness, taken for one of the library's mean width
  BOOST_TEST(quantile(errors, 0.5) < 0.7);
  BOOST_TEST(right >= 36);
}

BOOST_AUTO_TEST_CASE(impossible_options_are_refused) {
  MatchOptions options;
  options.position_tolerance = 0;
  const auto is_study = [](const Error& error) { return error.kind() == ErrorKind::study; };
  BOOST_CHECK_EXCEPTION(Matcher({}, options), Error, is_study);
  PhaseLibrary empty;
  BOOST_CHECK_EXCEPTION(Matcher({empty}), Error, is_study);
}

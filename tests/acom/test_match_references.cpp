// Orientations of py4DSTEM's made patterns of gold and titanium, where that set is at hand: from a
// library of 1596 and more zone axes with the options as they come.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "acom/match.hpp"
#include "simulated_peaks.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

/// The numbers of the array `key` of a JSON file, in order; sizes of the innermost-but-one arrays.
std::vector<double> numbers(const std::string& text, const std::string& key,
                            std::vector<int>& rows) {
  std::vector<double> result;
  std::size_t at = text.find("\"" + key + "\"");
  if (at == std::string::npos) return result;
  int depth = 0, count = 0;
  for (at = text.find('[', at); at < text.size(); ++at) {
    const char c = text[at];
    if (c == '[') {
      ++depth;
      if (depth == 2) count = 0;
      if (depth == 3) ++count;
    } else if (c == ']') {
      if (depth == 2) rows.push_back(count);
      if (--depth == 0) break;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      char* end = nullptr;
      result.push_back(std::strtod(&text[at], &end));
      at = std::size_t(end - text.data()) - 1;
    }
  }
  return result;
}

const char* py4dstem = "300 patterns made by py4DSTEM [Ophus2022]";

Site atom(const std::string& label, int Z, const Vec3& position) {
  Site site;
  site.label = label;
  site.Z = Z;
  site.position = {position};
  return site;
}

Crystal gold() {
  Crystal crystal;
  crystal.name = "Au_fcc";
  crystal.cell = Cell(4.078, 4.078, 4.078, 90, 90, 90);
  for (const Vec3& x : {Vec3(0, 0, 0), Vec3(0, 0.5, 0.5), Vec3(0.5, 0, 0.5), Vec3(0.5, 0.5, 0)})
    crystal.sites.push_back(atom("Au", 79, x));
  return crystal;
}

Crystal titanium() {
  Crystal crystal;
  crystal.name = "Ti_hcp";
  crystal.cell = Cell(2.951, 2.951, 4.684, 90, 90, 120);
  crystal.sites = {atom("Ti", 22, {1 / 3., 2 / 3., 0.25}), atom("Ti", 22, {2 / 3., 1 / 3., 0.75})};
  return crystal;
}

}  // namespace

BOOST_AUTO_TEST_CASE(made_patterns_of_another_program_are_matched) {
  for (const Crystal& crystal : {gold(), titanium()}) {
    std::ifstream file(PENDEL_SOURCE_DIR "/../shared/reference/py4dstem/acom/" + crystal.name +
                       "_easy.json");
    if (!file) {
      not_at_hand("Orientations", crystal.name + ", made patterns", py4dstem);
      continue;
    }
    std::stringstream stream;
    stream << file.rdbuf();
    const std::string text = stream.str();
    std::vector<int> matrices, counts;
    const std::vector<double> truths = numbers(text, "truth_matrix_columns_xyz", matrices);
    const std::vector<double> peaks = numbers(text, "peaks", counts);
    BOOST_TEST_REQUIRE(counts.size() == 300u);
    BOOST_TEST_REQUIRE(truths.size() == 2700u);

    SpotOptions options;
    options.g_max = 1.5;
    const PhaseLibrary library = library_of(crystal, 1, options);
    const Matcher matcher({library});
    // Its x is along the first array axis (our y), its y along the second, its z to the source.
    Mat3 D;
    D << 0, 1, 0, 1, 0, 0, 0, 0, -1;
    std::vector<double> errors;
    int right = 0;
    const double* peak = peaks.data();
    for (std::size_t i = 0; i < 300; ++i) {
      std::vector<PeakVector> pattern;
      for (int k = 0; k < counts[i]; ++k, peak += 3) {
        pattern.emplace_back();
        pattern.back().q = Vec2(peak[1], peak[0]);
        pattern.back().intensity = peak[2];
      }
      // stored by rows, and of v_crystal = M v_lab
      const Mat3 truth = D * Eigen::Map<const Mat3>(&truths[9 * i]);
      const PatternMatch match = matcher.match(pattern);
      BOOST_TEST_REQUIRE(match.candidates.size() > 0u);
      errors.push_back(error_deg(match.candidates[0].R_lab_crystal, truth, library.symmetry));
      bool found = false;
      for (int k = 0; k < match.tied; ++k)
        found = found || error_deg(match.candidates[std::size_t(k)].R_lab_crystal, truth,
                                   library.symmetry) < 2;
      right += found;
    }
    const auto below = std::count_if(errors.begin(), errors.end(), [](double e) { return e < 2; });
    BOOST_TEST_MESSAGE(crystal.name << ": " << library.templates.size() << " axes, median "
                                    << quantile(errors, 0.5) << ", 90 % below "
                                    << quantile(errors, 0.9) << ", below 2: " << below / 300.0
                                    << ", or tied with it: " << right / 300.0);
    record("Orientations", crystal.name + ": median error, degrees", py4dstem,
           quantile(errors, 0.5), at_most(0.35));
    record("Orientations", crystal.name + ": 90 % of errors below, degrees", py4dstem,
           quantile(errors, 0.9), at_most(1));
    // Seen near a zone axis [uvw] that no twofold axis lies along, the zone's reflections are the
    // same from [uvw] turned by 180° about itself: which of the two it is no peak tells, and half
    // of them are taken for the other, 2° and more away. So both count, where both are named.
    record("Orientations", crystal.name + ": within 2°, named ties counted", py4dstem,
           right / 300.0, at_least(0.98));
    record("Orientations", crystal.name + ": within 2°, the first answer", py4dstem,
           double(below) / 300, at_least(280 / 300.0));
  }
}

// Disks found in the reference patterns: their true places are known.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/parallel.hpp"
#include "io/hdf5.hpp"
#include "scan/disk_refinement.hpp"
#include "scan/disks.hpp"
#include "scan/lattice_prior.hpp"
#include "scan/probe_template.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

const std::string folder = PENDEL_SOURCE_DIR "/../shared/reference/py4dstem/disks/";

/// Numbers of a CSV file without its first line.
std::vector<std::vector<double>> table(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<std::vector<double>> rows;
  while (std::getline(file, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream words(line);
    rows.emplace_back();
    for (double value; words >> value;) rows.back().push_back(value);
  }
  return rows;
}

struct Truth {
  Vec2 at;
  double counts;
  bool inside;
};

struct Reference {
  std::size_t size = 0;
  double radius = 0;
  std::vector<float> probe;
  std::vector<std::vector<float>> patterns;
  std::vector<double> dose;
  std::vector<std::vector<Truth>> disks;
};

Reference reference(const std::string& name, double radius) {
  const hdf5::InputFile file(folder + "disks_" + name + ".h5");
  Reference result;
  result.radius = radius;
  const Array probe = file.read("probe"), patterns = file.read("patterns");
  result.size = probe.shape[0];
  result.probe.assign(probe.values.begin(), probe.values.end());
  const std::size_t pixels = result.size * result.size;
  for (const auto& row : table(folder + "disks_" + name + "_patterns.csv")) {
    const auto first = patterns.values.begin() + long(result.patterns.size() * pixels);
    result.patterns.emplace_back(first, first + long(pixels));
    result.dose.push_back(row[1]);
  }
  result.disks.resize(result.patterns.size());
  const double last = double(result.size) - 1 - radius;
  for (const auto& row : table(folder + "disks_" + name + "_truth.csv")) {
    const double x = row[3], y = row[4];  // row, column
    result.disks[std::size_t(row[0])].push_back(
        {Vec2(y, x), row[6], std::min(x, y) >= radius && std::max(x, y) <= last});
  }
  return result;
}

struct Score {
  double squares = 0, normalised = 0;
  int wanted = 0, recalled = 0, found = 0, right = 0, matched = 0;
  double rms() const { return std::sqrt(squares / matched); }  // of the distance
  double recall() const { return double(recalled) / wanted; }
  double precision() const { return double(right) / found; }
  double spread() const { return std::sqrt(normalised / (2 * matched)); }
};

/// Disks of at least so many counts that are whole; a peak is one within its radius.
Score score(const Reference& reference, const std::vector<std::vector<BraggPeak>>& found,
            double dose, double least_counts) {
  Score result;
  for (std::size_t p = 0; p < found.size(); ++p) {
    if (dose > 0 && reference.dose[p] != dose) continue;
    std::vector<bool> right(found[p].size());
    for (const Truth& truth : reference.disks[p]) {
      const BraggPeak* nearest = nullptr;
      double least = reference.radius;
      for (std::size_t i = 0; i < found[p].size(); ++i) {
        const double d = (found[p][i].position - truth.at).norm();
        if (d < reference.radius) right[i] = true;
        if (d < least) least = d, nearest = &found[p][i];
      }
      if (!truth.inside || truth.counts < least_counts) continue;
      ++result.wanted;
      if (!nearest) continue;
      ++result.recalled;
      // farther off it is the disk, but not its place
      if (least > reference.radius / 2) continue;
      ++result.matched;
      const Vec2 d = nearest->position - truth.at;
      result.squares += d.squaredNorm();
      result.normalised += d.cwiseQuotient(nearest->error).squaredNorm();
    }
    result.found += int(found[p].size());
    result.right += int(std::count(right.begin(), right.end(), true));
  }
  return result;
}

struct Found {
  std::vector<std::vector<BraggPeak>> alone, on_lattice;
};

Found found(const Reference& reference) {
  const DiskTemplate shape = measured_template(reference.probe, reference.size, reference.size);
  DetectionOptions detection;
  detection.min_significance = 3.5;
  const DiskFinder finder(shape, reference.size, reference.size, detection);
  const DiskRefiner refiner(shape, reference.size, reference.size, RefinementOptions{});
  Found result;
  result.alone.resize(reference.patterns.size());
  parallel_for(long(reference.patterns.size()), [&](long p, int) {
    auto finding = finder.workspace();
    auto refining = refiner.workspace();
    auto& peaks = result.alone[std::size_t(p)];
    finder.find(reference.patterns[std::size_t(p)].data(), finding, peaks);
    refiner.refine(reference.patterns[std::size_t(p)].data(), finding.background, refining, peaks);
  });
  result.on_lattice = result.alone;
  for (auto& peaks : result.on_lattice) join_lattice(peaks);
  return result;
}

const char* source = "simulated patterns with their truth";

bool absent(const std::string& what) {
  if (std::filesystem::exists(folder)) return false;
  not_at_hand("Disks", what, source);
  return true;
}

/// Recall and precision of every disk of 10 counts.
void found_of(const std::string& what, const Score& s, double least) {
  record("Disks", what + ": recall", source, s.recall(), at_least(least));
  record("Disks", what + ": precision", source, s.precision(), at_least(least));
}

void say(const std::string& what, const Score& s) {
  BOOST_TEST_MESSAGE(what << ": rms " << s.rms() << " pixels, recall " << s.recall()
                          << ", precision " << s.precision() << ", spread " << s.spread());
}

}  // namespace

BOOST_AUTO_TEST_CASE(uniform_disks) {
  if (absent("uniform disks")) return;
  const Reference patterns = reference("128_flat", 7.3);
  const Found disks = found(patterns);
  // Cramér-Rao limits of these disks (100 counts or more, known background), computed once with
  // the true template: rms of the distance over all of a dose
  const std::vector<std::pair<double, double>> limits = {
      {1e3, 0.2490}, {3e3, 0.2562}, {1e4, 0.2190}, {3e4, 0.1825}, {1e5, 0.1303}};
  double squares = 0, limit_squares = 0;
  for (const auto& [dose, limit] : limits) {
    const Score strong = score(patterns, disks.alone, dose, 100);
    say(std::to_string(int(dose)) + " electrons, 100 counts or more", strong);
    squares += strong.squares;
    limit_squares += limit * limit * strong.matched;
    plot("disks", "Cramér-Rao limit of a disk alone", dose, limit);
    plot("disks", "each alone", dose, strong.rms());
    plot("disks", "on their lattice", dose, score(patterns, disks.on_lattice, dose, 100).rms());
  }
  const double ratio = std::sqrt(squares / limit_squares);
  BOOST_TEST_MESSAGE("rms error over the Cramér-Rao limit: " << ratio);
  record("Disks", "uniform, 100 counts or more: rms error over the Cramér-Rao limit", source, ratio,
         at_most(1.1));
  const Score faint = score(patterns, disks.alone, 1e3, 10),
              more = score(patterns, disks.alone, 1e4, 10);
  say("1e3 electrons", faint);
  say("1e4 electrons", more);
  found_of("uniform, 1e3 electrons", faint, 0.95);
  found_of("uniform, 1e4 electrons", more, 0.98);
  const Score all = score(patterns, disks.alone, 0, 10);
  record("Disks", "uniform: spread of normalised residuals", "1", all.spread(), between(0.9, 1.2));
  const Score joined = score(patterns, disks.on_lattice, 0, 100);
  say("100 counts or more, on their lattice", joined);
  BOOST_TEST_MESSAGE("over the limit of a disk alone: " << std::sqrt(joined.squares / limit_squares)
                                                        << "; spread each alone: " << all.spread());
  record("Disks", "uniform, on their lattice: rms error over the limit of a disk alone", source,
         std::sqrt(joined.squares / limit_squares), at_most(0.6));
  record("Disks", "uniform, on their lattice: spread of normalised residuals", "1", joined.spread(),
         between(0.9, 1.2));
}

BOOST_AUTO_TEST_CASE(disks_with_fringes) {
  if (absent("disks with fringes")) return;
  const Reference patterns = reference("256_struct", 13.2);
  const Found disks = found(patterns);
  const Score alone = score(patterns, disks.alone, 1e5, 100);
  say("1e5 electrons, 100 counts or more, each alone", alone);
  record("Disks", "with fringes, each alone, 1e5 electrons, 100 counts or more: rms error, pixels",
         source, alone.rms(), at_most(0.35));
  say("1e5 electrons, each alone", score(patterns, disks.alone, 1e5, 10));
  const Score bright = score(patterns, disks.on_lattice, 1e5, 10);
  say("1e5 electrons, on their lattice", bright);
  record("Disks", "with fringes, on their lattice, 1e5 electrons: rms error, pixels", source,
         bright.rms(), at_most(0.35));
  const Score faint = score(patterns, disks.on_lattice, 1e3, 10),
              more = score(patterns, disks.on_lattice, 1e4, 10);
  say("1e3 electrons, on their lattice", faint);
  say("1e4 electrons, on their lattice", more);
  found_of("with fringes, 1e3 electrons", faint, 0.95);
  found_of("with fringes, 1e4 electrons", more, 0.98);
  for (const double dose : {1e3, 3e3, 1e4, 3e4, 1e5}) {
    const Score s = score(patterns, disks.on_lattice, dose, 100);
    say(std::to_string(int(dose)) + " electrons, 100 counts or more, on their lattice", s);
  }
  const Score all = score(patterns, disks.on_lattice, 0, 10);
  BOOST_TEST_MESSAGE("spread, on their lattice: " << all.spread() << ", each alone: "
                                                  << score(patterns, disks.alone, 0, 10).spread());
  record("Disks", "with fringes, on their lattice: spread of normalised residuals", "1",
         all.spread(), between(0.9, 1.2));
}

// Disks drawn to the lattice that they form, against their true places.
#include "scan/lattice_prior.hpp"

#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <random>

using namespace pendel;

namespace {

struct Made {
  std::vector<Vec2> truth;
  std::vector<BraggPeak> peaks;
};

/// A lattice of 37 disks whose places scatter about it and are measured with errors of 0.05 to 1.5
/// pixels.
Made made(std::mt19937& random, double scatter, Vec2 origin = {128, 127}, double turn = 0.3) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const Eigen::Rotation2Dd turned(turn);
  const Vec2 a = turned * Vec2(38, 0), b = turned * Vec2(5, 40);
  Made result;
  for (int h = -3; h <= 3; ++h)
    for (int k = -3; k <= 3; ++k) {
      const Vec2 point = h * a + k * b;
      if (point.norm() > 125) continue;
      result.truth.push_back(origin + point + scatter * Vec2(normal(random), normal(random)));
      BraggPeak peak;
      const double error = 0.05 * std::pow(30, uniform(random));
      peak.error = Vec2(error, error);
      peak.intensity = 100 / (error * error);
      peak.position = result.truth.back() + error * Vec2(normal(random), normal(random));
      result.peaks.push_back(peak);
    }
  return result;
}

struct Sums {
  double squares = 0, normalised = 0;
  int count = 0;
  void add(const Made& m) {
    for (std::size_t i = 0; i < m.peaks.size(); ++i) {
      const Vec2 d = m.peaks[i].position - m.truth[i];
      squares += d.squaredNorm();
      normalised += d.cwiseQuotient(m.peaks[i].error).squaredNorm();
      count += 2;
    }
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(errors_of_joined_places_are_true_and_smaller) {
  std::mt19937 random(3);
  for (const double scatter : {0.0, 0.3, 1.0}) {
    Sums before, after;
    double found = 0;
    const int patterns = 60;
    for (int i = 0; i < patterns; ++i) {
      Made m = made(random, scatter, {128, 127}, 0.05 * i);
      before.add(m);
      const auto prior = join_lattice(m.peaks);
      BOOST_REQUIRE(prior);
      found += prior->scatter / patterns;
      after.add(m);
    }
    const double spread = std::sqrt(after.normalised / after.count);
    const double gain = std::sqrt(after.squares / before.squares);
    BOOST_TEST_MESSAGE("scatter " << scatter << ": found " << found << ", rms times " << gain
                                  << ", normalised spread " << spread);
    // errors that scatter less than they say are still believed: never too good
    BOOST_TEST(spread > 0.85);
    // the scatter of so few disks is itself uncertain by a quarter
    BOOST_TEST(spread < 1.12);
    BOOST_TEST(std::abs(found - scatter) < 0.1 * scatter + 0.05);
    BOOST_TEST(gain < (scatter == 0 ? 0.25 : scatter < 1 ? 0.6 : 0.95));
  }
}

BOOST_AUTO_TEST_CASE(what_is_of_no_lattice_stays) {
  std::mt19937 random(5);
  Made m = made(random, 0);
  BraggPeak foreign;
  foreign.error = Vec2(0.2, 0.2);
  foreign.intensity = 4000;
  foreign.position = m.truth[10] + Vec2(6, -3);
  m.peaks.push_back(foreign);
  const auto prior = join_lattice(m.peaks);
  BOOST_REQUIRE(prior);
  BOOST_TEST(prior->joined == m.peaks.size() - 1);
  BOOST_TEST((m.peaks.back().position == foreign.position));
  BOOST_TEST((m.peaks.back().error == foreign.error));
}

BOOST_AUTO_TEST_CASE(without_one_lattice_nothing_changes) {
  std::mt19937 random(7);
  // two crystals
  Made m = made(random, 0);
  const Made other = made(random, 0, {128, 127}, 0.75);
  m.peaks.insert(m.peaks.end(), other.peaks.begin(), other.peaks.end());
  // too few; without errors; anywhere
  std::vector<BraggPeak> few(m.peaks.begin(), m.peaks.begin() + 3), bare = other.peaks, anywhere;
  bare[4].error = Vec2::Constant(std::numeric_limits<double>::quiet_NaN());
  std::uniform_real_distribution<double> uniform(0, 256);
  for (int i = 0; i < 30; ++i) {
    anywhere.push_back(other.peaks[std::size_t(i)]);
    anywhere.back().position = Vec2(uniform(random), uniform(random));
    anywhere.back().error = Vec2(0.1, 0.1);
  }
  for (const auto& peaks : {m.peaks, few, bare, anywhere, std::vector<BraggPeak>{}}) {
    auto joined = peaks;
    BOOST_TEST(!join_lattice(joined));
    for (std::size_t i = 0; i < peaks.size(); ++i)
      BOOST_TEST((joined[i].position == peaks[i].position));
  }
}

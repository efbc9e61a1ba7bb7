// Disks found and refined in patterns made from formulas.
#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "disk_patterns.hpp"
#include "scan/disk_refinement.hpp"
#include "scan/disks.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
using namespace disk_patterns;

namespace {

struct Engine {
  DiskFinder finder;
  DiskRefiner refiner;
  DiskFinder::Workspace finding;
  DiskRefiner::Workspace refining;
  Engine(const DiskTemplate& shape, int size, const DetectionOptions& detection = {},
         const RefinementOptions& refinement = {}, const std::vector<std::uint8_t>& valid = {})
      : finder(shape, std::size_t(size), std::size_t(size), detection, valid),
        refiner(shape, std::size_t(size), std::size_t(size), refinement, valid),
        finding(finder.workspace()),
        refining(refiner.workspace()) {}
  std::vector<BraggPeak> find(const std::vector<float>& pattern, bool refined) {
    std::vector<BraggPeak> peaks;
    finder.find(pattern.data(), finding, peaks);
    if (refined) refiner.refine(pattern.data(), finding.background, refining, peaks);
    return peaks;
  }
};

std::vector<float> rounded(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

struct Score {
  double squares = 0, limit_squares = 0, normalised = 0;
  int count = 0, wanted = 0, found = 0, matched = 0;
  double rms() const { return std::sqrt(squares / (2 * count)); }
  double limit() const { return std::sqrt(limit_squares / count); }
  double spread() const { return std::sqrt(normalised / (2 * count)); }
  double recall() const { return double(count) / wanted; }
  double precision() const { return double(matched) / found; }
};

/// Disks of at least so many counts.
void add(Score& score, const Scene& scene, const std::vector<BraggPeak>& peaks, double least) {
  const std::vector<double> mean = scene.mean();
  for (std::size_t k = 0; k < scene.disks.size(); ++k) {
    if (scene.disks[k].counts < least) continue;
    ++score.wanted;
    const BraggPeak* p = nearest(peaks, scene.disks[k].at, scene.radius);
    if (!p) continue;
    ++score.count;
    const Vec2 d = p->position - scene.disks[k].at;
    score.squares += d.squaredNorm();
    score.limit_squares += std::pow(scene.limit(k, mean), 2);
    score.normalised += d.cwiseQuotient(p->error).squaredNorm();
  }
  for (const BraggPeak& p : peaks) {
    ++score.found;
    for (const Disk& d : scene.disks)
      if ((d.at - p.position).norm() < scene.radius) {
        ++score.matched;
        break;
      }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(places_without_noise) {
  // every correlation, trench and place between pixels; two radii
  std::mt19937 random(1);
  std::uniform_real_distribution<double> u(-0.5, 0.5);
  for (const double radius : {3.5, 8.0})
    for (const double power : {1.0, 0.5, 0.0})
      for (const auto trench : {DetectionOptions::Trench::none, DetectionOptions::Trench::gaussian,
                                DetectionOptions::Trench::sigmoid}) {
        DetectionOptions options;
        options.power = power;
        options.trench = trench;
        options.smoothing = power < 1 ? 1 : 0;
        Engine engine(disk_template(radius, 1.4), 80, options);
        for (int n = 0; n < 3; ++n) {
          Scene scene{80, 80, radius, 1.4, 0.1, 1e9, {}};
          const Vec2 at(38 + u(random), 43 + u(random));
          scene.disks.push_back({at, 4000});
          const std::vector<float> pattern = rounded(scene.mean());
          const auto found = engine.find(pattern, false), refined = engine.find(pattern, true);
          BOOST_TEST_CONTEXT("radius " << radius << " power " << power) {
            BOOST_REQUIRE(!found.empty());
            BOOST_TEST((found[0].position - at).norm() < 0.05);
            BOOST_TEST(found[0].intensity == 4000, boost::test_tools::tolerance(0.06));
            BOOST_REQUIRE(refined.size() == 1u);
            BOOST_TEST((refined[0].position - at).norm() < 0.01);
            BOOST_TEST(refined[0].intensity == 4000, boost::test_tools::tolerance(0.02));
          }
        }
      }
}

BOOST_AUTO_TEST_CASE(uniform_disks_at_the_limit) {
  std::mt19937 random(2);
  for (const double radius : {5.0, 9.0}) {
    Engine engine(disk_template(radius, 1.6), 128);
    Score correlated, refined;
    // the limit is one of many counts: those of a disk exceed the background's within it
    const double least = radius < 6 ? 100 : 300;
    for (int n = 0; n < 12; ++n) {
      Scene scene = lattice(random, 128, radius, 1.6, 2.9 * radius, 20, 5000);
      scene.background = 0.5;
      scene.decay = 40;
      const std::vector<float> pattern = scene.counted(random);
      add(correlated, scene, engine.find(pattern, false), least);
      add(refined, scene, engine.find(pattern, true), least);
    }
    BOOST_TEST_MESSAGE("radius " << radius << ": limit " << refined.limit() << " px, refined "
                                 << refined.rms() / refined.limit() << ", correlation "
                                 << correlated.rms() / correlated.limit() << " times; spread "
                                 << refined.spread() << ", recall " << refined.recall()
                                 << ", precision " << refined.precision() << ", n "
                                 << refined.count);
    // 2 n residuals know their root mean square to 1/(2 √n): 3 of these above 1.05, what weak disks
    // lose to the limit of many counts
    const double sure = 3 / (2 * std::sqrt(refined.count));
    record("Disks", "made here: rms error over the limit, radius " + std::to_string(int(radius)),
           "Cramér-Rao limit", refined.rms() / refined.limit(), between(1 - sure, 1.05 + sure));
    BOOST_TEST(correlated.rms() > 1.1 * refined.rms());
    record("Disks", "made here: spread of normalised residuals", "1", refined.spread(),
           between(0.9, 1.2));
    record("Disks", "made here: recall", "truth", refined.recall(), at_least(0.99));
    record("Disks", "made here: precision", "truth", refined.precision(), at_least(0.98));
  }
}

BOOST_AUTO_TEST_CASE(few_counts) {
  std::mt19937 random(3);
  DetectionOptions loose;  // the refinement is stricter
  loose.min_significance = 3.5;
  Engine engine(disk_template(7, 1.5), 128, loose);
  Score score;
  for (int n = 0; n < 20; ++n) {
    Scene scene = lattice(random, 128, 7, 1.5, 22, 10, 60);
    scene.background = 0.01;
    add(score, scene, engine.find(scene.counted(random), true), 10);
  }
  BOOST_TEST_MESSAGE("10 to 60 counts: recall " << score.recall() << ", precision "
                                                << score.precision());
  // of 10 expected, 5 or fewer are counted in one disk of 15, which do not stand out
  BOOST_TEST(score.recall() > 0.93);
  BOOST_TEST(score.precision() > 0.97);
}

BOOST_AUTO_TEST_CASE(fringes) {
  std::mt19937 random(4);
  std::uniform_real_distribution<double> u(0, 1);
  const double radius = 11;
  Engine engine(disk_template(radius, 1.8), 160);
  Score correlated, refined;
  for (int n = 0; n < 6; ++n) {
    Scene scene = lattice(random, 160, radius, 1.8, 30, 500, 8000);
    scene.background = 0.1;
    for (Disk& d : scene.disks) {
      d.contrast = u(random);
      d.period = radius * (1 + u(random));
      d.direction = 6.28 * u(random);
      d.phase = 6.28 * u(random);
    }
    const std::vector<float> pattern = scene.counted(random);
    add(correlated, scene, engine.find(pattern, false), 500);
    add(refined, scene, engine.find(pattern, true), 500);
  }
  BOOST_TEST_MESSAGE("fringes: refined " << refined.rms() << " px, correlation " << correlated.rms()
                                         << "; spread " << refined.spread());
  BOOST_TEST(refined.rms() < 0.6 * correlated.rms());
  BOOST_TEST(refined.spread() > 0.85);
  BOOST_TEST(refined.spread() < 1.3);
  BOOST_TEST(refined.recall() > 0.99);
}

BOOST_AUTO_TEST_CASE(overlap) {
  // the errors of two that overlap: refined one by one, each would be wrong by the other's tail
  std::mt19937 random(5);
  Engine engine(disk_template(7, 1.5), 64);
  Score score;
  for (int n = 0; n < 60; ++n) {
    Scene scene{64, 64, 7, 1.5, 0.2, 1e9, {}};
    const double angle = 0.1 * n;
    scene.disks.push_back({{28.3, 30.2}, 3000});
    scene.disks.push_back({{28.3 + 11 * std::cos(angle), 30.2 + 11 * std::sin(angle)}, 1200});
    add(score, scene, engine.find(scene.counted(random), true), 100);
  }
  BOOST_TEST_MESSAGE("overlap: " << score.rms() << " px, limit of each alone " << score.limit()
                                 << "; spread " << score.spread());
  BOOST_TEST(score.recall() > 0.99);
  BOOST_TEST(score.rms() < 1.5 * score.limit());
  BOOST_TEST(score.spread() > 0.85);
  BOOST_TEST(score.spread() < 1.2);
}

BOOST_AUTO_TEST_CASE(cut_and_masked) {
  std::mt19937 random(6);
  // a disk cut by an edge, and one of which a beam stop hides a third
  std::vector<std::uint8_t> valid(96 * 96, 1);
  for (int y = 0; y < 96; ++y)
    for (int x = 62; x < 67; ++x) valid[std::size_t(y * 96 + x)] = 0;
  Engine engine(disk_template(8, 1.5), 96, {}, {}, valid);
  Vec2 squares(0, 0);
  for (int n = 0; n < 40; ++n) {
    Scene scene{96, 96, 8, 1.5, 0.1, 1e9, {}};
    scene.disks.push_back({{4.3, 30.6}, 4000});
    scene.disks.push_back({{60.2, 60.7}, 4000});
    std::vector<float> pattern = scene.counted(random);
    for (std::size_t i = 0; i < pattern.size(); ++i)
      if (!valid[i]) pattern[i] = 1000;  // means nothing
    const auto found = engine.find(pattern, true);
    for (int k = 0; k < 2; ++k) {
      const BraggPeak* p = nearest(found, scene.disks[std::size_t(k)].at, 4);
      BOOST_REQUIRE(p);
      squares[k] +=
          (p->position - scene.disks[std::size_t(k)].at).cwiseQuotient(p->error).squaredNorm() / 80;
    }
  }
  BOOST_TEST(std::sqrt(squares[0]) < 1.3);
  BOOST_TEST(std::sqrt(squares[1]) < 1.3);
  // a border holds for refined places, too
  Scene scene{96, 96, 8, 1.5, 0.1, 1e9, {}};
  scene.disks.push_back({{9.4, 30.6}, 400});
  RefinementOptions border;
  border.border = 12;
  const std::vector<float> pattern = scene.counted(random);
  BOOST_TEST(Engine(disk_template(8, 1.5), 96).find(pattern, true).size() == 1u);
  BOOST_TEST(Engine(disk_template(8, 1.5), 96, {}, border).find(pattern, true).empty());
  BOOST_TEST(std::sqrt(squares[1]) > 0.75);
}

BOOST_AUTO_TEST_CASE(bullseye) {
  // its inner edges tell of its place, too
  std::mt19937 random(7);
  const Bullseye b{10, 1.2, {{{3, 5}, {7, 8.5}}}, 0, 0};
  const DiskTemplate shape = bullseye_template(b);
  Engine engine(shape, 96), plain(disk_template(10, 1.2), 96);
  double squares[2] = {0, 0};
  for (int n = 0; n < 30; ++n) {
    const Vec2 at(45 + 0.033 * n, 50 - 0.05 * n);
    Scene scene{96, 96, 10, 1.2, 0.05, 1e9, {}};
    std::vector<float> pattern;
    for (int y = 0; y < 96; ++y)
      for (int x = 0; x < 96; ++x) {
        const double r = (Vec2(x, y) - at).norm();
        double v = scene.shape(r);
        for (const auto& ring : b.dark_rings)
          v *= 1 - 1 / (1 + std::exp(4 * (r - ring[1]) / 1.2)) *
                       (1 - 1 / (1 + std::exp(4 * (r - ring[0]) / 1.2)));
        pattern.push_back(float(std::poisson_distribution<int>(0.05 + 8 * v)(random)));
      }
    int k = 0;
    for (Engine* e : {&engine, &plain}) {
      const auto found = e->find(pattern, e == &engine);
      const BraggPeak* p = nearest(found, at, 5);
      BOOST_REQUIRE(p);
      squares[k++] += (p->position - at).squaredNorm() / 60;
    }
  }
  BOOST_TEST_MESSAGE("bullseye " << std::sqrt(squares[0]) << " px, with a plain template "
                                 << std::sqrt(squares[1]));
  BOOST_TEST(squares[0] < 0.5 * squares[1]);
}

BOOST_AUTO_TEST_CASE(limits_are_kept) {
  std::mt19937 random(8);
  Scene scene = lattice(random, 128, 6, 1.5, 18, 200, 4000);
  scene.background = 0.1;
  const std::vector<float> pattern = scene.counted(random);
  const auto count = [&](const DetectionOptions& options) {
    return Engine(disk_template(6, 1.5), 128, options).find(pattern, false).size();
  };
  DetectionOptions options;
  const std::size_t all = count(options);
  BOOST_TEST(all == scene.disks.size());
  options.max_number = 5;
  BOOST_TEST(count(options) == 5u);
  options = {};
  options.min_counts = 1000;
  std::size_t strong = 0;
  for (const Disk& d : scene.disks) strong += d.counts > 1000;
  BOOST_TEST(std::abs(double(count(options)) - double(strong)) <= 2);
  options = {};
  options.border = 30;
  for (const auto& p : Engine(disk_template(6, 1.5), 128, options).find(pattern, false))
    BOOST_TEST(std::min({p.position.x(), p.position.y(), 127 - p.position.x(),
                         127 - p.position.y()}) > 29);
  options = {};
  options.min_spacing = 40;
  const auto apart = Engine(disk_template(6, 1.5), 128, options).find(pattern, false);
  for (const auto& p : apart)
    for (const auto& q : apart) BOOST_TEST((&p == &q || (p.position - q.position).norm() > 38));
  BOOST_TEST(apart.size() > 2u);
  // nothing in, nothing out
  BOOST_TEST(Engine(disk_template(6, 1.5), 128).find(std::vector<float>(128 * 128), true).empty());
  BOOST_CHECK_THROW(Engine(disk_template(40, 2), 64), Error);
}

BOOST_AUTO_TEST_CASE(derivatives_of_the_likelihood) {
  std::mt19937 random(9);
  Scene scene{64, 64, 7, 1.5, 0.5, 1e9, {}};
  scene.disks.push_back({{30.3, 31.6}, 2000, 0.5, 12, 0.7, 0.3});
  const std::vector<float> pattern = scene.counted(random);
  const ShiftedTemplate shape(disk_template(7, 1.5));
  DiskLikelihood likelihood(shape, 8.5);
  likelihood.window(pattern.data(), 64, 64, nullptr, 30, 32);
  std::fill(likelihood.rest().begin(), likelihood.rest().end(), 0.5f);
  for (const bool fringes : {false, true}) {
    const int terms = 6, parameters = terms + (fringes ? 3 : 2);
    Eigen::VectorXd theta = Eigen::VectorXd::Zero(parameters);
    theta.head(3) << std::log(2000.0), 0.2, -0.3;
    for (int k = 3; k < parameters; ++k) theta[k] = 0.1 * std::sin(k);
    const auto value = [&](const Eigen::VectorXd& t) {
      DiskLikelihood::Coefficients c(terms);
      c[0] = t[0];
      for (int k = 1; k < terms; ++k) c[k] = t[k + 2];
      if (fringes)
        likelihood.set_fringes(0.7 + t[parameters - 1]);
      else
        likelihood.set_plane();
      return likelihood.value({t[1], t[2]}, c);
    };
    DiskLikelihood::Gradient gradient;
    DiskLikelihood::Information information;
    value(theta);
    likelihood.derivatives(terms, gradient, information);
    BOOST_REQUIRE(gradient.size() == parameters);
    for (int k = 0; k < parameters; ++k) {
      Eigen::VectorXd more = theta, less = theta;
      // single precision: a step long enough
      const double h = 0.02;
      more[k] += h;
      less[k] -= h;
      const double slope = (value(more) - value(less)) / (2 * h);
      BOOST_TEST_CONTEXT("fringes " << fringes << " parameter " << k) {
        BOOST_TEST(std::abs(gradient[k] - slope) < 0.01 * std::abs(slope) + 1.5);
      }
    }
    BOOST_TEST(gradient.norm() > 50);
  }
}

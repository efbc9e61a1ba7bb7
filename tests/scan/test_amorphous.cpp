// Halos, fluctuations and pair distributions of made profiles whose truth is known.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "core/error.hpp"
#include "scan/amorphous.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
namespace fs = std::filesystem;

namespace {
const double pi = std::acos(-1.0);
}

BOOST_AUTO_TEST_CASE(a_halo_is_found_within_its_errors) {
  double squares = 0;
  constexpr int draws = 100;
  for (unsigned seed = 0; seed < draws; ++seed) {
    std::mt19937 random(seed);
    RadialProfile profile{{10, 1, 60}, {}, {}, {}};
    for (std::size_t i = 0; i < 60; ++i) {
      const double r = profile.bins.centre(i), t = (r - 38.4) / 6.5;
      const double mean = 40 - 0.3 * r + 25 * std::exp(-0.5 * t * t), pixels = 2 * pi * r;
      profile.mean.push_back(mean +
                             std::normal_distribution<>(0, std::sqrt(mean / pixels))(random));
      profile.variance.push_back(mean);
      profile.pixels.push_back(pixels);
    }
    const HaloFit fit = fit_halo(profile, 15, 65);
    for (const double u :
         {(fit.position - 38.4) / fit.position_error, (fit.width - 6.5) / fit.width_error,
          (fit.height - 25) / fit.height_error})
      squares += u * u / (3 * draws);
  }
  // errors are never less than Poisson's
  record("Calibration and strain", "amorphous halo: spread of normalised residuals", "1",
         std::sqrt(squares), between(0.85, 1.15));
  RadialProfile flat{{0, 1, 40},
                     std::vector<double>(40, 7),
                     std::vector<double>(40, 7),
                     std::vector<double>(40, 100)};
  BOOST_CHECK_THROW(fit_halo(flat, 5, 35), Error);
}

BOOST_AUTO_TEST_CASE(fluctuations_are_those_of_the_sample_without_counting_noise) {
  // beyond r = 12 the intensity of a pixel is a random number of variance V, counted
  constexpr std::size_t rows = 12, columns = 12, n = 40;
  constexpr double V = 0.05, counts = 6, gain = 3;
  const fs::path path =
      fs::temp_directory_path() / ("pendel_amorphous_" + std::to_string(getpid()));
  std::mt19937 random(2);
  std::gamma_distribution<> speckle(1 / V, V);  // mean 1, variance V
  std::vector<std::uint16_t> stored;
  for (std::size_t i = 0; i < rows * columns; ++i)
    for (std::size_t p = 0; p < n * n; ++p) {
      const double r = std::hypot(double(p % n) - 20, double(p / n) - 19);
      const double mean = counts * (r > 12 ? speckle(random) : 1);
      stored.push_back(std::uint16_t(gain * double(std::poisson_distribution<int>(mean)(random))));
    }
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(stored.data()), std::streamsize(2 * stored.size()));
  RawLayout layout;
  layout.path = path.string();
  layout.count = rows * columns;
  layout.q_rows = layout.q_columns = n;
  layout.number = Number::uint16;
  Recording recording;
  recording.path = path.string();
  recording.rows = rows;
  recording.columns = columns;
  recording.frames = std::make_shared<RawFrames>(layout);
  Calibration calibration;
  calibration.origin = {Vec2(20, 19)};
  const Bins bins{2, 2, 8};
  const Fluctuation found = fluctuation(DataCube(recording), calibration, bins, gain);
  for (std::size_t i = 0; i < bins.count; ++i) {
    if (bins.centre(i) > 11 && bins.centre(i) < 13.5) continue;  // partly
    const double expected = bins.centre(i) > 12 ? V : 0;
    BOOST_TEST(std::abs(found.over_scan[i] - expected) < 4.5 * found.over_scan_error[i]);
    BOOST_TEST(std::abs(found.within_rings[i] - expected) < 4.5 * found.within_rings_error[i]);
    BOOST_TEST(found.over_scan_error[i] < 0.02);
    BOOST_TEST(found.within_rings_error[i] < 0.02);
  }
  // two patterns do not fluctuate
  recording.rows = 1;
  recording.columns = 2;
  BOOST_CHECK_THROW(fluctuation(DataCube(recording), calibration, bins, gain), Error);
  fs::remove(path);
}

BOOST_AUTO_TEST_CASE(a_made_pair_distribution_comes_back) {
  // shells of neighbours in SiO2-like matter: G = Σ a exp(−(r−R)²/2w²), whose sine transform is
  // known: F(s) = ∫ G sin(s r) dr = Σ a w √2π sin(s R) exp(−s²w²/2) for shells far from r = 0
  struct Shell {
    double R, a, w;
  };
  const Shell shells[] = {{1.62, 6, 0.10}, {2.63, 4, 0.13}, {3.1, 2.5, 0.15}, {4.2, -1.5, 0.3}};
  PairOptions options;
  options.composition = {{14, 1}, {8, 2}};
  options.from_invA = 0.1;
  options.to_invA = 3.2;
  options.r_max_A = 6;
  options.r_step_A = 0.05;
  RadialProfile profile{{0, 0.005, 700}, {}, {}, {}};
  for (std::size_t i = 0; i < profile.bins.count; ++i) {
    const double q = profile.bins.centre(i), s = 2 * pi * q;
    const double Si = scattering_factor(options.table, 14, q),
                 O = scattering_factor(options.table, 8, q);
    double F = 0;
    for (const Shell& shell : shells)
      F += shell.a * shell.w * std::sqrt(2 * pi) * std::sin(s * shell.R) *
           std::exp(-0.5 * s * s * shell.w * shell.w);
    const double f2 = (Si * Si + 2 * O * O) / 3, f = (Si + 2 * O) / 3;
    profile.mean.push_back(250 * (f2 + f * f * F / s) + 0.4);
    profile.variance.push_back(1);
    profile.pixels.push_back(100);
  }
  const PairDistribution found = pair_distribution(profile, options);
  for (std::size_t j = 0; j < found.r.size(); ++j) {
    const double r = found.r[j];
    if (r < 1) continue;  // ripples of the wrong N at small r
    double G = 0;
    for (const Shell& shell : shells)
      G += shell.a * std::exp(-0.5 * std::pow((r - shell.R) / shell.w, 2));
    // F of the narrowest shell is cut off at a seventh of its height: ripples of
    // 6 · 0.1 · √2π · 0.13 · 2/π · (width of a ripple in s) or 0.3
    BOOST_TEST(std::abs(found.G[j] - G) < 0.35);
  }
  // damping makes peaks wider and lower: by exp(-d q²) the width² grows by 2d/(2π)²
  options.damping_A2 = 0.4;
  const PairDistribution damped = pair_distribution(profile, options);
  const std::size_t first = 32;  // r = 1.6
  const double w2 = 0.01 + 2 * 0.4 / (4 * pi * pi);
  BOOST_TEST(damped.G[first] == 6 * 0.10 / std::sqrt(w2) * std::exp(-0.5 * 0.0004 / w2),
             boost::test_tools::tolerance(0.1));
  options.to_invA = 9;
  BOOST_CHECK_THROW(pair_distribution(profile, options), Error);
  options.composition.clear();
  BOOST_CHECK_THROW(pair_distribution(profile, options), Error);
}

// The generator against its authors' numbers; the distribution against Poisson's.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "sim/counts.hpp"

using namespace pendel;

// Known answers of the Random123 library for philox4x32-10. [Salmon2011]
BOOST_AUTO_TEST_CASE(generator_gives_the_known_answers) {
  using Words = std::array<std::uint32_t, 4>;
  BOOST_TEST(
      (philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  BOOST_TEST((philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
              Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  BOOST_TEST((philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Mean, variance and the whole distribution on both sides of the change of method.
BOOST_AUTO_TEST_CASE(numbers_are_poisson) {
  constexpr int draws = 200000;
  for (const double mean : {0.03, 0.7, 5.0, 9.99, 10.01, 14.0, 60.0, 3000.0}) {
    std::vector<int> histogram(4000, 0);
    double sum = 0, square = 0;
    for (int i = 0; i < draws; ++i) {
      PixelStream random(5, 77, std::uint32_t(i));
      const double k = poisson(mean, random);
      sum += k;
      square += (k - mean) * (k - mean);
      ++histogram.at(std::size_t(k));
    }
    // five standard errors: a right sampler fails once in 1e6, and the seed is fixed
    BOOST_TEST(std::abs(sum / draws - mean) < 5 * std::sqrt(mean / draws));
    const double fourth = mean + 3 * mean * mean;  // central moment of Poisson's distribution
    BOOST_TEST(std::abs(square / draws - mean) < 5 * std::sqrt((fourth - mean * mean) / draws));
    double chi2 = 0, p = std::exp(-mean);
    int classes = 0;
    for (int k = 0; k < 4000 && mean < 100; p *= mean / ++k) {
      if (draws * p < 10) continue;
      chi2 += std::pow(histogram[k] - draws * p, 2) / (draws * p);
      ++classes;
    }
    if (classes > 1) BOOST_TEST(chi2 < classes + 5 * std::sqrt(2.0 * classes));
  }
}

BOOST_AUTO_TEST_CASE(noise_depends_on_seed_pattern_and_pixel_alone) {
  const auto image = [](std::uint64_t seed, std::uint64_t pattern, std::size_t size) {
    std::vector<double> values(size, 1.0 / 50);
    count_electrons(values.data(), size, 400, seed, pattern);
    return values;
  };
  const auto whole = image(1, 2, 50), part = image(1, 2, 20);
  BOOST_TEST((whole == image(1, 2, 50)));
  BOOST_TEST((std::vector<double>(whole.begin(), whole.begin() + 20) == part));
  BOOST_TEST((whole != image(2, 2, 50)));
  BOOST_TEST((whole != image(1, 3, 50)));
  BOOST_TEST((whole != image(1, 2 + (1ull << 40), 50)));
  BOOST_TEST((whole != image(1 + (1ull << 40), 2, 50)));
  std::vector<double> none{0, -1e-9, 1e-30};
  count_electrons(none.data(), 3, 1e6, 1, 1);
  BOOST_TEST((none == std::vector<double>{0, 0, 0}));
}

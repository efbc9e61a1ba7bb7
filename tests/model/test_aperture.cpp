// Cubature over the aperture: exact moments of the disk.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/electron.hpp"
#include "model/aperture.hpp"

using namespace pendel;

namespace {

/// Mean of x^a y^b over the unit disk.
double moment(int a, int b) {
  if (a % 2 || b % 2) return 0;
  return 2.0 / (a + b + 2) * std::tgamma((a + 1) / 2.0) * std::tgamma((b + 1) / 2.0) /
         (electron::pi * std::tgamma((a + b) / 2.0 + 1));
}

double cubature(const Aperture& aperture, int a, int b) {
  double sum = 0;
  for (std::size_t q = 0; q < aperture.offsets.size(); ++q)
    sum += aperture.weights[q] * std::pow(aperture.offsets[q][0], a) *
           std::pow(aperture.offsets[q][1], b);
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_CASE(moments_are_exact_to_the_degree_and_no_further) {
  for (int degree : {1, 3, 5, 7, 9, 13, 20}) {
    const Aperture aperture = disk_aperture(1, degree);
    for (int a = 0; a <= degree; ++a)
      for (int b = 0; a + b <= degree; ++b)
        BOOST_TEST_CONTEXT("degree " << degree << ", x^" << a << " y^" << b)
    BOOST_TEST(std::abs(cubature(aperture, a, b) - moment(a, b)) < 1e-14);
    if (degree > 7) continue;  // product rules are exact a little further
    double worst = 0;
    for (int a = 0; a <= degree + 1; ++a)
      worst = std::max(worst,
                       std::abs(cubature(aperture, a, degree + 1 - a) - moment(a, degree + 1 - a)));
    BOOST_TEST(worst > 1e-3);
  }
}

BOOST_AUTO_TEST_CASE(moments_of_a_gaussian_spread) {
  // E x^a y^b = (a−1)!! (b−1)!! σ^{a+b} for even a, b
  const auto moment_1d = [](int a) {
    double product = a % 2 ? 0 : 1;
    for (int k = a - 1; k > 1; k -= 2) product *= k;
    return product;
  };
  for (int degree : {1, 3, 5, 9, 12})
    for (int a = 0; a <= degree; ++a)
      for (int b = 0; a + b <= degree; ++b) {
        const double expected = moment_1d(a) * moment_1d(b) * std::pow(2.0, a + b);
        BOOST_TEST(std::abs(cubature(gaussian_spread(2, degree), a, b) - expected) <
                   1e-12 * std::pow(2.0, a + b) * std::tgamma(a + b + 1));
      }
}

BOOST_AUTO_TEST_CASE(radius_scales_the_offsets) {
  const Aperture aperture = disk_aperture(2e-3, 5);
  BOOST_TEST(aperture.offsets.size() == 7u);
  BOOST_TEST(std::abs(cubature(aperture, 2, 0) - 1e-6) < 1e-18);  // α²/4
  BOOST_TEST(disk_aperture(0, 7).offsets.size() == 1u);
}

BOOST_AUTO_TEST_CASE(degree_grows_with_the_phase_across_the_aperture) {
  BOOST_TEST(disk_aperture_degree(0, 1.2, 188) == 1);
  BOOST_TEST(disk_aperture_degree(1.75e-3, 1.2, 188) == 3);
  int last = 1;
  for (double thickness : {10.0, 100.0, 300.0, 500.0, 1000.0, 2000.0}) {
    const int degree = disk_aperture_degree(3e-3, 1.2, thickness);
    BOOST_TEST(degree >= last);
    last = degree;
  }
  BOOST_TEST(last > 20);
}

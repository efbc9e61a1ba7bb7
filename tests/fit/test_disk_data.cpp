// Residuals whose squares are the Poisson deviance or Gaussian chi-squared.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "fit/disk_data.hpp"

using namespace pendel;

BOOST_AUTO_TEST_CASE(poisson_residual_squared_is_the_deviance) {
  for (double d : {0.0, 0.3, 1.0, 7.0, 2e4})
    for (double m : {0.2, 1.0, 6.5, 1.9e4}) {
      double slope;
      const double r = residual(Noise::poisson, d, 0, m, &slope);
      const double deviance = 2 * (m - d + (d > 0 ? d * std::log(d / m) : 0));
      BOOST_TEST(std::abs(r * r - deviance) <= 1e-12 * std::max(1.0, d + m));
      BOOST_TEST((r >= 0) == (m >= d));
      const double h = 1e-6 * m;
      const double difference = (residual(Noise::poisson, d, 0, m + h, nullptr) -
                                 residual(Noise::poisson, d, 0, m - h, nullptr)) /
                                (2 * h);
      BOOST_TEST(std::abs(slope - difference) < 1e-6 * std::abs(difference));
    }
}

BOOST_AUTO_TEST_CASE(poisson_residual_is_smooth_where_model_and_data_meet) {
  const double d = 1234;
  double slope;
  BOOST_TEST(residual(Noise::poisson, d, 0, d, &slope) == 0);
  BOOST_TEST(std::abs(slope - 1 / std::sqrt(d)) < 1e-15);
  // the series and the closed form agree where one hands over to the other
  for (double x : {0.999e-3, 1.001e-3, -0.999e-3, -1.001e-3}) {
    const double m = d * (1 + x);
    const double series = x * std::sqrt(d * (1 + x * (-2.0 / 3 + x * (0.5 - 0.4 * x))));
    BOOST_TEST(std::abs(residual(Noise::poisson, d, 0, m, nullptr) - series) <
               1e-10 * std::abs(series));
  }
}

BOOST_AUTO_TEST_CASE(gaussian_residual) {
  double slope;
  BOOST_TEST(residual(Noise::gaussian, 3, 4, 5, &slope) == 1);
  BOOST_TEST(slope == 0.5);
  BOOST_TEST(model_variance(Noise::gaussian, 4, 100) == 4);
  BOOST_TEST(model_variance(Noise::poisson, 0, 100) == 100);
}

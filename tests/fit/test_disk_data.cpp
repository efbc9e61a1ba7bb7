// Residuals whose squares are deviances, χ² or robust losses of them.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "fit/disk_data.hpp"

using namespace pendel;

namespace {

DiskData datum(Noise kind, double d, double variance = 1) {
  DiskData data;
  data.intensity = Eigen::VectorXd::Constant(1, d);
  data.variance = Eigen::VectorXd::Constant(1, variance);
  data.noise.kind = kind;
  return data;
}

double at(const DiskData& data, double m) { return residual(data, 0, m, nullptr); }

/// 2 ∫_d^m (t − d)/v(t) dt by the midpoint rule on both sides of 0, in the variable sqrt(|t − d|).
double slow_deviance(const DiskData& data, double m) {
  const double d = data.intensity[0], side = m > d ? 1 : -1, end = std::sqrt(std::abs(m - d));
  const int n = 100000;
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    const double u = end * (i + 0.5) / n;
    sum += 4 * u * u * u / model_variance(data, 0, d + side * u * u) * end / n;
  }
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_CASE(poisson_residual_squared_is_the_deviance) {
  for (double d : {0.0, 0.3, 1.0, 7.0, 2e4})
    for (double m : {1e-9, 0.2, 1.0, 6.5, 1.9e4}) {
      const DiskData data = datum(Noise::poisson, d);
      double slope;
      const double r = residual(data, 0, m, &slope);
      const double deviance = 2 * (m - d + (d > 0 ? d * std::log(d / m) : 0));
      BOOST_TEST(std::abs(r * r - deviance) <= 1e-12 * std::max(1.0, d + m));
      BOOST_TEST((r >= 0) == (m >= d));
      const double h = 1e-6 * m;
      const double difference = (at(data, m + h) - at(data, m - h)) / (2 * h);
      BOOST_TEST(std::abs(slope - difference) < 1e-6 * std::abs(difference));
    }
}

BOOST_AUTO_TEST_CASE(poisson_residual_is_smooth_where_model_and_data_meet) {
  const double d = 1234;
  const DiskData data = datum(Noise::poisson, d);
  double slope;
  BOOST_TEST(residual(data, 0, d, &slope) == 0);
  BOOST_TEST(std::abs(slope - 1 / std::sqrt(d)) < 1e-15);
  // the series and the closed form agree where one hands over to the other
  for (double x : {0.999e-3, 1.001e-3, -0.999e-3, -1.001e-3}) {
    const double series = x * std::sqrt(d * (1 + x * (-2.0 / 3 + x * (0.5 - 0.4 * x))));
    BOOST_TEST(std::abs(at(data, d * (1 + x)) - series) < 1e-10 * std::abs(series));
  }
}

BOOST_AUTO_TEST_CASE(gaussian_residual) {
  const DiskData data = datum(Noise::gaussian, 3, 4);
  double slope;
  BOOST_TEST(residual(data, 0, 5, &slope) == 1);
  BOOST_TEST(slope == 0.5);
  BOOST_TEST(model_variance(data, 0, 100) == 4);
  BOOST_TEST(model_variance(datum(Noise::poisson, 1), 0, 100) == 100);
}

BOOST_AUTO_TEST_CASE(variance_of_a_detector_and_of_a_wrong_model) {
  DiskData data = datum(Noise::detector, 10);
  data.noise.gain = 3;
  data.noise.read = 4;
  BOOST_TEST(model_variance(data, 0, 100) == 3 * 100 + 16);
  data.noise.model_error = 0.1;
  BOOST_TEST(model_variance(data, 0, 100) == 3 * 100 + 16 + 100);
  BOOST_TEST(model_variance(data, 0, 0) == 16);
}

BOOST_AUTO_TEST_CASE(residual_squared_is_the_quasi_deviance_of_any_variance) {
  for (Noise kind : {Noise::poisson, Noise::gaussian, Noise::detector})
    for (double floor : {0.0, 0.03, 1.0})
      for (double read : {0.5, 20.0})
        for (double d : {-7.0, 0.0, 2.0, 300.0})
          for (double m : {1.0, 1.9, 310.0, 2e4}) {
            if (kind == Noise::poisson && d < 0) continue;
            DiskData data = datum(kind, d, read * read);
            data.noise.gain = 2.5;
            data.noise.read = read;
            data.noise.model_error = floor;
            double slope;
            const double r = residual(data, 0, m, &slope), expected = slow_deviance(data, m);
            BOOST_TEST_INFO("kind " << int(kind) << " floor " << floor << " read " << read << " d "
                                    << d << " m " << m);
            // the midpoint rule's own error: 1/v turns within 0.1, steps there are up to 0.007
            BOOST_TEST(std::abs(r * r - expected) < 1e-4 * expected);
            BOOST_TEST((r > 0) == (m > d));
            const double h = 1e-5 * std::min(m, std::abs(m - d));
            const double difference = (at(data, m + h) - at(data, m - h)) / (2 * h);
            BOOST_TEST(std::abs(slope - difference) < 1e-6 * slope);
          }
}

BOOST_AUTO_TEST_CASE(a_model_error_that_vanishes_changes_nothing) {
  // The quadrature that a floor needs against the closed forms, to rounding.
  for (Noise kind : {Noise::poisson, Noise::detector, Noise::gaussian})
    for (double d : {0.5, 40.0, 1e5})
      for (double m : {1e-3, 39.0, 41.0, 1e6}) {
        DiskData data = datum(kind, d, 9);
        data.noise.read = 3;
        const double closed = at(data, m);
        data.noise.model_error = 1e-12;
        BOOST_TEST(std::abs(at(data, m) - closed) < 1e-9 * std::abs(closed));
      }
}

BOOST_AUTO_TEST_CASE(robust_losses) {
  DiskData data = datum(Noise::gaussian, 0, 4);
  data.noise.width = 1.5;
  const double m = 10, r = 5, w = 1.5;  // standard deviations
  data.noise.loss = Loss::huber;
  BOOST_TEST(std::abs(std::pow(at(data, m), 2) - (2 * w * r - w * w)) < 1e-12);
  BOOST_TEST(at(data, 2) == 1);  // within the width as without the loss
  data.noise.loss = Loss::cauchy;
  BOOST_TEST(std::abs(std::pow(at(data, m), 2) - w * w * std::log(1 + r * r / (w * w))) < 1e-12);
  for (Loss loss : {Loss::huber, Loss::cauchy})
    for (double m : {-9.0, -0.1, 1e-9, 0.3, 2.999, 3.001, 8.0}) {
      data.noise.loss = loss;
      double slope;
      residual(data, 0, m, &slope);
      const double h = 1e-5;
      const double difference = (at(data, m + h) - at(data, m - h)) / (2 * h);
      BOOST_TEST(std::abs(slope - difference) < 1e-5 * std::abs(difference));
    }
}

BOOST_AUTO_TEST_CASE(quasi_deviance_has_no_bias_where_the_variance_depends_on_the_model) {
  // The level that fits many counts with a floor of 30 % is their mean, for any variance function.
  std::mt19937 random(1);
  DiskData data;
  data.intensity.resize(500);
  for (double& d : data.intensity) d = std::gamma_distribution<double>(9, 10)(random);
  data.noise.kind = Noise::detector;
  data.noise.read = 5;
  data.noise.model_error = 0.3;
  const auto gradient = [&](double m) {
    double sum = 0;
    for (long i = 0; i < data.intensity.size(); ++i) {
      double slope;
      const double r = residual(data, i, m, &slope);
      sum += r * slope;
    }
    return sum;
  };
  double low = 1, high = 1000;
  while (high - low > 1e-9) {
    const double middle = (low + high) / 2;
    (gradient(middle) > 0 ? high : low) = middle;
  }
  BOOST_TEST(std::abs(low - data.intensity.mean()) < 1e-6);
}

BOOST_AUTO_TEST_CASE(scatter_of_robust_fits) {
  // The level of 400 normal values, of which 5 % are far off: the spread of 500 fits against the
  // error bars. Their variance is known to 6 %.
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  for (Loss loss : {Loss::huber, Loss::cauchy}) {
    double sum = 0, square = 0, predicted = 0;
    const int repeats = 500, n = 400;
    for (int repeat = 0; repeat < repeats; ++repeat) {
      DiskData data;
      data.noise = {Noise::gaussian};
      data.noise.loss = loss;
      data.noise.width = 1.5;
      data.variance = Eigen::VectorXd::Ones(n);
      data.intensity.resize(n);
      for (int i = 0; i < n; ++i) data.intensity[i] = 50 + normal(random) * (i % 20 == 0 ? 10 : 1);
      double m = 50;
      for (int step = 0; step < 50; ++step) {  // Gauss-Newton
        double rs = 0, ss = 0, slope;
        for (int i = 0; i < n; ++i) {
          const double r = residual(data, i, m, &slope);
          rs += r * slope;
          ss += slope * slope;
        }
        m -= rs / ss;
      }
      sum += m - 50;
      square += (m - 50) * (m - 50);
      predicted += scatter_factor(data, Eigen::VectorXd::Constant(n, m), 1) / n;
    }
    const double ratio = square / predicted;
    BOOST_TEST_MESSAGE("variance of robust levels over the predicted: " << ratio);
    BOOST_TEST(std::abs(ratio - 1) < 0.2);
    BOOST_TEST(std::abs(sum / repeats) < 4 * std::sqrt(predicted / repeats / repeats));
  }
}

BOOST_AUTO_TEST_CASE(scatter_of_least_squares_is_the_reduced_chi2) {
  DiskData data;
  data.noise.kind = Noise::gaussian;
  data.intensity = Eigen::Vector4d(1, 2, 3, std::nan(""));
  data.variance = Eigen::Vector4d::Constant(4);
  const Eigen::VectorXd m = Eigen::Vector4d(2, 2, 1, 0);
  BOOST_TEST(std::abs(misfit(data, m) - 1.25) < 1e-15);
  BOOST_TEST(std::abs(scatter_factor(data, m, 1) - 1.25 / 2) < 1e-15);
  BOOST_TEST(std::isnan(scatter_factor(data, m, 3)));
}

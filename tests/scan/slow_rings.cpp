// The spread of ring fits over many draws of noise is what their error bars say.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "scan/rings.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

BOOST_AUTO_TEST_CASE(normalised_residuals_have_unit_spread) {
  constexpr std::size_t q_rows = 96, q_columns = 96;
  Calibration c;
  c.origin = {Vec2(47.3, 48.8)};
  c.ellipse_ratio = 1.04;
  c.ellipse_angle_deg = -25;
  c.pixel_invA = 0.02;
  RingOptions options;
  options.centre = Vec2(48, 48);
  options.from = 13;
  options.to = 44;
  for (const int N : {3, 4, 8, 11})
    options.lines.push_back({{0, 0, 0}, std::sqrt(N) / 4.08, 1.0 / N});
  options.pixel_invA = 0.0205;
  std::vector<double> expected;
  for (std::size_t i = 0; i < q_rows * q_columns; ++i) {
    const double r =
        c.vector(0, Vec2(double(i % q_columns), double(i / q_columns))).norm() / c.pixel_invA;
    double value = 200 * std::pow(10 / (r + 1), 2);
    for (const PowderLine& line : options.lines)
      value +=
          400 * line.height * std::exp(-0.5 * std::pow((r - line.g_invA / c.pixel_invA) / 1.5, 2));
    expected.push_back(value);
  }
  double squares[5] = {};
  constexpr int draws = 40;
  for (unsigned seed = 0; seed < draws; ++seed) {
    std::mt19937 random(100 + seed);
    std::vector<double> pattern;
    for (const double mean : expected)
      pattern.push_back(double(std::poisson_distribution<long>(mean)(random)));
    const RingFit fit = fit_rings(pattern, q_rows, q_columns, options);
    const Calibration& f = fit.calibration;
    const double u[] = {(f.origin[0] - c.origin[0]).x() / fit.statistical.centre.x(),
                        (f.origin[0] - c.origin[0]).y() / fit.statistical.centre.y(),
                        (f.ellipse_ratio - c.ellipse_ratio) / fit.statistical.ratio,
                        (f.ellipse_angle_deg + 25) / fit.statistical.angle_deg,
                        (f.pixel_invA - c.pixel_invA) / fit.statistical.pixel_invA};
    for (int k = 0; k < 5; ++k) squares[k] += u[k] * u[k] / draws;
  }
  double all = 0;
  for (const double each : squares) {
    BOOST_TEST_MESSAGE("spread " << std::sqrt(each));
    // 40 values: 0.11 by chance, and as much from the error bars' own scatter
    BOOST_TEST(std::sqrt(each) > 0.6);
    BOOST_TEST(std::sqrt(each) < 1.5);
    all += each / 5;
  }
  BOOST_TEST_MESSAGE("all " << std::sqrt(all));
  record("Calibration and strain", "rings: spread of normalised residuals of 40 draws", "1",
         std::sqrt(all), between(0.9, 1.2));
}

// Differences over a scan, their energies, and the strength estimated from values with errors.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "fit/prior.hpp"

using namespace pendel;

BOOST_AUTO_TEST_CASE(second_differences_leave_planes_alone) {
  const ScanGrid grid{4, 5};
  const std::vector<char> usable(20, 1);
  const auto D = scan_differences(grid, usable, 2, 1, 2);
  BOOST_TEST(D.rows() == 4 * 3 + 2 * 5);
  Eigen::VectorXd plane(40), bowl(40);
  for (int r = 0; r < 4; ++r)
    for (int c = 0; c < 5; ++c) {
      plane.segment(2 * (5 * r + c), 2) << std::sin(3 * r + c), 0.3 + 2 * r - 0.7 * c;
      bowl.segment(2 * (5 * r + c), 2) << std::sin(3 * r + c), 0.5 * r * r;
    }
  BOOST_TEST((D * plane).cwiseAbs().maxCoeff() < 1e-12);
  BOOST_TEST(std::abs((D * bowl).cwiseAbs().sum() - 2 * 5) < 1e-12);
}

BOOST_AUTO_TEST_CASE(first_differences_and_what_has_no_data) {
  std::vector<char> usable(6, 1);
  BOOST_TEST(scan_differences({2, 3}, usable, 1, 0, 1).rows() == 4 + 3);
  usable[1] = 0;
  const auto D = scan_differences({2, 3}, usable, 1, 0, 1);
  BOOST_TEST(D.rows() == 2 + 2);
  BOOST_TEST(Eigen::MatrixXd(D).col(1).isZero(0));
  const auto sublayers = sublayer_differences(usable, 4, {0, 2, 3});
  BOOST_TEST(sublayers.rows() == 5 * 2);
  Eigen::VectorXd x = Eigen::VectorXd::LinSpaced(24, 0, 23);
  BOOST_TEST((sublayers * x)[0] == 2);
  BOOST_TEST((sublayers * x)[1] == 1);
}

BOOST_AUTO_TEST_CASE(weights_and_curvatures_are_derivatives_of_energies) {
  for (const PriorKind kind : {PriorKind::normal, PriorKind::cauchy})
    for (const double s : {0.01, 0.4, 0.9, 3.0}) {
      const double h = 1e-4;
      const auto energy = [&](double x) { return prior_energy(kind, x * x); };
      const double slope = (energy(s + h) - energy(s - h)) / (2 * h);
      const double curvature = (energy(s + h) - 2 * energy(s) + energy(s - h)) / (h * h);
      BOOST_TEST(std::abs(prior_weight(kind, s * s) * s - slope) < 1e-6);
      BOOST_TEST(std::abs(prior_curvature(kind, s * s) - std::max(curvature, 0.0)) < 1e-5);
    }
}

BOOST_AUTO_TEST_CASE(strength_without_what_errors_contribute) {
  // A map whose second differences have a standard deviation of 0.2 along both axes, with errors
  // of 0.1: those alone give 0.24.
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  const long side = 60;
  std::vector<double> along_row(side), along_column(side);
  for (auto* line : {&along_row, &along_column})
    for (long i = 2; i < side; ++i)
      (*line)[i] = 2 * (*line)[i - 1] - (*line)[i - 2] + 0.2 * normal(random);
  Eigen::VectorXd x(side * side);
  for (long r = 0; r < side; ++r)
    for (long c = 0; c < side; ++c)
      x[r * side + c] = along_row[c] + along_column[r] + 0.1 * normal(random);
  const std::vector<char> usable(side * side, 1);
  Prior prior{"tilt", scan_differences({side, side}, usable, 1, 0, 2), 0, PriorKind::normal};
  const double sigma = estimated_sigma(prior, x, Eigen::VectorXd::Constant(side * side, 0.01));
  BOOST_TEST_MESSAGE("estimated " << sigma << ", true 0.2");
  // 116 independent second differences: their spread is known to about 10 %
  BOOST_TEST(sigma > 0.15);
  BOOST_TEST(sigma < 0.26);
  // Errors alone: what is left is what the number of differences cannot tell from 0.
  for (double& value : x) value = 0.1 * normal(random);
  const double none = estimated_sigma(prior, x, Eigen::VectorXd::Constant(side * side, 0.01));
  BOOST_TEST(none > 0);
  BOOST_TEST(none < 0.1);
  Eigen::VectorXd open = Eigen::VectorXd::Constant(side * side, std::nan(""));
  BOOST_TEST(std::isnan(estimated_sigma(prior, x, open)));
}

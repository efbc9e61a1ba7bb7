// Levenberg-Marquardt on problems whose minimum is known.
#include <Eigen/QR>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "core/least_squares.hpp"

using namespace pendel;

namespace {
const double inf = std::numeric_limits<double>::infinity();

/// Rosenbrock's valley: minimum 0 at (1, 1).
bool valley(const double* x, double* r, double* J) {
  r[0] = 10 * (x[1] - x[0] * x[0]);
  r[1] = 1 - x[0];
  J[0] = -20 * x[0];
  J[1] = 10;
  J[2] = -1;
  J[3] = 0;
  return true;
}
}  // namespace

BOOST_AUTO_TEST_CASE(a_curved_valley) {
  Eigen::VectorXd x = Eigen::Vector2d(-1.2, 1);
  const Eigen::VectorXd free = Eigen::Vector2d(inf, inf);
  const Minimum minimum = minimise(valley, 2, x, -free, free, 100, 1e-10);
  BOOST_TEST(minimum.converged);
  BOOST_TEST(minimum.chi2 < 1e-8);
  BOOST_TEST((x - Eigen::Vector2d(1, 1)).norm() < 1e-3);
}

BOOST_AUTO_TEST_CASE(the_best_point_of_a_box) {
  // with x0 <= 0.5 the least value is 0.25 at (0.5, 0.25)
  Eigen::VectorXd x = Eigen::Vector2d(-1.2, 1);
  const Minimum minimum =
      minimise(valley, 2, x, Eigen::Vector2d(-2, -2), Eigen::Vector2d(0.5, 2), 200, 1e-12);
  BOOST_TEST(minimum.converged);
  BOOST_TEST(x[0] == 0.5);
  BOOST_TEST(std::abs(x[1] - 0.25) < 1e-4);
  BOOST_TEST(std::abs(minimum.chi2 - 0.25) < 1e-6);
}

BOOST_AUTO_TEST_CASE(linear_least_squares_with_many_unknowns) {
  // more unknowns than one block of columns holds; the normal equations are the oracle
  const int m = 40, n = 11;
  Eigen::MatrixXd A(m, n);
  Eigen::VectorXd b(m);
  for (int i = 0; i < m; ++i) {
    b[i] = std::sin(3.0 * i);
    for (int k = 0; k < n; ++k) A(i, k) = std::cos(0.7 * i * (k + 1) + k);
  }
  const auto linear = [&](const double* at, double* r, double* J) {
    Eigen::Map<Eigen::VectorXd>(r, m) = A * Eigen::Map<const Eigen::VectorXd>(at, n) - b;
    for (int i = 0; i < m; ++i)
      for (int k = 0; k < n; ++k) J[i * n + k] = A(i, k);
    return true;
  };
  Eigen::VectorXd x = Eigen::VectorXd::Zero(n);
  const Eigen::VectorXd far = Eigen::VectorXd::Constant(n, 100);
  const Minimum minimum = minimise(linear, m, x, -far, far, 50, 1e-12);
  const Eigen::VectorXd expected = A.colPivHouseholderQr().solve(b);
  BOOST_TEST(minimum.converged);
  // the last gain of χ² that counts is 1e-9: steps of 3e-5 in the directions the data determine
  BOOST_TEST((x - expected).norm() < 1e-4);
  BOOST_TEST(std::abs(minimum.chi2 - (A * expected - b).squaredNorm()) < 1e-8);
}

BOOST_AUTO_TEST_CASE(a_step_into_nowhere_is_taken_back) {
  // sqrt is not defined below 0; the first step overshoots
  const auto root = [](const double* x, double* r, double* J) {
    if (x[0] <= 0) return false;
    r[0] = std::sqrt(x[0]) - 0.1;
    J[0] = 0.5 / std::sqrt(x[0]);
    return true;
  };
  Eigen::VectorXd x = Eigen::VectorXd::Constant(1, 4.0);
  const Eigen::VectorXd far = Eigen::VectorXd::Constant(1, 100);
  const Minimum minimum = minimise(root, 1, x, -far, far, 100, 1e-10);
  BOOST_TEST(minimum.converged);
  BOOST_TEST(std::abs(x[0] - 0.01) < 1e-4);
  x[0] = -1;
  BOOST_TEST(!minimise(root, 1, x, -far, far, 100, 1e-10).converged);
}

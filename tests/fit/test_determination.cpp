// Rank of what data determine, and its words.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "fit/determination.hpp"
#include "fit/uncertainty.hpp"
#include "tests/fit/toy_model.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

std::vector<Parameter> three() {
  std::vector<Parameter> parameters(3);
  const char* names[3] = {"a", "b", "c"};
  const double ranges[3] = {2, 10, 1};
  for (int k = 0; k < 3; ++k) {
    parameters[k].name = names[k];
    parameters[k].lower = 5;
    parameters[k].upper = 5 + ranges[k];
  }
  return parameters;
}

/// Weighted Jacobian of 40 data with respect to a, b, c, scale and background, random.
Eigen::MatrixXd jacobian() {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  Eigen::MatrixXd J(40, 5);
  for (double& x : J.reshaped()) x = 10 * normal(random);
  return J;
}

const std::vector<int> all = {0, 1, 2, 3, 4};

}  // namespace

BOOST_AUTO_TEST_CASE(everything_known) {
  const Determination d = determination(jacobian(), all, three(), 1);
  BOOST_TEST(d.rank == 3);
  BOOST_TEST(d.open.cols() == 0);
  BOOST_TEST(d.worst_sigma < 0.05);
  BOOST_TEST(open_combinations({d, d}, three()).empty());
}

BOOST_AUTO_TEST_CASE(the_worst_combination_has_the_error_of_the_covariance) {
  const Eigen::MatrixXd J = jacobian();
  const Determination d = determination(J, all, three(), 2.5);
  const Eigen::MatrixXd covariance = 2.5 * cramer_rao(J, all).topLeftCorner(3, 3);
  Eigen::Vector3d direction = d.worst;  // of p in units of the ranges
  for (int k = 0; k < 3; ++k) direction[k] /= three()[k].upper - three()[k].lower;
  BOOST_TEST(std::abs(std::sqrt(direction.dot(covariance * direction)) - d.worst_sigma) <
             1e-9 * d.worst_sigma);
}

BOOST_AUTO_TEST_CASE(two_that_act_alike) {
  // Only 0.8 a/2 + 0.6 b/10 acts: the ranges of a and b are 2 and 10.
  Eigen::MatrixXd J = jacobian();
  J.col(1) = J.col(0) * (0.6 / 10) / (0.8 / 2);
  const Determination d = determination(J, all, three(), 1);
  BOOST_TEST(d.rank == 2);
  BOOST_TEST(std::isinf(d.worst_sigma));
  const Determination known = determination(jacobian(), all, three(), 1);
  const auto words = open_combinations({d, known, d}, three());
  BOOST_REQUIRE(words.size() == 1);
  BOOST_TEST(words[0] ==
             "a and b are determined only in the combination 0.8 a + 0.6 b (in units of their "
             "ranges) at 2 of 3 positions");
  J.col(1) *= -1;
  BOOST_TEST(open_combinations({determination(J, all, three(), 1)}, three())[0] ==
             "a and b are determined only in the combination 0.8 a - 0.6 b (in units of their "
             "ranges) at 1 of 1 positions");
}

BOOST_AUTO_TEST_CASE(one_that_does_not_act_or_looks_like_the_background) {
  Eigen::MatrixXd J = jacobian();
  J.col(2).setZero();
  BOOST_TEST(open_combinations({determination(J, all, three(), 1)}, three())[0] ==
             "c is not determined at 1 of 1 positions");
  J = jacobian();
  J.col(2) = 3 * J.col(4);
  BOOST_TEST(determination(J, all, three(), 1).rank == 2);
  BOOST_TEST(determination(J, {0, 1, 2, 3}, three(), 1).rank == 3);
  BOOST_TEST(determination(J, {0, 1, 3, 4}, three(), 1).rank == 2);
}

BOOST_AUTO_TEST_CASE(two_of_which_nothing_is_known_are_named_each) {
  Eigen::MatrixXd J = jacobian();
  const Eigen::VectorXd a = J.col(0) * 10, b = J.col(1) * 2;  // per range, two directions
  J.col(0) = 1e-4 * (a + b) / 10;
  J.col(1) = 1e-4 * (a - 0.5 * b) / 2;
  const std::vector<std::string> each = {"a is not determined at 1 of 1 positions",
                                         "b is not determined at 1 of 1 positions"};
  BOOST_TEST(open_combinations({determination(J, all, three(), 1)}, three()) == each,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(errors_as_wide_as_the_range_are_no_knowledge) {
  Eigen::MatrixXd J = jacobian();
  J.col(2) *= 0.08;  // an error of about 0.2 of the range: known; twice as wide: not
  BOOST_TEST(determination(J, all, three(), 1).rank == 3);
  BOOST_TEST(determination(J, all, three(), 4).rank == 2);
}

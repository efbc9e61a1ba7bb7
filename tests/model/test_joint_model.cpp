// Several sets as one model: what it concatenates, and its derivatives.
#include <boost/test/unit_test.hpp>

#include "model/joint_model.hpp"
#include "tests/fit/toy_model.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

Parameter linear(const std::string& name) {
  Parameter p;
  p.name = name;
  p.lower = 0;
  p.upper = 10;
  p.linear = true;
  return p;
}

/// Parameters p, q and q, r; the second set with its own scale; levels for all of the first set's
/// disks, and for one of the second's.
JointModel two_sets(std::shared_ptr<ToyModel>& a, std::shared_ptr<ToyModel>& b) {
  a = std::make_shared<ToyModel>(5, 2);
  b = std::make_shared<ToyModel>(4, 2, 2, 9);
  b->parameters()[0].name = "q";
  b->parameters()[1].name = "r";
  ModelSet first{a, 1, std::nullopt, std::vector<DiskLevel>(5, {0, 1})};
  ModelSet second{b, 3, linear("scale.2"), {{}, {1, 2.5}, {}, {}}};
  return JointModel({first, second}, {linear("background.1"), linear("background.2")}, 0.01);
}

}  // namespace

BOOST_AUTO_TEST_CASE(sets_follow_each_other_and_share_parameters) {
  std::shared_ptr<ToyModel> a, b;
  const JointModel joint = two_sets(a, b);
  BOOST_TEST(joint.disks() == 9);
  std::vector<std::string> names;
  for (const Parameter& p : joint.parameters()) names.push_back(p.name);
  const std::vector<std::string> expected{"p", "q", "r", "scale.2", "background.1", "background.2"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());

  const double values[6] = {0.3, -0.4, 0.9, 1.5, 2, 5};
  Eigen::VectorXd whole, first, second;
  joint.evaluate(values, whole, nullptr);
  a->evaluate(values, first, nullptr);
  b->evaluate(values + 1, second, nullptr);
  for (int i = 0; i < 5; ++i) BOOST_TEST(std::abs(whole[i] - (first[i] + 0.02)) < 1e-15);
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(std::abs(whole[5 + i] - (4.5 * second[i] + (i == 1 ? 0.125 : 0))) < 1e-15);
}

BOOST_AUTO_TEST_CASE(derivatives) {
  std::shared_ptr<ToyModel> a, b;
  const JointModel joint = two_sets(a, b);
  const Eigen::VectorXd at = (Eigen::VectorXd(6) << 0.3, -0.4, 0.9, 1.5, 2, 5).finished();
  Eigen::VectorXd I, up, down;
  Eigen::MatrixXd J;
  joint.evaluate(at.data(), I, &J);
  for (int k = 0; k < 6; ++k) {
    const double h = 1e-5;
    Eigen::VectorXd x = at;
    x[k] += h;
    joint.evaluate(x.data(), up, nullptr);
    x[k] -= 2 * h;
    joint.evaluate(x.data(), down, nullptr);
    const Eigen::VectorXd difference = (up - down) / (2 * h);
    BOOST_TEST(difference.norm() > 0);
    BOOST_TEST((J.col(k) - difference).norm() < 1e-8 * difference.norm());
  }
}

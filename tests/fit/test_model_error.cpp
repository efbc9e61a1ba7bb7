// The model error that a scan's misfit tells.
#include <boost/test/unit_test.hpp>

#include "fit/model_error.hpp"
#include "tests/fit/toy_model.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

std::vector<DiskData> scan_with(const DiskModel& model, double error, std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(-1.5, 1.5);
  std::normal_distribution<double> normal;
  std::vector<DiskData> data;
  for (int i = 0; i < 25; ++i) {
    DiskData d = toy_counts(model, Eigen::Vector2d(uniform(random), uniform(random)), 1e5, 1, 0);
    for (double& m : d.intensity)
      m = std::poisson_distribution<int>(m * (1 + error * normal(random)))(random);
    data.push_back(d);
  }
  return data;
}

}  // namespace

BOOST_AUTO_TEST_CASE(finds_the_relative_error_that_was_put_in) {
  const ToyModel model(40, 2);
  const StartTable table(model, 500);
  std::mt19937 random(5);
  const auto found = [&](double error) {
    const std::vector<DiskData> data = scan_with(model, error, random);
    return estimated_model_error(model, data, fit_scan(model, table, data, {}), {});
  };
  // 25 x 37 degrees of freedom: f to about 3 %, the median somewhat worse
  for (double error : {0.05, 0.1}) BOOST_TEST(std::abs(found(error) / error - 1) < 0.1);
  // counts of 2500 per disk know the model to 2 % each; without an error little is found
  BOOST_TEST(found(0) < 0.007);
}

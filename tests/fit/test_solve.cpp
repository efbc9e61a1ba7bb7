// One least-squares fit: recovery, bounds, held unknowns, missing disks, noise models.
#include <boost/test/unit_test.hpp>
#include <limits>

#include "fit/solve.hpp"
#include "tests/fit/toy_model.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {
Nuisance with_background() {
  Nuisance nuisance;
  nuisance.background_upper = 50;
  return nuisance;
}
}  // namespace

BOOST_AUTO_TEST_CASE(recovers_what_made_the_data) {
  const ToyModel model(40, 3);
  const Eigen::Vector3d truth(0.4, -0.7, 0.2);
  for (Noise noise : {Noise::poisson, Noise::gaussian, Noise::detector}) {
    DiskData data = toy_counts(model, truth, 1e4, 1.1, 7);
    data.noise.kind = noise;
    data.noise.read = 3;
    data.variance = Eigen::VectorXd::Constant(40, 25);
    data.intensity[4] = data.intensity[17] = std::numeric_limits<double>::quiet_NaN();
    const Solution s = solve(model, data, with_background(), {}, Eigen::Vector3d(0.5, -0.6, 0.1));
    BOOST_TEST(s.converged);
    BOOST_TEST((s.values - truth).norm() < 1e-5);
    BOOST_TEST(std::abs(s.scale - 1.1) < 1e-5);
    BOOST_TEST(std::abs(s.background - 7) < 1e-2);
    BOOST_TEST(s.chi2 < 1e-4);
  }
}

BOOST_AUTO_TEST_CASE(bounds_hold_and_equal_bounds_fix) {
  ToyModel model(40, 2);
  const Eigen::Vector2d truth(0.4, -0.7);
  const DiskData data = toy_counts(model, truth, 1e4, 1, 0);
  model.parameters()[0].upper = 0.3;
  Solution s = solve(model, data, {}, {}, Eigen::Vector2d(0.2, -0.6));
  BOOST_TEST(s.values[0] <= 0.3);
  BOOST_TEST(s.background == 0);
  model.parameters()[0].lower = 0.3;
  Nuisance nuisance;
  nuisance.scale_lower = nuisance.scale_upper = 1;
  s = solve(model, data, nuisance, {}, Eigen::Vector2d(0.2, -0.6));
  BOOST_TEST(s.values[0] == 0.3);
  BOOST_TEST(s.scale == 1);
}

BOOST_AUTO_TEST_CASE(nothing_free_is_an_evaluation) {
  ToyModel model(20, 1);
  const DiskData data = toy_counts(model, Eigen::VectorXd::Constant(1, 0.5), 1e4, 1, 0);
  model.parameters()[0].lower = model.parameters()[0].upper = 0.4;
  Nuisance held;
  held.scale_lower = held.scale_upper = 1;
  const Solution s = solve(model, data, held, {}, Eigen::VectorXd::Constant(1, 0.4));
  BOOST_TEST(s.values[0] == 0.4);
  BOOST_TEST(s.chi2 > 1);
  // and with a parameter of the scan alone
  model.parameters()[0].lower = -2;
  model.parameters()[0].upper = 2;
  const SharedFit fit = solve_shared(model, {0}, {data, data}, held, {},
                                     {Eigen::VectorXd::Zero(1), Eigen::VectorXd::Zero(1)},
                                     Eigen::VectorXd::Constant(1, 0.4));
  BOOST_TEST(std::abs(fit.values[0] - 0.5) < 1e-6);
}

BOOST_AUTO_TEST_CASE(scale_and_background_by_the_weighted_sums) {
  const ToyModel model(12, 1);
  Eigen::VectorXd intensity;
  const double at = 0.3;
  model.evaluate(&at, intensity, nullptr);
  std::mt19937 random(2);
  const DiskData data = toy_counts(model, Eigen::VectorXd::Constant(1, 0.5), 300, 1.2, 11, &random);
  WeightedSums sums;
  const auto chi2 = [&](double scale, double background) {
    double total = 0;
    for (int i = 0; i < 12; ++i)
      total += std::pow(scale * 300 * intensity[i] + background - data.intensity[i], 2) / (1 + i);
    return total;
  };
  for (int i = 0; i < 12; ++i) {
    const double w = 1.0 / (1 + i), I = 300 * intensity[i], d = data.intensity[i];
    sums.w += w;
    sums.wI += w * I;
    sums.wII += w * I * I;
    sums.wd += w * d;
    sums.wId += w * I * d;
    sums.wdd += w * d * d;
  }
  Nuisance wide;
  wide.scale_lower = 0.01;
  wide.scale_upper = 10;
  wide.background_lower = -100;
  wide.background_upper = 100;
  const LinearFit fit = fit_scale(sums, wide);
  BOOST_TEST(std::abs(fit.chi2 - chi2(fit.scale, fit.background)) < 1e-9 * fit.chi2);
  for (double ds : {-1e-3, 1e-3}) BOOST_TEST(chi2(fit.scale + ds, fit.background) > fit.chi2);
  for (double db : {-1e-2, 1e-2}) BOOST_TEST(chi2(fit.scale, fit.background + db) > fit.chi2);
}

BOOST_AUTO_TEST_CASE(shared_parameters_are_common_and_the_rest_is_not) {
  const ToyModel model(30, 3);
  std::mt19937 random(8);
  std::uniform_real_distribution<double> uniform(-0.5, 0.5);
  std::vector<DiskData> data;
  std::vector<Eigen::VectorXd> starts;
  for (int i = 0; i < 6; ++i) {
    const Eigen::Vector3d truth(uniform(random), 0.35, uniform(random));
    data.push_back(toy_counts(model, truth, 1e5, 1, 3, &random));
    starts.push_back(truth + Eigen::Vector3d(0.05, -0.1, 0.05));
  }
  const SharedFit fit = solve_shared(model, {1}, data, with_background(), {}, starts,
                                     Eigen::VectorXd::Constant(1, 0.2));
  BOOST_TEST(fit.converged);
  BOOST_TEST(fit.errors[0] > 0);
  BOOST_TEST(std::abs(fit.values[0] - 0.35) < 4 * fit.errors[0]);
  BOOST_TEST(fit.errors[0] < 0.01);
  BOOST_TEST(fit.reduced_chi2 > 0.5);
  BOOST_TEST(fit.reduced_chi2 < 1.6);
}

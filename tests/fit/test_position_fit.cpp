// Fits of positions and scans: global search, error bars, second basins, missing data, threads.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
#include "fit/scan_fit.hpp"
#include "tests/fit/toy_model.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {
FitOptions toy_options() {
  FitOptions options;
  options.nuisance.background_upper = 100;
  options.starts = 8;
  return options;
}
}  // namespace

BOOST_AUTO_TEST_CASE(finds_the_basin_from_the_ranges_alone) {
  const ToyModel model(40, 3);
  const StartTable table(model, 2000);
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(-1.9, 1.9);
  for (int i = 0; i < 20; ++i) {
    const Eigen::Vector3d truth(uniform(random), uniform(random), uniform(random));
    const PositionFit fit =
        fit_position(model, table, toy_counts(model, truth, 1e5, 0.9, 5), toy_options());
    BOOST_TEST(int(fit.status) == int(FitStatus::converged));
    BOOST_TEST((fit.solution.values - truth).norm() < 1e-3);
    BOOST_TEST(!(fit.second_basin_ratio < 1));
  }
}

BOOST_AUTO_TEST_CASE(error_bars_are_the_spread_of_repeated_fits) {
  const ToyModel model(40, 2);
  const Eigen::Vector2d truth(0.3, -0.8);
  std::mt19937 random(4);
  const int repeats = 300;
  Eigen::VectorXd sum_square = Eigen::VectorXd::Zero(4), mean_variance = Eigen::VectorXd::Zero(4);
  double chi2 = 0;
  for (int i = 0; i < repeats; ++i) {
    const DiskData data = toy_counts(model, truth, 2e4, 1, 20, &random);
    const PositionFit fit = fit_position(model, {truth}, data, toy_options());
    Eigen::VectorXd error(4);
    error << fit.solution.values - truth, fit.solution.scale - 1, fit.solution.background - 20;
    sum_square += error.cwiseAbs2();
    mean_variance += fit.covariance.diagonal() / fit.cramer_rao_factor;
    chi2 += fit.reduced_chi2;
  }
  BOOST_TEST(std::abs(chi2 / repeats - 1) < 0.05);
  // the variance of 300 values is known to 8 %
  for (int k = 0; k < 4; ++k) {
    const double ratio = sum_square[k] / mean_variance[k];
    BOOST_TEST_MESSAGE("unknown " << k << ": variance over Cramér-Rao limit " << ratio);
    BOOST_TEST(ratio > 0.75);
    BOOST_TEST(ratio < 1.3);
  }
}

BOOST_AUTO_TEST_CASE(what_the_data_leave_open_has_no_error_bar) {
  // The second parameter does not act.
  class Half : public ToyModel {
   public:
    Half() : ToyModel(20, 2) {}
    void evaluate(const double* values, Eigen::VectorXd& intensity,
                  Eigen::MatrixXd* jacobian) const override {
      const double only[2] = {values[0], 0.2};
      ToyModel::evaluate(only, intensity, jacobian);
      if (jacobian) jacobian->col(1).setZero();
    }
  };
  const Half model;
  const PositionFit fit =
      fit_position(model, {Eigen::Vector2d(0.1, 0.2)},
                   toy_counts(model, Eigen::Vector2d(0.2, 0.2), 1e4, 1, 0), toy_options());
  BOOST_TEST(std::isfinite(fit.covariance(0, 0)));
  BOOST_TEST(std::isnan(fit.covariance(1, 1)));
}

BOOST_AUTO_TEST_CASE(an_engine_corrects_what_a_surrogate_finds) {
  // A surrogate that is wrong by 1 % and more, differently at every point.
  class Wrong : public ToyModel {
   public:
    explicit Wrong(const ToyModel& right) : ToyModel(right) {}
    void evaluate(const double* values, Eigen::VectorXd& intensity,
                  Eigen::MatrixXd* jacobian) const override {
      ToyModel::evaluate(values, intensity, jacobian);
      for (int i = 0; i < disks(); ++i) {
        const double factor = 1 + 0.01 * std::sin(3.0 * i + values[0] - values[1]);
        if (jacobian) {
          jacobian->row(i) *= factor;
          const double slope = 0.01 * std::cos(3.0 * i + values[0] - values[1]) * intensity[i];
          (*jacobian)(i, 0) += slope;
          (*jacobian)(i, 1) -= slope;
        }
        intensity[i] *= factor;
      }
    }
  };
  const ToyModel engine(40, 3);
  const Wrong surrogate(engine);
  const StartTable table(surrogate, 1000);
  const Eigen::Vector3d truth(0.4, -0.7, 0.2);
  const DiskData data = toy_counts(engine, truth, 1e5, 1, 3);
  FitOptions options = toy_options();
  double error[3];
  for (int corrections : {0, 1, 2}) {
    options.corrections = corrections;
    const PositionFit fit = fit_position(surrogate, table, data, options, &engine);
    error[corrections] = (fit.solution.values - truth).norm();
    BOOST_TEST(std::isnan(fit.last_correction) == (corrections == 0));
  }
  BOOST_TEST_MESSAGE("error: " << error[0] << ", corrected once " << error[1] << ", twice "
                               << error[2]);
  BOOST_TEST(error[0] > 1e-4);
  BOOST_TEST(error[1] < 0.03 * error[0]);
  BOOST_TEST(error[2] < 0.03 * error[1] + 1e-7);
}

BOOST_AUTO_TEST_CASE(too_few_disks_is_no_data) {
  const ToyModel model(6, 3);
  DiskData data = toy_counts(model, Eigen::Vector3d(0, 0, 0), 1e4, 1, 0);
  data.intensity.head(2).setConstant(std::numeric_limits<double>::quiet_NaN());
  const PositionFit fit = fit_position(model, StartTable(model, 50), data, toy_options());
  BOOST_TEST(int(fit.status) == int(FitStatus::no_data));
  BOOST_TEST(std::isnan(fit.solution.values[0]));
}

BOOST_AUTO_TEST_CASE(a_scan_does_not_depend_on_threads_or_on_what_was_done_before) {
  const ToyModel model(30, 2);
  const StartTable table(model, 300);
  std::mt19937 random(6);
  std::uniform_real_distribution<double> uniform(-1.5, 1.5);
  std::vector<DiskData> data;
  for (int i = 0; i < 24; ++i)
    data.push_back(
        toy_counts(model, Eigen::Vector2d(uniform(random), uniform(random)), 1e4, 1, 2, &random));
  set_threads(1);
  const auto one = fit_scan(model, table, data, toy_options());
  set_threads(3);
  int calls = 0;
  ScanHooks hooks;
  hooks.skip = [](long i) { return i < 5; };
  hooks.done = [&](long, const PositionFit&) { ++calls; };
  const auto three = fit_scan(model, table, data, toy_options(), hooks);
  set_threads(0);
  BOOST_TEST(calls == 19);
  for (int i = 5; i < 24; ++i) {
    BOOST_TEST((one[i].solution.values == three[i].solution.values));
    BOOST_TEST((one[i].covariance.array() == three[i].covariance.array()).all());
  }
  interrupt();
  BOOST_CHECK_EXCEPTION(fit_scan(model, table, data, toy_options()), Error,
                        [](const Error& e) { return e.kind() == ErrorKind::interrupted; });
  interrupt(false);
}

BOOST_AUTO_TEST_CASE(parameters_of_the_scan_start_from_the_ranges) {
  const ToyModel model(40, 3);
  const StartTable table(model, 1000);
  std::mt19937 random(9);
  std::uniform_real_distribution<double> uniform(-1.5, 1.5);
  std::vector<DiskData> data;
  for (int i = 0; i < 8; ++i)
    data.push_back(toy_counts(model, Eigen::Vector3d(uniform(random), uniform(random), 1.1), 1e5, 1,
                              2, &random));
  const SharedFit fit = fit_shared(model, table, {2}, data, toy_options());
  BOOST_TEST(fit.converged);
  BOOST_TEST(std::abs(fit.values[0] - 1.1) < 4 * fit.errors[0]);
}

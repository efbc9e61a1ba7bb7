// Predictions for a measurement that is not made yet, against repeated fits, a scan of the deviance
// and linear theory.
#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "fit/information.hpp"
#include "fit/uncertainty.hpp"
#include "tests/fit/toy_model.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

FitOptions toy_options() {
  FitOptions options;
  options.nuisance.background_upper = 100;
  options.starts = 8;
  return options;
}

/// I_i = (1 + 0.5 cos(3 p² a_i) + 0.002 b_i p)/disks: p and −p look nearly alike.
class Mirrored : public DiskModel {
 public:
  Mirrored() {
    std::mt19937 random(2);
    std::normal_distribution<double> normal;
    for (int i = 0; i < 30; ++i) {
      a_[i] = normal(random);
      b_[i] = normal(random);
    }
    Parameter p;
    p.name = "p";
    p.lower = -2;
    p.upper = 2;
    parameters_ = {p};
  }
  const std::vector<Parameter>& parameters() const override { return parameters_; }
  int disks() const override { return 30; }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override {
    const double p = values[0];
    intensity = (1 + 0.5 * (3 * p * p * a_).cos() + 0.002 * p * b_) / 30;
    if (jacobian) *jacobian = (-3 * p * a_ * (3 * p * p * a_).sin() + 0.002 * b_) / 30;
  }

 private:
  Eigen::ArrayXd a_{30}, b_{30};
  std::vector<Parameter> parameters_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(predicted_errors_are_the_scatter_of_repeated_noisy_fits) {
  const ToyModel model(40, 3);
  const Eigen::Vector3d truth(0.3, -0.8, 1.1);
  const double dose = 5e4, background = 20;
  const FitOptions options = toy_options();
  const Eigen::VectorXd predicted = predicted_errors(
      model, expected_data(model, truth, dose, background), truth, background, options.nuisance);
  std::mt19937 random(11);
  const int repeats = 2000;
  Eigen::VectorXd square = Eigen::VectorXd::Zero(3);
  for (int i = 0; i < repeats; ++i)
    square += (solve(model, toy_counts(model, truth, dose, 1, background, &random),
                     options.nuisance, options.solve, truth)
                   .values -
               truth)
                  .cwiseAbs2();
  // 2000 values give a scatter to 1.6 %
  for (int k = 0; k < 3; ++k)
    record("Fits", "scatter of 2000 noisy fits over the predicted error", "1",
           std::sqrt(square[k] / repeats) / predicted[k], between(0.94, 1.06));
}

BOOST_AUTO_TEST_CASE(missing_disks_and_held_parameters) {
  ToyModel model(40, 3);
  const Eigen::Vector3d truth(0.3, -0.8, 1.1);
  const FitOptions options = toy_options();
  DiskData data = expected_data(model, truth, 1e5, 0);
  const Eigen::VectorXd all = predicted_errors(model, data, truth, 0, options.nuisance);
  for (int i = 20; i < 40; ++i) data.intensity[i] = std::nan("");
  const Eigen::VectorXd half = predicted_errors(model, data, truth, 0, options.nuisance);
  BOOST_TEST((half.array() > 1.1 * all.array()).all());
  model.parameters()[1].lower = model.parameters()[1].upper = truth[1];
  const Eigen::VectorXd held = predicted_errors(model, data, truth, 0, options.nuisance);
  BOOST_TEST(std::isnan(held[1]));
  BOOST_TEST(held[0] <= half[0]);
}

BOOST_AUTO_TEST_CASE(the_nearest_confusable_state_is_the_lowest_other_minimum) {
  const Mirrored model;
  const StartTable table(model, 400);
  FitOptions options;
  options.nuisance.scale_lower = options.nuisance.scale_upper = 1;
  options.starts = 8;
  const Eigen::VectorXd truth = Eigen::VectorXd::Constant(1, 0.9);
  double before = 0;
  for (const double dose : {1e4, 1e6}) {
    const DiskData data = expected_data(model, truth, dose, 0);
    const Confusable other = nearest_confusable(model, table, data, truth, options);
    double lowest = INFINITY, at = 0;
    for (double p = -2; p < 0; p += 1e-4) {
      Eigen::VectorXd intensity;
      model.evaluate(&p, intensity, nullptr);
      double deviance = 0;
      for (int i = 0; i < 30; ++i)
        deviance += std::pow(residual(data, i, dose * intensity[i], nullptr), 2);
      if (deviance < lowest) lowest = deviance, at = p;
    }
    BOOST_TEST(std::abs(other.values[0] - at) < 2e-4);
    BOOST_TEST(std::abs(other.separation - std::sqrt(lowest)) < 1e-3 * std::sqrt(lowest));
    if (before > 0) BOOST_TEST(std::abs(other.separation / before - 10) < 0.1);  // sqrt of the dose
    before = other.separation;
  }
}

BOOST_AUTO_TEST_CASE(a_state_without_a_double_has_none) {
  Mirrored model;
  const StartTable table(model, 200);
  FitOptions options;
  // only starts beside the truth, which all lead to it
  options.starts = 1;
  const Eigen::VectorXd truth = Eigen::VectorXd::Constant(1, 0.9);
  const Confusable other =
      nearest_confusable(model, table, expected_data(model, truth, 1e5, 0), truth, options);
  BOOST_TEST((std::isnan(other.separation) || other.separation > 1));
}

BOOST_AUTO_TEST_CASE(bias_is_what_linear_theory_says_for_a_small_effect) {
  class Changed : public ToyModel {
   public:
    Changed() : ToyModel(40, 3) {}
    void evaluate(const double* values, Eigen::VectorXd& intensity,
                  Eigen::MatrixXd* jacobian) const override {
      ToyModel::evaluate(values, intensity, jacobian);
      for (int i = 0; i < intensity.size(); ++i) intensity[i] *= 1 + 1e-4 * std::sin(2 * i);
    }
  };
  const ToyModel model(40, 3);
  const Changed other;
  const Eigen::Vector3d truth(0.3, -0.8, 1.1);
  FitOptions options = toy_options();
  const DiskData data = expected_data(other, truth, 1e6, 50);
  const Eigen::VectorXd bias = fitted_bias(model, data, truth, options);
  Solution at_truth;
  at_truth.values = truth;
  at_truth.background = 50;
  const Eigen::VectorXd linear =
      model_shift(model, other, data, options.nuisance, at_truth).head(3);
  BOOST_TEST(linear.norm() > 1e-5);
  // model_shift moves the fit as if `other` took the place of the model: the opposite of the bias
  BOOST_TEST((bias + linear).norm() < 0.01 * linear.norm());
}

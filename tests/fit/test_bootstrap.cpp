// Refits of simulated data against error bars: 1 where the linear theory holds, more where it
// does not. Profiles of χ²: a parabola, its crossings, and a second minimum.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/parallel.hpp"
#include "fit/bootstrap.hpp"
#include "fit/profile.hpp"
#include "tests/fit/toy_model.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

FitOptions with_background() {
  FitOptions options;
  options.nuisance.background_upper = 100;
  return options;
}

/// One parameter, in which the intensities are even.
class Even : public ToyModel {
 public:
  Even() : ToyModel(20, 1, 2) {}
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override {
    intensity.resize(20);
    if (jacobian) jacobian->resize(20, 1);
    for (int i = 0; i < 20; ++i) {
      intensity[i] = (1 + 0.5 * std::cos((0.5 + 0.1 * i) * values[0])) / 20;
      if (jacobian)
        (*jacobian)(i, 0) = -0.5 * (0.5 + 0.1 * i) * std::sin((0.5 + 0.1 * i) * values[0]) / 20;
    }
  }
};

double rms(const Eigen::VectorXd& x) { return std::sqrt(x.squaredNorm() / double(x.size())); }

}  // namespace

BOOST_AUTO_TEST_CASE(scatter_of_refits_is_the_error_bar) {
  const ToyModel model(40, 2);
  std::mt19937 random(5);
  for (const Noise noise : {Noise::poisson, Noise::gaussian}) {
    DiskData data = toy_counts(model, Eigen::Vector2d(0.3, -0.8), 2e4, 1, 20, &random);
    data.noise.kind = noise;
    data.variance = Eigen::VectorXd::Constant(40, 900);
    data.intensity[3] = std::nan("");
    const FitOptions options = with_background();
    const PositionFit fit = fit_position(model, {Eigen::Vector2d(0.3, -0.8)}, data, options);
    set_threads(1);
    const Eigen::MatrixXd scatter = bootstrap(model, data, options, fit, 300, 1);
    set_threads(2);
    BOOST_TEST((scatter == bootstrap(model, data, options, fit, 300, 1)));
    set_threads(0);
    for (int k = 0; k < 4; ++k) {
      BOOST_TEST_MESSAGE("unknown " << k << ": scatter over error bar " << rms(scatter.col(k)));
      // 300 values: known to 4 %
      record("Fits", "scatter of 300 bootstrap fits over the error bar", "1", rms(scatter.col(k)),
             between(0.87, 1.13));
    }
  }
}

BOOST_AUTO_TEST_CASE(scatter_shows_where_error_bars_fail) {
  // Close to where the first derivatives vanish, the linear theory knows nothing of the second.
  const Even model;
  const Eigen::VectorXd truth = Eigen::VectorXd::Constant(1, 0.05);
  const PositionFit fit = fit_position(model, {truth}, toy_counts(model, truth, 2e4, 1, 0), {});
  const double ratio =
      rms(bootstrap(model, toy_counts(model, truth, 2e4, 1, 0), {}, fit, 200, 1).col(0));
  BOOST_TEST_MESSAGE("scatter over error bar " << ratio);
  BOOST_TEST(std::abs(ratio - 1) > 0.3);
}

BOOST_AUTO_TEST_CASE(a_profile_crosses_at_the_error_bar) {
  const ToyModel model(40, 2);
  std::mt19937 random(6);
  const DiskData data = toy_counts(model, Eigen::Vector2d(0.3, -0.8), 1e5, 1, 20, &random);
  const FitOptions options = with_background();
  const PositionFit fit = fit_position(model, {Eigen::Vector2d(0.3, -0.8)}, data, options);
  for (int k = 0; k < 2; ++k) {
    const Profile p = profile(model, data, options, fit, k, 21);
    const double best = fit.solution.values[k], sigma = std::sqrt(fit.covariance(k, k));
    BOOST_TEST(std::abs(p.upper - best - sigma) < 0.05 * sigma);
    BOOST_TEST(std::abs(best - p.lower - sigma) < 0.05 * sigma);
    BOOST_TEST(p.values[0] == -2);
    BOOST_TEST(p.values[p.values.size() - 1] == 2);
    BOOST_TEST(std::is_sorted(p.values.begin(), p.values.end()));
    // a fit stops at a relative change of χ², not at the minimum itself
    BOOST_TEST(p.chi2.minCoeff() >= fit.solution.chi2 - 0.03);
    // others are fitted: below the χ² with the others held
    Eigen::VectorXd at = fit.solution.values, intensity;
    at[k] = p.values[p.values.size() / 4];
    model.evaluate(at.data(), intensity, nullptr);
    const Eigen::VectorXd m =
        fit.solution.scale * data.dose * intensity.array() + fit.solution.background;
    BOOST_TEST(p.chi2[p.values.size() / 4] < misfit(data, m));
  }
}

BOOST_AUTO_TEST_CASE(a_profile_shows_the_second_basin) {
  const Even model;
  // minima at ±0.7
  const DiskData data = toy_counts(model, Eigen::VectorXd::Constant(1, 0.7), 1e5, 1, 0);
  const PositionFit fit = fit_position(model, {Eigen::VectorXd::Constant(1, 0.6)}, data, {});
  const Profile p = profile(model, data, {}, fit, 0, 41);  // steps of 0.1: −0.7 is one
  double at_mirror = 1e300, between = 0;
  for (long i = 0; i < p.values.size(); ++i) {
    if (std::abs(p.values[i] + 0.7) < 1e-9) at_mirror = p.chi2[i];
    if (std::abs(p.values[i]) < 1e-9) between = p.chi2[i];
  }
  BOOST_TEST(at_mirror < 1e-3);
  BOOST_TEST(between > 1000);
}

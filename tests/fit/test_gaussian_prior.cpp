// Gaussian priors on single parameters, against the analytic posterior of a linear model; shared
// parameters, basins, rank, bootstrap and profile.
#include <Eigen/LU>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "fit/bootstrap.hpp"
#include "fit/determination.hpp"
#include "fit/profile.hpp"
#include "fit/scan_fit.hpp"
#include "fit/uncertainty.hpp"
#include "tests/fit/toy_model.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr int measured = 12, unknowns = 3;

/// I = b + A p.
class LinearModel : public DiskModel {
 public:
  LinearModel() : A_(measured, unknowns) {
    std::mt19937 random(7);
    std::normal_distribution<double> normal;
    for (int i = 0; i < measured; ++i)
      for (int k = 0; k < unknowns; ++k) A_(i, k) = 0.05 * normal(random);
    for (int k = 0; k < unknowns; ++k) {
      Parameter p;
      p.name = std::string(1, char('p' + k));
      p.lower = -4;
      p.upper = 4;
      parameters_.push_back(p);
    }
  }
  const std::vector<Parameter>& parameters() const override { return parameters_; }
  std::vector<Parameter>& parameters() { return parameters_; }
  int disks() const override { return int(A_.rows()); }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override {
    intensity = (A_ * Eigen::Map<const Eigen::VectorXd>(values, unknowns)).array() + 2;
    if (jacobian) *jacobian = A_;
  }
  const Eigen::MatrixXd& A() const { return A_; }

 private:
  Eigen::MatrixXd A_;
  std::vector<Parameter> parameters_;
};

/// The variance of a datum is 1/400; `wide`: deviations that are as many times larger.
DiskData gaussian_data(const LinearModel& model, const Eigen::VectorXd& truth, double wide,
                       unsigned seed) {
  DiskData data = toy_counts(model, truth, 1, 1, 0);
  data.noise.kind = Noise::gaussian;
  data.variance = Eigen::VectorXd::Constant(measured, 1.0 / 400);
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, wide / 20);
  for (double& d : data.intensity) d += normal(random);
  return data;
}

FitOptions fixed_scale() {
  FitOptions options;
  options.nuisance.scale_lower = options.nuisance.scale_upper = 1;
  return options;
}

void set_priors(LinearModel& model) {
  model.parameters()[0].prior_mean = 0.9;
  model.parameters()[0].prior_sigma = 0.15;
  model.parameters()[2].prior_mean = -0.5;
  model.parameters()[2].prior_sigma = 0.6;
}

/// Information of the data and of the priors, and the mean of the posterior.
struct Posterior {
  Eigen::Matrix3d H, P;
  Eigen::Vector3d mean;
  Posterior(const LinearModel& model, const DiskData& data) : P(Eigen::Matrix3d::Zero()) {
    H = 400 * model.A().transpose() * model.A();
    Eigen::Vector3d right = 400 * model.A().transpose() * (data.intensity.array() - 2).matrix();
    for (int k = 0; k < unknowns; ++k) {
      const Parameter& p = model.parameters()[std::size_t(k)];
      if (p.has_prior()) P(k, k) = 1 / (p.prior_sigma * p.prior_sigma);
      right[k] += P(k, k) * p.prior_mean;
    }
    mean = (H + P).inverse() * right;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_analytic_posterior_of_a_linear_model) {
  LinearModel model;
  set_priors(model);
  const DiskData data = gaussian_data(model, Eigen::Vector3d(1, -0.4, 0.3), 0.5, 1);
  const Posterior posterior(model, data);
  const PositionFit fit = fit_position(model, StartTable(model, 500), data, fixed_scale());
  BOOST_TEST((fit.solution.values - posterior.mean).norm() < 1e-6);
  BOOST_REQUIRE(fit.cramer_rao_factor == 1);  // deviations are small
  const Eigen::Matrix3d covariance = (posterior.H + posterior.P).inverse();
  BOOST_TEST((fit.covariance.topLeftCorner(3, 3) - covariance).norm() < 1e-9 * covariance.norm());
  // a prior is a datum: 12 disks and 2 priors for 3 unknowns
  BOOST_TEST(fit.degrees_of_freedom == 11);
  double chi2 = 400 * (data.intensity - model.A() * fit.solution.values)
                          .array()
                          .
                          operator-(2)
                          .matrix()
                          .squaredNorm();
  for (const int k : {0, 2}) {
    const Parameter& p = model.parameters()[std::size_t(k)];
    chi2 += std::pow((fit.solution.values[k] - p.prior_mean) / p.prior_sigma, 2);
  }
  BOOST_TEST(std::abs(fit.solution.chi2 / chi2 - 1) < 1e-9);

  // its profile is the parabola of the posterior's marginal error
  const double sigma = std::sqrt(covariance(0, 0));
  const Profile p = profile(model, data, fixed_scale(), fit, 0, 41);
  BOOST_TEST(std::abs((p.upper - fit.solution.values[0]) / sigma - 1) < 0.02);
  BOOST_TEST(std::abs((fit.solution.values[0] - p.lower) / sigma - 1) < 0.02);
  // and refits of simulated data and priors scatter by it
  const Eigen::MatrixXd scatter = bootstrap(model, data, fixed_scale(), fit, 400, 3);
  for (int k = 0; k < unknowns; ++k)
    BOOST_TEST(std::abs(std::sqrt(scatter.col(k).squaredNorm() / 400) - 1) < 0.15);
}

BOOST_AUTO_TEST_CASE(scatter_of_the_data_does_not_widen_the_prior) {
  LinearModel model;
  set_priors(model);
  const DiskData data = gaussian_data(model, Eigen::Vector3d(1, -0.4, 0.3), 4, 2);
  const Posterior posterior(model, data);
  const PositionFit fit =
      fit_position(model, {Eigen::VectorXd(posterior.mean)}, data, fixed_scale());
  const double f = fit.cramer_rao_factor;
  BOOST_TEST(f > 4);
  // of the estimate that is made: (H+P)⁻¹ (f H + P) (H+P)⁻¹
  const Eigen::Matrix3d C = (posterior.H + posterior.P).inverse();
  const Eigen::Matrix3d covariance = C * (f * posterior.H + posterior.P) * C;
  BOOST_TEST((fit.covariance.topLeftCorner(3, 3) - covariance).norm() < 1e-6 * covariance.norm());
}

BOOST_AUTO_TEST_CASE(where_the_data_are_silent_the_prior_speaks) {
  class Silent : public ToyModel {
   public:
    Silent() : ToyModel(20, 2) {}
    void evaluate(const double* values, Eigen::VectorXd& intensity,
                  Eigen::MatrixXd* jacobian) const override {
      const double only[2] = {values[0], 0.2};
      ToyModel::evaluate(only, intensity, jacobian);
      if (jacobian) jacobian->col(1).setZero();
    }
  };
  Silent model;
  const DiskData data = toy_counts(model, Eigen::Vector2d(0.2, 0.2), 1e4, 1, 0);
  const auto rank = [&] {
    Solution s;
    s.values = Eigen::Vector2d(0.2, 0.2);
    return determination(weighted_jacobian(model, data, s, nullptr, nullptr),
                         free_unknowns(model, Nuisance()), model.parameters(), 1)
        .rank;
  };
  BOOST_TEST(rank() == 1);
  model.parameters()[1].prior_mean = 0.7;
  model.parameters()[1].prior_sigma = 0.1;
  BOOST_TEST(rank() == 2);
  const PositionFit fit = fit_position(model, {Eigen::Vector2d(0.1, 0)}, data, {});
  BOOST_TEST(std::abs(fit.solution.values[1] - 0.7) < 1e-6);
  BOOST_TEST(std::abs(std::sqrt(fit.covariance(1, 1)) - 0.1) < 1e-9);
  // a finer model does not move what the prior alone holds
  const ToyModel other(20, 2, 2, 4);
  BOOST_TEST(std::abs(model_shift(model, other, data, Nuisance(), fit.solution)[1]) < 1e-12);
}

BOOST_AUTO_TEST_CASE(a_shared_parameter_s_prior_counts_once) {
  LinearModel model;
  set_priors(model);
  std::vector<DiskData> data;
  for (unsigned i = 0; i < 5; ++i)
    data.push_back(gaussian_data(model, Eigen::Vector3d(1, 0.3 * i - 0.4, 0.3), 0.5, 10 + i));
  const SharedFit fit = fit_shared(model, StartTable(model, 200), {0}, data, fixed_scale());
  // all positions' unknowns at once: p, then q and r of each
  Eigen::MatrixXd H = Eigen::MatrixXd::Zero(11, 11);
  Eigen::VectorXd right = Eigen::VectorXd::Zero(11);
  H(0, 0) = 1 / (0.15 * 0.15);
  right[0] = 0.9 * H(0, 0);
  for (int i = 0; i < 5; ++i) {
    const std::vector<int> at = {0, 1 + 2 * i, 2 + 2 * i};
    const Eigen::Matrix3d one = 400 * model.A().transpose() * model.A();
    const Eigen::Vector3d b =
        400 * model.A().transpose() * (data[std::size_t(i)].intensity.array() - 2).matrix();
    for (int k = 0; k < 3; ++k) {
      right[at[std::size_t(k)]] += b[k];
      for (int j = 0; j < 3; ++j) H(at[std::size_t(k)], at[std::size_t(j)]) += one(k, j);
    }
    H(at[2], at[2]) += 1 / 0.36;
    right[at[2]] += -0.5 / 0.36;
  }
  BOOST_REQUIRE(fit.converged);
  BOOST_TEST(std::abs(fit.values[0] - (H.inverse() * right)[0]) < 1e-5);
  BOOST_TEST(fit.reduced_chi2 < 1);  // so that the errors are the posterior's
  BOOST_TEST(std::abs(fit.errors[0] / std::sqrt(H.inverse()(0, 0)) - 1) < 1e-6);
}

BOOST_AUTO_TEST_CASE(a_prior_decides_between_basins) {
  // Data that know |p| only.
  class Even : public ToyModel {
   public:
    Even() : ToyModel(20, 1) {}
    void evaluate(const double* values, Eigen::VectorXd& intensity,
                  Eigen::MatrixXd* jacobian) const override {
      const double square = values[0] * values[0];
      ToyModel::evaluate(&square, intensity, jacobian);
      if (jacobian) *jacobian *= 2 * values[0];
    }
  };
  Even model;
  const DiskData data = toy_counts(model, Eigen::VectorXd::Constant(1, -0.8), 1e4, 1, 0);
  model.parameters()[0].prior_mean = -0.3;
  model.parameters()[0].prior_sigma = 0.5;
  const PositionFit fit = fit_position(model, StartTable(model, 200), data, {});
  BOOST_TEST(std::abs(fit.solution.values[0] + 0.8) < 0.02);
  BOOST_TEST(fit.second_basin_ratio > 1.5);
}

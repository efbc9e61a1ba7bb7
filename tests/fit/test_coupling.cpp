// Positions tied by priors: the closed form of a linear model, ambiguous positions resolved by
// their neighbours, domain walls that stay sharp, and no effect of weak priors.
#include <Eigen/LU>
#include <boost/test/unit_test.hpp>

#include "core/parallel.hpp"
#include "fit/coupling.hpp"
#include "fit/scan_fit.hpp"
#include "tests/fit/toy_model.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

/// Two solutions nearly as good as each other: I_i = (1 + ½ cos(a_i·p) + ε sin(a_i·p))/disks hardly
/// tells p from −p.
class MirrorModel : public ToyModel {
 public:
  explicit MirrorModel(double odd) : ToyModel(30, 2, 1.2, 11), odd_(odd), a_(30, 2) {
    std::mt19937 random(5);
    std::normal_distribution<double> normal;
    for (int i = 0; i < 30; ++i) a_.row(i) << normal(random), normal(random);
  }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override {
    const Eigen::ArrayXd angle = (a_ * Eigen::Map<const Eigen::Vector2d>(values)).array();
    intensity = (1 + 0.5 * angle.cos() + odd_ * angle.sin()) / 30;
    if (jacobian)
      *jacobian = ((odd_ * angle.cos() - 0.5 * angle.sin()) / 30).matrix().asDiagonal() * a_;
  }

 private:
  double odd_;
  Eigen::MatrixXd a_;
};

constexpr long side = 12;
constexpr ScanGrid grid{side, side};

/// "Tilt" bent smoothly over the scan, through 0; "polarization" ±0.7 on two sides of a wall.
Eigen::Vector2d truth_at(long i) {
  const double r = double(i / side), c = double(i % side);
  return {0.5 - 0.08 * r + 0.003 * c * c, c < 5 ? -0.7 : 0.7};
}

FitOptions options_of(int basins) {
  FitOptions options;
  options.starts = 8;
  options.basins = basins;
  options.nuisance.scale_lower = options.nuisance.scale_upper = 1;
  return options;
}

struct AmbiguousScan {
  MirrorModel model{0.02};
  std::vector<DiskData> data;
  std::vector<PositionFit> alone;

  AmbiguousScan() {
    std::mt19937 random(21);
    for (long i = 0; i < side * side; ++i)
      data.push_back(toy_counts(model, truth_at(i), 1e4, 1, 0, &random));
    data[40].intensity.setConstant(std::nan(""));  // and one position without data
    alone = fit_scan(model, StartTable(model, 400), data, options_of(3));
  }
  std::vector<Prior> priors(double tilt_sigma, double polarization_sigma) const {
    std::vector<char> usable(data.size(), 1);
    usable[40] = 0;
    return {{"tilt", scan_differences(grid, usable, 2, 0, 2), tilt_sigma, PriorKind::normal},
            {"polarization", scan_differences(grid, usable, 2, 1, 1), polarization_sigma,
             PriorKind::cauchy}};
  }
  bool right(const PositionFit& fit, long i) const {
    return (fit.solution.values - truth_at(i)).cwiseAbs().maxCoeff() < 0.35;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_linear_model_has_the_closed_form) {
  // I = 50 + A p, gaussian: the coupled values are H⁻¹ (AᵀA/σ² p_alone), H = AᵀA/σ² + DᵀD/s².
  class Linear : public ToyModel {
   public:
    explicit Linear(const Eigen::MatrixXd& A) : ToyModel(int(A.rows()), 2, 50), A_(A) {}
    void evaluate(const double* values, Eigen::VectorXd& intensity,
                  Eigen::MatrixXd* jacobian) const override {
      intensity = 50 + (A_ * Eigen::Map<const Eigen::Vector2d>(values)).array();
      if (jacobian) *jacobian = A_;
    }

   private:
    Eigen::MatrixXd A_;
  };
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  Eigen::MatrixXd A(8, 2);
  for (double& a : A.reshaped()) a = normal(random);
  const Linear model(A);
  const ScanGrid small{5, 6};
  const int positions = 30;
  std::vector<DiskData> data(positions);
  std::vector<PositionFit> alone;
  FitOptions options = options_of(2);
  for (int i = 0; i < positions; ++i) {
    data[i].noise.kind = Noise::gaussian;
    data[i].variance = Eigen::VectorXd::Constant(8, 0.25);
    data[i].intensity = 50 + (A * Eigen::Vector2d(1 + 0.1 * i, -2)).array();
    for (double& d : data[i].intensity) d += 0.5 * normal(random);
    alone.push_back(fit_position(model, {Eigen::Vector2d(0, 0)}, data[i], options));
  }
  const std::vector<char> usable(positions, 1);
  std::vector<Prior> priors = {
      {"p", scan_differences(small, usable, 2, 0, 2), 0.1, PriorKind::normal},
      {"q", scan_differences(small, usable, 2, 1, 1), 0.2, PriorKind::normal}};
  const Coupling coupled = couple(model, data, options, priors, alone);
  BOOST_TEST(coupled.converged);

  Eigen::MatrixXd H = Eigen::MatrixXd::Zero(2 * positions, 2 * positions);
  Eigen::VectorXd right(2 * positions);
  for (int i = 0; i < positions; ++i) {
    const Eigen::Matrix2d own = A.transpose() * A / 0.25 / alone[i].cramer_rao_factor;
    H.block(2 * i, 2 * i, 2, 2) = own;
    right.segment(2 * i, 2) = own * alone[i].solution.values;
  }
  for (const Prior& prior : priors)
    H += Eigen::MatrixXd(prior.D.transpose() * prior.D) / (prior.sigma * prior.sigma);
  const Eigen::MatrixXd covariance = H.inverse();
  const Eigen::VectorXd expected = covariance * right;
  for (int i = 0; i < positions; ++i)
    for (int k = 0; k < 2; ++k) {
      const double sigma = std::sqrt(covariance(2 * i + k, 2 * i + k));
      BOOST_TEST(std::abs(coupled.fits[i].solution.values[k] - expected[2 * i + k]) < 0.02 * sigma);
      // The stated error bar: at most what the data alone give, at least the exact one. It leaves
      // out what comes from beyond the neighbours; these priors are two to four times stronger than
      // a position's own data, so that this is much.
      const double stated = std::sqrt(coupled.fits[i].covariance(k, k));
      BOOST_TEST(stated >= sigma * (1 - 1e-9));
      BOOST_TEST(stated <= 1.5 * sigma);
      BOOST_TEST(stated <= std::sqrt(alone[i].covariance(k, k)) * (1 + 1e-9));
    }
}

BOOST_AUTO_TEST_CASE(neighbours_resolve_what_noise_confuses_and_walls_stay_sharp) {
  const AmbiguousScan scan;
  const Coupling coupled =
      couple(scan.model, scan.data, options_of(3), scan.priors(0, 0), scan.alone);
  BOOST_TEST(coupled.converged);
  BOOST_TEST_MESSAGE("estimated: tilt " << coupled.sigmas[0] << ", polarization "
                                        << coupled.sigmas[1] << "; " << coupled.iterations
                                        << " iterations");
  int wrong_alone = 0, wrong = 0, flagged = 0;
  double square_alone = 0, square = 0, near_wall[2] = {};
  int right = 0;
  for (long i = 0; i < side * side; ++i) {
    if (i == 40) continue;
    wrong_alone += !scan.right(scan.alone[i], i);
    wrong += !scan.right(coupled.fits[i], i);
    flagged += coupled.changed[i];
    BOOST_TEST(bool(coupled.changed[i]) == !scan.right(scan.alone[i], i));
    const double p = coupled.fits[i].solution.values[1] - truth_at(i)[1];
    if (i % side == 4 || i % side == 5) near_wall[i % side - 4] += p / side;
    if (!scan.right(scan.alone[i], i)) continue;
    ++right;
    square_alone += std::pow(scan.alone[i].solution.values[1] - truth_at(i)[1], 2);
    square += p * p;
  }
  BOOST_TEST_MESSAGE("wrong basins: " << wrong_alone << " alone, " << wrong << " coupled; rms of "
                                      << "polarization " << std::sqrt(square_alone / right) << ", "
                                      << std::sqrt(square / right)
                                      << "; mean error beside the wall " << near_wall[0] << ", "
                                      << near_wall[1]);
  BOOST_TEST(wrong_alone >= 10);
  BOOST_TEST(wrong == 0);
  BOOST_TEST(square < 0.5 * square_alone);
  // A step of 1.4 smeared over its neighbours by a twentieth would show as 0.07; the mean of twelve
  // values beside the wall is known to a third of the error of one.
  for (const double error : near_wall) BOOST_TEST(std::abs(error) < 0.02);
  BOOST_TEST(int(coupled.fits[40].status) == int(FitStatus::no_data));
}

BOOST_AUTO_TEST_CASE(weak_priors_change_nothing) {
  const AmbiguousScan scan;
  const Coupling coupled =
      couple(scan.model, scan.data, options_of(3), scan.priors(1e4, 1e4), scan.alone);
  for (long i = 0; i < side * side; ++i) {
    if (i == 40) continue;
    BOOST_TEST(coupled.changed[i] == 0);
    for (int k = 0; k < 2; ++k) {
      const double variance = scan.alone[i].covariance(k, k);
      BOOST_TEST(std::abs(coupled.fits[i].solution.values[k] - scan.alone[i].solution.values[k]) <
                 0.02 * std::sqrt(variance));
      BOOST_TEST(std::abs(coupled.fits[i].covariance(k, k) / variance - 1) < 1e-3);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_basin_that_only_neighbours_found) {
  // With one basin kept, wrong positions have no right candidate but their neighbours'.
  const AmbiguousScan scan;
  std::vector<PositionFit> poor = scan.alone;
  for (PositionFit& fit : poor)
    if (!fit.basins.empty()) fit.basins.resize(1);
  const Coupling coupled = couple(scan.model, scan.data, options_of(1), scan.priors(0, 0), poor);
  int wrong = 0;
  for (long i = 0; i < side * side; ++i)
    if (i != 40) wrong += !scan.right(coupled.fits[i], i);
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(no_prior_outweighs_decisive_data) {
  // One position of opposite polarization whose counts leave no doubt.
  AmbiguousScan scan;
  const MirrorModel clear(0.3);
  std::mt19937 random(2);
  std::vector<DiskData> data;
  for (long i = 0; i < side * side; ++i) {
    const Eigen::Vector2d truth(0.3, i == 77 ? -0.7 : 0.7);
    data.push_back(toy_counts(clear, truth, 1e4, 1, 0, &random));
  }
  const auto alone = fit_scan(clear, StartTable(clear, 400), data, options_of(3));
  const Coupling coupled = couple(clear, data, options_of(3), scan.priors(0.01, 0.01), alone);
  BOOST_TEST(coupled.fits[77].solution.values[1] < -0.6);
  BOOST_TEST(coupled.changed[77] == 0);
}

BOOST_AUTO_TEST_CASE(threads_do_not_matter) {
  const AmbiguousScan scan;
  std::vector<Coupling> results;
  for (const int count : {1, 3}) {
    set_threads(count);
    results.push_back(couple(scan.model, scan.data, options_of(3), scan.priors(0, 0), scan.alone));
  }
  set_threads(0);
  for (long i = 0; i < side * side; ++i) {
    if (i == 40) continue;
    BOOST_TEST((results[0].fits[i].solution.values == results[1].fits[i].solution.values));
    BOOST_TEST((results[0].fits[i].covariance.diagonal().head(2) ==
                results[1].fits[i].covariance.diagonal().head(2)));
  }
}

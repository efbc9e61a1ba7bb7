#include "fit/solve.hpp"

#include <ceres/ceres.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/parallel.hpp"

namespace pendel {

namespace {

// A model value at or below it has no Poisson likelihood; far below any real count.
constexpr double least_count = 1e-9;

/// Residuals over one block (a position's own parameters, scale, background) and, if there are shared
/// parameters, a second block of these.
class DiskCost : public ceres::CostFunction {
 public:
  DiskCost(const DiskModel& model, const DiskData& data, const std::vector<int>& shared = {})
      : model_(model), data_(data), shared_(shared) {
    for (int i = 0; i < data.intensity.size(); ++i)
      if (std::isfinite(data.intensity[i])) used_.push_back(i);
    for (int k = 0; k < int(model.parameters().size()); ++k)
      if (std::find(shared.begin(), shared.end(), k) == shared.end()) own_.push_back(k);
    set_num_residuals(int(used_.size()));
    mutable_parameter_block_sizes()->push_back(int(own_.size()) + 2);
    if (!shared_.empty()) mutable_parameter_block_sizes()->push_back(int(shared_.size()));
  }

  const std::vector<int>& own() const { return own_; }

  bool Evaluate(double const* const* blocks, double* residuals, double** jacobians) const override {
    const int n_own = int(own_.size()), n_shared = int(shared_.size());
    Eigen::VectorXd values(n_own + n_shared);
    for (int k = 0; k < n_own; ++k) values[own_[k]] = blocks[0][k];
    for (int k = 0; k < n_shared; ++k) values[shared_[k]] = blocks[1][k];
    const double scale = blocks[0][n_own] * data_.dose, background = blocks[0][n_own + 1];
    double* own_jacobian = jacobians ? jacobians[0] : nullptr;
    double* shared_jacobian = jacobians && n_shared ? jacobians[1] : nullptr;
    Eigen::VectorXd intensity;
    Eigen::MatrixXd d_intensity;
    model_.evaluate(values.data(), intensity, own_jacobian || shared_jacobian ? &d_intensity : nullptr);
    for (std::size_t row = 0; row < used_.size(); ++row) {
      const int i = used_[row];
      const double m = std::max(scale * intensity[i] + background, least_count);
      const double variance = data_.noise == Noise::gaussian ? data_.variance[i] : 0;
      double slope;
      residuals[row] = residual(data_.noise, data_.intensity[i], variance, m, &slope);
      if (!std::isfinite(residuals[row])) return false;
      if (own_jacobian) {
        double* out = own_jacobian + row * (n_own + 2);
        for (int k = 0; k < n_own; ++k) out[k] = slope * scale * d_intensity(i, own_[k]);
        out[n_own] = slope * data_.dose * intensity[i];
        out[n_own + 1] = slope;
      }
      if (shared_jacobian)
        for (int k = 0; k < n_shared; ++k)
          shared_jacobian[row * n_shared + k] = slope * scale * d_intensity(i, shared_[k]);
    }
    return true;
  }

 private:
  const DiskModel& model_;
  const DiskData& data_;
  std::vector<int> shared_, own_, used_;
};

/// Bounds of one parameter block; a parameter whose bounds are equal is held.
void bound(ceres::Problem& problem, double* block, const std::vector<std::pair<double, double>>& ranges) {
  std::vector<int> constant;
  for (int k = 0; k < int(ranges.size()); ++k) {
    const auto [lower, upper] = ranges[k];
    block[k] = std::clamp(block[k], lower, upper);
    if (lower == upper) {
      constant.push_back(k);
      continue;
    }
    problem.SetParameterLowerBound(block, k, lower);
    problem.SetParameterUpperBound(block, k, upper);
  }
  if (constant.size() == ranges.size())
    problem.SetParameterBlockConstant(block);
  else if (!constant.empty())
    problem.SetParameterization(block, new ceres::SubsetParameterization(int(ranges.size()), constant));
}

std::vector<std::pair<double, double>> own_ranges(const DiskModel& model, const std::vector<int>& own,
                                                  const Nuisance& nuisance) {
  std::vector<std::pair<double, double>> ranges;
  for (int k : own) ranges.emplace_back(model.parameters()[k].lower, model.parameters()[k].upper);
  ranges.emplace_back(nuisance.scale_lower, nuisance.scale_upper);
  ranges.emplace_back(nuisance.background_lower, nuisance.background_upper);
  return ranges;
}

ceres::Solver::Options solver_options(const SolveOptions& options) {
  ceres::Solver::Options solver;
  solver.linear_solver_type = ceres::DENSE_QR;
  solver.max_num_iterations = options.max_iterations;
  solver.function_tolerance = options.tolerance;
  solver.logging_type = ceres::SILENT;
  solver.num_threads = 1;
  return solver;
}

Eigen::VectorXd data_weights(const DiskData& data) {
  Eigen::VectorXd weights(data.intensity.size());
  for (int i = 0; i < weights.size(); ++i) {
    const double d = data.intensity[i];
    weights[i] = !std::isfinite(d)                  ? 0
                 : data.noise == Noise::gaussian    ? 1 / data.variance[i]
                                                    : 1 / std::max(d, 1.0);
  }
  return weights;
}

}  // namespace

LinearFit fit_scale(const Eigen::VectorXd& intensity, const DiskData& data,
                    const Eigen::VectorXd& weights, const Nuisance& nuisance) {
  double ww = 0, wi = 0, wii = 0, wd = 0, wid = 0, wdd = 0;
  for (int i = 0; i < intensity.size(); ++i) {
    const double w = weights[i];
    if (w == 0) continue;
    const double I = data.dose * intensity[i], d = data.intensity[i];
    ww += w;
    wi += w * I;
    wii += w * I * I;
    wd += w * d;
    wid += w * I * d;
    wdd += w * d * d;
  }
  const auto clamp_scale = [&](double x) { return std::clamp(x, nuisance.scale_lower, nuisance.scale_upper); };
  const auto clamp_background = [&](double x) {
    return std::clamp(x, nuisance.background_lower, nuisance.background_upper);
  };
  const double determinant = ww * wii - wi * wi;
  double background = clamp_background(determinant > 0 ? (wii * wd - wi * wid) / determinant : 0);
  const double scale = clamp_scale(wii > 0 ? (wid - background * wi) / wii : 1);
  background = clamp_background(ww > 0 ? (wd - scale * wi) / ww : 0);
  const double chi2 = wdd + scale * scale * wii + background * background * ww - 2 * scale * wid -
                      2 * background * wd + 2 * scale * background * wi;
  return {scale, background, std::max(chi2, 0.0)};
}

Solution solve(const DiskModel& model, const DiskData& data, const Nuisance& nuisance,
               const SolveOptions& options, const Eigen::VectorXd& start) {
  const int n = int(model.parameters().size());
  Eigen::VectorXd x(n + 2);
  for (int k = 0; k < n; ++k)
    x[k] = std::clamp(start[k], model.parameters()[k].lower, model.parameters()[k].upper);
  Eigen::VectorXd intensity;
  model.evaluate(x.data(), intensity, nullptr);
  const LinearFit linear = fit_scale(intensity, data, data_weights(data), nuisance);
  x[n] = linear.scale;
  x[n + 1] = linear.background;

  ceres::Problem::Options problem_options;
  problem_options.cost_function_ownership = ceres::DO_NOT_TAKE_OWNERSHIP;
  DiskCost cost(model, data);
  ceres::Problem problem(problem_options);
  problem.AddResidualBlock(&cost, nullptr, x.data());
  bound(problem, x.data(), own_ranges(model, cost.own(), nuisance));
  ceres::Solver::Summary summary;
  ceres::Solve(solver_options(options), &problem, &summary);

  Solution solution;
  solution.values = x.head(n);
  solution.scale = x[n];
  solution.background = x[n + 1];
  solution.chi2 = 2 * summary.final_cost;
  solution.iterations = int(summary.iterations.size());
  solution.converged = summary.termination_type == ceres::CONVERGENCE;
  return solution;
}

SharedFit solve_shared(const DiskModel& model, const std::vector<int>& shared,
                       const std::vector<DiskData>& data, const Nuisance& nuisance,
                       const SolveOptions& options, const std::vector<Eigen::VectorXd>& starts,
                       const Eigen::VectorXd& shared_start) {
  ceres::Problem problem;
  Eigen::VectorXd common = shared_start;
  std::vector<Eigen::VectorXd> own(data.size());
  int residuals = 0, unknowns = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    auto* cost = new DiskCost(model, data[i], shared);
    Eigen::VectorXd at = starts[i], intensity;
    for (std::size_t k = 0; k < shared.size(); ++k) at[shared[k]] = common[k];
    model.evaluate(at.data(), intensity, nullptr);
    const LinearFit linear = fit_scale(intensity, data[i], data_weights(data[i]), nuisance);
    own[i].resize(long(cost->own().size()) + 2);
    for (std::size_t k = 0; k < cost->own().size(); ++k) own[i][k] = at[cost->own()[k]];
    own[i].tail<2>() << linear.scale, linear.background;
    problem.AddResidualBlock(cost, nullptr, own[i].data(), common.data());
    const auto ranges = own_ranges(model, cost->own(), nuisance);
    bound(problem, own[i].data(), ranges);
    residuals += cost->num_residuals();
    for (const auto& [lower, upper] : ranges) unknowns += lower < upper;
  }
  std::vector<std::pair<double, double>> ranges;
  for (int k : shared) ranges.emplace_back(model.parameters()[k].lower, model.parameters()[k].upper);
  bound(problem, common.data(), ranges);

  ceres::Solver::Options solver = solver_options(options);
  solver.linear_solver_type = ceres::DENSE_SCHUR;
  solver.num_threads = threads();
  auto* ordering = new ceres::ParameterBlockOrdering;
  for (Eigen::VectorXd& block : own) ordering->AddElementToGroup(block.data(), 0);
  ordering->AddElementToGroup(common.data(), 1);
  solver.linear_solver_ordering.reset(ordering);
  ceres::Solver::Summary summary;
  ceres::Solve(solver, &problem, &summary);

  SharedFit fit;
  fit.values = common;
  fit.converged = summary.termination_type == ceres::CONVERGENCE;
  fit.reduced_chi2 = 2 * summary.final_cost / std::max(1, residuals - unknowns - int(shared.size()));
  fit.errors = Eigen::VectorXd::Constant(long(shared.size()), std::numeric_limits<double>::quiet_NaN());
  ceres::Covariance::Options covariance_options;
  covariance_options.algorithm_type = ceres::DENSE_SVD;
  covariance_options.null_space_rank = -1;
  ceres::Covariance covariance(covariance_options);
  Eigen::MatrixXd block(shared.size(), shared.size());
  const double* pointer = common.data();
  if (covariance.Compute({{pointer, pointer}}, &problem) &&
      covariance.GetCovarianceBlock(pointer, pointer, block.data()))
    fit.errors = (block.diagonal() * std::max(1.0, fit.reduced_chi2)).cwiseSqrt();
  return fit;
}

}  // namespace pendel

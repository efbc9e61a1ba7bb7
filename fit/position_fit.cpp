#include "fit/position_fit.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

namespace pendel {

namespace {

// Two solutions closer than this fraction of the ranges are the same basin.
constexpr double same_basin = 0.01;

bool same(const Solution& a, const Solution& b, const std::vector<Parameter>& parameters) {
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const double range = parameters[k].upper - parameters[k].lower;
    if (std::abs(a.values[k] - b.values[k]) > same_basin * range) return false;
  }
  return true;
}

std::vector<Solution> distinct(std::vector<Solution> solutions, const std::vector<Parameter>& parameters) {
  std::sort(solutions.begin(), solutions.end(),
            [](const Solution& a, const Solution& b) { return a.chi2 < b.chi2; });
  std::vector<Solution> result;
  for (const Solution& s : solutions)
    if (std::none_of(result.begin(), result.end(),
                     [&](const Solution& r) { return same(r, s, parameters); }))
      result.push_back(s);
  return result;
}

/// Inverse of the Fisher matrix over the free unknowns; NaN elsewhere and along what it leaves
/// undetermined (eigenvalues of the scaled matrix below rounding).
Eigen::MatrixXd covariance_of(const Eigen::MatrixXd& J, const std::vector<int>& free) {
  const int n = int(J.cols()), m = int(free.size());
  Eigen::MatrixXd result =
      Eigen::MatrixXd::Constant(n, n, std::numeric_limits<double>::quiet_NaN());
  if (m == 0) return result;
  const Eigen::MatrixXd A = J(Eigen::all, free);
  const Eigen::VectorXd norm = A.colwise().norm().cwiseMax(1e-300);
  const Eigen::MatrixXd fisher = (A * norm.cwiseInverse().asDiagonal()).transpose() *
                                 (A * norm.cwiseInverse().asDiagonal());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(fisher);
  Eigen::MatrixXd inverse = Eigen::MatrixXd::Zero(m, m);
  std::vector<char> undetermined(m, 0);
  for (int i = 0; i < m; ++i) {
    const Eigen::VectorXd v = eigen.eigenvectors().col(i);
    if (eigen.eigenvalues()[i] > 1e-12) {
      inverse += v * v.transpose() / eigen.eigenvalues()[i];
    } else {
      for (int k = 0; k < m; ++k) undetermined[k] |= std::abs(v[k]) > 0.1;
    }
  }
  for (int i = 0; i < m; ++i)
    for (int k = 0; k < m; ++k)
      if (!undetermined[i] && !undetermined[k])
        result(free[i], free[k]) = inverse(i, k) / (norm[i] * norm[k]);
  return result;
}

}  // namespace

PositionFit fit_position(const DiskModel& model, const StartTable& table, const DiskData& data,
                         const FitOptions& options) {
  return fit_position(model,
                      table.best(data, options.nuisance, options.starts, options.start_distance),
                      data, options);
}

PositionFit fit_position(const DiskModel& model, const std::vector<Eigen::VectorXd>& starts,
                         const DiskData& data, const FitOptions& options) {
  const std::vector<Parameter>& parameters = model.parameters();
  const int n = int(parameters.size());
  const double nan = std::numeric_limits<double>::quiet_NaN();

  std::vector<int> free;
  for (int k = 0; k < n; ++k)
    if (parameters[k].lower < parameters[k].upper) free.push_back(k);
  if (options.nuisance.scale_lower < options.nuisance.scale_upper) free.push_back(n);
  if (options.nuisance.background_lower < options.nuisance.background_upper) free.push_back(n + 1);

  PositionFit fit;
  fit.covariance = Eigen::MatrixXd::Constant(n + 2, n + 2, nan);
  const int used = int(data.intensity.array().isFinite().count());
  fit.degrees_of_freedom = used - int(free.size());
  if (fit.degrees_of_freedom < 1 || starts.empty()) {
    fit.solution.values = Eigen::VectorXd::Constant(n, nan);
    fit.solution.scale = fit.solution.background = fit.solution.chi2 = nan;
    fit.reduced_chi2 = fit.second_basin_ratio = fit.cramer_rao_factor = nan;
    fit.fitted = Eigen::VectorXd::Constant(data.intensity.size(), nan);
    return fit;
  }

  // Screen every start with a few iterations, polish the best distinct ones.
  SolveOptions screening = options.solve;
  screening.max_iterations = options.screening_iterations;
  std::vector<Solution> solutions;
  for (const Eigen::VectorXd& start : starts)
    solutions.push_back(solve(model, data, options.nuisance,
                              starts.size() > 1 ? screening : options.solve, start));
  solutions = distinct(solutions, parameters);
  if (int(solutions.size()) > options.basins) solutions.resize(options.basins);
  if (starts.size() > 1)
    for (Solution& s : solutions)
      if (!s.converged) s = solve(model, data, options.nuisance, options.solve, s.values);
  solutions = distinct(solutions, parameters);

  fit.solution = solutions.front();
  fit.status = fit.solution.converged ? FitStatus::converged : FitStatus::not_converged;
  fit.reduced_chi2 = fit.solution.chi2 / fit.degrees_of_freedom;
  fit.second_basin_ratio = solutions.size() > 1 ? solutions[1].chi2 / solutions[0].chi2 : nan;

  // Fisher matrix with the variances that the fitted model predicts.
  Eigen::VectorXd intensity;
  Eigen::MatrixXd jacobian;
  model.evaluate(fit.solution.values.data(), intensity, &jacobian);
  const double amplitude = fit.solution.scale * data.dose;
  fit.fitted = amplitude * intensity.array() + fit.solution.background;
  Eigen::MatrixXd J(intensity.size(), n + 2);
  J << amplitude * jacobian, data.dose * intensity, Eigen::VectorXd::Ones(intensity.size());
  for (int i = 0; i < intensity.size(); ++i) {
    const double variance = model_variance(
        data.noise, data.noise == Noise::gaussian ? data.variance[i] : 0, fit.fitted[i]);
    J.row(i) *= std::isfinite(data.intensity[i]) && variance > 0 ? 1 / std::sqrt(variance) : 0.0;
  }
  fit.cramer_rao_factor = std::max(1.0, fit.reduced_chi2);
  fit.covariance = fit.cramer_rao_factor * covariance_of(J, free);
  return fit;
}

}  // namespace pendel

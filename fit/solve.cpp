#include "fit/solve.hpp"

#include <ceres/ceres.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/least_squares.hpp"
#include "core/parallel.hpp"
#include "fit/uncertainty.hpp"

namespace pendel {

namespace {

// A model value at or below it has no Poisson likelihood; far below any real count.
constexpr double least_count = 1e-9;

/// Every unknown of a position: the model's parameters, scale, background.
using Unknowns = Eigen::VectorXd;

/// Residuals over one block of a position's own free unknowns and, if there are shared ones, a
/// second block of these; the others keep the values in `x`. Behind those of the data come the
/// priors' of all but the shared parameters.
class DiskCost : public ceres::CostFunction {
 public:
  DiskCost(const DiskModel& model, const DiskData& data, Unknowns x, const std::vector<int>& own,
           const std::vector<int>& shared)
      : model_(model), data_(data), x_(std::move(x)), columns_{own, shared} {
    for (int i = 0; i < data.intensity.size(); ++i)
      if (std::isfinite(data.intensity[i])) used_.push_back(i);
    for (int k = 0; k < int(model.parameters().size()); ++k)
      if (model.parameters()[std::size_t(k)].has_prior() &&
          std::find(shared.begin(), shared.end(), k) == shared.end())
        priors_.push_back(k);
    set_num_residuals(int(used_.size() + priors_.size()));
    for (const std::vector<int>& block : columns_)
      if (!block.empty()) mutable_parameter_block_sizes()->push_back(int(block.size()));
  }

  /// The unknowns to begin with: those given, scale and background fitted to the data.
  Unknowns start(const Nuisance& nuisance) {
    const long n = x_.size() - 2;
    predict(x_.head(n));
    WeightedSums sums;
    for (int i = 0; i < intensity_.size(); ++i) {
      const double d = data_.intensity[i], I = data_.dose * intensity_[i];
      if (!std::isfinite(d)) continue;
      const double w = 1 / measured_variance(data_, i);
      sums.w += w;
      sums.wI += w * I;
      sums.wII += w * I * I;
      sums.wd += w * d;
      sums.wId += w * I * d;
      sums.wdd += w * d * d;
    }
    const LinearFit linear = fit_scale(sums, nuisance);
    x_[n] = linear.scale;
    x_[n + 1] = linear.background;
    return x_;
  }

  /// Computes what Evaluate will need there.
  void prepare(double const* const* blocks) const {
    predict(unknowns_at(blocks).head(long(model_.parameters().size())));
  }

  bool Evaluate(double const* const* blocks, double* residuals, double** jacobians) const override {
    const int n = int(model_.parameters().size());
    const Unknowns x = unknowns_at(blocks);
    int number = 0;
    const double scale = x[n] * data_.dose, background = x[n + 1];
    predict(x.head(n));
    for (std::size_t row = 0; row < used_.size(); ++row) {
      const int i = used_[row];
      const double m = std::max(scale * intensity_[i] + background, least_count);
      double slope;
      residuals[row] = residual(data_, i, m, &slope);
      if (!std::isfinite(residuals[row])) return false;
      number = 0;
      for (const std::vector<int>& block : columns_) {
        if (block.empty()) continue;
        double* out = jacobians ? jacobians[number] : nullptr;
        ++number;
        if (!out) continue;
        for (std::size_t k = 0; k < block.size(); ++k) {
          const int c = block[k];
          const double derivative = c < n    ? scale * d_intensity_(i, c)
                                    : c == n ? data_.dose * intensity_[i]
                                             : 1.0;
          out[row * block.size() + k] = slope * derivative;
        }
      }
    }
    for (std::size_t j = 0; j < priors_.size(); ++j) {
      const Parameter& p = model_.parameters()[std::size_t(priors_[j])];
      const std::size_t row = used_.size() + j;
      residuals[row] = (x[priors_[j]] - p.prior_mean) / p.prior_sigma;
      number = 0;
      for (const std::vector<int>& block : columns_) {
        if (block.empty()) continue;
        double* out = jacobians ? jacobians[number] : nullptr;
        ++number;
        for (std::size_t k = 0; out && k < block.size(); ++k)
          out[row * block.size() + k] = block[k] == priors_[j] ? 1 / p.prior_sigma : 0;
      }
    }
    return true;
  }

 private:
  Unknowns unknowns_at(double const* const* blocks) const {
    Unknowns x = x_;
    int number = 0;
    for (const std::vector<int>& block : columns_) {
      if (block.empty()) continue;
      for (std::size_t k = 0; k < block.size(); ++k) x[block[k]] = blocks[number][k];
      ++number;
    }
    return x;
  }

  // Ceres asks for a point's residuals first and, nearly always, for its Jacobian next.
  void predict(const Eigen::VectorXd& values) const {
    if (at_.size() == values.size() && at_ == values) return;
    at_ = values;
    model_.evaluate(values.data(), intensity_, &d_intensity_);
  }

  const DiskModel& model_;
  const DiskData& data_;
  Unknowns x_;
  std::vector<std::vector<int>> columns_;   // own, shared: indices into x_
  std::vector<int> used_, priors_;          // disks; parameters
  mutable Eigen::VectorXd at_, intensity_;  // the last point asked for; one solve uses one thread
  mutable Eigen::MatrixXd d_intensity_;
};

/// The models of all positions, in parallel. Ceres itself runs in one thread: the order of its sums
/// would depend on their number.
class AllPositions : public ceres::EvaluationCallback {
 public:
  void add(const DiskCost* cost, std::vector<double*> blocks) {
    costs_.emplace_back(cost, std::move(blocks));
  }
  void PrepareForEvaluation(bool, bool new_point) override {
    if (new_point)
      parallel_for(long(costs_.size()), [&](long i, int) {
        costs_[std::size_t(i)].first->prepare(costs_[std::size_t(i)].second.data());
      });
  }

  /// Of the data: what is left of it once every position's own unknowns are fitted.
  Eigen::MatrixXd information_of_shared(long shared) const {
    std::vector<Eigen::MatrixXd> parts(costs_.size());
    parallel_for(long(costs_.size()), [&](long i, int) {
      const auto& [cost, blocks] = costs_[std::size_t(i)];
      using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
      const long rows = cost->num_residuals();
      Eigen::VectorXd residuals(rows);
      Rows own(rows, blocks.size() > 1 ? cost->parameter_block_sizes().front() : 0),
          B(rows, shared);
      std::vector<double*> jacobians;
      if (own.cols() > 0) jacobians.push_back(own.data());
      jacobians.push_back(B.data());
      cost->Evaluate(blocks.data(), residuals.data(), jacobians.data());
      Eigen::MatrixXd left = B;
      if (own.cols() > 0) {
        const Eigen::MatrixXd A = own;
        left -= A * A.completeOrthogonalDecomposition().solve(left);
      }
      parts[std::size_t(i)] = left.transpose() * left;
    });
    Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(shared, shared);
    for (const Eigen::MatrixXd& part : parts) sum += part;
    return sum;
  }

 private:
  std::vector<std::pair<const DiskCost*, std::vector<double*>>> costs_;
};

/// The priors of shared parameters.
class SharedPriors : public ceres::CostFunction {
 public:
  SharedPriors(std::vector<Parameter> parameters) : parameters_(std::move(parameters)) {
    set_num_residuals(int(parameters_.size()));
    mutable_parameter_block_sizes()->push_back(int(parameters_.size()));
  }
  bool Evaluate(double const* const* blocks, double* residuals, double** jacobians) const override {
    const std::size_t n = parameters_.size();
    for (std::size_t k = 0; k < n; ++k) {
      const double weight = parameters_[k].has_prior() ? 1 / parameters_[k].prior_sigma : 0;
      residuals[k] = weight * (blocks[0][k] - parameters_[k].prior_mean);
      for (std::size_t j = 0; jacobians && jacobians[0] && j < n; ++j)
        jacobians[0][k * n + j] = j == k ? weight : 0;
    }
    return true;
  }

 private:
  std::vector<Parameter> parameters_;
};

struct Range {
  double lower, upper;
};

/// Of every unknown; one whose bounds are equal is held.
std::vector<Range> ranges_of(const DiskModel& model, const Nuisance& nuisance) {
  std::vector<Range> ranges;
  for (const Parameter& p : model.parameters()) ranges.push_back({p.lower, p.upper});
  ranges.push_back({nuisance.scale_lower, nuisance.scale_upper});
  ranges.push_back({nuisance.background_lower, nuisance.background_upper});
  return ranges;
}

/// start within its ranges; scale and background are left to DiskCost::start.
Unknowns within(const std::vector<Range>& ranges, const Eigen::VectorXd& start) {
  Unknowns x = Unknowns::Zero(start.size() + 2);
  for (int k = 0; k < start.size(); ++k)
    x[k] = std::clamp(start[k], ranges[k].lower, ranges[k].upper);
  return x;
}

/// A position's own free unknowns: all that are free but the shared ones.
std::vector<int> own_unknowns(const DiskModel& model, const Nuisance& nuisance,
                              const std::vector<int>& shared) {
  std::vector<int> own;
  for (int k : free_unknowns(model, nuisance))
    if (std::find(shared.begin(), shared.end(), k) == shared.end()) own.push_back(k);
  return own;
}

void set_bounds(ceres::Problem& problem, double* block, const std::vector<int>& unknowns,
                const std::vector<Range>& ranges) {
  for (std::size_t k = 0; k < unknowns.size(); ++k) {
    problem.SetParameterLowerBound(block, int(k), ranges[unknowns[k]].lower);
    problem.SetParameterUpperBound(block, int(k), ranges[unknowns[k]].upper);
  }
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

}  // namespace

LinearFit fit_scale(const WeightedSums& s, const Nuisance& nuisance) {
  const auto bounded = [](double x, double lower, double upper) {
    return std::clamp(x, lower, upper);
  };
  const double determinant = s.w * s.wII - s.wI * s.wI;
  double background = bounded(determinant > 0 ? (s.wII * s.wd - s.wI * s.wId) / determinant : 0,
                              nuisance.background_lower, nuisance.background_upper);
  const double scale = bounded(s.wII > 0 ? (s.wId - background * s.wI) / s.wII : 1,
                               nuisance.scale_lower, nuisance.scale_upper);
  background = bounded(s.w > 0 ? (s.wd - scale * s.wI) / s.w : 0, nuisance.background_lower,
                       nuisance.background_upper);
  const double chi2 = s.wdd + scale * scale * s.wII + background * background * s.w -
                      2 * scale * s.wId - 2 * background * s.wd + 2 * scale * background * s.wI;
  return {scale, background, std::max(chi2, 0.0)};
}

Solution solve(const DiskModel& model, const DiskData& data, const Nuisance& nuisance,
               const SolveOptions& options, const Eigen::VectorXd& start) {
  const std::vector<Range> ranges = ranges_of(model, nuisance);
  const std::vector<int> own = free_unknowns(model, nuisance);
  DiskCost cost(model, data, within(ranges, start), own, std::vector<int>());
  Unknowns x = cost.start(nuisance);
  Eigen::VectorXd block = x(own), lower(own.size()), upper(own.size());
  for (std::size_t k = 0; k < own.size(); ++k) {
    lower[long(k)] = ranges[own[k]].lower;
    upper[long(k)] = ranges[own[k]].upper;
  }
  const Minimum minimum = minimise(
      [&](const double* at, double* residuals, double* jacobian) {
        return cost.Evaluate(&at, residuals, &jacobian);
      },
      cost.num_residuals(), block, lower, upper, options.max_iterations, options.tolerance);
  for (std::size_t k = 0; k < own.size(); ++k) x[own[k]] = block[long(k)];

  Solution solution;
  const long n = x.size() - 2;
  solution.values = x.head(n);
  solution.scale = x[n];
  solution.background = x[n + 1];
  solution.chi2 = minimum.chi2;
  solution.iterations = minimum.iterations;
  solution.converged = minimum.converged;
  return solution;
}

SharedFit solve_shared(const DiskModel& model, const std::vector<int>& shared,
                       const std::vector<DiskData>& data, const Nuisance& nuisance,
                       const SolveOptions& options, const std::vector<Eigen::VectorXd>& starts,
                       const Eigen::VectorXd& shared_start) {
  const std::vector<Range> ranges = ranges_of(model, nuisance);
  const std::vector<int> own = own_unknowns(model, nuisance, shared);
  Eigen::VectorXd common = shared_start;
  for (std::size_t k = 0; k < shared.size(); ++k)
    common[k] = std::clamp(common[k], ranges[shared[k]].lower, ranges[shared[k]].upper);
  // One piece of memory: Ceres orders blocks by address, and sums in that order.
  Eigen::MatrixXd blocks(long(own.size()), long(data.size()));

  AllPositions all;
  ceres::Problem::Options problem_options;
  problem_options.evaluation_callback = &all;
  ceres::Problem problem(problem_options);
  auto* ordering = new ceres::ParameterBlockOrdering;  // the solver's options own it
  int residuals = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    Eigen::VectorXd start = starts[i];
    for (std::size_t k = 0; k < shared.size(); ++k) start[shared[k]] = common[k];
    auto* cost =
        new DiskCost(model, data[i], within(ranges, start), own, shared);  // the problem owns it
    double* block = blocks.data() + i * own.size();
    blocks.col(long(i)) = cost->start(nuisance)(own);
    std::vector<double*> parameters;
    if (!own.empty()) {
      parameters.push_back(block);
      ordering->AddElementToGroup(block, 0);
    }
    parameters.push_back(common.data());
    problem.AddResidualBlock(cost, nullptr, parameters);
    all.add(cost, parameters);
    set_bounds(problem, block, own, ranges);
    residuals += cost->num_residuals();
  }
  std::vector<Parameter> with_priors;
  for (const int k : shared) with_priors.push_back(model.parameters()[std::size_t(k)]);
  const auto has_prior = [](const Parameter& p) { return p.has_prior(); };
  residuals += int(std::count_if(with_priors.begin(), with_priors.end(), has_prior));
  problem.AddResidualBlock(new SharedPriors(with_priors), nullptr, common.data());
  set_bounds(problem, common.data(), shared, ranges);
  ordering->AddElementToGroup(common.data(), 1);

  ceres::Solver::Options solver = solver_options(options);
  solver.linear_solver_type = ceres::DENSE_SCHUR;
  solver.linear_solver_ordering.reset(ordering);
  ceres::Solver::Summary summary;
  ceres::Solve(solver, &problem, &summary);

  SharedFit fit;
  fit.values = common;
  fit.converged = summary.termination_type == ceres::CONVERGENCE;
  const int unknowns = int(own.size() * data.size() + shared.size());
  fit.reduced_chi2 = 2 * summary.final_cost / std::max(1, residuals - unknowns);
  // The scatter of the data enlarges what they contribute, not the priors' part.
  const double factor = std::max(1.0, fit.reduced_chi2);
  Eigen::MatrixXd of_priors = Eigen::MatrixXd::Zero(common.size(), common.size());
  for (std::size_t k = 0; k < shared.size(); ++k)
    if (with_priors[k].has_prior())
      of_priors(long(k), long(k)) = std::pow(with_priors[k].prior_sigma, -2);
  const Eigen::MatrixXd C =
      inverse_information(all.information_of_shared(common.size()) + of_priors);
  fit.covariance = factor * C;
  for (long k = 0; k < common.size(); ++k)
    if (of_priors(k, k) > 0) fit.covariance -= (factor - 1) * of_priors(k, k) * C.col(k) * C.row(k);
  fit.errors = fit.covariance.diagonal().cwiseSqrt();
  return fit;
}

}  // namespace pendel

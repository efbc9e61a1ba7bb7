#include "fit/position_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "fit/uncertainty.hpp"

namespace pendel {

namespace {

// Two solutions closer than this fraction of the ranges are the same basin; one that has not
// converged and is closer than the other is on its way to it.
constexpr double one_basin = 0.01, heading_there = 0.05;

bool near(const Solution& a, const Solution& b, const std::vector<Parameter>& parameters,
          double distance) {
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const double range = parameters[k].upper - parameters[k].lower;
    if (std::abs(a.values[long(k)] - b.values[long(k)]) > distance * range) return false;
  }
  return true;
}

bool any_near(const std::vector<Solution>& others, const Solution& solution,
              const std::vector<Parameter>& parameters, double distance) {
  return std::any_of(others.begin(), others.end(), [&](const Solution& other) {
    return near(other, solution, parameters, distance);
  });
}

/// In order of increasing χ².
std::vector<Solution> distinct(std::vector<Solution> solutions,
                               const std::vector<Parameter>& parameters, double distance) {
  std::sort(solutions.begin(), solutions.end(),
            [](const Solution& a, const Solution& b) { return a.chi2 < b.chi2; });
  std::vector<Solution> result;
  for (const Solution& s : solutions)
    if (!any_near(result, s, parameters, distance)) result.push_back(s);
  return result;
}

int degrees_of_freedom(const DiskModel& model, const DiskData& data, const Nuisance& nuisance) {
  return int(data.intensity.array().isFinite().count()) + free_priors(model) -
         int(free_unknowns(model, nuisance).size());
}

/// A model to which the difference to another one, at one point, is added everywhere.
class Corrected : public DiskModel {
 public:
  Corrected(const DiskModel& model, const DiskModel& engine, const Eigen::VectorXd& values)
      : model_(model) {
    Eigen::VectorXd from;
    model.evaluate(values.data(), from, nullptr);
    engine.evaluate(values.data(), difference_, nullptr);
    difference_ -= from;
  }
  const std::vector<Parameter>& parameters() const override { return model_.parameters(); }
  int disks() const override { return model_.disks(); }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override {
    model_.evaluate(values, intensity, jacobian);
    intensity += difference_;
  }

 private:
  const DiskModel& model_;
  Eigen::VectorXd difference_;
};

}  // namespace

PositionFit fit_position(const DiskModel& model, const StartTable& table, const DiskData& data,
                         const FitOptions& options, const DiskModel* engine) {
  return fit_position(model,
                      table.best(data, options.nuisance, options.starts, options.start_distance),
                      data, options, engine);
}

PositionFit fit_position(const DiskModel& model, const std::vector<Eigen::VectorXd>& starts,
                         const DiskData& data, const FitOptions& options, const DiskModel* engine) {
  const std::vector<Parameter>& parameters = model.parameters();
  const double nan = std::numeric_limits<double>::quiet_NaN();

  PositionFit fit;
  fit.degrees_of_freedom = degrees_of_freedom(model, data, options.nuisance);
  if (fit.degrees_of_freedom < 1 || starts.empty()) {
    const long n = long(parameters.size());
    fit.covariance = Eigen::MatrixXd::Constant(n + 2, n + 2, nan);
    fit.solution.values = Eigen::VectorXd::Constant(n, nan);
    fit.solution.scale = fit.solution.background = fit.solution.chi2 = nan;
    fit.reduced_chi2 = fit.second_basin_ratio = fit.cramer_rao_factor = fit.last_correction = nan;
    fit.fitted = Eigen::VectorXd::Constant(data.intensity.size(), nan);
    return fit;
  }

  // Screen every start with a few iterations, polish the best distinct ones.
  SolveOptions screening = options.solve;
  screening.max_iterations = options.screening_iterations;
  std::vector<Solution> solutions;
  for (const Eigen::VectorXd& start : starts)
    solutions.push_back(
        solve(model, data, options.nuisance, starts.size() > 1 ? screening : options.solve, start));
  solutions = distinct(solutions, parameters, one_basin);
  if (starts.size() > 1) {
    std::vector<Solution> polished;
    for (const Solution& s : solutions) {
      if (int(polished.size()) == options.basins) break;
      if (any_near(polished, s, parameters, heading_there)) continue;
      polished.push_back(
          s.converged ? s : solve(model, data, options.nuisance, options.solve, s.values));
    }
    solutions = distinct(polished, parameters, one_basin);
  }

  // Every solution by its own corrected model, which is kept for the best one.
  std::unique_ptr<Corrected> corrected;
  Eigen::VectorXd before = solutions.front().values;
  if (engine && options.corrections > 0) {
    std::vector<std::unique_ptr<Corrected>> models(solutions.size());
    std::vector<Eigen::VectorXd> from(solutions.size());
    for (std::size_t i = 0; i < solutions.size(); ++i)
      for (int k = 0; k < options.corrections; ++k) {
        from[i] = solutions[i].values;
        models[i] = std::make_unique<Corrected>(model, *engine, from[i]);
        solutions[i] = solve(*models[i], data, options.nuisance, options.solve, from[i]);
      }
    const std::size_t best = std::size_t(
        std::min_element(solutions.begin(), solutions.end(),
                         [](const Solution& a, const Solution& b) { return a.chi2 < b.chi2; }) -
        solutions.begin());
    corrected = std::move(models[best]);
    before = from[best];
    solutions = distinct(solutions, parameters, one_basin);
  }
  const DiskModel& last = corrected ? *corrected : model;

  fit.solution = solutions.front();
  fit.status = fit.solution.converged ? FitStatus::converged : FitStatus::not_converged;
  fit.second_basin_ratio = solutions.size() > 1 ? solutions[1].chi2 / solutions[0].chi2 : nan;
  fit.basins = std::move(solutions);
  fit.basins.resize(std::min<std::size_t>(fit.basins.size(), std::size_t(options.basins)));
  assess(last, data, options.nuisance, fit);
  fit.last_correction = nan;
  for (long k = 0; corrected && k < long(parameters.size()); ++k) {
    const double move = std::abs(fit.solution.values[k] - before[k]);
    if (std::isfinite(fit.covariance(k, k)))
      fit.last_correction = std::fmax(fit.last_correction, move / std::sqrt(fit.covariance(k, k)));
  }
  return fit;
}

bool same_basin(const Solution& a, const Solution& b, const std::vector<Parameter>& parameters) {
  return near(a, b, parameters, one_basin);
}

void assess(const DiskModel& model, const DiskData& data, const Nuisance& nuisance,
            PositionFit& fit) {
  const std::vector<int> free = free_unknowns(model, nuisance);
  fit.degrees_of_freedom = degrees_of_freedom(model, data, nuisance);
  fit.reduced_chi2 = fit.solution.chi2 / fit.degrees_of_freedom;
  const Eigen::MatrixXd J = weighted_jacobian(model, data, fit.solution, &fit.fitted, nullptr);
  const int by_data = std::max(0, int(free.size()) - free_priors(model));
  const double factor = std::max(1.0, scatter_factor(data, fit.fitted, by_data));
  fit.cramer_rao_factor = factor;
  // The scatter of the data enlarges what they contribute, not the priors' part.
  const Eigen::MatrixXd C = cramer_rao(J, free);
  fit.covariance = factor * C;
  for (std::size_t k = 0; k < model.parameters().size(); ++k) {
    const Parameter& p = model.parameters()[k];
    if (!p.has_prior() || !(p.lower < p.upper)) continue;
    fit.covariance -=
        (factor - 1) * C.col(long(k)) * C.row(long(k)) / (p.prior_sigma * p.prior_sigma);
  }
}

}  // namespace pendel

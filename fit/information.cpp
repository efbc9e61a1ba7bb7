#include "fit/information.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "fit/uncertainty.hpp"

namespace pendel {

namespace {

// A state is another one if it is further than this fraction of a range from the truth; solutions
// within it differ by where the iteration stopped.
constexpr double same_basin = 0.02;

bool near(const Eigen::VectorXd& a, const Eigen::VectorXd& b,
          const std::vector<Parameter>& parameters) {
  for (std::size_t k = 0; k < parameters.size(); ++k)
    if (std::abs(a[long(k)] - b[long(k)]) >
        same_basin * (parameters[k].upper - parameters[k].lower))
      return false;
  return true;
}

// Of a measurement that is not made yet: priors around the truth.
std::vector<Parameter> centred(std::vector<Parameter> parameters, const Eigen::VectorXd& values) {
  for (std::size_t k = 0; k < parameters.size(); ++k) parameters[k].prior_mean = values[long(k)];
  return parameters;
}

}  // namespace

DiskData expected_data(const DiskModel& model, const Eigen::VectorXd& values, double dose,
                       double background) {
  DiskData data;
  model.evaluate(values.data(), data.intensity, nullptr);
  data.intensity = (dose * data.intensity).array() + background;
  data.dose = dose;
  return data;
}

Eigen::VectorXd predicted_errors(const DiskModel& model, const DiskData& expected,
                                 const Eigen::VectorXd& values, double background,
                                 const Nuisance& nuisance) {
  Solution truth;
  truth.values = values;
  truth.background = background;
  const Eigen::MatrixXd J = weighted_jacobian(model, expected, truth, nullptr, nullptr);
  return cramer_rao(J, free_unknowns(model, nuisance)).diagonal().head(values.size()).cwiseSqrt();
}

Confusable nearest_confusable(const DiskModel& as_known, const StartTable& table,
                              const DiskData& expected, const Eigen::VectorXd& values,
                              const FitOptions& options) {
  const WithParameters model(as_known, centred(as_known.parameters(), values));
  const std::vector<Parameter>& parameters = model.parameters();
  SolveOptions screening = options.solve;
  screening.max_iterations = options.screening_iterations;
  std::vector<Solution> candidates;
  for (const Eigen::VectorXd& start :
       table.best(expected, options.nuisance, options.starts, options.start_distance)) {
    Solution s = solve(model, expected, options.nuisance, screening, start);
    if (!near(s.values, values, parameters)) candidates.push_back(std::move(s));
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Solution& a, const Solution& b) { return a.chi2 < b.chi2; });
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Confusable nearest{nan, Eigen::VectorXd::Constant(values.size(), nan)};
  int polished = 0;
  for (const Solution& candidate : candidates) {
    if (polished++ == options.basins) break;
    const Solution s = solve(model, expected, options.nuisance, options.solve, candidate.values);
    if (!s.converged || near(s.values, values, parameters)) continue;
    const double separation = std::sqrt(std::max(0.0, s.chi2));
    if (std::isnan(nearest.separation) || separation < nearest.separation)
      nearest = {separation, s.values};
  }
  return nearest;
}

Eigen::VectorXd fitted_bias(const DiskModel& as_known, const DiskData& data_of_other,
                            const Eigen::VectorXd& values, const FitOptions& options) {
  const WithParameters model(as_known, centred(as_known.parameters(), values));
  const Solution s = solve(model, data_of_other, options.nuisance, options.solve, values);
  if (!s.converged)
    throw Error(ErrorKind::numerical,
                "the fit to the data of a changed study did not converge in " +
                    std::to_string(options.solve.max_iterations) +
                    " iterations (fit.search.max_iterations)");
  return s.values - values;
}

}  // namespace pendel

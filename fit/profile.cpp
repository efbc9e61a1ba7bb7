#include "fit/profile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pendel {

namespace {

/// The parameters, one of them held.
std::vector<Parameter> held(std::vector<Parameter> parameters, int parameter, double value) {
  parameters[std::size_t(parameter)].lower = parameters[std::size_t(parameter)].upper = value;
  return parameters;
}

/// Distance from the fitted value at which the root of the excess reaches that of `level`, walking
/// in one direction.
double crossing(const Profile& profile, std::size_t from, int step, double least, double level) {
  double value = profile.values[long(from)], root = 0;
  for (long i = long(from) + step; i >= 0 && i < profile.values.size(); i += step) {
    const double next = std::sqrt(std::max(profile.chi2[i] - least, 0.0));
    if (next >= std::sqrt(level))
      return value + (profile.values[i] - value) * (std::sqrt(level) - root) / (next - root);
    value = profile.values[i];
    root = next;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Profile profile(const DiskModel& model, const DiskData& data, const FitOptions& options,
                const PositionFit& fit, int parameter, int points) {
  const Parameter& p = model.parameters()[std::size_t(parameter)];
  const double best = fit.solution.values[parameter];
  const double sigma = std::sqrt(fit.covariance(parameter, parameter));
  std::vector<double> values = {best};
  for (int i = 0; i < points; ++i) {
    const double x = points > 1 ? double(i) / (points - 1) : 0.5;
    values.push_back(p.lower + x * (p.upper - p.lower));
    if (sigma > 0) values.push_back(best + 4 * sigma * (2 * x - 1));
  }
  for (double& value : values) value = std::clamp(value, p.lower, p.upper);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const std::size_t count = values.size();
  const std::size_t centre =
      std::size_t(std::lower_bound(values.begin(), values.end(), best) - values.begin());

  std::vector<Solution> solutions(count);
  const auto fit_at = [&](std::size_t i, const Solution& start) {
    Eigen::VectorXd at = start.values;
    at[parameter] = values[i];
    const WithParameters with_it_held(model, held(model.parameters(), parameter, values[i]));
    const Solution found = solve(with_it_held, data, options.nuisance, options.solve, at);
    if (solutions[i].values.size() == 0 || found.chi2 < solutions[i].chi2) solutions[i] = found;
  };
  fit_at(centre, fit.solution);
  for (std::size_t i = centre + 1; i < count; ++i) fit_at(i, solutions[i - 1]);
  for (std::size_t i = centre; i-- > 0;) fit_at(i, solutions[i + 1]);
  for (std::size_t i = count - 1; i-- > 0;) fit_at(i, solutions[i + 1]);
  for (std::size_t i = 1; i < count; ++i) fit_at(i, solutions[i - 1]);

  Profile result;
  result.values = Eigen::Map<const Eigen::VectorXd>(values.data(), long(count));
  result.chi2.resize(long(count));
  for (std::size_t i = 0; i < count; ++i) result.chi2[long(i)] = solutions[i].chi2;
  const double least = result.chi2[long(centre)];
  result.lower = crossing(result, centre, -1, least, fit.cramer_rao_factor);
  result.upper = crossing(result, centre, +1, least, fit.cramer_rao_factor);
  return result;
}

}  // namespace pendel

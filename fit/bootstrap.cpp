#include "fit/bootstrap.hpp"

#include <cmath>
#include <limits>
#include <random>

#include "core/parallel.hpp"
#include "fit/uncertainty.hpp"

namespace pendel {

namespace {

DiskData simulated(const DiskData& data, const Eigen::VectorXd& expected, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  DiskData result = data;
  for (long i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(data.intensity[i])) continue;
    const double m = expected[i];
    if (data.noise.kind == Noise::poisson && data.noise.model_error == 0) {
      result.intensity[i] = m > 0 ? double(std::poisson_distribution<long>(m)(random)) : 0.0;
    } else {
      const double value =
          m + std::sqrt(model_variance(data, i, m)) * std::normal_distribution<double>()(random);
      result.intensity[i] = data.noise.kind == Noise::poisson ? std::max(value, 0.0) : value;
    }
  }
  return result;
}

}  // namespace

Eigen::MatrixXd bootstrap(const DiskModel& model, const DiskData& data, const FitOptions& options,
                          const PositionFit& fit, int samples, std::uint64_t seed) {
  const long n = fit.solution.values.size();
  const Eigen::VectorXd sigma =
      cramer_rao(weighted_jacobian(model, data, fit.solution, nullptr, nullptr),
                 free_unknowns(model, options.nuisance))
          .diagonal()
          .cwiseSqrt();
  Eigen::MatrixXd result(samples, n + 2);
  parallel_for(samples, [&](long s, int) {
    const std::uint64_t own_seed = seed + 0x9e3779b97f4a7c15ull * std::uint64_t(s + 1);
    const DiskData again = simulated(data, fit.fitted, own_seed);
    // a prior is a measurement like the data: another one would have had another mean
    std::mt19937_64 random(~own_seed);
    std::vector<Parameter> parameters = model.parameters();
    for (long k = 0; k < n; ++k)
      if (Parameter& p = parameters[std::size_t(k)]; p.has_prior())
        p.prior_mean =
            fit.solution.values[k] + p.prior_sigma * std::normal_distribution<double>()(random);
    const Solution refit = solve(WithParameters(model, std::move(parameters)), again,
                                 options.nuisance, options.solve, fit.solution.values);
    Eigen::VectorXd change(n + 2);
    change << refit.values - fit.solution.values, refit.scale - fit.solution.scale,
        refit.background - fit.solution.background;
    result.row(s) = change.cwiseQuotient(sigma);
  });
  return result;
}

}  // namespace pendel

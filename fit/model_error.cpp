#include "fit/model_error.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/median.hpp"
#include "core/parallel.hpp"
#include "fit/uncertainty.hpp"

namespace pendel {

namespace {

constexpr double largest = 1, resolution = 1e-5;  // of f
constexpr int turns = 4;

double median_scatter(const std::vector<DiskData>& data, const std::vector<PositionFit>& fits,
                      int unknowns, double f) {
  std::vector<double> factors;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (fits[i].status == FitStatus::no_data) continue;
    DiskData with_error = data[i];
    with_error.noise.model_error = f;
    const double factor = scatter_factor(with_error, fits[i].fitted, unknowns);
    if (std::isfinite(factor)) factors.push_back(factor);
  }
  if (factors.empty())
    throw Error(ErrorKind::input,
                "no position has enough finite disks to estimate the model error from");
  return median(factors);
}

}  // namespace

double estimated_model_error(const DiskModel& model, const std::vector<DiskData>& data,
                             std::vector<PositionFit> fits, const FitOptions& options) {
  const int unknowns =
      std::max(0, int(free_unknowns(model, options.nuisance).size()) - free_priors(model));
  double f = 0;
  for (int turn = 0; turn < turns; ++turn) {
    const double before = f;
    double low = 0, high = largest;
    if (median_scatter(data, fits, unknowns, 0) <= 1) return 0;
    while (high - low > resolution) {  // the scatter falls with f
      const double middle = (low + high) / 2;
      (median_scatter(data, fits, unknowns, middle) > 1 ? low : high) = middle;
    }
    f = (low + high) / 2;
    if (std::abs(f - before) < 0.02 * f) break;
    std::vector<DiskData> weighted = data;
    for (DiskData& d : weighted) d.noise.model_error = f;
    parallel_for(long(data.size()), [&](long i, int) {
      PositionFit& fit = fits[std::size_t(i)];
      if (fit.status != FitStatus::no_data)
        fit = fit_position(model, {fit.solution.values}, weighted[std::size_t(i)], options);
    });
  }
  return f;
}

}  // namespace pendel

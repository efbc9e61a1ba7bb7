#include "fit/staged_fit.hpp"

#include <algorithm>
#include <mutex>

#include "core/parallel.hpp"

namespace pendel {

std::vector<Eigen::VectorXd> coarse_starts(const CoarseStage& coarse, long position,
                                           const FitOptions& options) {
  const DiskData& data = coarse.data[std::size_t(position)];
  std::vector<Solution> solutions;
  for (const Eigen::VectorXd& start :
       coarse.table.best(data, coarse.nuisance, options.starts, options.start_distance)) {
    const Solution found = solve(coarse.model, data, coarse.nuisance, options.solve, start);
    const bool known = std::any_of(solutions.begin(), solutions.end(), [&](const Solution& other) {
      return same_basin(other, found, coarse.model.parameters());
    });
    if (!known) solutions.push_back(found);
  }
  std::sort(solutions.begin(), solutions.end(),
            [](const Solution& a, const Solution& b) { return a.chi2 < b.chi2; });
  std::vector<Eigen::VectorXd> starts;
  for (const Solution& solution : solutions) starts.push_back(solution.values);
  return starts;
}

std::vector<PositionFit> fit_scan(const DiskModel& model, const CoarseStage& coarse,
                                  const std::vector<DiskData>& data, const FitOptions& options,
                                  const ScanHooks& hooks, const DiskModel* engine) {
  std::vector<PositionFit> fits(data.size());
  std::mutex mutex;
  parallel_for(long(data.size()), [&](long i, int) {
    if (hooks.skip && hooks.skip(i)) return;
    const std::size_t at = std::size_t(i);
    fits[at] = fit_position(model, coarse_starts(coarse, i, options), data[at], options, engine);
    if (!hooks.done) return;
    std::lock_guard<std::mutex> lock(mutex);
    hooks.done(i, fits[at]);
  });
  return fits;
}

}  // namespace pendel

#include "fit/scan_fit.hpp"

#include <algorithm>
#include <mutex>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace pendel {

std::vector<PositionFit> fit_scan(const DiskModel& model, const StartTable& table,
                                  const std::vector<DiskData>& data, const FitOptions& options,
                                  const ScanHooks& hooks, const DiskModel* engine) {
  constexpr long together = 4;  // positions that share a pass over the table
  const long count = long(data.size());
  std::vector<PositionFit> fits(data.size());
  std::vector<std::vector<Eigen::VectorXd>> starts(data.size());
  parallel_for((count + together - 1) / together, [&](long block, int) {
    const long first = block * together, here = std::min(together, count - first);
    bool wanted = false;
    for (long i = first; i < first + here; ++i) wanted |= !hooks.skip || !hooks.skip(i);
    if (!wanted) return;
    auto found = table.best(&data[std::size_t(first)], int(here), options.nuisance, options.starts,
                            options.start_distance);
    std::move(found.begin(), found.end(), starts.begin() + first);
  });
  std::mutex mutex;
  parallel_for(count, [&](long i, int) {
    if (hooks.skip && hooks.skip(i)) return;
    fits[i] = fit_position(model, starts[i], data[i], options, engine);
    starts[i].clear();
    if (!hooks.done) return;
    std::lock_guard<std::mutex> lock(mutex);
    hooks.done(i, fits[i]);
  });
  return fits;
}

SharedFit fit_shared(const DiskModel& model, const StartTable& table,
                     const std::vector<int>& shared, const std::vector<DiskData>& data,
                     const FitOptions& options) {
  const std::vector<PositionFit> fits = fit_scan(model, table, data, options);
  std::vector<Eigen::VectorXd> starts;
  std::vector<DiskData> used;
  for (std::size_t i = 0; i < fits.size(); ++i)
    if (fits[i].status != FitStatus::no_data) {
      starts.push_back(fits[i].solution.values);
      used.push_back(data[i]);
    }
  if (starts.empty())
    throw Error(ErrorKind::input,
                "no position has enough finite disks for the joint fit of the "
                "parameters that the scan shares");
  Eigen::VectorXd median(shared.size());
  for (std::size_t k = 0; k < shared.size(); ++k) {
    std::vector<double> values;
    for (const Eigen::VectorXd& start : starts) values.push_back(start[shared[k]]);
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    median[k] = values[values.size() / 2];
  }
  return solve_shared(model, shared, used, options.nuisance, options.solve, starts, median);
}

}  // namespace pendel

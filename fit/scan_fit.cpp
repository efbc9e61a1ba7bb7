#include "fit/scan_fit.hpp"

#include <algorithm>
#include <mutex>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace pendel {

std::vector<PositionFit> fit_scan(const DiskModel& model, const StartTable& table,
                                  const std::vector<DiskData>& data, const FitOptions& options,
                                  const ScanHooks& hooks) {
  std::vector<PositionFit> fits(data.size());
  std::mutex mutex;
  parallel_for(long(data.size()), [&](long i, int) {
    if (hooks.skip && hooks.skip(i)) return;
    if (hooks.stop && hooks.stop()) return;
    fits[i] = fit_position(model, table, data[i], options);
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

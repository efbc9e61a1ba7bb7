#include "fit/neighbour_scan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/median.hpp"
#include "core/parallel.hpp"

namespace pendel {

namespace {

constexpr long first_stride = 8;
constexpr std::size_t most_starts = 4;
constexpr double one_start = 0.05;  // of the ranges: closer solutions are one start

/// Of the fits so far; infinite if there are none, so that everything is accepted.
double median_chi2(const std::vector<PositionFit>& fits, const std::vector<char>& known) {
  std::vector<double> values;
  for (std::size_t i = 0; i < fits.size(); ++i)
    if (known[i] && fits[i].status != FitStatus::no_data) values.push_back(fits[i].reduced_chi2);
  if (values.empty()) return std::numeric_limits<double>::infinity();
  return median(std::move(values));
}

/// Distinct solutions of known positions around, nearest first.
std::vector<Eigen::VectorXd> starts_around(long row, long column, long stride, const ScanGrid& grid,
                                           const std::vector<PositionFit>& fits,
                                           const std::vector<char>& known,
                                           const std::vector<Parameter>& parameters) {
  std::vector<std::pair<long, long>> around;  // squared distance, position
  for (long r = std::max(0l, row - stride); r <= std::min(grid.rows - 1, row + stride); ++r)
    for (long c = std::max(0l, column - stride); c <= std::min(grid.columns - 1, column + stride);
         ++c) {
      const long i = r * grid.columns + c;
      if (known[std::size_t(i)] && fits[std::size_t(i)].status != FitStatus::no_data)
        around.emplace_back((r - row) * (r - row) + (c - column) * (c - column), i);
    }
  std::sort(around.begin(), around.end());
  around.resize(std::min(around.size(), most_starts));
  std::vector<Eigen::VectorXd> starts;
  for (const auto& [distance, i] : around) {
    const Eigen::VectorXd& values = fits[std::size_t(i)].solution.values;
    const bool near = std::any_of(starts.begin(), starts.end(), [&](const Eigen::VectorXd& other) {
      for (std::size_t k = 0; k < parameters.size(); ++k)
        if (std::abs(values[long(k)] - other[long(k)]) >
            one_start * (parameters[k].upper - parameters[k].lower))
          return false;
      return true;
    });
    if (!near) starts.push_back(values);
  }
  return starts;
}

}  // namespace

std::vector<PositionFit> fit_scan_from_neighbours(const DiskModel& model, const StartsOf& search,
                                                  const std::vector<DiskData>& data,
                                                  const ScanGrid& grid, const FitOptions& options,
                                                  const ScanHooks& hooks,
                                                  const std::map<long, PositionFit>& finished) {
  std::vector<PositionFit> fits(data.size());
  std::vector<char> known(data.size(), 0);
  std::mutex mutex;
  for (long stride = first_stride; stride >= 1; stride /= 2) {
    std::vector<long> level;
    for (long r = 0; r < grid.rows; r += stride)
      for (long c = 0; c < grid.columns; c += stride)
        if (!known[std::size_t(r * grid.columns + c)]) level.push_back(r * grid.columns + c);
    const double typical = median_chi2(fits, known);
    parallel_for(long(level.size()), [&](long at, int) {
      const long i = level[std::size_t(at)];
      PositionFit& fit = fits[std::size_t(i)];
      const auto done = finished.find(i);
      if (done != finished.end()) {
        fit = done->second;
        return;
      }
      const DiskData& own = data[std::size_t(i)];
      const std::vector<Eigen::VectorXd> starts =
          stride == first_stride ? std::vector<Eigen::VectorXd>()
                                 : starts_around(i / grid.columns, i % grid.columns, stride, grid,
                                                 fits, known, model.parameters());
      bool good = false;
      if (!starts.empty()) {
        fit = fit_position(model, starts, own, options);
        good = fit.status == FitStatus::no_data ||
               (fit.status == FitStatus::converged &&
                fit.reduced_chi2 <= typical * (1 + 5 * std::sqrt(2.0 / fit.degrees_of_freedom)));
      }
      if (!good) fit = fit_position(model, search(i), own, options);
      if (!hooks.done) return;
      std::lock_guard<std::mutex> lock(mutex);
      hooks.done(i, fit);
    });
    for (const long i : level) known[std::size_t(i)] = 1;
  }
  return fits;
}

}  // namespace pendel

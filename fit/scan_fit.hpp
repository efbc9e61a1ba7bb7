// A scan: every position fitted in parallel, and parameters that the whole scan shares.
#pragma once
#include <functional>

#include "fit/position_fit.hpp"

namespace pendel {

/// What a caller may want to know or decide while a scan runs; empty functions are not called.
struct ScanHooks {
  std::function<bool(long position)> skip;                      ///< already done (resumed)
  std::function<void(long position, const PositionFit&)> done;  ///< one call at a time
};

/// Fits of all positions, in their order; those skipped have an empty solution. The
/// result does not depend on the number of threads. engine: see fit_position.
std::vector<PositionFit> fit_scan(const DiskModel& model, const StartTable& table,
                                  const std::vector<DiskData>& data, const FitOptions& options,
                                  const ScanHooks& hooks = {}, const DiskModel* engine = nullptr);

/// `shared`: indices of the model's parameters. Every position is first fitted with all parameters
/// free; the median of the shared ones starts the joint fit, in which each position keeps its own
/// other parameters, scale and background.
SharedFit fit_shared(const DiskModel& model, const StartTable& table,
                     const std::vector<int>& shared, const std::vector<DiskData>& data,
                     const FitOptions& options);

}  // namespace pendel

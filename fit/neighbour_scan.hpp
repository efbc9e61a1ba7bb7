// A scan in which most positions start from their neighbours' solutions instead of a search of
// their own.
#pragma once
#include <functional>
#include <map>

#include "fit/prior.hpp"
#include "fit/scan_fit.hpp"

namespace pendel {

using StartsOf = std::function<std::vector<Eigen::VectorXd>(long position)>;

/// Positions on every 8th row and column are searched by themselves; then the lattice is halved
/// again and again, and its new positions start from the solutions of the up to four nearest ones
/// that are known, distinct ones only. A position whose χ² is more than five of its standard
/// deviations above the median of those known (or which does not converge) is searched by itself.
/// A level of the lattice is done in parallel: the result does not depend on the number of threads.
/// search: starts of a position that is searched by itself. finished: fits of an earlier run, which
/// are not repeated. hooks.skip is not asked.
std::vector<PositionFit> fit_scan_from_neighbours(const DiskModel& model, const StartsOf& search,
                                                  const std::vector<DiskData>& data,
                                                  const ScanGrid& grid, const FitOptions& options,
                                                  const ScanHooks& hooks = {},
                                                  const std::map<long, PositionFit>& finished = {});

}  // namespace pendel

// Positions of a scan fitted together: priors tie their parameters, choose among each position's
// basins, and all positions are polished jointly.
#pragma once
#include "fit/position_fit.hpp"
#include "fit/prior.hpp"

namespace pendel {

struct Coupling {
  /// As the fits given, with the solutions that the priors lead to. The covariance is that of data
  /// and priors together, not the lower limit: of the priors only the differences among a position
  /// and those that share one with it count.
  std::vector<PositionFit> fits;
  std::vector<char> changed;   ///< 1: another basin than that which the position's data prefer
  std::vector<double> sigmas;  ///< of every prior: as given, or as estimated
  int iterations = 0;          ///< of the joint polish
  bool converged = false;
};

/// fits: of every position alone, with their basins (FitOptions::basins >= 2 for a choice). The
/// energy is Σ χ²/(2 f) over the positions and the priors' −ln p, f >= 1 the factor by which each
/// position's own scatter enlarges its variances. Where neighbours have solutions that a position
/// has not, it is fitted from theirs too. A basin whose own energy exceeds the best by 50 is
/// excluded: no prior is to outweigh such data. Positions without data are left as they are. Error
/// (input) if a sigma is to be estimated and there are no differences. The result does not depend
/// on the number of threads.
Coupling couple(const DiskModel& model, const std::vector<DiskData>& data,
                const FitOptions& options, const std::vector<Prior>& priors,
                const std::vector<PositionFit>& fits);

}  // namespace pendel

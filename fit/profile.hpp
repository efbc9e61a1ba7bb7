// Profile likelihood: χ² against the value of one parameter, all others fitted at every value.
#pragma once
#include "fit/position_fit.hpp"

namespace pendel {

struct Profile {
  Eigen::VectorXd values;  ///< of the parameter, increasing
  Eigen::VectorXd chi2;    ///< Σ r² (priors included) at the best values of the others
  /// Where χ² exceeds its minimum by cramer_rao_factor, below and above (by linear interpolation
  /// of the root of the excess); NaN if it does not within the values.
  double lower = 0, upper = 0;
};

/// At `points` values evenly over the parameter's range, and as many within ± 4 error bars of the
/// fitted one (none if it has no error bar). Every value starts from the solution at the one before
/// it, outwards from the fit, and is fitted a second time from the side of the ends: the lower χ²
/// counts, so that a path that runs over a ridge is found.
Profile profile(const DiskModel& model, const DiskData& data, const FitOptions& options,
                const PositionFit& fit, int parameter, int points);

}  // namespace pendel

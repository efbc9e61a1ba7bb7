// Are the error bars right? Data simulated from a fitted position are fitted again, and their
// scatter is compared with the error bars.
#pragma once
#include <cstdint>

#include "fit/position_fit.hpp"

namespace pendel {

/// (samples, parameters + 2): (refitted − fitted)/error bar for parameters, scale and background;
/// NaN for held ones. Each sample has counting noise (or the stated variances) around the model of
/// `fit` and priors' means around its values, and the error bars are without what discrepancies of
/// the measured data add to them, so that a column's root mean square is 1 where the linear theory
/// holds. The missing disks stay missing; refits start at the fitted values.
Eigen::MatrixXd bootstrap(const DiskModel& model, const DiskData& data, const FitOptions& options,
                          const PositionFit& fit, int samples, std::uint64_t seed);

}  // namespace pendel

// What a measurement can tell before it is made (a parameter's prior is centred on the truth): the
// Cramér-Rao limit of every parameter, the nearest other state that would look alike, and how far a
// neglected effect moves the answer.
#pragma once
#include "fit/position_fit.hpp"

namespace pendel {

/// The mean counts of a pattern of `dose` electrons, `background` more in every disk: data without
/// noise for what follows, of counts unless their noise is set to another. Disks that are not
/// recorded may be set to NaN.
DiskData expected_data(const DiskModel& model, const Eigen::VectorXd& values, double dose,
                       double background);

/// The smallest standard errors that an unbiased fit of such data can have, scale and background
/// fitted as `nuisance` says; (parameters). NaN: fixed, or not determined by the data.
Eigen::VectorXd predicted_errors(const DiskModel& model, const DiskData& expected,
                                 const Eigen::VectorXd& values, double background,
                                 const Nuisance& nuisance);

/// Another state that fits the data of `values` nearly as well.
struct Confusable {
  /// Square root of the deviance between the two: the difference in standard deviations. NaN: every
  /// start led back to the true state.
  double separation = 0;
  Eigen::VectorXd values;  ///< (parameters), NaN likewise
};

/// The best local minimum outside the basin of the truth, found from the table's starts.
Confusable nearest_confusable(const DiskModel& model, const StartTable& table,
                              const DiskData& expected, const Eigen::VectorXd& values,
                              const FitOptions& options);

/// By how much a fit with `model` misses the `values` that the data of another model were made
/// with; (parameters). Error (numerical) if the fit does not converge.
Eigen::VectorXd fitted_bias(const DiskModel& model, const DiskData& data_of_other,
                            const Eigen::VectorXd& values, const FitOptions& options);

}  // namespace pendel

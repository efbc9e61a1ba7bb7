// How wrong a model is, from how badly it fits.
#pragma once
#include "fit/scan_fit.hpp"

namespace pendel {

/// The relative model error f (variance + (f m)²) at which the median over positions of the scatter
/// factor (least squares: the reduced χ²) is 1; 0 if it is below 1 without. `data` have no model
/// error; each fit of them with its f changes the weights, so fits and estimate take turns. Error
/// (input) if no position can be fitted.
double estimated_model_error(const DiskModel& model, const StartTable& table,
                             std::vector<DiskData> data, const FitOptions& options);

}  // namespace pendel

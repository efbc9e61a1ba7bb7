// How wrong a model is, from how badly it fits.
#pragma once
#include "fit/scan_fit.hpp"

namespace pendel {

/// The relative model error f (variance + (f m)²) at which the median over positions of the scatter
/// factor (least squares: the reduced χ²) is 1; 0 if it is below 1 without. `data` have no model
/// error, `fits` are theirs; a fit with f has other weights, so fits and estimate take turns. Error
/// (input) if no position can be fitted.
double estimated_model_error(const DiskModel& model, const std::vector<DiskData>& data,
                             std::vector<PositionFit> fits, const FitOptions& options);

}  // namespace pendel

// The parameters that a `fit` study names.
#pragma once
#include "studies/fit.hpp"

namespace pendel {

/// Amplitude of a mode in the specimen before the fit.
double base_amplitude(const SpecimenOptions& specimen, const ModeFitOptions& mode);

/// Every fitted parameter and whether each position has its own. Names are the keys of the study,
/// so that they say their unit: beam_tilt_mrad.x, polarization.PTO.x, thickness_A.2, ...
struct Unknowns {
  std::vector<Parameter> parameters;
  std::vector<Per> per;
};
Unknowns unknowns_of(const FitStudy& study, const Specimen& specimen);

/// The options of a fit, with the ranges of scale and background that the study gives.
FitOptions fit_options(const ParameterOptions& options);

}  // namespace pendel

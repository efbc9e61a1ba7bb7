// The parameters that a `fit` study names.
#pragma once
#include "studies/fit.hpp"

namespace pendel {

/// Amplitude of a mode in the specimen before the fit.
double base_amplitude(const SpecimenOptions& specimen, const ModeFitOptions& mode);

/// Cuts and separates the layers of the specimen as its parameters need. Error (study) if a layer
/// has too few cells.
void prepare(const FitStudy& study, Specimen& specimen);

/// Every fitted parameter and whether each position has its own. Names are the keys of the study,
/// so that they say their unit: beam_tilt_mrad.x, polarization.PTO.x, thickness_A.2, ...; those of
/// sublayers end in their number: polarization.PTO.x.3of5. The specimen is a prepared one.
struct Unknowns {
  std::vector<Parameter> parameters;
  std::vector<Per> per;
};
Unknowns unknowns_of(const FitStudy& study, const Specimen& specimen);

/// The degree to which the mean over the aperture must be exact for disks up to g [1/Å].
int fit_aperture_degree(const ParameterOptions& options, const State& state, double g);

/// The options of a fit, with the ranges of scale and background that the study gives.
FitOptions fit_options(const ParameterOptions& options);

/// A map that is a linear function of parameters: constant + Σ weight × value.
struct DerivedMap {
  std::string name, unit;
  double constant = 0;
  std::vector<std::pair<std::string, double>> weights;  ///< by the parameters' names
};
/// Polarization along lab x, y, z of crystals with Born charges and fitted modes (of every
/// sublayer): polarization_uCcm2.PTO.x, ...
std::vector<DerivedMap> polarization_maps(const FitStudy& study, const Specimen& specimen);

}  // namespace pendel

// The priors of a `fit` study: which parameters they tie, and what the result says of them.
#pragma once
#include "fit/coupling.hpp"
#include "studies/fit.hpp"
#include "studies/fit_parameters.hpp"

namespace pendel {

/// Error (study), naming what is fitted, if a prior names no parameter that positions have their
/// own value of; if it ties neighbours and the scan is a list of positions; if it ties sublayers
/// and there are none.
void check_priors(const std::vector<PriorOptions>& priors, const Unknowns& unknowns,
                  const DiskScan& scan);

/// One prior per parameter (or layer) that an entry of the study names.
std::vector<Prior> priors_of(const std::vector<PriorOptions>& priors,
                             const std::vector<Parameter>& parameters, const DiskScan& scan,
                             const std::vector<PositionFit>& fits);

ScanGrid grid_of(const DiskScan& scan);

std::vector<std::string> coupling_summary(const Coupling& coupling,
                                          const std::vector<Prior>& priors);

/// Arrays prior_free/NAME, prior_free_errors/NAME and changed_by_neighbours, metadata priors.
void write_coupling(EmdWriter& result, const DiskScan& scan,
                    const std::vector<Parameter>& parameters, const std::vector<PositionFit>& alone,
                    const Coupling& coupling, const std::vector<Prior>& priors);

}  // namespace pendel

// Positions of a scan with one base state: all of it, or a region of it.
#pragma once
#include <memory>

#include "core/progress.hpp"
#include "io/checkpoint.hpp"
#include "studies/fit_coupling.hpp"
#include "studies/fit_data.hpp"
#include "studies/fit_shared.hpp"
#include "studies/fit_uncertainty.hpp"

namespace pendel {

/// What all positions of a run have in common: finished rows on disk, and how far it is.
struct Run {
  Run(const RunContext& context, const RowShape& row_shape, long positions);

  RowShape shape;
  Checkpoint checkpoint;
  long done_here = 0;
  Progress progress;
};

/// Positions with the same base state, all that is found out about them.
struct Part {
  std::vector<std::size_t> index;      // of the positions among all
  std::vector<DiskData> data, coarse;  // of them
  State base;
  SharedParameters shared;  // of scan and region
  FitModels models;
  SearchMethod search = SearchMethod::automatic;
  double model_error = 0;
  std::vector<PositionFit> alone;
  std::vector<Determination> determined;
  BootstrapCheck bootstrap;
  std::vector<ParameterProfiles> profiles;
  std::vector<std::string> profile_lines;
  std::vector<Prior> priors;
  Coupling coupling;
  Discretisation convergence;

  std::vector<PositionFit>& fits() { return priors.empty() ? alone : coupling.fits; }
};

/// Fits the positions of a part, whose index, data, base state and shared parameters are set, and
/// assesses them. run: made with the first part. all_free: of all parameters. Error (interrupted)
/// if the user stops it.
void fit_part(const FitStudy& study, const FitData& all, const Unknowns& unknowns,
              const DiskModel& all_free, const FitOptions& options, const RunContext& context,
              std::unique_ptr<Run>& run, Part& part);

/// The positions of `part` become some of those of `whole`, which has room for them.
void add_part(Part part, Part& whole);

}  // namespace pendel

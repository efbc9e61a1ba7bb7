// What a `fit` study says of its error bars: discretisation, errors of what the scan shares,
// combinations that stay open, bootstrap and profiles.
#pragma once
#include "fit/determination.hpp"
#include "fit/profile.hpp"
#include "studies/fit_data.hpp"
#include "studies/fit_parameters.hpp"
#include "studies/fit_result.hpp"

namespace pendel {

/// What finer engines would change at a few positions, one refinement at a time.
struct Discretisation {
  std::vector<std::string> refinements;  ///< "g_max_invA 4 -> 5"; empty: there is no finer engine
  std::vector<std::size_t> positions;
  std::vector<Eigen::MatrixXd> shifts;  ///< per refinement: (positions, unknowns)
  Eigen::VectorXd rms;                  ///< of all refinements together, per unknown
};
/// used: the model of the fits; all, base, parameters: what the finer models are made of.
Discretisation discretisation(const DiskModel& used, const FitData& all, const State& base,
                              const std::vector<Parameter>& parameters, const EngineOptions& engine,
                              const std::vector<DiskData>& data, const FitOptions& options,
                              const std::vector<PositionFit>& fits);
std::vector<std::string> discretisation_summary(const Discretisation& found,
                                                const std::vector<Parameter>& parameters);

/// Covariance that the errors of parameters of a region or the whole scan add to each position's
/// unknowns.
/// Responses are calculated at up to 500 positions; others take that of the position most like
/// them. values, shared: of the shared parameters, and their covariance, in the order in which
/// `unknowns` has them.
std::vector<Eigen::MatrixXd> shared_errors(const DiskModel& all_free, const Unknowns& unknowns,
                                           const Eigen::VectorXd& values,
                                           const Eigen::MatrixXd& shared,
                                           const std::vector<DiskData>& data,
                                           const FitOptions& options,
                                           const std::vector<PositionFit>& fits);

/// At every position with data; empty ones without.
std::vector<Determination> determinations(const DiskModel& model, const std::vector<DiskData>& data,
                                          const FitOptions& options,
                                          const std::vector<PositionFit>& fits);
std::vector<std::string> determination_summary(const std::vector<Determination>& found,
                                               const std::vector<Parameter>& parameters);

/// Scatter of refits over error bars, per sampled position and unknown; NaN for held ones.
struct BootstrapCheck {
  std::vector<std::size_t> positions;
  int samples = 0;
  Eigen::MatrixXd ratio;  ///< (positions, unknowns)
};
BootstrapCheck bootstrap_check(const DiskModel& model, const std::vector<DiskData>& data,
                               const FitOptions& options, const CheckOptions& checks,
                               const std::vector<PositionFit>& fits);
std::string bootstrap_summary(const BootstrapCheck& check,
                              const std::vector<Parameter>& parameters);

/// Profiles of one parameter at sampled positions.
struct ParameterProfiles {
  int parameter = 0;
  std::vector<std::size_t> positions;
  std::vector<Profile> profiles;
};
/// Error (study) if a name is of no parameter that positions have their own value of.
void check_profile_names(const std::vector<std::string>& names, const Unknowns& unknowns);
std::vector<ParameterProfiles> parameter_profiles(const DiskModel& model,
                                                  const std::vector<DiskData>& data,
                                                  const FitOptions& options,
                                                  const CheckOptions& checks,
                                                  const std::vector<std::string>& names,
                                                  const std::vector<PositionFit>& fits);
std::vector<std::string> profile_summary(const std::vector<ParameterProfiles>& found,
                                         const std::vector<Parameter>& parameters,
                                         const std::vector<PositionFit>& fits);

/// Arrays rank, worst_combination, convergence, bootstrap and profile/NAME; see docs/files.md.
void write_uncertainty(EmdWriter& result, const DiskScan& scan,
                       const std::vector<Parameter>& parameters, const Discretisation& convergence,
                       const std::vector<Determination>& determined,
                       const BootstrapCheck& bootstrap,
                       const std::vector<ParameterProfiles>& profiles);

}  // namespace pendel

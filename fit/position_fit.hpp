// The fit of one position: starts from a table, screening, the best basins polished, error bars.
#pragma once
#include "fit/start_search.hpp"

namespace pendel {

struct FitOptions {
  Nuisance nuisance;
  SolveOptions solve;
  int starts = 5;                ///< taken from the start table
  double start_distance = 0.1;   ///< between starts, fraction of the ranges
  int screening_iterations = 4;  ///< of every start, before the best basins are polished
  int basins = 2;                ///< polished
  int corrections = 0;           ///< by the engine, of what a surrogate found
};

enum class FitStatus { converged = 0, not_converged = 1, no_data = 2 };

struct PositionFit {
  FitStatus status = FitStatus::no_data;
  Solution solution;  ///< of the best basin
  /// Distinct solutions that were polished, best first; at most FitOptions::basins.
  std::vector<Solution> basins;
  int degrees_of_freedom = 0;
  double reduced_chi2 = 0;
  /// (parameters + 2)²: parameters, scale, background. (Jᵀ Σ⁻¹ J)⁻¹ with the variances that the
  /// model predicts (the Cramér-Rao limit), times the scatter factor (least squares:
  /// the reduced χ²) where that exceeds 1; priors' part is not enlarged. Rows of
  /// fixed parameters and of those that the data leave undetermined are NaN.
  Eigen::MatrixXd covariance;
  double cramer_rao_factor = 1;  ///< covariance over the Cramér-Rao limit
  /// χ² of the best other basin over that of the best; NaN if every start led to the same one.
  double second_basin_ratio = 0;
  /// By how much the engine's last correction moved the parameters: the largest move in units of
  /// the error bar; NaN without one.
  double last_correction = 0;
  Eigen::VectorXd fitted;  ///< model intensities in data units; (disks)
};

/// Fewer finite disks than unknowns + 1: status no_data. With an engine, every polished solution of
/// the model is corrected options.corrections times: the intensities that the engine adds to the
/// model's at the solution are added everywhere, and it is polished again. One exact evaluation per
/// correction, no derivatives; what is left is of second order in the model's error.
PositionFit fit_position(const DiskModel& model, const StartTable& table, const DiskData& data,
                         const FitOptions& options, const DiskModel* engine = nullptr);

/// Whether two solutions are one: every parameter within 1 % of its range.
bool same_basin(const Solution& a, const Solution& b, const std::vector<Parameter>& parameters);

/// Of a fit whose solution and status are set: everything that follows from them but the basins.
void assess(const DiskModel& model, const DiskData& data, const Nuisance& nuisance,
            PositionFit& fit);

/// The same from given starts.
PositionFit fit_position(const DiskModel& model, const std::vector<Eigen::VectorXd>& starts,
                         const DiskData& data, const FitOptions& options,
                         const DiskModel* engine = nullptr);

}  // namespace pendel

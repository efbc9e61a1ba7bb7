// Nonlinear least-squares fits of disk intensities from one start: of one position, and joint fits
// of several (Ceres; the only file with it).
#pragma once
#include "fit/disk_data.hpp"
#include "model/forward_model.hpp"

namespace pendel {

/// Scale and background of m = scale · dose · I + background.
struct Nuisance {
  double scale_lower = 0.5, scale_upper = 2;          ///< equal: fixed
  double background_lower = 0, background_upper = 0;  ///< data units; equal: fixed
};

struct SolveOptions {
  int max_iterations = 50;
  double tolerance = 1e-7;  ///< relative change of χ² at which to stop
};

struct Solution {
  Eigen::VectorXd values;  ///< of the model's parameters
  double scale = 1, background = 0;
  double chi2 = 0;         ///< Σ r² (Poisson: deviance), of the data and of parameters' priors
  int iterations = 0;      ///< evaluations after that of the start
  bool converged = false;  ///< a result, not an error
};

Solution solve(const DiskModel& model, const DiskData& data, const Nuisance& nuisance,
               const SolveOptions& options, const Eigen::VectorXd& start);

/// Parameters common to all positions, from a joint fit of some of them.
struct SharedFit {
  Eigen::VectorXd values, errors;  ///< of the shared parameters, in the order of `shared`
  Eigen::MatrixXd covariance;      ///< of them; NaN where the data leave them undetermined
  double reduced_chi2 = 0;
  bool converged = false;
};

/// Joint fit of several positions: parameters `shared` (indices into the model's) are common, the
/// others, scale and background are each position's own and are eliminated by a Schur complement.
/// starts: all of the model's parameters per position; shared_start: values of the shared ones.
SharedFit solve_shared(const DiskModel& model, const std::vector<int>& shared,
                       const std::vector<DiskData>& data, const Nuisance& nuisance,
                       const SolveOptions& options, const std::vector<Eigen::VectorXd>& starts,
                       const Eigen::VectorXd& shared_start);

/// Sums over disks with weights w (1/variance, 0 for disks to leave out) of data d and model I ·
/// dose.
struct WeightedSums {
  double w = 0, wI = 0, wII = 0, wd = 0, wId = 0, wdd = 0;
};

/// Scale and background that fit best within their bounds, and the weighted sum of squares they
/// leave.
struct LinearFit {
  double scale, background, chi2;
};
LinearFit fit_scale(const WeightedSums& sums, const Nuisance& nuisance);

}  // namespace pendel

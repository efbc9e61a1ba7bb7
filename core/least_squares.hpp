// Nonlinear least squares of few unknowns within bounds: Levenberg-Marquardt. Large joint problems
// are those of fit/solve.
#pragma once
#include <Eigen/Core>
#include <functional>

namespace pendel {

/// Residuals (m) at x (n) and their derivatives (m, n), row by row; false where there are none.
using Residuals = std::function<bool(const double* x, double* residuals, double* jacobian)>;

struct Minimum {
  double chi2 = 0;     ///< sum of squares; infinite if the start has no residuals
  int iterations = 0;  ///< evaluations after that of the start
  bool converged = false;
};

/// Moves x, which lies within the bounds, to a minimum of the sum of squares. Converged: the best
/// step is expected to lower it, or did lower it, by no more than tolerance times its value (or by
/// nothing that counts: residuals are in units of their standard deviation). [Marquardt1963]
Minimum minimise(const Residuals& function, int residuals, Eigen::VectorXd& x,
                 const Eigen::VectorXd& lower, const Eigen::VectorXd& upper, int max_iterations,
                 double tolerance);

}  // namespace pendel

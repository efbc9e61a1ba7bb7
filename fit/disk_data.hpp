// Measured disk intensities of one position, and what is known of their noise.
#pragma once
#include <Eigen/Core>

namespace pendel {

enum class Noise { poisson, gaussian };

/// m = scale · dose · I + background is compared with the data. NaN intensities are left out.
struct DiskData {
  Eigen::VectorXd intensity;  ///< counts (poisson) or any unit
  Eigen::VectorXd variance;   ///< gaussian only, same length, > 0
  Noise noise = Noise::poisson;
  double dose = 1;  ///< data units per unit of intensity at scale 1
};

/// Residual of one disk and its derivative with respect to the model value m > 0: Σ r² is the
/// Poisson deviance or Gaussian χ². r = sign(m−d) sqrt(2 (m − d + d ln(d/m)));
/// (m−d)/sqrt(variance).
double residual(Noise noise, double data, double variance, double m, double* derivative);

/// Variance that the model predicts for a value m: m itself, or the given one.
inline double model_variance(Noise noise, double variance, double m) {
  return noise == Noise::poisson ? m : variance;
}

}  // namespace pendel

// Measured intensities of one position (of disks, or of pixels in disks), and what is known of
// their noise.
#pragma once
#include <Eigen/Core>

namespace pendel {

enum class Noise { poisson, gaussian, detector };
enum class Loss { squares, huber, cauchy };

/// The variance of a datum whose expectation is m:
///   v(m) = m (poisson), given (gaussian), gain·m + read² (detector); each + (model_error·m)².
struct NoiseModel {
  Noise kind = Noise::poisson;
  double gain = 1;            ///< detector: data units per electron, > 0
  double read = 0;            ///< detector: standard deviation without electrons, data units
  double model_error = 0;     ///< what the model itself may be wrong by, relative
  Loss loss = Loss::squares;  ///< of the residuals
  double width = 2;           ///< standard deviations beyond which a robust loss gives way
};

/// m = scale · dose · I + background is compared with the data. NaN intensities are left out.
struct DiskData {
  Eigen::VectorXd intensity;  ///< counts (poisson) or any unit
  Eigen::VectorXd variance;   ///< gaussian only, same length, > 0
  NoiseModel noise;
  double dose = 1;  ///< data units per unit of intensity at scale 1
};

/// v(m) of datum i.
double model_variance(const DiskData& data, long i, double m);
/// v of datum i where no model is at hand: with the datum in place of m, at least one electron.
double measured_variance(const DiskData& data, long i);

/// Residual of datum i and its derivative with respect to the model value m > 0. Its square is the
/// loss ρ(D) of the quasi-deviance
///   D = 2 ∫_d^m (t − d)/v(t) dt,
/// which has no bias where v depends on m, and is χ² for constant v and the Poisson deviance for
/// v = m [Wedderburn1974]. squares: ρ = D; with w the width,
///   huber:  D up to w², then 2 w sqrt(D) − w² [Huber1981];  cauchy: w² ln(1 + D/w²).
double residual(const DiskData& data, long i, double m, double* derivative);

/// Σ over the finite data of the residual's square.
double misfit(const DiskData& data, const Eigen::VectorXd& m);

/// By what the covariance (JᵀJ)⁻¹ with the variances v(m) is multiplied to describe the scatter
/// that the data show. squares: Σ D/(n − p). A robust loss with ψ(r) = ½ dρ/dr, r = ±sqrt(D):
/// [Σ ψ²/(n − p)] / [Σ ψ'/n]², its asymptotic value [Huber1981]. p: free unknowns. NaN where it
/// says nothing: n <= p, or nearly all data beyond the width (Σ ψ' < n/10).
double scatter_factor(const DiskData& data, const Eigen::VectorXd& m, int free_unknowns);

}  // namespace pendel

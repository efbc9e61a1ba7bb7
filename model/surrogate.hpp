// A surrogate of a forward model: disk intensities as a Chebyshev series in all parameters over
// their ranges, averaged over the aperture analytically, cut into cells, certified at points that
// were not used to build it.
#pragma once
#include <vector>

#include "model/forward_model.hpp"
#include "model/local_series.hpp"

namespace pendel {

struct SurrogateOptions {
  /// Largest error allowed: R1 = Σ|ΔI|/ΣI over the disks.
  double tolerance = 0.005;
  int most_nodes = 24;  ///< per parameter; more are needed: Error
  int certificate_points = 16;
};

/// What the surrogate costs and how far it is from the forward model at random points of the box
/// (where it averages over the aperture itself: from the model with an aperture of two degrees
/// more).
struct SurrogateCertificate {
  std::vector<int> nodes;  ///< per parameter
  int points = 0;          ///< of the certificate
  std::vector<int> cells;  ///< per parameter, in the order of the series
  int terms = 0;           ///< of every cell
  int symmetries = 1;      ///< operations (identity included) that saved simulations
  double r1_mean = 0, r1_max = 0;
};

class Surrogate : public DiskModel {
 public:
  /// Parameters may be both tilts (or none), and thicknesses and displacement modes that act on one
  /// layer each. Error (study) for other parameters or for an engine other than split-step; Error
  /// (numerical) if the certificate exceeds the tolerance.
  Surrogate(const ForwardModel& exact, const SurrogateOptions& options);

  /// Whether the constructor would accept the model's engine and parameters.
  static bool can_hold(const ForwardModel& exact);

  const std::vector<Parameter>& parameters() const override { return parameters_; }
  int disks() const override { return disks_; }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override;
  const SurrogateCertificate& certificate() const { return certificate_; }

 private:
  /// tail: R1 of what the nodes may leave out, along a line.
  void build(const ForwardModel& exact, const SurrogateOptions& options, double tail);
  void certify(const ForwardModel& exact, const SurrogateOptions& options);

  std::vector<Parameter> parameters_;
  std::vector<int> order_;  // parameters, in the order of the series' variables
  std::vector<int> nodes_;  // per parameter
  int disks_ = 0;
  LocalSeries series_;
  SurrogateCertificate certificate_;
};

}  // namespace pendel

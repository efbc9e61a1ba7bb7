// Whole convergent-beam disks: the intensity of every pixel in them.
#pragma once
#include "model/disk_pixels.hpp"
#include "model/rocking_curves.hpp"

namespace pendel {

/// What stands for a disk in other models is a pixel here.
class CbedModel : public DiskModel {
 public:
  /// The disks of both are the same.
  CbedModel(std::shared_ptr<const RockingCurves> curves, std::shared_ptr<const DiskPixels> pixels);

  const std::vector<Parameter>& parameters() const override { return curves_->parameters(); }
  int disks() const override { return int(pixels_->pixels.size()); }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override;

 private:
  std::shared_ptr<const RockingCurves> curves_;
  std::shared_ptr<const DiskPixels> pixels_;
};

/// The least degree of interpolation over `radius` [rad] that leaves R1 = Σ|ΔI|/ΣI <= tolerance
/// over random directions, at the middle of the parameters' ranges and at random points of them.
struct InterpolationDegree {
  int degree = 0;
  double error = 0;  ///< R1, the largest met
};
/// Error (numerical) if more than `most_directions` would be needed.
InterpolationDegree interpolation_degree(const RockingCurves& curves, double radius,
                                         double tolerance, int most_directions);

}  // namespace pendel

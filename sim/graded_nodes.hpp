// Interpolation of a smooth function on [0, largest] that varies on lengths from `scale` upwards:
// Chebyshev nodes in asinh(x / scale).
#pragma once
#include <Eigen/Core>

namespace pendel {

class GradedNodes {
 public:
  GradedNodes(int count, double scale, double largest);

  const Eigen::VectorXd& points() const { return points_; }
  /// f(x) = weights(x) · f(points()), by the barycentric formula; (points). x <= largest.
  /// [BerrutTrefethen2004]
  Eigen::VectorXd weights(double x) const;

 private:
  double scale_, half_range_;  // of asinh(x / scale)
  Eigen::ArrayXd nodes_, barycentric_;
  Eigen::VectorXd points_;
};

}  // namespace pendel

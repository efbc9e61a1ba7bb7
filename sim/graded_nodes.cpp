#include "sim/graded_nodes.hpp"

#include <cmath>

#include "core/electron.hpp"

namespace pendel {

GradedNodes::GradedNodes(int count, double scale, double largest)
    : scale_(scale),
      half_range_(0.5 * std::asinh(largest / scale)),
      nodes_(count),
      barycentric_(count),
      points_(count) {
  for (int i = 0; i < count; ++i) {
    const double angle = electron::pi * (2 * i + 1) / (2 * count);
    nodes_[i] = std::cos(angle);
    barycentric_[i] = (i % 2 ? -1 : 1) * std::sin(angle);
    points_[i] = scale * std::sinh(half_range_ * (1 + nodes_[i]));
  }
}

Eigen::VectorXd GradedNodes::weights(double x) const {
  const Eigen::ArrayXd away = std::asinh(x / scale_) / half_range_ - 1 - nodes_;
  Eigen::Index nearest;
  if (away.abs().minCoeff(&nearest) < 1e-15) return Eigen::VectorXd::Unit(away.size(), nearest);
  const Eigen::ArrayXd terms = barycentric_ / away;
  return terms / terms.sum();
}

}  // namespace pendel

// A function of the distance from a centre: a cubic spline, even about 0, fitted to scattered
// values.
#pragma once
#include <cstddef>
#include <vector>

namespace pendel {

class RadialSpline {
 public:
  static constexpr double knot = 0.5;  ///< distance of knots [pixels]

  /// Weighted least squares; radii in [0, reach].
  RadialSpline(const std::vector<double>& radius, const std::vector<double>& value,
               const std::vector<double>& weight, double reach);

  double reach() const { return reach_; }
  double value(double radius) const { return at(radius, nullptr); }
  /// And the slope; beyond reach as at reach.
  double at(double radius, double* slope) const;

 private:
  double reach_;
  std::vector<double> coefficients_;  // [k] belongs to the knot k − 1
};

}  // namespace pendel

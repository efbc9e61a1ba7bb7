#include "fit/disk_data.hpp"

#include <cmath>

namespace pendel {

double residual(Noise noise, double data, double variance, double m, double* derivative) {
  if (noise == Noise::gaussian) {
    const double weight = 1 / std::sqrt(variance);
    if (derivative) *derivative = weight;
    return weight * (m - data);
  }
  // Poisson deviance with x = (m − d)/d: 2d (x − ln(1+x)); near x = 0 the difference cancels, so it
  // is a series there: d x² (1 − 2x/3 + x²/2 − 2x³/5 + x⁴/3).
  const double x = data > 0 ? (m - data) / data : 0;
  if (data > 0 && std::abs(x) < 1e-3) {
    const double series = 1 + x * (-2.0 / 3 + x * (0.5 + x * (-0.4 + x / 3)));
    const double root = std::sqrt(data * series);
    if (derivative) {
      // dr/dm = (1 − d/m)/r = x/((1+x) r), r = x root
      *derivative = 1 / ((1 + x) * root);
    }
    return x * root;
  }
  // log1p is exact for small x, the logarithm of the ratio for x near -1
  const double excess =
      std::abs(x) < 0.5 ? data * (x - std::log1p(x)) : m - data + data * std::log(data / m);
  const double deviance = 2 * (data > 0 ? excess : m);
  const double r = (m > data ? 1 : -1) * std::sqrt(deviance);
  if (derivative) *derivative = (1 - data / m) / r;
  return r;
}

}  // namespace pendel

#include "fit/disk_data.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pendel {

namespace {

/// v(t) = a + g t + c t² for t >= 0, a + c t² below.
struct Variance {
  double a, g, c;
  double operator()(double t) const { return a + g * std::max(t, 0.0) + c * t * t; }
};

Variance variance_of(const DiskData& data, long i) {
  const NoiseModel& noise = data.noise;
  const double c = noise.model_error * noise.model_error;
  switch (noise.kind) {
    case Noise::gaussian:
      return {data.variance[i], 0, c};
    case Noise::detector:
      return {noise.read * noise.read, noise.gain, c};
    default:
      return {0, 1, c};
  }
}

/// ln(b/a), also where b and a are nearly equal, b = a (1 + x).
double log_ratio(double x, double a, double b) {
  return std::abs(x) < 0.5 ? std::log1p(x) : std::log(b / a);
}

/// x − ln(b/a): near x = 0 the difference cancels, so it is a series there.
double log_excess(double x, double a, double b) {
  if (std::abs(x) < 1e-3) return x * x / 2 * (1 + x * (-2.0 / 3 + x * (0.5 + x * (-0.4 + x / 3))));
  return x - log_ratio(x, a, b);
}

/// ∫_from^to (t − d)/v(t) dt, 0 <= from <= to or 0 <= to <= from. Pieces are short against the
/// distance of the poles of 1/v, so that Gauss-Legendre's rule of 16 points is exact to rounding.
double integral(const Variance& v, double d, double from, double to) {
  static constexpr double rule[8][2] = {
      {0.095012509837637454, 0.18945061045506859}, {0.28160355077925892, 0.18260341504492361},
      {0.45801677765722737, 0.16915651939500262},  {0.61787624440264377, 0.14959598881657676},
      {0.755404408355003, 0.12462897125553403},    {0.86563120238783176, 0.095158511682492591},
      {0.9445750230732326, 0.062253523938647706},  {0.98940093499164994, 0.027152459411754037},
  };
  // the modulus of the root of v nearest to 0
  const double discriminant = v.g * v.g - 4 * v.a * v.c;
  const double root =
      discriminant >= 0 ? 2 * v.a / (v.g + std::sqrt(discriminant)) : std::sqrt(v.a / v.c);
  const double ratio = (to + root) / (from + root);
  const int pieces = std::max(1, int(std::ceil(std::abs(std::log(ratio)) / std::log(3.0))));
  double sum = 0, left = from;
  for (int p = 1; p <= pieces; ++p) {
    const double right =
        p == pieces ? to : (from + root) * std::pow(ratio, double(p) / pieces) - root;
    const double centre = (left + right) / 2, half = (right - left) / 2;
    for (const auto& [x, weight] : rule)
      for (const double t : {centre - half * x, centre + half * x})
        sum += weight * half * (t - d) / v(t);
    left = right;
  }
  return sum;
}

/// D = 2 ∫_d^m (t − d)/v(t) dt.
double deviance(const Variance& v, double d, double m) {
  const double from = std::max(d, 0.0), to = std::max(m, 0.0);
  double half = 0;       // D/2
  if (d < 0 || m < 0) {  // the part below 0: v = a + c t²
    const double low = std::min(d, 0.0), high = std::min(m, 0.0);
    if (v.c == 0) {
      half = ((high - d) * (high - d) - (low - d) * (low - d)) / (2 * v.a);
    } else {
      const double k = std::sqrt(v.c / v.a);
      half = (std::log1p(k * k * high * high) - std::log1p(k * k * low * low)) / (2 * v.c) -
             d * (std::atan(k * high) - std::atan(k * low)) / (k * v.a);
    }
  }
  if (v.c > 0) {
    if (v.a == 0 && d == 0) return 2 * (half + std::log1p(v.c * to / v.g) / v.c);
    return 2 * (half + integral(v, d, from, to));
  }
  if (v.g == 0) return 2 * half + ((to - d) * (to - d) - (from - d) * (from - d)) / v.a;
  // Poisson's deviance of t + s, s = a/g, over g; from > 0 or s > 0, or else d = 0
  const double s = v.a / v.g;
  const double a = from + s, b = to + s;
  if (a == 0) return 2 * to / v.g;
  const double x = (b - a) / a;
  return 2 * (half + (a * log_excess(x, a, b) + (from - d) * log_ratio(x, a, b)) / v.g);
}

/// sqrt(ρ(r²)) with the sign of r, and its derivative with respect to r.
double with_loss(const NoiseModel& noise, double r, double* slope) {
  *slope = 1;
  const double w = noise.width;
  if (noise.loss == Loss::squares || (noise.loss == Loss::huber && std::abs(r) <= w)) return r;
  if (noise.loss == Loss::huber) {
    const double root = std::sqrt(2 * w * std::abs(r) - w * w);
    *slope = w / root;
    return std::copysign(root, r);
  }
  if (r == 0) return r;
  const double x = r / w, root = w * std::sqrt(std::log1p(x * x));
  *slope = std::abs(r) / (1 + x * x) / root;
  return std::copysign(root, r);
}

/// Without the loss.
double plain_residual(const Variance& v, double d, double m, double* derivative) {
  if (v.g == 0 && v.c == 0) {
    const double weight = 1 / std::sqrt(v.a);
    *derivative = weight;
    return weight * (m - d);
  }
  if (m == d) {
    *derivative = 1 / std::sqrt(v(m));
    return 0;
  }
  const double r = std::copysign(std::sqrt(std::max(deviance(v, d, m), 0.0)), m - d);
  *derivative = r == 0 ? 1 / std::sqrt(v(m)) : (m - d) / (v(m) * r);
  return r;
}

}  // namespace

double model_variance(const DiskData& data, long i, double m) { return variance_of(data, i)(m); }

double measured_variance(const DiskData& data, long i) {
  const Variance v = variance_of(data, i);
  return v(std::max(data.intensity[i], v.g));
}

double residual(const DiskData& data, long i, double m, double* derivative) {
  double of_m, of_r;
  const double r = plain_residual(variance_of(data, i), data.intensity[i], m, &of_m);
  const double result = with_loss(data.noise, r, &of_r);
  if (derivative) *derivative = of_r * of_m;
  return result;
}

double misfit(const DiskData& data, const Eigen::VectorXd& m) {
  double sum = 0;
  for (long i = 0; i < m.size(); ++i)
    if (std::isfinite(data.intensity[i])) {
      const double r = residual(data, i, m[i], nullptr);
      sum += r * r;
    }
  return sum;
}

double scatter_factor(const DiskData& data, const Eigen::VectorXd& m, int free_unknowns) {
  const double w = data.noise.width;
  double psi2 = 0, slopes = 0;
  int n = 0;
  for (long i = 0; i < m.size(); ++i) {
    if (!std::isfinite(data.intensity[i])) continue;
    ++n;
    double unused;
    const double r = plain_residual(variance_of(data, i), data.intensity[i], m[i], &unused);
    const double x = r * r / (w * w);
    switch (data.noise.loss) {
      case Loss::huber:
        psi2 += std::min(r * r, w * w);
        slopes += x <= 1;
        break;
      case Loss::cauchy:
        psi2 += r * r / ((1 + x) * (1 + x));
        slopes += (1 - x) / ((1 + x) * (1 + x));
        break;
      default:
        psi2 += r * r;
        slopes += 1;
    }
  }
  if (n <= free_unknowns || slopes < 0.1 * n) return std::numeric_limits<double>::quiet_NaN();
  return psi2 / (n - free_unknowns) * (double(n) / slopes) * (double(n) / slopes);
}

}  // namespace pendel

#include "scan/ring_start.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel::ring_start {

void set_ellipse(const Stretch& stretch, Calibration& calibration) {
  calibration.ellipse_ratio = std::exp(2 * stretch.norm());
  calibration.ellipse_angle_deg = 0.5 * std::atan2(stretch.y(), stretch.x()) * 180 / electron::pi;
}

Calibration Geometry::calibration() const {
  Calibration result;
  result.origin = {centre};
  set_ellipse(stretch, result);
  return result;
}

Geometry sharpest(const std::vector<double>& pattern, std::size_t q_rows, std::size_t q_columns,
                  const std::vector<float>& mask, Geometry start, double from, double to) {
  const Bins bins{from, 1, std::size_t(std::max(2.0, to - from))};
  const auto profile = [&](const Geometry& geometry) {
    return RadialMap(geometry.calibration(), 0, bins, q_rows, q_columns, mask)
        .profile(pattern.data());
  };
  Geometry best = start;
  for (double step = 4; step > 0.2; step /= 2) {
    const RadialProfile reference = profile(best);
    const auto scatter = [&](const Geometry& geometry) {
      const RadialProfile at = profile(geometry);
      double sum = 0, pixels = 0;
      for (std::size_t i = 0; i < bins.count; ++i)
        if (reference.variance[i] > 0 && at.pixels[i] > 0) {
          sum += at.pixels[i] * at.variance[i] / reference.variance[i];
          pixels += at.pixels[i];
        }
      return sum / pixels;
    };
    double least = scatter(best);
    bool moved = true;
    for (int sweep = 0; moved && sweep < 10; ++sweep) {
      moved = false;
      for (int k = 0; k < 8; ++k) {
        Geometry trial = best;
        const double sign = k % 2 ? -1 : 1;
        if (k < 4)
          trial.centre[k / 2] += sign * step;
        else
          trial.stretch[k / 2 - 2] += sign * step / to;
        const double value = scatter(trial);
        if (!(value < least)) continue;
        least = value;
        best = trial;
        moved = true;
      }
    }
  }
  return best;
}

std::vector<float> without_shadow(const std::vector<double>& pattern, std::size_t q_rows,
                                  std::size_t q_columns, const std::vector<float>& mask,
                                  const Calibration& calibration, double to, std::size_t& dark) {
  constexpr double wide = 1;           // rings [pixels]
  constexpr double far = 5;            // of the standard deviations below the median
  constexpr double quartile = 1.4826;  // standard deviations of a normal distribution
  std::vector<float> result(pattern.size());
  std::vector<std::vector<std::size_t>> rings;
  const Eigen::Matrix2d M = calibration.matrix();
  for (std::size_t pixel = 0; pixel < q_rows * q_columns; ++pixel) {
    if ((!mask.empty() && mask[pixel] == 0) || !std::isfinite(pattern[pixel])) continue;
    result[pixel] = 1;
    const Vec2 at(double(pixel % q_columns), double(pixel / q_columns));
    const double radius = (M * (at - calibration.origin[0])).norm();
    if (radius > to) continue;
    const auto ring = std::size_t(radius / wide);
    if (rings.size() <= ring) rings.resize(ring + 1);
    rings[ring].push_back(pixel);
  }
  dark = 0;
  for (const std::vector<std::size_t>& ring : rings) {
    if (ring.size() < 20) continue;
    std::vector<double> values;
    for (const std::size_t pixel : ring) values.push_back(pattern[pixel]);
    std::sort(values.begin(), values.end());
    const double median = values[values.size() / 2];
    const double spread = quartile * (median - values[values.size() / 4]);
    for (const std::size_t pixel : ring)
      if (spread > 0 && pattern[pixel] < median - far * spread) {
        result[pixel] = 0;
        ++dark;
      }
  }
  return result;
}

namespace {

/// Mean of three neighbours; NaN where one is missing.
std::vector<double> smooth(const RadialProfile& profile) {
  std::vector<double> result(profile.bins.count, std::nan(""));
  for (std::size_t i = 1; i + 1 < profile.bins.count; ++i)
    result[i] = (profile.mean[i - 1] + profile.mean[i] + profile.mean[i + 1]) / 3;
  return result;
}

/// Columns of a weighted linear fit to a radial mean: its background.
Eigen::MatrixXd background_columns(const RadialProfile& profile,
                                   const std::vector<std::size_t>& use, int terms) {
  const double from = profile.bins.centre(use.front()), to = profile.bins.centre(use.back());
  const double power = power_between_ends(profile);
  Eigen::MatrixXd columns(use.size(), terms);
  std::vector<double> value(terms), slope(terms);
  for (std::size_t k = 0; k < use.size(); ++k) {
    const double r = profile.bins.centre(use[k]);
    chebyshev((2 * r - from - to) / (to - from), terms, value.data(), slope.data());
    for (int j = 0; j < terms; ++j) columns(long(k), j) = value[j] * std::pow(r / from, power);
  }
  return columns;
}

/// Standard error of every bin's mean, none below a thousandth of it.
double error_of(const RadialProfile& profile, std::size_t i) {
  return std::sqrt(profile.variance[i] / profile.pixels[i] + std::pow(1e-3 * profile.mean[i], 2));
}

std::vector<std::size_t> usable(const RadialProfile& profile) {
  std::vector<std::size_t> use;
  for (std::size_t i = 0; i < profile.bins.count; ++i)
    if (profile.pixels[i] >= 1 && error_of(profile, i) > 0) use.push_back(i);
  return use;
}

}  // namespace

double end_of_beam(const RadialProfile& profile) {
  const std::vector<double> mean = smooth(profile);
  std::size_t highest = 0;
  for (std::size_t i = 0; i < mean.size(); ++i)
    if (std::isfinite(mean[i]) && !(mean[highest] >= mean[i])) highest = i;
  for (std::size_t i = highest + 2; i + 2 < mean.size(); ++i)
    if (mean[i] <= mean[i - 1] && mean[i] <= mean[i - 2] && mean[i] < mean[i + 1] &&
        mean[i] < mean[i + 2])
      return 0.8 * profile.bins.centre(i);
  return 0;
}

double power_between_ends(const RadialProfile& profile) {
  const std::vector<std::size_t> use = usable(profile);
  if (use.size() < 2) return 0;
  const double first = profile.mean[use.front()], last = profile.mean[use.back()];
  if (!(first > 0 && last > 0)) return 0;
  return std::log(last / first) /
         std::log(profile.bins.centre(use.back()) / profile.bins.centre(use.front()));
}

void chebyshev(double x, int count, double* values, double* slopes) {
  for (int j = 0; j < count; ++j) {
    values[j] = j == 0 ? 1 : j == 1 ? x : 2 * x * values[j - 1] - values[j - 2];
    slopes[j] = j == 0 ? 0 : j == 1 ? 1 : 2 * values[j - 1] + 2 * x * slopes[j - 1] - slopes[j - 2];
  }
}

LinesAt best_pixel(const RadialProfile& profile, const std::vector<PowderLine>& lines, int terms,
                   double least_invA, double most_invA) {
  const std::vector<std::size_t> use = usable(profile);
  if (use.size() < std::size_t(terms + 4))
    throw Error(ErrorKind::numerical,
                "the rings' radial mean has only " + std::to_string(use.size()) + " usable radii");
  Eigen::MatrixXd A(long(use.size()), terms + 1);
  A.rightCols(terms) = background_columns(profile, use, terms);
  Eigen::VectorXd mean(long(use.size())), weight(long(use.size()));
  for (std::size_t k = 0; k < use.size(); ++k) {
    weight[long(k)] = 1 / error_of(profile, use[k]);
    mean[long(k)] = profile.mean[use[k]] * weight[long(k)];
  }
  A = weight.asDiagonal() * A;
  LinesAt best{0, 0};
  double least = std::numeric_limits<double>::infinity();
  for (double pixel = least_invA; pixel <= most_invA; pixel *= 1.004)
    for (const double width : {1.2, 1.7, 2.4, 3.4, 4.8, 6.8}) {
      for (std::size_t k = 0; k < use.size(); ++k) {
        double sum = 0;
        for (const PowderLine& line : lines) {
          const double t = (profile.bins.centre(use[k]) - line.g_invA / pixel) / width;
          if (std::abs(t) < 5) sum += line.height * std::exp(-0.5 * t * t);
        }
        A(long(k), 0) = sum * weight[long(k)];
      }
      if (A.col(0).isZero(0)) continue;
      const Eigen::VectorXd x = A.colPivHouseholderQr().solve(mean);
      const double rest = (A * x - mean).squaredNorm();
      if (x[0] > 0 && rest < least) {
        least = rest;
        best = {pixel, width};
      }
    }
  if (best.pixel_invA == 0)
    throw Error(ErrorKind::numerical,
                "no pixel size puts rings of the crystal where the radial mean has some");
  return best;
}

std::vector<Vec2> maxima(const RadialProfile& profile) {
  const std::vector<double> mean = smooth(profile);
  const double power = power_between_ends(profile);
  const auto flat = [&](std::size_t i) {
    return mean[i] / std::pow(profile.bins.centre(i), power);
  };
  std::vector<Vec2> found;
  for (std::size_t i = 3; i + 3 < mean.size(); ++i) {
    if (!(flat(i) > flat(i - 1) && flat(i) >= flat(i + 1) && flat(i) > flat(i - 2) &&
          flat(i) > flat(i + 2)))
      continue;
    // down both sides as long as it falls
    std::size_t left = i, right = i;
    while (left > 1 && flat(left - 1) < flat(left)) --left;
    while (right + 2 < mean.size() && flat(right + 1) < flat(right)) ++right;
    const double base = std::max(flat(left), flat(right));
    const double error =
        error_of(profile, i) / std::sqrt(3.0) / std::pow(profile.bins.centre(i), power);
    if (!(flat(i) - base > 4 * error)) continue;
    const double half = 0.5 * (flat(i) + base);
    std::size_t from = i, to = i;
    while (from > left && flat(from) > half) --from;
    while (to < right && flat(to) > half) ++to;
    found.push_back(
        {profile.bins.centre(i), std::max(0.8, double(to - from) * profile.bins.step / 2.355)});
  }
  return found;
}

}  // namespace pendel::ring_start

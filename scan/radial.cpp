#include "scan/radial.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/LU>

#include "core/electron.hpp"

namespace pendel {

namespace {

/// Area of the unit square below a distance t from its centre, along a direction whose sine and
/// cosine have the magnitudes a >= b: the integral of a trapezium.
double area_below(double t, double a, double b) {
  const double outer = 0.5 * (a + b), inner = 0.5 * (a - b);
  if (t <= -outer) return 0;
  if (t >= outer) return 1;
  const double height = 1 / a;
  if (std::abs(t) <= inner) return 0.5 + height * t;
  const double rest = outer - std::abs(t), triangle = 0.5 * height * rest * rest / b;
  return t < 0 ? triangle : 1 - triangle;
}

}  // namespace

Bins whole_rings(const Calibration& calibration, std::size_t q_rows, std::size_t q_columns) {
  const Eigen::Matrix2d M = calibration.matrix();
  const Eigen::Matrix2d back = M.inverse();
  double least = std::numeric_limits<double>::infinity();
  for (const Vec2& origin : calibration.origin) {
    if (!origin.allFinite()) continue;
    // a circle of radius R reaches R |row of the inverse| along an axis of the pattern
    const double edges[] = {(origin.x() + 0.5) / back.row(0).norm(),
                            (double(q_columns) - 0.5 - origin.x()) / back.row(0).norm(),
                            (origin.y() + 0.5) / back.row(1).norm(),
                            (double(q_rows) - 0.5 - origin.y()) / back.row(1).norm()};
    for (const double edge : edges) least = std::min(least, edge);
  }
  Bins bins;
  bins.step = std::sqrt(std::abs(M.determinant()));
  if (std::isfinite(least) && least > 0) bins.count = std::size_t(least / bins.step);
  return bins;
}

RadialMap::RadialMap(const Calibration& calibration, std::size_t position, const Bins& bins,
                     std::size_t q_rows, std::size_t q_columns, const std::vector<float>& mask)
    : bins_(bins) {
  const Eigen::Matrix2d M = calibration.matrix();
  const Vec2 origin = calibration.origin[calibration.origin.size() > 1 ? position : 0];
  for (std::size_t pixel = 0; pixel < q_rows * q_columns; ++pixel) {
    if (!mask.empty() && mask[pixel] == 0) continue;
    const Vec2 v = M * (Vec2(double(pixel % q_columns), double(pixel / q_columns)) - origin);
    const double radius = v.norm();
    // how fast the radius grows across the pixel
    Vec2 slope = radius > 0 ? Vec2(M.transpose() * (v / radius)) : Vec2(M.col(0));
    const double length = slope.norm();
    slope = (slope / length).cwiseAbs();
    const double a = slope.maxCoeff(), b = slope.minCoeff();
    const double reach = 0.5 * (a + b) * length;
    const double last = std::floor((radius + reach - bins.from) / bins.step);
    const double first = std::max(0.0, std::floor((radius - reach - bins.from) / bins.step));
    for (double i = first; i <= last && i < double(bins.count); ++i) {
      const auto bin = std::uint32_t(i);
      const double low = bins.from + i * bins.step, high = low + bins.step;
      // what would lie at negative radii lies on the other side of the beam
      const double below = low > 0 ? area_below((low - radius) / length, a, b) : 0;
      const double part = area_below((high - radius) / length, a, b) - below;
      if (part > 0) shares_.push_back({std::uint32_t(pixel), bin, float(part)});
    }
  }
}

template <class Real>
RadialProfile RadialMap::profile(const Real* pattern) const {
  RadialProfile result{bins_, std::vector<double>(bins_.count), std::vector<double>(bins_.count),
                       std::vector<double>(bins_.count)};
  for (const Share& share : shares_) {
    const double value = double(pattern[share.pixel]);
    if (std::isnan(value)) continue;
    result.pixels[share.bin] += double(share.part);
    result.mean[share.bin] += double(share.part) * value;
  }
  for (std::size_t i = 0; i < bins_.count; ++i)
    result.mean[i] = result.pixels[i] > 0 ? result.mean[i] / result.pixels[i] : std::nan("");
  for (const Share& share : shares_) {
    const double value = double(pattern[share.pixel]);
    if (std::isnan(value)) continue;
    result.variance[share.bin] += double(share.part) * std::pow(value - result.mean[share.bin], 2);
  }
  for (std::size_t i = 0; i < bins_.count; ++i)
    result.variance[i] =
        result.pixels[i] > 0 ? result.variance[i] / result.pixels[i] : std::nan("");
  return result;
}

template RadialProfile RadialMap::profile(const float*) const;
template RadialProfile RadialMap::profile(const double*) const;

template <class Real>
std::vector<double> polar_pattern(const Real* pattern, std::size_t q_rows, std::size_t q_columns,
                                  const Calibration& calibration, std::size_t position,
                                  const Bins& radii, const Bins& angles_deg,
                                  const std::vector<float>& mask) {
  const Eigen::Matrix2d back = calibration.matrix().inverse();
  const Vec2 origin = calibration.origin[calibration.origin.size() > 1 ? position : 0];
  std::vector<double> result;
  result.reserve(angles_deg.count * radii.count);
  for (std::size_t k = 0; k < angles_deg.count; ++k) {
    const double angle = angles_deg.centre(k) * electron::pi / 180;
    const Vec2 direction = back * Vec2(std::cos(angle), std::sin(angle));
    for (std::size_t i = 0; i < radii.count; ++i) {
      const Vec2 at = origin + radii.centre(i) * direction;
      const double left = std::floor(at.x()), top = std::floor(at.y());
      double value = 0;
      for (const int dy : {0, 1})
        for (const int dx : {0, 1}) {
          const double column = left + dx, row = top + dy;
          const double weight = (1 - std::abs(at.x() - column)) * (1 - std::abs(at.y() - row));
          if (weight == 0) continue;
          const bool inside =
              column >= 0 && row >= 0 && column < double(q_columns) && row < double(q_rows);
          const std::size_t pixel = inside ? std::size_t(row) * q_columns + std::size_t(column) : 0;
          value += inside && (mask.empty() || mask[pixel] != 0) ? weight * double(pattern[pixel])
                                                                : std::nan("");
        }
      result.push_back(value);
    }
  }
  return result;
}

template std::vector<double> polar_pattern(const float*, std::size_t, std::size_t,
                                           const Calibration&, std::size_t, const Bins&,
                                           const Bins&, const std::vector<float>&);
template std::vector<double> polar_pattern(const double*, std::size_t, std::size_t,
                                           const Calibration&, std::size_t, const Bins&,
                                           const Bins&, const std::vector<float>&);

}  // namespace pendel

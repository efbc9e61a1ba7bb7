// Patterns of disks made pixel by pixel from formulas, with counting noise, and the least error
// with which their places can be known.
#pragma once
#include <Eigen/LU>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "core/space.hpp"
#include "scan/bragg_peaks.hpp"

namespace disk_patterns {

using pendel::Vec2;

struct Disk {
  Vec2 at;  // column, row
  double counts;
  double contrast = 0, period = 1, direction = 0, phase = 0;  // of fringes
};

struct Scene {
  int rows, columns;
  double radius, edge;
  double background = 0, decay = 1e9;  // counts per pixel at the middle, falls over so many pixels
  std::vector<Disk> disks;

  double shape(double r) const { return 1 / (1 + std::exp(4 * (r - radius) / edge)); }
  double area() const {
    double sum = 0;
    for (int y = -60; y <= 60; ++y)
      for (int x = -60; x <= 60; ++x) sum += shape(std::hypot(x, y));
    return sum;
  }
  double without_disks(int x, int y) const {
    return background * std::exp(-std::hypot(x - columns / 2, y - rows / 2) / decay);
  }
  double disk(const Disk& d, double scale, double x, double y) const {
    const Vec2 u = Vec2(x, y) - d.at;
    const double along = u.x() * std::cos(d.direction) + u.y() * std::sin(d.direction);
    return d.counts * scale * shape(u.norm()) *
           (1 + d.contrast * std::cos(2 * 3.14159265358979 * along / d.period + d.phase));
  }
  std::vector<double> mean() const {
    std::vector<double> result;
    const double scale = 1 / area();
    for (int y = 0; y < rows; ++y)
      for (int x = 0; x < columns; ++x) result.push_back(without_disks(x, y));
    const int reach = int(radius + 6 * edge);
    for (const Disk& d : disks)
      for (int y = std::max(0, int(d.at.y()) - reach); y < std::min(rows, int(d.at.y()) + reach);
           ++y)
        for (int x = std::max(0, int(d.at.x()) - reach);
             x < std::min(columns, int(d.at.x()) + reach); ++x)
          result[std::size_t(y * columns + x)] += disk(d, scale, x, y);
    return result;
  }
  std::vector<float> counted(std::mt19937& random) const {
    std::vector<float> result;
    for (const double m : mean())
      result.push_back(float(std::poisson_distribution<int>(m + 1e-12)(random)));
    return result;
  }
  /// Cramér-Rao: least standard deviation of a column or row (their mean) of a uniform disk whose
  /// surroundings are known; m: mean().
  double limit(std::size_t k, const std::vector<double>& m) const {
    const double scale = 1 / area(), h = 1e-4;
    Eigen::Matrix2d information = Eigen::Matrix2d::Zero();
    const Disk& d = disks[k];
    const int reach = int(radius + 6 * edge);
    for (int y = std::max(0, int(d.at.y()) - reach); y < std::min(rows, int(d.at.y()) + reach); ++y)
      for (int x = std::max(0, int(d.at.x()) - reach); x < std::min(columns, int(d.at.x()) + reach);
           ++x) {
        const Vec2 g((disk(d, scale, x + h, y) - disk(d, scale, x - h, y)) / (2 * h),
                     (disk(d, scale, x, y + h) - disk(d, scale, x, y - h)) / (2 * h));
        information += g * g.transpose() / std::max(1e-12, m[std::size_t(y * columns + x)]);
      }
    return std::sqrt(0.5 * information.inverse().trace());
  }
};

/// The found peak nearest to a place, if within `radius`.
inline const pendel::BraggPeak* nearest(const std::vector<pendel::BraggPeak>& peaks, const Vec2& at,
                                        double radius) {
  const pendel::BraggPeak* best = nullptr;
  for (const auto& p : peaks)
    if ((p.position - at).norm() < radius &&
        (!best || (p.position - at).norm() < (best->position - at).norm()))
      best = &p;
  return best;
}

/// Disks on a lattice turned at random, of counts between two, evenly in their logarithm.
inline Scene lattice(std::mt19937& random, int size, double radius, double edge, double spacing,
                     double least, double most) {
  std::uniform_real_distribution<double> uniform(0, 1);
  Scene scene{size, size, radius, edge, 0, 1e9, {}};
  const double angle = 6.28 * uniform(random);
  const Vec2 a(spacing * std::cos(angle), spacing * std::sin(angle)), b(-a.y() * 1.1, a.x() * 1.1);
  const Vec2 middle(size / 2 + uniform(random), size / 2 + uniform(random));
  for (int h = -9; h <= 9; ++h)
    for (int k = -9; k <= 9; ++k) {
      const Vec2 at = middle + h * a + k * b;
      const double margin = radius + edge;
      if (at.x() < margin || at.y() < margin || at.x() > size - 1 - margin ||
          at.y() > size - 1 - margin)
        continue;
      scene.disks.push_back({at, least * std::pow(most / least, uniform(random))});
    }
  return scene;
}

}  // namespace disk_patterns

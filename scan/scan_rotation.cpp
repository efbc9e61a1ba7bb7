#include "scan/scan_rotation.hpp"

#include <algorithm>
#include <cmath>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

constexpr std::size_t blocks_along = 6;  // an edge of the scan

/// Sums over positions of products of curl C and divergence D, and of D with `dense`.
struct Sums {
  double CC = 0, CD = 0, DD = 0;
  double C_dense = 0, D_dense = 0;
  Sums& operator+=(const Sums& o) {
    CC += o.CC, CD += o.CD, DD += o.DD;
    C_dense += o.C_dense, D_dense += o.D_dense;
    return *this;
  }
  Sums without(const Sums& o) const {
    return {CC - o.CC, CD - o.CD, DD - o.DD, C_dense - o.C_dense, D_dense - o.D_dense};
  }
  /// Turned by −θ the curl is C cos θ − D sin θ: its square is least here [rad].
  double angle() const { return 0.5 * std::atan2(2 * CD, DD - CC); }
  double curl() const {
    return CC + DD > 0 ? 0.5 - 0.5 * std::hypot(2 * CD, DD - CC) / (CC + DD) : 0.5;
  }
};

std::vector<Sums> sums_of_blocks(const std::vector<Vec2>& deflection, std::size_t rows,
                                 std::size_t columns, const std::vector<double>& dense, bool flip) {
  const std::size_t down = std::min(blocks_along, rows - 2),
                    across = std::min(blocks_along, columns - 2);
  std::vector<Sums> result(down * across);
  double mean = 0, count = 0;
  for (const double value : dense)
    if (std::isfinite(value)) mean += value, ++count;
  mean = count > 0 ? mean / count : 0;
  const double sign = flip ? -1 : 1;
  for (std::size_t row = 1; row + 1 < rows; ++row)
    for (std::size_t column = 1; column + 1 < columns; ++column) {
      const std::size_t i = row * columns + column;
      const Vec2 by_x = deflection[i + 1] - deflection[i - 1];
      const Vec2 by_y = deflection[i + columns] - deflection[i - columns];
      if (!by_x.allFinite() || !by_y.allFinite()) continue;
      const double C = sign * by_x.y() - by_y.x(), D = by_x.x() + sign * by_y.y();
      const double bright = dense.empty() || !std::isfinite(dense[i]) ? 0 : dense[i] - mean;
      result[(row - 1) * down / (rows - 2) * across + (column - 1) * across / (columns - 2)] +=
          {C * C, C * D, D * D, C * bright, D * bright};
    }
  return result;
}

}  // namespace

ScanRotation scan_rotation(const std::vector<Vec2>& deflection, std::size_t rows,
                           std::size_t columns, const std::vector<double>& dense) {
  if (rows < 4 || columns < 4)
    throw Error(ErrorKind::numerical, "a scan of " + std::to_string(rows) + " x " +
                                          std::to_string(columns) +
                                          " positions is too small to tell its rotation: 4 x 4 "
                                          "at least");
  Sums all[2];
  std::vector<Sums> parts[2];
  for (const int flip : {0, 1}) {
    parts[flip] = sums_of_blocks(deflection, rows, columns, dense, flip == 1);
    for (const Sums& part : parts[flip]) all[flip] += part;
  }
  if (!(all[0].CC + all[0].DD > 0))
    throw Error(ErrorKind::numerical,
                "the beam's deflection is the same everywhere: no rotation follows from it");
  const int chosen = all[1].curl() < all[0].curl() ? 1 : 0;
  const Sums& sums = all[chosen];
  double angle = sums.angle();
  const double pi = electron::pi;
  // towards atoms the field converges
  if (!dense.empty() && std::cos(angle) * sums.D_dense + std::sin(angle) * sums.C_dense > 0)
    angle += angle > 0 ? -pi : pi;

  ScanRotation result;
  result.flip = chosen == 1;
  result.rotation_deg = angle * 180 / pi;
  result.curl = sums.curl();
  result.curl_other = all[1 - chosen].curl();
  double turns = 0, differences = 0, used = 0;
  for (std::size_t k = 0; k < parts[0].size(); ++k) {
    if (!(parts[chosen][k].CC + parts[chosen][k].DD > 0)) continue;
    ++used;
    const Sums rest = sums.without(parts[chosen][k]);
    turns += std::pow(std::remainder(rest.angle() - sums.angle(), pi), 2);
    const double difference = all[1 - chosen].without(parts[1 - chosen][k]).curl() - rest.curl();
    differences += std::pow(difference - (result.curl_other - result.curl), 2);
  }
  const double share = used > 1 ? (used - 1) / used : std::nan("");
  // nothing is known of an angle beyond this
  result.rotation_error_deg = std::min(90.0, std::sqrt(share * turns) * 180 / pi);
  result.flip_known = result.curl_other - result.curl > 3 * std::sqrt(share * differences);
  return result;
}

}  // namespace pendel

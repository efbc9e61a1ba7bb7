#include "acom/zone_sampling.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

using electron::pi;
using Triangle = std::array<Vec3, 3>;

double angle(const Vec3& a, const Vec3& b) { return std::atan2(a.cross(b).norm(), a.dot(b)); }

double area(const Triangle& t) {
  // van Oosterom and Strackee
  return 2 * std::atan2(t[0].dot(t[1].cross(t[2])),
                        1 + t[0].dot(t[1]) + t[1].dot(t[2]) + t[2].dot(t[0]));
}

/// From one corner, so that all have that corner and its sides in common.
std::vector<Triangle> fan(const Vec3& corner, const std::vector<Vec3>& others) {
  std::vector<Triangle> result;
  for (std::size_t i = 0; i + 1 < others.size(); ++i) {
    const Triangle t = {corner, others[i], others[i + 1]};
    if (area(t) > 1e-9) result.push_back(t);
  }
  return result;
}

std::vector<Triangle> triangles(const FundamentalZone& zone) {
  const Mat3& Q = zone.setting();
  if (zone.vertices().empty()) {  // the sphere or a hemisphere
    const Vec3 pole = zone.normals().empty() ? Vec3(Q.col(2)) : zone.normals()[0];
    const Vec3 a = zone.normals().empty() ? Vec3(Q.col(0)) : Vec3(pole.unitOrthogonal());
    const Vec3 b = pole.cross(a);
    std::vector<Triangle> result = fan(pole, {a, b, -a, -b, a});
    if (zone.normals().empty())
      for (const Triangle& t : fan(-pole, {a, -b, -a, b, a})) result.push_back(t);
    return result;
  }
  // Long edges are halved; then there is a corner that no other one is opposite to.
  std::vector<Vec3> corners;
  for (std::size_t i = 0; i < zone.vertices().size(); ++i) {
    const Vec3& begin = zone.vertices()[i];
    const Vec3& end = zone.vertices()[(i + 1) % zone.vertices().size()];
    corners.push_back(begin);
    if (angle(begin, end) > pi / 2 + 1e-6)
      corners.push_back(zone.vertices().size() == 2 ? Vec3(zone.normals()[i].cross(begin))
                                                    : Vec3((begin + end).normalized()));
  }
  // A lune's own corners are opposite to each other.
  const long first = zone.vertices().size() == 2 ? 1 : 0;
  std::rotate(corners.begin(), corners.begin() + first, corners.end());
  return fan(corners[0], {corners.begin() + 1, corners.end()});
}

Vec3 between(const Vec3& a, const Vec3& b, double fraction) {
  const double whole = angle(a, b);
  if (whole < 1e-12) return a;
  return (std::sin((1 - fraction) * whole) * a + std::sin(fraction * whole) * b) / std::sin(whole);
}

/// The map of the plane's triangle to the sphere's that keeps areas [Arvo1995]: `row` of the way
/// from corner 0 to the opposite side, `along` of the way across.
Vec3 equal_area(const Triangle& t, double row, double along) {
  // Point Q on side 1-2 such that 0, 1, Q has the part `along` of the area:
  // tan(E/2) = s sin φ/(1 + c + c' + ...) is linear in cos φ and sin φ of the arc φ from 1.
  const double E = along * area(t);
  const Vec3 u = (t[2] - t[1] * t[1].dot(t[2])).normalized();
  const double c = t[0].dot(t[1]), k = t[0].dot(t[1].cross(u)), d = t[0].dot(u);
  // Q = t1 cos φ + u sin φ: tan(E/2) = k sin φ/((1 + c)(1 + cos φ) + d sin φ), and
  // sin φ/(1 + cos φ) = tan(φ/2).
  const double tangent = std::tan(E / 2);
  const double phi = 2 * std::atan2(tangent * (1 + c), k - tangent * d);
  const Vec3 Q = std::cos(phi) * t[1] + std::sin(phi) * u;
  // The part of 0, 1, Q's area within an angle θ of corner 0 goes as 1 - cos θ.
  const double whole = angle(t[0], Q);
  const double half = row * std::sin(whole / 2);  // sin(θ/2): row² of 1 - cos
  return between(t[0], Q, 2 * std::asin(half) / whole);
}

Vec3 slerp(const Triangle& t, double row, double along) {
  return between(between(t[0], t[1], row), between(t[0], t[2], row), along);
}

/// Farthest that a point of a triangle can be from its nearest corner.
double covering_radius(const Triangle& t) {
  const Vec3 centre = (t[1] - t[0]).cross(t[2] - t[0]).normalized();
  double farthest = 0;
  for (int i = 0; i < 3; ++i) {
    const Vec3 &A = t[i], &B = t[(i + 1) % 3], &C = t[(i + 2) % 3];
    if (centre.dot(A.cross(B)) >= 0) continue;
    // The centre of the circle through the corners lies beyond side AB. On this side the nearest
    // corner is A up to a point as far from C, then C, then B: right triangles of half AC, half BC.
    const auto reach = [&](const Vec3& end, const Vec3& other) {
      const double cosine = end.cross(C).normalized().dot(end.cross(other).normalized());
      return std::atan(std::tan(angle(end, C) / 2) / cosine);
    };
    farthest = std::max(reach(A, B), reach(B, A));
  }
  return farthest > 0 ? farthest : angle(centre, t[0]);
}

/// What equal directions, and equivalent ones on the boundary, have in common.
std::array<long, 3> mark(const FundamentalZone& zone, const Vec3& v) {
  std::array<long, 3> greatest;
  greatest.fill(std::numeric_limits<long>::min());
  for (const Mat3& S : zone.group().operations) {
    const Vec3 image = S * v;
    if (zone.contains(image, 1e-7))
      greatest = std::max(greatest, {std::lround(image[0] * 1e6), std::lround(image[1] * 1e6),
                                     std::lround(image[2] * 1e6)});
  }
  return greatest;
}

}  // namespace

ZoneAxes zone_axes(const FundamentalZone& zone, double step, ZoneSpacing spacing) {
  if (!(step > 0 && step <= 1)) {
    std::ostringstream text;
    text << "step between zone axes " << step * 180 / pi << " deg; it must be above 0 and at most "
         << 180 / pi << " deg";
    throw Error(ErrorKind::study, text.str());
  }
  const std::vector<Triangle> parts = triangles(zone);
  double largest = 0, side = 0;
  for (const Triangle& t : parts) {
    largest = std::max(largest, area(t));
    side = std::max({side, angle(t[0], t[1]), angle(t[0], t[2])});
  }
  const bool equal = spacing == ZoneSpacing::equal_area;
  const double equilateral = std::sqrt(3.0) / 4 * step * step;
  const int n = std::max(1, int(equal ? std::ceil(std::sqrt(largest / equilateral) - 1e-9)
                                      : std::lround(side / step)));

  ZoneAxes result;
  std::set<std::array<long, 3>> on_sides;
  for (const Triangle& t : parts) {
    const auto node = [&](int row, int column) -> Vec3 {
      if (row == 0) return t[0];
      const double down = double(row) / n, along = double(column) / row;
      return (equal ? equal_area(t, down, along) : slerp(t, down, along)).normalized();
    };
    for (int row = 0; row <= n; ++row)
      for (int column = 0; column <= row; ++column) {
        const Vec3 v = node(row, column);
        const bool on_side = column == 0 || column == row || row == n;
        if (!on_side || on_sides.insert(mark(zone, v)).second) result.axes.push_back(v);
        if (row == n) continue;
        const Vec3 below = node(row + 1, column), next = node(row + 1, column + 1);
        result.covering_radius =
            std::max(result.covering_radius, covering_radius({v, below, next}));
        if (column < row)
          result.covering_radius =
              std::max(result.covering_radius, covering_radius({v, next, node(row, column + 1)}));
      }
  }
  return result;
}

Mat3 zone_orientation(const Vec3& axis, double in_plane) {
  const Vec3 z = Vec3::UnitZ(), a = axis.normalized();
  const Vec3 across = z.cross(a);
  // g takes the map's z to the axis.
  const Mat3 g = rotation_about(across.norm() > 1e-12 ? across : Vec3::UnitX(), angle(z, a));
  return from_bunge_matrix(g * rotation_about(z, -in_plane));
}

double in_plane_range(const PointGroup& group, const Vec3& axis) {
  int rotations = 0;
  for (const Mat3& S : group.operations)
    rotations += S.determinant() > 0 && (S * axis - axis).norm() < 1e-6 * axis.norm();
  return 2 * pi / rotations;
}

}  // namespace pendel

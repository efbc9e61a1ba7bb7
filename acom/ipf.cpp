#include "acom/ipf.hpp"

#include <Eigen/Geometry>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/electron.hpp"
#include "core/interrupt.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

using electron::pi;

double angle(const Vec3& a, const Vec3& b) { return std::atan2(a.cross(b).norm(), a.dot(b)); }

Vec3 middle(const FundamentalZone& zone, const std::vector<Vec3>& vertices) {
  // MTEX's mean of a grid of directions, which orix took over.
  if (zone.group().name == "m-3") return Vec3(0.349928, 0.348069, 0.869711).normalized();
  Vec3 sum = Vec3::Zero();
  if (vertices.size() >= 3)
    for (const Vec3& vertex : vertices) sum += vertex;
  else  // a hemisphere or a lune
    for (const Vec3& normal : zone.normals()) sum += zone.setting().transpose() * normal;
  return sum.normalized();
}

/// Of hue 0 to 1 with full saturation.
Vec3 rgb(double hue, double lightness) {
  const auto channel = [&](double n) {
    const double k = std::fmod(n + 12 * hue, 12);
    const double reach = std::min(lightness, 1 - lightness);
    return lightness - reach * std::clamp(std::min(k - 3, 9 - k), -1.0, 1.0);
  };
  return {channel(0), channel(8), channel(4)};
}

}  // namespace

IpfKey::IpfKey(const PointGroup& group) : zone_(laue_group(group)) {
  const Mat3 to_standard = zone_.setting().transpose();
  std::vector<Vec3> vertices;
  for (const Vec3& vertex : zone_.vertices()) vertices.push_back(to_standard * vertex);
  for (const Vec3& normal : zone_.normals()) normals_.push_back(to_standard * normal);
  centre_ = middle(zone_, vertices);
  // Azimuth 0 points to z; where z is the middle, to x.
  const Vec3 start = vertices.empty() ? Vec3::UnitX() : Vec3::UnitZ();
  across_ = (start - centre_ * centre_.dot(start)).normalized();
  up_ = centre_.cross(across_);

  // Hue runs as fast as the edge is far, so that corners get their own colours: the distance from
  // the middle to the edge, added up around. The steps (999 of them, corners rounded to
  // thousandths of a turn) are those of orix, for the same digits.
  constexpr int steps = 999;
  std::vector<double> distance(steps, pi);
  for (int i = 0; i < steps; ++i) {
    const double a = 2 * pi * i / steps;
    const Vec3 outward = std::cos(a) * across_ + std::sin(a) * up_;
    if (vertices.empty()) continue;
    for (const Vec3& normal : normals_)
      distance[std::size_t(i)] =
          std::min(distance[std::size_t(i)], angle(centre_, normal.cross(outward.cross(centre_))));
  }
  if (vertices.size() == 3) {
    // Each third of the hues between two corners.
    std::vector<long> corners;
    for (const Vec3& vertex : vertices) {
      const long step = std::lround((steps + 1) * azimuth(vertex) / (2 * pi));
      if (step >= 10 && step < steps) corners.push_back(step);
    }
    std::sort(corners.begin(), corners.end());
    corners.insert(corners.begin(), 0);
    corners.push_back(steps);
    for (std::size_t k = 0; k + 1 < corners.size(); ++k) {
      const auto begin = distance.begin() + corners[k], end = distance.begin() + corners[k + 1];
      const double whole = std::accumulate(begin, end, 0.0);
      std::for_each(begin, end, [&](double& d) { d /= whole; });
    }
  }
  const double whole = std::accumulate(distance.begin(), distance.end(), 0.0);
  hue_ = {0};
  for (const double d : distance) hue_.push_back(hue_.back() + 2 * pi * d / whole);
}

double IpfKey::azimuth(const Vec3& v) const {
  const double a = std::atan2(up_.dot(v - centre_), across_.dot(v - centre_));
  return a < 0 ? a + 2 * pi : a;
}

/// 1 in the middle, 0 on the edge.
double IpfKey::distance_to_edge(const Vec3& v) const {
  const Vec3 plane = v.cross(centre_);
  if (plane.norm() < 1e-12) return 1;
  double least = 1;
  for (const Vec3& normal : normals_) {
    const Vec3 edge = plane.cross(normal);
    if (edge.norm() < 1e-12 * plane.norm()) continue;  // runs along the edge: never meets it
    least = std::min(least, angle(-v, edge) / angle(-centre_, edge));
  }
  return least;
}

Vec3 IpfKey::colour(const Vec3& direction) const {
  const Vec3 v = zone_.setting().transpose() * zone_.reduced(direction.normalized()).direction;
  const double step = azimuth(v) / (2 * pi) * double(hue_.size() - 1);
  const std::size_t below = std::min(std::size_t(step), hue_.size() - 2);
  const double hue = hue_[below] + (step - double(below)) * (hue_[below + 1] - hue_[below]);
  return rgb(hue / (2 * pi), 0.5 + 0.5 * distance_to_edge(v));
}

Vec3 crystal_direction(const Mat3& R_lab_crystal, const Vec3& map_direction) {
  return bunge_matrix(R_lab_crystal) * map_direction;
}

namespace {

/// Of a direction, or of the plane that it is normal to.
std::string small_indices(const Cell& cell, const Vec3& direction) {
  constexpr int largest = 3;
  for (const bool plane : {false, true})
    for (int sum = 1; sum <= 3 * largest; ++sum)
      for (int u = -largest; u <= largest; ++u)
        for (int v = -largest; v <= largest; ++v)
          for (int w = -largest; w <= largest; ++w) {
            if (std::abs(u) + std::abs(v) + std::abs(w) != sum) continue;
            const Vec3 indices(u, v, w);
            const Vec3 candidate = plane ? Vec3(cell.reciprocal_basis() * indices)
                                         : Vec3(cell.orthogonalization() * indices);
            if (angle(candidate, direction) > 1e-3) continue;
            const std::string text = std::to_string(u) + std::to_string(v) + std::to_string(w);
            return plane ? "(" + text + ")" : "[" + text + "]";
          }
  return {};
}

}  // namespace

IpfLegend ipf_legend(const IpfKey& key, const Cell& cell, std::size_t pixels) {
  const FundamentalZone& zone = key.zone();
  const Mat3& setting = zone.setting();
  const auto project = [&](const Vec3& direction) -> Vec2 {
    const Vec3 v = setting.transpose() * direction;
    return Vec2(v[0], v[1]) / (1 + v[2]);
  };
  // Edges as arcs in steps of a degree at most.
  std::vector<Vec2> outline;
  const std::vector<Vec3>& vertices = zone.vertices();
  const std::vector<Vec3>& normals = zone.normals();
  for (std::size_t i = 0; i < normals.size(); ++i) {
    const Vec3 from = vertices.empty() ? Vec3(normals[i].unitOrthogonal()) : vertices[i];
    const Vec3 along = normals[i].cross(from);
    double whole = 2 * pi;
    if (!vertices.empty()) {
      const Vec3& to = vertices[(i + 1) % vertices.size()];
      whole = std::atan2(to.dot(along), to.dot(from));
      if (whole < 0) whole += 2 * pi;
    }
    const int steps = int(std::ceil(whole * 180 / pi));
    for (int k = 0; k < steps; ++k)
      outline.push_back(
          project(std::cos(whole * k / steps) * from + std::sin(whole * k / steps) * along));
  }
  outline.push_back(outline.front());
  Vec2 low = outline[0], high = outline[0];
  for (const Vec2& point : outline) {
    low = low.cwiseMin(point);
    high = high.cwiseMax(point);
  }
  const double pixel = (high - low).maxCoeff() / double(pixels);
  const auto in_image = [&](const Vec2& point) -> Vec2 {
    return {(point[0] - low[0]) / pixel - 0.5, (high[1] - point[1]) / pixel - 0.5};
  };

  IpfLegend legend;
  legend.columns = std::size_t(std::ceil((high[0] - low[0]) / pixel - 1e-9));
  legend.rows = std::size_t(std::ceil((high[1] - low[1]) / pixel - 1e-9));
  legend.rgb.assign(legend.rows * legend.columns * 3, 1.0f);
  for (std::size_t row = 0; row < legend.rows; ++row) {
    stop_if_interrupted();
    for (std::size_t column = 0; column < legend.columns; ++column) {
      const double x = low[0] + pixel * (double(column) + 0.5);
      const double y = high[1] - pixel * (double(row) + 0.5);
      const double r2 = x * x + y * y;
      const Vec3 v = setting * Vec3(2 * x, 2 * y, 1 - r2) / (1 + r2);
      if (!zone.contains(v)) continue;
      const Vec3 colour = key.colour(v);
      for (std::size_t c = 0; c < 3; ++c)
        legend.rgb[(row * legend.columns + column) * 3 + c] = float(colour[long(c)]);
    }
  }
  for (const Vec3& vertex : vertices) {
    const Vec2 at = in_image(project(vertex));
    legend.corners.push_back({vertex, at[1], at[0], small_indices(cell, vertex)});
  }
  for (const Vec2& point : outline) legend.outline.push_back(in_image(point));
  return legend;
}

}  // namespace pendel

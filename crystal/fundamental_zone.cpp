#include "crystal/fundamental_zone.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <optional>

#include "core/electron.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

using electron::pi;

/// An operation other than 1 and -1: its axis (of either sense), order and kind.
struct Element {
  Vec3 axis;
  int order;
  bool improper;
};

std::vector<Element> elements(const PointGroup& group) {
  std::vector<Element> result;
  for (const Mat3& operation : group.operations) {
    const bool improper = operation.determinant() < 0;
    const Mat3 R = improper ? Mat3(-operation) : operation;
    // The sum of a rotation's powers is order times the projection on its axis.
    Mat3 power = R, sum = R;
    int order = 1;
    for (; (power - Mat3::Identity()).norm() > 1e-3; ++order) {
      power = power * R;
      sum += power;
    }
    if (order == 1) continue;
    int column;
    sum.colwise().norm().maxCoeff(&column);
    result.push_back({sum.col(column).normalized(), order, improper});
  }
  return result;
}

/// The least rotation that takes group `from` to group `to` of the same class: operations S of the
/// one are Q S Qᵀ of the other.
Mat3 alignment(const PointGroup& from, const PointGroup& to) {
  const std::vector<Element> ours = elements(from), theirs = elements(to);
  if (ours.empty()) return Mat3::Identity();
  const auto first = std::max_element(
      ours.begin(), ours.end(), [](const auto& a, const auto& b) { return a.order < b.order; });
  const auto second = std::find_if(ours.begin(), ours.end(), [&](const Element& other) {
    return std::abs(first->axis.dot(other.axis)) < 0.999;
  });
  const auto frame = [](const Vec3& a, const Vec3& b) {
    const Vec3 c = a.cross(b).normalized();
    Mat3 columns;
    columns << a, c.cross(a), c;
    return columns;
  };
  const auto same_kind = [](const Element& a, const Element& b) {
    return a.order == b.order && a.improper == b.improper;
  };
  std::optional<Mat3> least;
  const auto consider = [&](const Mat3& Q) {
    const Mat3 one = Mat3::Identity();
    if (least && angle_between(Q, one) > angle_between(*least, one) - 1e-9) return;
    if (std::all_of(from.operations.begin(), from.operations.end(),
                    [&](const Mat3& S) { return contains(to, Q * S * Q.transpose()); }))
      least = Q;
  };
  for (const Element& a : theirs)
    for (const double sign : {1.0, -1.0}) {
      if (!same_kind(a, *first)) continue;
      const Vec3 axis = sign * a.axis;
      if (second == ours.end()) {
        consider(Eigen::Quaterniond::FromTwoVectors(first->axis, axis).toRotationMatrix());
        continue;
      }
      const Mat3 ours_frame = frame(first->axis, second->axis);
      for (const Element& b : theirs)
        for (const double other : {1.0, -1.0})
          if (same_kind(b, *second) &&
              std::abs(axis.dot(other * b.axis) - first->axis.dot(second->axis)) < 1e-3)
            consider(frame(axis, other * b.axis) * ours_frame.transpose());
    }
  return least.value();
}

/// Azimuth of the middle of the sector in a standard setting, for the operations that leave z.
double middle_azimuth(const std::vector<Mat3>& stabiliser) {
  const double range = 2 * pi / double(stabiliser.size());
  double start = 0;
  for (const Mat3& S : stabiliser)
    if (S.determinant() < 0) {
      // A mirror plane at azimuth α takes x to azimuth 2α.
      start = std::remainder(std::atan2(S(1, 0), S(0, 0)) / 2, range);
      if (start > 1e-6) start -= range;
    }
  return start + range / 2;
}

/// An edge of the zone: the arc of the great circle normal to `normal` from one vertex to another.
struct Edge {
  Vec3 normal;
  std::optional<Vec3> begin, end;  ///< none: the whole circle
};

/// The part of the circle normal to `normal` on the positive side of the other normals.
std::optional<Edge> edge(const Vec3& normal, const std::vector<Vec3>& normals) {
  const Vec3 u = normal.unitOrthogonal(), w = normal.cross(u);
  std::optional<std::pair<double, double>> arc;
  for (const Vec3& other : normals) {
    if ((other - normal).norm() < 1e-6) continue;
    const double middle = std::atan2(other.dot(w), other.dot(u));
    if (!arc) {
      arc = {middle - pi / 2, middle + pi / 2};
      continue;
    }
    const double at = (arc->first + arc->second) / 2;
    const double nearest = at + std::remainder(middle - at, 2 * pi);
    arc = {std::max(arc->first, nearest - pi / 2), std::min(arc->second, nearest + pi / 2)};
    if (arc->second - arc->first < 1e-6) return {};
  }
  if (!arc) return Edge{normal, {}, {}};
  const auto on_circle = [&](double angle) -> Vec3 {
    return std::cos(angle) * u + std::sin(angle) * w;
  };
  return Edge{normal, on_circle(arc->first), on_circle(arc->second)};
}

}  // namespace

// Of a group with stabiliser H of a point c, the points nearer to c than to its other images,
// and of these what a zone of H holds, are a zone of the group. Here c is z, then a point on the
// equator that nothing in H leaves.
FundamentalZone::FundamentalZone(const PointGroup& group) : group_(group) {
  const PointGroup standard = point_group(group.name);
  setting_ = alignment(standard, group);
  // 23 has no mirrors that would bound a sector around z: MTEX and orix have it around 101.
  const Vec3 first = group.name == "23" ? Vec3(1, 0, 1).normalized() : Vec3::UnitZ();
  std::vector<Mat3> stabiliser;
  std::vector<Vec3> candidates;
  const auto nearer = [&](const Vec3& c, const Vec3& image) {
    const Vec3 normal = (c - image).normalized();
    if (std::none_of(candidates.begin(), candidates.end(),
                     [&](const Vec3& known) { return (known - normal).norm() < 1e-6; }))
      candidates.push_back(normal);
  };
  for (const Mat3& S : standard.operations)
    if ((S * first - first).norm() < 1e-6)
      stabiliser.push_back(S);
    else
      nearer(first, S * first);
  const double azimuth = middle_azimuth(stabiliser);
  const Vec3 second(std::cos(azimuth), std::sin(azimuth), 0);
  for (const Mat3& S : stabiliser)
    if ((S * second - second).norm() > 1e-6) nearer(second, S * second);

  std::vector<Edge> edges;
  for (const Vec3& normal : candidates)
    if (const auto found = edge(normal, candidates)) edges.push_back(*found);
  // From the vertex next to z around.
  const auto height = [](const Edge& e) { return e.begin ? (*e.begin)[2] : 0; };
  const auto is_lower = [&](const Edge& a, const Edge& b) { return height(a) < height(b) - 1e-9; };
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto rest = edges.begin() + long(i);
    const auto next =
        i == 0 ? std::max_element(edges.begin(), edges.end(), is_lower)
               : std::min_element(rest, edges.end(), [&](const Edge& a, const Edge& b) {
                   return (*a.begin - *rest[-1].end).norm() < (*b.begin - *rest[-1].end).norm();
                 });
    std::iter_swap(rest, next);
  }
  for (const Edge& e : edges) {
    normals_.push_back(setting_ * e.normal);
    if (e.begin) vertices_.push_back(setting_ * *e.begin);
  }
}

bool FundamentalZone::contains(const Vec3& direction, double tolerance) const {
  const double least = -tolerance * direction.norm();
  return std::all_of(normals_.begin(), normals_.end(),
                     [&](const Vec3& normal) { return normal.dot(direction) >= least; });
}

FundamentalZone::Image FundamentalZone::reduced(const Vec3& direction) const {
  // The zones' images leave gaps no wider than rounding errors: the least outside is in.
  double best = -2;
  Image result;
  for (const Mat3& S : group_.operations) {
    const Vec3 image = S * direction;
    double inside = 1;
    for (const Vec3& normal : normals_) inside = std::min(inside, normal.dot(image));
    inside = std::min(inside, 0.0);
    if (inside > best + 1e-9) {
      best = inside;
      result = {image, S};
    }
  }
  return result;
}

}  // namespace pendel

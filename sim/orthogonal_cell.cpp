#include "sim/orthogonal_cell.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "core/error.hpp"

namespace pendel {

namespace {

constexpr double same_size = 1e-6;  // relative: cells that differ by less are equally large

struct LatticeVector {
  Eigen::Vector3i uvw;
  Vec3 r;  // lab
  double length;
};

/// The lattice vectors of at most `maximum` Å that lie within slope `cone` of lab axis 0 or 1,
/// shortest first.
std::vector<LatticeVector> vectors_along(const OrientedCrystal& oriented, int axis, double cone,
                                         double maximum) {
  const Mat3 basis = oriented.R_lab_crystal * oriented.crystal.cell.orthogonalization();
  const Mat3 reciprocal = oriented.crystal.cell.reciprocal_basis();
  const Vec3 e = Vec3::Unit(axis);
  const Mat3 across = basis - e * (e.transpose() * basis);  // of every basis vector
  // Along the basis vector that leaves the axis most, only the point nearest to the axis counts.
  Eigen::Index third = 0;
  across.colwise().norm().maxCoeff(&third);
  const Eigen::Index first = (third + 1) % 3, second = (third + 2) % 3;
  const int bound_1 = int(maximum * reciprocal.col(first).norm());
  const int bound_2 = int(maximum * reciprocal.col(second).norm());

  std::vector<LatticeVector> found;
  for (int i = -bound_1; i <= bound_1; ++i)
    for (int j = -bound_2; j <= bound_2; ++j) {
      const Vec3 away = i * across.col(first) + j * across.col(second);
      Eigen::Vector3i uvw;
      uvw[first] = i;
      uvw[second] = j;
      uvw[third] = -int(std::lround(away.dot(across.col(third)) / across.col(third).squaredNorm()));
      const Vec3 r = basis * uvw.cast<double>();
      const double slope = (r - r[axis] * e).norm();
      if (r[axis] > 0 && slope <= cone * r[axis] && r.norm() <= maximum)
        found.push_back({uvw, r, r.norm()});
    }
  std::sort(found.begin(), found.end(),
            [](const LatticeVector& a, const LatticeVector& b) { return a.length < b.length; });
  return found;
}

OrthogonalCell cell_of(const LatticeVector& along_x, const LatticeVector& along_y,
                       const Vec2& size) {
  OrthogonalCell cell;
  cell.vectors.col(0) = along_x.uvw;
  cell.vectors.col(1) = along_y.uvw;
  cell.size = size;
  Mat3 vectors;
  vectors << along_x.r, along_y.r, Vec3::UnitZ();
  cell.deformation = Vec3(size.x(), size.y(), 1).asDiagonal() * vectors.inverse();
  const Mat3 gradient = cell.deformation - Mat3::Identity();
  const Eigen::SelfAdjointEigenSolver<Mat3> squares(gradient.transpose() * gradient,
                                                    Eigen::EigenvaluesOnly);
  cell.largest_strain = std::sqrt(std::max(0.0, squares.eigenvalues()[2]));
  return cell;
}

/// The lattice vectors of one crystal along lab x and y.
struct Vectors {
  std::vector<LatticeVector> x, y;
};
Vectors vectors_of(const OrientedCrystal& oriented, double cone, double maximum) {
  return {vectors_along(oriented, 0, cone, maximum), vectors_along(oriented, 1, cone, maximum)};
}

using Range = std::pair<std::vector<LatticeVector>::const_iterator,
                        std::vector<LatticeVector>::const_iterator>;
Range between(const std::vector<LatticeVector>& vectors, double low, double high) {
  return {std::lower_bound(vectors.begin(), vectors.end(), low,
                           [](const LatticeVector& v, double l) { return v.length < l; }),
          std::upper_bound(vectors.begin(), vectors.end(), high,
                           [](double l, const LatticeVector& v) { return l < v.length; })};
}

/// The least strained cell of a given size; nothing if it takes more than strain_max.
std::optional<OrthogonalCell> strained_to(const Vectors& vectors, const Vec2& size,
                                          double strain_max) {
  std::optional<OrthogonalCell> best;
  const Vec2 low = size / (1 + 2 * strain_max), high = size * (1 + 2 * strain_max);
  const Range x = between(vectors.x, low.x(), high.x()), y = between(vectors.y, low.y(), high.y());
  for (auto i = x.first; i != x.second; ++i)
    for (auto j = y.first; j != y.second; ++j) {
      const OrthogonalCell cell = cell_of(*i, *j, size);
      if (cell.largest_strain <= (best ? best->largest_strain : strain_max)) best = cell;
    }
  return best;
}

std::string text(const OrthogonalCell& cell) {
  const auto uvw = [&](int i) {
    return "[" + std::to_string(cell.vectors(0, i)) + " " + std::to_string(cell.vectors(1, i)) +
           " " + std::to_string(cell.vectors(2, i)) + "]";
  };
  return uvw(0) + " x " + uvw(1) + ", " + std::to_string(cell.size.x()) + " x " +
         std::to_string(cell.size.y()) + " A, strain " + std::to_string(cell.largest_strain);
}

/// What the least strained cell is, for an error message.
std::string best_found(const OrientedCrystal& oriented, const Vec2& minimum, double maximum) {
  const Vectors vectors = vectors_of(oriented, 0.5, maximum);
  const auto straightest = [](const std::vector<LatticeVector>& list, int axis, double low) {
    const LatticeVector* best = nullptr;
    for (const LatticeVector& v : list)
      if (v.length >= low &&
          (!best || v.r[axis] / v.length > best->r[axis] / best->length * (1 + 1e-12)))
        best = &v;
    return best;
  };
  const LatticeVector* x = straightest(vectors.x, 0, minimum.x());
  const LatticeVector* y = straightest(vectors.y, 1, minimum.y());
  if (!x || !y) return "no lattice vectors are long enough";
  return "the best one is " + text(cell_of(*x, *y, {x->length, y->length}));
}

}  // namespace

std::vector<OrthogonalCell> common_cell(const std::vector<const OrientedCrystal*>& crystals,
                                        const Vec2& minimum, double strain_max, double maximum) {
  // Rounding must not refuse a cell of exactly the minimum, nor a strain of exactly 0.
  const double limit = strain_max + 1e-9;
  const Vec2 low = minimum * (1 - 1e-9);
  const double largest = maximum * (1 + 1e-9);
  std::vector<Vectors> vectors;
  for (const OrientedCrystal* oriented : crystals)
    vectors.push_back(vectors_of(*oriented, 1.5 * limit, largest * (1 + 2 * limit)));

  std::vector<OrthogonalCell> best;
  double best_area = 0;
  const Range x = between(vectors[0].x, low.x(), largest);
  const Range y = between(vectors[0].y, low.y(), largest);
  for (auto i = x.first; i != x.second; ++i)
    for (auto j = y.first; j != y.second; ++j) {
      const Vec2 size(i->length, j->length);
      if (!best.empty() && size.prod() > best_area * (1 + same_size)) break;
      std::vector<OrthogonalCell> cells = {cell_of(*i, *j, size)};
      if (cells[0].largest_strain > limit) continue;
      for (std::size_t other = 1; other < crystals.size(); ++other)
        if (auto fitted = strained_to(vectors[other], size, limit)) cells.push_back(*fitted);
      if (cells.size() < crystals.size()) continue;
      const bool smaller = best.empty() || size.prod() < best_area * (1 - same_size);
      if (!smaller && cells[0].largest_strain >= best[0].largest_strain - 1e-12) continue;
      best_area = size.prod();
      best = cells;
    }
  if (best.empty()) {
    std::string message;
    for (const OrientedCrystal* oriented : crystals)
      message += "; of " + oriented->crystal.name + " " + best_found(*oriented, minimum, maximum);
    throw Error(ErrorKind::study, "no orthogonal cell from " + std::to_string(minimum.x()) + " x " +
                                      std::to_string(minimum.y()) + " A to " +
                                      std::to_string(maximum) + " A has a strain of at most " +
                                      std::to_string(strain_max) +
                                      (crystals.size() > 1 ? " in every crystal" : "") + message);
  }
  return best;
}

OrthogonalCell orthogonal_cell(const OrientedCrystal& oriented, const Vec2& minimum,
                               double strain_max, double maximum) {
  return common_cell({&oriented}, minimum, strain_max, maximum)[0];
}

}  // namespace pendel

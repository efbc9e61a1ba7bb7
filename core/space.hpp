// Coordinates that must not be mixed: each space has its own type around an Eigen vector.
#pragma once
#include <Eigen/Core>
#include <tuple>

namespace pendel {

using Vec2 = Eigen::Vector2d;
using Vec3 = Eigen::Vector3d;
using Mat3 = Eigen::Matrix3d;

/// Fractions of the cell edges a, b, c.
struct Fractional {
  Vec3 v = Vec3::Zero();
};
/// Å in the crystal's Cartesian frame: a along x, b in the xy plane, c* along z.
struct Cartesian {
  Vec3 v = Vec3::Zero();
};
/// 1/Å (no 2π) in the crystal's Cartesian frame.
struct Reciprocal {
  Vec3 v = Vec3::Zero();
};
/// Miller indices of a reciprocal-lattice point.
struct Hkl {
  int h = 0, k = 0, l = 0;
  Vec3 vec() const { return {double(h), double(k), double(l)}; }
  friend Hkl operator-(Hkl a, Hkl b) { return {a.h - b.h, a.k - b.k, a.l - b.l}; }
  friend Hkl operator+(Hkl a, Hkl b) { return {a.h + b.h, a.k + b.k, a.l + b.l}; }
  friend Hkl operator-(Hkl a) { return {-a.h, -a.k, -a.l}; }
  friend bool operator==(Hkl a, Hkl b) { return a.h == b.h && a.k == b.k && a.l == b.l; }
  friend bool operator!=(Hkl a, Hkl b) { return !(a == b); }
  friend bool operator<(Hkl a, Hkl b) { return std::tie(a.h, a.k, a.l) < std::tie(b.h, b.k, b.l); }
};

}  // namespace pendel

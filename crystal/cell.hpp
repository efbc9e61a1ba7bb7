// A unit cell and its metric. Cartesian frame: a along x, b in the xy plane, c* along z.
#pragma once
#include "core/space.hpp"

namespace pendel {

class Cell {
 public:
  Cell() : Cell(1, 1, 1, 90, 90, 90) {}
  /// Edges in Å, angles in degrees. Error (input) unless they span a positive volume.
  Cell(double a, double b, double c, double alpha_deg, double beta_deg, double gamma_deg);

  double a() const { return edges_[0]; }
  double b() const { return edges_[1]; }
  double c() const { return edges_[2]; }
  const Vec3& edges() const { return edges_; }
  const Vec3& angles_deg() const { return angles_deg_; }
  double volume() const { return volume_; }
  /// Columns are a, b, c in Å: x_cartesian = orthogonalization() * x_fractional.
  const Mat3& orthogonalization() const { return orthogonalization_; }
  /// Columns are a*, b*, c* in 1/Å: g = reciprocal_basis() * hkl.
  const Mat3& reciprocal_basis() const { return reciprocal_basis_; }

  Cartesian cartesian(const Fractional& x) const { return {orthogonalization_ * x.v}; }
  Fractional fractional(const Cartesian& x) const { return {reciprocal_basis_.transpose() * x.v}; }
  Reciprocal g(const Hkl& hkl) const { return {reciprocal_basis_ * hkl.vec()}; }

 private:
  Vec3 edges_, angles_deg_;
  Mat3 orthogonalization_, reciprocal_basis_;
  double volume_;
};

}  // namespace pendel

// The space-group operations that a crystal's atoms have, and what they leave free: directions of
// displacement, of anisotropic motion and of structure factors that keep the symmetry.
#pragma once
#include "crystal/crystal.hpp"

namespace pendel {

/// x' = W x + w in fractions of the cell takes site j onto site image[j].
struct SymmetryOperation {
  Eigen::Matrix3i W;
  Vec3 w;
  std::vector<int> image;
};

/// All of them, found from the sites (element, occupancy, position within `tolerance_A`, U) and the
/// metric of the (strained) cell; centring translations are among them.
std::vector<SymmetryOperation> symmetry_operations(const Crystal& crystal,
                                                   double tolerance_A = 1e-3);

/// Their rotations and rotoinversions in the crystal's Cartesian frame, each once.
std::vector<Mat3> point_operations(const Crystal& crystal, double tolerance_A = 1e-3);

/// Site `site` moves by `shift` [Å, Cartesian], and what is equivalent to it as the symmetry says.
/// Error (study) if the site's own symmetry forbids part of the shift.
CrystalTangent symmetric_displacement(const Crystal& crystal, int site, const Vec3& shift);

/// The same for component (row, column) of U, 1 Å² per unit: components tied to it by the site's
/// symmetry follow. Error (study) if the symmetry keeps the component 0.
CrystalTangent symmetric_U(const Crystal& crystal, int site, int row, int column);

/// U_g changes by `change` [1/Å²], its symmetry equivalents and Friedel mates as the symmetry says.
/// Error (study) if the symmetry forbids it: an extinct reflection, a fixed phase, (0,0,0).
CrystalTangent symmetric_U_g(const Crystal& crystal, const Hkl& hkl, std::complex<double> change);

}  // namespace pendel

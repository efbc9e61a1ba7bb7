// Strain and rotation of a crystal from its plane lattice of diffraction vectors and that of a
// reference.
#pragma once
#include <Eigen/Core>

namespace pendel {

struct Strain {
  double xx = 0, yy = 0, xy = 0;  ///< along the scan's axes, 1; xy is half the engineering shear
  double rotation = 0;            ///< from x to y [rad]
};
using StrainJacobian = Eigen::Matrix4d;  ///< (xx, yy, xy, rotation) by (g1x, g1y, g2x, g2y)

struct StrainOfLattice {
  Strain strain;
  StrainJacobian derivative;
};

/// The deformation F of real space takes the reference's lattice to this one: F = (G0 G⁻¹)ᵀ for
/// bases G (columns g1, g2) of the same indices. It is parted exactly, F = R (1 + ε): ε the strain
/// before the rotation R. Positive: expanded.
/// linearised: 1 − G G0⁻¹ instead, symmetric and antisymmetric part, as other programs report it;
/// true to first order: 5 % is given as 4.76 %, and a rotation by ω adds 1 − cos ω.
StrainOfLattice strain_of(const Eigen::Matrix2d& basis, const Eigen::Matrix2d& reference,
                          bool linearised = false);

}  // namespace pendel

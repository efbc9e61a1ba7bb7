// Inside the Bloch-wave engine: what higher-order Laue zones do to the zero-order zone on the mean
// over depth. With the potential's oscillation along z taken out as a phase, ψ = exp(iχ) φ,
//   iχ = Σ_{g_z≠0} X_g exp(2πi g·r),  X_g = U_g/(2 k0 g_z),
// the kinetic energy, quadratic in the transverse wavevector, becomes exactly that of q + P,
// P = Σ g_t X_g exp(2πi g·r): what acts on φ's mean over depth is U − <P·P>. The next order of the
// expansion in 1/(k0 c*) changes faces only: φ there is exp([T, Y2]) times its mean, T the
// excitations K² − |K+g|². What remains is of higher order, and the rings of higher-order
// zones. [EckardtAnisimovas2015]
#pragma once
#include <vector>

#include "sim/optical_potential.hpp"
#include "sim/slice_potential.hpp"

namespace pendel {

class MeanZones {
 public:
  /// Adds the reflections of other zones that act to lists of the zero-order zone's, per crystal.
  static void append_reflections(const State& state, std::vector<std::vector<Hkl>>& reflections);

  /// Error (study) if lab z is not a zone axis of every crystal, or one of so high an order that no
  /// reflection of the first-order zone is within reach.
  MeanZones(const State& state, const std::vector<std::vector<Hkl>>& reflections,
            const OpticalPotential& potential);

  /// For every reflection of the zero-order zone: what is added to U [1/Å²], iχ where z = 0 in the
  /// cell, and Y2 [Å²]; 0 for the others.
  struct Coefficients {
    VectorXcd U, Y, Y2;
  };
  /// Of a crystal with the structure factors U (reflections). Error (study) if it is sheared out of
  /// the plane.
  Coefficients coefficients(const State& state, int crystal, const VectorXcd& U) const;
  /// While U changes by dU along the tangent. Error (study) if that is a shear out of the plane.
  Coefficients derivative(const State& state, int crystal, const StateTangent& tangent,
                          const VectorXcd& U, const VectorXcd& dU) const;

 private:
  struct Wave {             // a reflection of a higher-order zone
    int reflection, pixel;  // of the list, of the grid
    Vec3 g;                 // of the lattice without strain
    int face;               // its transverse vector's pixel; -1: not in the zero-order zone
  };
  struct Part {  // of one crystal
    PlaneWaveGrid grid;
    int orders;  // largest along z
    std::vector<Wave> waves;
    std::vector<std::vector<int>> of_order;  // waves, from order −orders on
    std::vector<int> wanted;                 // reflections' pixels; -1: other zones, beyond reach
    Eigen::MatrixX2cd P;                     // at the constructor's state, with its correction
    VectorXcd correction;
  };
  /// Per wave: X, X/(2 k0 g_z) and g_t X; or how they change.
  struct Phase {
    VectorXcd X, X2;
    Eigen::MatrixX2cd P;
  };
  Phase phase_of(const Part& part, const Mat3& strain, const VectorXcd& U) const;
  Phase phase_derivative(const Part& part, const Mat3& strain, const Mat3& dstrain,
                         const VectorXcd& U, const VectorXcd& dU) const;
  /// <P·Q> of every reflection wanted.
  VectorXcd mean_product(const Part& part, const Eigen::MatrixX2cd& P,
                         const Eigen::MatrixX2cd& Q) const;
  void faces(const Part& part, const Phase& phase, Coefficients& result) const;

  double k0_;
  std::vector<Part> parts_;
};

/// The operator that takes φ's mean to ψ at a face, exp(Y) exp([T, Y2]), and its inverse; Y and Y2
/// as matrices (beams, beams).
struct ZoneFace {
  MatrixXcd Y, Y2;
  /// psi (beams, directions), each with its own T (beams, directions).
  MatrixXcd out(const Eigen::MatrixXd& T, MatrixXcd psi) const;
  MatrixXcd in(const Eigen::MatrixXd& T, MatrixXcd psi) const;

  /// One direction with tangents: dT (beams, tangents), change per tangent (empty: none).
  struct Tangents {
    Eigen::MatrixXd dT;
    std::vector<MatrixXcd> dY, dY2;
  };
  void out(const Eigen::VectorXd& T, const Tangents& tangents, VectorXcd& psi,
           MatrixXcd& dpsi) const;
  void in(const Eigen::VectorXd& T, const Tangents& tangents, VectorXcd& psi,
          MatrixXcd& dpsi) const;
};

}  // namespace pendel

// The plane lattice of diffraction vectors on which a pattern's Bragg peaks lie.
#pragma once
#include <Eigen/Core>
#include <optional>
#include <vector>

#include "scan/bragg_peaks.hpp"

namespace pendel {

/// A peak as a diffraction vector, in the units of its calibration.
struct PeakVector {
  Vec2 q = Vec2::Zero();
  double intensity = 0;
  /// Of q; not finite: not known.
  Eigen::Matrix2d covariance = Eigen::Matrix2d::Constant(Calibration::not_known);
};
/// Of one position. Error (study) if the calibration has no origin.
std::vector<PeakVector> peak_vectors(const BraggPeaks& peaks, const Calibration& calibration,
                                     std::size_t position);

/// A basis (columns g1, g2) of the lattice that most peaks of the patterns lie on, with the largest
/// cell that serves, chosen from the peaks themselves and reduced: g1 and g2 as short as they can
/// be, g1 next to the x axis, g2 anticlockwise from it (from x to y). None if there is none.
std::optional<Eigen::Matrix2d> find_basis(const std::vector<std::vector<PeakVector>>& patterns);

struct LatticeFitOptions {
  /// A peak farther from the nearest lattice point than this fraction of the shortest lattice
  /// vector is of no lattice.
  double reach = 0.2;
  int least_peaks = 5;  ///< with the undiffracted beam
};

struct LatticeFit {
  Vec2 origin = Vec2::Zero();
  Eigen::Matrix2d basis = Eigen::Matrix2d::Zero();  ///< columns g1, g2
  /// Of origin, g1, g2; of scatter if the peaks have no errors, and never below what it says.
  Eigen::Matrix<double, 6, 6> covariance = Eigen::Matrix<double, 6, 6>::Zero();
  int peaks = 0;        ///< that lie on it
  double residual = 0;  ///< root mean square distance of these
};

/// Robust weighted least squares (Tukey's weights) from a basis near the solution, or from one that
/// the peaks themselves suggest, in the setting nearest to it, if that explains more of them: a
/// lattice may be strained or turned far from `near`. None if too few peaks are on a lattice.
std::optional<LatticeFit> fit_lattice(const std::vector<PeakVector>& peaks,
                                      const Eigen::Matrix2d& near,
                                      const LatticeFitOptions& options = {});

/// The basis of the same lattice that a deformation nearest to a pure rotation takes `reference`
/// to.
Eigen::Matrix2d nearest_setting(const Eigen::Matrix2d& basis, const Eigen::Matrix2d& reference);

}  // namespace pendel

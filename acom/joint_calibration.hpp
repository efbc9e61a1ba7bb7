// What the calibration of a scan lacks, told by its own crystals: their reflections against the
// peaks at the orientations that were matched. A strain that all grains share cannot be told from
// it.
#pragma once
#include "acom/library.hpp"
#include "acom/orientation_map.hpp"
#include "scan/lattice.hpp"

namespace pendel {

/// q_corrected = matrix (q − origin); the matrix is symmetric, as a turn of all patterns is one of
/// all crystals.
struct JointCalibration {
  Eigen::Matrix2d matrix = Eigen::Matrix2d::Identity();
  Vec2 origin = Vec2::Zero();  ///< where the undiffracted beam was [1/Å]
  /// Standard errors, from the scatter between positions: of matrix xx, yy, xy and origin x, y.
  Eigen::Matrix<double, 5, 1> error = Eigen::Matrix<double, 5, 1>::Zero();
  std::size_t positions = 0, peaks = 0;            ///< that it rests on
  double residual_before = 0, residual_after = 0;  ///< median distance [1/Å]

  /// Mean factor on all lengths, and ratio and direction (from x to y) of the longest and the
  /// shortest axis of what a circle was before.
  double scale() const;
  double ellipse_ratio() const;
  double ellipse_angle_deg() const;
};

struct JointCalibrationOptions {
  bool scale = true, ellipse = true, origin = true;  ///< what is looked for
  double reach = 0.05;       ///< 1/Å: peaks farther from a reflection are of none
  double least_score = 0.6;  ///< worse positions are left out
};

/// From the first solutions of a map; peaks: (positions). Robust least squares (Tukey's weights).
/// Error (numerical) if fewer than 20 peaks lie near a reflection.
JointCalibration joint_calibration(const OrientationMap& map,
                                   const std::vector<PhaseLibrary>& phases,
                                   const std::vector<std::vector<PeakVector>>& peaks,
                                   const JointCalibrationOptions& options = {});

/// The peaks as they would be with the corrected calibration.
std::vector<PeakVector> corrected(const JointCalibration& calibration,
                                  std::vector<PeakVector> peaks);

}  // namespace pendel

// How a measured scan's detector lies to the beam and to the scan: from a pixel of a pattern to a
// diffraction vector. Every value carries its error and where it comes from.
#pragma once
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/space.hpp"

namespace pendel {

struct Calibration {
  static constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

  /// Of the undiffracted beam, (column, row) [pixels]: one for each position, or one for all.
  std::vector<Vec2> origin;
  Vec2 origin_error{not_known, not_known};
  /// The pattern is stretched by √ratio along this direction (from columns to rows) and by 1/√ratio
  /// across.
  double ellipse_ratio = 1, ellipse_angle_deg = 0;
  double ellipse_ratio_error = not_known, ellipse_angle_error_deg = not_known;
  double pixel_invA = not_known, pixel_error_invA = not_known;
  /// Of the detector's columns against the scan's; with flip, the detector's rows are reversed
  /// before.
  double rotation_deg = 0, rotation_error_deg = not_known;
  bool flip = false;
  /// Where each comes from: {"origin", "plane through the measured ones"}, ...
  std::vector<std::pair<std::string, std::string>> sources;

  /// From (column, row) to the diffraction vector (x, y) in the scan's frame: [1/Å], or pixels of
  /// the round pattern where pixel_invA is not known.
  Vec2 vector(std::size_t position, const Vec2& pixel) const;
  /// And back.
  Vec2 pixel(std::size_t position, const Vec2& vector) const;
  /// The matrix of vector(): vector = matrix · (pixel − origin).
  Eigen::Matrix2d matrix() const;
};

}  // namespace pendel

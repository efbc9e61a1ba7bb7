// How the detector's axes lie to the scan's, from the deflection of the beam.
#pragma once
#include "scan/calibration.hpp"

namespace pendel {

struct ScanRotation {
  double rotation_deg = 0, rotation_error_deg = 0;
  bool flip = false;
  /// Curl's share of curl² + divergence² as found, and with the other flip.
  double curl = 0, curl_other = 0;
  /// Whether the field tells one flip from the other: three times the error of the difference.
  bool flip_known = false;
};

/// From the deflections of every position, (column, row) in the detector, (rows, columns), at equal
/// steps along both: in the scan's frame they are the gradient of a potential, so that they have no
/// curl. That holds of a field and of its opposite: without more the rotation is known but for
/// 180°, and the one between −90 and 90 is taken. `dense`, (rows, columns), bright where atoms are
/// (an image of large angles), tells: beams are bent towards atoms. The mean deflection (descan)
/// does not matter; positions that are NaN are left out. Errors from the scatter between blocks of
/// the scan (jackknife). Error (numerical) where nothing varies.
ScanRotation scan_rotation(const std::vector<Vec2>& deflection, std::size_t rows,
                           std::size_t columns, const std::vector<double>& dense = {});

}  // namespace pendel

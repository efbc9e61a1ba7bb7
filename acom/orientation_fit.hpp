// The orientation between templates: continuous, from the positions and the intensities of peaks,
// by single scattering with a Gaussian rocking curve. Positions tell the angle in the plane,
// intensities the tilt: ln I = ln A + ln|U_g|² − s²/2σ², s the excitation error.
#pragma once
#include <optional>
#include <vector>

#include "acom/library.hpp"
#include "scan/lattice.hpp"

namespace pendel {

/// A spot as the model has it at some orientation.
struct ModelSpot {
  Vec2 q;
  double intensity = 0;
};

struct FittedOrientation {
  Mat3 R_lab_crystal;
  /// Of a small rotation about lab x, y, z [rad²]: of the peaks' scatter about the fit.
  Mat3 covariance;
  /// Peaks that the fit is to, and where their spots are.
  std::vector<std::pair<int, Vec2>> pairs;
};

class OrientationFit {
 public:
  /// Widths of rocking curves are taken from the intensities of the templates.
  explicit OrientationFit(const PhaseLibrary& library);

  /// As the library would have it.
  std::vector<ModelSpot> pattern(const Mat3& R_lab_crystal) const;

  /// Near `start`, by robust least squares; none if too few peaks are near spots.
  std::optional<FittedOrientation> fit(const std::vector<PeakVector>& peaks, const Mat3& start,
                                       double position_tolerance) const;

 private:
  struct Line {  // a reflection
    Vec3 g;
    double log_strength;  ///< ln |U_g|²
  };
  double wavenumber_ = 0, sigma_ = 0, reach_ = 0, faintest_ = 0;
  std::vector<Line> lines_;
};

}  // namespace pendel

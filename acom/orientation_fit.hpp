// The orientation between templates: continuous, from the positions and the intensities of peaks,
// by single scattering with a Gaussian rocking curve. Positions tell the angle in the plane,
// intensities the tilt: ln I = ln A + ln|U_g|² − s²/2σ², s the excitation error. Of dynamical
// patterns too: their intensities scatter about that, and so much more do its errors say.
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

/// An orientation with what else a fit finds.
struct FittedOrientation {
  Mat3 R_lab_crystal = Mat3::Identity();
  /// Of a small rotation about lab x, y, z [rad²]: of the peaks' scatter about the fit.
  Mat3 covariance = Mat3::Zero();
  double log_A = 0;            ///< intensity of a peak over that of the model
  double log_width = 0;        ///< of the rocking curve over that of the library
  double position_error = 0;   ///< of the peaks [1/Å], each component
  double intensity_error = 0;  ///< of the peaks, relative
};

/// −2 ln of a fit's likelihood, to compare it with that of another fit to the same peaks.
struct Misfit {
  double total = 0;              ///< infinite: not fitted
  std::vector<double> of_peak;   ///< its part by peak
  double squares_of_absent = 0;  ///< of the parts of spots that should be seen and are not
};
/// By a likelihood ratio of twenty, and by twice what the difference would scatter if other peaks
/// of the crystal had been measured: models err by more than peaks do.
bool fits_worse(const Misfit& one, const Misfit& than);

class OrientationFit {
 public:
  /// Widths of rocking curves are taken from the intensities of the templates.
  explicit OrientationFit(const PhaseLibrary& library);

  /// As the library would have it.
  std::vector<ModelSpot> pattern(const Mat3& R_lab_crystal) const;

  /// Where reflections might be seen: up to twice as far from the Ewald sphere as in the library.
  std::vector<Vec2> possible(const Mat3& R_lab_crystal) const;

  /// Near `start`, by robust least squares; none if fewer than three peaks are near spots.
  std::optional<FittedOrientation> fit(const std::vector<PeakVector>& peaks, const Mat3& start,
                                       double position_tolerance) const;

  /// With the errors given for those that were fitted; outliers cost no more than so much each.
  Misfit misfit(const std::vector<PeakVector>& peaks, FittedOrientation fitted,
                double position_error, double intensity_error, double position_tolerance) const;

 private:
  struct Line {  // a reflection
    Vec3 g;
    double log_strength;  ///< ln |U_g|²
  };
  class Fit;
  double excitation_error(const Vec3& g) const;

  double wavenumber_ = 0, sigma_ = 0, reach_ = 0, faintest_ = 0;
  std::vector<Line> lines_;
};

}  // namespace pendel

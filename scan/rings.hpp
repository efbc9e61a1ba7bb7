// The rings of many crystals in one pattern: their centre, their ellipse, their radii and, where
// the crystal is known, the size of a pixel.
#pragma once
#include <vector>

#include "crystal/crystal.hpp"
#include "scan/radial.hpp"

namespace pendel {

/// A ring of crystals of every direction.
struct PowderLine {
  Hkl hkl;  ///< one of its reflections
  double g_invA = 0;
  double height = 0;  ///< kinematical: sum of |U_g|²/g² over the reflections of this length
};
/// Sorted by g; without those lower than 1/500 of the highest.
std::vector<PowderLine> powder_lines(const Crystal& crystal, double g_max_invA);

struct RingOptions {
  Vec2 centre{0, 0};  ///< about
  /// Of the crystal, so that all radii follow from one pixel size; empty: every maximum of the
  /// radial mean is a ring of its own radius.
  std::vector<PowderLine> lines;
  double pixel_invA = Calibration::not_known;  ///< about; not known: searched
  /// Radii in use [pixels]; 0, 0: from where the radial mean ceases to fall to the nearest edge.
  double from = 0, to = 0;
  std::vector<float> mask;  ///< (q_rows, q_columns), 0: not counted; empty: all are
};

struct RingErrors {
  Vec2 centre{0, 0};
  double ratio = 0, angle_deg = 0, pixel_invA = 0;
};

struct RingFit {
  /// Origin, ellipse and pixel; errors are the root of the sum of squares of the next two. That of
  /// the pixel is larger in proportion where the rings' deviations scatter more than their errors.
  Calibration calibration;
  /// From the scatter of sectors, opposite ones taken together: grains make spots as wide as the
  /// ring, in opposite pairs.
  RingErrors statistical;
  /// What two terms more or fewer of the background change.
  RingErrors model;
  struct Ring {
    PowderLine line;  ///< strongest of those that are one ring here; g of 0 if none is known
    double radius = 0, radius_error = 0;  ///< [pixels] of the round pattern
    double width = 0;                     ///< standard deviation [pixels]
    double height = 0, height_error = 0;
    /// How much larger the radius is where it is free, the other rings' not; its error.
    double deviation = 0, deviation_error = 0;
  };
  std::vector<Ring> rings;
  /// Radial mean of the pattern, of the model, and of the model without rings; radii in pixels.
  RadialProfile profile;
  std::vector<double> model_mean, background;
  double from = 0, to = 0;
  std::size_t dark_pixels = 0;  ///< left out: far darker than others of their radius
  double residual = 0;          ///< rms over the azimuthal mean
};

/// Least squares over the pixels between two radii, each in units of the scatter at its radius:
/// rings of pseudo-Voigt profile along the radius (one share of Lorentz; width² = a² + b² radius²)
/// over a power of the radius times a polynomial. Error (numerical) if there is no ring or no fit.
RingFit fit_rings(const std::vector<double>& pattern, std::size_t q_rows, std::size_t q_columns,
                  const RingOptions& options);

}  // namespace pendel

// Rings of a powder without texture, by single scattering: all reflections of one length together.
#pragma once
#include <vector>

#include "sim/kinematical_pattern.hpp"

namespace pendel {

/// Reflections whose |g| agree.
struct Ring {
  double g = 0;          ///< 1/Å, mean over the ring's reflections; d = 1/g
  Hkl hkl;               ///< the strongest reflection; of equal ones the last in the order of Hkl
  int multiplicity = 0;  ///< how many reflections; of a ring that has any, those not forbidden
  double U_squared = 0;  ///< Σ |U_g|² over them [1/Å⁴]
  /// Fraction of the incident beam scattered into the ring per Å of thickness: Σ π²|U_g|²/(2 g K²),
  /// the mean over all orientations at small angles [1/Å]. [Vainshtein1964]
  double intensity = 0;
  bool forbidden = false;  ///< every reflection is
};

struct PowderOptions {
  ScatteringTable table = ScatteringTable::lobato;
  double g_max = 2;               ///< 1/Å
  double merge_tolerance = 1e-4;  ///< 1/Å: lengths that follow each other this closely are one ring
};

/// Rings by ascending g, (0,0,0) left out. Error (study) if an option is out of range.
std::vector<Ring> powder_rings(const Crystal& crystal, double energy_keV,
                               const PowderOptions& options);

/// A line of unit area: pseudo-Voigt, mixing × Lorentzian + (1 − mixing) × Gaussian.
struct LineShape {
  double width = 0.01;  ///< 1/Å, full width at half maximum, of both parts
  double mixing = 0;    ///< 0 Gaussian to 1 Lorentzian
};

/// Intensity per 1/Å of g and per Å of thickness, summed around the ring (the mean over the azimuth
/// of a detector is this over 2πg), at every g of the grid [1/Å]; (grid). Error (study) if the
/// width is not positive or mixing not within 0 and 1.
std::vector<double> radial_profile(const std::vector<Ring>& rings, const std::vector<double>& grid,
                                   const LineShape& line);

}  // namespace pendel

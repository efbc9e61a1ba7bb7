// Libraries of spot patterns ("templates"): what a crystal would show in each of many orientations,
// by single scattering here, by multiple scattering in dynamical_library.hpp.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "sim/dynamical_pattern.hpp"
#include "sim/kinematical_pattern.hpp"

namespace pendel {

/// The pattern of one orientation. Without the incident beam.
struct Template {
  Mat3 R_lab_crystal = Mat3::Identity();
  std::vector<Hkl> hkl;          ///< (spots)
  std::vector<Vec2> q;           ///< lab x, y [1/Å]; (spots)
  std::vector<float> intensity;  ///< (thicknesses, spots); one row if there is no thickness
};

/// How dynamical templates were made.
struct DynamicalRecipe {
  DynamicalOptions options;
  BeamLimits limits;  ///< what the tolerance meant
};

/// The templates of one crystal.
struct PhaseLibrary {
  std::string name;
  Crystal crystal;
  double energy_keV = 0;
  double g_max = 0;  ///< 1/Å: what lies farther out no template says
  /// Operations in the crystal's Cartesian frame that leave every pattern as it is: the crystal's
  /// Laue group by single scattering, its point group else. Templates turned in the plane, mirrored
  /// if one of these is improper, and these cover every orientation.
  std::vector<Mat3> symmetry;
  std::vector<double> thickness_A;  ///< empty: intensities do not depend on it (kinematical)
  std::vector<Template> templates;
  /// With the crystal, the energy, the thicknesses and the orientations: all that they depend on.
  std::variant<SpotOptions, DynamicalRecipe> recipe;
  double faintest = 0;  ///< spots below this fraction of their pattern's brightest are left out
};

/// Of every orientation given, shared among threads. Spots fainter than `faintest` times the
/// pattern's brightest (the incident beam apart) are left out.
PhaseLibrary kinematical_library(const std::string& name, const Crystal& crystal, double energy_keV,
                                 const SpotOptions& options, const std::vector<Mat3>& orientations,
                                 double faintest = 1e-4);

}  // namespace pendel

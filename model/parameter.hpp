// A fit parameter: a name, a unit, a range and a direction in state space. Value = the base state
// moved along the direction; derivative = the simulator's response along it.
#pragma once
#include <Eigen/Core>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "crystal/scattering_factor.hpp"
#include "sim/state.hpp"

namespace pendel {

struct Parameter {
  std::string name;
  std::string unit;  ///< of values and ranges, as a user reads them (mrad, Å, 1)
  double lower = 0, upper = 0;
  double nominal = 0;      ///< value that the base state has
  StateTangent direction;  ///< per unit of the value
  bool linear = false;     ///< data are linear in it: starts need not vary it
  /// What is known of it before the data: normally distributed; infinite: nothing.
  double prior_mean = 0, prior_sigma = std::numeric_limits<double>::infinity();

  bool has_prior() const { return std::isfinite(prior_sigma); }
};

/// Beam tilt in mrad along lab x (axis 0) or y (axis 1).
Parameter tilt_parameter(const State& base, int axis, double lower, double upper);
/// Thickness in Å of a layer (from 0), or of consecutive sublayers together, which share a change
/// in proportion.
Parameter thickness_parameter(const State& base, int layer, double lower, double upper,
                              int sublayers = 1);
/// Amplitude of a displacement mode of a crystal, on top of the base state's atoms.
Parameter mode_parameter(const State& base, int crystal, const CrystalTangent& mode,
                         const std::string& name, double lower, double upper);
/// Isotropic Debye-Waller B [Å²] of an element; every site of the element moves by the same amount,
/// and the value is that of its first site.
Parameter debye_waller_parameter(const State& base, int crystal, int Z, double lower, double upper);
/// Component (row, column) of U [Å², crystal Cartesian] of a site and, by symmetry, its equivalents
/// (symmetric_U).
Parameter anisotropic_U_parameter(const State& base, int crystal, int site, int row, int column,
                                  double lower, double upper);
/// Occupancy of sites; `instead_of`: sites that lose what these gain (a composition), or none.
Parameter occupancy_parameter(const State& base, int crystal, const std::vector<int>& sites,
                              const std::vector<int>& instead_of, double lower, double upper);
/// One symmetry-equivalent family of U_g [1/Å²] (symmetric_U_g) of a crystal: its amplitude |U_g|,
/// or what is a quarter turn of phase ahead of it (0 in the base state; a small one is |U_g| times
/// the change of phase). The atoms' U_g is `table`'s, at the base state's energy.
enum class UgPart { amplitude, quadrature };
Parameter structure_factor_parameter(const State& base, int crystal, const Hkl& hkl, UgPart part,
                                     ScatteringTable table, double lower, double upper);
/// Strain of all layers in the plane, component (row, column) of the lab frame's x, y.
Parameter in_plane_strain_parameter(const State& base, int row, int column, double lower,
                                    double upper);
/// Strain of some crystals along lab z. Layers of theirs keep their number of cells: their
/// thickness grows with it.
Parameter out_of_plane_strain_parameter(const State& base, const std::vector<int>& crystals,
                                        double lower, double upper);
/// Shift [Å] of layers along lab x (axis 0) or y (1) against the others. Error (study) if other
/// layers are made of the same crystals (own_crystal).
Parameter registry_parameter(const State& base, const std::vector<int>& layers, int axis,
                             double lower, double upper);
/// Factor on U'.
Parameter absorption_parameter(const State& base, double lower, double upper);
/// Semi-angle of the aperture [mrad].
Parameter semiangle_parameter(const State& base, double lower, double upper);
/// Mosaic spread: standard deviation of the tilt along each axis within the probe [mrad].
Parameter tilt_spread_parameter(const State& base, double lower, double upper);

/// The base state moved to the given parameter values.
State state_at(const State& base, const std::vector<Parameter>& parameters, const double* values);

}  // namespace pendel

// A fit parameter: a name, a unit, a range and a direction in state space. Value = the base state
// moved along the direction; derivative = the simulator's response along it.
#pragma once
#include <Eigen/Core>
#include <string>
#include <vector>

#include "sim/state.hpp"

namespace pendel {

struct Parameter {
  std::string name;
  std::string unit;  ///< of values and ranges, as a user reads them (mrad, Å, 1)
  double lower = 0, upper = 0;
  double nominal = 0;      ///< value that the base state has
  StateTangent direction;  ///< per unit of the value
};

/// Beam tilt in mrad along lab x (axis 0) or y (axis 1).
Parameter tilt_parameter(const State& base, int axis, double lower, double upper);
/// Thickness in Å of a layer (from 0).
Parameter thickness_parameter(const State& base, int layer, double lower, double upper);
/// Amplitude of a displacement mode of a crystal, on top of the base state's atoms.
Parameter mode_parameter(const State& base, int crystal, const CrystalTangent& mode,
                         const std::string& name, double lower, double upper);
/// Isotropic Debye-Waller B [Å²] of an element; every site of the element moves by the same amount,
/// and the value is that of its first site.
Parameter debye_waller_parameter(const State& base, int crystal, int Z, double lower, double upper);
/// Factor on U'.
Parameter absorption_parameter(const State& base, double lower, double upper);

/// The base state moved to the given parameter values.
State state_at(const State& base, const std::vector<Parameter>& parameters, const double* values);

}  // namespace pendel

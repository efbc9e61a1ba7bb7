// Everything a diffraction pattern depends on, and its linear twin.
#pragma once
#include <vector>

#include "crystal/crystal.hpp"

namespace pendel {

/// A slab of crystal. Layers follow each other in beam order, entrance face first.
struct Layer {
  int crystal = 0;       ///< index into State::crystals
  double thickness = 0;  ///< Å, along the surface normal
};

/// One crystal of the specimen and how it lies in the lab frame.
struct OrientedCrystal {
  Crystal crystal;
  Mat3 R_lab_crystal = Mat3::Identity();
};

struct State {
  double energy_keV = 300;
  Vec2 beam_tilt = Vec2::Zero();        ///< rad; K_t = K (sin θ_x, sin θ_y), crystal fixed
  Vec3 surface_normal = Vec3::UnitZ();  ///< lab frame, along the beam
  double absorption_strength = 1;       ///< multiplies U'
  /// Of the illumination [rad]: the aperture's semi-angle, and the standard deviation of the tilt
  /// along each axis within the probe (mosaic spread). What is observed is averaged over them; the
  /// engines' plane waves know neither.
  double semiangle = 0, tilt_spread = 0;
  std::vector<OrientedCrystal> crystals;
  std::vector<Layer> layers;
};

/// A direction in state space: the derivative of every field along one parameter.
struct StateTangent {
  Vec2 beam_tilt = Vec2::Zero();
  double absorption_strength = 0;
  double semiangle = 0, tilt_spread = 0;
  std::vector<CrystalTangent> crystals;  ///< per crystal; empty = none
  std::vector<double> thickness;         ///< per layer; empty = none
};

double total_thickness(const State& state);  ///< of its layers [Å]

/// The state moved by amount × direction.
State moved(const State& state, const StateTangent& direction, double amount);

/// The unit directions: of tilt (axis 0 = x, 1 = y; 1 rad), of a layer's thickness (1 Å), of one
/// crystal's atoms, of the absorption strength.
StateTangent tilt_direction(int axis);
StateTangent thickness_direction(const State& state, int layer);
StateTangent crystal_direction(const State& state, int crystal, const CrystalTangent& direction);
StateTangent absorption_direction();

}  // namespace pendel

// Kinematical spot patterns of one crystal in any orientation: which reflections lie near the Ewald
// sphere and how bright they are by single scattering. Reflections and their U_g are prepared once;
// a pattern of an orientation is then cheap, as template libraries need it. Amplitudes, stacks and
// derivatives: kinematical.hpp. Rings of powders: powder.hpp.
#pragma once
#include <variant>
#include <vector>

#include "crystal/structure_factor.hpp"
#include "sim/state.hpp"

namespace pendel {

/// One reflection of a crystal.
struct Reflection {
  Hkl hkl;
  Vec3 g;                  ///< 1/Å, crystal Cartesian
  complex U_g;             ///< elastic [1/Å²], Debye-Waller factors included
  bool forbidden = false;  ///< absent: the atoms' waves cancel
};

/// Every reflection with |g| <= g_max, (0,0,0) included, sorted as by reflections_within. Forbidden
/// is one whose |U_g| is below forbidden_fraction of what its atoms would give in phase; the
/// default (1e-8 in intensity) allows for positions written with six digits (0.333333).
std::vector<Reflection> reflections(const Crystal& crystal, double energy_keV, double g_max,
                                    ScatteringTable table = ScatteringTable::lobato,
                                    double forbidden_fraction = 1e-4);

/// A slab: intensity |π U_g t/sqrt(K_n κ_g) sinc(s t)|², κ_g = K_n + g_n, the fraction of the
/// incident flux, as of the engine Kinematical in vacuum. The incident beam (0,0,0) has 1.
struct SlabShape {
  double thickness = 100;  ///< Å, along the surface normal
};
/// Intensity |U_g|² exp(−s²/2σ²) [1/Å⁴], (0,0,0) included: what template libraries use.
struct GaussianShape {
  double sigma = 0.02;  ///< 1/Å
};

struct SpotOptions {
  ScatteringTable table = ScatteringTable::lobato;
  double g_max = 2;      ///< 1/Å
  double sg_max = 0.06;  ///< 1/Å: spots with larger |s| are left out
  std::variant<SlabShape, GaussianShape> shape = GaussianShape{};
  double precession = 0;               ///< rad: angle of the hollow cone
  double precession_tolerance = 1e-9;  ///< of the mean shape factor (1 at s = 0)
};

/// One spot; its wavevector is K + g + s n.
struct Spot {
  Hkl hkl;
  Vec3 g;                       ///< 1/Å, lab frame
  double excitation_error = 0;  ///< s [1/Å]; with precession that of the cone's axis
  complex U_g;                  ///< elastic [1/Å²]
  double intensity = 0;         ///< as the shape says; a mean over the cone with precession
  bool forbidden = false;
};

class SpotPatterns {
 public:
  /// Error (study) if a length, width or angle is not in range; (input) if an element is unknown.
  SpotPatterns(const Crystal& crystal, double energy_keV, SpotOptions options);

  /// The spots with |s| <= sg_max (with precession: anywhere on the cone), forbidden ones included,
  /// sorted by |g| then hkl. Refraction is left out: K = 1/λ. `surface_normal` lies along the beam
  /// (lab frame; any length), `beam_tilt` [rad] as in State. Error (study) if the beam does not
  /// enter through the surface; (numerical) if a precession mean does not converge.
  std::vector<Spot> spots(const Mat3& R_lab_crystal, const Vec3& surface_normal = Vec3::UnitZ(),
                          const Vec2& beam_tilt = Vec2::Zero()) const;

  const std::vector<Reflection>& reflections() const { return reflections_; }

 private:
  double energy_keV_;
  SpotOptions options_;
  std::vector<Reflection> reflections_;
};

/// s of a reflection along the unit vector n, exactly: the root next to 0 of |K+g+s n| = |K| for a
/// wave that leaves through the exit face; NaN if there is none.
double exact_excitation_error(const Vec3& K, const Vec3& g, const Vec3& n);

}  // namespace pendel

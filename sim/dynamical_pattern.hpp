// Dynamical spot patterns of one crystal in any orientation, by Bloch waves: the twin of
// kinematical_pattern.hpp. Couplings are prepared once, and every orientation has beams of its own.
// They are chosen by their reach: the largest product of |U_gh|/(2K|s_g|) along a chain of
// scattering events h → g that begins with the incident beam. Beams of much reach are solved
// exactly, others by perturbation of third order: Bethe's second order [Bethe1928] and what weak
// beams do to each other, without which the many beams far from the Ewald sphere are missed. What
// has less reach than a strong beam is never coupled to it by more than its distance from the
// sphere, so that perturbation always makes sense. Amplitudes, stacks and derivatives: bloch.hpp.
#pragma once
#include <map>
#include <vector>

#include "core/decomposition.hpp"
#include "crystal/structure_factor.hpp"
#include "sim/ewald.hpp"

namespace pendel {

struct DynamicalOptions {
  PotentialOptions potential = {ScatteringTable::lobato, Absorption::weickenmeier_kohl};
  double g_max = 2;         ///< 1/Å: of spots
  double tolerance = 1e-2;  ///< of an intensity (fraction of the incident beam's), (0,0,0) apart
  double precession = 0;    ///< rad: angle of the hollow cone
};

/// What a tolerance means for a crystal.
struct BeamLimits {
  double g_max = 0;   ///< 1/Å: of beams and couplings
  double strong = 0;  ///< least reach of beams that are solved exactly
};

/// The spots of a slab across the beam; lists sorted by |g| then hkl, (0,0,0) first.
struct DynamicalSpots {
  std::vector<Hkl> hkl;
  std::vector<Vec3> g;        ///< 1/Å, lab frame
  Eigen::MatrixXd intensity;  ///< fraction of the incident beam; (spots, thicknesses)
};

class DynamicalPatterns {
 public:
  /// Limits are found for the tolerance at a dozen of the orientations that are meant, half of them
  /// evenly picked and half with the most beams near the Ewald sphere: beams of half the reach are
  /// added until those of a quarter would change no intensity by more than half the tolerance, and
  /// as many of larger |g| by no more either.
  /// Error (study) if a number is not in its range or there is no orientation; (numerical) if the
  /// tolerance cannot be kept.
  DynamicalPatterns(const Crystal& crystal, double energy_keV, const DynamicalOptions& options,
                    const std::vector<double>& thickness_A, const std::vector<Mat3>& orientations);
  /// The same with limits as another has found them.
  DynamicalPatterns(const Crystal& crystal, double energy_keV, const DynamicalOptions& options,
                    const std::vector<double>& thickness_A, const BeamLimits& limits);

  const BeamLimits& limits() const { return limits_; }
  const DynamicalOptions& options() const { return options_; }
  const std::vector<double>& thickness_A() const { return thickness_A_; }

  /// Spots that scattering reaches, within g_max. With precession: means over the cone, of so many
  /// directions that twice as many change no intensity by more than the tolerance; Error
  /// (numerical) if there is no such number.
  DynamicalSpots spots(const Mat3& R_lab_crystal) const;

 private:
  struct Chosen;
  struct Search {};
  DynamicalPatterns(const Crystal& crystal, double energy_keV, const DynamicalOptions& options,
                    const std::vector<double>& thickness_A, double g_max, Search);
  std::size_t place(const Hkl& d) const {
    return (std::size_t(d.h + box_.h) * (2 * box_.k + 1) + (d.k + box_.k)) * (2 * box_.l + 1) +
           (d.l + box_.l);
  }
  bool within_box(const Hkl& d) const {
    return std::abs(d.h) <= box_.h && std::abs(d.k) <= box_.k && std::abs(d.l) <= box_.l;
  }
  /// U + iU' of a difference of beams; 0 beyond the limit.
  complex U(const Hkl& d) const { return within_box(d) ? couplings_[place(d)] : complex(0); }
  double magnitude(const Hkl& d) const { return within_box(d) ? magnitudes_[place(d)] : 0; }
  Chosen chosen_beams(const Mat3& R_lab_crystal, const IncidentWave& wave) const;
  /// Intensities by number of candidate.
  using Rows = std::map<int, Eigen::RowVectorXd>;
  Rows plane_wave(const Mat3& R_lab_crystal, const Vec2& tilt) const;
  DynamicalSpots as_spots(const Mat3& R_lab_crystal, const Rows& rows, double factor) const;
  static BeamLimits found_limits(const Crystal& crystal, double energy_keV,
                                 const DynamicalOptions& options,
                                 const std::vector<double>& thickness_A,
                                 const std::vector<Mat3>& orientations);
  std::vector<DynamicalSpots> without_precession(const std::vector<Mat3>& orientations) const;
  std::vector<Mat3> sample(const std::vector<Mat3>& orientations);
  double sought_strong(const std::vector<Mat3>& sample);

  double energy_keV_;
  DynamicalOptions options_;
  std::vector<double> thickness_A_;
  BeamLimits limits_;
  bool absorbing_;
  double refraction_U_0_ = 0, largest_U_ = 0;
  std::vector<Hkl> hkl_;  // candidates, (0,0,0) first
  std::vector<Vec3> g_;   // crystal Cartesian
  Hkl box_;
  std::vector<complex> couplings_;  // by h, k, l
  std::vector<double> magnitudes_;  // of the couplings
};

/// The radius beyond which no beam would take more than `tolerance` of the incident beam by single
/// scattering, at the Bragg angle of a crystal of this thickness; at least g_max [1/Å].
double beam_radius(const Crystal& crystal, double energy_keV, const PotentialOptions& potential,
                   double thickness_A, double tolerance, double g_max);

/// By how much the intensities of one list of spots differ from those of another, (0,0,0) apart; a
/// spot that one of them lacks is dark there.
struct SpotDifference {
  double largest = 0, rms = 0;
  Hkl where;  ///< the spot of the largest
};
SpotDifference difference(const DynamicalSpots& a, const DynamicalSpots& b);

}  // namespace pendel

// Peaks of a crystal in random orientations, as a measurement would have them.
#pragma once
#include <algorithm>
#include <cmath>
#include <random>

#include "acom/library.hpp"
#include "acom/zone_sampling.hpp"
#include "crystal/rotation.hpp"
#include "scan/lattice.hpp"

namespace pendel {

inline Mat3 random_rotation(std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  return from_quaternion({normal(random), normal(random), normal(random), normal(random)});
}

/// A kinematical library over the zone axes that the Laue group leaves different.
inline PhaseLibrary library_of(const Crystal& crystal, double step_deg, SpotOptions options) {
  const FundamentalZone zone(laue_group(point_group(crystal)));
  std::vector<Mat3> orientations;
  for (const Vec3& axis : zone_axes(zone, step_deg * 3.14159265358979 / 180).axes)
    orientations.push_back(zone_orientation(axis));
  return kinematical_library(crystal.name, crystal, 300, options, orientations);
}

struct PeakNoise {
  double position = 0.005;  ///< 1/Å, each component
  double intensity = 0.1;   ///< relative
  double missing = 0.1;     ///< fraction of the peaks
  int spurious = 2;
  double faintest = 2e-3;  ///< of the brightest: fainter ones are not seen
};

inline std::vector<PeakVector> noisy_peaks(const std::vector<Spot>& spots, const PeakNoise& noise,
                                           double g_max, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  double brightest = 0;
  for (const Spot& spot : spots)
    if (spot.hkl != Hkl{}) brightest = std::max(brightest, spot.intensity);
  std::vector<PeakVector> peaks;
  for (const Spot& spot : spots) {
    if (spot.hkl == Hkl{} || spot.intensity < noise.faintest * brightest) continue;
    if (uniform(random) < noise.missing) continue;
    PeakVector peak;
    peak.q = spot.g.head<2>() + noise.position * Vec2(normal(random), normal(random));
    peak.intensity = spot.intensity * std::max(0.05, 1 + noise.intensity * normal(random));
    peaks.push_back(peak);
  }
  const std::size_t real = peaks.size();
  for (int i = 0; i < noise.spurious && real > 0; ++i) {
    const double radius = g_max * std::sqrt(uniform(random)), angle = 6.2831853 * uniform(random);
    PeakVector peak;
    peak.q = radius * Vec2(std::cos(angle), std::sin(angle));
    peak.intensity = peaks[std::size_t(uniform(random) * double(real))].intensity;
    peaks.push_back(peak);
  }
  return peaks;
}

/// Angle to the truth [degrees], modulo a turn by 180° in the plane if `or_turned`: the zero-order
/// zone hardly tells it.
inline double error_deg(const Mat3& R, const Mat3& truth, const std::vector<Mat3>& symmetry,
                        bool or_turned = true) {
  const double pi = 3.14159265358979;
  double error = misorientation(R, truth, symmetry);
  if (or_turned)
    error = std::min(error, misorientation(rotation_about(Vec3::UnitZ(), pi) * R, truth, symmetry));
  return error * 180 / pi;
}

inline double quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values.at(std::size_t(fraction * double(values.size() - 1)));
}

}  // namespace pendel

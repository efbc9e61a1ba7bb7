// Peaks of a crystal in random orientations, as a measurement would have them, and a plain net of
// zone axes.
#pragma once
#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <random>

#include "acom/library.hpp"
#include "crystal/rotation.hpp"
#include "scan/lattice.hpp"

namespace pendel {

inline Mat3 random_rotation(std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  return from_quaternion({normal(random), normal(random), normal(random), normal(random)});
}

/// Orientations whose zone axes are on a spiral over the sphere, one of each set that `symmetry`
/// makes equal: those nearest a direction that it does not repeat.
inline std::vector<Mat3> net_of_axes(const std::vector<Mat3>& symmetry, double step_deg) {
  const double pi = 3.14159265358979;
  const int count = int(4 * pi / std::pow(step_deg * pi / 180, 2));
  const Vec3 generic = Vec3(0.25, 0.1, 1).normalized();
  std::vector<Mat3> result;
  for (int i = 0; i < count; ++i) {
    const double z = 1 - (2 * i + 1.0) / count, turn = i * pi * (3 - std::sqrt(5.0));
    const double r = std::sqrt(1 - z * z);
    const Vec3 axis(r * std::cos(turn), r * std::sin(turn), z);
    if (std::any_of(symmetry.begin(), symmetry.end(), [&](const Mat3& S) {
          return (S * axis).dot(generic) > axis.dot(generic) + 1e-12;
        }))
      continue;
    // the axis to −z, the source
    const Vec3 across = axis.cross(-Vec3::UnitZ());
    result.push_back(across.norm() < 1e-9 ? rotation_about(Vec3::UnitX(), z > 0 ? pi : 0)
                                          : rotation_about(across, std::acos(-z)));
  }
  return result;
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

}  // namespace pendel

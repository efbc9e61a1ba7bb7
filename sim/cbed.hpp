// Convergent-beam patterns from the exit amplitudes of many incident plane waves:
//   psi(k') = sum_g psi_g(k) A(k) exp(-i chi(k)) exp(-2 pi i k.r0) exp(2 pi i T (k_n - k_n0 + g_n))
//   / norm, k = k' - g: coherent where disks overlap.
// Engines give phases relative to the incident wave continued as in vacuum, without exp(2 pi i
// g.r); the last factor is both at the exit face, T along the surface normal. k is counted from the
// axis of the illumination, and so is the pattern: the detector follows a tilted beam.
#pragma once
#include <vector>

#include "core/decomposition.hpp"
#include "sim/probe.hpp"
#include "sim/state.hpp"

namespace pendel {

/// The incident plane waves of a probe: a net of k [1/Å].
struct ConvergentGrid {
  Eigen::Matrix2d step;  ///< 1/Å, columns
  std::vector<Eigen::Vector2i> index;
  std::vector<Vec2> k;  ///< step * index
};

/// Steps of at most `pixel` [1/Å] that divide the vectors b1, b2 of a zone net (columns of b): the
/// net of plane waves then repeats in every disk, which coherent overlap needs.
Eigen::Matrix2d net_step(const Eigen::Matrix2d& b, double pixel);
/// Every k of the net at which the aperture passes anything.
ConvergentGrid convergent_grid(const Probe& probe, const Eigen::Matrix2d& step);
/// What an engine's exit_waves takes as `incidence` [rad] for these k. Error (study) if a k is no
/// propagating wave.
std::vector<Vec2> incidence(const ConvergentGrid& grid, const State& state);

/// What illuminates: a Gaussian source of this standard deviation along x and y (its image at the
/// specimen), and a Gaussian spread of defocus. The mean over both multiplies the interference of
/// disks g and h at k' by exp(-2 pi² size² |g-h|²) exp(-(pi lambda focal_spread (k_g² -
/// k_h²))²/2), k_g = k' - g: exactly, nothing is sampled.
struct ProbeSource {
  Vec2 position = Vec2::Zero();  ///< Å, of its middle
  double size = 0;               ///< Å; infinite: disks do not interfere, intensities are added
  double focal_spread = 0;       ///< Å
};

/// Where the plane waves of all disks fall, and their intensities there. Beams that are whole steps
/// apart share points; others (of higher Laue zones, or on a net that is not the crystal's) have
/// points of their own, at their exact places, and are added incoherently.
class ConvergentPattern {
 public:
  /// g [1/Å], lab; of the state only energy, tilt and surface normal count.
  ConvergentPattern(const ConvergentGrid& grid, const std::vector<Vec3>& g, const State& state);

  /// Sources of a DetectorMap, each with the area of grid.step.
  const std::vector<Vec2>& k() const { return k_; }
  const Eigen::Matrix2d& cell() const { return grid_.step; }

  /// Intensity of every point; incident beam = 1. psi: (beams, incident directions) behind
  /// `thickness` [Å].
  std::vector<double> intensity(const MatrixXcd& psi, double thickness, const Probe& probe,
                                const ProbeSource& source) const;

 private:
  struct Wave {
    int beam, direction;
  };
  ConvergentGrid grid_;
  std::vector<Vec2> k_;
  std::vector<std::size_t> first_;  // per point, and one more: its part of waves_
  std::vector<Wave> waves_;
  std::vector<Vec2> g_;      // 1/Å, across the beam
  std::vector<double> g_n_;  // 1/Å, along the surface normal
  std::vector<double> k_n_;  // 1/Å: k_n - k_n0 of every direction
};

}  // namespace pendel

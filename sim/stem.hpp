// A scan of a convergent probe over an atomic model: diffracted intensity at every position, by
// multislice or a PRISM scattering matrix, summed over frozen phonons, focal spread and source
// size.
#pragma once
#include <array>
#include <functional>
#include <vector>

#include "sim/multislice.hpp"
#include "sim/probe.hpp"

namespace pendel {

enum class StemMethod { multislice, prism };
enum class Precision { single, double_ };

struct StemOptions {
  StemMethod method = StemMethod::multislice;
  std::array<int, 2> interpolation{{1, 1}};  ///< PRISM, along x and y
  Precision precision = Precision::single;
  double pixel = 0.05;  ///< Å, the largest; waves are kept within 2/3 of Nyquist
  SlicedPotentialOptions slicing;
  Vec2 beam_tilt = Vec2::Zero();  ///< rad
  bool exact_propagator = false;
  std::vector<double> thicknesses;  ///< Å, ascending; empty: the exit face
  int phonon_configurations = 0;    ///< 0: the potential smeared by the Debye-Waller factor
  unsigned long seed = 1;           ///< of the phonons
  bool phonons_along_beam = true;
  double focal_spread = 0;  ///< Å, standard deviation of defocus
  double source_size = 0;   ///< Å, standard deviation of the source along x and y
  double k_max = 0;         ///< 1/Å: intensity beyond it is not wanted; 0: all
  double memory_GB = 4;
};

class StemSimulator {
 public:
  /// Error (study) if memory_GB does not hold what one position needs, or if the aperture is not
  /// within the band limit.
  StemSimulator(AtomicModel model, Probe probe, StemOptions options);

  /// Transverse wavevectors [1/Å] of the pixels of a pattern, and their size.
  const std::vector<Vec2>& k() const { return k_; }
  const Vec2& pixel_size() const { return pixel_size_; }
  const WaveGrid& grid() const { return grid_; }
  /// The slice boundaries nearest to those asked for [Å].
  const std::vector<double>& thicknesses() const { return thicknesses_; }
  int slices() const { return slices_; }
  /// Positions that are finished together, within memory_GB; the result does not depend on it.
  int block() const { return block_; }

  /// For every position [Å]: sink(position, intensity (thicknesses, k()), fractions of the incident
  /// beam). Called by several threads at once. poll() is called by the caller's thread every few
  /// positions; what it throws ends the run.
  using Sink = std::function<void(std::size_t, const float*)>;
  void run(
      const std::vector<Vec2>& positions, const Sink& sink,
      const std::function<void()>& poll = [] {}) const;

 private:
  template <class Real>
  class Runner;
  template <class Real>
  void run_as(const std::vector<Vec2>& positions, const Sink& sink,
              const std::function<void()>& poll) const;
  void share_memory(const WaveGrid& pattern);

  AtomicModel model_;
  Probe probe_;
  StemOptions options_;
  WaveGrid grid_;
  std::vector<double> thicknesses_;
  int slices_ = 0;
  int batch_ = 1, block_ = 1;  // positions whose waves, whose patterns are held at once
  Vec2 pixel_size_;
  std::vector<Vec2> k_;
  std::vector<std::array<int, 2>> frequency_;  // of k_, along x and y
};

}  // namespace pendel

// A scan of a convergent probe over an atomic model: diffracted intensity at every position, by
// multislice or a PRISM scattering matrix, summed over frozen phonons, focal spread and source
// size.
#pragma once
#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "sim/multislice.hpp"
#include "sim/prism_layout.hpp"
#include "sim/probe.hpp"

namespace pendel {

enum class StemMethod { multislice, prism };
enum class Precision { single, double_ };

struct StemOptions {
  StemMethod method = StemMethod::multislice;
  std::array<int, 2> interpolation{{1, 1}};  ///< PRISM, along x and y
  int partition_rings = 0;                   ///< PRISM, see PrismOptions
  /// PRISM: the aperture [rad] and k_max [1/Å] of the matrix, where they are more than is needed.
  double matrix_semiangle = 0, matrix_k_max = 0;
  Precision precision = Precision::single;
  double pixel = 0.05;  ///< Å, the largest; waves are kept within 2/3 of Nyquist
  SlicedPotentialOptions slicing;
  Vec2 beam_tilt = Vec2::Zero();  ///< rad
  bool exact_propagator = false;
  std::vector<double> thicknesses;  ///< Å, ascending; empty: the exit face
  int phonon_configurations = 0;    ///< 0: the potential smeared by the Debye-Waller factor
  unsigned long seed = 1;           ///< of the phonons
  bool phonons_along_beam = true;
  /// Instead: the atoms where they are in each configuration, in the model's box, not smeared.
  std::vector<std::vector<Atom>> snapshots;
  double focal_spread = 0;  ///< Å, standard deviation of defocus
  double source_size = 0;   ///< Å, standard deviation of the source along x and y
  double k_max = 0;         ///< 1/Å: intensity beyond it is not wanted; 0: all
  double memory_GB = 4;
};

/// Where scattering matrices are kept from run to run: for each configuration of the atoms and each
/// thickness the bytes of ScatteringMatrix::values.
class MatrixStore {
 public:
  virtual ~MatrixStore() = default;
  virtual bool has(int configuration) const = 0;
  virtual void read(int configuration, int thickness, void* bytes, std::size_t count) = 0;
  virtual void write(int configuration, int thickness, const void* bytes, std::size_t count) = 0;
};

class StemSimulator {
 public:
  /// Error (study) if memory_GB does not hold what one position needs, or PRISM's matrix, or if the
  /// aperture is not within the band limit.
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
  /// How many configurations of the atoms are averaged, at least 1.
  int configurations() const;
  /// Of PRISM's matrix; null for multislice.
  const PrismLayout* matrix() const { return matrix_ ? &*matrix_ : nullptr; }

  /// For every position [Å]: sink(position, intensity (thicknesses, k()), fractions of the incident
  /// beam). Called by several threads at once; what it throws ends the run. store (may be null):
  /// PRISM's matrices are read from it if it has them, else made and written to it.
  using Sink = std::function<void(std::size_t, const float*)>;
  void run(const std::vector<Vec2>& positions, const Sink& sink,
           MatrixStore* store = nullptr) const;

 private:
  template <class Real>
  class Runner;
  template <class Real>
  void run_as(const std::vector<Vec2>& positions, const Sink& sink, MatrixStore* store) const;
  AtomicModel configuration(int number) const;
  void plan_matrix();
  void share_memory(const WaveGrid& pattern);

  AtomicModel model_;
  Probe probe_;
  StemOptions options_;
  WaveGrid grid_;
  std::optional<PrismLayout> matrix_;
  std::vector<double> thicknesses_;
  int slices_ = 0;
  int batch_ = 1, block_ = 1;  // positions whose waves, whose patterns are held at once
  Vec2 pixel_size_;
  std::vector<Vec2> k_;
  std::vector<std::array<int, 2>> frequency_;  // of k_, along x and y
};

}  // namespace pendel

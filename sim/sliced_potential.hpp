// The potential of an atomic model, cut into slices and projected along the beam.
//   phase(x, y) = sigma * integral over the slice of V dz      [rad]
// from the atoms' form factors by Fourier synthesis, exact for the grid's plane waves up to the
// band limit.
#pragma once
#include <vector>

#include "crystal/structure_factor.hpp"
#include "sim/atomic_model.hpp"
#include "sim/wave_grid.hpp"

namespace pendel {

/// How an atom is shared among slices.
enum class Projection {
  infinite,  ///< its whole potential acts in the slice where its centre is
  finite     ///< every slice gets the part of the potential that lies in it
};

struct SlicedPotentialOptions {
  PotentialOptions potential;
  double slice_A = 1;  ///< thickest slice
  Projection projection = Projection::infinite;
  double absorption_strength = 1;
};

class SlicedPotential {
 public:
  /// Slices are equal: ceil(box.z / slice_A) of them.
  SlicedPotential(const AtomicModel& model, const WaveGrid& grid, double energy_keV,
                  const SlicedPotentialOptions& options);

  const WaveGrid& grid() const { return grid_; }
  double energy_keV() const { return energy_keV_; }
  int slices() const { return int(first_.size()); }
  double slice_thickness() const { return dz_; }  ///< Å
  bool absorbing() const { return absorbing_; }
  /// The first slice with the same potential (repeated cells): transmission can be kept per kind.
  int same_as(int slice) const { return first_[slice]; }

  /// Real-space phase [rad] of one slice, and the absorptive one; (ny, nx). The absorptive array is
  /// left empty without absorption. Thread-safe.
  void evaluate(int slice, std::vector<double>& elastic, std::vector<double>& absorptive) const;

 private:
  // The implementation is the author's choice; what stands above is the contract.
  WaveGrid grid_;
  double energy_keV_ = 0, dz_ = 0;
  bool absorbing_ = false;
  std::vector<int> first_;
};

}  // namespace pendel

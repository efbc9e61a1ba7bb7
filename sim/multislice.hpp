// Multislice of an arbitrary atomic model: waves go through slices of projected potential.
//   psi <- P^(1/2) [ t_j P ] ... P^(1/2),   t = exp(i (phase + i phase')) band limited,
//   P_k = exp(-i pi lambda dz (|k + K_t|^2 - |K_t|^2)) (or the exact square root),
//   |k| < 2/3 Nyquist
// so that amplitudes are symmetric in the sense of Strang.
#pragma once
#include <complex>
#include <functional>
#include <memory>
#include <vector>

#include "core/fft.hpp"
#include "sim/sliced_potential.hpp"

namespace pendel {

struct MultisliceOptions {
  Vec2 beam_tilt = Vec2::Zero();  ///< rad, of the incident beam
  bool exact_propagator = false;  ///< else paraxial
  double entrance = 0;            ///< Å: depth of the slice boundary where waves enter; the atoms
                                  ///< in front only lend what reaches behind it
  std::vector<double> thicknesses;  ///< Å behind the entrance, ascending: where waves are wanted;
                                    ///< empty: the exit face
  double memory_GB = 4;             ///< for transmission functions that are kept
  /// False: no limit to 2/3 Nyquist, which in every step destroys the order of convergence in the
  /// slices' thickness; waves then wrap around unless they end well within the grid.
  bool band_limit = true;
};

/// Real: float or double.
template <class Real>
class Multislice {
 public:
  using Wave = std::complex<Real>;

  Multislice(std::shared_ptr<const SlicedPotential> potential, const MultisliceOptions& options);
  ~Multislice();

  const SlicedPotential& potential() const;
  const WaveGrid& grid() const { return potential().grid(); }
  /// The slice boundaries nearest to those asked for [Å].
  const std::vector<double>& thicknesses() const { return options().thicknesses; }
  /// As given, but for the thicknesses.
  const MultisliceOptions& options() const;

  /// Takes `count` waves (each (ny, nx) plane-wave amplitudes in FFT order, back to back, aligned
  /// by FftAllocator) through the specimen. at_thickness(i) is called when they are plane-wave
  /// amplitudes at thicknesses()[i]; it may read them but not change them. Parallel over waves;
  /// the result does not depend on the number of threads nor on how waves are batched.
  void propagate(Wave* waves, int count, const std::function<void(int)>& at_thickness) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace pendel

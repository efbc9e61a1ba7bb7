// PRISM: the scattering matrix of a specimen, from which the pattern of any probe, aberrated as it
// may be and wherever it stands, is a sum over plane waves. [Ophus2017]
//   psi(r) = sum_k a_k S_k(r) in a window of (lx/fx, ly/fy) around the probe,
//   a_k = A(k) exp(-i chi(k)) exp(-2 pi i k.r0) / norm,   k = (i fx/lx, j fy/ly)
// With interpolation factors f = 1 it equals multislice; larger ones see a probe that repeats with
// (lx/fx, ly/fy), of which one period is kept.
#pragma once
#include <complex>
#include <vector>

#include "sim/multislice.hpp"
#include "sim/probe.hpp"

namespace pendel {

struct PrismOptions {
  double semiangle = 0;  ///< rad: the widest aperture, soft edge included, that probes will have
  int fx = 1, fy = 1;    ///< interpolation factors
  double k_max = 0;      ///< 1/Å: |kx| and |ky| that patterns show at least; 0: the band limit
  double memory_GB = 4;  ///< for the scattering matrix and the waves that make it
};

/// Real: float or double.
template <class Real>
class ScatteringMatrix {
 public:
  /// Takes every plane wave of the aperture through the specimen and keeps it at each thickness of
  /// `multislice`, on a grid no finer than k_max needs. Error (study) if fx, fy do not divide the
  /// grid, the aperture is not within k_max or the band limit, or the memory does not suffice (the
  /// message says how much would).
  ScatteringMatrix(const Multislice<Real>& multislice, const PrismOptions& options);

  const std::vector<double>& thicknesses() const { return thicknesses_; }
  /// Å and pixels of the window; its plane waves are the pixels of a pattern, 1/(lx/fx) apart. A
  /// pattern is zero where the grid of multislice holds more of them.
  const WaveGrid& pattern_grid() const { return window_; }
  /// Plane waves k [1/Å] of the aperture.
  const std::vector<Vec2>& beams() const { return k_; }
  double gigabytes() const;  ///< of the matrix

  /// Diffracted intensity of the probe at each position [Å] and thicknesses()[thickness];
  /// (positions, ny, nx) of pattern_grid() in FFT order, fractions of the incident beam. Parallel
  /// over positions; a pattern does not depend on the threads nor on the other positions. Error
  /// (study) if the probe has another energy or a wider aperture than the matrix.
  void patterns(const Probe& probe, const std::vector<Vec2>& positions, int thickness,
                Real* intensity) const;

 private:
  using Wave = std::complex<Real>;
  void keep(const Wave* waves, int first, int count, int thickness);

  WaveGrid grid_, compact_, window_;
  double energy_keV_ = 0, semiangle_ = 0;
  int fx_ = 1, fy_ = 1;
  std::vector<double> thicknesses_;
  std::vector<Vec2> k_;
  std::vector<std::vector<Wave>> S_;  // per thickness; (y, beam, x) of compact_
};

}  // namespace pendel

// PRISM: the scattering matrix of a specimen, from which the pattern of any probe, aberrated as it
// may be and wherever it stands, is a sum over plane waves. [Ophus2017]
//   psi(r) = sum_k a_k S_k(r) in a window of (lx/fx, ly/fy) around the probe,
//   a_k = A(k) exp(-i chi(k)) exp(-2 pi i k.r0) / norm,   k = (i fx/lx, j fy/ly)
// With interpolation factors f = 1 it equals multislice; larger ones see a probe that repeats with
// (lx/fx, ly/fy), of which one period is kept. Partitioned, it is a sum over the parents p,
//   psi(r) = sum_p Q_p(r) sum_k a_k w_p(k) exp(2 pi i k.r),   see prism_layout.hpp.
#pragma once
#include <complex>
#include <functional>
#include <vector>

#include "sim/multislice.hpp"
#include "sim/prism_layout.hpp"
#include "sim/probe.hpp"

namespace pendel {

/// Real: float or double.
template <class Real>
class ScatteringMatrix {
 public:
  using Wave = std::complex<Real>;

  /// Takes every parent through the specimen and keeps it at each thickness. The layout is that of
  /// the multislice's grid, energy and options.
  ScatteringMatrix(const Multislice<Real>& multislice, const PrismLayout& layout);
  ScatteringMatrix(const Multislice<Real>& multislice, const PrismOptions& options);
  /// From stored values: fill(thickness, values) gets room for layout.size() of them.
  ScatteringMatrix(const PrismLayout& layout, const std::function<void(int, Wave*)>& fill);

  const std::vector<double>& thicknesses() const { return layout_.thicknesses; }
  /// Å and pixels of the window; its plane waves are the pixels of a pattern, 1/(lx/fx) apart. A
  /// pattern is zero where the grid of multislice holds more of them.
  const WaveGrid& pattern_grid() const { return layout_.window; }
  const PrismLayout& layout() const { return layout_; }
  /// S, or with a partition Q, at thicknesses()[thickness]; (y, parent, x) of layout().compact.
  const std::vector<Wave>& values(int thickness) const { return S_[std::size_t(thickness)]; }

  /// Diffracted intensity of the probe at each position [Å] and thicknesses()[thickness];
  /// (positions, ny, nx) of pattern_grid() in FFT order, fractions of the incident beam. Parallel
  /// over positions; a pattern does not depend on the threads nor on the other positions. Error
  /// (study) if the probe has another energy or a wider aperture than the matrix.
  void patterns(const Probe& probe, const std::vector<Vec2>& positions, int thickness,
                Real* intensity) const;

 private:
  using Group = std::vector<FftVector<Real>>;  // waves of positions that are worked on together
  void keep(const Wave* waves, int first, int count, int thickness);
  void add_beams_to(Group& psi, const std::vector<complex>& aperture, const Vec2* positions,
                    int thickness) const;
  void add_parents_to(Group& psi, const std::vector<complex>& aperture, const Vec2* positions,
                      int thickness) const;

  PrismLayout layout_;
  std::vector<std::vector<Wave>> S_;
};

}  // namespace pendel

// A periodic rectangle sampled in pixels: the plane in which multislice holds a wave.
// Arrays are (ny, nx) row-major: x (lab +x, detector columns) runs fastest, rows run along lab +y.
// A wave is either sampled in real space or given by its plane-wave amplitudes, in FFT order:
//   psi(r) = sum_k psi_k exp(+2 pi i k.r),   sum |psi_k|^2 = its intensity.
#pragma once
#include <algorithm>
#include <cstddef>

#include "core/space.hpp"

namespace pendel {

struct WaveGrid {
  int nx = 0, ny = 0;     ///< pixels
  double lx = 0, ly = 0;  ///< Å

  std::size_t size() const { return std::size_t(nx) * std::size_t(ny); }
  double dx() const { return lx / nx; }
  double dy() const { return ly / ny; }
  /// Index in FFT order to signed frequency.
  static int frequency(int i, int n) { return i < (n + 1) / 2 ? i : i - n; }
  double kx(int ix) const { return frequency(ix, nx) / lx; }  ///< 1/Å
  double ky(int iy) const { return frequency(iy, ny) / ly; }  ///< 1/Å
  Vec2 k(int ix, int iy) const { return {kx(ix), ky(iy)}; }
  /// The smaller Nyquist frequency [1/Å].
  double nyquist() const { return 0.5 * std::min(nx / lx, ny / ly); }
  /// Waves are kept below 2/3 of it: products of two then alias beyond it only. At 2/3 exactly they
  /// would not; a part in a million less, so that rounding does not decide about that one.
  double band_limit() const { return nyquist() * 2 / 3 * (1 - 1e-6); }
};

}  // namespace pendel

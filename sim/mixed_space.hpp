// Waves in mixed space: psi(kx, y), one contiguous line of y for each kx within the band limit. A
// transform along y needs one such line, and one along x a few rows y; so a slice of multislice is
// two passes over memory, each with a forward and a backward transform of what is in the cache.
#pragma once
#include <functional>
#include <vector>

#include "core/fft.hpp"
#include "sim/wave_grid.hpp"

namespace pendel {

/// Real: float or double. `mixed` arrays have size() elements, aligned by FftAllocator.
template <class Real>
class MixedSpace {
 public:
  using Wave = std::complex<Real>;

  /// Columns are the kx of the grid with |kx| <= limit [1/Å].
  MixedSpace(const WaveGrid& grid, double limit);

  int columns() const { return int(ix_.size()); }
  int ix(int column) const { return ix_[column]; }
  /// From one column's first element to the next one's.
  int pitch() const { return pitch_; }
  std::size_t size() const { return std::size_t(columns()) * pitch_; }

  /// A thread's work space.
  struct Lines {
    explicit Lines(const MixedSpace& space);
    std::size_t pitch;
    FftVector<Real> in, out, real;  // in: zero outside the band
  };

  /// psi(r) <- factor(r) psi(r); factor (ny, nx). Scales by nx.
  void multiply_rows(Wave* mixed, const Wave* factor, Lines& lines) const;
  /// psi(k) <- factor(k) psi(k); factor (column, ky), pitch() apart. Scales by ny.
  void multiply_columns(Wave* mixed, const Wave* factor, Lines& lines) const;

  /// From real space, row by row: fill(y, row); scales by nx.
  void from_rows(const std::function<void(int, Wave*)>& fill, Wave* mixed, Lines& lines) const;
  /// To real space (ny, nx).
  void to_rows(const Wave* mixed, Wave* array, Lines& lines) const;
  /// From plane waves (ny, nx), multiplied by factor (column, ky).
  void from_plane_waves(const Wave* plane_waves, const Wave* factor, Wave* mixed,
                        Lines& lines) const;
  /// To plane waves (ny, nx), multiplied by factor (column, ky), 0 outside the band; scales by ny.
  void to_plane_waves(const Wave* mixed, const Wave* factor, Wave* plane_waves, Lines& lines) const;

 private:
  void load(const Wave* mixed, int y0, Lines& lines) const;
  void store(const Lines& lines, int y0, Wave* mixed) const;
  template <class Use>
  void for_columns(const Use& use) const;

  WaveGrid grid_;
  Fft1<Real> fft_x_, fft_y_;
  int pitch_, positive_ = 0;  // columns of kx >= 0, which come first
  std::vector<int> ix_;
};

}  // namespace pendel

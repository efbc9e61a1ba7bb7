#include "sim/mixed_space.hpp"

#include <algorithm>
#include <cmath>

#include "core/multiply.hpp"

namespace pendel {

namespace {

// Lines that are transposed together: a cache line holds as many numbers in single precision.
constexpr int block = 8;

/// to[j, i] <- from[i, j] for i < rows, j < columns <= block.
template <class Wave>
void to_lines(const Wave* from, std::size_t from_pitch, int rows, int columns, Wave* to,
              std::size_t to_pitch) {
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
}
/// to[i, j] <- from[j, i] for i < rows, j < columns <= block.
template <class Wave>
void from_lines(const Wave* from, std::size_t from_pitch, int rows, int columns, Wave* to,
                std::size_t to_pitch) {
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) to[i * to_pitch + j] = from[j * from_pitch + i];
}

/// Asks for numbers that will be needed after the next transform.
template <class Wave>
void prefetch(const Wave* x, int n) {
  for (int i = 0; i < n; i += int(64 / sizeof(Wave))) __builtin_prefetch(x + i);
}

int padded(int n) { return (n + block - 1) / block * block; }

}  // namespace

template <class Real>
MixedSpace<Real>::MixedSpace(const WaveGrid& grid, double limit)
    : grid_(grid), fft_x_(grid.nx), fft_y_(grid.ny), pitch_(padded(grid.ny)) {
  // Addresses a large power of two apart compete for the same places in the cache.
  if (pitch_ % 64 == 0) pitch_ += block;
  for (int ix = 0; ix < grid.nx; ++ix)
    if (std::abs(grid.kx(ix)) <= limit) ix_.push_back(ix);
  positive_ = int(std::count_if(ix_.begin(), ix_.end(), [&](int ix) { return grid.kx(ix) >= 0; }));
}

template <class Real>
MixedSpace<Real>::Lines::Lines(const MixedSpace& space)
    : pitch(padded(std::max(space.grid_.nx, space.grid_.ny)) + block),
      in(block * pitch),
      out(block * pitch),
      real(pitch) {}

template <class Real>
void MixedSpace<Real>::multiply_rows(Wave* mixed, const Wave* factor, Lines& lines) const {
  for (int y0 = 0; y0 < grid_.ny; y0 += block) {
    load(mixed, y0, lines);
    if (y0 + block < grid_.ny)
      for (int c = 0; c < columns(); ++c)
        __builtin_prefetch(mixed + std::size_t(c) * pitch_ + y0 + block);
    for (int j = 0; j < std::min(block, grid_.ny - y0); ++j) {
      const Wave* row = factor + std::size_t(y0 + j) * grid_.nx;
      prefetch(row, grid_.nx);
      fft_x_.backward(&lines.in[j * lines.pitch], lines.real.data());
      multiply(lines.real.data(), row, grid_.nx);
      fft_x_.forward(lines.real.data(), &lines.out[j * lines.pitch]);
    }
    store(lines, y0, mixed);
  }
}

template <class Real>
void MixedSpace<Real>::multiply_columns(Wave* mixed, const Wave* factor, Lines& lines) const {
  for (int column = 0; column < columns(); ++column) {
    const std::size_t first = std::size_t(column) * pitch_;
    prefetch(factor + first, grid_.ny);
    fft_y_.forward(mixed + first, lines.real.data());
    multiply(lines.real.data(), factor + first, grid_.ny);
    fft_y_.backward(lines.real.data(), mixed + first);
  }
}

template <class Real>
void MixedSpace<Real>::from_rows(const std::function<void(int, Wave*)>& fill, Wave* mixed,
                                 Lines& lines) const {
  for (int y0 = 0; y0 < grid_.ny; y0 += block) {
    for (int j = 0; j < std::min(block, grid_.ny - y0); ++j) {
      fill(y0 + j, lines.real.data());
      fft_x_.forward(lines.real.data(), &lines.out[j * lines.pitch]);
    }
    store(lines, y0, mixed);
  }
}

template <class Real>
void MixedSpace<Real>::to_rows(const Wave* mixed, Wave* array, Lines& lines) const {
  for (int y0 = 0; y0 < grid_.ny; y0 += block) {
    load(mixed, y0, lines);
    for (int j = 0; j < std::min(block, grid_.ny - y0); ++j) {
      fft_x_.backward(&lines.in[j * lines.pitch], lines.real.data());
      std::copy_n(lines.real.data(), grid_.nx, array + std::size_t(y0 + j) * grid_.nx);
    }
  }
}

template <class Real>
void MixedSpace<Real>::from_plane_waves(const Wave* plane_waves, const Wave* factor, Wave* mixed,
                                        Lines& lines) const {
  for_columns([&](int column, int count) {
    to_lines(plane_waves + ix_[column], grid_.nx, grid_.ny, count, lines.out.data(), lines.pitch);
    for (int j = 0; j < count; ++j) {
      Wave* line = &lines.out[j * lines.pitch];
      const std::size_t first = std::size_t(column + j) * pitch_;
      multiply(line, factor + first, grid_.ny);
      fft_y_.backward(line, mixed + first);
    }
  });
}

template <class Real>
void MixedSpace<Real>::to_plane_waves(const Wave* mixed, const Wave* factor, Wave* plane_waves,
                                      Lines& lines) const {
  std::fill_n(plane_waves, grid_.size(), Wave(0));
  for_columns([&](int column, int count) {
    for (int j = 0; j < count; ++j) {
      Wave* line = &lines.out[j * lines.pitch];
      const std::size_t first = std::size_t(column + j) * pitch_;
      fft_y_.forward(mixed + first, line);
      multiply(line, factor + first, grid_.ny);
    }
    from_lines(lines.out.data(), lines.pitch, grid_.ny, count, plane_waves + ix_[column], grid_.nx);
  });
}

// Rows y0, y0 + 1, ... of mixed space, and where they go.
template <class Real>
void MixedSpace<Real>::load(const Wave* mixed, int y0, Lines& lines) const {
  to_lines(mixed + y0, pitch_, positive_, block, lines.in.data(), lines.pitch);
  if (const int negative = columns() - positive_)
    to_lines(mixed + std::size_t(positive_) * pitch_ + y0, pitch_, negative, block,
             lines.in.data() + ix_[positive_], lines.pitch);
}
template <class Real>
void MixedSpace<Real>::store(const Lines& lines, int y0, Wave* mixed) const {
  from_lines(lines.out.data(), lines.pitch, positive_, block, mixed + y0, pitch_);
  if (const int negative = columns() - positive_)
    from_lines(lines.out.data() + ix_[positive_], lines.pitch, negative, block,
               mixed + std::size_t(positive_) * pitch_ + y0, pitch_);
}

// Calls use(column, count) for runs of columns that are neighbours in the grid.
template <class Real>
template <class Use>
void MixedSpace<Real>::for_columns(const Use& use) const {
  for (int column = 0; column < columns();) {
    const int end = column < positive_ ? positive_ : columns();
    const int count = std::min(block, end - column);
    use(column, count);
    column += count;
  }
}

template class MixedSpace<float>;
template class MixedSpace<double>;

}  // namespace pendel

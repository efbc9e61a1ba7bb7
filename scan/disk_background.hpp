// What a pattern holds beside its disks: counted in cells wherever no disk covers it.
#pragma once
#include <cstdint>
#include <vector>

#include "core/space.hpp"

namespace pendel {

class DiskBackground {
 public:
  /// For disks of this radius that end at `end` [pixels]. `valid`, (rows, columns): 0 where a pixel
  /// does not count; empty: all do.
  DiskBackground(int rows, int columns, double radius, double end,
                 const std::vector<std::uint8_t>& valid = {});

  /// Begins a pattern: no disks.
  void begin(const float* pattern);
  /// Leaves out what a disk at (column, row) covers.
  void cover(const Vec2& at);

  /// rate · exp(slope · (x − at)) [counts per pixel]; counted on so many pixels.
  struct Local {
    double rate = 0;
    Vec2 slope{0, 0};
    double pixels = 0;
  };
  /// Of the cells about a place, by Poisson likelihood.
  Local local(const Vec2& at) const;
  /// Their mean, which takes less time.
  Local mean(const Vec2& at) const;

  /// Counts of the pixels of the circle of the radius about a pixel that no disk covers.
  struct Aperture {
    double counts = 0, pixels = 0;
  };
  Aperture aperture(int column, int row) const;

 private:
  struct Cell {
    double counts = 0, pixels = 0;
  };
  Cell& cell(int column, int row) {
    return cells_[std::size_t((row / size_) * across_ + column / size_)];
  }
  struct Window {
    int left, right, top, bottom;
    double counts, pixels;
  };
  Window window(const Vec2& at) const;
  template <class Visit>
  void circle(int column, int row, double radius, const Visit& visit) const;

  int rows_, columns_, size_, across_, down_;
  double radius_, end_;
  std::vector<std::uint8_t> valid_, open_;
  std::vector<Cell> cells_, all_;  // all_: pixels of cells without disks
  const float* pattern_ = nullptr;
};

}  // namespace pendel

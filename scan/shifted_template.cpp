#include "scan/shifted_template.hpp"

#include <cmath>

#include "core/clones.hpp"
#include "scan/cubic_spline.hpp"

namespace pendel {

namespace {

constexpr int q = DiskTemplate::per_pixel;
constexpr int before = 6, after = 7;  // coefficients beyond the samples that a shift may reach

struct Taps {
  int first;  // coefficient of the first pixel's first tap
  float w[4], slope[4];
};

Taps taps(double fraction) {
  // the first pixel lies one beyond the samples
  const double x = q * (-1 - fraction) + before;
  const double base = std::floor(x);
  Taps t{int(base) - 1, {}, {}};
  cubic_weights(float(x - base), t.w, t.slope);
  for (float& s : t.slope) s *= -float(q);  // by the centre, per pixel
  return t;
}

PENDEL_CLONES void along_row(const float* __restrict a, const float* __restrict b,
                             const float* __restrict c, const float* __restrict d, const float* w,
                             const float* slope, int count, float* __restrict value,
                             float* __restrict derivative) {
  for (int i = 0; i < count; ++i) {
    value[i] = w[0] * a[i] + w[1] * b[i] + w[2] * c[i] + w[3] * d[i];
    derivative[i] = slope[0] * a[i] + slope[1] * b[i] + slope[2] * c[i] + slope[3] * d[i];
  }
}

PENDEL_CLONES void across_rows(const float* __restrict rows, const float* __restrict slopes,
                               int stride, const float* w, const float* slope, int count,
                               float* __restrict value, float* __restrict by_column,
                               float* __restrict by_row) {
  const float *a = rows, *b = a + stride, *c = b + stride, *d = c + stride;
  const float *A = slopes, *B = A + stride, *C = B + stride, *D = C + stride;
  for (int i = 0; i < count; ++i) {
    value[i] = w[0] * a[i] + w[1] * b[i] + w[2] * c[i] + w[3] * d[i];
    by_row[i] = slope[0] * a[i] + slope[1] * b[i] + slope[2] * c[i] + slope[3] * d[i];
    by_column[i] = w[0] * A[i] + w[1] * B[i] + w[2] * C[i] + w[3] * D[i];
  }
}

}  // namespace

ShiftedTemplate::ShiftedTemplate(const DiskTemplate& shape) : half_(shape.half + 1) {
  const int side = shape.side();
  const std::vector<double> c =
      spline_coefficients({shape.samples.begin(), shape.samples.end()}, side);
  rows_ = side + before + after;
  stride_ = (rows_ + q - 1) / q;
  coefficients_.assign(std::size_t(rows_ * q * stride_), 0.0f);
  for (int j = 0; j < side; ++j)
    for (int i = 0; i < side; ++i) {
      const int row = j + before, column = i + before;
      coefficients_[std::size_t((row * q + column % q) * stride_ + column / q)] =
          float(c[std::size_t(j * side + i)]);
    }
}

std::size_t ShiftedTemplate::work_size() const {
  return std::size_t(2 * (q * (side() - 1) + 4) * side());
}

std::vector<ShiftedTemplate::Run> ShiftedTemplate::circle() const {
  std::vector<Run> runs;
  for (int y = -half_; y <= half_; ++y) {
    const int x = int(std::sqrt((half_ + 0.5) * (half_ + 0.5) - y * y));
    runs.push_back({y + half_, half_ - x, half_ + x + 1});
  }
  return runs;
}

void ShiftedTemplate::place(const Vec2& fraction, const std::vector<Run>& runs, float* value,
                            float* by_column, float* by_row, float* work) const {
  if (runs.empty()) return;
  const Taps x = taps(fraction.x()), y = taps(fraction.y());
  const int n = side(), lines = q * (n - 1) + 4;
  float* slopes = work + lines * n;
  for (int j = q * runs.front().row; j < q * runs.back().row + 4; ++j) {
    const float* tap[4];
    for (int k = 0; k < 4; ++k) {
      const int column = x.first + k;
      tap[k] = &coefficients_[std::size_t(((y.first + j) * q + column % q) * stride_ + column / q)];
    }
    along_row(tap[0], tap[1], tap[2], tap[3], x.w, x.slope, n, work + j * n, slopes + j * n);
  }
  for (const Run& run : runs) {
    const int count = run.last - run.first, from = q * run.row * n + run.first;
    across_rows(work + from, slopes + from, n, y.w, y.slope, count, value, by_column, by_row);
    value += count;
    by_column += count;
    by_row += count;
  }
}

}  // namespace pendel

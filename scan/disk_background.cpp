#include "scan/disk_background.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace pendel {

namespace {

constexpr double window_radii = 3;   // radii from a place to the cells that count there
constexpr double slope_width = 0.5;  // expected logarithmic slope, per radius

}  // namespace

DiskBackground::DiskBackground(int rows, int columns, double radius, double end,
                               const std::vector<std::uint8_t>& valid)
    : rows_(rows),
      columns_(columns),
      size_(std::max(4, int(radius))),
      across_((columns + size_ - 1) / size_),
      down_((rows + size_ - 1) / size_),
      radius_(radius),
      end_(end),
      valid_(valid),
      cells_(std::size_t(across_ * down_)) {
  if (valid_.empty()) valid_.assign(std::size_t(rows) * std::size_t(columns), 1);
  for (int row = 0; row < rows; ++row)
    for (int column = 0; column < columns; ++column)
      cell(column, row).pixels += valid_[std::size_t(row * columns + column)];
  all_ = cells_;
}

void DiskBackground::begin(const float* pattern) {
  pattern_ = pattern;
  open_ = valid_;
  cells_ = all_;
  for (int row = 0; row < rows_; ++row) {
    const float* values = pattern + row * columns_;
    const std::uint8_t* valid = &valid_[std::size_t(row * columns_)];
    for (int k = 0; k < across_; ++k) {
      const int first = k * size_, last = std::min(columns_, first + size_);
      float sum = 0;
      for (int i = first; i < last; ++i) sum += valid[i] ? values[i] : 0.0f;
      cells_[std::size_t((row / size_) * across_ + k)].counts += double(sum);
    }
  }
}

template <class Visit>
void DiskBackground::circle(int column, int row, double radius, const Visit& visit) const {
  const int reach = int(radius);
  for (int y = std::max(0, row - reach); y <= std::min(rows_ - 1, row + reach); ++y) {
    const int half = int(std::sqrt(radius * radius - double((y - row) * (y - row))));
    visit(y, std::max(0, column - half), std::min(columns_ - 1, column + half));
  }
}

void DiskBackground::cover(const Vec2& at) {
  circle(int(std::lround(at.x())), int(std::lround(at.y())), end_, [&](int y, int from, int to) {
    for (int x = from; x <= to; ++x) {
      const auto i = std::size_t(y * columns_ + x);
      if (!open_[i]) continue;
      open_[i] = 0;
      Cell& c = cell(x, y);
      c.counts -= double(pattern_[i]);
      c.pixels -= 1;
    }
  });
}

DiskBackground::Aperture DiskBackground::aperture(int column, int row) const {
  Aperture result;
  circle(column, row, radius_, [&](int y, int from, int to) {
    float sum = 0;
    int pixels = 0;
    for (int i = y * columns_ + from; i <= y * columns_ + to; ++i) {
      sum += open_[std::size_t(i)] ? pattern_[i] : 0.0f;
      pixels += open_[std::size_t(i)];
    }
    result.counts += double(sum);
    result.pixels += pixels;
  });
  return result;
}

DiskBackground::Window DiskBackground::window(const Vec2& at) const {
  Window w{};
  for (double reach = window_radii * radius_;; reach *= 2) {
    const auto range = [&](double middle, int cells, int& first, int& last) {
      first = std::clamp(int((middle - reach) / size_), 0, cells - 1);
      last = std::clamp(int((middle + reach) / size_), 0, cells - 1);
    };
    range(at.x(), across_, w.left, w.right);
    range(at.y(), down_, w.top, w.bottom);
    w.counts = w.pixels = 0;
    for (int j = w.top; j <= w.bottom; ++j)
      for (int i = w.left; i <= w.right; ++i) {
        const Cell& c = cells_[std::size_t(j * across_ + i)];
        w.counts += std::max(0.0, c.counts);
        w.pixels += c.pixels;
      }
    const bool whole = w.left == 0 && w.top == 0 && w.right == across_ - 1 && w.bottom == down_ - 1;
    if (w.pixels >= radius_ * radius_ || whole) return w;  // a third of a disk
  }
}

DiskBackground::Local DiskBackground::mean(const Vec2& at) const {
  const Window w = window(at);
  return {w.pixels > 0 ? w.counts / w.pixels : 0, {0, 0}, w.pixels};
}

DiskBackground::Local DiskBackground::local(const Vec2& at) const {
  // counts_c ~ Poisson(pixels_c exp(a + b · d_c)), d in radii, slopes of a width known beforehand
  const Window w = window(at);
  Local result{0, {0, 0}, w.pixels};
  if (w.counts <= 0) return result;
  constexpr double weight = 1 / (slope_width * slope_width);
  static thread_local std::vector<double> along;
  Vec3 theta(std::log(w.counts / w.pixels), 0, 0);
  for (int iteration = 0; iteration < 6; ++iteration) {
    Vec3 gradient(0, -theta[1] * weight, -theta[2] * weight);
    Mat3 information = Vec3(0, weight, weight).asDiagonal();
    // of a row of cells: Σ (1, x, x²) times what is expected, Σ (1, x) times what more is counted
    const auto offset = [&](int k, double middle) {
      return ((k + 0.5) * size_ - 0.5 - middle) / radius_;
    };
    const auto factor = [](double exponent) { return std::exp(std::clamp(exponent, -30.0, 30.0)); };
    along.clear();
    for (int i = w.left; i <= w.right; ++i)
      along.push_back(factor(theta[0] + theta[1] * offset(i, at.x())));
    for (int j = w.top; j <= w.bottom; ++j) {
      const double y = offset(j, at.y()), level = factor(theta[2] * y);
      double m0 = 0, m1 = 0, m2 = 0, r0 = 0, r1 = 0;
      for (int i = w.left; i <= w.right; ++i) {
        const Cell& c = cells_[std::size_t(j * across_ + i)];
        const double x = offset(i, at.x());
        const double mean = c.pixels * level * along[std::size_t(i - w.left)];
        const double rest = std::max(0.0, c.counts) - mean;
        m0 += mean, m1 += mean * x, m2 += mean * x * x;
        r0 += rest, r1 += rest * x;
      }
      gradient += Vec3(r0, r1, r0 * y);
      const double upper[6] = {m0, m1, m0 * y, m2, m1 * y, m0 * y * y};
      for (int p = 0, k = 0; p < 3; ++p)
        for (int q = p; q < 3; ++q, ++k) {
          information(p, q) += upper[k];
          if (q > p) information(q, p) += upper[k];
        }
    }
    Vec3 step = information.ldlt().solve(gradient);
    step /= std::max(1.0, step.norm());
    theta += step;
    if (step.norm() < 1e-3) break;
  }
  result.rate = std::exp(theta[0]);
  result.slope = Vec2(theta[1], theta[2]) / radius_;
  return result;
}

}  // namespace pendel

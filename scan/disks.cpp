#include "scan/disks.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/clones.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "scan/shifted_template.hpp"

namespace pendel {

namespace {

/// The smallest size >= n that FFTW transforms fast.
int padded_size(int n) {
  for (n = (n + 15) / 16 * 16;; n += 16) {
    int rest = n;
    for (const int p : {2, 3, 5})
      while (rest % p == 0) rest /= p;
    if (rest == 1) return n;
  }
}

/// waves <- waves · kernel, element by element.
PENDEL_CLONES void multiply(float* __restrict waves, const float* __restrict kernel,
                            std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float a = waves[2 * i], b = waves[2 * i + 1], c = kernel[2 * i], d = kernel[2 * i + 1];
    waves[2 * i] = a * c - b * d;
    waves[2 * i + 1] = a * d + b * c;
  }
}

/// Magnitudes to the power p; 0 stays 0.
void raise(std::complex<float>* waves, std::size_t count, float p) {
  for (std::size_t i = 0; i < count; ++i) {
    const float squared = std::norm(waves[i]);
    if (squared > 0) waves[i] *= std::pow(squared, 0.5f * (p - 1));
  }
}

/// Significance of counts where `expected` a pixel were counted beside, on so many pixels.
/// [LiMa1983, 17]
double significance(const DiskBackground::Aperture& on, const DiskBackground::Local& background) {
  const double alpha = on.pixels / std::max(1.0, background.pixels);
  const double counts = std::max(0.0, on.counts), off = background.rate * background.pixels;
  const double total = counts + off;
  if (counts <= alpha * off) return 0;
  double sum = counts * std::log((1 + alpha) / alpha * counts / total);
  if (off > 0) sum += off * std::log((1 + alpha) * off / total);
  return std::sqrt(std::max(0.0, 2 * sum));
}

constexpr int reach = 6;  // pixels on either side from which a value between pixels is interpolated

/// Weights of 2·reach pixels from floor(x) − reach + 1 on: Gaussian times sin(πd)/(πd), with first
/// and second derivatives by x.
struct Interpolation {
  double w[2 * reach], first[2 * reach], second[2 * reach];
  explicit Interpolation(double u) {
    constexpr double pi = electron::pi, width = 1.9;
    const double s = std::sin(pi * u), c = std::cos(pi * u);
    for (int k = 0; k < 2 * reach; ++k) {
      const double d = u - (k - reach + 1);
      const double sign = (k - reach + 1) % 2 == 0 ? 1 : -1;
      const double gauss = std::exp(-0.5 * d * d / (width * width));
      const double g1 = -d / (width * width) * gauss;
      const double g2 = (d * d / (width * width) - 1) / (width * width) * gauss;
      double f, f1, f2;
      if (std::abs(d) < 1e-4) {
        f = 1, f1 = -pi * pi * d / 3, f2 = -pi * pi / 3;
      } else {
        const double sine = sign * s, cosine = sign * c;
        f = sine / (pi * d);
        f1 = (cosine - f) / d;
        f2 = -(pi * sine + 2 * f1) / d;
      }
      w[k] = f * gauss;
      first[k] = f1 * gauss + f * g1;
      second[k] = f2 * gauss + 2 * f1 * g1 + f * g2;
    }
  }
};

}  // namespace

DiskFinder::DiskFinder(const DiskTemplate& shape, std::size_t q_rows, std::size_t q_columns,
                       const DetectionOptions& options, const std::vector<std::uint8_t>& valid)
    : rows_(int(q_rows)),
      columns_(int(q_columns)),
      padded_rows_(0),
      padded_columns_(0),
      radius_(shape.radius),
      end_(shape.half),
      spacing_(options.min_spacing > 0 ? options.min_spacing : 1.3 * shape.radius),
      options_(options),
      valid_(valid),
      fft_(2, 2, 2) {
  const double width =
      options.trench_width > 0 ? options.trench_width : std::max(3.0, 0.4 * radius_);
  const ShiftedTemplate shifted(shape);
  const int n = shifted.side();
  std::vector<float> value(std::size_t(n * n)), unused[2] = {value, value},
                                                work(shifted.work_size());
  std::vector<ShiftedTemplate::Run> rows;
  for (int row = 0; row < n; ++row) rows.push_back({row, 0, n});
  shifted.place({0, 0}, rows, value.data(), unused[0].data(), unused[1].data(), work.data());
  const double from = radius_ + 0.5 * shape.edge_width, to = from + width;
  const int extent = options.trench == DetectionOptions::Trench::gaussian
                         ? int(2 * radius_ + 2 * width)
                     : options.trench == DetectionOptions::Trench::sigmoid
                         ? std::max(shifted.half(), int(std::ceil(to)))
                         : shifted.half();
  if (2 * extent >= std::min(rows_, columns_))
    throw Error(ErrorKind::study, "a template of radius " + std::to_string(radius_) +
                                      " pixels with its trench does not fit in patterns of " +
                                      std::to_string(q_rows) + " x " + std::to_string(q_columns));
  padded_rows_ = padded_size(rows_ + extent);
  padded_columns_ = padded_size(columns_ + extent);
  const int half = padded_columns_ / 2 + 1;
  fft_ = BasicRealFft2<float>(padded_rows_, padded_columns_, half);

  // the kernel about the origin: template less a trench of the same sum
  std::vector<double> kernel(std::size_t(padded_rows_) * std::size_t(padded_columns_)),
      trench(kernel.size());
  double sum = 0, trench_sum = 0, within = 0;
  const auto at = [&](int x, int y) {
    return std::size_t((y + padded_rows_) % padded_rows_ * padded_columns_ +
                       (x + padded_columns_) % padded_columns_);
  };
  for (int y = -extent; y <= extent; ++y)
    for (int x = -extent; x <= extent; ++x) {
      const double r = std::hypot(x, y);
      double t = 0;
      if (std::max(std::abs(x), std::abs(y)) <= shifted.half())
        t = double(value[std::size_t((y + shifted.half()) * n + x + shifted.half())]);
      double v = 0;
      switch (options.trench) {
        case DetectionOptions::Trench::none:
          break;
        case DetectionOptions::Trench::gaussian:
          v = std::exp(-0.5 * std::pow(r / (0.5 * radius_ + 0.5 * width), 2));
          break;
        case DetectionOptions::Trench::sigmoid:
          // a wide disk whose edge falls as a cosine
          v = r < from ? 1
              : r < to ? std::pow(std::cos(electron::pi / 2 * (r - from) / width), 2)
                       : 0;
      }
      if (r * r <= radius_ * radius_) ++aperture_pixels_;
      kernel[at(x, y)] = t;
      trench[at(x, y)] = v;
      sum += t;
      trench_sum += v;
      if (r * r <= radius_ * radius_) within += t;
    }
  within_ = within / sum;
  if (trench_sum > 0)
    for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] -= trench[i] * sum / trench_sum;
  std::vector<float> padded(kernel.begin(), kernel.end());
  kernel_.resize(std::size_t(padded_rows_ * half));
  fft_.forward(padded.data(), kernel_.data());
  const double pi = electron::pi, scale = 1.0 / double(kernel.size());
  for (int j = 0; j < padded_rows_; ++j)
    for (int i = 0; i < half; ++i) {
      const double kx = double(i) / padded_columns_;
      const double ky = double(j <= padded_rows_ / 2 ? j : j - padded_rows_) / padded_rows_;
      const double blur = std::exp(-2 * std::pow(pi * options.smoothing, 2) * (kx * kx + ky * ky));
      std::complex<float>& k = kernel_[std::size_t(j * half + i)];
      // with another power the blur comes after it
      if (options.power != 1) k *= std::pow(std::norm(k) + 1e-30f, 0.5f * float(options.power - 1));
      k = std::conj(k) * float(scale * blur);
    }
}

DiskFinder::Workspace DiskFinder::workspace() const {
  const std::size_t size = std::size_t(padded_rows_) * std::size_t(padded_columns_);
  return {decltype(Workspace::padded)(size, 0.0f),
          decltype(Workspace::correlation)(size),
          FftVector<float>(kernel_.size()),
          DiskBackground(rows_, columns_, radius_, end_, valid_),
          {}};
}

void DiskFinder::correlate(const float* pattern, Workspace& work) const {
  for (int row = 0; row < rows_; ++row) {
    float* to = &work.padded[std::size_t(row * padded_columns_)];
    std::memcpy(to, pattern + row * columns_, sizeof(float) * std::size_t(columns_));
    if (!valid_.empty())
      for (int i = 0; i < columns_; ++i)
        if (!valid_[std::size_t(row * columns_ + i)]) to[i] = 0;
  }
  fft_.forward(work.padded.data(), work.waves.data());
  // |ab|^p = |a|^p |b|^p: the kernel has its power already
  if (options_.power != 1) raise(work.waves.data(), work.waves.size(), float(options_.power));
  multiply(reinterpret_cast<float*>(work.waves.data()),
           reinterpret_cast<const float*>(kernel_.data()), kernel_.size());
  fft_.backward(work.waves.data(), work.correlation.data());
}

void DiskFinder::maxima(Workspace& work) const {
  const int border = int(std::ceil(options_.border));
  auto& found = work.candidates;
  found.clear();
  for (int row = std::max(1, border); row < rows_ - std::max(1, border); ++row) {
    const float* line = &work.correlation[std::size_t(row * padded_columns_)];
    const float *above = line - padded_columns_, *below = line + padded_columns_;
    for (int i = std::max(1, border); i < columns_ - std::max(1, border); ++i) {
      const float c = line[i];
      if (c <= 0 || c < line[i - 1] || c <= line[i + 1] || c < above[i] || c <= below[i]) continue;
      if (c < above[i - 1] || c < above[i + 1] || c <= below[i - 1] || c <= below[i + 1]) continue;
      found.push_back({c, i, row, {}, false, 0, 0});
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.height != b.height ? a.height > b.height
                                : std::pair(a.row, a.column) < std::pair(b.row, b.column);
  });
  // of two that are near, the higher one
  std::size_t kept = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    bool alone = true;
    for (std::size_t k = 0; k < kept && alone; ++k) {
      const int x = found[i].column - found[k].column, y = found[i].row - found[k].row;
      alone = x * x + y * y >= spacing_ * spacing_;
    }
    if (alone) found[kept++] = found[i];
  }
  found.resize(kept);
}

void DiskFinder::weigh(Workspace& work) const {
  // From the highest on, what may be a disk is taken out of the background, and its pixels tell
  // nothing of others; until nothing more stands out of what is left.
  DiskBackground& background = work.background;
  const double may_be = 0.5 * options_.min_significance;
  for (bool more = true; more;) {
    more = false;
    for (auto& c : work.candidates) {
      if (c.covers) continue;
      const Vec2 at(c.column, c.row);
      c.aperture = background.aperture(c.column, c.row);
      if (c.aperture.counts < 3 || significance(c.aperture, background.mean(at)) < may_be) continue;
      c.covers = more = true;
      background.cover(at);
    }
  }
  for (auto& c : work.candidates) {
    if (!c.covers) continue;
    const auto local = background.local(Vec2(c.column, c.row));
    c.significance = significance(c.aperture, local);
    c.counts = (c.aperture.counts - local.rate * c.aperture.pixels) * aperture_pixels_ /
               (within_ * c.aperture.pixels);
  }
}

Vec2 DiskFinder::between_pixels(const Workspace& work, int column, int row) const {
  const Vec2 start(column, row);
  Vec2 at = start;
  for (int iteration = 0; iteration < 10; ++iteration) {
    const Vec2 base(std::floor(at.x()), std::floor(at.y()));
    const Interpolation x(at.x() - base.x()), y(at.y() - base.y());
    double gx = 0, gy = 0, xx = 0, xy = 0, yy = 0;
    for (int j = 0; j < 2 * reach; ++j) {
      const int v = (int(base.y()) - reach + 1 + j + padded_rows_) % padded_rows_;
      const float* line = &work.correlation[std::size_t(v * padded_columns_)];
      double s0 = 0, s1 = 0, s2 = 0;
      for (int i = 0; i < 2 * reach; ++i) {
        const int u = (int(base.x()) - reach + 1 + i + padded_columns_) % padded_columns_;
        const auto c = double(line[u]);
        s0 += x.w[i] * c;
        s1 += x.first[i] * c;
        s2 += x.second[i] * c;
      }
      gx += y.w[j] * s1;
      gy += y.first[j] * s0;
      xx += y.w[j] * s2;
      xy += y.first[j] * s1;
      yy += y.second[j] * s0;
    }
    const double determinant = xx * yy - xy * xy;
    if (!(determinant > 0 && xx < 0)) break;  // no maximum here
    const Vec2 step((-gx * yy + gy * xy) / determinant, (-gy * xx + gx * xy) / determinant);
    at += step / std::max(1.0, 2 * step.norm());
    if ((at - start).cwiseAbs().maxCoeff() > 1.5) return start;
    if (step.norm() < 1e-4) break;
  }
  return at;
}

void DiskFinder::find(const float* pattern, Workspace& work, std::vector<BraggPeak>& peaks) const {
  peaks.clear();
  correlate(pattern, work);
  maxima(work);
  work.background.begin(pattern);
  weigh(work);
  auto& found = work.candidates;
  double most = 0;
  for (const auto& c : found)
    if (c.significance >= options_.min_significance) most = std::max(most, c.counts);
  found.erase(std::remove_if(found.begin(), found.end(),
                             [&](const auto& c) {
                               return c.significance < options_.min_significance ||
                                      c.counts < options_.min_counts ||
                                      c.counts < options_.min_relative * most;
                             }),
              found.end());
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.counts > b.counts; });
  if (options_.max_number > 0 && found.size() > options_.max_number)
    found.resize(options_.max_number);
  for (const auto& c : found) {
    BraggPeak peak;
    peak.position =
        options_.subpixel ? between_pixels(work, c.column, c.row) : Vec2(c.column, c.row);
    peak.intensity = c.counts;
    peaks.push_back(peak);
  }
}

}  // namespace pendel

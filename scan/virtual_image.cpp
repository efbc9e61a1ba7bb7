#include "scan/virtual_image.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/clones.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/fft.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"

namespace pendel {

namespace {

constexpr std::size_t lanes = 8;         // blocks at once; their sums are added in this order
constexpr double bytes_per_block = 4e6;  // of patterns

/// Where a detector's weights are not 0: pieces of rows.
struct Runs {
  struct Run {
    std::size_t first, count;
  };
  std::vector<Run> runs;
};

Runs runs_of(const std::vector<float>& weights) {
  Runs result;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    if (i == 0 || weights[i - 1] == 0) result.runs.push_back({i, 0});
    ++result.runs.back().count;
  }
  return result;
}

struct Sums {
  std::vector<double> sum, squares;
  std::vector<float> maximum;
  std::size_t count = 0;
};

// Several sums side by side, so that the compiler may keep them in one register.
constexpr int wide = 8;

PENDEL_CLONES double dot(const float* x, const float* y, std::size_t count) {
  double sums[wide] = {};
  std::size_t i = 0;
  for (; i + wide <= count; i += wide)
    for (int k = 0; k < wide; ++k) sums[k] += double(x[i + k]) * double(y[i + k]);
  double sum = 0;
  for (; i < count; ++i) sum += double(x[i]) * double(y[i]);
  for (const double part : sums) sum += part;
  return sum;
}

/// Σ x_i and Σ i x_i.
PENDEL_CLONES void moments(const float* x, const float* index, std::size_t count, double* sum,
                           double* moment) {
  double sums[wide] = {}, moments[wide] = {};
  std::size_t i = 0;
  for (; i + wide <= count; i += wide)
    for (int k = 0; k < wide; ++k) {
      const double value = x[i + k];
      sums[k] += value;
      moments[k] += value * double(index[i + k]);
    }
  *sum = *moment = 0;
  for (; i < count; ++i) {
    *sum += double(x[i]);
    *moment += double(x[i]) * double(index[i]);
  }
  for (int k = 0; k < wide; ++k) {
    *sum += sums[k];
    *moment += moments[k];
  }
}

/// Four patterns at once, so that the sums are read and written seldom.
PENDEL_CLONES void add_four(const float* __restrict a, const float* __restrict b,
                            const float* __restrict c, const float* __restrict d,
                            std::size_t pixels, double* __restrict sum, double* __restrict squares,
                            float* __restrict maximum) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const double A = a[i], B = b[i], C = c[i], D = d[i];
    sum[i] += (A + B) + (C + D);
    squares[i] += (A * A + B * B) + (C * C + D * D);
    const float ab = a[i] > b[i] ? a[i] : b[i], cd = c[i] > d[i] ? c[i] : d[i];
    const float most = ab > cd ? ab : cd;
    maximum[i] = most > maximum[i] ? most : maximum[i];
  }
}

/// Those patterns that were recorded.
void add_patterns(const float* patterns, std::size_t count, std::size_t pixels, Sums& sums) {
  std::vector<const float*> recorded;
  for (std::size_t k = 0; k < count; ++k)
    if (!std::isnan(patterns[k * pixels])) recorded.push_back(patterns + k * pixels);
  sums.count += recorded.size();
  std::size_t k = 0;
  for (; k + 4 <= recorded.size(); k += 4)
    add_four(recorded[k], recorded[k + 1], recorded[k + 2], recorded[k + 3], pixels,
             sums.sum.data(), sums.squares.data(), sums.maximum.data());
  for (; k < recorded.size(); ++k)
    for (std::size_t i = 0; i < pixels; ++i) {
      const double value = recorded[k][i];
      sums.sum[i] += value;
      sums.squares[i] += value * value;
      sums.maximum[i] = std::max(sums.maximum[i], recorded[k][i]);
    }
}

/// weighted: room for a row.
Vec2 centre(const float* pattern, const std::vector<float>& mask, const std::vector<float>& index,
            std::size_t rows, std::vector<float>& weighted) {
  const std::size_t columns = index.size();
  double sum = 0, x = 0, y = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const float* line = pattern + row * columns;
    if (!mask.empty()) {
      for (std::size_t i = 0; i < columns; ++i) weighted[i] = line[i] * mask[row * columns + i];
      line = weighted.data();
    }
    double line_sum, moment;
    moments(line, index.data(), columns, &line_sum, &moment);
    sum += line_sum;
    x += moment;
    y += line_sum * double(row);
  }
  return Vec2(x, y) / sum;  // NaN of an empty pattern
}

}  // namespace

std::vector<float> annulus_weights(const Annulus& annulus, std::size_t q_rows,
                                   std::size_t q_columns) {
  const double width = annulus.to_deg - annulus.from_deg;
  std::vector<float> weights(q_rows * q_columns);
  for (std::size_t row = 0; row < q_rows; ++row)
    for (std::size_t column = 0; column < q_columns; ++column) {
      const Vec2 d = Vec2(double(column), double(row)) - annulus.centre;
      const double r = d.norm();
      double weight = std::clamp(annulus.outer - r + 0.5, 0.0, 1.0);
      if (annulus.inner > 0) weight *= std::clamp(r - annulus.inner + 0.5, 0.0, 1.0);
      if (width < 360) {
        double angle = std::atan2(d.y(), d.x()) * 180 / electron::pi - annulus.from_deg;
        angle -= 360 * std::floor(angle / 360);
        // degrees from the nearer edge, positive inside
        const double inside =
            angle <= width ? std::min(angle, width - angle) : -std::min(angle - width, 360 - angle);
        const double distance = r * std::sin(std::clamp(inside, -90.0, 90.0) * electron::pi / 180);
        weight *= std::clamp(distance + 0.5, 0.0, 1.0);
      }
      weights[row * q_columns + column] = float(weight);
    }
  return weights;
}

ScanImages scan_images(const DataCube& cube, const std::vector<VirtualDetector>& detectors,
                       const std::vector<float>& mask,
                       const std::function<void(std::size_t)>& progress) {
  const std::size_t pixels = cube.pixels();
  std::vector<Runs> runs;
  for (const VirtualDetector& detector : detectors) {
    if (detector.weights.size() != pixels)
      throw Error(ErrorKind::study, "virtual detector " + detector.name + " has " +
                                        std::to_string(detector.weights.size()) +
                                        " pixels, a pattern " + std::to_string(pixels));
    runs.push_back(runs_of(detector.weights));
  }
  std::vector<float> index(cube.q_columns());
  std::iota(index.begin(), index.end(), 0.0f);
  const auto block = std::size_t(std::max(1.0, bytes_per_block / (4.0 * double(pixels))));
  const std::size_t blocks = (cube.positions() + block - 1) / block;

  ScanImages result;
  result.images.assign(detectors.size(), std::vector<double>(cube.positions()));
  result.centre_of_mass.resize(cube.positions());
  std::vector<Sums> sums(lanes);
  for (Sums& s : sums)
    s = {std::vector<double>(pixels), std::vector<double>(pixels),
         std::vector<float>(pixels, -INFINITY), 0};
  std::vector<std::vector<float>> buffers(lanes);
  for (std::size_t group = 0; group < blocks; group += lanes) {
    parallel_for(long(std::min(lanes, blocks - group)), [&](long lane, int) {
      const std::size_t first = (group + std::size_t(lane)) * block;
      const std::size_t count = std::min(block, cube.positions() - first);
      std::vector<float>& patterns = buffers[std::size_t(lane)];
      patterns.resize(block * pixels);
      cube.read(first, count, patterns.data());
      std::vector<float> weighted(cube.q_columns());
      for (std::size_t k = 0; k < count; ++k) {
        const float* pattern = &patterns[k * pixels];
        for (std::size_t d = 0; d < runs.size(); ++d) {
          double sum = 0;
          for (const Runs::Run& run : runs[d].runs)
            sum += dot(pattern + run.first, &detectors[d].weights[run.first], run.count);
          result.images[d][first + k] = sum;
        }
        result.centre_of_mass[first + k] = centre(pattern, mask, index, cube.q_rows(), weighted);
      }
      add_patterns(patterns.data(), count, pixels, sums[std::size_t(lane)]);
    });
    if (progress) progress(std::min((group + lanes) * block, cube.positions()));
  }

  Sums all = std::move(sums[0]);
  for (std::size_t lane = 1; lane < lanes; ++lane) {
    all.count += sums[lane].count;
    for (std::size_t i = 0; i < pixels; ++i) {
      all.sum[i] += sums[lane].sum[i];
      all.squares[i] += sums[lane].squares[i];
      all.maximum[i] = std::max(all.maximum[i], sums[lane].maximum[i]);
    }
  }
  const double n = double(all.count);
  result.maximum.assign(all.maximum.begin(), all.maximum.end());
  for (std::size_t i = 0; i < pixels; ++i) {
    result.mean.push_back(all.sum[i] / n);
    result.variance.push_back(std::max(0.0, all.squares[i] / n - std::pow(all.sum[i] / n, 2)));
  }
  return result;
}

namespace {
constexpr std::size_t median_memory = std::size_t(1) << 27;  // numbers: half a GiB
}

std::vector<double> median_pattern(const DataCube& cube, std::size_t most) {
  const std::size_t pixels = cube.pixels();
  const std::size_t count = std::min({most, cube.positions(), median_memory / pixels + 1});
  std::vector<float> patterns;
  patterns.reserve(count * pixels);
  std::vector<float> pattern(pixels);
  for (std::size_t i = 0; i < count; ++i) {
    cube.read(i * cube.positions() / count, 1, pattern.data());
    if (std::isfinite(pattern[0])) patterns.insert(patterns.end(), pattern.begin(), pattern.end());
  }
  const std::size_t recorded = patterns.size() / pixels;
  std::vector<double> median(pixels, std::numeric_limits<double>::quiet_NaN());
  if (recorded == 0) return median;
  parallel_for(long(pixels), [&](long p, int) {
    std::vector<float> values(recorded);
    for (std::size_t i = 0; i < recorded; ++i) values[i] = patterns[i * pixels + std::size_t(p)];
    const auto middle = values.begin() + long(recorded / 2);
    std::nth_element(values.begin(), middle, values.end());
    double value = double(*middle);
    if (recorded % 2 == 0)
      value = 0.5 * (value + double(*std::max_element(values.begin(), middle)));
    median[std::size_t(p)] = value;
  });
  return median;
}

std::vector<double> integrated(const std::vector<double>& along_columns,
                               const std::vector<double>& along_rows, std::size_t rows,
                               std::size_t columns) {
  for (const auto* slopes : {&along_columns, &along_rows})
    for (const double value : *slopes)
      if (!std::isfinite(value))
        throw Error(ErrorKind::numerical,
                    "a map with positions without data cannot be integrated; crop it");
  // The normal equations are Poisson's with free edges: even when mirrored, a Fourier transform of
  // the mirrored map diagonalises them.
  const std::size_t R = 2 * rows, C = 2 * columns;
  FftArray f(R * C);
  const auto at = [&](std::size_t row, std::size_t column) -> complex& {
    return f[row * C + column];
  };
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column) {
      const std::size_t i = row * columns + column;
      // between two positions the slope is the mean of theirs
      double divergence = 0;
      if (column + 1 < columns) divergence += 0.5 * (along_columns[i] + along_columns[i + 1]);
      if (column > 0) divergence -= 0.5 * (along_columns[i] + along_columns[i - 1]);
      if (row + 1 < rows) divergence += 0.5 * (along_rows[i] + along_rows[i + columns]);
      if (row > 0) divergence -= 0.5 * (along_rows[i] + along_rows[i - columns]);
      for (const std::size_t r : {row, R - 1 - row})
        for (const std::size_t c : {column, C - 1 - column}) at(r, c) = divergence;
    }
  const Fft2 fft{int(R), int(C)};
  stop_if_interrupted();
  fft.forward(f.data());
  for (std::size_t row = 0; row < R; ++row) {
    stop_if_interrupted();
    for (std::size_t column = 0; column < C; ++column) {
      const double eigenvalue = 2 * std::cos(2 * electron::pi * double(row) / double(R)) +
                                2 * std::cos(2 * electron::pi * double(column) / double(C)) - 4;
      at(row, column) = row + column == 0 ? 0 : at(row, column) / (eigenvalue * double(R * C));
    }
  }
  fft.backward(f.data());
  std::vector<double> result;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column)
      result.push_back(at(row, column).real());
  return result;
}

}  // namespace pendel

#include "scan/virtual_image.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/fft.hpp"
#include "core/parallel.hpp"

namespace pendel {

namespace {

constexpr std::size_t lanes = 8;         // blocks at once; their sums are added in this order
constexpr double bytes_per_block = 8e6;  // of patterns

/// A detector as its pixels other than 0.
struct Sparse {
  std::vector<std::pair<std::size_t, float>> pixels;
};

struct Sums {
  std::vector<double> sum, squares;
  std::vector<float> maximum;
  std::size_t count = 0;
};

void add_pattern(const float* pattern, std::size_t pixels, Sums& sums) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const double value = pattern[i];
    sums.sum[i] += value;
    sums.squares[i] += value * value;
    sums.maximum[i] = std::max(sums.maximum[i], pattern[i]);
  }
  ++sums.count;
}

Vec2 centre(const float* pattern, const std::vector<float>& mask, std::size_t rows,
            std::size_t columns) {
  double sum = 0, x = 0, y = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    double line = 0;
    for (std::size_t column = 0; column < columns; ++column) {
      const std::size_t i = row * columns + column;
      const double value = mask.empty() ? pattern[i] : double(pattern[i]) * double(mask[i]);
      line += value;
      x += value * double(column);
    }
    sum += line;
    y += line * double(row);
  }
  return Vec2(x, y) / sum;  // NaN of an empty pattern
}

}  // namespace

std::vector<float> annulus_weights(const Annulus& annulus, std::size_t q_rows,
                                   std::size_t q_columns) {
  const double pi = std::acos(-1.0);
  const double width = annulus.to_deg - annulus.from_deg;
  std::vector<float> weights(q_rows * q_columns);
  for (std::size_t row = 0; row < q_rows; ++row)
    for (std::size_t column = 0; column < q_columns; ++column) {
      const Vec2 d = Vec2(double(column), double(row)) - annulus.centre;
      const double r = d.norm();
      double weight = std::clamp(annulus.outer - r + 0.5, 0.0, 1.0);
      if (annulus.inner > 0) weight *= std::clamp(r - annulus.inner + 0.5, 0.0, 1.0);
      if (width < 360) {
        double angle = std::atan2(d.y(), d.x()) * 180 / pi - annulus.from_deg;
        angle -= 360 * std::floor(angle / 360);
        // degrees from the nearer edge, positive inside
        const double inside =
            angle <= width ? std::min(angle, width - angle) : -std::min(angle - width, 360 - angle);
        const double distance = r * std::sin(std::clamp(inside, -90.0, 90.0) * pi / 180);
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
  std::vector<Sparse> sparse(detectors.size());
  for (std::size_t d = 0; d < detectors.size(); ++d) {
    if (detectors[d].weights.size() != pixels)
      throw Error(ErrorKind::study, "virtual detector " + detectors[d].name + " has " +
                                        std::to_string(detectors[d].weights.size()) +
                                        " pixels, a pattern " + std::to_string(pixels));
    for (std::size_t i = 0; i < pixels; ++i)
      if (detectors[d].weights[i] != 0) sparse[d].pixels.push_back({i, detectors[d].weights[i]});
  }
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
      for (std::size_t k = 0; k < count; ++k) {
        const float* pattern = &patterns[k * pixels];
        for (std::size_t d = 0; d < sparse.size(); ++d) {
          double sum = 0;
          for (const auto& [pixel, weight] : sparse[d].pixels)
            sum += double(pattern[pixel]) * double(weight);
          result.images[d][first + k] = sum;
        }
        result.centre_of_mass[first + k] = centre(pattern, mask, cube.q_rows(), cube.q_columns());
        if (!std::isnan(pattern[0])) add_pattern(pattern, pixels, sums[std::size_t(lane)]);
      }
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
  fft.forward(f.data());
  const double pi = std::acos(-1.0);
  for (std::size_t row = 0; row < R; ++row)
    for (std::size_t column = 0; column < C; ++column) {
      const double eigenvalue = 2 * std::cos(2 * pi * double(row) / double(R)) +
                                2 * std::cos(2 * pi * double(column) / double(C)) - 4;
      at(row, column) = row + column == 0 ? 0 : at(row, column) / (eigenvalue * double(R * C));
    }
  fft.backward(f.data());
  std::vector<double> result;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column)
      result.push_back(at(row, column).real());
  return result;
}

}  // namespace pendel

#include "scan/datacube.hpp"

#include <algorithm>
#include <set>

#include "core/error.hpp"
#include "core/interrupt.hpp"

namespace pendel {

namespace {

/// Good pixels in the smallest square around a bad one that has any.
std::vector<std::size_t> good_neighbours(std::size_t bad, const std::set<std::size_t>& all_bad,
                                         std::size_t rows, std::size_t columns) {
  const long row = long(bad / columns), column = long(bad % columns);
  for (long reach = 1; reach < long(std::max(rows, columns)); ++reach) {
    std::vector<std::size_t> found;
    for (long r = std::max(0L, row - reach); r <= std::min(long(rows) - 1, row + reach); ++r)
      for (long c = std::max(0L, column - reach); c <= std::min(long(columns) - 1, column + reach);
           ++c)
        if (const auto pixel = std::size_t(r) * columns + std::size_t(c); !all_bad.count(pixel))
          found.push_back(pixel);
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace

DataCube::DataCube(Recording recording, Preparation preparation)
    : recording_(std::move(recording)), preparation_(std::move(preparation)) {
  const Frames& frames = *recording_.frames;
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::input, recording_.path + ": " + what);
  };
  const auto cut = [&](Preparation::Range& range, std::size_t length, std::size_t bin,
                       const char* axis) {
    if (range.count == 0 && range.first < length) range.count = length - range.first;
    if (range.first >= length || range.count > length - range.first || bin == 0 ||
        range.count < bin)
      fail(std::string("axis ") + axis + " has " + std::to_string(length) + " elements; " +
           std::to_string(range.count) + " from " + std::to_string(range.first) + ", " +
           std::to_string(bin) + " binned, cannot be taken");
    return range.count / bin;
  };
  Preparation& p = preparation_;
  rows_ = cut(p.rows, recording_.rows, p.bin_scan, "row");
  columns_ = cut(p.columns, recording_.columns, p.bin_scan, "column");
  q_rows_ = cut(p.q_rows, frames.q_rows(), p.bin_q, "q_row");
  q_columns_ = cut(p.q_columns, frames.q_columns(), p.bin_q, "q_column");
  for (const auto* reference : {&p.dark, &p.gain})
    if (!reference->empty() && reference->size() != frames.pixels())
      fail("a dark or gain reference has " + std::to_string(reference->size()) +
           " pixels, a pattern " + std::to_string(frames.pixels()));
  const std::set<std::size_t> bad(p.bad_pixels.begin(), p.bad_pixels.end());
  p.bad_pixels.assign(bad.begin(), bad.end());
  if (!bad.empty() && *bad.rbegin() >= frames.pixels())
    fail("a bad pixel is outside the pattern of " + std::to_string(frames.pixels()) + " pixels");
  for (const std::size_t pixel : bad)
    neighbours_.push_back(good_neighbours(pixel, bad, frames.q_rows(), frames.q_columns()));
  if (!bad.empty() && neighbours_[0].empty()) fail("every pixel is said to be bad");
  plain_ = p.bin_scan == 1 && pixels() == frames.pixels() && p.dark.empty() && p.gain.empty() &&
           bad.empty();
}

RecordedScale DataCube::scale() const {
  RecordedScale scale = recording_.scale;
  for (double& pixel : scale.q_pixel) pixel *= double(preparation_.bin_q);
  for (double& step : scale.scan_step_A) step *= double(preparation_.bin_scan);
  return scale;
}

void DataCube::prepare(float* pattern) const {
  const Preparation& p = preparation_;
  const std::size_t size = recording_.frames->pixels();
  if (!p.dark.empty())
    for (std::size_t i = 0; i < size; ++i) pattern[i] -= p.dark[i];
  if (!p.gain.empty())
    for (std::size_t i = 0; i < size; ++i) pattern[i] *= p.gain[i];
  for (std::size_t b = 0; b < p.bad_pixels.size(); ++b) {
    float sum = 0;
    for (const std::size_t neighbour : neighbours_[b]) sum += pattern[neighbour];
    pattern[p.bad_pixels[b]] = sum / float(neighbours_[b].size());
  }
}

void DataCube::add(const float* pattern, float* to) const {
  const Preparation& p = preparation_;
  const std::size_t width = recording_.frames->q_columns();
  for (std::size_t row = 0; row < q_rows_ * p.bin_q; ++row) {
    const float* from = pattern + (p.q_rows.first + row) * width + p.q_columns.first;
    float* line = to + row / p.bin_q * q_columns_;
    if (p.bin_q == 1) {
      for (std::size_t column = 0; column < q_columns_; ++column) line[column] += from[column];
    } else {
      for (std::size_t column = 0; column < q_columns_; ++column, from += p.bin_q)
        for (std::size_t i = 0; i < p.bin_q; ++i) line[column] += from[i];
    }
  }
}

void DataCube::read(std::size_t first, std::size_t count, float* patterns) const {
  const Preparation& p = preparation_;
  const Frames& frames = *recording_.frames;
  const std::size_t size = frames.pixels();
  std::vector<float> buffer;
  while (count > 0) {  // a piece of one row at a time
    stop_if_interrupted();
    const std::size_t row = first / columns_, column = first % columns_;
    const std::size_t piece = std::min(count, columns_ - column);
    if (!plain_) std::fill(patterns, patterns + piece * pixels(), 0.0f);
    for (std::size_t i = 0; i < p.bin_scan; ++i) {
      const std::size_t from = (p.rows.first + row * p.bin_scan + i) * recording_.columns +
                               p.columns.first + column * p.bin_scan;
      const std::size_t wanted = piece * p.bin_scan;
      const std::size_t there =
          std::min(wanted, recording_.recorded() - std::min(recording_.recorded(), from));
      if (plain_) {
        if (there > 0) frames.read(from, there, patterns);
      } else {
        buffer.resize(wanted * size);
        if (there > 0) frames.read(from, there, buffer.data());
        for (std::size_t k = 0; k < there; ++k) {
          prepare(&buffer[k * size]);
          add(&buffer[k * size], patterns + k / p.bin_scan * pixels());
        }
      }
      for (std::size_t k = there / p.bin_scan; there < wanted && k < piece; ++k)
        std::fill_n(patterns + k * pixels(), pixels(), std::numeric_limits<float>::quiet_NaN());
    }
    patterns += piece * pixels();
    first += piece;
    count -= piece;
  }
}

}  // namespace pendel

// An n-dimensional array of numbers in row-major order (the last index runs fastest): what is read
// from files and written to them.
#pragma once
#include <cstddef>
#include <limits>
#include <vector>

namespace pendel {

struct Array {
  std::vector<std::size_t> shape;
  std::vector<double> values;

  Array() = default;
  explicit Array(std::vector<std::size_t> shape_, double fill = 0)
      : shape(std::move(shape_)), values(count(shape), fill) {}

  std::size_t rank() const { return shape.size(); }
  std::size_t size() const { return values.size(); }
  /// Rows of a two-dimensional view: all but the last index together.
  std::size_t rows() const {
    return shape.empty() || shape.back() == 0 ? 0 : size() / shape.back();
  }
  double& operator()(std::size_t row, std::size_t i) { return values[row * shape.back() + i]; }
  double operator()(std::size_t row, std::size_t i) const { return values[row * shape.back() + i]; }

  static std::size_t count(const std::vector<std::size_t>& shape) {
    std::size_t n = 1;
    for (const std::size_t length : shape) n *= length;
    return n;
  }
};

}  // namespace pendel

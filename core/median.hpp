// The middle one of some values.
#pragma once
#include <algorithm>
#include <limits>
#include <vector>

namespace pendel {

/// The upper one of two; NaN if there are none.
template <class T>
T median(std::vector<T> values) {
  if (values.empty()) return std::numeric_limits<T>::quiet_NaN();
  const auto middle = values.begin() + std::ptrdiff_t(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace pendel

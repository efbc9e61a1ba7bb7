// The sign convention of every wave in Pendel: a plane wave is exp(+2πi k·r).
#pragma once
#include <cmath>
#include <complex>

#include "core/electron.hpp"

namespace pendel {

using complex = std::complex<double>;

/// exp(2πi x).
inline complex phase(double x) { return std::polar(1.0, 2 * electron::pi * x); }

/// sin(πx)/(πx).
inline double sinc(double x) {
  const double y = electron::pi * x;
  return std::abs(y) < 1e-4 ? 1 - y * y / 6 : std::sin(y) / y;
}

}  // namespace pendel

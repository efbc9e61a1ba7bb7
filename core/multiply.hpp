// Products of complex arrays, element by element: the inner loop of every propagation.
#pragma once
#include <complex>

namespace pendel {

/// x <- f x.
void multiply(std::complex<float>* x, const std::complex<float>* f, int size);
void multiply(std::complex<double>* x, const std::complex<double>* f, int size);

}  // namespace pendel

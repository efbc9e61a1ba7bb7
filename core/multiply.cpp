#include "core/multiply.hpp"

#include "core/clones.hpp"

namespace pendel {

namespace {

// On interleaved real and imaginary parts.
template <class Real>
inline __attribute__((always_inline)) void multiply_body(Real* x, const Real* f, int size) {
  for (int i = 0; i < 2 * size; i += 2) {
    const Real re = x[i] * f[i] - x[i + 1] * f[i + 1];
    x[i + 1] = x[i] * f[i + 1] + x[i + 1] * f[i];
    x[i] = re;
  }
}
PENDEL_CLONES void multiply(float* x, const float* f, int size) { multiply_body(x, f, size); }
PENDEL_CLONES void multiply(double* x, const double* f, int size) { multiply_body(x, f, size); }

}  // namespace

void multiply(std::complex<float>* x, const std::complex<float>* f, int size) {
  multiply(reinterpret_cast<float*>(x), reinterpret_cast<const float*>(f), size);
}
void multiply(std::complex<double>* x, const std::complex<double>* f, int size) {
  multiply(reinterpret_cast<double*>(x), reinterpret_cast<const double*>(f), size);
}

}  // namespace pendel

// Two-dimensional complex FFTs (FFTW). Plans are deterministic (FFTW_ESTIMATE), so that a result
// never depends on timings; execution is thread-safe.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "core/phase.hpp"

namespace pendel {

/// Allocates on 64-byte boundaries, which the transforms require.
template <class T>
struct FftAllocator {
  using value_type = T;
  FftAllocator() = default;
  template <class U>
  FftAllocator(const FftAllocator<U>&) {}
  T* allocate(std::size_t n) {
    return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64)));
  }
  void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(64)); }
  friend bool operator==(const FftAllocator&, const FftAllocator&) { return true; }
  friend bool operator!=(const FftAllocator&, const FftAllocator&) { return false; }
};
using FftArray = std::vector<complex, FftAllocator<complex>>;

/// In-place transforms of row-major (n1, n2) arrays, unnormalised.
class Fft2 {
 public:
  Fft2(int n1, int n2);
  ~Fft2();
  Fft2(Fft2&&) noexcept;
  Fft2& operator=(Fft2&&) noexcept;

  /// X_k = Σ_j x_j exp(−2πi k j/n): real space to plane waves.
  void forward(complex* data) const;
  /// x_j = Σ_k X_k exp(+2πi k j/n): plane waves to real space.
  void backward(complex* data) const;

  /// The smallest size >= n that FFTW transforms fast.
  static int good_size(int n);

 private:
  struct Plans;
  std::unique_ptr<Plans> plans_;
};

}  // namespace pendel

// Complex FFTs (FFTW) in double and single precision. Plans are deterministic (FFTW_ESTIMATE), so
// that a result never depends on timings; execution is thread-safe.
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
template <class Real>
using FftVector = std::vector<std::complex<Real>, FftAllocator<std::complex<Real>>>;
using FftArray = FftVector<double>;

/// Transforms of n contiguous numbers from one array to another, unnormalised. Both arrays start at
/// 64-byte boundaries; the first is left as it is. Real: float or double.
template <class Real>
class Fft1 {
 public:
  using Number = std::complex<Real>;
  explicit Fft1(int n);
  ~Fft1();
  Fft1(Fft1&&) noexcept;
  Fft1& operator=(Fft1&&) noexcept;

  int size() const { return n_; }
  /// X_k = Σ_j x_j exp(−2πi k j/n): real space to plane waves.
  void forward(const Number* x, Number* X) const;
  /// x_j = Σ_k X_k exp(+2πi k j/n): plane waves to real space.
  void backward(const Number* X, Number* x) const;

  /// The smallest size >= n that no larger one beats: for the waves of multislice, whose transforms
  /// are of this kind.
  static int good_size(int n);

 private:
  struct Plans;
  int n_;
  std::unique_ptr<Plans> plans_;
};

/// In-place transforms of row-major (n1, n2) arrays at 64-byte boundaries, unnormalised; signs as
/// of Fft1.
template <class Real>
class BasicFft2 {
 public:
  using Number = std::complex<Real>;
  BasicFft2(int n1, int n2);
  ~BasicFft2();
  BasicFft2(BasicFft2&&) noexcept;
  BasicFft2& operator=(BasicFft2&&) noexcept;

  void forward(Number* data) const;
  void backward(Number* data) const;

  /// The smallest size >= n that FFTW transforms fast.
  static int good_size(int n);

 private:
  struct Plans;
  std::unique_ptr<Plans> plans_;
};
using Fft2 = BasicFft2<double>;

/// Real fields and half their plane waves.
template <class Real>
class BasicRealFft2 {
 public:
  using Number = std::complex<Real>;
  /// For real (n1, n2) arrays of whose (n1, n2/2 + 1) coefficients of columns k2 >= 0 only the
  /// first `columns` matter; backward, the others are taken as 0 and must be.
  BasicRealFft2(int n1, int n2, int columns);
  ~BasicRealFft2();
  BasicRealFft2(BasicRealFft2&&) noexcept;
  BasicRealFft2& operator=(BasicRealFft2&&) noexcept;

  /// X_k = Σ_j x_j exp(−2πi k j/n), of which those beyond `columns` are no result. x, which is left
  /// as it is, may lie where malloc puts it.
  void forward(const Real* x, Number* coefficients) const;
  /// x_j = Σ_k X_k exp(+2πi k j/n), X_-k = conj X_k; the coefficients are overwritten. x may lie
  /// where malloc puts it.
  void backward(Number* coefficients, Real* x) const;

 private:
  struct Plans;
  std::unique_ptr<Plans> plans_;
};
using RealFft2 = BasicRealFft2<double>;

}  // namespace pendel

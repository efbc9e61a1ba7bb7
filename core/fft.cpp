#include "core/fft.hpp"

#include <fftw3.h>

#include <mutex>
#include <new>

namespace pendel {

namespace {

std::mutex planner;  // FFTW's planner is not thread-safe

/// FFTW of one precision.
template <class Real>
struct Fftw;
template <>
struct Fftw<double> {
  using Plan = fftw_plan;
  using Number = fftw_complex;
  static constexpr auto plan_1d = fftw_plan_dft_1d;
  static constexpr auto plan_2d = fftw_plan_dft_2d;
  static constexpr auto plan_columns = fftw_plan_many_dft;
  static constexpr auto plan_from_real = fftw_plan_many_dft_r2c;
  static constexpr auto plan_to_real = fftw_plan_many_dft_c2r;
  static constexpr auto execute = fftw_execute_dft;
  static constexpr auto execute_from_real = fftw_execute_dft_r2c;
  static constexpr auto execute_to_real = fftw_execute_dft_c2r;
  static constexpr auto destroy = fftw_destroy_plan;
};
template <>
struct Fftw<float> {
  using Plan = fftwf_plan;
  using Number = fftwf_complex;
  static constexpr auto plan_1d = fftwf_plan_dft_1d;
  static constexpr auto plan_2d = fftwf_plan_dft_2d;
  static constexpr auto plan_columns = fftwf_plan_many_dft;
  static constexpr auto plan_from_real = fftwf_plan_many_dft_r2c;
  static constexpr auto plan_to_real = fftwf_plan_many_dft_c2r;
  static constexpr auto execute = fftwf_execute_dft;
  static constexpr auto execute_from_real = fftwf_execute_dft_r2c;
  static constexpr auto execute_to_real = fftwf_execute_dft_c2r;
  static constexpr auto destroy = fftwf_destroy_plan;
};

template <class Real>
auto raw(std::complex<Real>* data) {
  return reinterpret_cast<typename Fftw<Real>::Number*>(data);
}
// Complex transforms from one array to another do not touch the first.
template <class Real>
auto raw(const std::complex<Real>* data) {
  return raw(const_cast<std::complex<Real>*>(data));
}

template <class Real>
struct Pair {
  typename Fftw<Real>::Plan forward = nullptr, backward = nullptr;
  ~Pair() {
    std::lock_guard<std::mutex> lock(planner);
    Fftw<Real>::destroy(forward);
    Fftw<Real>::destroy(backward);
  }
};

}  // namespace

template <class Real>
struct Fft1<Real>::Plans : Pair<Real> {};

template <class Real>
Fft1<Real>::Fft1(int n) : n_(n), plans_(new Plans) {
  FftVector<Real> x(n), X(n);
  std::lock_guard<std::mutex> lock(planner);
  plans_->forward =
      Fftw<Real>::plan_1d(n, raw(x.data()), raw(X.data()), FFTW_FORWARD, FFTW_ESTIMATE);
  plans_->backward =
      Fftw<Real>::plan_1d(n, raw(x.data()), raw(X.data()), FFTW_BACKWARD, FFTW_ESTIMATE);
}

template <class Real>
Fft1<Real>::~Fft1() = default;
template <class Real>
Fft1<Real>::Fft1(Fft1&&) noexcept = default;
template <class Real>
Fft1<Real>& Fft1<Real>::operator=(Fft1&&) noexcept = default;

template <class Real>
void Fft1<Real>::forward(const Number* x, Number* X) const {
  Fftw<Real>::execute(plans_->forward, raw(x), raw(X));
}
template <class Real>
void Fft1<Real>::backward(const Number* X, Number* x) const {
  Fftw<Real>::execute(plans_->backward, raw(X), raw(x));
}

template <class Real>
int Fft1<Real>::good_size(int n) {
  // Measured with FFTW 3.3.10 in single precision: multiples of 16 of these are twice as fast as
  // sizes between them, which then take longer than the next one here.
  for (int good : {4, 8, 16, 32, 64, 80, 96, 128, 144, 160, 192, 240, 256, 320, 384, 400, 512})
    if (good >= n) return good;
  for (n = (n + 127) / 128 * 128;; n += 128) {
    int rest = n;
    for (const int p : {2, 3, 5})
      while (rest % p == 0) rest /= p;
    if (rest == 1) return n;
  }
}

template <class Real>
struct BasicFft2<Real>::Plans : Pair<Real> {};

template <class Real>
BasicFft2<Real>::BasicFft2(int n1, int n2) : plans_(new Plans) {
  FftVector<Real> work(std::size_t(n1) * n2);
  std::lock_guard<std::mutex> lock(planner);
  const auto data = raw(work.data());
  plans_->forward = Fftw<Real>::plan_2d(n1, n2, data, data, FFTW_FORWARD, FFTW_ESTIMATE);
  plans_->backward = Fftw<Real>::plan_2d(n1, n2, data, data, FFTW_BACKWARD, FFTW_ESTIMATE);
}

template <class Real>
BasicFft2<Real>::~BasicFft2() = default;
template <class Real>
BasicFft2<Real>::BasicFft2(BasicFft2&&) noexcept = default;
template <class Real>
BasicFft2<Real>& BasicFft2<Real>::operator=(BasicFft2&&) noexcept = default;

template <class Real>
void BasicFft2<Real>::forward(Number* data) const {
  Fftw<Real>::execute(plans_->forward, raw(data), raw(data));
}
template <class Real>
void BasicFft2<Real>::backward(Number* data) const {
  Fftw<Real>::execute(plans_->backward, raw(data), raw(data));
}

template <class Real>
int BasicFft2<Real>::good_size(int n) {
  // Sizes whose transform costs no more than that of a larger one in the list, measured with
  // FFTW 3.3.10 (2-D, double): powers of two are fastest by far.
  for (int good :
       {4, 8, 16, 20, 25, 32, 40, 64, 80, 100, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024})
    if (good >= n) return good;
  return n;
}

template class Fft1<float>;
template class Fft1<double>;
template class BasicFft2<float>;
template class BasicFft2<double>;

template <class Real>
struct BasicRealFft2<Real>::Plans {
  Pair<Real> columns, rows;
};

template <class Real>
BasicRealFft2<Real>::BasicRealFft2(int n1, int n2, int columns) : plans_(new Plans) {
  const int half = n2 / 2 + 1;
  FftVector<Real> work(std::size_t(n1) * half);
  std::vector<Real, FftAllocator<Real>> real(std::size_t(n1) * n2);
  std::lock_guard<std::mutex> lock(planner);
  const auto data = raw(work.data());
  for (const bool forward : {true, false})
    (forward ? plans_->columns.forward : plans_->columns.backward) =
        Fftw<Real>::plan_columns(1, &n1, columns, data, nullptr, half, 1, data, nullptr, half, 1,
                                 forward ? FFTW_FORWARD : FFTW_BACKWARD, FFTW_ESTIMATE);
  plans_->rows.forward = Fftw<Real>::plan_from_real(1, &n2, n1, real.data(), nullptr, 1, n2, data,
                                                    nullptr, 1, half, FFTW_ESTIMATE);
  plans_->rows.backward = Fftw<Real>::plan_to_real(1, &n2, n1, data, nullptr, 1, half, real.data(),
                                                   nullptr, 1, n2, FFTW_ESTIMATE);
}

template <class Real>
BasicRealFft2<Real>::~BasicRealFft2() = default;
template <class Real>
BasicRealFft2<Real>::BasicRealFft2(BasicRealFft2&&) noexcept = default;
template <class Real>
BasicRealFft2<Real>& BasicRealFft2<Real>::operator=(BasicRealFft2&&) noexcept = default;

template <class Real>
void BasicRealFft2<Real>::forward(const Real* x, Number* coefficients) const {
  // transforms of rows, one to one dimension, leave their input as it is
  Fftw<Real>::execute_from_real(plans_->rows.forward, const_cast<Real*>(x), raw(coefficients));
  Fftw<Real>::execute(plans_->columns.forward, raw(coefficients), raw(coefficients));
}
template <class Real>
void BasicRealFft2<Real>::backward(Number* coefficients, Real* x) const {
  Fftw<Real>::execute(plans_->columns.backward, raw(coefficients), raw(coefficients));
  Fftw<Real>::execute_to_real(plans_->rows.backward, raw(coefficients), x);
}

template class BasicRealFft2<float>;
template class BasicRealFft2<double>;

}  // namespace pendel

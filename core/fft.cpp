#include "core/fft.hpp"

#include <fftw3.h>

#include <mutex>
#include <new>

namespace pendel {

namespace {
std::mutex planner;  // FFTW's planner is not thread-safe
fftw_complex* raw(complex* data) { return reinterpret_cast<fftw_complex*>(data); }
}  // namespace

struct Fft2::Plans {
  fftw_plan forward = nullptr, backward = nullptr;
  ~Plans() {
    std::lock_guard<std::mutex> lock(planner);
    fftw_destroy_plan(forward);
    fftw_destroy_plan(backward);
  }
};

Fft2::Fft2(int n1, int n2) : plans_(new Plans) {
  FftArray work(std::size_t(n1) * n2);
  std::lock_guard<std::mutex> lock(planner);
  plans_->forward =
      fftw_plan_dft_2d(n1, n2, raw(work.data()), raw(work.data()), FFTW_FORWARD, FFTW_ESTIMATE);
  plans_->backward =
      fftw_plan_dft_2d(n1, n2, raw(work.data()), raw(work.data()), FFTW_BACKWARD, FFTW_ESTIMATE);
}

Fft2::~Fft2() = default;
Fft2::Fft2(Fft2&&) noexcept = default;
Fft2& Fft2::operator=(Fft2&&) noexcept = default;

void Fft2::forward(complex* data) const { fftw_execute_dft(plans_->forward, raw(data), raw(data)); }
void Fft2::backward(complex* data) const {
  fftw_execute_dft(plans_->backward, raw(data), raw(data));
}

int Fft2::good_size(int n) {
  // Sizes whose transform costs no more than that of a larger one in the list, measured with
  // FFTW 3.3.10 (2-D, double): powers of two are fastest by far.
  for (int good :
       {4, 8, 16, 20, 25, 32, 40, 64, 80, 100, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024})
    if (good >= n) return good;
  return n;
}

}  // namespace pendel

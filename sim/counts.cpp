#include "sim/counts.hpp"

#include <cmath>

namespace pendel {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c,
                                    std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t(0xD2511F53u) * c[0];
    const std::uint64_t b = std::uint64_t(0xCD9E8D57u) * c[2];
    c = {std::uint32_t(b >> 32) ^ c[1] ^ key[0], std::uint32_t(b),
         std::uint32_t(a >> 32) ^ c[3] ^ key[1], std::uint32_t(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return c;
}

PixelStream::PixelStream(std::uint64_t seed, std::uint64_t pattern, std::uint32_t pixel)
    : key_{std::uint32_t(seed), std::uint32_t(seed >> 32)},
      counter_{0, pixel, std::uint32_t(pattern), std::uint32_t(pattern >> 32)} {}

double PixelStream::next() {
  if (left_ == 0) {
    bits_ = philox(counter_, key_);
    ++counter_[0];
    left_ = 2;
  }
  --left_;
  const std::uint64_t bits = std::uint64_t(bits_[2 * left_]) << 32 | bits_[2 * left_ + 1];
  return (double(bits >> 12) + 0.5) * 0x1p-52;
}

namespace {

// ln k!: summed below 16, there Stirling's series, whose next term is below 1e-13
double log_factorial(double k) {
  if (k < 16) {
    double product = 1;
    for (int i = 2; i <= int(k); ++i) product *= i;
    return std::log(product);
  }
  const double half_log_2pi = 0.91893853320467274178, r = 1 / (k * k);
  return (k + 0.5) * std::log(k) - k + half_log_2pi +
         (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r * (1.0 / 1680 - r / 1188)))) / k;
}

}  // namespace

double poisson(double mean, PixelStream& random) {
  if (!(mean > 0)) return 0;
  if (mean < 10) {
    double u = random.next(), p = std::exp(-mean);
    int k = 0;
    // 100 is never exceeded by a true number: the probability is below 1e-60
    while (u > p && k < 100) {
      u -= p;
      p *= mean / ++k;
    }
    return k;
  }
  const double b = 0.931 + 2.53 * std::sqrt(mean), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = random.next() - 0.5, v = random.next(), us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <=
        k * std::log(mean) - mean - log_factorial(k))
      return k;
  }
}

void count_electrons(double* image, std::size_t pixels, double dose, std::uint64_t seed,
                     std::uint64_t pattern) {
  for (std::size_t i = 0; i < pixels; ++i) {
    PixelStream random(seed, pattern, std::uint32_t(i));
    image[i] = poisson(dose * image[i], random);
  }
}

}  // namespace pendel

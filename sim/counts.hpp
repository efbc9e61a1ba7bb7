// Counting noise: Poisson numbers that depend on seed, pattern and pixel alone, whatever the order
// of work, and are the same on every machine that rounds exp and log alike.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace pendel {

/// Philox-4x32 with 10 rounds: 128 random bits for each value of the counter. [Salmon2011]
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key);

/// Uniform numbers in (0, 1): a stream for each seed, pattern and pixel.
class PixelStream {
 public:
  PixelStream(std::uint64_t seed, std::uint64_t pattern, std::uint32_t pixel);
  double next();

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_, bits_{};
  int left_ = 0;  // of bits_, in pairs
};

/// A Poisson number of this mean: by inversion below 10, else by transformed rejection (algorithm
/// PTRS). [Hormann1993]
double poisson(double mean, PixelStream& random);

/// image [fractions of the incident beam] becomes counts for `dose` electrons per pattern; values
/// below 0 count as 0.
void count_electrons(double* image, std::size_t pixels, double dose, std::uint64_t seed,
                     std::uint64_t pattern);

}  // namespace pendel

#include "sim/prism.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/clones.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"

namespace pendel {

namespace {

// Positions that a thread works on together: they share the matrix while it is in the cache.
constexpr int positions_together = 16;
// Beams that are added in one pass over a row.
constexpr int beams_together = 8;

/// The smallest even size >= n without prime factors above 7, which FFTW transforms fast.
int smooth_size(int n) {
  for (n += n % 2;; n += 2) {
    int rest = n;
    for (const int p : {2, 3, 5, 7})
      while (rest % p == 0) rest /= p;
    if (rest == 1) return n;
  }
}

/// re += Re(a_b) s_b, im += Im(a_b) s_b over some beams, for rows of `size` real numbers: with s_b
/// complex, a_b s_b needs no exchange of real and imaginary parts until all beams are added.
template <class Real>
inline __attribute__((always_inline)) void add_beams_body(const Real* a, const Real* s,
                                                          std::size_t pitch, int beams, int size,
                                                          Real* __restrict re,
                                                          Real* __restrict im) {
  if (beams == beams_together) {
    for (int i = 0; i < size; ++i) {
      Real u = re[i], v = im[i];
      for (int b = 0; b < beams_together; ++b) {
        u += a[2 * b] * s[b * pitch + i];
        v += a[2 * b + 1] * s[b * pitch + i];
      }
      re[i] = u;
      im[i] = v;
    }
    return;
  }
  for (int b = 0; b < beams; ++b)
    for (int i = 0; i < size; ++i) {
      re[i] += a[2 * b] * s[b * pitch + i];
      im[i] += a[2 * b + 1] * s[b * pitch + i];
    }
}
PENDEL_CLONES void add_beams(const float* a, const float* s, std::size_t pitch, int beams, int size,
                             float* re, float* im) {
  add_beams_body(a, s, pitch, beams, size, re, im);
}
PENDEL_CLONES void add_beams(const double* a, const double* s, std::size_t pitch, int beams,
                             int size, double* re, double* im) {
  add_beams_body(a, s, pitch, beams, size, re, im);
}

/// First pixel of a window of `count` pixels centred on x, of `all`, which repeat.
int window_start(double x, double pixel, int count, int all) {
  if (count == all) return 0;
  const long start = std::lround(x / pixel - 0.5 * count);
  return int(((start % all) + all) % all);
}

}  // namespace

template <class Real>
ScatteringMatrix<Real>::ScatteringMatrix(const Multislice<Real>& multislice,
                                         const PrismOptions& options)
    : grid_(multislice.grid()),
      energy_keV_(multislice.potential().energy_keV()),
      semiangle_(options.semiangle),
      fx_(options.fx),
      fy_(options.fy),
      thicknesses_(multislice.thicknesses()) {
  if (fx_ < 1 || fy_ < 1 || grid_.nx % fx_ != 0 || grid_.ny % fy_ != 0)
    throw Error(ErrorKind::study, "PRISM interpolation " + std::to_string(fx_) + " x " +
                                      std::to_string(fy_) + " does not divide the grid of " +
                                      std::to_string(grid_.nx) + " x " + std::to_string(grid_.ny) +
                                      " pixels");
  const double radius = options.semiangle / electron::wavelength(energy_keV_),
               k_max = options.k_max > 0 ? std::min(options.k_max, grid_.band_limit())
                                         : grid_.band_limit();
  if (radius > k_max)
    throw Error(ErrorKind::study, "the aperture reaches to " + std::to_string(radius) +
                                      " 1/A, beyond the " + std::to_string(k_max) +
                                      " 1/A that PRISM keeps");

  // Plane waves within k_max, on a grid whose windows have whole pixels.
  const auto pixels = [&](double length, int f, int n) {
    const int needed = 2 * int(k_max * length) + 1;
    return std::min(n, f * smooth_size((needed + f - 1) / f));
  };
  compact_ = {pixels(grid_.lx, fx_, grid_.nx), pixels(grid_.ly, fy_, grid_.ny), grid_.lx, grid_.ly};
  window_ = {compact_.nx / fx_, compact_.ny / fy_, grid_.lx / fx_, grid_.ly / fy_};

  const int i_max = int(radius * window_.lx + 1e-6), j_max = int(radius * window_.ly + 1e-6);
  std::vector<std::size_t> pixel;  // of each beam, in grid_
  for (int j = -j_max; j <= j_max; ++j)
    for (int i = -i_max; i <= i_max; ++i) {
      const Vec2 k(i / window_.lx, j / window_.ly);
      if (k.norm() > radius * (1 + 1e-9)) continue;
      k_.push_back(k);
      pixel.push_back(std::size_t((j * fy_ + grid_.ny) % grid_.ny) * grid_.nx +
                      (i * fx_ + grid_.nx) % grid_.nx);
    }

  const double wave_GB = 1e-9 * sizeof(Wave) * double(grid_.size());
  const double rest = options.memory_GB - gigabytes();
  if (rest < wave_GB)
    throw Error(ErrorKind::study, "the PRISM matrix of " + std::to_string(k_.size()) +
                                      " plane waves at " + std::to_string(thicknesses_.size()) +
                                      " thicknesses takes " +
                                      std::to_string(gigabytes() + wave_GB) +
                                      " GB, more than the " + std::to_string(options.memory_GB) +
                                      " GB that it may have; fewer thicknesses, a larger "
                                      "interpolation or multislice take less");
  for (std::size_t t = 0; t < thicknesses_.size(); ++t)
    S_.emplace_back(k_.size() * compact_.size());

  // Enough waves at a time that threads are busy, within memory.
  const int batch = std::clamp(int(rest / wave_GB), 1, 8 * threads());
  FftVector<Real> waves;
  for (int first = 0; first < int(k_.size()); first += batch) {
    const int count = std::min(batch, int(k_.size()) - first);
    waves.assign(grid_.size() * count, Wave(0));
    for (int i = 0; i < count; ++i) waves[i * grid_.size() + pixel[first + i]] = 1;
    multislice.propagate(waves.data(), count, [&](int t) { keep(waves.data(), first, count, t); });
  }
}

template <class Real>
double ScatteringMatrix<Real>::gigabytes() const {
  return 1e-9 * sizeof(Wave) * double(k_.size() * compact_.size() * thicknesses_.size());
}

// Plane waves of the compact grid, in real space.
template <class Real>
void ScatteringMatrix<Real>::keep(const Wave* waves, int first, int count, int thickness) {
  const BasicFft2<Real> fft(compact_.ny, compact_.nx);
  const auto index = [](int i, int compact, int full) {
    const int frequency = WaveGrid::frequency(i, compact);
    return frequency < 0 ? frequency + full : frequency;
  };
  parallel_for(count, [&](long i, int) {
    const Wave* wave = waves + std::size_t(i) * grid_.size();
    FftVector<Real> kept(compact_.size());
    for (int y = 0; y < compact_.ny; ++y)
      for (int x = 0; x < compact_.nx; ++x)
        kept[std::size_t(y) * compact_.nx + x] =
            wave[std::size_t(index(y, compact_.ny, grid_.ny)) * grid_.nx +
                 index(x, compact_.nx, grid_.nx)];
    fft.backward(kept.data());
    for (int y = 0; y < compact_.ny; ++y)
      std::copy_n(&kept[std::size_t(y) * compact_.nx], compact_.nx,
                  &S_[thickness][(y * k_.size() + first + i) * compact_.nx]);
  });
}

template <class Real>
void ScatteringMatrix<Real>::patterns(const Probe& probe, const std::vector<Vec2>& positions,
                                      int thickness, Real* intensity) const {
  const int beams = int(k_.size()), nx = window_.nx, ny = window_.ny;
  if (std::abs(probe.energy_keV - energy_keV_) > 1e-9 * energy_keV_)
    throw Error(ErrorKind::study, "a probe of " + std::to_string(probe.energy_keV) +
                                      " keV in a scattering matrix of " +
                                      std::to_string(energy_keV_) + " keV");
  const double outer = outer_semiangle(probe);
  if (outer > semiangle_ * (1 + 1e-9))
    throw Error(ErrorKind::study, "a probe of " + std::to_string(outer * 1e3) +
                                      " mrad, soft edge included, in a scattering matrix of " +
                                      std::to_string(semiangle_ * 1e3) + " mrad");
  // A(k) exp(-i chi(k)) / norm, the transform's scale included.
  std::vector<complex> aperture(beams);
  double norm2 = 0;
  for (int b = 0; b < beams; ++b) {
    const double A = aperture_amplitude(probe, k_[b]);
    aperture[b] = std::polar(A, -aberration_phase(probe, k_[b]));
    norm2 += A * A;
  }
  const double scale = 1 / (std::sqrt(norm2) * double(window_.size()));
  for (complex& a : aperture) a *= scale;

  const BasicFft2<Real> fft(ny, nx);
  const std::vector<Wave>& S = S_[thickness];
  const long count = long(positions.size());
  parallel_for((count + positions_together - 1) / positions_together, [&](long chunk, int) {
    const int first = int(chunk) * positions_together,
              group = int(std::min<long>(positions_together, count - first));
    std::vector<int> x0(group), y0(group);
    std::vector<Wave> a(std::size_t(group) * beams);
    std::vector<FftVector<Real>> psi(group, FftVector<Real>(window_.size()));
    for (int p = 0; p < group; ++p) {
      const Vec2& r0 = positions[first + p];
      x0[p] = window_start(r0.x(), compact_.dx(), nx, compact_.nx);
      y0[p] = window_start(r0.y(), compact_.dy(), ny, compact_.ny);
      for (int b = 0; b < beams; ++b) a[p * beams + b] = Wave(aperture[b] * phase(-k_[b].dot(r0)));
    }
    std::vector<Real> re(2 * nx), im(2 * nx);
    for (int y = 0; y < compact_.ny; ++y)
      for (int p = 0; p < group; ++p) {
        const int row = (y - y0[p] + compact_.ny) % compact_.ny;
        if (row >= ny) continue;
        // The window, which may wrap around.
        const int before = std::min(nx, compact_.nx - x0[p]);
        std::fill(re.begin(), re.end(), Real(0));
        std::fill(im.begin(), im.end(), Real(0));
        for (int b = 0; b < beams; b += beams_together) {
          const auto raw = [](const Wave* x) { return reinterpret_cast<const Real*>(x); };
          const Real* factors = raw(&a[p * beams + b]);
          const Wave* s = &S[(std::size_t(y) * beams + b) * compact_.nx];
          const int some = std::min(beams_together, beams - b);
          add_beams(factors, raw(s + x0[p]), 2 * compact_.nx, some, 2 * before, re.data(),
                    im.data());
          add_beams(factors, raw(s), 2 * compact_.nx, some, 2 * (nx - before),
                    re.data() + 2 * before, im.data() + 2 * before);
        }
        for (int x = 0; x < nx; ++x)
          psi[p][row * nx + x] = {re[2 * x] - im[2 * x + 1], re[2 * x + 1] + im[2 * x]};
      }
    for (int p = 0; p < group; ++p) {
      fft.forward(psi[p].data());
      Real* pattern = intensity + (first + p) * window_.size();
      for (std::size_t i = 0; i < window_.size(); ++i) pattern[i] = std::norm(psi[p][i]);
    }
  });
}

template class ScatteringMatrix<float>;
template class ScatteringMatrix<double>;

}  // namespace pendel

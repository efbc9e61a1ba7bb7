#include "sim/prism.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/clones.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"

namespace pendel {

namespace {

// Positions that a thread works on together: they share the matrix while it is in the cache.
constexpr int positions_together = 16;
// Beams that are added in one pass over a row.
constexpr int beams_together = 8;

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

/// sum += a b, number by number.
template <class Real>
inline __attribute__((always_inline)) void add_products_body(const Real* a, const Real* b,
                                                             int count, Real* __restrict sum) {
  for (int i = 0; i < count; ++i) {
    const Real re = a[2 * i] * b[2 * i] - a[2 * i + 1] * b[2 * i + 1],
               im = a[2 * i] * b[2 * i + 1] + a[2 * i + 1] * b[2 * i];
    sum[2 * i] += re;
    sum[2 * i + 1] += im;
  }
}
PENDEL_CLONES void add_products(const float* a, const float* b, int count, float* sum) {
  add_products_body(a, b, count, sum);
}
PENDEL_CLONES void add_products(const double* a, const double* b, int count, double* sum) {
  add_products_body(a, b, count, sum);
}
template <class Real>
void add_products(const std::complex<Real>* a, const std::complex<Real>* b, int count,
                  std::complex<Real>* sum) {
  add_products(reinterpret_cast<const Real*>(a), reinterpret_cast<const Real*>(b), count,
               reinterpret_cast<Real*>(sum));
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
    : ScatteringMatrix(multislice,
                       PrismLayout(multislice.grid(), multislice.potential().energy_keV(),
                                   multislice.options(), options, sizeof(Wave))) {}

template <class Real>
ScatteringMatrix<Real>::ScatteringMatrix(const Multislice<Real>& multislice,
                                         const PrismLayout& layout)
    : layout_(layout), S_(layout.thicknesses.size(), std::vector<Wave>(layout.size())) {
  const WaveGrid& grid = layout_.grid;
  const int parents = int(layout_.parents.size());
  std::vector<std::size_t> pixel;  // of each parent, in grid
  for (const int parent : layout_.parents) {
    const Vec2& k = layout_.beams[std::size_t(parent)];
    const int i = int(std::lround(k.x() * grid.lx)), j = int(std::lround(k.y() * grid.ly));
    pixel.push_back(std::size_t((j + grid.ny) % grid.ny) * std::size_t(grid.nx) +
                    std::size_t((i + grid.nx) % grid.nx));
  }
  // Enough waves at a time that threads are busy, within memory.
  const double rest = layout_.options.memory_GB - layout_.gigabytes();
  const int batch = std::clamp(int(rest / layout_.wave_gigabytes()), 1, 8 * threads());
  FftVector<Real> waves;
  for (int first = 0; first < parents; first += batch) {
    const int count = std::min(batch, parents - first);
    waves.assign(grid.size() * count, Wave(0));
    for (int i = 0; i < count; ++i) waves[i * grid.size() + pixel[first + i]] = 1;
    multislice.propagate(waves.data(), count, [&](int t) { keep(waves.data(), first, count, t); });
  }
}

template <class Real>
ScatteringMatrix<Real>::ScatteringMatrix(const PrismLayout& layout,
                                         const std::function<void(int, Wave*)>& fill)
    : layout_(layout), S_(layout.thicknesses.size(), std::vector<Wave>(layout.size())) {
  for (std::size_t t = 0; t < S_.size(); ++t) fill(int(t), S_[t].data());
}

// Plane waves of the compact grid, in real space.
template <class Real>
void ScatteringMatrix<Real>::keep(const Wave* waves, int first, int count, int thickness) {
  const WaveGrid &grid = layout_.grid, &compact = layout_.compact;
  const bool partitioned = layout_.partitioned();
  const std::size_t parents = layout_.parents.size();
  const BasicFft2<Real> fft(compact.ny, compact.nx);
  const auto index = [](int i, int compact, int full) {
    const int frequency = WaveGrid::frequency(i, compact);
    return frequency < 0 ? frequency + full : frequency;
  };
  parallel_for(count, [&](long i, int) {
    const Wave* wave = waves + std::size_t(i) * grid.size();
    FftVector<Real> kept(compact.size());
    for (int y = 0; y < compact.ny; ++y)
      for (int x = 0; x < compact.nx; ++x) {
        Wave& value = kept[std::size_t(y) * compact.nx + x];
        value = wave[std::size_t(index(y, compact.ny, grid.ny)) * grid.nx +
                     index(x, compact.nx, grid.nx)];
        if (partitioned) value *= Wave(std::conj(layout_.halfway(compact.k(x, y), thickness)));
      }
    fft.backward(kept.data());
    if (partitioned) {
      const Vec2& k = layout_.beams[std::size_t(layout_.parents[std::size_t(first + i)])];
      const complex in_vacuum = std::conj(layout_.halfway(k, thickness));
      for (int y = 0; y < compact.ny; ++y)
        for (int x = 0; x < compact.nx; ++x)
          kept[std::size_t(y) * compact.nx + x] *=
              Wave(in_vacuum * phase(-k.dot(Vec2(x * compact.dx(), y * compact.dy()))));
    }
    for (int y = 0; y < compact.ny; ++y)
      std::copy_n(&kept[std::size_t(y) * compact.nx], compact.nx,
                  &S_[thickness][(y * parents + first + i) * compact.nx]);
  });
}

template <class Real>
void ScatteringMatrix<Real>::patterns(const Probe& probe, const std::vector<Vec2>& positions,
                                      int thickness, Real* intensity) const {
  const std::vector<Vec2>& k = layout_.beams;
  const WaveGrid& window = layout_.window;
  if (std::abs(probe.energy_keV - layout_.energy_keV) > 1e-9 * layout_.energy_keV)
    throw Error(ErrorKind::study, "a probe of " + std::to_string(probe.energy_keV) +
                                      " keV in a scattering matrix of " +
                                      std::to_string(layout_.energy_keV) + " keV");
  const double outer = outer_semiangle(probe), semiangle = layout_.options.semiangle;
  if (outer > semiangle * (1 + 1e-9))
    throw Error(ErrorKind::study, "a probe of " + std::to_string(outer * 1e3) +
                                      " mrad, soft edge included, in a scattering matrix of " +
                                      std::to_string(semiangle * 1e3) + " mrad");
  // A(k) exp(-i chi(k)) / norm, the transform's scale included.
  std::vector<complex> aperture(k.size());
  double norm2 = 0;
  for (std::size_t b = 0; b < k.size(); ++b) {
    const double A = aperture_amplitude(probe, k[b]);
    aperture[b] = std::polar(A, -aberration_phase(probe, k[b]));
    norm2 += A * A;
  }
  const double scale = 1 / (std::sqrt(norm2) * double(window.size()));
  for (complex& a : aperture) a *= scale;
  if (layout_.partitioned())
    for (std::size_t b = 0; b < k.size(); ++b) aperture[b] *= layout_.halfway(k[b], thickness);

  const BasicFft2<Real> fft(window.ny, window.nx);
  const long count = long(positions.size());
  parallel_for((count + positions_together - 1) / positions_together, [&](long chunk, int) {
    const int first = int(chunk) * positions_together,
              group = int(std::min<long>(positions_together, count - first));
    Group psi(group, FftVector<Real>(window.size()));
    if (layout_.partitioned())
      add_parents_to(psi, aperture, &positions[std::size_t(first)], thickness);
    else
      add_beams_to(psi, aperture, &positions[std::size_t(first)], thickness);
    for (int p = 0; p < group; ++p) {
      fft.forward(psi[p].data());
      Real* pattern = intensity + (first + p) * window.size();
      for (std::size_t i = 0; i < window.size(); ++i) pattern[i] = std::norm(psi[p][i]);
    }
  });
}

template <class Real>
void ScatteringMatrix<Real>::add_beams_to(Group& psi, const std::vector<complex>& aperture,
                                          const Vec2* positions, int thickness) const {
  const WaveGrid& compact = layout_.compact;
  const int beams = int(layout_.beams.size()), group = int(psi.size()), nx = layout_.window.nx,
            ny = layout_.window.ny;
  const std::vector<Wave>& S = S_[thickness];
  std::vector<int> x0(group), y0(group);
  std::vector<Wave> a(std::size_t(group) * beams);
  for (int p = 0; p < group; ++p) {
    const Vec2& r0 = positions[p];
    x0[p] = window_start(r0.x(), compact.dx(), nx, compact.nx);
    y0[p] = window_start(r0.y(), compact.dy(), ny, compact.ny);
    for (int b = 0; b < beams; ++b)
      a[p * beams + b] = Wave(aperture[b] * phase(-layout_.beams[b].dot(r0)));
  }
  std::vector<Real> re(2 * nx), im(2 * nx);
  for (int y = 0; y < compact.ny; ++y)
    for (int p = 0; p < group; ++p) {
      const int row = (y - y0[p] + compact.ny) % compact.ny;
      if (row >= ny) continue;
      // The window, which may wrap around.
      const int before = std::min(nx, compact.nx - x0[p]);
      std::fill(re.begin(), re.end(), Real(0));
      std::fill(im.begin(), im.end(), Real(0));
      for (int b = 0; b < beams; b += beams_together) {
        const auto raw = [](const Wave* x) { return reinterpret_cast<const Real*>(x); };
        const Real* factors = raw(&a[p * beams + b]);
        const Wave* s = &S[(std::size_t(y) * beams + b) * compact.nx];
        const int some = std::min(beams_together, beams - b);
        add_beams(factors, raw(s + x0[p]), 2 * compact.nx, some, 2 * before, re.data(), im.data());
        add_beams(factors, raw(s), 2 * compact.nx, some, 2 * (nx - before), re.data() + 2 * before,
                  im.data() + 2 * before);
      }
      for (int x = 0; x < nx; ++x)
        psi[p][row * nx + x] = {re[2 * x] - im[2 * x + 1], re[2 * x + 1] + im[2 * x]};
    }
}

template <class Real>
void ScatteringMatrix<Real>::add_parents_to(Group& psi, const std::vector<complex>& aperture,
                                            const Vec2* positions, int thickness) const {
  const WaveGrid &compact = layout_.compact, &window = layout_.window;
  const int parents = int(layout_.parents.size()), nx = window.nx, ny = window.ny;
  const std::vector<Wave>& Q = S_[thickness];
  const BasicFft2<Real> fft(ny, nx);
  std::vector<std::size_t> pixel;  // of each beam, in the window
  for (const Vec2& k : layout_.beams)
    pixel.push_back(std::size_t((std::lround(k.y() * window.ly) + ny) % ny) * std::size_t(nx) +
                    std::size_t((std::lround(k.x() * window.lx) + nx) % nx));
  FftVector<Real> children(window.size());  // a_k w_p(k), then its transform
  std::vector<complex> a(aperture.size());
  for (std::size_t position = 0; position < psi.size(); ++position) {
    const Vec2& r0 = positions[position];
    const int x0 = window_start(r0.x(), compact.dx(), nx, compact.nx),
              y0 = window_start(r0.y(), compact.dy(), ny, compact.ny);
    for (std::size_t b = 0; b < a.size(); ++b)
      a[b] = aperture[b] * phase(-layout_.beams[b].dot(r0));
    for (int p = 0; p < parents; ++p) {
      std::fill(children.begin(), children.end(), Wave(0));
      for (std::size_t b = 0; b < a.size(); ++b)
        children[pixel[b]] = Wave(a[b] * layout_.weights(Eigen::Index(b), p));
      fft.backward(children.data());
      for (int row = 0; row < ny; ++row) {
        const int y = (y0 + row) % compact.ny;
        const Wave* from = &Q[(std::size_t(y) * parents + p) * compact.nx];
        const Wave* factors = &children[std::size_t(y % ny) * nx];
        Wave* to = &psi[position][std::size_t(row) * nx];
        // without a look at every index: the matrix and the window repeat at different places
        for (int x = 0, i = x0, j = x0 % nx; x < nx;) {
          const int run = std::min({nx - x, compact.nx - i, nx - j});
          add_products(from + i, factors + j, run, to + x);
          x += run;
          i = (i + run) % compact.nx;
          j = (j + run) % nx;
        }
      }
    }
  }
}

template class ScatteringMatrix<float>;
template class ScatteringMatrix<double>;

}  // namespace pendel

// Aberrations against formulas written out, the probe's focus against free propagation.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/fft.hpp"
#include "sim/probe.hpp"

using namespace pendel;

namespace {

const double lambda = electron::wavelength(300);
constexpr double pi = electron::pi;

Probe with(std::vector<Aberration> aberrations) {
  Probe probe;
  probe.semiangle = 20e-3;
  probe.aberrations = std::move(aberrations);
  return probe;
}

const WaveGrid grid{128, 96, 20, 15};

FftArray wave_of(const Probe& probe, const Vec2& position) {
  FftArray wave(grid.size());
  probe_wave(probe, grid, position, wave.data());
  return wave;
}

double peak(FftArray wave, int* at = nullptr) {
  Fft2(grid.ny, grid.nx).backward(wave.data());
  double largest = 0;
  for (std::size_t i = 0; i < wave.size(); ++i)
    if (std::norm(wave[i]) > largest) {
      largest = std::norm(wave[i]);
      if (at) *at = int(i);
    }
  return largest;
}

}  // namespace

// In the angles a = lambda kx, b = lambda ky every aberration is a polynomial; written out here
// as in tables of aberration coefficients (Krivanek's notation, Ca along x and Cb along y).
BOOST_AUTO_TEST_CASE(phases_equal_cartesian_polynomials) {
  const double phi = 0.3;
  for (const Vec2& k : {Vec2(0.4, 0.1), Vec2(-0.7, 0.55), Vec2(0.2, -0.9), Vec2(-0.3, -0.3)}) {
    const double a = lambda * k[0], b = lambda * k[1], r2 = a * a + b * b;
    const auto is = [&](int n, int m, double polynomial) {
      const double expected = 2 * pi / lambda * 1e4 * polynomial;
      const double found = aberration_phase(with({{n, m, 1e4, phi}}), k);
      BOOST_TEST(std::abs(found - expected) < 1e-12 * std::max(1.0, std::abs(expected)),
                 "C" << n << m << " " << found << " " << expected);
    };
    // Re and Im of (a + i b)^m are r^m cos(m phi), r^m sin(m phi)
    const auto harmonic = [&](int m) {
      const complex z = std::pow(complex(a, b), m);
      return std::cos(m * phi) * z.real() + std::sin(m * phi) * z.imag();
    };
    is(1, 0, r2 / 2);
    is(1, 2, ((a * a - b * b) * std::cos(2 * phi) + 2 * a * b * std::sin(2 * phi)) / 2);
    is(2, 1, r2 * (a * std::cos(phi) + b * std::sin(phi)) / 3);
    is(2, 3,
       ((a * a * a - 3 * a * b * b) * std::cos(3 * phi) +
        (3 * a * a * b - b * b * b) * std::sin(3 * phi)) /
           3);
    is(3, 0, r2 * r2 / 4);
    is(3, 2, r2 * harmonic(2) / 4);
    is(3, 4, harmonic(4) / 4);
    is(4, 1, r2 * r2 * harmonic(1) / 5);
    is(4, 3, r2 * harmonic(3) / 5);
    is(4, 5, harmonic(5) / 5);
    is(5, 0, r2 * r2 * r2 / 6);
    is(5, 6, harmonic(6) / 6);
  }
}

// Scherzer's phase as Kirkland writes it, [Kirkland2010, 2.10 and 2.18]:
//   chi = pi lambda k² (0.5 Cs lambda² k² - df), df > 0 underfocus
BOOST_AUTO_TEST_CASE(defocus_has_the_sign_of_the_literature) {
  const double Cs = 1.2e7, defocus = 600;
  for (const double k : {0.1, 0.3, 0.7}) {
    const double expected = pi * lambda * k * k * (0.5 * Cs * lambda * lambda * k * k - defocus);
    const double found = aberration_phase(with({{1, 0, -defocus, 0}, {3, 0, Cs, 0}}), Vec2(0, k));
    BOOST_TEST(std::abs(found - expected) < 1e-11 * std::abs(expected));
  }
}

BOOST_AUTO_TEST_CASE(only_true_aberrations_are_accepted) {
  for (int n = 1; n < 8; ++n)
    for (int m = 0; m < 10; ++m) {
      const bool right = m <= n + 1 && (n + m) % 2 == 1;
      if (right)
        BOOST_CHECK_NO_THROW(check_aberration(n, m));
      else
        BOOST_CHECK_THROW(check_aberration(n, m), Error);
    }
  BOOST_CHECK_THROW(check_aberration(0, 1), Error);
  BOOST_CHECK_THROW(check_aberration(1, -2), Error);
  FftArray wave(grid.size());
  BOOST_CHECK_THROW(probe_wave(with({{2, 2, 1, 0}}), grid, {0, 0}, wave.data()), Error);
  try {
    check_aberration(3, 1);
  } catch (const Error& error) {
    BOOST_TEST(std::string(error.what()) ==
               "there is no aberration C31; of order n = 3 there are C30, C32, C34");
  }
}

BOOST_AUTO_TEST_CASE(intensity_is_one_and_the_position_is_kept) {
  const Probe probe = with({{1, 0, -40, 0}, {2, 1, 3e3, 0.7}});
  const FftArray wave = wave_of(probe, {0, 0});
  double sum = 0;
  for (const complex& psi : wave) sum += std::norm(psi);
  BOOST_TEST(std::abs(sum - 1) < 1e-13);
  // moved by whole pixels, the wave is the same one at another place
  const int shift_x = 37, shift_y = 50;
  FftArray a = wave, b = wave_of(probe, {shift_x * grid.dx(), shift_y * grid.dy()});
  const Fft2 fft(grid.ny, grid.nx);
  fft.backward(a.data());
  fft.backward(b.data());
  double difference = 0;
  for (int y = 0; y < grid.ny; ++y)
    for (int x = 0; x < grid.nx; ++x)
      difference = std::max(
          difference, std::abs(a[y * grid.nx + x] -
                               b[(y + shift_y) % grid.ny * grid.nx + (x + shift_x) % grid.nx]));
  BOOST_TEST(difference < 1e-12);  // peak amplitude about 20
  std::vector<std::complex<float>> single(grid.size());
  probe_wave(probe, grid, {1, 2}, single.data());
  const FftArray twice = wave_of(probe, {1, 2});
  for (std::size_t i = 0; i < single.size(); ++i)
    BOOST_TEST(std::abs(complex(single[i]) - twice[i]) < 1e-7);
}

// Overfocus C10 is what free flight over C10 does; underfocus is undone by it.
BOOST_AUTO_TEST_CASE(free_flight_refocuses) {
  const auto flown = [&](FftArray wave, double z) {
    for (int y = 0; y < grid.ny; ++y)
      for (int x = 0; x < grid.nx; ++x)
        wave[y * grid.nx + x] *= std::polar(1.0, -pi * lambda * grid.k(x, y).squaredNorm() * z);
    return wave;
  };
  const FftArray focused = wave_of(with({}), {7, 6});
  const FftArray over = wave_of(with({{1, 0, 80, 0}}), {7, 6});
  const FftArray under = wave_of(with({{1, 0, -80, 0}}), {7, 6});
  double difference = 0;
  const FftArray a = flown(focused, 80), b = flown(under, 80);
  for (std::size_t i = 0; i < over.size(); ++i)
    difference = std::max({difference, std::abs(a[i] - over[i]), std::abs(b[i] - focused[i])});
  BOOST_TEST(difference < 1e-13);
  int at = 0;
  BOOST_TEST(peak(flown(under, 80), &at) > 3 * peak(under));
  BOOST_TEST(std::hypot((at % grid.nx) * grid.dx() - 7, (at / grid.nx) * grid.dy() - 6) < 0.2);
}

BOOST_AUTO_TEST_CASE(aperture_edge) {
  Probe probe = with({});
  const double rim = probe.semiangle / lambda;
  BOOST_TEST(aperture_amplitude(probe, Vec2(0.6 * rim, 0.8 * rim)) == 1);
  BOOST_TEST(aperture_amplitude(probe, Vec2(1.001 * rim, 0)) == 0);
  probe.edge = 4e-3;
  BOOST_TEST(std::abs(std::pow(aperture_amplitude(probe, Vec2(0, rim)), 2) - 0.5) < 1e-12);
  BOOST_TEST(std::abs(std::pow(aperture_amplitude(probe, Vec2(0, 0.95 * rim)), 2) - 0.75) < 1e-12);
  BOOST_TEST(aperture_amplitude(probe, Vec2(0, 1.11 * rim)) == 0);
  BOOST_TEST(aperture_amplitude(probe, Vec2(0.89 * rim, 0)) == 1);
  Probe plane;  // no semi-angle: a plane wave
  FftArray wave = wave_of(plane, {3, 4});
  BOOST_TEST(std::norm(wave[0]) == 1);
  for (std::size_t i = 1; i < wave.size(); ++i) BOOST_TEST(std::norm(wave[i]) == 0);
  probe.semiangle = lambda * grid.band_limit();
  BOOST_CHECK_THROW(wave_of(probe, {0, 0}), Error);
}

BOOST_AUTO_TEST_CASE(radius_of_a_defocused_probe) {
  // geometrical optics: C10 alpha and C30 alpha³
  const double diffraction = 0.61 * lambda / 20e-3;
  BOOST_TEST(std::abs(probe_radius(with({})) - diffraction) < 1e-12);
  BOOST_TEST(std::abs(probe_radius(with({{1, 0, -500, 0}})) - diffraction - 10) < 1e-4);
  BOOST_TEST(std::abs(probe_radius(with({{3, 0, 1e7, 0}})) - diffraction - 80) < 1e-3);
  BOOST_CHECK_THROW(probe_radius(Probe()), Error);
}

BOOST_AUTO_TEST_CASE(gaussian_averages) {
  // the mean of cos(2 pi g x) over a Gaussian is exp(-2 pi² g² s²); 9 points at 2 pi g s = 1.5
  // leave (1.5)^18/18!·9!... < 1e-6
  const double s = 0.4, g = 1.5 / (2 * pi * s);
  double weights = 0, mean = 0, square = 0;
  for (const DefocusOffset& offset : defocus_offsets(s, 9)) {
    weights += offset.weight;
    mean += offset.weight * std::cos(2 * pi * g * offset.C10);
    square += offset.weight * offset.C10 * offset.C10;
  }
  BOOST_TEST(std::abs(weights - 1) < 1e-13);
  BOOST_TEST(std::abs(square - s * s) < 1e-13);
  BOOST_TEST(std::abs(mean - std::exp(-1.5 * 1.5 / 2)) < 1e-6);
  double source = 0;
  const Vec2 direction(0.6 * g, 0.8 * g);
  for (const PositionOffset& offset : source_offsets(s, 9))
    source += offset.weight * std::cos(2 * pi * direction.dot(offset.position));
  BOOST_TEST(std::abs(source - std::exp(-1.5 * 1.5 / 2)) < 1e-6);
  BOOST_TEST(defocus_offsets(0, 7).size() == 1u);
  BOOST_CHECK_THROW(defocus_offsets(-1, 3), Error);
  // Cc 1.2 mm, dE 0.3 eV at 200 kV: 18 Å without, 21.0 Å with the relativistic factor 1.1636
  BOOST_TEST(std::abs(focal_spread(1.2e7, 0.3, 200) - 18 * 1.16366) < 1e-3);
}

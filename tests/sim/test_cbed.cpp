// Convergent-beam patterns against the probe's wave carried through the specimen directly.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/fft.hpp"
#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "sim/cbed.hpp"
#include "sim/detector.hpp"
#include "sim/engine.hpp"
#include "sim/stem.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double pi = electron::pi;
const ProbeSource no_interference{Vec2::Zero(), std::numeric_limits<double>::infinity(), 0};

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

Probe probe_of(double semiangle) {
  Probe probe;
  probe.semiangle = semiangle;
  probe.aberrations = {{1, 0, -300, 0}, {1, 2, 120, 0.5}, {2, 1, 2e4, -0.8}, {3, 0, 3e6, 0}};
  return probe;
}

/// Thin gratings t(r) = sum_h c_h exp(2 pi i g_h.r) with free flight of `gap` behind each: exact
/// for a wave on a grid that holds the net, and as amplitudes psi_g(k) for single plane waves.
struct Gratings {
  static constexpr int orders = 2;  // of each grating, so twice that behind the second
  double gap = 150, k0 = 1 / electron::wavelength(300);
  std::vector<complex> c;  // (2 orders + 1)², h along x fastest

  Gratings() {
    for (int k = -orders; k <= orders; ++k)
      for (int h = -orders; h <= orders; ++h)
        c.push_back(h == 0 && k == 0 ? complex(0.8, 0.1)
                                     : std::polar(0.2 / (h * h + k * k), 1.0 * h - 0.3 * k * k));
  }
  complex of(int h, int k) const {
    if (std::abs(h) > orders || std::abs(k) > orders) return 0;
    return c[(k + orders) * (2 * orders + 1) + h + orders];
  }
  complex flight(const Vec2& k) const {
    return phase(gap * (std::sqrt(k0 * k0 - k.squaredNorm()) - k0));
  }
  std::vector<Vec3> g(const Eigen::Matrix2d& b) const {
    std::vector<Vec3> result;
    for (int k = -4; k <= 4; ++k)
      for (int h = -4; h <= 4; ++h) {
        const Vec2 at = b * Vec2(h, k);
        result.emplace_back(at[0], at[1], 0);
      }
    return result;
  }
  /// (beams, directions), relative to the incident wave
  MatrixXcd psi(const Eigen::Matrix2d& b, const std::vector<Vec2>& incident) const {
    MatrixXcd result = MatrixXcd::Zero(81, long(incident.size()));
    for (int d = 0; d < result.cols(); ++d)
      for (int beam = 0; beam < 81; ++beam) {
        const Vec2 order(beam % 9 - 4, beam / 9 - 4);
        for (int k = -2; k <= 2; ++k)
          for (int h = -2; h <= 2; ++h)
            result(beam, d) += of(beam % 9 - 4 - h, beam / 9 - 4 - k) *
                               flight(incident[d] + b * Vec2(h, k)) * of(h, k);
        result(beam, d) *= flight(incident[d] + b * order) / std::pow(flight(incident[d]), 2);
      }
    return result;
  }
};

}  // namespace

// Disks that overlap manifold, a rectangular net, an aberrated probe off the origin.
BOOST_AUTO_TEST_CASE(overlapping_disks_equal_the_carried_wave) {
  const Gratings gratings;
  const int cells_x = 9, cells_y = 7;
  const WaveGrid grid{180, 140, cells_x * 4.0, cells_y * 5.0};
  const Eigen::Matrix2d b = Vec2(1 / 4.0, 1 / 5.0).asDiagonal();
  const Probe probe = probe_of(9e-3);
  const Vec2 position(1.3, -2.9);
  State state;

  // the wave, carried through both gratings
  FftArray wave(grid.size()), transmission(grid.size());
  probe_wave(probe, grid, position, wave.data());
  for (int k = -2; k <= 2; ++k)
    for (int h = -2; h <= 2; ++h)
      transmission[(k * cells_y + grid.ny) % grid.ny * grid.nx +
                   (h * cells_x + grid.nx) % grid.nx] = gratings.of(h, k);
  const Fft2 fft(grid.ny, grid.nx);
  fft.backward(transmission.data());
  for (int layer = 0; layer < 2; ++layer) {
    fft.backward(wave.data());
    for (std::size_t i = 0; i < wave.size(); ++i) wave[i] *= transmission[i] / double(wave.size());
    fft.forward(wave.data());
    for (int y = 0; y < grid.ny; ++y)
      for (int x = 0; x < grid.nx; ++x) wave[y * grid.nx + x] *= gratings.flight(grid.k(x, y));
  }

  // the same from amplitudes of plane waves
  const ConvergentGrid net = convergent_grid(probe, Vec2(1 / grid.lx, 1 / grid.ly).asDiagonal());
  const std::vector<Vec3> g = gratings.g(b);
  const MatrixXcd psi = gratings.psi(b, net.k);
  const ConvergentPattern pattern(net, g, state);
  const std::vector<double> intensity = pattern.intensity(psi, 2 * gratings.gap, probe, {position});
  double largest = 0, difference = 0, total = 0;
  for (std::size_t i = 0; i < intensity.size(); ++i) {
    const int x = int(std::lround(pattern.k()[i][0] * grid.lx)),
              y = int(std::lround(pattern.k()[i][1] * grid.ly));
    const double direct =
        std::norm(wave[(y + grid.ny) % grid.ny * grid.nx + (x + grid.nx) % grid.nx]);
    difference = std::max(difference, std::abs(direct - intensity[i]));
    largest = std::max(largest, direct);
    total += direct;
  }
  BOOST_TEST(difference < 1e-10 * largest);  // phases of 1e5 rad, rounded
  double everything = 0;
  for (const complex& value : wave) everything += std::norm(value);
  BOOST_TEST(std::abs(total / everything - 1) < 1e-10);  // no plane wave is missing
  // incoherent: the mean over positions in the cell, here by trapezoids, exact for 9 harmonics
  const std::vector<double> incoherent = pattern.intensity(psi, 300, probe, no_interference);
  std::vector<double> mean(incoherent.size(), 0);
  for (int i = 0; i < 10; ++i)
    for (int j = 0; j < 10; ++j) {
      const std::vector<double> one = pattern.intensity(psi, 300, probe, {Vec2(0.4 * i, 0.5 * j)});
      for (std::size_t n = 0; n < one.size(); ++n) mean[n] += one[n] / 100;
    }
  for (std::size_t n = 0; n < mean.size(); ++n)
    BOOST_TEST(std::abs(mean[n] - incoherent[n]) < 1e-10 * largest);
}

// A source of some size and a spread of focus: the sum over many positions and many foci.
BOOST_AUTO_TEST_CASE(partial_coherence_is_the_sum_over_positions_and_foci) {
  const Gratings gratings;
  const Eigen::Matrix2d b = Vec2(1 / 4.0, 1 / 5.0).asDiagonal();
  const Probe probe = probe_of(7e-3);
  const ConvergentGrid net = convergent_grid(probe, Vec2(1 / 12.0, 1 / 15.0).asDiagonal());
  const ConvergentPattern pattern(net, gratings.g(b), State());
  const MatrixXcd psi = gratings.psi(b, net.k);
  const ProbeSource point{Vec2(1.3, -2.9)};
  const auto difference = [](const std::vector<double>& a, const std::vector<double>& c) {
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - c[i]));
    return largest;
  };
  const std::vector<double> sharp = pattern.intensity(psi, 300, probe, point);
  const double brightest = *std::max_element(sharp.begin(), sharp.end());
  for (const auto& [size, focal_spread] : {std::pair(0.25, 0.0), {0.0, 100.0}, {0.25, 100.0}}) {
    ProbeSource source = point;
    source.size = size;
    source.focal_spread = focal_spread;
    std::vector<double> sum(sharp.size(), 0);
    for (const DefocusOffset& focus : defocus_offsets(focal_spread, 9))
      for (const PositionOffset& offset : source_offsets(size, 9)) {
        Probe moved = probe;
        moved.aberrations.push_back({1, 0, focus.C10, 0});
        const std::vector<double> one =
            pattern.intensity(psi, 300, moved, {point.position + offset.position});
        for (std::size_t i = 0; i < sum.size(); ++i)
          sum[i] += focus.weight * offset.weight * one[i];
      }
    const std::vector<double> blurred = pattern.intensity(psi, 300, probe, source);
    BOOST_TEST_MESSAGE("source " << size << ", focus " << focal_spread << ": "
                                 << difference(sum, blurred) / brightest << ", effect "
                                 << difference(sharp, blurred) / brightest);
    BOOST_TEST(difference(sum, blurred) < 1e-8 * brightest);
    BOOST_TEST(difference(sharp, blurred) > 0.05 * brightest);
  }
  // no interference is what a large source leaves
  BOOST_TEST(difference(pattern.intensity(psi, 300, probe, {Vec2(7, 8), 20, 0}),
                        pattern.intensity(psi, 300, probe, no_interference)) < 1e-12 * brightest);
}

// Three kinematical beams: the overlap of two disks beats as cos(2 pi g.r0 + phases).
BOOST_AUTO_TEST_CASE(fringes_follow_the_probe) {
  const double g_length = 0.25, lambda = electron::wavelength(300);
  const complex weak(0.05, 0.08);
  Probe probe;
  probe.semiangle = 0.6 * g_length * lambda;
  probe.aberrations = {{1, 0, 200, 0}};
  const Eigen::Matrix2d b = g_length * Eigen::Matrix2d::Identity();
  const Eigen::Matrix2d step = net_step(b, 0.03);
  BOOST_TEST(std::abs(step(0, 0) - g_length / 9) < 1e-15);
  const ConvergentGrid net = convergent_grid(probe, step);
  const std::vector<Vec3> g{{0, 0, 0}, {g_length, 0, 0}, {-g_length, 0, 0}};
  MatrixXcd psi(3, int(net.k.size()));
  psi.row(0).setOnes();
  psi.row(1).setConstant(weak);
  psi.row(2).setConstant(std::conj(weak));
  const ConvergentPattern pattern(net, g, State());
  const double area = double(net.k.size());
  for (const double x : {0.0, 0.7, 1.9, 3.1}) {
    const std::vector<double> intensity = pattern.intensity(psi, 0, probe, {Vec2(x, 5)});
    int overlaps = 0;
    for (std::size_t i = 0; i < intensity.size(); ++i) {
      const Vec2 k = pattern.k()[i], before = k - g[1].head<2>();
      if (k[0] < 0 || aperture_amplitude(probe, k) == 0 || aperture_amplitude(probe, before) == 0)
        continue;
      const double chi = aberration_phase(probe, before) - aberration_phase(probe, k);
      const double expected =
          1 + std::norm(weak) +
          2 * std::abs(weak) * std::cos(2 * pi * g_length * x + std::arg(weak) - chi);
      BOOST_TEST(std::abs(intensity[i] * area - expected) < 1e-12);
      ++overlaps;
    }
    BOOST_TEST(overlaps > 5);
  }
}

namespace {

/// The textbook's multislice of a probe, from the potential's coefficients within `coupling`
/// [1/Å], of the zero-order zone or of all: intensity in FFT order.
std::vector<double> multislice(const State& state, const WaveGrid& grid, const Probe& probe,
                               const Vec2& position, double coupling, bool flat, int slices) {
  const Cell& cell = state.crystals[0].crystal.cell;
  const double dz = state.layers[0].thickness / slices, k0 = 1 / electron::wavelength(300);
  std::vector<Hkl> couplings;
  std::vector<std::size_t> pixels;
  std::vector<double> g_z;
  for (const Hkl& hkl : reflections_within(cell, coupling)) {
    const Vec3 g = state.crystals[0].R_lab_crystal * cell.g(hkl).v;
    if (flat && std::abs(g[2]) > 1e-9) continue;
    couplings.push_back(hkl);
    g_z.push_back(g[2]);
    const int x = int(std::lround(g[0] * grid.lx)), y = int(std::lround(g[1] * grid.ly));
    pixels.push_back(std::size_t(y + grid.ny) % grid.ny * grid.nx + (x + grid.nx) % grid.nx);
  }
  const auto U = structure_factors(state.crystals[0].crystal, couplings, 300, {});
  const Fft2 fft(grid.ny, grid.nx);
  FftArray wave(grid.size()), slice(grid.size());
  const auto fly = [&](double z) {
    for (int y = 0; y < grid.ny; ++y)
      for (int x = 0; x < grid.nx; ++x)
        wave[y * grid.nx + x] *= phase(z * (std::sqrt(k0 * k0 - grid.k(x, y).squaredNorm()) - k0));
  };
  probe_wave(probe, grid, position, wave.data());
  for (int n = 0; n < slices; ++n) {
    std::fill(slice.begin(), slice.end(), complex(0));
    for (std::size_t i = 0; i < U.size(); ++i)
      slice[pixels[i]] += U[i].elastic * phase(g_z[i] * (n + 0.5) * dz);
    fft.backward(slice.data());
    for (complex& value : slice)  // sigma V = pi lambda U
      value = std::polar(1.0, pi / k0 * value.real() * dz) / double(grid.size());
    fly(n == 0 ? dz / 2 : dz);
    fft.backward(wave.data());
    for (std::size_t j = 0; j < wave.size(); ++j) wave[j] *= slice[j];
    fft.forward(wave.data());
  }
  std::vector<double> intensity;
  for (const complex& value : wave) intensity.push_back(std::norm(value));
  return intensity;
}

/// Largest difference of the Bloch waves' pattern, as a fraction of the brightest pixel.
double bloch_against_multislice(State state, double thickness, double coupling, int slices,
                                const Beams& beams) {
  state.layers = {{0, thickness}};
  BlochOptions options;
  options.coupling_g_max = coupling;
  const Bloch bloch(state, beams, options);
  const ZoneNet zone = zone_net(state);
  const int cells = 4;
  const Probe probe = probe_of(5e-3);
  const ConvergentGrid net = convergent_grid(probe, zone.b / cells);
  const Vec2 position(0.9, 1.7);
  const ConvergentPattern pattern(net, beams.g, state);
  const MatrixXcd psi = bloch.thickness_series(state, incidence(net, state), 0, {thickness})[0];
  const std::vector<double> intensity = pattern.intensity(psi, thickness, probe, {position});

  const Vec2 size(cells / zone.b.col(0).norm(), cells / zone.b.col(1).norm());
  const WaveGrid grid{cells * 20, cells * 20, size[0], size[1]};
  const bool flat = std::all_of(beams.g.begin(), beams.g.end(),
                                [](const Vec3& g) { return std::abs(g[2]) < 1e-9; });
  const std::vector<double> direct =
      multislice(state, grid, probe, position, coupling, flat, slices);
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < intensity.size(); ++i) {
    const int x = int(std::lround(pattern.k()[i][0] * grid.lx)),
              y = int(std::lround(pattern.k()[i][1] * grid.ly));
    const double there = direct[(y + grid.ny) % grid.ny * grid.nx + (x + grid.nx) % grid.nx];
    difference = std::max(difference, std::abs(there - intensity[i]));
    largest = std::max(largest, there);
  }
  return difference / largest;
}

}  // namespace

// Bloch waves of many directions, put together, are the multislice of the whole probe: every phase
// (refraction, free flight, zones that overlap) fits.
BOOST_AUTO_TEST_CASE(bloch_waves_make_the_multislice_of_a_probe) {
  State state;
  state.crystals = {oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0})};
  state.layers = {{0, 60}};
  const double flat = bloch_against_multislice(state, 60, 0.6, 120, zone_beams(state, 1.4));
  BOOST_TEST_MESSAGE("Bloch against multislice, one zone: " << flat);
  BOOST_TEST(flat < 1e-3);
  // five zones, and a thickness of 2.6 cells: waves of one direction from several zones
  const Cell& cell = state.crystals[0].crystal.cell;
  std::vector<Hkl> hkl;
  for (const Hkl& candidate : reflections_within(cell, 1.5)) {
    const Vec3 g = state.crystals[0].R_lab_crystal * cell.g(candidate).v;
    if (std::abs(g[2]) < 0.6 && g.head<2>().norm() < 1.0) hkl.push_back(candidate);
  }
  const double deep = bloch_against_multislice(state, 10.15, 0.4, 200, beams_from_hkl(state, hkl));
  BOOST_TEST_MESSAGE("Bloch against multislice, five zones: " << deep);
  BOOST_TEST(deep < 3e-3);
}

// The program of study `stem`: atoms, slices, and quadratures of source (3 x 3) and focus (7).
BOOST_AUTO_TEST_CASE(partial_coherence_equals_that_of_scans) {
  State state;
  state.crystals = {oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0})};
  state.layers = {{0, 5 * 3.904}};
  const ZoneNet zone = zone_net(state);
  const int cells = 4;
  const Vec2 size(cells / zone.b.col(0).norm(), cells / zone.b.col(1).norm());
  const Probe probe = probe_of(6e-3);
  const ConvergentGrid net = convergent_grid(probe, zone.b / cells);
  const Beams beams = zone_beams(state, 2.0);
  SplitStepOptions splitting;
  splitting.g_max = 4;
  splitting.slice_A = 1;
  const Engine splitstep = SplitStep(state, beams, splitting);
  std::vector<MatrixXcd> psi(1, MatrixXcd(long(beams.size()), long(net.k.size())));
  thickness_series(splitstep, state, incidence(net, state), 0, {state.layers[0].thickness},
                   [&](std::size_t, const std::vector<std::size_t>& some, const MatrixXcd& waves) {
                     for (std::size_t d = 0; d < some.size(); ++d)
                       psi[0].col(long(some[d])) = waves.col(long(d));
                   });
  ProbeSource source{Vec2(1.1, 0.6)};
  const ConvergentPattern pattern(net, beams.g, state);
  const std::vector<double> sharp = pattern.intensity(psi[0], 19.52, probe, source);
  source.size = 0.25;
  source.focal_spread = 100;
  const std::vector<double> blurred = pattern.intensity(psi[0], 19.52, probe, source);

  StemOptions options;
  options.precision = Precision::double_;
  options.pixel = 0.125;
  options.slicing.slice_A = 1;
  options.slicing.projection = Projection::finite;
  options.source_size = source.size;
  options.focal_spread = source.focal_spread;
  const StemSimulator simulator(slab(state, 0.9 * size, 1e-6), probe, options);
  BOOST_TEST(std::abs(simulator.grid().lx - size[0]) < 1e-9);
  std::vector<float> scanned(simulator.k().size());
  simulator.run({source.position}, [&](std::size_t, const float* intensity) {
    std::copy_n(intensity, scanned.size(), scanned.begin());
  });
  const WaveGrid& grid = simulator.grid();
  std::vector<double> at(grid.size(), 0);
  const auto pixel = [&](const Vec2& k) {
    const int x = int(std::lround(k[0] * grid.lx)), y = int(std::lround(k[1] * grid.ly));
    return std::size_t(y + grid.ny) % grid.ny * grid.nx + (x + grid.nx) % grid.nx;
  };
  for (std::size_t i = 0; i < scanned.size(); ++i) at[pixel(simulator.k()[i])] = scanned[i];
  double largest = 0, difference = 0, effect = 0;
  for (std::size_t i = 0; i < blurred.size(); ++i) {
    largest = std::max(largest, blurred[i]);
    difference = std::max(difference, std::abs(at[pixel(pattern.k()[i])] - blurred[i]));
    effect = std::max(effect, std::abs(sharp[i] - blurred[i]));
  }
  BOOST_TEST_MESSAGE("scan against pattern: " << difference / largest << ", coherence changes "
                                              << effect / largest);
  // the slab of atoms ends in vacuum, the crystal at a cell boundary; three points of a source
  BOOST_TEST(difference < 0.01 * largest);
  BOOST_TEST(effect > 0.05 * largest);
}

// What does not fit the net is shown at its place and not mixed with other beams.
BOOST_AUTO_TEST_CASE(beams_off_the_net_have_points_of_their_own) {
  Probe probe;
  probe.semiangle = 4e-3;
  const double b = 0.25;
  const ConvergentGrid net = convergent_grid(probe, b / 4 * Eigen::Matrix2d::Identity());
  const std::vector<Vec3> g{{0, 0, 0}, {b, 0, 0}, {0.4 * b, 0.03, 0.2}, {1.4 * b, 0.03, 0.2}};
  const ConvergentPattern pattern(net, g, State());
  MatrixXcd psi = MatrixXcd::Constant(4, int(net.k.size()), 0.5);
  const std::vector<double> intensity = pattern.intensity(psi, 300, probe, no_interference);
  BOOST_TEST(std::abs(sum(intensity) - 1) < 1e-12);
  Vec2 mean = Vec2::Zero(), expected = Vec2::Zero();
  for (std::size_t i = 0; i < intensity.size(); ++i) mean += intensity[i] * pattern.k()[i];
  for (const Vec3& beam : g) expected += beam.head<2>() / 4;
  BOOST_TEST((mean - expected).norm() < 1e-12);
  Detector detector;
  detector.pixel = 0.02;
  const DetectorMap map(detector, pattern.k(), pattern.cell());
  std::vector<double> image(detector.pixels(), 0);
  map.add(intensity.data(), 1, image.data());
  BOOST_TEST(std::abs(sum(image) - 1) < 1e-12);
}

BOOST_AUTO_TEST_CASE(incidence_is_relative_to_the_tilt) {
  State state;
  state.beam_tilt = {0.02, -0.01};
  Probe probe;
  probe.semiangle = 2e-3;
  const ConvergentGrid net = convergent_grid(probe, 0.03 * Eigen::Matrix2d::Identity());
  const std::vector<Vec2> offsets = incidence(net, state);
  const double k0 = 1 / electron::wavelength(300);
  for (std::size_t i = 0; i < offsets.size(); ++i)
    for (int axis = 0; axis < 2; ++axis) {
      const double whole = k0 * std::sin(state.beam_tilt[axis] + offsets[i][axis]);
      BOOST_TEST(std::abs(whole - k0 * std::sin(state.beam_tilt[axis]) - net.k[i][axis]) < 1e-12);
    }
  state.beam_tilt = {1.5, 0.2};
  BOOST_CHECK_THROW(incidence(net, state), Error);
}

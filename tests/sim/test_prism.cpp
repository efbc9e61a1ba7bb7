#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "sim/prism.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

/// SrTiO3 [001], 300 kV.
std::shared_ptr<SlicedPotential> strontium_titanate(int cells, int along_beam, int pixels) {
  const double a = 3.905;
  AtomicModel model;
  model.box = {cells * a, cells * a, along_beam * a};
  const std::vector<Atom> atoms{{38, {0, 0, .25}, 1, .6214},
                                {22, {.5, .5, .75}, 1, .4398},
                                {8, {.5, .5, .25}, 1, .7323},
                                {8, {.5, 0, .75}, 1, .7323},
                                {8, {0, .5, .75}, 1, .7323}};
  for (int i = 0; i < cells; ++i)
    for (int j = 0; j < cells; ++j)
      for (int k = 0; k < along_beam; ++k)
        for (Atom atom : atoms) {
          atom.position = a * (atom.position + Vec3(i, j, k));
          model.atoms.push_back(atom);
        }
  SlicedPotentialOptions options;
  options.slice_A = a / 2;
  const WaveGrid grid{pixels, pixels, model.box.x(), model.box.y()};
  return std::make_shared<SlicedPotential>(model, grid, 300, options);
}

Probe probe() {
  Probe result;
  result.semiangle = 0.011;
  result.edge = 0.002;
  result.aberrations = {{1, 0, -40, 0}, {1, 2, 25, 0.3}, {2, 1, 700, 1.1}};
  return result;
}

PrismOptions prism_options(int fx, int fy) {
  PrismOptions options;
  options.semiangle = 0.012;
  options.fx = fx;
  options.fy = fy;
  return options;
}

const std::vector<Vec2> positions{{0.3, 7.2}, {5.1, 4.4}, {11.4, 0.2}};

/// Patterns of multislice, summed onto a pattern grid whose pixels are fx, fy of its own.
template <class Real>
std::vector<double> multislice_pattern(const Multislice<Real>& multislice, const Vec2& position,
                                       int thickness) {
  FftVector<Real> wave(multislice.grid().size());
  probe_wave(probe(), multislice.grid(), position, wave.data());
  std::vector<double> pattern;
  multislice.propagate(wave.data(), 1, [&](int i) {
    if (i == thickness)
      for (const auto& psi : wave) pattern.push_back(std::norm(complex(psi)));
  });
  return pattern;
}

/// Largest difference of PRISM from multislice, f = 1; relative to the largest intensity.
template <class Real>
double difference(const Multislice<Real>& multislice, const ScatteringMatrix<Real>& matrix) {
  const WaveGrid &full = multislice.grid(), &grid = matrix.pattern_grid();
  double worst = 0, largest = 0;
  for (int t = 0; t < int(matrix.thicknesses().size()); ++t) {
    std::vector<Real> patterns(positions.size() * grid.size());
    matrix.patterns(probe(), positions, t, patterns.data());
    for (std::size_t i = 0; i < positions.size(); ++i) {
      std::vector<double> expected = multislice_pattern(multislice, positions[i], t);
      for (int y = 0; y < grid.ny; ++y)
        for (int x = 0; x < grid.nx; ++x) {
          const int h = WaveGrid::frequency(x, grid.nx), k = WaveGrid::frequency(y, grid.ny);
          double& at =
              expected[std::size_t((k + full.ny) % full.ny) * full.nx + (h + full.nx) % full.nx];
          largest = std::max(largest, at);
          worst = std::max(
              worst,
              std::abs(at - double(patterns[i * grid.size() + std::size_t(y) * grid.nx + x])));
          at = 0;
        }
      // what the pattern's grid does not hold is nothing
      for (const double rest : expected) worst = std::max(worst, rest);
    }
  }
  return worst / largest;
}

}  // namespace

BOOST_AUTO_TEST_CASE(without_interpolation_equals_multislice) {
  const auto potential = strontium_titanate(3, 4, 108);
  MultisliceOptions options;
  options.thicknesses = {8, 15};
  options.beam_tilt = {3e-3, -2e-3};
  const Multislice<double> in_double(potential, options);
  const double error =
      difference(in_double, ScatteringMatrix<double>(in_double, prism_options(1, 1)));
  const Multislice<float> in_single(potential, options);
  const double single =
      difference(in_single, ScatteringMatrix<float>(in_single, prism_options(1, 1)));
  BOOST_TEST_MESSAGE("    f = 1: " << error << ", single precision " << single);
  record("Multislice", "PRISM, f = 1, double precision, of the largest intensity", "multislice",
         error, at_most(1e-12));
  record("Multislice", "PRISM, f = 1, single precision, of the largest intensity", "multislice",
         single, at_most(2e-5));
}

BOOST_AUTO_TEST_CASE(an_aperture_of_one_beam) {
  // then nothing is cropped: the pattern of a plane wave, whatever the interpolation
  const auto potential = strontium_titanate(4, 6, 96);
  const Multislice<double> multislice(potential, {});
  PrismOptions options = prism_options(2, 4);
  options.semiangle = 1e-4;
  const ScatteringMatrix<double> matrix(multislice, options);
  BOOST_TEST(matrix.layout().beams.size() == 1u);
  Probe parallel;
  parallel.semiangle = 1e-4;
  std::vector<double> pattern(matrix.pattern_grid().size());
  matrix.patterns(parallel, {{1, 2}}, 0, pattern.data());
  FftVector<double> wave(multislice.grid().size());
  wave[0] = 1;
  multislice.propagate(wave.data(), 1, [](int) {});
  // half the box along x is two cells, a quarter along y one
  const WaveGrid& grid = matrix.pattern_grid();
  for (const auto& [h, k] : {std::pair(0, 0), {1, 0}, {0, -1}, {2, 1}, {-3, 2}}) {
    const double expected = std::norm(wave[((4 * k + 96) % 96) * 96 + (4 * h + 96) % 96]);
    const double found = pattern[((k + grid.ny) % grid.ny) * grid.nx + (2 * h + grid.nx) % grid.nx];
    BOOST_TEST(std::abs(found - expected) < 1e-12);
  }
}

// R1 = Σ|I_f(k) − fx fy I_1(k)| / ΣI_f at the plane waves k of the coarser pattern.
BOOST_AUTO_TEST_CASE(interpolation) {
  const auto potential = strontium_titanate(6, 3, 128);
  const Multislice<float> multislice(potential, {});
  Probe small;
  small.semiangle = 0.010;
  const std::vector<Vec2> scan{{0.3, 7.2}, {9.8, 11.7}, {1.9, 3.9}};
  const auto patterns = [&](int fx, int fy, WaveGrid& grid) {
    PrismOptions options = prism_options(fx, fy);
    options.semiangle = small.semiangle;
    const ScatteringMatrix<float> matrix(multislice, options);
    grid = matrix.pattern_grid();
    std::vector<float> result(scan.size() * grid.size());
    matrix.patterns(small, scan, 0, result.data());
    return result;
  };
  WaveGrid fine, coarse;
  const auto expected = patterns(1, 1, fine);
  const auto error = [&](int fx, int fy) {
    const auto found = patterns(fx, fy, coarse);
    double differences = 0, sum = 0;
    for (std::size_t i = 0; i < scan.size(); ++i)
      for (int y = 0; y < coarse.ny; ++y)
        for (int x = 0; x < coarse.nx; ++x) {
          const double I = found[i * coarse.size() + std::size_t(y) * coarse.nx + x];
          const int h = fx * WaveGrid::frequency(x, coarse.nx),
                    k = fy * WaveGrid::frequency(y, coarse.ny);
          sum += I;
          if (2 * std::abs(h) >= fine.nx || 2 * std::abs(k) >= fine.ny) continue;
          differences += std::abs(
              I -
              fx * fy *
                  double(expected[i * fine.size() + std::size_t((k + fine.ny) % fine.ny) * fine.nx +
                                  (h + fine.nx) % fine.nx]));
        }
    return differences / sum;
  };
  const double two = error(2, 2), mixed = error(2, 4), four = error(4, 4);
  BOOST_TEST_MESSAGE("    R1, f = 2: " << two << ", 2 x 4: " << mixed << ", 4: " << four);
  record("Multislice", "PRISM [Ophus2017], f = 2, box of 23 Å: R1", "PRISM, f = 1", two,
         at_most(0.1));
  BOOST_TEST(two < mixed);
  BOOST_TEST(mixed < four);
}

// Aberrated probes between pixels, a tilted beam: disks overlap, so that a wrong phase would show.
BOOST_AUTO_TEST_CASE(partition) {
  const auto potential = strontium_titanate(3, 8, 80);
  MultisliceOptions tilted;
  tilted.beam_tilt = {3e-3, -2e-3};
  tilted.thicknesses = {16, 31};
  const Multislice<double> multislice(potential, tilted);
  const auto patterns = [&](int rings, int f, int& parents) {
    PrismOptions options = prism_options(f, f);
    options.partition_rings = rings;
    options.k_max = 1.5;
    const ScatteringMatrix<double> matrix(multislice, options);
    parents = int(matrix.layout().parents.size());
    const WaveGrid& grid = matrix.pattern_grid();
    std::vector<double> all(grid.size() * positions.size()), wanted;
    for (const int t : {0, 1}) {
      matrix.patterns(probe(), positions, t, all.data());
      for (std::size_t i = 0; i < positions.size(); ++i)  // layouts differ in the largest k
        for (int k = -int(1.5 * grid.ly); k <= int(1.5 * grid.ly); ++k)
          for (int h = -int(1.5 * grid.lx); h <= int(1.5 * grid.lx); ++h)
            wanted.push_back(all[i * grid.size() + std::size_t((k + grid.ny) % grid.ny) * grid.nx +
                                 (h + grid.nx) % grid.nx]);
    }
    return wanted;
  };
  const auto R1 = [](const std::vector<double>& a, const std::vector<double>& b) {
    double differences = 0, sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      differences += std::abs(a[i] - b[i]);
      sum += b[i];
    }
    return differences / sum;
  };
  int beams = 0, parents = 0;
  const std::vector<double> plain = patterns(0, 1, beams);
  double last = 0.01;
  for (const int rings : {1, 2}) {
    const double error = R1(patterns(rings, 1, parents), plain);
    BOOST_TEST_MESSAGE("    " << parents << " parents of " << beams << ": R1 " << error);
    BOOST_TEST(parents == 1 + 3 * rings * (rings + 1));
    BOOST_TEST(error < 0.5 * last);
    last = error;
  }
  // What is scattered to the band limit, which cuts it off for some parents, is left.
  BOOST_TEST(R1(patterns(4, 1, parents), plain) < last);
  BOOST_TEST(parents == 61);
  // windows of half the box: no worse than without the partition
  const double cropped = R1(patterns(4, 2, parents), patterns(0, 2, parents));
  BOOST_TEST_MESSAGE("    f = 2: R1 " << cropped);
  BOOST_TEST(cropped < 0.05);
  const std::vector<double> every = patterns(25, 1, parents);
  BOOST_TEST(parents == beams);
  const double largest = *std::max_element(plain.begin(), plain.end());
  double worst = 0;
  for (std::size_t i = 0; i < plain.size(); ++i)
    worst = std::max(worst, std::abs(every[i] - plain[i]));
  BOOST_TEST(worst < 1e-12 * largest);
}

BOOST_AUTO_TEST_CASE(threads_and_neighbours) {
  const auto potential = strontium_titanate(4, 3, 96);
  std::vector<Vec2> scan;
  for (int i = 0; i < 40; ++i) scan.push_back({0.37 * i, 0.21 * i - 3});
  const auto patterns = [&](int count) {
    set_threads(count);
    const Multislice<float> multislice(potential, {});
    const ScatteringMatrix<float> matrix(multislice, prism_options(2, 1));
    std::vector<float> result(scan.size() * matrix.pattern_grid().size());
    matrix.patterns(probe(), scan, 0, result.data());
    std::vector<float> one(matrix.pattern_grid().size());
    matrix.patterns(probe(), {scan[29]}, 0, one.data());
    BOOST_TEST(std::equal(one.begin(), one.end(), result.begin() + 29 * one.size()));
    set_threads(0);
    return result;
  };
  BOOST_TEST((patterns(1) == patterns(2)));
}

BOOST_AUTO_TEST_CASE(less_of_the_pattern) {
  const auto potential = strontium_titanate(4, 3, 128);
  const Multislice<double> multislice(potential, {});
  PrismOptions options = prism_options(1, 1);
  const ScatteringMatrix<double> all(multislice, options);
  options.k_max = 1.5;
  const ScatteringMatrix<double> part(multislice, options);
  BOOST_TEST(part.layout().gigabytes() < 0.5 * all.layout().gigabytes());
  const WaveGrid &grid = part.pattern_grid(), &whole = all.pattern_grid();
  std::vector<double> a(whole.size()), b(grid.size());
  all.patterns(probe(), {{3, 4}}, 0, a.data());
  part.patterns(probe(), {{3, 4}}, 0, b.data());
  for (int y = 0; y < grid.ny; ++y)
    for (int x = 0; x < grid.nx; ++x) {
      const int h = WaveGrid::frequency(x, grid.nx), k = WaveGrid::frequency(y, grid.ny);
      const double expected =
          a[std::size_t((k + whole.ny) % whole.ny) * whole.nx + (h + whole.nx) % whole.nx];
      BOOST_REQUIRE(std::abs(b[std::size_t(y) * grid.nx + x] - expected) < 1e-13);
    }
  BOOST_TEST(grid.nx * 0.5 / grid.lx >= 1.5);
}

BOOST_AUTO_TEST_CASE(wrong_requests) {
  const auto potential = strontium_titanate(4, 2, 96);
  const Multislice<float> multislice(potential, {});
  const auto refused = [&](const PrismOptions& options, const std::string& part) {
    BOOST_CHECK_EXCEPTION(ScatteringMatrix<float>(multislice, options), Error, [&](const Error& e) {
      return e.kind() == ErrorKind::study && std::string(e.what()).find(part) != std::string::npos;
    });
  };
  refused(prism_options(5, 1), "does not divide");
  PrismOptions options = prism_options(1, 1);
  options.memory_GB = 1e-3;
  refused(options, "0.001000 GB that it may have");
  options = prism_options(1, 1);
  options.k_max = 0.4;
  refused(options, "beyond");
  const ScatteringMatrix<float> matrix(multislice, prism_options(1, 1));
  std::vector<float> pattern(matrix.pattern_grid().size());
  Probe wide = probe(), other = probe();
  wide.semiangle = 0.0111;
  other.energy_keV = 200;
  BOOST_CHECK_THROW(matrix.patterns(wide, {{0, 0}}, 0, pattern.data()), Error);
  BOOST_CHECK_THROW(matrix.patterns(other, {{0, 0}}, 0, pattern.data()), Error);
}

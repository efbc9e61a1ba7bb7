#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "sim/multislice.hpp"
#include "sim/probe.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

AtomicModel repeated(const Vec3& cell, const std::vector<Atom>& atoms, int nx, int ny, int nz) {
  AtomicModel model;
  model.box = cell.cwiseProduct(Vec3(nx, ny, nz));
  for (int i = 0; i < nx; ++i)
    for (int j = 0; j < ny; ++j)
      for (int k = 0; k < nz; ++k)
        for (Atom atom : atoms) {
          atom.position += cell.cwiseProduct(Vec3(i, j, k));
          model.atoms.push_back(atom);
        }
  return model;
}

/// Atoms without any symmetry.
AtomicModel some_atoms() {
  AtomicModel model;
  model.box = {9, 7, 12};
  model.atoms = {{38, {1.1, 2.3, 1}, 1, 0.6},    {22, {3.2, 5.1, 4.2}, 1, 0.5},
                 {8, {6.3, 1.2, 5.5}, 1, 0.7},   {82, {7.7, 4.4, 8}, 1, 0.9},
                 {22, {0.4, 6.6, 10.5}, 1, 0.5}, {8, {4.9, 3.3, 11.3}, 0.5, 0.7}};
  return model;
}

std::shared_ptr<SlicedPotential> sliced(const AtomicModel& model, int nx, int ny, double slice,
                                        bool absorbing = false) {
  SlicedPotentialOptions options;
  options.slice_A = slice;
  if (absorbing) options.potential.absorption = Absorption::proportional;
  const WaveGrid grid{nx, ny, model.box.x(), model.box.y()};
  return std::make_shared<SlicedPotential>(model, grid, 300, options);
}

template <class Real>
FftVector<Real> probes(const WaveGrid& grid, const std::vector<Vec2>& positions) {
  Probe probe;
  probe.semiangle = 0.02;
  probe.aberrations = {{1, 0, -60, 0}, {2, 1, 900, 0.4}};
  FftVector<Real> waves(grid.size() * positions.size());
  for (std::size_t i = 0; i < positions.size(); ++i)
    probe_wave(probe, grid, positions[i], waves.data() + i * grid.size());
  return waves;
}

/// A wave with every plane wave in it.
template <class Real>
FftVector<Real> full_wave(const WaveGrid& grid) {
  FftVector<Real> wave(grid.size());
  for (std::size_t p = 0; p < wave.size(); ++p)
    wave[p] = std::complex<Real>(phase(0.37 * double(p * p % 1013)) / std::sqrt(double(p + 1)));
  return wave;
}

template <class Real>
FftVector<Real> through(const std::shared_ptr<SlicedPotential>& potential,
                        const MultisliceOptions& options, FftVector<Real> waves) {
  const Multislice<Real> multislice(potential, options);
  multislice.propagate(waves.data(), int(waves.size() / potential->grid().size()), [](int) {});
  return waves;
}

template <class Real>
double difference(const FftVector<Real>& a, const FftVector<double>& b) {
  BOOST_REQUIRE_EQUAL(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(complex(a[i]) - b[i]));
  return largest;
}

double flux(const FftVector<double>& wave) {
  double sum = 0;
  for (const complex& psi : wave) sum += std::norm(psi);
  return sum;
}

/// The definition, written down with whole transforms.
FftVector<double> by_definition(const SlicedPotential& potential, const MultisliceOptions& options,
                                FftVector<double> psi) {
  const WaveGrid& grid = potential.grid();
  const Fft2 fft(grid.ny, grid.nx);
  const double lambda = electron::wavelength(potential.energy_keV()), k0 = 1 / lambda,
               dz = potential.slice_thickness();
  const Vec2 K_t = k0 * options.beam_tilt.array().sin();
  const auto plane_waves = [&](FftVector<double>& x, double steps) {
    for (int iy = 0; iy < grid.ny; ++iy)
      for (int ix = 0; ix < grid.nx; ++ix) {
        const Vec2 k = grid.k(ix, iy);
        complex& value = x[std::size_t(iy) * grid.nx + ix];
        const double turns = options.exact_propagator
                                 ? std::sqrt(k0 * k0 - (k + K_t).squaredNorm()) -
                                       std::sqrt(k0 * k0 - K_t.squaredNorm())
                                 : -lambda / 2 * ((k + K_t).squaredNorm() - K_t.squaredNorm());
        value *= options.band_limit && k.norm() > grid.band_limit() ? 0 : phase(steps * dz * turns);
      }
  };
  plane_waves(psi, 0.5);
  for (int slice = 0; slice < potential.slices(); ++slice) {
    std::vector<double> elastic, absorptive;
    potential.evaluate(slice, elastic, absorptive);
    FftVector<double> t(grid.size());
    for (std::size_t i = 0; i < t.size(); ++i)
      t[i] = std::exp(complex(absorptive.empty() ? 0 : -absorptive[i], elastic[i]));
    fft.forward(t.data());
    plane_waves(t, 0);
    fft.backward(t.data());
    fft.backward(psi.data());
    for (std::size_t i = 0; i < t.size(); ++i) psi[i] *= t[i] / std::pow(double(grid.size()), 2);
    fft.forward(psi.data());
    plane_waves(psi, slice + 1 < potential.slices() ? 1 : 0.5);
  }
  return psi;
}

}  // namespace

BOOST_AUTO_TEST_CASE(five_discretised_cases) {
  std::ifstream file(PENDEL_SOURCE_DIR "/tests/data/multislice/discretised.txt");
  BOOST_REQUIRE(file.good());
  int cases = 0, compared = 0;
  std::string name;
  Vec3 cell;
  double energy;
  int nx, ny, slices, atom_count, beam_count, tilt_count, thickness_count;
  while (file >> name >> cell.x() >> cell.y() >> cell.z() >> energy >> nx >> ny >> slices >>
         atom_count >> beam_count >> tilt_count >> thickness_count) {
    ++cases;
    std::vector<Atom> atoms(atom_count);
    for (Atom& atom : atoms) {
      file >> atom.Z >> atom.position.x() >> atom.position.y() >> atom.position.z() >> atom.B;
      atom.position = atom.position.cwiseProduct(cell);
    }
    std::vector<std::pair<int, int>> hk(beam_count);
    for (auto& [h, k] : hk) file >> h >> k;
    SlicedPotentialOptions slicing;
    slicing.slice_A = cell.z() / slices;
    slicing.potential.table = ScatteringTable::kirkland;
    const WaveGrid grid{nx, ny, cell.x(), cell.y()};
    const auto potential =
        std::make_shared<SlicedPotential>(repeated(cell, atoms, 1, 1, 40), grid, energy, slicing);
    for (int i = 0; i < tilt_count * thickness_count; ++i) {
      Vec2 tilt_mrad;
      int cells;
      file >> tilt_mrad.x() >> tilt_mrad.y() >> cells;
      MultisliceOptions options;
      options.beam_tilt = (tilt_mrad * 1e-3).array().tan().asin();
      options.thicknesses = {cells * cell.z()};
      FftVector<double> wave(grid.size());
      FftVector<float> single(grid.size());
      wave[0] = single[0] = 1;
      wave = through(potential, options, wave);
      single = through(potential, options, single);
      double worst = 0, worst_single = 0;
      for (const auto& [h, k] : hk) {
        complex expected;
        double re, im;
        file >> re >> im;
        expected = {re, im};
        const std::size_t p = std::size_t((k + ny) % ny) * nx + (h + nx) % nx;
        worst = std::max(worst, std::abs(wave[p] - expected));
        worst_single = std::max(worst_single, std::abs(complex(single[p]) - expected));
        ++compared;
      }
      BOOST_TEST_CONTEXT(name << ", " << cells << " cells, tilt " << tilt_mrad.transpose()) {
        const char* source = "numpy multislice (tests/data/multislice), discretisation given";
        record("Multislice", "five cases, double precision: amplitudes", source, worst,
               at_most(1e-9));
        // rounding of up to 160 slices; 1e-6 measured
        record("Multislice", "five cases, single precision: amplitudes", source, worst_single,
               at_most(1e-5));
      }
    }
  }
  BOOST_TEST(cases == 5);
  BOOST_TEST(compared == 255 * 6);
}

// Grids of all kinds: odd, prime, smaller than a block of lines.
BOOST_AUTO_TEST_CASE(the_same_as_by_definition) {
  for (const auto& [nx, ny] : {std::pair(64, 50), {37, 45}, {5, 6}, {96, 7}})
    for (const bool band_limit : {true, false})
      for (const bool exact : {false, true}) {
        const auto potential = sliced(some_atoms(), nx, ny, 2, exact);
        MultisliceOptions options;
        options.beam_tilt = {4e-3, -7e-3};
        options.band_limit = band_limit;
        options.exact_propagator = exact;
        const auto waves = full_wave<double>(potential->grid());
        const auto expected = by_definition(*potential, options, waves);
        BOOST_TEST_CONTEXT(nx << " x " << ny << ", band limit " << band_limit) {
          BOOST_TEST(difference(through(potential, options, waves), expected) < 1e-13);
          BOOST_TEST(difference(through(potential, options, full_wave<float>(potential->grid())),
                                expected) < 2e-6);
        }
      }
}

BOOST_AUTO_TEST_CASE(free_space) {
  AtomicModel vacuum;
  vacuum.box = {9, 7, 30};
  const auto potential = sliced(vacuum, 48, 40, 1.7);
  const WaveGrid& grid = potential->grid();
  for (const bool exact : {false, true}) {
    MultisliceOptions options;
    options.beam_tilt = {2e-3, 5e-3};
    options.exact_propagator = exact;
    const auto waves = probes<double>(grid, {{3, 2}});
    const auto flown = through(potential, options, waves);
    const double k0 = 1 / electron::wavelength(300);
    const Vec2 K_t = k0 * options.beam_tilt.array().sin();
    double worst = 0;
    for (int iy = 0; iy < grid.ny; ++iy)
      for (int ix = 0; ix < grid.nx; ++ix) {
        const Vec2 k = grid.k(ix, iy) + K_t;
        const double turns =
            exact ? std::sqrt(k0 * k0 - k.squaredNorm()) - std::sqrt(k0 * k0 - K_t.squaredNorm())
                  : (K_t.squaredNorm() - k.squaredNorm()) / (2 * k0);
        const std::size_t p = std::size_t(iy) * grid.nx + ix;
        worst = std::max(worst, std::abs(flown[p] - waves[p] * phase(30 * turns)));
      }
    BOOST_TEST(worst < 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(flux_is_conserved) {
  const auto wave = [](const std::shared_ptr<SlicedPotential>& potential, bool band_limit) {
    MultisliceOptions options;
    options.band_limit = band_limit;
    return through(potential, options, probes<double>(potential->grid(), {{3, 2}}));
  };
  // Without a limit the scheme is unitary; the limit takes what is scattered beyond it.
  BOOST_TEST(std::abs(flux(wave(sliced(some_atoms(), 120, 90, 1), false)) - 1) < 1e-12);
  const double limited = flux(wave(sliced(some_atoms(), 120, 90, 1), true));
  BOOST_TEST(limited < 1);
  BOOST_TEST(limited > 0.999);
  BOOST_TEST(flux(wave(sliced(some_atoms(), 120, 90, 1, true), true)) < limited - 1e-3);
}

// psi(k -> k') through the specimen = psi(-k' -> -k) through it turned back to front.
BOOST_AUTO_TEST_CASE(reciprocity) {
  const AtomicModel model = some_atoms();
  AtomicModel turned = model;
  for (Atom& atom : turned.atoms) atom.position.z() = model.box.z() - atom.position.z();
  const auto potential = sliced(model, 60, 48, 1.3), reversed = sliced(turned, 60, 48, 1.3);
  const WaveGrid& grid = potential->grid();
  const auto pixel = [&](int h, int k) {
    return std::size_t((k + grid.ny) % grid.ny) * grid.nx + (h + grid.nx) % grid.nx;
  };
  const auto amplitude = [&](const auto& specimen, int h, int k, int h1, int k1) {
    FftVector<double> wave(grid.size());
    wave[pixel(h, k)] = 1;
    return through(specimen, {}, wave)[pixel(h1, k1)];
  };
  const complex there = amplitude(potential, 2, -1, -3, 4);
  BOOST_TEST(std::abs(there) > 1e-3);
  BOOST_TEST(std::abs(there - amplitude(reversed, 3, -4, -2, 1)) < 1e-13);
  BOOST_TEST(std::abs(there - amplitude(potential, 3, -4, -2, 1)) > 1e-4);
}

BOOST_AUTO_TEST_CASE(translation_by_whole_pixels) {
  const AtomicModel model = some_atoms();
  const int nx = 60, ny = 48, right = 7, down = 11;
  const Vec2 shift(right * model.box.x() / nx, down * model.box.y() / ny);
  AtomicModel moved = model;
  for (Atom& atom : moved.atoms) atom.position.head<2>() += shift;
  const auto here = sliced(model, nx, ny, 2), there = sliced(moved, nx, ny, 2);
  const auto a = through(here, {}, probes<double>(here->grid(), {{3, 2}}));
  const auto b = through(there, {}, probes<double>(there->grid(), {Vec2(3, 2) + shift}));
  double worst = 0;
  for (std::size_t p = 0; p < a.size(); ++p)
    worst = std::max(worst, std::abs(std::norm(a[p]) - std::norm(b[p])));
  BOOST_TEST(worst < 1e-14);
}

BOOST_AUTO_TEST_CASE(thicknesses) {
  const auto potential = sliced(some_atoms(), 60, 48, 2);
  MultisliceOptions options;
  options.thicknesses = {0, 3.9, 8, 12};
  const Multislice<double> multislice(potential, options);
  BOOST_TEST(multislice.thicknesses() == (std::vector<double>{0, 4, 8, 12}),
             boost::test_tools::per_element());
  const auto waves = probes<double>(potential->grid(), {{3, 2}, {5, 6}});
  auto work = waves;
  int calls = 0;
  multislice.propagate(work.data(), 2, [&](int i) {
    BOOST_TEST(i == calls++);
    MultisliceOptions one;
    one.thicknesses = {multislice.thicknesses()[i]};
    BOOST_TEST(difference(work, through(potential, one, waves)) < 1e-14);
  });
  BOOST_TEST(calls == 4);
  for (const std::vector<double>& wrong : {std::vector<double>{8, 4}, {-3.0}, {14.0}, {NAN}}) {
    options.thicknesses = wrong;
    BOOST_CHECK_THROW(Multislice<double>(potential, options), Error);
  }
}

// From the entrance to 4 A, and on from an entrance there.
BOOST_AUTO_TEST_CASE(entrance) {
  const auto potential = sliced(some_atoms(), 60, 48, 2);
  const auto waves = probes<double>(potential->grid(), {{3, 2}});
  MultisliceOptions front, back;
  front.thicknesses = {4};
  back.entrance = 4;
  BOOST_TEST((Multislice<double>(potential, back).thicknesses() == std::vector<double>{8}));
  const auto in_two = through(potential, back, through(potential, front, waves));
  BOOST_TEST(difference(in_two, through(potential, {}, waves)) < 1e-14);
  back.entrance = 13.1;
  BOOST_CHECK_THROW(Multislice<double>(potential, back), Error);
}

BOOST_AUTO_TEST_CASE(threads_batches_and_memory) {
  const auto potential = sliced(some_atoms(), 60, 48, 1.5);
  const std::vector<Vec2> positions{{3, 2}, {5, 6}, {1, 1}, {8, 3}, {2, 6}};
  const auto waves = probes<float>(potential->grid(), positions);
  set_threads(1);
  const auto one = through(potential, {}, waves);
  set_threads(2);
  BOOST_TEST((through(potential, {}, waves) == one));
  set_threads(0);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto alone = through(potential, {}, probes<float>(potential->grid(), {positions[i]}));
    BOOST_TEST(std::equal(alone.begin(), alone.end(), one.begin() + i * potential->grid().size()));
  }
  // Transmission functions of two slices at a time: rounding of the half steps in between.
  MultisliceOptions small;
  small.memory_GB = 2.5e-9 * double(potential->grid().size() * sizeof(complex));
  const auto all = probes<double>(potential->grid(), positions);
  BOOST_TEST(difference(through(potential, small, all), through(potential, {}, all)) < 1e-14);
}

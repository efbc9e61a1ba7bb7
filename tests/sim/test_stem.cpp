#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "sim/stem.hpp"

using namespace pendel;

namespace {

constexpr double a = 3.905;

/// SrTiO3 [001], 3 x 3 x 4 cells, two slices each.
AtomicModel strontium_titanate() {
  AtomicModel model;
  model.box = {3 * a, 3 * a, 4 * a};
  const std::vector<Atom> atoms{{38, {0, 0, .25}, 1, .6214},
                                {8, {.5, .5, .25}, 1, .7323},
                                {22, {.5, .5, .75}, 1, .4398},
                                {8, {.5, 0, .75}, 1, .7323},
                                {8, {0, .5, .75}, 1, .7323}};
  for (int z = 0; z < 4; ++z)
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 3; ++x)
        for (Atom atom : atoms) {
          atom.position = a * (atom.position + Vec3(x, y, z));
          model.atoms.push_back(atom);
        }
  return model;
}

Probe probe() {
  Probe result;
  result.semiangle = 0.02;
  result.edge = 0.002;
  result.aberrations = {{1, 0, -30, 0}, {1, 2, 15, 0.4}};
  return result;
}

StemOptions options(StemMethod method = StemMethod::multislice,
                    Precision precision = Precision::single) {
  StemOptions result;
  result.method = method;
  result.precision = precision;
  result.pixel = 0.24;  // 1/(3 pixel) is 27 mrad
  result.slicing.slice_A = a / 2;
  result.thicknesses = {2 * a, 4 * a};
  return result;
}

/// 7 x 5 positions, more than a batch has with one thread.
std::vector<Vec2> positions() {
  std::vector<Vec2> result;
  for (int i = 0; i < 35; ++i) result.push_back({0.3 + 0.61 * (i % 7), 1.1 + 0.7 * (i / 7)});
  return result;
}

/// (position, thickness, k)
std::vector<float> run(const StemSimulator& simulator,
                       const std::vector<Vec2>& places = positions()) {
  const std::size_t size = simulator.k().size() * simulator.thicknesses().size();
  std::vector<float> result(places.size() * size, -1);
  simulator.run(places, [&](std::size_t n, const float* intensity) {
    std::copy_n(intensity, size, result.data() + n * size);
  });
  return result;
}
std::vector<float> run(const StemOptions& given) {
  return run(StemSimulator(strontium_titanate(), probe(), given));
}

/// Σ|a − b| / Σ b
double R1(const std::vector<float>& a, const std::vector<float>& b) {
  BOOST_REQUIRE_EQUAL(a.size(), b.size());
  double difference = 0, sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::abs(double(a[i]) - double(b[i]));
    sum += double(b[i]);
  }
  return difference / sum;
}

StemOptions with_phonons(StemOptions given, int configurations = 3) {
  given.phonon_configurations = configurations;
  given.seed = 7;
  return given;
}

struct Threads {
  explicit Threads(int count) { set_threads(count); }
  ~Threads() { set_threads(0); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(memory_threads_and_company_change_no_bit) {
  for (const StemMethod method : {StemMethod::multislice, StemMethod::prism}) {
    StemOptions given = with_phonons(options(method), 2);
    if (method == StemMethod::prism) given.interpolation = {{2, 2}};
    std::vector<float> all;
    {
      const Threads one(1);
      const StemSimulator simulator(strontium_titanate(), probe(), given);
      BOOST_TEST(simulator.block() >= 35);
      all = run(simulator);
      // A position alone is what it is among others.
      const std::size_t size = simulator.k().size() * simulator.thicknesses().size();
      const std::vector<float> alone = run(simulator, {positions()[20]});
      BOOST_TEST(std::equal(alone.begin(), alone.end(), all.begin() + 20 * long(size)));
    }
    const Threads two(2);
    BOOST_TEST((run(given) == all));
    if (method == StemMethod::prism) continue;  // its matrix takes more than all patterns
    // As little memory as there must be: a few positions at a time.
    given.memory_GB = 0.0016;
    const StemSimulator small(strontium_titanate(), probe(), given);
    BOOST_TEST(small.block() < 35);
    BOOST_TEST((run(small) == all));
  }
}

BOOST_AUTO_TEST_CASE(prism_of_every_plane_wave_is_multislice) {
  // Rounding of single precision grows with the sums of PRISM over 600 plane waves.
  for (const auto& [precision, tolerance] :
       {std::pair(Precision::single, 1e-4), std::pair(Precision::double_, 1e-6)}) {
    const std::vector<float> multislice = run(options(StemMethod::multislice, precision));
    const double difference = R1(run(options(StemMethod::prism, precision)), multislice);
    BOOST_TEST_MESSAGE("R1 " << difference);
    BOOST_TEST(difference < tolerance);
    BOOST_TEST(R1(run(options(StemMethod::multislice)), multislice) < 1e-4);
  }
}

BOOST_AUTO_TEST_CASE(a_detector_smaller_than_the_aperture) {
  StemOptions given = options(StemMethod::prism), whole = options();
  given.k_max = 0.6;  // the aperture reaches to 1.07 1/Å
  const StemSimulator part(strontium_titanate(), probe(), given);
  const StemSimulator all(strontium_titanate(), probe(), whole);
  const std::vector<float> found = run(part), expected = run(all);
  BOOST_TEST(part.k().size() < all.k().size());
  double largest = 0;
  for (std::size_t row = 0; row < found.size() / part.k().size(); ++row)
    for (std::size_t i = 0; i < part.k().size(); ++i) {
      const auto same = std::find(all.k().begin(), all.k().end(), part.k()[i]) - all.k().begin();
      largest =
          std::max(largest, std::abs(double(found[row * part.k().size() + i]) -
                                     double(expected[row * all.k().size() + std::size_t(same)])));
    }
  BOOST_TEST(largest < 1e-6);  // of pixels up to 3e-3: single precision
}

BOOST_AUTO_TEST_CASE(thicknesses_are_separate_runs) {
  const StemSimulator both(strontium_titanate(), probe(), options());
  const std::vector<float> together = run(both);
  const std::size_t size = both.k().size();
  for (const std::size_t t : {0, 1}) {
    AtomicModel model = strontium_titanate();
    model.box.z() = options().thicknesses[t];
    model.atoms.erase(
        std::remove_if(model.atoms.begin(), model.atoms.end(),
                       [&](const Atom& atom) { return atom.position.z() > model.box.z(); }),
        model.atoms.end());
    StemOptions one = options();
    one.thicknesses.clear();
    const std::vector<float> separate = run(StemSimulator(model, probe(), one));
    std::vector<float> part;
    for (std::size_t n = 0; n < positions().size(); ++n)
      part.insert(part.end(), together.begin() + long((2 * n + t) * size),
                  together.begin() + long((2 * n + t + 1) * size));
    // Two propagations of half a slice in place of one of a whole: single precision.
    BOOST_TEST(R1(part, separate) < 1e-5);
  }
}

// Pixels of 0.24 Å would let it grow by 1e-4: a transmission function whose plane waves end at the
// band limit is not of modulus 1.
BOOST_AUTO_TEST_CASE(no_intensity_is_made) {
  for (StemOptions given : {options(), with_phonons(options())}) {
    given.pixel = 0.12;
    const StemSimulator simulator(strontium_titanate(), probe(), given);
    const std::vector<float> all = run(simulator, {{0.3, 1.1}, {2.7, 3.1}});
    BOOST_TEST(*std::min_element(all.begin(), all.end()) >= 0);
    const std::size_t size = simulator.k().size();
    for (std::size_t row = 0; row < all.size() / size; ++row) {
      const double sum = std::accumulate(all.begin() + long(row * size),
                                         all.begin() + long((row + 1) * size), 0.0);
      BOOST_REQUIRE(sum < 1 + 1e-5);  // single precision
      BOOST_REQUIRE(sum > 0.97);      // the rest is scattered beyond the band limit
    }
  }
}

BOOST_AUTO_TEST_CASE(partial_coherence_is_a_sum_of_intensities) {
  StemOptions given = options(StemMethod::multislice, Precision::double_);
  given.focal_spread = 20;
  given.source_size = 0.3;
  const std::vector<Vec2> few{{0.3, 1.1}, {2.7, 3.1}};
  const std::vector<float> found = run(StemSimulator(strontium_titanate(), probe(), given), few);
  std::vector<double> sum(found.size(), 0);
  const StemOptions coherent = options(StemMethod::multislice, Precision::double_);
  for (const DefocusOffset& focus : defocus_offsets(20, 7)) {
    Probe shifted = probe();
    shifted.aberrations.push_back({1, 0, focus.C10, 0});
    const StemSimulator simulator(strontium_titanate(), shifted, coherent);
    for (const PositionOffset& source : source_offsets(0.3, 3)) {
      std::vector<Vec2> places = few;
      for (Vec2& place : places) place += source.position;
      const std::vector<float> part = run(simulator, places);
      for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += focus.weight * source.weight * double(part[i]);
    }
  }
  // 63 additions in single precision
  BOOST_TEST(R1(found, std::vector<float>(sum.begin(), sum.end())) < 1e-6);
  BOOST_TEST(R1(found, run(StemSimulator(strontium_titanate(), probe(), coherent), few)) > 0.02);
}

BOOST_AUTO_TEST_CASE(frozen_phonons_by_seed) {
  const std::vector<float> three = run(with_phonons(options(), 3));
  BOOST_TEST((run(with_phonons(options(), 3)) == three));
  StemOptions other = with_phonons(options(), 3);
  other.seed = 8;
  BOOST_TEST(R1(run(other), three) > 0.01);
  BOOST_TEST(R1(run(options()), three) > 0.01);
  // The mean over configurations, each by its number.
  std::vector<double> sum(three.size(), 0);
  for (int configuration = 0; configuration < 3; ++configuration) {
    const StemSimulator one(displaced(strontium_titanate(), 7, configuration), probe(), options());
    const std::vector<float> part = run(one);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += double(part[i]) / 3;
  }
  BOOST_TEST(R1(three, std::vector<float>(sum.begin(), sum.end())) < 1e-6);
}

BOOST_AUTO_TEST_CASE(snapshots_are_configurations) {
  StemOptions given = options();
  for (int i = 0; i < 3; ++i)
    given.snapshots.push_back(displaced(strontium_titanate(), 7, i).atoms);
  const StemSimulator simulator(strontium_titanate(), probe(), given);
  BOOST_TEST(simulator.configurations() == 3);
  BOOST_TEST((run(simulator) == run(with_phonons(options(), 3))));
}

namespace {

/// In memory; counts.
struct Store : MatrixStore {
  std::map<std::pair<int, int>, std::vector<char>> matrices;
  int written = 0, taken = 0;
  bool has(int configuration) const override { return matrices.count({configuration, 1}) > 0; }
  void read(int configuration, int thickness, void* bytes, std::size_t count) override {
    const std::vector<char>& matrix = matrices.at({configuration, thickness});
    BOOST_REQUIRE(matrix.size() == count);
    std::memcpy(bytes, matrix.data(), count);
    ++taken;
  }
  void write(int configuration, int thickness, const void* bytes, std::size_t count) override {
    const char* first = static_cast<const char*>(bytes);
    matrices[{configuration, thickness}].assign(first, first + count);
    ++written;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(stored_matrices_serve_other_probes) {
  for (const int rings : {0, 2}) {
    StemOptions given = with_phonons(options(StemMethod::prism), 2);
    given.partition_rings = rings;
    Store store;
    const auto kept = [&](const Probe& one, const StemOptions& how) {
      const StemSimulator simulator(strontium_titanate(), one, how);
      const std::size_t size = simulator.k().size() * simulator.thicknesses().size();
      std::vector<float> result(positions().size() * size);
      simulator.run(
          positions(),
          [&](std::size_t n, const float* intensity) {
            std::copy_n(intensity, size, result.data() + n * size);
          },
          &store);
      return result;
    };
    BOOST_TEST((kept(probe(), given) == run(given)));
    BOOST_TEST(store.written == 4);
    BOOST_TEST(store.taken == 0);
    // other aberrations, a smaller aperture
    Probe other = probe();
    other.aberrations = {{1, 0, 80, 0}, {2, 1, 300, 0.2}, {3, 0, 1e5, 0}};
    BOOST_TEST((kept(other, given) == run(StemSimulator(strontium_titanate(), other, given))));
    other.semiangle = 0.015;
    given.matrix_semiangle = outer_semiangle(probe());
    const std::vector<float> smaller = kept(other, given);
    BOOST_TEST(store.written == 4);
    BOOST_TEST(store.taken == 8);
    given.matrix_semiangle = 0;
    if (rings == 0)  // the same sums, with terms of 0
      BOOST_TEST(R1(smaller, run(StemSimulator(strontium_titanate(), other, given))) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(a_probe_beside_a_particle_sees_vacuum) {
  // Gold, fcc, in a corner of the box; the probe, well within 5 Å, stands 10 Å from it.
  AtomicModel model;
  model.box = {24, 24, 8};
  for (int z = 0; z < 2; ++z)
    for (int y = 0; y < 2; ++y)
      for (int x = 0; x < 2; ++x)
        model.atoms.push_back({79, Vec3(x, y, z) * 2.9 + Vec3::Ones(), 1, 0.6});
  Probe focused;
  focused.semiangle = 0.02;
  focused.edge = 0.006;
  StemOptions given = options(StemMethod::multislice, Precision::double_);
  given.thicknesses.clear();
  const StemSimulator simulator(model, focused, given);
  const Vec2 far(14, 14), near(2, 2);
  const std::vector<float> beside = run(simulator, {far}), on = run(simulator, {near});
  std::vector<complex> wave(simulator.grid().size());
  probe_wave(focused, simulator.grid(), far, wave.data());
  AtomicModel vacuum = model;
  vacuum.atoms.clear();
  const std::vector<float> empty = run(StemSimulator(vacuum, focused, given), {near});
  // In vacuum a probe's pattern is its aperture, wherever it stands.
  std::vector<float> aperture;
  double sum = 0;
  for (const complex& amplitude : wave) sum += std::norm(amplitude);
  BOOST_TEST(std::abs(sum - 1) < 1e-12);
  for (const Vec2& k : simulator.k()) {
    const long x = std::lround(k.x() * 24), y = std::lround(k.y() * 24);
    const WaveGrid& grid = simulator.grid();
    aperture.push_back(float(std::norm(wave[std::size_t(y < 0 ? y + grid.ny : y) * grid.nx +
                                            std::size_t(x < 0 ? x + grid.nx : x)])));
  }
  BOOST_TEST_MESSAGE("beside " << R1(beside, aperture) << ", on " << R1(on, aperture));
  BOOST_TEST(R1(empty, aperture) < 1e-6);
  BOOST_TEST(R1(beside, aperture) < 0.02);  // the probe's tails and the potential's touch
  BOOST_TEST(R1(on, aperture) > 0.03);
}

BOOST_AUTO_TEST_CASE(what_throws_ends_the_run) {
  const StemSimulator simulator(strontium_titanate(), probe(), options());
  const auto enough = [](const Error& error) { return error.exit_status() == 130; };
  BOOST_CHECK_EXCEPTION(simulator.run(positions(),
                                      [&](std::size_t, const float*) {
                                        throw Error(ErrorKind::interrupted, "enough");
                                      }),
                        Error, enough);
}

BOOST_AUTO_TEST_CASE(what_cannot_be) {
  StemOptions large = options(StemMethod::prism);
  large.memory_GB = 0.015;
  BOOST_CHECK_EXCEPTION(
      StemSimulator(strontium_titanate(), probe(), large), Error, [](const Error& error) {
        const std::string text = error.what();
        return error.kind() == ErrorKind::study && text.find("the PRISM matrix of ") == 0 &&
               text.find("(it has half of memory_GB)") != std::string::npos;
      });
  StemOptions given = options();
  given.memory_GB = 0.0002;
  const auto memory = [](const Error& error) {
    return error.kind() == ErrorKind::study &&
           std::string(error.what()).find("memory_GB is 0.0002; waves of 64 x 64 pixels") == 0;
  };
  BOOST_CHECK_EXCEPTION(StemSimulator(strontium_titanate(), probe(), given), Error, memory);
  given = options();
  given.pixel = 0.5;  // 1/(3 * 0.5 Å) is 13 mrad
  const auto aperture = [](const Error& error) {
    return error.kind() == ErrorKind::study &&
           std::string(error.what()).find("the aperture reaches to 21 mrad") == 0;
  };
  BOOST_CHECK_EXCEPTION(StemSimulator(strontium_titanate(), probe(), given), Error, aperture);
}

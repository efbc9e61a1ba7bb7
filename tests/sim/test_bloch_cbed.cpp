// A convergent beam of py4DSTEM: intensities of 13 disks, Si [110], 200 kV, many directions and two
// thicknesses at once. Origin of the numbers: tests/data/bloch/README.md.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <map>

#include "../crystal/atom_program.hpp"
#include "sim/bloch.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
namespace program = reference::atom_program;

namespace {

constexpr double pi = electron::pi;
constexpr double u = 0.07689012332888022;  // rms displacement, Å

const char* py4dstem = "py4DSTEM [Savitzky2021], 126 directions, 13 disks";

struct Disks {
  double alpha, radius;
  std::vector<double> thickness;
  std::vector<Hkl> beams;
  std::vector<Vec2> pixels;
  std::vector<std::vector<double>> intensity;  // [direction][thickness, beam]
};

Disks read() {
  std::ifstream in(PENDEL_SOURCE_DIR "/tests/data/bloch/Si110_200kV_cbed.txt");
  Disks data;
  std::string key;
  std::size_t n = 0;
  in >> key >> data.alpha >> key >> data.radius >> key >> n;
  data.thickness.resize(n);
  for (double& t : data.thickness) in >> t;
  in >> key >> n;
  data.beams.resize(n);
  for (Hkl& hkl : data.beams) in >> hkl.h >> hkl.k >> hkl.l;
  in >> key >> n;
  data.pixels.resize(n);
  data.intensity.assign(n, std::vector<double>(data.thickness.size() * data.beams.size()));
  for (std::size_t d = 0; d < n; ++d) {
    in >> data.pixels[d][0] >> data.pixels[d][1];
    for (double& value : data.intensity[d]) in >> value;
  }
  BOOST_REQUIRE(bool(in));
  return data;
}

/// That program's frame: x along [001], y along [1-10], z along [110] to the source; ours is turned
/// by 180° about x. Its wavelength is rounded (1e-7) and its factors have another scale and γ,
/// which occupancies and the strength of absorption carry.
State state_of(double wavelength = 0.025079337357037376) {
  const double m = electron::rest_energy_keV;
  State state;
  state.energy_keV = std::hypot(m, electron::hc_keV_A / wavelength) - m;
  const double gamma = program::gamma(200) / electron::gamma(state.energy_keV);
  Crystal crystal{"Si", Cell(5.431, 5.431, 5.431, 90, 90, 90), {}};
  for (double x : {0.0, 0.25})
    for (const Vec3& centring :
         {Vec3(0, 0, 0), Vec3(0, .5, .5), Vec3(.5, 0, .5), Vec3(.5, .5, 0)}) {
      Site atom;
      atom.Z = 14;
      atom.position = {centring + Vec3(x, x, x)};
      atom.set_B(8 * pi * pi * u * u);
      atom.occupancy = gamma * program::scale;
      crystal.sites.push_back(atom);
    }
  state.absorption_strength = gamma;
  const double r = std::sqrt(0.5);
  Mat3 R;
  R << 0, 0, 1, -r, r, 0, -r, -r, 0;  // rows: our x, y, z
  state.crystals = {{crystal, R}};
  state.layers = {{0, 100}};
  return state;
}

Vec2 tilt(const Disks& data, const Vec2& pixel) {
  const Vec2 t = data.alpha / data.radius * pixel;
  const Vec2 s = t / std::sqrt(1 + t.squaredNorm());
  return {std::asin(s[0]), std::asin(-s[1])};
}

BlochOptions options_of(Absorption absorption) {
  BlochOptions options;
  options.potential.table = ScatteringTable::weickenmeier_kohl;
  options.potential.absorption = absorption;
  options.refraction = false;
  options.coupling_g_max = 2.2;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(disks_of_a_convergent_beam) {
  const Disks data = read();
  const State state = state_of();
  const Bloch engine(state, zone_beams(state, 1.1), options_of(Absorption::weickenmeier_kohl));
  BOOST_TEST(engine.beams().size() == 79u);
  std::vector<Vec2> incidence;
  for (const Vec2& pixel : data.pixels) incidence.push_back(tilt(data, pixel));
  double largest = 0;
  for (BlochMethod method : {BlochMethod::exponential, BlochMethod::eigen}) {
    SeriesOptions options;
    options.method = method;
    const auto psi = engine.thickness_series(state, incidence, 0, data.thickness, options);
    for (std::size_t d = 0; d < incidence.size(); ++d)
      for (std::size_t k = 0; k < data.thickness.size(); ++k)
        for (std::size_t g = 0; g < data.beams.size(); ++g) {
          const double I = std::norm(psi[k](engine.beams().index(data.beams[g]), d));
          largest = std::max(largest, std::abs(I - data.intensity[d][k * data.beams.size() + g]));
        }
  }
  BOOST_TEST_MESSAGE("    largest difference of " << incidence.size()
                                                  << " directions: " << largest);
  // What is left is that program's: its excitation errors are not those of its surface normal (the
  // next test) and its approximate exponential integrals.
  record("Bloch waves", "CBED of Si [110], exact equations", py4dstem, largest, at_most(1e-5));
}

// Its equations imposed: 2k s_g where 2k_n s_g belongs, s_g = −(2k·g+g²)/(2k_n) along the surface
// normal, and its absorptive factors. Then the printed digits (5e-8) decide.
BOOST_AUTO_TEST_CASE(disks_with_the_programs_equations) {
  const Disks data = read();
  const State state = state_of();
  const Bloch engine(state, zone_beams(state, 1.1), options_of(Absorption::none));
  const Beams& beams = engine.beams();
  const int n = int(beams.size()), zero = beams.index({});
  const Crystal& crystal = state.crystals[0].crystal;

  const MatrixXcd elastic = engine.structure_matrix(state, 0, {0, 0});
  MatrixXcd U(n, n);
  std::map<Hkl, complex> known;
  for (int g = 0; g < n; ++g)
    for (int h = 0; h < n; ++h) {
      const Hkl hkl = beams.hkl[g] - beams.hkl[h];
      const double length = crystal.cell.g(hkl).v.norm();
      const auto [entry, is_new] = known.emplace(hkl, 0);
      if (is_new && length < 2.2 * (1 + 1e-9))
        for (const Site& atom : crystal.sites)
          entry->second +=
              (program::core(14, length, u, 200) + program::phonon(14, length, u, 200)) /
              crystal.cell.volume() * phase(-hkl.vec().dot(atom.position.v));
      U(g, h) = (g == h ? complex(0) : elastic(g, h)) + complex(0, 1) * entry->second;
    }
  const double k = 1 / electron::wavelength(state.energy_keV);
  double largest = 0;
  for (std::size_t d = 0; d < data.pixels.size(); d += 9) {
    const Vec2 K_t = k * Vec2(tilt(data, data.pixels[d]).array().sin());
    const double k_n = std::sqrt(k * k - K_t.squaredNorm());
    MatrixXcd A = U;
    for (int g = 0; g < n; ++g) {
      const Vec2 v = beams.g[g].head<2>();
      A(g, g) -= (2 * K_t + v).dot(v) * k / k_n;
    }
    const EigenDecomposition eigen = general_eigen(A);
    for (std::size_t i = 0; i < data.thickness.size(); ++i) {
      const complex factor = complex(0, pi) * data.thickness[i] / k_n;
      const VectorXcd psi =
          eigen.vectors *
          ((factor * eigen.values).array().exp() * eigen.inverse.col(zero).array()).matrix();
      for (std::size_t g = 0; g < data.beams.size(); ++g)
        largest = std::max(largest, std::abs(std::norm(psi[beams.index(data.beams[g])]) -
                                             data.intensity[d][i * data.beams.size() + g]));
    }
  }
  BOOST_TEST_MESSAGE("    largest difference: " << largest);
  record("Bloch waves", "CBED of Si [110], its equations imposed", py4dstem, largest,
         at_most(1e-7));
}

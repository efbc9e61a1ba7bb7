// Bloch waves against independent programs: intensities of py4DSTEM and of a textbook solver,
// amplitudes of zero-order-zone calculations. Origin of the numbers: tests/data/bloch/README.md.
#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <map>

#include "../crystal/atom_program.hpp"
#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "sim/ewald.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
namespace program = reference::atom_program;

namespace {

constexpr double pi = electron::pi;
const std::string folder = PENDEL_SOURCE_DIR "/tests/data/bloch/";

/// Reads a text of words and numbers; every read must succeed.
class Reader {
 public:
  explicit Reader(const std::string& path) : file_(path) { BOOST_REQUIRE(file_.good()); }
  template <class T>
  T get() {
    T value;
    BOOST_REQUIRE(bool(file_ >> value));
    return value;
  }
  Vec3 vector() {
    const double x = get<double>(), y = get<double>();
    return {x, y, get<double>()};
  }
  void key(const std::string& expected) { BOOST_REQUIRE_EQUAL(get<std::string>(), expected); }
  int count(const std::string& expected) {
    key(expected);
    return get<int>();
  }

 private:
  std::ifstream file_;
};

Cell orthogonal(const Vec3& edges) { return Cell(edges[0], edges[1], edges[2], 90, 90, 90); }

struct Run {
  std::string program, method;
  Vec3 beam_direction;                         // crystal frame
  std::vector<std::vector<double>> intensity;  // [thickness][beam]
};

struct Case {
  double wavelength, coupling_g_max;
  Crystal crystal;
  Mat3 lab_columns;
  Vec3 outward_normal;
  std::vector<double> thickness;
  std::vector<Hkl> beams;
  std::vector<Run> runs;
};

Case read_case(const std::string& name) {
  Reader in(folder + name + ".txt");
  Case result;
  in.key("wavelength_A");
  result.wavelength = in.get<double>();
  in.key("cell");
  result.crystal.cell = orthogonal(in.vector());
  for (int n = in.count("sites"); n > 0; --n) {
    const int Z = in.get<int>();
    const Vec3 x = in.vector();
    const double u = in.get<double>();
    result.crystal.sites.push_back(site(Z, x[0], x[1], x[2], 8 * pi * pi * u * u));
  }
  in.key("lab_columns");
  for (int row = 0; row < 3; ++row) result.lab_columns.row(row) = in.vector();
  in.key("outward_normal");
  result.outward_normal = in.vector();
  in.key("coupling_g_max");
  result.coupling_g_max = in.get<double>();
  for (int n = in.count("thickness"); n > 0; --n) result.thickness.push_back(in.get<double>());
  for (int n = in.count("beams"); n > 0; --n) {
    const int h = in.get<int>(), k = in.get<int>();
    result.beams.push_back({h, k, in.get<int>()});
  }
  for (int n = in.count("runs"); n > 0; --n) {
    Run run;
    run.program = in.get<std::string>();
    run.method = in.get<std::string>();
    run.beam_direction = in.vector();
    run.intensity.assign(result.thickness.size(), std::vector<double>(result.beams.size()));
    for (auto& row : run.intensity)
      for (double& value : row) value = in.get<double>();
    result.runs.push_back(run);
  }
  return result;
}

/// A run of these programs as Pendel's state.
State state_of(const Case& data, const Run& run) {
  // Their lab: z to the source, v_lab = columnsᵀ v_crystal. Ours has z along the beam: 180° about
  // x.
  State state;
  const Mat3 R = Vec3(1, -1, -1).asDiagonal() * data.lab_columns.transpose();
  const Vec3 beam = R * run.beam_direction;
  state.beam_tilt = {std::asin(beam[0]), std::asin(beam[1])};
  state.surface_normal = -R * data.outward_normal;

  // Their constants are rounded differently, which the thick specimens would show at 1e-5: the
  // energy is chosen for their wavelength. Their γ is from 511.0 keV and their U_g are larger by
  // `scale`: occupancies carry that, and the strength the second γ of U'.
  const double m = electron::rest_energy_keV;
  state.energy_keV = std::hypot(m, electron::hc_keV_A / data.wavelength) - m;
  const double gamma =
      program::gamma(std::round(state.energy_keV)) / electron::gamma(state.energy_keV);
  Crystal crystal = data.crystal;
  for (Site& atom : crystal.sites) atom.occupancy = gamma * program::scale;
  state.absorption_strength = gamma;
  state.crystals = {{crystal, R}};
  state.layers = {{0, 0}};
  return state;
}

/// The potential of Pendel, or with U' as py4DSTEM approximates it.
enum class Potential { exact, approximate };

/// U'_{g−h} of the program (approximate exponential integrals); (beams, beams).
MatrixXcd absorption_of_program(const Case& data, double energy_keV) {
  const std::size_t n = data.beams.size();
  std::map<Hkl, complex> known;
  MatrixXcd result(n, n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const Hkl hkl = data.beams[i] - data.beams[j];
      const double g = data.crystal.cell.g(hkl).v.norm();
      const auto [entry, is_new] = known.emplace(hkl, 0);
      if (is_new && g <= data.coupling_g_max * (1 + 1e-9))
        for (const Site& atom : data.crystal.sites) {
          const double u = std::sqrt(atom.U(0, 0));
          entry->second += (program::core(atom.Z, g, u, energy_keV) +
                            program::phonon(atom.Z, g, u, energy_keV)) /
                           data.crystal.cell.volume() * phase(-hkl.vec().dot(atom.position.v));
        }
      result(i, j) = entry->second;
    }
  return result;
}

/// Largest difference of intensity over thicknesses and beams.
double largest_difference(const Case& data, const Run& run, Potential potential) {
  State state = state_of(data, run);
  BlochOptions options;
  options.potential.table = ScatteringTable::weickenmeier_kohl;
  const bool absorbing = run.method == "WKCP_fixed";
  if (absorbing && potential == Potential::exact)
    options.potential.absorption = Absorption::weickenmeier_kohl;
  options.refraction = false;  // Re U_0 changes no intensity without it
  options.coupling_g_max = data.coupling_g_max;
  const Bloch engine(state, beams_from_hkl(state, data.beams), options);

  MatrixXcd A = engine.structure_matrix(state, 0, state.beam_tilt);
  const IncidentWave wave = incident_wave(state, state.beam_tilt, 0);
  if (absorbing && potential == Potential::approximate) {
    VectorXcd root(data.beams.size());  // 1/sqrt(1+g_n/K_n)
    for (std::size_t g = 0; g < data.beams.size(); ++g)
      root[g] = 1 / std::sqrt(1 + engine.beams().g[g].dot(state.surface_normal) / wave.K_n);
    A += complex(0, 1) *
         (root.asDiagonal() * absorption_of_program(data, std::round(state.energy_keV)) *
          root.asDiagonal());
  }
  const EigenDecomposition eigen = absorbing ? general_eigen(A) : hermitian_eigen(A);
  const int zero = engine.beams().index({0, 0, 0});
  double largest = 0;
  for (std::size_t i = 0; i < data.thickness.size(); ++i) {
    const complex factor = complex(0, pi) * data.thickness[i] / wave.K_n;
    const VectorXcd psi =
        eigen.vectors *
        ((factor * eigen.values).array().exp() * eigen.inverse.col(zero).array()).matrix();
    // The engine itself takes this potential to the same amplitudes; once per crystal will do.
    if (run.program == "py4DSTEM" && potential == Potential::exact &&
        i + 1 == data.thickness.size()) {
      ExitWaves waves;
      state.layers[0].thickness = data.thickness[i];
      engine.exit_waves(state, {{0, 0}}, {}, waves);
      BOOST_TEST((waves.psi.col(0) - psi).norm() < 1e-11);
    }
    for (std::size_t g = 0; g < data.beams.size(); ++g)
      largest = std::max(largest, std::abs(std::norm(psi[g]) - run.intensity[i][g]));
  }
  return largest;
}

}  // namespace

BOOST_AUTO_TEST_CASE(intensities_of_py4dstem_and_of_a_textbook_solver) {
  for (const char* name : {"PTO100_300kV", "STO001_300kV", "Si110_200kV"}) {
    const Case data = read_case(name);
    for (const Run& run : data.runs) {
      const double exact = largest_difference(data, run, Potential::exact);
      const double approximate =
          run.method == "WK_fixed" ? exact : largest_difference(data, run, Potential::approximate);
      BOOST_TEST_MESSAGE("    " << name << " " << run.program << " " << run.method << " "
                                << run.beam_direction.transpose() << ": " << approximate
                                << ", with exact U' " << exact);
      // The printed digits (5e-8) decide, once U' has the approximate exponential integrals of
      // both programs. Exact ones, up to 2e-5 of U' away (tests/crystal), differ by 2.3e-6 at
      // 1000 Å.
      const std::string source = run.program == "py4DSTEM" ? "py4DSTEM [Savitzky2021], zone axis"
                                                           : "textbook solver, zone axis and tilts";
      if (run.method == "WK_fixed") {
        record("Bloch waves", "intensities without absorption", source, exact, at_most(1e-7));
      } else {
        record("Bloch waves", "intensities, absorption with their approximations", source,
               approximate, at_most(1e-7));
        record("Bloch waves", "intensities, exact absorption", source, exact, at_most(3e-6));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(amplitudes_of_zero_order_zones) {
  Reader in(folder + "zone_amplitudes.txt");
  for (int cases = in.count("cases"); cases > 0; --cases) {
    const std::string name = in.get<std::string>();
    State state;
    state.energy_keV = in.get<double>();
    const double tilt_x_mrad = in.get<double>(), tilt_y_mrad = in.get<double>();
    const Vec2 tangents(std::tan(tilt_x_mrad * 1e-3), std::tan(tilt_y_mrad * 1e-3));
    const double g_max = in.get<double>();
    const int beams_in_all = in.get<int>();
    Crystal crystal;
    crystal.cell = orthogonal(in.vector());
    for (int n = in.count("sites"); n > 0; --n) {
      const int Z = in.get<int>();
      const Vec3 x = in.vector();
      crystal.sites.push_back(site(Z, x[0], x[1], x[2], in.get<double>()));
    }
    std::vector<Hkl> shown;
    for (int n = in.count("beams"); n > 0; --n) {
      const int h = in.get<int>();
      shown.push_back({h, in.get<int>(), 0});
    }
    // Theirs is K_t = k0 tan θ and the paraxial equation, with k0 in the place of K_n.
    state.beam_tilt = tangents.array().asin();
    const double K_n_over_k0 = std::sqrt(1 - tangents.squaredNorm());

    state.crystals = {{crystal, Mat3::Identity()}};
    state.layers = {{0, 0}};
    BlochOptions options;
    options.refraction = false;  // U_0 on the diagonal, as there
    const Bloch engine(state, zone_beams(state, g_max), options);
    BOOST_TEST(engine.beams().size() == std::size_t(beams_in_all), name);
    in.key("thickness_A");
    state.layers[0].thickness = in.get<double>() * K_n_over_k0;
    ExitWaves waves;
    engine.exit_waves(state, {{0, 0}}, {}, waves);
    std::vector<complex> expected(shown.size());
    for (complex& value : expected) value.real(in.get<double>());
    for (complex& value : expected) value.imag(in.get<double>());
    double largest = 0;
    for (std::size_t g = 0; g < shown.size(); ++g)
      largest =
          std::max(largest, std::abs(waves.psi(engine.beams().index(shown[g]), 0) - expected[g]));
    BOOST_TEST_MESSAGE("    " << name << " " << state.energy_keV << " keV: " << largest);
    record("Bloch waves", "amplitudes of 24 zero-order-zone cases, six crystals",
           "numpy program (tests/data/bloch)", largest, at_most(1e-9));
  }
}

#include "crystal/structure_factor.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <tuple>

#include "atom_program.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "reference.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
using electron::pi;
using reference::PbTiO3;
using reference::SrTiO3;

namespace {

Crystal named(const std::string& name) {
  if (name == "PbTiO3") return PbTiO3();
  if (name == "SrTiO3") return SrTiO3();
  if (name == "Si") return reference::face_centred("Si", 5.431, 14, true);
  BOOST_REQUIRE(name == "Au");
  return reference::face_centred("Au", 4.078, 79, false);
}

Crystal without_motion(Crystal crystal) {
  for (Site& site : crystal.sites) site.set_B(0);
  return crystal;
}

Hkl hkl_of(const std::vector<std::string>& row, int first) {
  return {std::stoi(row[first]), std::stoi(row[first + 1]), std::stoi(row[first + 2])};
}

complex number(const std::vector<std::string>& row, int first) {
  return {std::stod(row[first]), std::stod(row[first + 1])};
}

const PotentialOptions every_absorption[] = {
    {},
    {ScatteringTable::kirkland, Absorption::proportional, 0.07, true, true},
    {ScatteringTable::weickenmeier_kohl, Absorption::weickenmeier_kohl, 0.1, true, true},
    {ScatteringTable::lobato, Absorption::weickenmeier_kohl, 0.1, true, false},
    {ScatteringTable::peng, Absorption::weickenmeier_kohl, 0.1, false, true}};

/// U_g and U'_g with the approximations that the program makes; exp(+2πi g·r) as there.
Ug of_atom_program(const Crystal& crystal, const Hkl& hkl, double E) {
  namespace program = reference::atom_program;
  const double g = crystal.cell.g(hkl).v.norm();
  Ug sum{};
  for (const Site& site : crystal.sites) {
    const double f_e = scattering_factor(ScatteringTable::weickenmeier_kohl, site.Z, g);
    const double u = std::sqrt(site.U(0, 0));
    const complex wave = phase(hkl.vec().dot(site.position.v)) / crystal.cell.volume();
    sum.elastic += program::elastic(f_e, g, u, E) * wave;
    sum.absorptive += (program::core(site.Z, g, u, E) + program::phonon(site.Z, g, u, E)) * wave;
  }
  return sum;
}

const char* py4dstem = "py4DSTEM [Savitzky2021], Weickenmeier-Kohl";

/// Its U_g = Σ (Re + i Im) exp(+2πi g·r)/Ω is conj(U_g) + i conj(U'_g) here.
void check_against_py4dstem(const Crystal& crystal, double E, const Hkl& hkl, complex elastic,
                            complex both) {
  const complex absorptive = (both - elastic) / complex(0, 1);
  const std::string where = crystal.name + " " + std::to_string(hkl.h) + " " +
                            std::to_string(hkl.k) + " " + std::to_string(hkl.l);
  const auto U = structure_factors(crystal, {hkl, {0, 0, 0}}, E, every_absorption[2]);
  const double elastic_0 = std::abs(U[1].elastic), absorptive_0 = std::abs(U[1].absorptive);
  // With its approximations: the digits of the file.
  const Ug program = of_atom_program(crystal, hkl, E);
  BOOST_TEST_CONTEXT(where) {
    record("Potentials", "U_g, with its approximations, of U_0", py4dstem,
           std::abs(program.elastic - elastic) / elastic_0, at_most(1e-11));
    record("Potentials", "U'_g, with its approximations, of U'_0", py4dstem,
           std::abs(program.absorptive - absorptive) / absorptive_0, at_most(1e-10));
  }
  // Without, and converted: γ² is common to U', the wavelength is 1e-7 shorter there; the rest is
  // the approximate exponential integrals.
  namespace constants = reference::atom_program;
  const double gamma = constants::gamma(E) / electron::gamma(E);
  BOOST_TEST_CONTEXT(where) {
    record("Potentials", "U_g, of U_0", py4dstem,
           std::abs(constants::scale * gamma * std::conj(U[0].elastic) - elastic) / elastic_0,
           at_most(1e-11));
    record("Potentials", "U'_g with exact integrals, of U'_0", py4dstem,
           std::abs(constants::scale * gamma * gamma * std::conj(U[0].absorptive) - absorptive) /
               absorptive_0,
           at_most(2e-5));
  }
}

double distance(const Ug& a, const Ug& b) {
  return std::abs(a.elastic - b.elastic) + std::abs(a.absorptive - b.absorptive);
}

// A direction without symmetry: every atom moves differently and every B changes.
CrystalTangent general_direction() {
  CrystalTangent direction;
  direction.displacement = {
      {0.01, 0.02, -0.3}, {0.2, -0.1, 0.4}, {-0.3, 0.1, 0.2}, {0, 0.3, -0.1}, {0.1, 0.1, 0.05}};
  for (double B : {0.3, 0.2, -0.4, 0.1, 0.25})
    direction.U.push_back(Mat3::Identity() * (B / (8 * pi * pi)));
  return direction;
}

}  // namespace

BOOST_AUTO_TEST_CASE(structure_factors_of_py4dstem) {
  // F = (1/Ω) Σ f_e exp(+2πi g·r) = (π/γ) conj(U_g), static; all tables hold 15 digits.
  for (const auto& row : reference::rows(reference::file("structure_factors.csv"))) {
    const Crystal crystal = without_motion(named(row[0]));
    const Ug U_g = structure_factors(crystal, {hkl_of(row, 1)}, 300, {})[0];
    const complex F = std::conj(U_g.elastic) * pi / electron::gamma(300);
    record("Potentials", "structure factors, static, 1/Å²", "py4DSTEM [Savitzky2021], Lobato",
           std::abs(F - number(row, 4)), at_most(1e-12));
    BOOST_TEST(std::abs(U_g.absorptive) == 0);
  }
}

BOOST_AUTO_TEST_CASE(potential_of_a_multislice_program) {
  // V_g [V], printed with 8 digits.
  const double volt = electron::potential_V_A2 * pi / electron::gamma(300);
  PotentialOptions kirkland;
  kirkland.table = ScatteringTable::kirkland;
  for (const auto& row : reference::rows(reference::file("potential_coefficients.csv"))) {
    const Crystal crystal =
        row[0] == "PbTiO3" ? PbTiO3(0.90, 0.45, 0.70) : SrTiO3(0.6214, 0.4398, 0.7323);
    int column = 4;
    for (const PotentialOptions& options : {PotentialOptions{}, kirkland})
      for (const Crystal& moving : {without_motion(crystal), crystal}) {
        const complex V =
            volt * structure_factors(moving, {hkl_of(row, 1)}, 300, options)[0].elastic;
        const complex expected = number(row, column);
        record("Potentials", "V_g static and smeared, relative to |V_g| + 0.1 V",
               "numpy program (tests/data/crystal)",
               std::abs(V - expected) / (std::abs(expected) + 0.1), at_most(1e-7));
        column += 2;
      }
  }
}

BOOST_AUTO_TEST_CASE(absorbing_crystals_of_py4dstem) {
  for (const auto& row : reference::rows(reference::file("weickenmeier_kohl_crystals.csv")))
    check_against_py4dstem(named(row[0]), std::stod(row[1]), hkl_of(row, 2), number(row, 5),
                           number(row, 7));
}

BOOST_AUTO_TEST_CASE(every_reflection_of_py4dstem) {
  const std::string folder = PENDEL_SOURCE_DIR "/../shared/reference/py4dstem/weickenmeier_kohl/";
  Crystal Si = named("Si"), Al = reference::face_centred("Al", 4.0495, 13, false);
  for (Site& site : Si.sites) site.set_B(0.4668);
  for (Site& site : Al.sites) site.set_B(0.86);
  const std::tuple<std::string, Crystal, double> sets[] = {{"Al_fcc_300kV", Al, 300},
                                                           {"PbTiO3_P4mm_200kV", PbTiO3(), 200},
                                                           {"Si_diamond_300kV", Si, 300},
                                                           {"SrTiO3_300kV", SrTiO3(), 300}};
  for (const auto& [name, crystal, E] : sets) {
    const std::string path = folder + "Ug_" + name + ".csv";
    if (!std::ifstream(path)) {
      not_at_hand("Potentials", "U_g and U'_g of every reflection to 1.5 1/Å, " + name, py4dstem);
      continue;
    }
    for (const auto& row : reference::rows(path))
      if (std::stod(row[3]) < 1.5)  // the files go to 2 1/Å, which takes twice the time
        check_against_py4dstem(crystal, E, hkl_of(row, 0), number(row, 8), number(row, 10));
  }
}

BOOST_AUTO_TEST_CASE(friedel_holds_for_each_part) {
  // The elastic and the absorptive potential are real functions of position.
  for (const PotentialOptions& options : every_absorption) {
    const auto U = structure_factors(PbTiO3(), {{1, 2, 3}, {-1, -2, -3}}, 200, options);
    BOOST_TEST(std::abs(U[0].elastic - std::conj(U[1].elastic)) < 1e-16);
    BOOST_TEST(std::abs(U[0].absorptive - std::conj(U[1].absorptive)) < 1e-16);
    BOOST_TEST(std::abs(U[0].elastic.imag()) > 1e-4);  // not centrosymmetric: a phase to test
  }
}

BOOST_AUTO_TEST_CASE(evaluate_follows_the_atoms) {
  const Crystal start = PbTiO3();
  const auto reflections = reflections_within(start.cell, 1.0);
  CrystalTangent shift = general_direction(), B = general_direction();
  shift.U.clear();
  B.displacement.clear();
  for (const PotentialOptions& options : every_absorption) {
    const StructureFactors factors(start, reflections, 300, options);
    for (const Crystal& crystal : {start, moved(start, shift, 0.7), moved(start, B, 0.7)}) {
      std::vector<Ug> values;
      factors.evaluate(crystal, values);
      const auto expected = structure_factors(crystal, reflections, 300, options);
      for (std::size_t i = 0; i < expected.size(); ++i)
        BOOST_TEST(distance(values[i], expected[i]) < 1e-15);
    }
  }
}

BOOST_AUTO_TEST_CASE(derivatives_are_those_of_the_values) {
  const Crystal crystal = PbTiO3();
  const auto reflections = reflections_within(crystal.cell, 1.2);
  CrystalTangent shift = general_direction(), B = general_direction();
  shift.U.clear();
  B.displacement.clear();
  CrystalTangent anisotropic, occupancy, strain, change;
  for (int j = 0; j < 5; ++j) {
    Mat3 U;
    U << 0.02, 0.01 * j, -0.01, 0.01 * j, -0.01, 0.005, -0.01, 0.005, 0.03;
    anisotropic.U.push_back(U);
    occupancy.occupancy.push_back(0.3 - 0.2 * j);
  }
  strain.strain << 0.5, 0.2, -0.1, 0.1, -0.3, 0.4, 0.2, 0.3, 0.6;
  change.U_g_change = {{{1, 0, 1}, {0.01, 0.02}}, {{-1, 0, -1}, {0.01, -0.02}}};
  CrystalTangent all = general_direction();
  all.occupancy = occupancy.occupancy;
  all.U_g_change = change.U_g_change;
  all.strain = strain.strain;
  for (const PotentialOptions& options : every_absorption)
    for (const CrystalTangent& direction :
         {shift, B, anisotropic, occupancy, strain, change, all}) {
      if (options.absorption == Absorption::weickenmeier_kohl &&
          (!direction.strain.isZero(0) || !direction.U_g_change.empty()))
        continue;  // refused; not absorbed
      const StructureFactors factors(crystal, reflections, 300, options);
      std::vector<Ug> slope, at[4];
      factors.derivative(crystal, direction, slope);
      const double h = 2e-3;  // five points: truncation h^4 ~ 1e-11, rounding 1e-16/h
      const double steps[] = {2 * h, h, -h, -2 * h};
      for (int n = 0; n < 4; ++n) factors.evaluate(moved(crystal, direction, steps[n]), at[n]);
      double largest = 0, largest_absorptive = 0, error = 0;
      for (std::size_t i = 0; i < slope.size(); ++i) {
        const auto difference = [&](complex Ug::*part) {
          return (8.0 * (at[1][i].*part - at[2][i].*part) - (at[0][i].*part - at[3][i].*part)) /
                 (12 * h);
        };
        error = std::max(
            error, distance(slope[i], {difference(&Ug::elastic), difference(&Ug::absorptive)}));
        largest = std::max(largest, std::abs(slope[i].elastic));
        largest_absorptive = std::max(largest_absorptive, std::abs(slope[i].absorptive));
      }
      BOOST_TEST(largest > 1e-3);  // never 0 against 0
      BOOST_TEST((largest_absorptive > 1e-5) == (options.absorption != Absorption::none));
      record("Derivatives", "U_g and U'_g along seven directions of a crystal, of the largest",
             "five-point differences", error / largest, at_most(1e-9));
    }
}

BOOST_AUTO_TEST_CASE(a_strained_crystal_is_one_built_with_the_strained_cell) {
  // Strain diag(1 %, −2 %, 3 %) keeps a cell orthogonal: edges in proportion, fractions the same.
  const Crystal crystal = PbTiO3();
  CrystalTangent direction;
  direction.strain = Vec3(0.01, -0.02, 0.03).asDiagonal();
  const Crystal strained = moved(crystal, direction, 1);
  Crystal built = crystal;
  const Vec3 edges = crystal.cell.edges().cwiseProduct(Vec3(1.01, 0.98, 1.03));
  built.cell = Cell(edges[0], edges[1], edges[2], 90, 90, 90);
  const auto reflections = reflections_within(crystal.cell, 1.5);
  BOOST_TEST(std::abs(strained.volume() - built.cell.volume()) < 1e-12);
  for (const PotentialOptions& options : every_absorption) {
    const auto expected = structure_factors(built, reflections, 300, options);
    std::vector<Ug> values;
    StructureFactors(crystal, reflections, 300, options).evaluate(strained, values);
    for (std::size_t i = 0; i < expected.size(); ++i)  // rounding of g and Ω
      BOOST_TEST(distance(values[i], expected[i]) < 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(a_shear_turns_the_lattice_as_the_cell_does) {
  // b leans by 1 in 10: γ = 84.29°, b longer, c as it was.
  Crystal crystal = PbTiO3();
  crystal.strain(0, 1) = 0.1;
  const double a = crystal.cell.a(), b = crystal.cell.b();
  Crystal built = crystal;
  built.strain.setZero();
  built.cell =
      Cell(a, b * std::sqrt(1.01), crystal.cell.c(), 90, 90, std::atan2(1, 0.1) * 180 / pi);
  for (const Hkl& hkl : {Hkl{1, 0, 0}, Hkl{0, 2, 0}, Hkl{1, -2, 3}}) {
    BOOST_TEST((crystal.g(hkl).v - built.cell.g(hkl).v).norm() < 1e-14);
    BOOST_TEST(distance(structure_factors(crystal, {hkl}, 300, {})[0],
                        structure_factors(built, {hkl}, 300, {})[0]) < 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(a_site_of_occupancy_0_is_absent) {
  const Crystal crystal = PbTiO3();
  const auto reflections = reflections_within(crystal.cell, 1.5);
  CrystalTangent empty;
  empty.occupancy = {0, -1, 0, 0, 0};
  Crystal without = crystal;
  without.sites.erase(without.sites.begin() + 1);
  for (const PotentialOptions& options : every_absorption) {
    std::vector<Ug> values;
    StructureFactors(crystal, reflections, 300, options).evaluate(moved(crystal, empty, 1), values);
    const auto expected = structure_factors(without, reflections, 300, options);
    for (std::size_t i = 0; i < expected.size(); ++i)
      BOOST_TEST(distance(values[i], expected[i]) < 1e-15);
  }
}

BOOST_AUTO_TEST_CASE(a_changed_structure_factor_moves_nothing_else) {
  Crystal crystal = PbTiO3();
  const auto reflections = reflections_within(crystal.cell, 1.0);
  const auto before = structure_factors(crystal, reflections, 300, {});
  crystal.U_g_change = {{{1, 0, 1}, {0.01, 0.02}}, {{-1, 0, -1}, {0.01, -0.02}}};
  const auto after = structure_factors(crystal, reflections, 300, {});
  int changed = 0;
  for (std::size_t i = 0; i < reflections.size(); ++i) {
    const auto found = crystal.U_g_change.find(reflections[i]);
    const complex expected = found == crystal.U_g_change.end() ? 0 : found->second;
    changed += expected != 0.0;
    BOOST_TEST(std::abs(after[i].elastic - before[i].elastic - expected) < 1e-16);
  }
  BOOST_TEST(changed == 2);
}

BOOST_AUTO_TEST_CASE(anisotropic_motion) {
  Crystal crystal = PbTiO3();
  Mat3 U;
  U << 0.012, 0.003, -0.002, 0.003, 0.008, 0.001, -0.002, 0.001, 0.02;
  crystal.sites[1].U = U;
  const Hkl hkl{2, -1, 3};
  const Vec3 g = crystal.cell.g(hkl).v;
  Crystal only_Ti = crystal;
  only_Ti.sites = {crystal.sites[1]};
  const complex moving = structure_factors(only_Ti, {hkl}, 300, {})[0].elastic;
  const complex still = structure_factors(without_motion(only_Ti), {hkl}, 300, {})[0].elastic;
  BOOST_TEST(std::abs(moving / still - std::exp(-2 * pi * pi * g.dot(U * g))) < 1e-14);
  // A change of B adds an isotropic part, whatever U is.
  CrystalTangent direction;
  direction.U = {Mat3::Identity() / (8 * pi * pi)};
  std::vector<Ug> slope;
  StructureFactors(only_Ti, {hkl}, 300, {}).derivative(only_Ti, direction, slope);
  BOOST_TEST(std::abs(slope[0].elastic / moving + g.squaredNorm() / 4) < 1e-13);
}

BOOST_AUTO_TEST_CASE(occupancy_and_proportional_absorption) {
  Crystal crystal = PbTiO3();
  const complex full = structure_factors(crystal, {{1, 0, 2}}, 300, {})[0].elastic;
  for (Site& site : crystal.sites) site.occupancy = 0.25;
  PotentialOptions options;
  options.absorption = Absorption::proportional;
  options.proportional_absorption = 0.05;
  const Ug quarter = structure_factors(crystal, {{1, 0, 2}}, 300, options)[0];
  BOOST_TEST(std::abs(quarter.elastic - 0.25 * full) < 1e-16);
  BOOST_TEST(std::abs(quarter.absorptive - 0.05 * quarter.elastic) < 1e-17);
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  const Crystal crystal = PbTiO3();
  const StructureFactors factors(crystal, {{1, 0, 0}}, 300, every_absorption[2]);
  std::vector<Ug> values;
  CrystalTangent strain;
  strain.strain = Mat3::Identity();
  BOOST_CHECK_THROW(factors.derivative(crystal, strain, values), Error);
  Crystal other = crystal;
  other.sites[1].Z = 40;
  BOOST_CHECK_THROW(factors.evaluate(other, values), Error);
  BOOST_CHECK_THROW(factors.evaluate(SrTiO3(), values), Error);
  BOOST_CHECK_THROW(
      factors.derivative(without_motion(crystal), debye_waller_direction(crystal, 8), values),
      Error);
  other.sites[1].Z = 99;
  BOOST_CHECK_EXCEPTION(structure_factors(other, {{1, 0, 0}}, 300, every_absorption[2]), Error,
                        [](const Error& e) { return e.kind() == ErrorKind::input; });
  BOOST_CHECK_THROW(reflections_within(crystal.cell, -1), Error);
}

BOOST_AUTO_TEST_CASE(reflections_of_skewed_cells_are_complete) {
  // Against a search far beyond any bound; the primitive fcc cell has 4573 reflections within 3
  // 1/Å.
  const double a = 5.43 / std::sqrt(2);
  const std::pair<Cell, double> cells[] = {{Cell(a, a, a, 60, 60, 60), 3.0},
                                           {Cell(7, 8, 11, 70, 100, 110), 1.0},
                                           {Cell(5.1, 5.2, 9.3, 90, 122.6, 90), 1.5},
                                           {Cell(3, 3, 20, 90, 90, 120), 1.0}};
  for (const auto& [cell, g_max] : cells) {
    std::set<Hkl> expected;
    for (int h = -40; h <= 40; ++h)
      for (int k = -40; k <= 40; ++k)
        for (int l = -40; l <= 40; ++l)
          if (cell.g({h, k, l}).v.norm() <= g_max) expected.insert({h, k, l});
    const auto found = reflections_within(cell, g_max);
    BOOST_TEST(found.size() == expected.size());
    BOOST_TEST((std::set<Hkl>(found.begin(), found.end()) == expected));
    BOOST_TEST((found[0] == Hkl{0, 0, 0}));
    for (std::size_t i = 1; i < found.size(); ++i) {
      const double last = cell.g(found[i - 1]).v.norm(), next = cell.g(found[i]).v.norm();
      BOOST_TEST(next > last * (1 - 1e-9));
      if (next < last * (1 + 1e-12)) BOOST_TEST((found[i - 1] < found[i]));
    }
  }
  BOOST_TEST(reflections_within(cells[0].first, 3.0).size() == 4573u);
  // Whole families at the edge: {200} of a cubic cell at g_max = 2/a
  BOOST_TEST(reflections_within(Cell(3.905, 3.905, 3.905, 90, 90, 90), 2 / 3.905).size() == 33u);
}

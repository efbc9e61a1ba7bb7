// What each kind of parameter must mean, for every engine.
#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "crystal/symmetry.hpp"
#include "tests/model/parameter_cases.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

MatrixXcd exit(const Engine& engine, const State& state) {
  ExitWaves waves;
  exit_waves(engine, state, {{0, 0}, {1e-3, -2e-3}}, {}, waves);
  return waves.psi;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_shift_by_a_lattice_vector_is_none_and_half_of_one_is_seen) {
  const State stack = cases()[1].state;
  const Parameter shift = registry_parameter(stack, {1}, 0, -4, 4);
  const double lattice = 3.904;  // of the shifted layer along lab x
  for (const Engine& engine : engines(stack, zone_beams(stack, 0.62))) {
    const MatrixXcd before = exit(engine, stack);
    BOOST_TEST((exit(engine, moved(stack, shift.direction, lattice)) - before).norm() < 1e-11);
    BOOST_TEST((exit(engine, moved(stack, shift.direction, lattice / 2)) - before).norm() > 1e-3);
  }
  // all layers of one lattice together: amplitudes turn by exp(−2πi g·d), intensities stay
  State sheets = cases()[0].state;
  split_layer(sheets, 0, 3);
  const Parameter all = registry_parameter(sheets, {0, 1, 2}, 0, -4, 4);
  const std::vector<Engine> of_sheets = engines(sheets, zone_beams(sheets, 0.62));
  // whole pixels: a coarse grid knows no others
  const double d = 2 * lattice / std::get<SplitStep>(of_sheets[2]).grid().n1;
  for (const Engine& engine : of_sheets) {
    const MatrixXcd before = exit(engine, sheets),
                    after = exit(engine, moved(sheets, all.direction, d));
    BOOST_TEST((after.cwiseAbs2() - before.cwiseAbs2()).norm() < 1e-11);
    for (long g = 0; g < before.rows(); ++g)
      BOOST_TEST(
          (after.row(g) - phase(-d * beams(engine).g[std::size_t(g)].x()) * before.row(g)).norm() <
          1e-11);
  }
}

BOOST_AUTO_TEST_CASE(a_layer_that_shifts_needs_a_crystal_of_its_own) {
  State stack = cases()[1].state;
  stack.layers[2].crystal = stack.layers[0].crystal;
  BOOST_CHECK_THROW(registry_parameter(stack, {0}, 0, -1, 1), Error);
  BOOST_CHECK_NO_THROW(registry_parameter(stack, {1}, 0, -1, 1));
}

BOOST_AUTO_TEST_CASE(a_split_layer_with_equal_atoms_is_the_whole_layer) {
  const State stack = cases()[1].state;
  State split = stack;
  split_layer(split, 1, 4);  // six cells: 1 + 2 + 1 + 2
  BOOST_TEST(split.layers.size() == 6u);
  BOOST_TEST(std::abs(total_thickness(split) - total_thickness(stack)) < 1e-12);
  BOOST_TEST(std::abs(split.layers[2].thickness - 2 * 3.904) < 1e-12);
  const std::vector<Engine> whole = engines(stack, zone_beams(stack, 0.62)),
                            parts = engines(split, zone_beams(split, 0.62));
  for (std::size_t i = 0; i < whole.size(); ++i)
    BOOST_TEST((exit(whole[i], stack) - exit(parts[i], split)).norm() < 1e-11);
  // sublayers move by themselves
  const CrystalTangent mode = displacement_mode(split.crystals[split.layers[2].crystal].crystal);
  const State one = moved(split, crystal_direction(split, split.layers[2].crystal, mode), 0.2);
  BOOST_TEST((exit(parts[1], one) - exit(whole[1], stack)).norm() > 1e-2);
  // their thickness is one parameter
  const Parameter together = thickness_parameter(split, 1, 10, 30, 4);
  BOOST_TEST(std::abs(together.nominal - stack.layers[1].thickness) < 1e-12);
  const double value[1] = {25};
  BOOST_TEST(std::abs(total_thickness(state_at(split, {together}, value)) - total_thickness(stack) +
                      stack.layers[1].thickness - 25) < 1e-12);
  State too_many = stack;
  BOOST_CHECK_THROW(split_layer(too_many, 1, 7), Error);
}

// A uniform strain of the whole specimen, thickness and all, by tangents and by the cells.
BOOST_AUTO_TEST_CASE(strain_by_tangents_is_the_strained_cell) {
  const State slab = cases()[0].state;  // c along lab y, a along z
  State built = slab;
  built.crystals[0].crystal.cell = Cell(3.904 * 1.02, 3.904 * 1.01, 4.152 * 0.99, 90, 90, 90);
  built.layers[0].thickness *= 1.02;
  State strained = moved(slab, in_plane_strain_parameter(slab, 0, 0, -1, 1).direction, 0.01);
  strained = moved(strained, in_plane_strain_parameter(slab, 1, 1, -1, 1).direction, -0.01);
  strained = moved(strained, out_of_plane_strain_parameter(slab, {0}, -1, 1).direction, 0.02);
  const Beams beams = zone_beams(slab, 0.62);
  const std::vector<Engine> of_built = engines(built, beams_from_hkl(built, beams.hkl)),
                            of_slab = engines(slab, beams);
  for (std::size_t i = 0; i < of_slab.size(); ++i) {
    const MatrixXcd expected = exit(of_built[i], built);
    BOOST_TEST((exit(of_slab[i], strained) - expected).norm() < 1e-10);
    BOOST_TEST((exit(of_slab[i], slab) - expected).norm() > 1e-3);
  }
}

BOOST_AUTO_TEST_CASE(an_isotropic_tensor_is_the_debye_waller_factor) {
  const State slab = cases()[0].state;
  const double four_pi2 = 4 * electron::pi * electron::pi;
  // U of titanium on its fourfold axis: xx = yy, and zz
  const Parameter xx = anisotropic_U_parameter(slab, 0, 1, 0, 0, 0, 1),
                  zz = anisotropic_U_parameter(slab, 0, 1, 2, 2, 0, 1),
                  B = debye_waller_parameter(slab, 0, 22, 0, 2);
  const double dB = 0.3, dU = dB / (2 * four_pi2);
  const State tensor = moved(moved(slab, xx.direction, dU), zz.direction, dU),
              isotropic = moved(slab, B.direction, dB);
  for (const Engine& engine : engines(slab, zone_beams(slab, 0.62)))
    BOOST_TEST((exit(engine, tensor) - exit(engine, isotropic)).norm() < 1e-12);
}

BOOST_AUTO_TEST_CASE(occupancy_0_is_no_atom) {
  const State slab = cases()[0].state;
  State without = slab;
  auto& sites = without.crystals[0].crystal.sites;
  sites.erase(sites.begin() + 2);
  const Beams beams = zone_beams(slab, 0.62);
  const std::vector<Engine> full = engines(slab, beams), vacant = engines(without, beams);
  const State empty = moved(slab, occupancy_parameter(slab, 0, {2}, {}, 0, 1).direction, -1);
  for (std::size_t i = 0; i < full.size(); ++i)
    BOOST_TEST((exit(full[i], empty) - exit(vacant[i], without)).norm() < 1e-11);
}

// Kinematical amplitudes are linear in U_g beam by beam: a change of one family moves its beams
// alone, in proportion.
BOOST_AUTO_TEST_CASE(a_structure_factor_moves_its_family_alone) {
  const State slab = cases()[0].state;
  const Beams beams = zone_beams(slab, 0.8);
  const Engine kinematical = Kinematical(slab, beams, {});
  const Parameter p = structure_factor_parameter(slab, 0, {0, 1, 1}, UgPart::amplitude,
                                                 ScatteringTable::lobato, 0, 1);
  const MatrixXcd before = exit(kinematical, slab),
                  after = exit(kinematical, moved(slab, p.direction, 0.1 * p.nominal));
  int family = 0;
  for (long g = 0; g < before.rows(); ++g) {
    const Hkl& hkl = beams.hkl[std::size_t(g)];
    const bool member = std::abs(hkl.h) + std::abs(hkl.k) == 1 && std::abs(hkl.l) == 1;
    family += member;
    BOOST_TEST((after.row(g) - (member ? 1.1 : 1.0) * before.row(g)).norm() < 1e-14);
  }
  BOOST_TEST(family == 4);
}

BOOST_AUTO_TEST_CASE(a_structure_factor_that_plays_no_part_is_refused) {
  const State slab = cases()[0].state;
  const Parameter far = structure_factor_parameter(slab, 0, {0, 0, 30}, UgPart::amplitude,
                                                   ScatteringTable::lobato, 0, 1);
  for (const Engine& engine : engines(slab, zone_beams(slab, 0.62))) {
    ExitWaves waves;
    BOOST_CHECK_EXCEPTION(
        exit_waves(engine, slab, {{0, 0}}, {far.direction}, waves), Error,
        [](const Error& e) { return std::string(e.what()).find("(0 0 30)") != std::string::npos; });
  }
}

// The Gaussian's cubature against a much finer one.
BOOST_AUTO_TEST_CASE(a_spread_of_the_tilt_is_averaged) {
  State slab = cases()[0].state;
  slab.layers[0].thickness = 30 * 3.904;
  slab.tilt_spread = 1e-3;
  const Beams beams = zone_beams(slab, 0.62);
  const auto engine = std::make_shared<const Engine>(Bloch(slab, beams, {}));
  Eigen::VectorXd spread, sharp;
  ForwardModel(slab, engine, beams.hkl, {}, 0, 1).evaluate(nullptr, spread, nullptr);
  const Aperture fine = gaussian_spread(slab.tilt_spread, 25);
  ExitWaves waves;
  exit_waves(*engine, slab, fine.offsets, {}, waves);
  const Eigen::VectorXd expected =
      waves.psi.cwiseAbs2() *
      Eigen::Map<const Eigen::VectorXd>(fine.weights.data(), long(fine.weights.size()));
  slab.tilt_spread = 0;
  ForwardModel(slab, engine, beams.hkl, {}, 0, 1).evaluate(nullptr, sharp, nullptr);
  BOOST_TEST((spread - expected).lpNorm<1>() < 2.5e-3 * expected.sum());
  BOOST_TEST((sharp - expected).lpNorm<1>() > 0.01 * expected.sum());
}

#include "crystal/symmetry.hpp"

#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "crystal/structure_factor.hpp"
#include "reference.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
using reference::PbTiO3;
using reference::SrTiO3;

BOOST_AUTO_TEST_CASE(orders_of_known_groups) {
  const auto check = [](const Crystal& crystal, const std::string& group, int order) {
    record("Crystals", "operations of " + group + " found from the atoms alone",
           "the group's order and centring", double(symmetry_operations(crystal).size()),
           between(order, order));
  };
  check(PbTiO3(), "P4mm", 8);
  check(SrTiO3(), "Pm-3m", 48);
  // Fm-3m and Fd-3m: 48 operations times four centring translations
  check(reference::face_centred("Al", 4.05, 13, false), "Fm-3m", 192);
  check(reference::face_centred("Si", 5.43, 14, true), "Fd-3m", 192);
}

BOOST_AUTO_TEST_CASE(hexagonal_axes) {
  Crystal crystal = PbTiO3();  // any atoms: one on the sixfold axis, P6/mmm
  crystal.cell = Cell(3, 3, 5, 90, 90, 120);
  crystal.sites.resize(1);
  BOOST_TEST(symmetry_operations(crystal).size() == 24u);
}

BOOST_AUTO_TEST_CASE(what_makes_atoms_different_lowers_the_symmetry) {
  Crystal crystal = SrTiO3();
  crystal.sites[2].occupancy = 0.9;  // one of three oxygens: tetragonal
  BOOST_TEST(symmetry_operations(crystal).size() == 16u);
  crystal = SrTiO3();
  crystal.sites[1].U(0, 0) += 0.01;  // titanium moves along x
  BOOST_TEST(symmetry_operations(crystal).size() == 16u);
  crystal = SrTiO3();
  crystal.strain(2, 2) = 0.01;
  BOOST_TEST(symmetry_operations(crystal).size() == 16u);
}

// A change along a symmetric direction keeps every operation; along one site alone it does not.
BOOST_AUTO_TEST_CASE(symmetric_directions_keep_the_symmetry) {
  const Crystal crystal = PbTiO3();
  const CrystalTangent oxygen = symmetric_displacement(crystal, 3, {0, 0, 0.2});
  BOOST_TEST((oxygen.displacement[4] - Vec3(0, 0, 0.2)).norm() < 1e-12);
  BOOST_TEST(oxygen.displacement[2].isZero(0));
  BOOST_TEST(symmetry_operations(moved(crystal, oxygen, 1)).size() == 8u);
  CrystalTangent alone;
  alone.displacement.assign(5, Vec3::Zero());
  alone.displacement[3] = {0, 0, 0.2};
  BOOST_TEST(symmetry_operations(moved(crystal, alone, 1)).size() < 8u);
  // on the fourfold axis nothing moves sideways
  BOOST_CHECK_THROW(symmetric_displacement(crystal, 1, {0.1, 0, 0}), Error);

  const CrystalTangent motion = symmetric_U(crystal, 3, 0, 0);  // O at (1/2, 0, z)
  BOOST_TEST(motion.U[3](0, 0) == 1);
  BOOST_TEST(std::abs(motion.U[3](1, 1)) < 1e-12);
  BOOST_TEST(std::abs(motion.U[4](1, 1) - 1) < 1e-12);  // turned by the fourfold axis
  BOOST_TEST(symmetry_operations(moved(crystal, motion, 0.01)).size() == 8u);
  const CrystalTangent titanium = symmetric_U(crystal, 1, 0, 0);
  BOOST_TEST(std::abs(titanium.U[1](0, 0) - 1) < 1e-12);
  BOOST_TEST(std::abs(titanium.U[1](1, 1) - 1) < 1e-12);  // tied by the axis
  BOOST_TEST(std::abs(titanium.U[1](2, 2)) < 1e-12);
  BOOST_CHECK_THROW(symmetric_U(crystal, 1, 0, 2), Error);
}

// A symmetric displacement changes every U_g; divided among families it must change them as
// symmetric_U_g says: the family of one reflection, with its phases.
BOOST_AUTO_TEST_CASE(families_of_structure_factors_have_their_phases) {
  const auto check = [](const Crystal& crystal, const CrystalTangent& direction, const Hkl& hkl,
                        std::size_t family) {
    const auto change_of = [&](const Hkl& g) {
      std::vector<Ug> dU;
      StructureFactors(crystal, {g}, 200, {}).derivative(crystal, direction, dU);
      return dU[0].elastic;
    };
    const CrystalTangent changed = symmetric_U_g(crystal, hkl, change_of(hkl));
    BOOST_TEST(changed.U_g_change.size() == family);
    for (const auto& [g, change] : changed.U_g_change)
      BOOST_TEST(std::abs(change - change_of(g)) < 1e-12);
  };
  check(PbTiO3(), symmetric_displacement(PbTiO3(), 1, {0, 0, 1}), {1, 0, 2}, 8);
  check(PbTiO3(), symmetric_U(PbTiO3(), 3, 0, 0), {1, 2, 1}, 16);
  // an origin away from the centre of symmetry gives phases that are not 0 or π
  Crystal silicon = reference::face_centred("Si", 5.43, 14, true);
  for (Site& site : silicon.sites) site.position.v += Vec3(0.1, 0.23, -0.07);
  check(silicon, debye_waller_direction(silicon, 14), {1, 1, 1}, 8);
  check(silicon, debye_waller_direction(silicon, 14), {2, 2, 0}, 12);
}

BOOST_AUTO_TEST_CASE(forbidden_changes_of_structure_factors_are_refused) {
  const Crystal silicon = reference::face_centred("Si", 5.43, 14, true);
  BOOST_CHECK_THROW(symmetric_U_g(silicon, {2, 0, 0}, 0.01), Error);  // extinct
  BOOST_CHECK_THROW(symmetric_U_g(silicon, {0, 0, 0}, 0.01), Error);
  BOOST_CHECK_THROW(symmetric_U_g(SrTiO3(), {1, 0, 0}, {0, 0.01}), Error);  // centre at the origin
}

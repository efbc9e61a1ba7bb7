#include "crystal/crystal.hpp"

#include <boost/test/unit_test.hpp>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "reference.hpp"

using namespace pendel;

BOOST_AUTO_TEST_CASE(symbols) {
  BOOST_TEST(atomic_number("H") == 1);
  BOOST_TEST(atomic_number("D") == 1);
  BOOST_TEST(atomic_number("T") == 1);
  BOOST_TEST(atomic_number("Ti4+") == 22);
  BOOST_TEST(atomic_number("O2-") == 8);
  BOOST_TEST(atomic_number("PB") == 82);
  BOOST_TEST(atomic_number("Lr") == 103);
  BOOST_TEST(atomic_number("") == 0);
  BOOST_TEST(atomic_number("Xx") == 0);
  BOOST_TEST(atomic_number("Wat") == 0);
  BOOST_TEST(atomic_number("O(1)") == 0);
  for (int Z = 1; Z <= 103; ++Z) BOOST_TEST(atomic_number(element_symbol(Z)) == Z);
}

BOOST_AUTO_TEST_CASE(B_and_U) {
  Site site;
  site.set_B(0.62);
  // u = 0.0886137220 Å for B = 0.62 Å² (B = 8π²u²)
  BOOST_TEST(std::abs(std::sqrt(site.U(1, 1)) - 0.08861372203152951) < 1e-15);
  BOOST_TEST(std::abs(site.B() - 0.62) < 1e-15);
  BOOST_TEST(site.isotropic());
  site.U(0, 1) = site.U(1, 0) = 1e-4;
  BOOST_TEST(!site.isotropic());
}

BOOST_AUTO_TEST_CASE(moved_along_a_direction) {
  const Crystal crystal = reference::PbTiO3();
  CrystalTangent direction = debye_waller_direction(crystal, 8);
  direction.displacement.assign(5, Vec3::Zero());
  direction.displacement[1] = {0.1, 0, -0.2};  // Å
  const Crystal result = moved(crystal, direction, 0.5);
  const Vec3 shift =
      crystal.cell.cartesian({result.sites[1].position.v - crystal.sites[1].position.v}).v;
  BOOST_TEST((shift - Vec3(0.05, 0, -0.1)).norm() < 1e-14);
  BOOST_TEST((result.sites[2].position.v - crystal.sites[2].position.v).norm() == 0);
  BOOST_TEST(std::abs(result.sites[2].B() - 1.3) < 1e-14);
  BOOST_TEST(std::abs(result.sites[0].B() - 0.9) < 1e-14);
  direction.displacement.pop_back();
  BOOST_CHECK_THROW(moved(crystal, direction, 1), Error);
  BOOST_CHECK_THROW(debye_waller_direction(crystal, 38), Error);
}

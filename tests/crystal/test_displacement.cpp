#include "crystal/displacement.hpp"

#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "reference.hpp"

using namespace pendel;

namespace {

Crystal cubic() {
  Crystal crystal = reference::PbTiO3();
  crystal.cell = Cell(3.95, 3.95, 3.95, 90, 90, 90);
  const Vec3 positions[] = {
      {0, 0, 0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0}, {0.5, 0, 0.5}, {0, 0.5, 0.5}};
  for (int j = 0; j < 5; ++j) crystal.sites[j].position.v = positions[j];
  return crystal;
}

bool of_kind(const Error& e, ErrorKind kind, const std::string& text) {
  BOOST_TEST(std::string(e.what()).find(text) != std::string::npos, e.what());
  return e.kind() == kind;
}

}  // namespace

BOOST_AUTO_TEST_CASE(difference_of_two_crystals) {
  const Crystal nonpolar = cubic();
  Crystal polar = reference::PbTiO3();  // tetragonal: fractions are compared
  std::swap(polar.sites[2], polar.sites[4]);
  polar.sites[0].position.v = {1, -2, 0};  // the same atom in another cell
  const CrystalTangent mode = displacement_between(nonpolar, polar);
  const Vec3 expected[] = {{0, 0, 0},
                           {0, 0, 0.0377 * 3.95},
                           {0, 0, 0.1118 * 3.95},
                           {0, 0, 0.1174 * 3.95},
                           {0, 0, 0.1174 * 3.95}};
  for (int j = 0; j < 5; ++j) BOOST_TEST((mode.displacement[j] - expected[j]).norm() < 1e-13);
  BOOST_TEST(mode.U.empty());
  // Moved by it, the nonpolar crystal has the polar fractions.
  const Crystal result = moved(nonpolar, mode, 1);
  BOOST_TEST(std::abs(result.sites[2].position.v[2] - 0.1118) < 1e-13);
}

BOOST_AUTO_TEST_CASE(minimal_image_in_a_skewed_cell) {
  Crystal crystal;
  crystal.cell = Cell(4, 4, 4, 60, 60, 60);
  crystal.sites.resize(1);
  crystal.sites[0].Z = 14;
  Crystal other = crystal;
  other.sites[0].position.v = Vec3(0.98, 0.03, -0.99);
  const CrystalTangent mode = displacement_between(crystal, other);
  const Vec3 expected = crystal.cell.cartesian({Vec3(-0.02, 0.03, 0.01)}).v;
  BOOST_TEST((mode.displacement[0] - expected).norm() < 1e-13);
}

BOOST_AUTO_TEST_CASE(crystals_that_do_not_match) {
  const Crystal nonpolar = cubic();
  Crystal polar = nonpolar;
  polar.sites.pop_back();
  BOOST_CHECK_EXCEPTION(displacement_between(nonpolar, polar), Error, [](const Error& e) {
    return of_kind(e, ErrorKind::input, "5 and 4 sites");
  });
  polar = nonpolar;
  polar.cell = Cell(3.95, 3.95, 7.9, 90, 90, 90);
  BOOST_CHECK_EXCEPTION(displacement_between(nonpolar, polar), Error,
                        [](const Error& e) { return of_kind(e, ErrorKind::input, "10 %"); });
  polar = nonpolar;
  polar.sites[1].Z = 40;
  BOOST_CHECK_EXCEPTION(displacement_between(nonpolar, polar), Error,
                        [](const Error& e) { return of_kind(e, ErrorKind::input, "within 1 A"); });
  polar = nonpolar;
  polar.sites[3].position.v = {0.5, 0.45, 0.1};
  polar.sites[4].position.v = {0.5, 0.1, 0.5};
  BOOST_CHECK_EXCEPTION(displacement_between(nonpolar, polar), Error,
                        [](const Error& e) { return of_kind(e, ErrorKind::input, "O"); });
}

BOOST_AUTO_TEST_CASE(listed_displacements) {
  Crystal crystal = cubic();
  for (int j : {3, 4}) crystal.sites[j].label = "Oe";
  const Vec3 a(0.1, 0, 0), b(0, 0.2, 0);
  const auto mode = displacement_of_sites(crystal, {{"Oe", a}, {"Ti1", b}}).displacement;
  BOOST_TEST((mode[0].isZero(0) && mode[1] == b && mode[3] == a && mode[4] == a));
  const auto one = displacement_of_sites(crystal, {{"Oe#2", a}}).displacement;
  BOOST_TEST((one[3].isZero(0) && one[4] == a));
  BOOST_CHECK_EXCEPTION(displacement_of_sites(crystal, {{"O9", a}}), Error, [](const Error& e) {
    return of_kind(e, ErrorKind::study, "Pb0, Ti1, O2, Oe");
  });
  BOOST_CHECK_EXCEPTION(displacement_of_sites(crystal, {{"Oe", a}, {"Oe#1", b}}), Error,
                        [](const Error& e) { return of_kind(e, ErrorKind::study, "Oe#1"); });
}

BOOST_AUTO_TEST_CASE(polarization_from_born_charges) {
  // Bulk PbTiO3: displacements of its polar phase against the cubic one and the charges of Zhong,
  // King-Smith & Vanderbilt (1994), by hand: (e/Ω) Σ Z* u along c.
  Crystal crystal = reference::PbTiO3();
  CrystalTangent mode;
  mode.displacement = {{0, 0, 0}, {0, 0, 0.157}, {0, 0, 0.464}, {0, 0, 0.487}, {0, 0, 0.487}};
  std::map<std::string, Vec3> charges = {{crystal.sites[0].label, {3.9, 3.9, 3.92}},
                                         {crystal.sites[1].label, {7.06, 7.06, 7.06}},
                                         {crystal.sites[2].label, {-2.56, -2.56, -5.83}},
                                         {crystal.sites[3].label, {-5.83, -2.56, -2.56}},
                                         {crystal.sites[4].label, {-2.56, -5.83, -2.56}}};
  const double sum = 7.06 * 0.157 - 5.83 * 0.464 - 2 * 2.56 * 0.487;  // e Å
  const Vec3 P = polarization(crystal, mode, charges);
  BOOST_TEST(std::abs(P[2] - sum * 1602.176634 / (3.904 * 3.904 * 4.152)) < 1e-9);
  BOOST_TEST((P[2] < -80 && P[2] > -120));  // against the oxygens' shift; bulk: some 90 µC/cm²
  BOOST_TEST(P.head<2>().isZero(0));
  for (Vec3& d : mode.displacement) d += Vec3(0, 0, 5);  // the origin plays no part but for 0.03 e
  BOOST_TEST(std::abs(polarization(crystal, mode, charges)[2] - P[2]) < 5);
  charges[crystal.sites[1].label] = {6, 6, 6};
  BOOST_CHECK_THROW(polarization(crystal, mode, charges), Error);
  charges.erase(crystal.sites[1].label);
  BOOST_CHECK_THROW(polarization(crystal, mode, charges), Error);
}

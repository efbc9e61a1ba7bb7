// The 32 classes: their orders and relations, and that atoms which have one are found to have it.
#include "crystal/point_group.hpp"

#include <Eigen/LU>
#include <boost/test/unit_test.hpp>
#include <set>

#include "core/error.hpp"
#include "crystal/rotation.hpp"
#include "reference.hpp"

using namespace pendel;

namespace {

struct Class {
  const char *name, *laue, *rotations;
  std::size_t order;
};

// International Tables for Crystallography A, 2005, tables 10.1.2.1 and 10.1.2.2
const Class classes[] = {
    {"1", "-1", "1", 1},        {"-1", "-1", "1", 2},        {"2", "2/m", "2", 2},
    {"m", "2/m", "1", 2},       {"2/m", "2/m", "2", 4},      {"222", "mmm", "222", 4},
    {"mm2", "mmm", "2", 4},     {"mmm", "mmm", "222", 8},    {"4", "4/m", "4", 4},
    {"-4", "4/m", "2", 4},      {"4/m", "4/m", "4", 8},      {"422", "4/mmm", "422", 8},
    {"4mm", "4/mmm", "4", 8},   {"-42m", "4/mmm", "222", 8}, {"4/mmm", "4/mmm", "422", 16},
    {"3", "-3", "3", 3},        {"-3", "-3", "3", 6},        {"32", "-3m", "32", 6},
    {"3m", "-3m", "3", 6},      {"-3m", "-3m", "32", 12},    {"6", "6/m", "6", 6},
    {"-6", "6/m", "3", 6},      {"6/m", "6/m", "6", 12},     {"622", "6/mmm", "622", 12},
    {"6mm", "6/mmm", "6", 12},  {"-6m2", "6/mmm", "32", 12}, {"6/mmm", "6/mmm", "622", 24},
    {"23", "m-3", "23", 12},    {"m-3", "m-3", "23", 24},    {"432", "m-3m", "432", 24},
    {"-43m", "m-3m", "23", 24}, {"m-3m", "m-3m", "432", 48},
};

bool contains(const std::vector<Mat3>& operations, const Mat3& R, double tolerance) {
  return std::any_of(operations.begin(), operations.end(),
                     [&](const Mat3& S) { return (S - R).norm() < tolerance; });
}

/// A cell that the group's lattice can have, and no higher one.
Cell cell_of(const std::string& name) {
  const char first = name[name[0] == '-' ? 1 : 0];
  if (name == "23" || name == "m-3" || name == "432" || name == "-43m" || name == "m-3m")
    return Cell(9, 9, 9, 90, 90, 90);
  if (first == '4') return Cell(8, 8, 11, 90, 90, 90);
  if (first == '3' || first == '6') return Cell(9, 9, 12, 90, 90, 120);
  if (name == "222" || name == "mm2" || name == "mmm") return Cell(7, 8, 11, 90, 90, 90);
  if (first == '1') return Cell(7, 8, 9, 81, 97, 103);
  return Cell(7, 8, 9, 90, 104, 90);
}

/// Three kinds of atoms in general positions, under every operation.
Crystal crystal_of(const PointGroup& group, const Cell& cell) {
  const Mat3 L = cell.orthogonalization();
  Crystal crystal{group.name, cell, {}};
  const std::pair<int, Vec3> atoms[] = {
      {22, {0.13, 0.21, 0.32}}, {38, {0.07, 0.41, 0.17}}, {8, {0.29, 0.11, 0.45}}};
  for (const auto& [Z, x] : atoms)
    for (const Mat3& R : group.operations) {
      Site site;
      site.Z = Z;
      site.position.v = L.inverse() * R * L * x;
      crystal.sites.push_back(site);
    }
  return crystal;
}

/// The same atoms with axes b, c, a.
Crystal axes_permuted(const Crystal& crystal) {
  const Vec3 edges = crystal.cell.edges(), angles = crystal.cell.angles_deg();
  Crystal result = crystal;
  result.cell = Cell(edges[1], edges[2], edges[0], angles[1], angles[2], angles[0]);
  for (Site& site : result.sites) {
    const Vec3 x = site.position.v;
    site.position.v = {x[1], x[2], x[0]};
  }
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_32_classes) {
  BOOST_TEST(point_group_names().size() == 32u);
  BOOST_TEST(std::size(classes) == 32u);
  for (std::size_t i = 0; i < 32; ++i) {
    const Class& expected = classes[i];
    BOOST_TEST_CONTEXT(expected.name) {
      BOOST_TEST(point_group_names()[i] == expected.name);
      const PointGroup group = point_group(expected.name);
      BOOST_TEST(group.operations.size() == expected.order);
      BOOST_TEST(group.operations[0].isIdentity(0));
      for (const Mat3& A : group.operations) {
        BOOST_TEST((A * A.transpose() - Mat3::Identity()).norm() < 1e-14);
        for (const Mat3& B : group.operations)
          BOOST_REQUIRE(contains(group.operations, A * B, 1e-14));
      }
      BOOST_TEST(laue_group(group).name == expected.laue);
      BOOST_TEST(rotation_group(group).name == expected.rotations);
    }
  }
}

BOOST_AUTO_TEST_CASE(settings_are_as_stated) {
  const Mat3 two_x = Vec3(1, -1, -1).asDiagonal(), mirror_x = Vec3(-1, 1, 1).asDiagonal();
  const Mat3 two_y = Vec3(-1, 1, -1).asDiagonal();
  BOOST_TEST(contains(point_group("2").operations, two_y, 1e-14));
  BOOST_TEST(contains(point_group("m").operations, -two_y, 1e-14));
  BOOST_TEST(contains(point_group("mm2").operations, mirror_x, 1e-14));
  for (const char* name : {"32", "-3m", "422", "-42m", "622"})
    BOOST_TEST(contains(point_group(name).operations, two_x, 1e-14), name);
  for (const char* name : {"3m", "-3m", "4mm", "6mm", "-6m2"})
    BOOST_TEST(contains(point_group(name).operations, mirror_x, 1e-14), name);
  for (const char* name : {"23", "m-3", "432", "-43m", "m-3m"})
    BOOST_TEST(contains(point_group(name).operations, rotation_about({1, 1, 1}, 2.0943951023931953),
                        1e-14),
               name);
  BOOST_CHECK_THROW(point_group("5"), Error);
}

BOOST_AUTO_TEST_CASE(atoms_have_their_class_in_any_setting) {
  for (const Class& expected : classes) {
    BOOST_TEST_CONTEXT(expected.name) {
      const PointGroup group = point_group(expected.name);
      const Crystal crystal = crystal_of(group, cell_of(expected.name));
      const PointGroup found = point_group(crystal);
      BOOST_TEST(found.name == expected.name);
      BOOST_TEST(found.operations.size() == expected.order);
      BOOST_TEST(found.operations[0].isIdentity(0));
      for (const Mat3& R : group.operations) BOOST_TEST(contains(found.operations, R, 1e-6));
      const PointGroup permuted = point_group(axes_permuted(crystal));
      BOOST_TEST(permuted.name == expected.name);
      BOOST_TEST(permuted.operations.size() == expected.order);
    }
  }
}

BOOST_AUTO_TEST_CASE(known_crystals) {
  BOOST_TEST(point_group(reference::PbTiO3()).name == "4mm");
  BOOST_TEST(point_group(reference::SrTiO3()).name == "m-3m");
  BOOST_TEST(point_group(reference::face_centred("Si", 5.43, 14, true)).name == "m-3m");
  // rhombohedral axes: the threefold axis along [111] of the cell, oblique in its Cartesian frame
  Crystal rhombohedral = reference::SrTiO3();
  rhombohedral.cell = Cell(3.905, 3.905, 3.905, 85, 85, 85);
  BOOST_TEST(point_group(rhombohedral).name == "-3m");
  rhombohedral.sites[1].position.v = Vec3::Constant(0.52);
  BOOST_TEST(point_group(rhombohedral).name == "3m");
  // a supercell has the same operations, with many translations
  Crystal supercell = reference::PbTiO3();
  supercell.cell = Cell(2 * 3.904, 3.904, 4.152, 90, 90, 90);
  supercell.sites.clear();
  for (const Site& site : reference::PbTiO3().sites)
    for (const double shift : {0.0, 0.5}) {
      supercell.sites.push_back(site);
      supercell.sites.back().position.v[0] = site.position.v[0] / 2 + shift;
    }
  BOOST_TEST(point_group(supercell).name == "mm2");  // fourfold the atoms, not the cell
  // shear: the cell's angle beta alone, and a and c unequal too
  Crystal strained = reference::SrTiO3();
  strained.strain(0, 2) = strained.strain(2, 0) = 0.01;
  BOOST_TEST(point_group(strained).name == "mmm");
  strained.strain(2, 0) = 0;
  BOOST_TEST(point_group(strained).name == "2/m");
}

BOOST_AUTO_TEST_CASE(without_atoms_there_is_no_class) {
  BOOST_CHECK_THROW(point_group(Crystal{"empty", Cell(4, 4, 4, 90, 90, 90), {}}), Error);
}

// Lists of atoms: what is cut from crystals, what is wrong with a list, frozen phonons.
#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <set>

#include "../crystal/reference.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/orientation.hpp"
#include "sim/atomic_model.hpp"

using namespace pendel;

namespace {

OrientedCrystal oriented(const Crystal& crystal, const Vec3& beam = {0, 0, 1},
                         const Vec3& x_axis = {1, 0, 0}) {
  return {crystal, orientation(crystal.cell, beam, x_axis)};
}

State one_layer(const OrientedCrystal& crystal, double thickness) {
  State state;
  state.crystals = {crystal};
  state.layers = {{0, thickness}};
  return state;
}

Crystal titanium() {
  return reference::crystal("Ti", Cell(2.95, 2.95, 4.68, 90, 90, 120),
                            {{22, {1 / 3., 2 / 3., .25}}, {22, {2 / 3., 1 / 3., .75}}},
                            {{22, 0.5}});
}

/// Three atoms in a cell without any symmetry.
Crystal triclinic() {
  return reference::crystal("triclinic", Cell(5.1, 6.3, 7.7, 82, 97, 105),
                            {{8, {0.1, 0.2, 0.3}}, {14, {0.6, 0.9, 0.4}}, {29, {0.3, 0.55, 0.95}}},
                            {{8, 0.5}});
}

/// Silicon in its primitive, rhombohedral cell: the angle between edges is 60°.
Crystal primitive_silicon() {
  const double edge = 5.431 / std::sqrt(2.0);
  return reference::crystal("Si", Cell(edge, edge, edge, 60, 60, 60),
                            {{14, {0, 0, 0}}, {14, {.25, .25, .25}}}, {{14, 0.47}});
}

double atoms_in(const Crystal& crystal, const Vec3& box) {
  return crystal.sites.size() * box.prod() / crystal.cell.volume();
}

/// The largest distance of an atom of the slab from the atom of the (unstrained) crystal that it
/// is, modulo the lattice; atoms of the wrong element count as 1 Å.
double largest_misfit(const AtomicModel& model, const OrientedCrystal& crystal) {
  double largest = 0;
  for (const Atom& atom : model.atoms) {
    const Vec3 r = crystal.R_lab_crystal.transpose() * atom.position;
    double misfit = 1;
    for (const Site& site : crystal.crystal.sites) {
      Vec3 x = crystal.crystal.cell.fractional({r}).v - site.position.v;
      x -= Vec3(x.array().round());
      if (site.Z == atom.Z) misfit = std::min(misfit, crystal.crystal.cell.cartesian({x}).v.norm());
    }
    largest = std::max(largest, misfit);
  }
  return largest;
}

}  // namespace

BOOST_AUTO_TEST_CASE(orthogonal_cells) {
  // Hexagonal: a and sqrt(3) a. Exact, so no strain is needed.
  const OrthogonalCell hexagonal = orthogonal_cell(oriented(titanium()), {1, 1}, 0);
  BOOST_TEST((hexagonal.size - Vec2(2.95, 2.95 * std::sqrt(3.0))).norm() < 1e-12);
  BOOST_TEST(hexagonal.largest_strain < 1e-12);
  BOOST_TEST(hexagonal.vectors.col(0) == Eigen::Vector3i(1, 0, 0));
  BOOST_TEST(hexagonal.vectors.col(1) == Eigen::Vector3i(1, 2, 0));
  // With a minimum, along each axis.
  const OrthogonalCell larger = orthogonal_cell(oriented(titanium()), {20, 10}, 0);
  BOOST_TEST((larger.size - Vec2(7 * 2.95, 2 * 2.95 * std::sqrt(3.0))).norm() < 1e-12);

  // Silicon [110] from the primitive cell: a/sqrt(2) along [-110], a along [001]; lattice vectors
  // of the conventional cell in the primitive one: a1 = (0 1 1)/2, a2 = (1 0 1)/2, a3 = (1 1 0)/2.
  const OrthogonalCell centred =
      orthogonal_cell(oriented(primitive_silicon(), {0, 0, 1}, {1, -1, 0}), {1, 1}, 1e-9);
  BOOST_TEST((centred.size - Vec2(5.431 / std::sqrt(2.0), 5.431)).norm() < 1e-12);

  // A cube whose edges lie 30° from the lab axes has no small cell without strain; [7 4 0]-like
  // vectors come near.
  OrientedCrystal turned = oriented(reference::SrTiO3());
  turned.R_lab_crystal = Eigen::AngleAxisd(electron::pi / 6, Vec3::UnitZ()).toRotationMatrix();
  const OrthogonalCell near = orthogonal_cell(turned, {10, 10}, 0.02);
  BOOST_TEST(near.largest_strain < 0.02);
  BOOST_TEST(near.largest_strain > 1e-4);
  BOOST_CHECK_EXCEPTION(orthogonal_cell(turned, {10, 10}, 1e-6, 100), Error, [](const Error& e) {
    return e.kind() == ErrorKind::study &&
           std::string(e.what()).find("the best one is [") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(orthogonal_cell_of_a_triclinic_zone) {
  // No lattice vector is across the zone axis [001]; the search finds some that nearly are.
  const OrientedCrystal crystal = oriented(triclinic());
  const OrthogonalCell cell = orthogonal_cell(crystal, {10, 10}, 0.03);
  BOOST_TEST(cell.largest_strain <= 0.03 + 1e-9);
  BOOST_TEST(cell.largest_strain > 1e-4);
  const Mat3 basis =
      cell.deformation * crystal.R_lab_crystal * crystal.crystal.cell.orthogonalization();
  const Eigen::Matrix<double, 3, 2> edges = basis * cell.vectors.cast<double>();
  BOOST_TEST((edges.col(0) - Vec3(cell.size.x(), 0, 0)).norm() < 1e-10);
  BOOST_TEST((edges.col(1) - Vec3(0, cell.size.y(), 0)).norm() < 1e-10);
  BOOST_TEST((cell.deformation.col(2) - Vec3::UnitZ()).norm() < 1e-10);

  // Less strain takes a larger cell.
  const OrthogonalCell better = orthogonal_cell(crystal, {10, 10}, 0.01);
  BOOST_TEST(better.largest_strain <= 0.01 + 1e-9);
  BOOST_TEST(better.size.prod() > cell.size.prod());

  // A slab of it, one period deep, holds every atom of its volume once: the strained cell times
  // its neighbours tile space.
  std::vector<double> strains;
  const double period = triclinic().cell.c();
  const AtomicModel model = slab(one_layer(crystal, period), {10, 10}, 0.03, &strains);
  BOOST_TEST(strains.size() == 1);
  BOOST_TEST(strains[0] == cell.largest_strain);
  const double strained_volume = triclinic().cell.volume() * cell.deformation.determinant();
  BOOST_TEST(model.atoms.size() == triclinic().sites.size() * model.box.prod() / strained_volume,
             boost::test_tools::tolerance(1e-9));
  BOOST_TEST(model_problems(model).empty());
}

BOOST_AUTO_TEST_CASE(slabs_hold_the_crystal) {
  const Crystal monoclinic = reference::crystal("monoclinic", Cell(5, 6, 7, 90, 103, 90),
                                                {{14, {0, 0, 0}}, {8, {.3, .2, .4}}}, {});
  // Beam along the normal of (001), which is no lattice direction: a and b are across, c is not
  // along the beam, and the period along z is d_001.
  OrientedCrystal leaning{monoclinic, Mat3::Identity()};
  const double d_001 = monoclinic.cell.volume() / (5 * 6);
  struct Case {
    OrientedCrystal crystal;
    double thickness;
  };
  for (const Case& c :
       {Case{oriented(reference::SrTiO3()), 5 * 3.905}, Case{oriented(titanium()), 3 * 4.68},
        Case{oriented(titanium(), {1, 0, 0}, {0, 0, 1}), 2.95},
        Case{oriented(primitive_silicon(), {0, 0, 1}, {1, -1, 0}), 5.431 / std::sqrt(2.0)},
        Case{leaning, 11 * d_001}}) {
    const AtomicModel model = slab(one_layer(c.crystal, c.thickness), {9, 12}, 1e-9);
    BOOST_TEST(model.box.x() >= 9 - 1e-9);
    BOOST_TEST(model.box.y() >= 12 - 1e-9);
    BOOST_TEST(model.box.z() == c.thickness);
    BOOST_TEST(double(model.atoms.size()) == atoms_in(c.crystal.crystal, model.box),
               boost::test_tools::tolerance(1e-9));
    BOOST_TEST(largest_misfit(model, c.crystal) < 1e-9);
    BOOST_TEST(model_problems(model).empty());
  }
  // Not a whole number of cells: SrTiO3 planes at 0 and 1/2; 2.2 cells have 5 of them, A first.
  const AtomicModel part = slab(one_layer(oriented(reference::SrTiO3()), 2.2 * 3.905), {1, 1}, 0);
  BOOST_TEST(part.atoms.size() == 3 * 2 + 2 * 3);
  // A plane at the exit face belongs to the next cell, however the thickness was rounded.
  for (double thickness : {3 * 3.905, 3 * 3.905 - 1e-12, 3 * 3.905 + 1e-12})
    BOOST_TEST(slab(one_layer(oriented(reference::SrTiO3()), thickness), {1, 1}, 0).atoms.size() ==
               15);
}

BOOST_AUTO_TEST_CASE(layers_share_a_cell) {
  State state = one_layer(oriented(reference::SrTiO3()), 2 * 3.905);
  state.crystals.push_back(oriented(reference::PbTiO3()));
  state.layers.push_back({1, 4.152});
  state.layers.push_back({0, 3.905});
  std::vector<double> strains;
  const AtomicModel model = slab(state, {7, 3}, 0.001, &strains);
  BOOST_TEST((model.box - Vec3(7.81, 3.905, 3 * 3.905 + 4.152)).norm() < 1e-12);
  BOOST_TEST(model.atoms.size() == 4 * 2 * 5);
  BOOST_TEST(strains.size() == 3);
  BOOST_TEST(strains[0] < 1e-12);
  BOOST_TEST(strains[1] == 0.001 / 3.904, boost::test_tools::tolerance(1e-6));
  // Lead lies at the beginning of the second layer, on the strained cell's corners.
  std::set<double> lead_z, lead_x;
  for (const Atom& atom : model.atoms)
    if (atom.Z == 82) {
      lead_z.insert(atom.position.z());
      lead_x.insert(std::round(atom.position.x() * 1e9) * 1e-9);
    }
  BOOST_TEST(lead_z.size() == 1);
  BOOST_TEST(std::abs(*lead_z.begin() - 7.81) < 1e-12);
  BOOST_TEST(lead_x.size() == 2);
  BOOST_TEST(std::abs(*lead_x.rbegin() - 3.905) < 1e-8);

  BOOST_CHECK_EXCEPTION(slab(state, {7, 3}, 1e-5), Error, [](const Error& e) {
    return std::string(e.what()).find("in every crystal") != std::string::npos;
  });
  // Two crystals whose cells only agree after several periods: 4 x 3.905 = 15.62, 3 x 5.2.
  State misfit = one_layer(oriented(reference::SrTiO3()), 3.905);
  misfit.crystals.push_back(oriented(
      reference::crystal("other", Cell(5.2, 5.2, 5.2, 90, 90, 90), {{14, {0, 0, 0}}}, {})));
  misfit.layers.push_back({1, 5.2});
  BOOST_TEST((slab(misfit, {1, 1}, 0.002).box - Vec3(15.62, 15.62, 9.105)).norm() < 1e-9);

  state.surface_normal = Vec3(0.1, 0, 1);
  BOOST_CHECK_THROW(slab(state, {7, 3}, 0.01), Error);
}

BOOST_AUTO_TEST_CASE(spheres) {
  const OrientedCrystal gold =
      oriented(reference::face_centred("Au", 4.0786, 79, false), {1, 2, 3}, {1, 1, -1});
  const Vec3 box(60, 50, 45);
  const AtomicModel model = sphere(gold, 20, box);
  // The count of lattice points in a sphere is its volume to the surface's fluctuation, about
  // radius^(2/3) of them here.
  const double expected = 4 * std::pow(4.0786, -3) * 4 / 3 * electron::pi * std::pow(20, 3);
  BOOST_TEST(double(model.atoms.size()) == expected, boost::test_tools::tolerance(0.02));
  double centre = 1e300;
  AtomicModel shifted = model;
  for (Atom& atom : shifted.atoms) {
    atom.position -= box / 2;
    BOOST_TEST(atom.position.norm() <= 20 + 1e-5);
    centre = std::min(centre, atom.position.norm());
  }
  BOOST_TEST(centre < 1e-12);
  BOOST_TEST(largest_misfit(shifted, gold) < 1e-9);
  BOOST_TEST(model_problems(model).empty());
  BOOST_CHECK_THROW(sphere(gold, 23, box), Error);
}

BOOST_AUTO_TEST_CASE(problems_are_named) {
  AtomicModel model;
  model.box = {10, 10, 10};
  model.atoms = {{14, {1, 1, 1}, 1, 0},   {14, {9.9, 5, 5}, 1, 0}, {8, {0.1, 5, 5.1}, 1, 0},
                 {38, {5, 5, 9}, 0.5, 0}, {56, {5, 5, 9}, 0.5, 0}, {6, {5, 5, 0.1}, 1, 0},
                 {6, {5, 5, 9.9}, 1, 0}};
  // Near each other across the side face; the half-occupied site and the two at the entrance and
  // exit are no problem.
  auto problems = model_problems(model);
  BOOST_TEST(problems.size() == 1);
  BOOST_TEST(problems[0].find("atoms 1 (Si) and 2 (O)") == 0);
  model.atoms.push_back({14, {3, 11, 3}, 1, 0});
  model.atoms.push_back({119, {3, 3, 3}, 1, 0});
  model.atoms.push_back({14, {7, 7, 7}, 1.5, -1});
  model.atoms.push_back({14, {7, NAN, 7}, 1, 0});
  problems = model_problems(model);
  BOOST_TEST(problems.size() == 5);  // no distances while a position is no number
  BOOST_TEST(problems[0].find("atom 7 (Si)") == 0);
  BOOST_TEST(problems[0].find("outside the box") != std::string::npos);
  BOOST_TEST(problems[1].find("atomic number 119") != std::string::npos);
  // In a box smaller than three bins every pair is met once.
  AtomicModel pair;
  pair.box = {0.9, 0.9, 0.9};
  pair.atoms = {{14, {0.05, 0.4, 0.4}, 1, 0}, {14, {0.85, 0.4, 0.4}, 1, 0}};
  BOOST_TEST(model_problems(pair).size() == 1);
  pair.box = {-1, 1, 1};
  BOOST_TEST(model_problems(pair).size() == 1);
}

BOOST_AUTO_TEST_CASE(a_million_atoms) {
  const AtomicModel model =
      slab(one_layer(oriented(reference::SrTiO3()), 60 * 3.905), {58 * 3.905, 58 * 3.905}, 0);
  BOOST_TEST(model.atoms.size() == 58u * 58 * 60 * 5);
  BOOST_TEST(model_problems(model).empty());
  BOOST_TEST(model_problems(model, 2).size() == 21);  // Ti-O are 1.95 apart
}

BOOST_AUTO_TEST_CASE(frozen_phonons) {
  const AtomicModel model = slab(one_layer(oriented(reference::SrTiO3()), 20 * 3.905), {60, 60}, 0);
  const AtomicModel moved = displaced(model, 7, 3);
  // Reproducible; other seeds and configurations differ everywhere.
  const AtomicModel again = displaced(model, 7, 3);
  const AtomicModel in_plane = displaced(model, 7, 3, false);
  const AtomicModel other = displaced(model, 7, 4), seeded = displaced(model, 8, 3);
  std::map<int, Vec3> sum, squares, cross;
  std::map<int, double> count, fourth;
  double correlation = 0;
  for (std::size_t i = 0; i < model.atoms.size(); ++i) {
    const Atom& atom = model.atoms[i];
    BOOST_REQUIRE(moved.atoms[i].position == again.atoms[i].position);
    BOOST_REQUIRE(moved.atoms[i].position != other.atoms[i].position);
    BOOST_REQUIRE(moved.atoms[i].position != seeded.atoms[i].position);
    BOOST_REQUIRE(in_plane.atoms[i].position == Vec3(moved.atoms[i].position.x(),
                                                     moved.atoms[i].position.y(),
                                                     atom.position.z()));
    BOOST_REQUIRE(moved.atoms[i].B == 0);
    const auto apart = [&](const AtomicModel& from) {
      Vec3 d = from.atoms[i].position - atom.position;
      for (int axis = 0; axis < 2; ++axis) d[axis] = std::remainder(d[axis], model.box[axis]);
      return Vec3(d / std::sqrt(atom.B / (8 * electron::pi * electron::pi)));
    };
    const Vec3 d = apart(moved);
    sum.try_emplace(atom.Z, Vec3::Zero()).first->second += d;
    squares.try_emplace(atom.Z, Vec3::Zero()).first->second += d.cwiseAbs2();
    cross.try_emplace(atom.Z, Vec3::Zero()).first->second +=
        Vec3(d[0] * d[1], d[1] * d[2], d[2] * d[0]);
    count[atom.Z] += 1;
    fourth[atom.Z] += d.array().pow(4).sum() / 3;
    correlation += d.dot(apart(other)) / 3;
  }
  for (const auto& [Z, n] : count) {
    // Five standard errors of each moment of n normal numbers: 1, sqrt(2), 1; of x^4 sqrt(96/3).
    const double error = 5 / std::sqrt(n);
    BOOST_TEST((sum[Z] / n).cwiseAbs().maxCoeff() < error);
    BOOST_TEST((squares[Z] / n - Vec3::Ones()).cwiseAbs().maxCoeff() < std::sqrt(2.0) * error);
    BOOST_TEST((cross[Z] / n).cwiseAbs().maxCoeff() < error);
    BOOST_TEST(std::abs(fourth[Z] / n - 3) < std::sqrt(32.0) * error);
  }
  BOOST_TEST(std::abs(correlation / model.atoms.size()) < 5 / std::sqrt(3.0 * model.atoms.size()));
}

BOOST_AUTO_TEST_CASE(the_displacements_stay_what_they_are) {
  // Computed from the definition (splitmix64, Box-Muller), independently; B = 8π² is 1 Å.
  AtomicModel model;
  model.box = {100, 100, 100};
  const double B = 8 * electron::pi * electron::pi;
  model.atoms = {{14, {50, 50, 50}, 1, B}, {14, {50, 50, 50}, 1, B}};
  const AtomicModel moved = displaced(model, 42, 5);
  BOOST_TEST((moved.atoms[0].position - Vec3(50, 50, 50) -
              Vec3(-0.922973685168808, 0.464742793116998, 1.061578900484614))
                 .norm() < 1e-12);
  BOOST_TEST((moved.atoms[1].position - Vec3(50, 50, 50) -
              Vec3(0.185560023044711, 0.732951926161515, 0.930893895155204))
                 .norm() < 1e-12);
}

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "core/error.hpp"
#include "derivative_check.hpp"
#include "sim/beams.hpp"
#include "sim/ewald.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

Crystal aluminium() {
  return {"Al",
          Cell(4.0495, 4.0495, 4.0495, 90, 90, 90),
          {site(13, 0, 0, 0, 0.86), site(13, 0, .5, .5, 0.86), site(13, .5, 0, .5, 0.86),
           site(13, .5, .5, 0, 0.86)}};
}

Crystal titanium() {
  return {"Ti",
          Cell(2.951, 2.951, 4.684, 90, 90, 120),
          {site(22, 1. / 3, 2. / 3, .25, 0.5), site(22, 2. / 3, 1. / 3, .75, 0.5)}};
}

Crystal monoclinic() {
  return {
      "ZrO2", Cell(5.1505, 5.2116, 5.3173, 90, 99.23, 90), {site(40, .2754, .0395, .2083, 0.35)}};
}

State specimen(const std::vector<OrientedCrystal>& crystals) {
  State state;
  state.crystals = crystals;
  for (int c = 0; c < int(crystals.size()); ++c) state.layers.push_back({c, 50});
  return state;
}

bool is_study_error(const Error& error) { return error.kind() == ErrorKind::study; }

/// Every lattice point of the zone is an integer combination of b1, b2; these are two shortest
/// independent ones, right-handed, and no equivalent pair lies nearer to lab +x, +y.
void check_net(const Crystal& crystal, const Vec3& uvw, const Vec3& x_axis) {
  const State state = specimen({oriented(crystal, uvw, x_axis)});
  const ZoneNet net = zone_net(state);
  BOOST_TEST(net.b.determinant() > 0);
  const Vec2 b1 = net.b.col(0), b2 = net.b.col(1);

  std::vector<Vec2> zone;
  constexpr int reach = 8;
  for (int h = -reach; h <= reach; ++h)
    for (int k = -reach; k <= reach; ++k)
      for (int l = -reach; l <= reach; ++l) {
        const Hkl hkl{h, k, l};
        if (hkl == Hkl{} || std::abs(hkl.vec().dot(uvw)) > 1e-9) continue;
        const Vec3 g = state.crystals[0].R_lab_crystal * crystal.cell.g(hkl).v;
        BOOST_REQUIRE(std::abs(g[2]) < 1e-9);
        const Vec2 indices = net.b.inverse() * g.head<2>();
        const Vec2 integers = indices.array().round();
        BOOST_REQUIRE((indices - integers).norm() < 1e-9);
        BOOST_REQUIRE(net.hkl(0, int(integers[0]), int(integers[1])) == hkl);
        BOOST_REQUIRE((net.g(int(integers[0]), int(integers[1])) - g.head<2>()).norm() < 1e-12);
        zone.push_back(g.head<2>());
      }
  std::sort(zone.begin(), zone.end(),
            [](const Vec2& a, const Vec2& b) { return a.squaredNorm() < b.squaredNorm(); });
  const auto area = [](const Vec2& a, const Vec2& b) { return a[0] * b[1] - a[1] * b[0]; };
  const Vec2 shortest = zone.front();
  const Vec2 second = *std::find_if(
      zone.begin(), zone.end(), [&](const Vec2& g) { return std::abs(area(shortest, g)) > 1e-9; });
  BOOST_TEST(std::abs(std::min(b1.norm(), b2.norm()) - shortest.norm()) < 1e-9);
  BOOST_TEST(std::abs(std::max(b1.norm(), b2.norm()) - second.norm()) < 1e-9);
  for (const Vec2& g : zone) {
    if (g.norm() > second.norm() + 1e-9) break;
    BOOST_TEST(g.normalized()[0] <= b1.normalized()[0] + 1e-9);
    if (std::abs(area(b1, g) - net.b.determinant()) < 1e-9)
      BOOST_TEST(g.normalized()[1] <= b2.normalized()[1] + 1e-9);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(net_of_every_system) {
  check_net(lead_titanate(), {1, 0, 0}, {0, 1, 0});
  check_net(lead_titanate(), {0, 0, -1}, {1, 1, 0});
  check_net(aluminium(), {1, 1, 0}, {0, 0, 1});
  check_net(aluminium(), {1, 1, 1}, {1, -1, 0});
  check_net(aluminium(), {-3, 1, 2}, {1, 1, 1});
  check_net(titanium(), {0, 0, 1}, {1, 0, 0});
  check_net(titanium(), {1, 0, 0}, {0, 0, 1});
  check_net(titanium(), {2, 1, 1}, {1, 0, 0});
  check_net(monoclinic(), {0, 1, 0}, {1, 0, 0});
  check_net(monoclinic(), {1, 0, 1}, {0, 1, 0});
  check_net(monoclinic(), {1, -2, 3}, {0, 1, 0});
}

BOOST_AUTO_TEST_CASE(net_has_known_indices) {
  const ZoneNet net = zone_net(specimen({oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0})}));
  BOOST_TEST((net.basis[0][0] == Hkl{0, 1, 0}));
  BOOST_TEST((net.basis[0][1] == Hkl{0, 0, 1}));
  BOOST_TEST(std::abs(net.b(0, 0) - 1 / 3.904) < 1e-14);
  BOOST_TEST(std::abs(net.b(1, 1) - 1 / 4.152) < 1e-14);
  BOOST_TEST((net.hkl(0, 2, -3) == Hkl{0, 2, -3}));
  // hexagonal with a along x: a* is 30° below +x or above it, (1 0 0) at −30° + 60° = +30°
  const ZoneNet hexagonal = zone_net(specimen({oriented(titanium(), {0, 0, 1}, {1, 0, 0})}));
  BOOST_TEST((hexagonal.basis[0][0] == Hkl{1, 0, 0}));
  BOOST_TEST((hexagonal.basis[0][1] == Hkl{0, 1, 0}));
  // a square net at 45°: of two equally near, the one towards +y
  const ZoneNet square = zone_net(specimen({oriented(strontium_titanate(), {0, 0, 1}, {1, 1, 0})}));
  BOOST_TEST((square.basis[0][0] == Hkl{0, 1, 0}));
  BOOST_TEST((square.basis[0][1] == Hkl{-1, 0, 0}));
  // fcc [110] without regard to the centring: (0 0 1) and (1 -1 0)
  const ZoneNet fcc = zone_net(specimen({oriented(aluminium(), {1, 1, 0}, {0, 0, 1})}));
  BOOST_TEST((fcc.basis[0][0] == Hkl{0, 0, 1}));
  BOOST_TEST((fcc.basis[0][1] == Hkl{1, -1, 0}));
}

BOOST_AUTO_TEST_CASE(nets_of_a_stack_are_matched) {
  Crystal lead = lead_titanate();
  lead.cell = Cell(3.904, 3.904, 3.99, 90, 90, 90);
  const State state = specimen({oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0}),
                                oriented(lead, {1, 0, 0}, {0, 0, -1})});  // polar axis along −x
  const ZoneNet net = zone_net(state);
  BOOST_TEST((net.basis[0][0] == Hkl{1, 0, 0}));
  BOOST_TEST((net.basis[1][0] == Hkl{0, 0, -1}));
  BOOST_TEST(std::abs(net.b(0, 0) - 1 / 3.905) < 1e-14);
  const Beams beams = zone_beams(state, 0.8);
  BOOST_TEST(beams.hkl_of_crystal.size() == 2u);
  for (std::size_t i = 0; i < beams.size(); ++i) {
    BOOST_TEST((beams.hkl_of_crystal[0][i] == beams.hkl[i]));
    BOOST_TEST(beams.hkl_of_crystal[1][i].l == -beams.hkl[i].h);
    const Vec3 other = state.crystals[1].R_lab_crystal * lead.cell.g(beams.hkl_of_crystal[1][i]).v;
    BOOST_TEST((other - beams.g[i]).norm() <= 0.05 * beams.g[i].norm());
  }
  const Beams given = beams_from_hkl(state, {{0, 0, 0}, {2, -1, 0}});
  BOOST_TEST((given.hkl_of_crystal[1][1] ==
              beams.hkl_of_crystal[1][std::size_t(beams.index({2, -1, 0}))]));
  BOOST_CHECK_EXCEPTION(beams_from_hkl(state, {{0, 0, 0}, {1, 0, 1}}), Error, is_study_error);
}

BOOST_AUTO_TEST_CASE(disagreeing_nets_are_errors) {
  const OrientedCrystal first = oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0});
  // PbTiO3's c = 4.152 A is 5.9 % from 3.905 A in 1/Å
  const State strained = specimen({first, oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0})});
  BOOST_CHECK_EXCEPTION(zone_net(strained), Error, [](const Error& e) {
    const std::string text = e.what();
    return is_study_error(e) && text.find("SrTiO3") != text.npos &&
           text.find("PbTiO3") != text.npos && text.find("3.905") != text.npos &&
           text.find("4.152") != text.npos;
  });
  BOOST_TEST(zone_net(strained, 0.07).basis.size() == 2u);
  // a doubled cell: each of its reflections 2h is one of the first's, but not the other way round
  Crystal doubled = strontium_titanate();
  doubled.cell = Cell(2 * 3.905, 3.905, 3.905, 90, 90, 90);
  BOOST_CHECK_EXCEPTION(zone_net(specimen({first, oriented(doubled, {0, 0, 1}, {1, 0, 0})})), Error,
                        is_study_error);
  BOOST_CHECK_EXCEPTION(zone_net(specimen({oriented(doubled, {0, 0, 1}, {1, 0, 0}), first})), Error,
                        is_study_error);
  // 1 mrad off a zone axis
  State off = specimen({first});
  off.crystals[0].R_lab_crystal =
      Eigen::AngleAxisd(1e-3, Vec3(1, 0.3, 0).normalized()) * first.R_lab_crystal;
  BOOST_CHECK_EXCEPTION(zone_net(off), Error, [](const Error& e) {
    return is_study_error(e) && std::string(e.what()).find("SrTiO3") != std::string::npos;
  });
  BOOST_CHECK_EXCEPTION(zone_net(State{}), Error, is_study_error);
}

BOOST_AUTO_TEST_CASE(zone_beams_fill_the_circle) {
  const State state = specimen({oriented(titanium(), {0, 0, 1}, {1, 0, 0})});
  const double a_star = 2 / (std::sqrt(3.0) * 2.951);
  const Beams beams = zone_beams(state, 2.01 * a_star);
  BOOST_TEST(beams.size() == 19u);  // 1 + 6 + 6 + 6
  BOOST_TEST((beams.hkl.front() == Hkl{}));
  for (std::size_t i = 1; i < beams.size(); ++i) {
    BOOST_TEST(beams.g[i].norm() >= beams.g[i - 1].norm() - 1e-8);
    BOOST_TEST((beams.g[i] -
                state.crystals[0].R_lab_crystal * state.crystals[0].crystal.cell.g(beams.hkl[i]).v)
                   .norm() < 1e-12);
    BOOST_TEST(beams.index(beams.hkl[i]) == int(i));
    BOOST_TEST(beams.index(-beams.hkl[i]) >= 0);
    if (i > 1 && beams.g[i].norm() < beams.g[i - 1].norm() + 1e-8)
      BOOST_TEST((beams.hkl[i - 1] < beams.hkl[i]));
  }
  BOOST_TEST(beams.index({7, 0, 0}) == -1);
}

// Against the definition, over all reflections of the sphere |g| <= g_max.
BOOST_AUTO_TEST_CASE(selection_is_the_rule) {
  State state = specimen({oriented(lead_titanate(), {1, 0, 0}, {0, 1, 0})});
  state.energy_keV = 60;
  state.beam_tilt = {15e-3, -5e-3};
  BeamSelection selection;
  selection.g_max = 3.4;
  selection.sg_max = 0.02;
  selection.weight_min = 0.01;
  const Beams beams = select_beams(state, {}, selection);
  BOOST_TEST((beams.hkl.front() == Hkl{}));
  const OrientedCrystal& crystal = state.crystals[0];
  const IncidentWave wave = incident_wave(state, state.beam_tilt, 0);
  Crystal in_phase = crystal.crystal;
  for (Site& site : in_phase.sites) site.position.v.setZero();
  int kept = 0, beyond_zero_order = 0, too_weak = 0;
  for (const Hkl& hkl : reflections_within(crystal.crystal.cell, selection.g_max)) {
    const Vec3 g = crystal.R_lab_crystal * crystal.crystal.cell.g(hkl).v;
    const double s_g = excitation(wave, g) / (2 * wave.K);
    // that of all atoms in phase: forbidden reflections are reached by double diffraction
    const complex U = structure_factors(in_phase, {hkl}, state.energy_keV, {})[0].elastic;
    const bool near = std::abs(s_g) <= selection.sg_max;
    const bool strong = std::abs(U) >= selection.weight_min * 2 * wave.K * std::abs(s_g);
    const bool wanted = hkl == Hkl{} || (near && strong);
    BOOST_REQUIRE_EQUAL(beams.index(hkl) >= 0, wanted);
    kept += wanted;
    too_weak += near && !strong;
    beyond_zero_order += wanted && std::abs(g[2]) > 0.1;
  }
  BOOST_TEST(kept == int(beams.size()));
  BOOST_TEST(too_weak > 0);
  BOOST_TEST(beyond_zero_order > 0);

  selection.zero_order_only = true;
  const Beams zone = select_beams(state, {}, selection);
  BOOST_TEST(zone.size() == beams.size() - std::size_t(beyond_zero_order));
  // away from a zone axis all zones are taken, and the zero-order one is not defined
  state.crystals[0].R_lab_crystal =
      Eigen::AngleAxisd(0.1, Vec3(1, 0.3, 0).normalized()) * crystal.R_lab_crystal;
  BOOST_CHECK_EXCEPTION(select_beams(state, {}, selection), Error, is_study_error);
  selection.zero_order_only = false;
  BOOST_TEST(select_beams(state, {}, selection).size() > 5u);
}

BOOST_AUTO_TEST_CASE(a_stack_keeps_what_any_layer_needs) {
  Crystal lead = lead_titanate();
  lead.cell = Cell(3.904, 3.904, 3.95, 90, 90, 90);
  const OrientedCrystal first = oriented(strontium_titanate(), {0, 0, 1}, {1, 0, 0});
  const OrientedCrystal second = oriented(lead, {1, 0, 0}, {0, 1, 0});
  BeamSelection selection;
  selection.g_max = 2;
  selection.weight_min = 0.1;
  const auto selected = [&](const std::vector<OrientedCrystal>& crystals) {
    const Beams beams = select_beams(specimen(crystals), {}, selection);
    return std::set<Hkl>(beams.hkl.begin(), beams.hkl.end());
  };
  const auto both = selected({first, second}), alone = selected({first});
  for (const Hkl& hkl : alone)
    if (hkl.l == 0) BOOST_TEST(both.count(hkl) == 1u);
  BOOST_TEST(both.size() > alone.size());
}

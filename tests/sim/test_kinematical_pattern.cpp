// Spot patterns: numbers of py4DSTEM (tests/data/kinematical/README.md), the engine Kinematical,
// precession as a mean over tilted beams, forbidden reflections.
#include "sim/kinematical_pattern.hpp"

#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <map>

#include "../crystal/reference.hpp"
#include "core/error.hpp"
#include "crystal/orientation.hpp"
#include "sim/kinematical.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double pi = electron::pi;

struct PeerPattern {
  std::string crystal, label;
  double wavelength, g_max, sigma, precession;
  Mat3 lab_columns;
  Vec3 foil_uvw;
  struct Spot {
    Vec2 q;
    double intensity;
  };
  std::map<Hkl, Spot> spots;
};

std::vector<PeerPattern> peer_patterns() {
  std::ifstream in(PENDEL_SOURCE_DIR "/tests/data/kinematical/patterns.txt");
  std::string word;
  int count = 0;
  in >> word >> count;
  std::vector<PeerPattern> result(count);
  for (PeerPattern& p : result) {
    in >> p.crystal >> p.label >> p.wavelength >> p.g_max;
    for (int i = 0; i < 9; ++i) in >> p.lab_columns(i / 3, i % 3);
    in >> p.foil_uvw[0] >> p.foil_uvw[1] >> p.foil_uvw[2] >> p.sigma >> p.precession;
    p.precession *= pi / 180;
    in >> word >> count;
    for (; count > 0; --count) {
      Hkl hkl;
      in >> hkl.h >> hkl.k >> hkl.l;
      PeerPattern::Spot& spot = p.spots[hkl];
      in >> spot.q[0] >> spot.q[1] >> spot.intensity;
    }
  }
  BOOST_REQUIRE(in.good());
  return result;
}

Crystal named(const std::string& name) {
  Crystal crystal = name == "Au"   ? reference::face_centred("Au", 4.078, 79, false)
                    : name == "Si" ? reference::face_centred("Si", 5.431, 14, true)
                                   : reference::PbTiO3();
  for (Site& site : crystal.sites) site.set_B(0);
  return crystal;
}

/// A crystal without symmetry in a skewed cell.
Crystal triclinic() {
  return reference::crystal(
      "triclinic", Cell(5.1, 6.3, 7.2, 81, 105, 97),
      {{82, {0.01, 0.02, 0.03}}, {22, {0.41, 0.55, 0.37}}, {8, {0.7, 0.2, 0.6}}},
      {{82, 0.5}, {22, 0.4}, {8, 0.8}});
}

const Mat3 general = Eigen::AngleAxisd(0.7, Vec3(1, -2, 0.5).normalized()).toRotationMatrix();
const Vec3 inclined(0.3, -0.2, 1);

const Spot* found(const std::vector<Spot>& spots, const Hkl& hkl) {
  for (const Spot& spot : spots)
    if (spot.hkl == hkl) return &spot;
  return nullptr;
}

SpotOptions slab(double thickness) {
  SpotOptions options;
  options.shape = SlabShape{thickness};
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(patterns_of_py4dstem) {
  const double m = electron::rest_energy_keV;
  for (const PeerPattern& peer : peer_patterns()) {
    const std::string name = peer.crystal + " " + peer.label;
    const Crystal crystal = named(peer.crystal);
    const double energy = std::hypot(m, electron::hc_keV_A / peer.wavelength) - m;
    SpotOptions options;
    options.g_max = peer.g_max;
    options.sg_max = 3.01 * peer.sigma;
    options.shape = GaussianShape{peer.sigma};
    options.precession = peer.precession;
    // Its lab has z to the source: 180° about x.
    const Mat3 R = Vec3(1, -1, -1).asDiagonal() * peer.lab_columns.transpose();
    Vec3 normal = Vec3::UnitZ();
    if (!peer.foil_uvw.isZero())
      normal = -R * crystal.cell.cartesian({peer.foil_uvw}).v.normalized();
    const auto spots = SpotPatterns(crystal, energy, options).spots(R, normal);

    double worst = 0, farthest = 0;
    std::size_t matched = 0;
    for (const Spot& spot : spots) {
      const double F = pi / electron::gamma(energy) * std::abs(spot.U_g);
      double intensity = std::pow(pi / electron::gamma(energy), 2) * spot.intensity;
      bool selected = F > 1e-4 && intensity > 1e-5;
      if (peer.precession == 0) {
        // s of first order: (K² − |K+g|²)/2κ, where s² + 2κ s = K² − |K+g|².
        const double s = spot.excitation_error;
        const double kappa = normal[2] / peer.wavelength + spot.g.dot(normal);
        const double first_order = s + s * s / (2 * kappa);
        intensity = F * F * std::exp(-0.5 * std::pow(first_order / peer.sigma, 2));
        selected = F > 1e-4 && intensity > 1e-5 && std::abs(first_order) <= 3 * peer.sigma;
      }
      const auto expected = peer.spots.find(spot.hkl);
      if (expected == peer.spots.end()) {
        // With precession it asks for |s| <= 3σ at one of 72 azimuths, here for it on the cone.
        BOOST_TEST((!selected || (peer.precession > 0 && intensity < 0.02 * F * F)), name);
        continue;
      }
      ++matched;
      const Vec2 q(spot.g[0], -spot.g[1]);
      farthest = std::max(farthest, (q - expected->second.q).norm());
      // It stores F in single precision (5e-8), hence I to 2 F times that.
      const double error = std::abs(intensity - expected->second.intensity);
      worst = std::max(worst, error);
      BOOST_TEST(error < 2e-8 * F + 3e-7 * intensity, name);
    }
    BOOST_TEST_MESSAGE("    " << name << ": " << matched << " spots, " << worst);
    BOOST_TEST(matched == peer.spots.size(), name);
    const char* peer_name = "py4DSTEM [Savitzky2021], 33 patterns of Au, Si, PbTiO3";
    record("Kinematical", "places of spots, 1/Å", peer_name, farthest, at_most(1e-6));
    // strongest spots: 0.08 to 0.4
    record("Kinematical", "intensities of spots (the strongest 0.08 to 0.4)", peer_name, worst,
           at_most(1e-7));
  }
}

BOOST_AUTO_TEST_CASE(excitation_error_is_exact) {
  const double K = 40;
  for (const Vec3& n : {Vec3(0, 0, 1), Vec3(0.3, -0.5, 0.7)}) {
    const Vec3 unit = n.normalized(), k(1, 2, std::sqrt(K * K - 5));
    for (const Vec3& g : {Vec3(1, -2, 0.1), Vec3(0.2, 0.3, -3), Vec3(-4, 1, 0.4)}) {
      const double s = exact_excitation_error(k, g, unit);
      BOOST_TEST(std::abs((k + g + s * unit).norm() - K) < 1e-13 * K);
      BOOST_TEST(std::abs(s) < 4);  // the root on the exit side, not that near −2K
    }
    BOOST_TEST(exact_excitation_error(k, {0, 0, 0}, unit) == 0);
    BOOST_TEST(std::isnan(exact_excitation_error(k, -1.1 * k, unit)));
  }
}

BOOST_AUTO_TEST_CASE(a_slab_is_the_kinematical_engine) {
  // The engine's s is of first order; everything else is the same. Thin, so that this is small.
  const double thickness = 40;
  const Crystal crystal = triclinic();
  State state;
  state.energy_keV = 200;
  state.surface_normal = inclined;
  state.beam_tilt = {0.012, -0.02};
  state.crystals = {{crystal, general}};
  state.layers = {{0, thickness}};
  const auto spots =
      SpotPatterns(crystal, 200, slab(thickness)).spots(general, inclined, state.beam_tilt);
  std::vector<Hkl> hkl;
  for (const Spot& spot : spots) hkl.push_back(spot.hkl);
  BOOST_TEST(hkl.size() > 100u);
  ExitWaves waves;
  Kinematical(state, beams_from_hkl(state, hkl), {{}, false})
      .exit_waves(state, {{0, 0}}, {}, waves);
  double strongest = 0;
  for (const Spot& spot : spots)
    if (spot.hkl != Hkl{}) strongest = std::max(strongest, spot.intensity);
  const double K = 1 / electron::wavelength(200);
  const Vec3 n = inclined.normalized();
  const double sx = std::sin(0.012), sy = std::sin(-0.02);
  const double K_n = K * Vec3(sx, sy, std::sqrt(1 - sx * sx - sy * sy)).dot(n);
  for (std::size_t i = 0; i < spots.size(); ++i) {
    const Spot& spot = spots[i];
    const double engine = std::norm(waves.psi(i, 0));
    if (spot.hkl == Hkl{}) {
      BOOST_TEST(spot.intensity == 1);
      continue;
    }
    const double kappa = K_n + spot.g.dot(n), s = spot.excitation_error;
    const double first_order = s + s * s / (2 * kappa);
    const double peak = std::norm(pi * spot.U_g * thickness) / (K_n * kappa);
    BOOST_TEST(std::abs(spot.intensity - peak * std::pow(sinc(s * thickness), 2)) < 1e-14);
    BOOST_TEST(std::abs(engine - peak * std::pow(sinc(first_order * thickness), 2)) <
               1e-11 * strongest);
    BOOST_TEST(std::abs(engine - spot.intensity) < 2e-3 * peak);
  }
}

BOOST_AUTO_TEST_CASE(precession_is_the_mean_over_tilted_beams) {
  const Crystal crystal = triclinic();
  const double angle = 0.03;
  const int directions = 3000;  // harmonics go to 2π b swing = 140 here
  for (const bool is_slab : {true, false})
    for (const Vec3& normal : {Vec3(0, 0, 1), inclined}) {
      SpotOptions options = slab(800);
      if (!is_slab) options.shape = GaussianShape{0.004};
      options.g_max = 0.9;
      options.sg_max = 10;  // every reflection at every azimuth
      const SpotPatterns still(crystal, 200, options);
      options.precession = angle;
      const auto precessing = SpotPatterns(crystal, 200, options).spots(general, normal);
      std::vector<double> mean(precessing.size(), 0);
      for (int i = 0; i < directions; ++i) {
        const double alpha = 2 * pi * (i + 0.3) / directions;
        const Vec2 tilt(std::asin(std::sin(angle) * std::cos(alpha)),
                        std::asin(std::sin(angle) * std::sin(alpha)));
        const auto spots = still.spots(general, normal, tilt);
        BOOST_REQUIRE(spots.size() == precessing.size());
        for (std::size_t g = 0; g < spots.size(); ++g) mean[g] += spots[g].intensity / directions;
      }
      double strongest = 0, error = 0;
      for (std::size_t g = 1; g < mean.size(); ++g) {
        strongest = std::max(strongest, mean[g]);
        error = std::max(error, std::abs(precessing[g].intensity - mean[g]));
      }
      BOOST_TEST(strongest > 0);
      record("Kinematical", "precession, of the strongest intensity", "mean of 3000 tilted beams",
             error / strongest, at_most(1e-7));
    }
}

BOOST_AUTO_TEST_CASE(precession_selects_by_the_nearest_approach) {
  const Crystal crystal = triclinic();
  SpotOptions options;
  options.sg_max = 0.01;
  options.g_max = 1.5;
  const SpotPatterns still(crystal, 200, options);
  options.precession = 0.02;
  const auto precessing = SpotPatterns(crystal, 200, options).spots(general);
  std::map<Hkl, int> seen;
  const int directions = 720;
  for (int i = 0; i < directions; ++i) {
    const double alpha = 2 * pi * i / directions;
    const Vec2 tilt(std::asin(std::sin(0.02) * std::cos(alpha)),
                    std::asin(std::sin(0.02) * std::sin(alpha)));
    for (const Spot& spot : still.spots(general, Vec3::UnitZ(), tilt)) ++seen[spot.hkl];
  }
  for (const auto& [hkl, count] : seen) BOOST_TEST((found(precessing, hkl) != nullptr));
  // Some touch the cone between two of the azimuths.
  BOOST_TEST(seen.size() + 3 >= precessing.size());
  BOOST_TEST(seen.size() > still.spots(general).size() + 50);
}

BOOST_AUTO_TEST_CASE(forbidden_reflections_are_listed_as_such) {
  const auto is_forbidden = [](const Crystal& crystal) {
    std::map<Hkl, bool> result;
    for (const Reflection& r : reflections(crystal, 200, 1.2)) result[r.hkl] = r.forbidden;
    return result;
  };
  // Diamond: all odd, or all even with a sum divisible by 4.
  for (const auto& [hkl, forbidden] : is_forbidden(named("Si"))) {
    const bool odd = hkl.h % 2 && hkl.k % 2 && hkl.l % 2;
    const bool even = !(hkl.h % 2) && !(hkl.k % 2) && !(hkl.l % 2);
    BOOST_TEST(forbidden == !(odd || (even && (hkl.h + hkl.k + hkl.l) % 4 == 0)));
  }
  // Hexagonal close packing, written with six digits: h+2k = 3n with l odd.
  const Crystal Ti = reference::crystal(
      "Ti", Cell(2.951, 2.951, 4.684, 90, 90, 120),
      {{22, {0.333333, 0.666667, 0.25}}, {22, {0.666667, 0.333333, 0.75}}}, {{22, 0.5}});
  for (const auto& [hkl, forbidden] : is_forbidden(Ti))
    BOOST_TEST(forbidden == ((hkl.h + 2 * hkl.k) % 3 == 0 && hkl.l % 2 != 0));
  for (const auto& [hkl, forbidden] : is_forbidden(named("PbTiO3"))) BOOST_TEST(!forbidden);

  // In a pattern: not dropped, and dark.
  const Crystal Si = named("Si");
  const auto spots =
      SpotPatterns(Si, 200, slab(100)).spots(orientation(Si.cell, {1, 1, 0}, {0, 0, 1}));
  const Spot* dark = found(spots, {0, 0, 2});
  BOOST_REQUIRE(dark != nullptr);
  BOOST_TEST(dark->forbidden);
  BOOST_TEST(dark->intensity < 1e-20);
  BOOST_TEST(!found(spots, {1, -1, 1})->forbidden);
}

BOOST_AUTO_TEST_CASE(primitive_and_conventional_cells_give_one_pattern) {
  // Every spot of the primitive fcc cell is a spot of the cubic one, which has forbidden ones more.
  const double a = 5.43, p = a / std::sqrt(2);
  const Crystal cubic = reference::face_centred("Au", a, 79, false);
  const Crystal primitive =
      reference::crystal("Au", Cell(p, p, p, 60, 60, 60), {{79, {0, 0, 0}}}, {});
  // Primitive edges a (0 1 1)/2, (1 0 1)/2, (1 1 0)/2: the rotation that takes them there.
  Mat3 edges;
  edges << 0, 1, 1, 1, 0, 1, 1, 1, 0;
  const Mat3 R = edges * a / 2 * primitive.cell.orthogonalization().inverse();
  BOOST_REQUIRE((R * R.transpose() - Mat3::Identity()).norm() < 1e-12);
  SpotOptions options;
  options.g_max = 3;
  const auto of_primitive = SpotPatterns(primitive, 300, options).spots(general * R, inclined);
  const auto of_cubic = SpotPatterns(cubic, 300, options).spots(general, inclined);
  std::size_t allowed = 0;
  for (const Spot& spot : of_cubic) {
    if (spot.forbidden) continue;
    ++allowed;
    const Vec3 h = edges.transpose() * spot.hkl.vec() / 2;  // h = g·a
    const Spot* other = found(
        of_primitive, {int(std::lround(h[0])), int(std::lround(h[1])), int(std::lround(h[2]))});
    BOOST_REQUIRE(other != nullptr);
    BOOST_TEST((other->g - spot.g).norm() < 1e-12);
    BOOST_TEST(std::abs(other->intensity - spot.intensity) < 1e-12);
  }
  BOOST_TEST(allowed == of_primitive.size());
  BOOST_TEST(SpotPatterns(primitive, 300, options).reflections().size() == 4573u);
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  const Crystal crystal = triclinic();
  const auto is_study = [](const Error& e) { return e.kind() == ErrorKind::study; };
  SpotOptions options;
  const auto refused = [&] {
    BOOST_CHECK_EXCEPTION(SpotPatterns(crystal, 200, options), Error, is_study);
    options = {};
  };
  options.shape = SlabShape{0};
  refused();
  options.shape = GaussianShape{-1};
  refused();
  options.sg_max = 0;
  refused();
  options.precession = -0.1;
  refused();
  options.precession_tolerance = 0;
  refused();
  options.g_max = -1;
  refused();
  const SpotPatterns patterns(crystal, 200, options);
  BOOST_CHECK_EXCEPTION(patterns.spots(general, {0, 0, 0}), Error, is_study);
  BOOST_CHECK_EXCEPTION(patterns.spots(general, {0, 0, -1}), Error, is_study);
  options.precession = 0.03;
  options.precession_tolerance = 1e-300;  // never
  BOOST_CHECK_EXCEPTION(SpotPatterns(crystal, 200, options).spots(general), Error,
                        [](const Error& e) { return e.kind() == ErrorKind::numerical; });
  options.precession = 0.1;  // grazing: part of the cone comes from behind
  BOOST_CHECK_EXCEPTION(SpotPatterns(crystal, 200, options).spots(general, {1, 0, 0.05}), Error,
                        is_study);
}

// Rings: multiplicities, forbidden ones, Vainshtein's intensity as a mean over orientations, lines.
#include "sim/powder.hpp"

#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../crystal/reference.hpp"
#include "core/error.hpp"

using namespace pendel;

namespace {

constexpr double pi = electron::pi;

struct Expected {
  Hkl hkl;
  int multiplicity;
  bool forbidden;
};

PowderOptions up_to(double g_max) {
  PowderOptions options;
  options.g_max = g_max;
  return options;
}

void check(const Crystal& crystal, const std::vector<Expected>& expected) {
  const double a = crystal.cell.a();
  const auto rings = powder_rings(crystal, 200, up_to(std::sqrt(27.5) / a));
  std::size_t at = 0;
  for (const Expected& e : expected) {
    const double g = e.hkl.vec().norm() / a;
    while (at < rings.size() && rings[at].g < g - 1e-9) ++at;
    BOOST_REQUIRE(at < rings.size());
    BOOST_TEST(std::abs(rings[at].g - g) < 1e-12);
    BOOST_TEST((rings[at].hkl == e.hkl));
    BOOST_TEST(rings[at].multiplicity == e.multiplicity);
    BOOST_TEST(rings[at].forbidden == e.forbidden);
    BOOST_TEST((rings[at].intensity > 1e-12) == !e.forbidden);
  }
  BOOST_TEST(rings.back().g == rings[at].g);  // {333} and {511}: the last
}

}  // namespace

BOOST_AUTO_TEST_CASE(multiplicities_of_cubic_crystals) {
  check(reference::face_centred("Au", 4.078, 79, false), {{{1, 0, 0}, 6, true},
                                                          {{1, 1, 0}, 12, true},
                                                          {{1, 1, 1}, 8, false},
                                                          {{2, 0, 0}, 6, false},
                                                          {{2, 1, 0}, 24, true},
                                                          {{2, 2, 0}, 12, false},
                                                          {{3, 1, 1}, 24, false},
                                                          {{2, 2, 2}, 8, false},
                                                          {{4, 0, 0}, 6, false},
                                                          {{3, 3, 1}, 24, false},
                                                          {{4, 2, 0}, 24, false},
                                                          {{4, 2, 2}, 24, false},
                                                          {{5, 1, 1}, 32, false}});
  check(reference::face_centred("Si", 5.431, 14, true), {{{1, 1, 1}, 8, false},
                                                         {{2, 0, 0}, 6, true},
                                                         {{2, 2, 0}, 12, false},
                                                         {{3, 1, 1}, 24, false},
                                                         {{2, 2, 2}, 8, true},
                                                         {{4, 0, 0}, 6, false},
                                                         {{3, 3, 1}, 24, false},
                                                         {{4, 2, 0}, 24, true},
                                                         {{4, 2, 2}, 24, false},
                                                         {{5, 1, 1}, 32, false}});
}

BOOST_AUTO_TEST_CASE(rings_of_a_tetragonal_crystal) {
  // Each ring's reflections are all those of its length; nothing is lost or counted twice.
  Crystal crystal = reference::PbTiO3();
  const auto rings = powder_rings(crystal, 200, up_to(1.5));
  const auto all = reflections(crystal, 200, 1.5);
  int count = 0;
  double sum = 0, expected = 0;
  for (const Ring& ring : rings) {
    count += ring.multiplicity;
    sum += ring.U_squared;
    BOOST_TEST(std::abs(crystal.cell.g(ring.hkl).v.norm() - ring.g) < 1e-4);
  }
  for (const Reflection& r : all) expected += r.hkl == Hkl{} ? 0 : std::norm(r.U_g);
  BOOST_TEST(count + 1 == int(all.size()));
  BOOST_TEST(std::abs(sum - expected) < 1e-13);
  // (001) apart from (100), which is apart no longer when merged coarsely.
  BOOST_TEST(rings[0].multiplicity == 2);
  BOOST_TEST((rings[0].hkl == Hkl{0, 0, 1}));
  BOOST_TEST(rings[1].multiplicity == 4);
  PowderOptions coarse = up_to(1.5);
  coarse.merge_tolerance = 0.02;
  BOOST_TEST(powder_rings(crystal, 200, coarse)[0].multiplicity == 6);
  // Debye-Waller: a ring of one kind of atom alone loses T².
  Crystal lead = crystal;
  lead.sites.resize(1);
  const double moving = powder_rings(lead, 200, up_to(1))[3].intensity;
  lead.sites[0].set_B(0);
  const Ring still = powder_rings(lead, 200, up_to(1))[3];
  BOOST_TEST(std::abs(moving / still.intensity - std::exp(-0.9 * still.g * still.g / 2)) < 1e-6);
}

BOOST_AUTO_TEST_CASE(intensity_is_the_mean_over_orientations) {
  const Crystal crystal = reference::face_centred("Au", 4.078, 79, false);
  const double thickness = 60, energy = 300;
  const auto rings = powder_rings(crystal, energy, up_to(0.75));
  SpotOptions options;
  options.shape = SlabShape{thickness};
  options.g_max = 0.75;
  options.sg_max = 10;
  const SpotPatterns patterns(crystal, energy, options);
  std::vector<double> mean(rings.size(), 0);
  const int orientations = 20000;  // of the beam, on a spiral that covers the sphere evenly
  for (int i = 0; i < orientations; ++i) {
    const double z = 1 - 2 * (i + 0.5) / orientations, phi = 2.399963229728653 * i;
    const Vec3 beam(std::sqrt(1 - z * z) * std::cos(phi), std::sqrt(1 - z * z) * std::sin(phi), z);
    const Mat3 R = Eigen::Quaterniond::FromTwoVectors(beam, Vec3::UnitZ()).toRotationMatrix();
    for (const Spot& spot : patterns.spots(R))
      for (std::size_t n = 0; n < rings.size(); ++n)
        if (std::abs(spot.g.norm() - rings[n].g) < 1e-6) mean[n] += spot.intensity / orientations;
  }
  for (std::size_t n = 0; n < rings.size(); ++n)
    if (!rings[n].forbidden)
      // What the sinc² has beyond |s| = 2g is 1/(π² g t) = 0.4 %, the curvature of the sphere less.
      BOOST_TEST(std::abs(mean[n] / (thickness * rings[n].intensity) - 1) < 0.01);
}

BOOST_AUTO_TEST_CASE(lines_have_unit_area_and_their_width) {
  Ring ring;
  ring.g = 0.5;
  ring.intensity = 3;
  const double width = 0.02;
  for (const double mixing : {0.0, 0.3, 1.0}) {
    std::vector<double> grid;
    for (int i = 0; i <= 200000; ++i) grid.push_back(-9.5 + i * 1e-4);
    const auto profile = radial_profile({ring}, grid, {width, mixing});
    double area = 0;
    for (double value : profile) area += value * 1e-4;
    // A Lorentzian has 2/π · (width/2)/10 = 6e-4 beyond 10 1/Å.
    BOOST_TEST(std::abs(area / 3 - 1) < 1e-9 + 7e-4 * mixing);
    const auto at =
        radial_profile({ring}, {0.5, 0.5 + width / 2, 0.5 - width / 2}, {width, mixing});
    BOOST_TEST(std::abs(at[1] / at[0] - 0.5) < 1e-12);
    BOOST_TEST(std::abs(at[2] / at[0] - 0.5) < 1e-12);
  }
  ring.forbidden = true;
  BOOST_TEST(radial_profile({ring}, {0.5}, {})[0] == 0);
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  const auto is_study = [](const Error& e) { return e.kind() == ErrorKind::study; };
  PowderOptions options;
  options.merge_tolerance = -1;
  BOOST_CHECK_EXCEPTION(powder_rings(reference::PbTiO3(), 200, options), Error, is_study);
  BOOST_CHECK_EXCEPTION(radial_profile({}, {}, {0, 0}), Error, is_study);
  BOOST_CHECK_EXCEPTION(radial_profile({}, {}, {0.01, 1.5}), Error, is_study);
}

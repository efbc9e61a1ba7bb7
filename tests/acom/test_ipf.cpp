// Colours of inverse pole figures against orix's numbers, and what must hold for every Laue group.
#include "acom/ipf.hpp"

#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <random>

#include "../crystal/reference.hpp"
#include "core/electron.hpp"
#include "crystal/rotation.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

const std::vector<std::string> laue_groups = {"-1",  "2/m", "mmm",   "4/m", "4/mmm", "-3",
                                              "-3m", "6/m", "6/mmm", "m-3", "m-3m"};

Vec3 random_direction(std::mt19937& random) {
  std::normal_distribution<double> normal;
  return Vec3(normal(random), normal(random), normal(random)).normalized();
}

}  // namespace

BOOST_AUTO_TEST_CASE(colours_that_orix_publishes) {
  const IpfKey key(point_group("m-3m"));
  const std::pair<Vec3, Vec3> published[] = {{{0, 0, 1}, {1, 0, 0}},
                                             {{1, 0, 1}, {.00525592242, 1, 0}},
                                             {{1, 1, 1}, {0, .00881970516, 1}},
                                             {{.2, .1, .97}, {1, .366801918, .397165286}},
                                             {{.6, .2, .77}, {.453458024, 1, .799399351}}};
  for (const auto& [direction, colour] : published)
    record("Orientations", "colours of inverse pole figures", "orix [Johnstone2020], published",
           (key.colour(direction) - colour).cwiseAbs().maxCoeff(), at_most(1e-8));
}

BOOST_AUTO_TEST_CASE(golden_colours) {
  const IpfKey key(point_group("m-3m"));
  const auto rows = reference::rows(PENDEL_SOURCE_DIR "/tests/data/orientations/golden_m3m.csv");
  BOOST_TEST(rows.size() == 30u);
  for (const auto& row : rows) {
    const auto at = [&](int i) { return std::stod(row[std::size_t(i)]); };
    const Mat3 R = from_bunge_angles({at(0), at(1), at(2)});
    const Vec3 z = key.colour(crystal_direction(R, Vec3::UnitZ()));
    const Vec3 x = key.colour(crystal_direction(R, Vec3::UnitX()));
    for (const double error : {(z - Vec3(at(16), at(17), at(18))).cwiseAbs().maxCoeff(),
                               (x - Vec3(at(19), at(20), at(21))).cwiseAbs().maxCoeff()})
      record("Orientations", "colours of inverse pole figures [NolzeHielscher2016]",
             "numpy program (tests/data/orientations)", error, at_most(1e-6));
  }
}

BOOST_AUTO_TEST_CASE(every_laue_group_has_one_colour_for_equivalent_directions) {
  std::mt19937 random(1);
  for (const std::string& name : laue_groups) {
    BOOST_TEST_CONTEXT(name) {
      const PointGroup group = point_group(name);
      const IpfKey key(group);
      for (int i = 0; i < 200; ++i) {
        const Vec3 v = random_direction(random);
        const Vec3 colour = key.colour(v);
        BOOST_TEST(colour.minCoeff() >= -1e-12);
        BOOST_TEST(colour.maxCoeff() <= 1 + 1e-12);
        BOOST_TEST(colour.maxCoeff() > 1 - 1e-9);  // full saturation, at least half lightness
        const Mat3& S = group.operations[std::size_t(i) % group.operations.size()];
        BOOST_TEST((key.colour(S * v) - colour).norm() < 1e-6);
      }
      // white in the middle; saturated at the edges: one channel is 0 there
      Vec3 middle = Vec3::Zero();
      const auto& corners = key.zone().vertices();
      if (corners.size() == 3 && name != "m-3") {
        for (const Vec3& corner : corners) {
          middle += corner;
          BOOST_TEST(key.colour(corner).minCoeff() < 1e-6);
        }
        BOOST_TEST((key.colour(middle) - Vec3::Ones()).norm() < 1e-6);
        // the corner next to z is red, and the three are a third of the hues apart
        BOOST_TEST((key.colour(corners[0]) - Vec3(1, 0, 0)).norm() < 0.02);
        BOOST_TEST((key.colour(corners[1]) - Vec3(0, 1, 0)).norm() < 0.03);
        BOOST_TEST((key.colour(corners[2]) - Vec3(0, 0, 1)).norm() < 0.03);
      }
    }
  }
}

// Over mirror planes colours go on smoothly; a small step in direction is a small step in colour
// away from the middle, everywhere inside.
BOOST_AUTO_TEST_CASE(neighbouring_directions_have_neighbouring_colours) {
  std::mt19937 random(2);
  for (const char* name : {"mmm", "4/mmm", "-3m", "6/mmm", "m-3m"}) {
    const IpfKey key(point_group(name));
    double most = 0;
    for (int i = 0; i < 500; ++i) {
      const Vec3 v = random_direction(random);
      const Vec3 near = (v + 1e-5 * random_direction(random)).normalized();
      if (key.colour(v).minCoeff() > 0.9) continue;
      most = std::max(most, (key.colour(v) - key.colour(near)).norm());
    }
    BOOST_TEST(most < 1e-3, name);
    BOOST_TEST(most > 1e-6, name);
  }
}

BOOST_AUTO_TEST_CASE(other_settings_have_the_same_colours) {
  std::mt19937 random(3);
  const Mat3 Q = rotation_about({1, 1, 1}, 2 * electron::pi / 3) * rotation_about({1, 2, 3}, 0.2);
  for (const std::string& name : laue_groups) {
    const PointGroup group = point_group(name);
    PointGroup turned = group;
    for (Mat3& S : turned.operations) S = Q * S * Q.transpose();
    const IpfKey key(group), other(turned);
    for (int i = 0; i < 20; ++i) {
      const Vec3 v = random_direction(random);
      BOOST_TEST((other.colour(other.zone().setting() * v) - key.colour(v)).norm() < 1e-6, name);
    }
  }
}

BOOST_AUTO_TEST_CASE(legends) {
  const IpfKey cubic(point_group("m-3m"));
  const IpfLegend legend = ipf_legend(cubic, Cell(4, 4, 4, 90, 90, 90), 200);
  BOOST_TEST(legend.columns == 200u);
  BOOST_REQUIRE(legend.corners.size() == 3u);
  BOOST_TEST(legend.corners[0].indices == "[001]");
  BOOST_TEST(legend.corners[1].indices == "[101]");
  BOOST_TEST(legend.corners[2].indices == "[111]");
  // 001 at the bottom left, 101 at the bottom right, 111 on top
  BOOST_TEST(legend.corners[0].column < 0);
  BOOST_TEST(std::abs(legend.corners[1].column - 199.5) < 1e-6);
  BOOST_TEST(std::abs(legend.corners[0].row - legend.corners[1].row) < 1e-6);
  BOOST_TEST(legend.corners[2].row < 1);
  BOOST_TEST(legend.rgb.size() == legend.rows * legend.columns * 3);
  BOOST_TEST(legend.rgb[0] == 1.0f);  // the top left is outside: white
  BOOST_TEST(legend.rgb[1] == 1.0f);
  const std::size_t bottom_left = (legend.rows - 1) * legend.columns * 3;
  BOOST_TEST(legend.rgb[bottom_left] > 0.99f);  // red
  BOOST_TEST(legend.rgb[bottom_left + 1] < 0.1f);
  BOOST_TEST((legend.outline.front() - legend.outline.back()).norm() == 0);

  const IpfLegend hexagonal = ipf_legend(IpfKey(point_group("6mm")), Cell(3, 3, 5, 90, 90, 120));
  BOOST_TEST(hexagonal.corners[1].indices == "[100]");
  BOOST_TEST(hexagonal.corners[2].indices == "[210]");
  // -1: a disk without corners
  const IpfLegend triclinic = ipf_legend(IpfKey(point_group("1")), Cell(3, 4, 5, 80, 95, 100), 50);
  BOOST_TEST(triclinic.corners.empty());
  BOOST_TEST(triclinic.rows == 50u);
  // 2/m: a and -a
  const IpfLegend monoclinic = ipf_legend(IpfKey(point_group("2")), Cell(3, 4, 5, 90, 100, 90), 50);
  BOOST_REQUIRE(monoclinic.corners.size() == 2u);
  BOOST_TEST(monoclinic.corners[0].indices + monoclinic.corners[1].indices == "[100][-100]");
  const IpfLegend trigonal = ipf_legend(IpfKey(point_group("3m")), Cell(3, 3, 5, 90, 90, 120), 50);
  BOOST_TEST(trigonal.corners[0].indices == "[001]");
  BOOST_TEST(trigonal.corners[1].indices == "[1-10]");
}

// Fundamental zones: the customary triangles, and over all 32 groups x {point, Laue, rotations}
// that the images cover the sphere once.
#include "crystal/fundamental_zone.hpp"

#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>

#include "core/electron.hpp"
#include "crystal/rotation.hpp"
#include "zones.hpp"

using namespace pendel;
using electron::pi;

namespace {

/// From the angles between edges (Girard).
double area(const FundamentalZone& zone) {
  const std::vector<Vec3>& n = zone.normals();
  if (n.size() < 2) return n.empty() ? 4 * pi : 2 * pi;
  double sum = -(double(n.size()) - 2) * pi;
  for (std::size_t i = 0; i < n.size(); ++i) sum += pi - std::acos(n[i].dot(n[(i + 1) % n.size()]));
  return sum;
}

void has_vertices(const FundamentalZone& zone, const std::vector<Vec3>& expected) {
  BOOST_TEST_CONTEXT(zone.group().name) {
    BOOST_REQUIRE(zone.vertices().size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      BOOST_TEST((zone.vertices()[i] - expected[i].normalized()).norm() < 1e-9);
  }
}

Vec3 at(double degrees) { return {std::cos(degrees * pi / 180), std::sin(degrees * pi / 180), 0}; }

}  // namespace

BOOST_AUTO_TEST_CASE(customary_triangles) {
  const Vec3 z(0, 0, 1);
  const auto zone = [](const char* name) { return FundamentalZone(point_group(name)); };
  has_vertices(zone("m-3m"), {z, {1, 0, 1}, {1, 1, 1}});
  has_vertices(zone("-43m"), {z, {1, -1, 1}, {1, 1, 1}});
  for (const char* name : {"432", "m-3"})
    has_vertices(zone(name), {z, {1, 0, 1}, {1, 1, 1}, {0, 1, 1}});
  has_vertices(zone("23"), {z, {1, -1, 1}, {1, 0, 0}, {1, 1, 1}});
  has_vertices(zone("6/mmm"), {z, at(0), at(30)});
  has_vertices(zone("4/mmm"), {z, at(0), at(45)});
  has_vertices(zone("mmm"), {z, at(0), at(90)});
  has_vertices(zone("-3m"), {z, at(-30), at(30)});
  has_vertices(zone("-3"), {z, at(0), at(120)});
  has_vertices(zone("6/m"), {z, at(0), at(60)});
  has_vertices(zone("4/m"), {z, at(0), at(90)});
  has_vertices(zone("-42m"), {z, at(-45), at(45)});
  has_vertices(zone("422"), {z, at(0), at(90)});
  has_vertices(zone("4mm"), {z, -z});
  BOOST_TEST(zone("4mm").contains(at(44)));
  BOOST_TEST(!zone("4mm").contains(at(46)));
  BOOST_TEST(!zone("4mm").contains(at(-1)));
  BOOST_TEST(zone("-1").normals().size() == 1u);
  BOOST_TEST((zone("-1").normals()[0] - z).norm() < 1e-12);
  BOOST_TEST(zone("1").normals().empty());
  // 2/m: the quarter z > 0, y > 0
  BOOST_TEST(zone("2/m").contains({-0.9, 0.1, 0.1}));
  BOOST_TEST(zone("2/m").contains({0.9, 0.1, 0.1}));
  BOOST_TEST(!zone("2/m").contains({0.9, -0.1, 0.1}));
  BOOST_TEST(!zone("2/m").contains({0.9, 0.1, -0.1}));
}

BOOST_AUTO_TEST_CASE(edges_run_counterclockwise_from_vertex_to_vertex) {
  for_all_zones([](const FundamentalZone& zone) {
    const auto& v = zone.vertices();
    for (std::size_t i = 0; i < v.size(); ++i) {
      const Vec3& n = zone.normals()[i];
      BOOST_TEST(std::abs(n.dot(v[i])) < 1e-9);
      BOOST_TEST(std::abs(n.dot(v[(i + 1) % v.size()])) < 1e-9);
      BOOST_TEST(n.dot(v[i].cross(v[(i + 1) % v.size()])) > -1e-9);
      BOOST_TEST(zone.contains(v[i]));
    }
  });
}

BOOST_AUTO_TEST_CASE(area_times_order_is_the_sphere) {
  for_all_zones([](const FundamentalZone& zone) {
    BOOST_TEST(std::abs(area(zone) * double(zone.group().operations.size()) - 4 * pi) < 1e-9);
  });
}

BOOST_AUTO_TEST_CASE(images_cover_the_sphere_once) {
  std::mt19937 random(1);
  long directions = 0;
  for_all_zones([&](const FundamentalZone& zone) {
    const Coverage found = coverage(zone, 1000000 / 96 + 1, random);
    BOOST_TEST(found.covered == found.directions);
    BOOST_TEST(found.more_than_once == 0);
    directions += found.directions;
  });
  BOOST_TEST(directions >= 1000000);
}

BOOST_AUTO_TEST_CASE(the_reduced_direction_is_the_image_inside) {
  std::mt19937 random(2);
  for_all_zones([&](const FundamentalZone& zone) {
    for (int i = 0; i < 100; ++i) {
      const Vec3 v = random_direction(random);
      const auto [image, operation] = zone.reduced(v);
      BOOST_TEST(contains(zone.group(), operation));
      BOOST_TEST((operation * v - image).norm() < 1e-12);
      BOOST_TEST(zone.contains(image));
      // the same one for all equivalent directions
      const Mat3& S = zone.group().operations[std::size_t(i) % zone.group().operations.size()];
      BOOST_TEST((zone.reduced(S * v).direction - image).norm() < 1e-9);
    }
    // special directions have an image too
    for (const Vec3& v : zone.vertices()) BOOST_TEST(zone.contains(zone.reduced(-v).direction));
  });
}

// A crystal turned in its Cartesian frame (other axes of its cell) has the same zone, turned.
BOOST_AUTO_TEST_CASE(other_settings) {
  std::mt19937 random(3);
  for (const std::string& name : point_group_names()) {
    const PointGroup standard = point_group(name);
    const FundamentalZone zone(standard);
    BOOST_TEST(zone.setting().isIdentity(1e-9), name);
    for (const Mat3& Q : {rotation_about({1, 1, 1}, 2 * pi / 3), rotation_about({0, 0, 1}, pi / 6),
                          rotation_about({0, 0, 1}, pi / 4), rotation_about({1, 2, 3}, 0.4)}) {
      BOOST_TEST_CONTEXT(name) {
        PointGroup turned = standard;
        for (Mat3& S : turned.operations) S = Q * S * Q.transpose();
        const FundamentalZone other(turned);
        const Coverage found = coverage(other, 300, random);
        BOOST_TEST(found.covered == 300);
        BOOST_TEST(found.more_than_once == 0);
        for (const Mat3& S : standard.operations)
          BOOST_TEST(contains(turned, other.setting() * S * other.setting().transpose()));
        BOOST_TEST(angle_between(other.setting(), Mat3::Identity()) <
                   angle_between(Q, Mat3::Identity()) + 1e-9);
        BOOST_REQUIRE(other.vertices().size() == zone.vertices().size());
        for (std::size_t i = 0; i < zone.vertices().size(); ++i)
          BOOST_TEST((other.setting() * zone.vertices()[i] - other.vertices()[i]).norm() < 1e-9);
      }
    }
  }
}

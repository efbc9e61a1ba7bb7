// Zone axes against counts of py4DSTEM, and over all groups that no direction is farther from one
// than is said.
#include "acom/zone_sampling.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "../crystal/zones.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/rotation.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double degree = electron::pi / 180;

/// Every image of every axis, once.
std::vector<Vec3> images(const FundamentalZone& zone, const ZoneAxes& sampled) {
  std::vector<Vec3> result;
  for (const Vec3& axis : sampled.axes) {
    const std::size_t first = result.size();
    for (const Mat3& S : zone.group().operations) {
      const Vec3 image = S * axis;
      if (std::none_of(result.begin() + long(first), result.end(),
                       [&](const Vec3& known) { return (known - image).norm() < 1e-6; }))
        result.push_back(image);
    }
  }
  return result;
}

std::size_t nearest(const std::vector<Vec3>& axes, const Vec3& v) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < axes.size(); ++i)
    if (axes[i].dot(v) > axes[best].dot(v)) best = i;
  return best;
}

std::size_t count(const char* name, double step_deg, ZoneSpacing spacing) {
  return zone_axes(FundamentalZone(point_group(name)), step_deg * degree, spacing).axes.size();
}

}  // namespace

BOOST_AUTO_TEST_CASE(counts_of_cubic_triangles) {
  // py4DSTEM 0.14.18, measured
  for (const auto& [step, axes] :
       {std::pair{5., 78.}, {3., 190.}, {2., 406.}, {1., 1596.}, {0.5, 6105.}})
    record("Orientations", "zone axes of m-3m at 5, 3, 2, 1, 0.5°: count less that expected",
           "py4DSTEM [Ophus2022]", double(count("m-3m", step, ZoneSpacing::slerp)) - axes,
           between(0, 0));
}

BOOST_AUTO_TEST_CASE(every_direction_is_within_the_covering_radius) {
  std::mt19937 random(1);
  for (const ZoneSpacing spacing : {ZoneSpacing::equal_area, ZoneSpacing::slerp})
    for_all_zones([&](const FundamentalZone& zone) {
      const double step = 9 * degree;
      const ZoneAxes sampled = zone_axes(zone, step, spacing);
      for (const Vec3& axis : sampled.axes) BOOST_REQUIRE(zone.contains(axis));
      const std::vector<Vec3> axes = images(zone, sampled);
      for (const Vec3& vertex : zone.vertices())
        BOOST_TEST((axes[nearest(axes, vertex)] - vertex).norm() < 1e-9);
      double farthest = 0;
      for (int i = 0; i < 1000; ++i) {
        const Vec3 v = random_direction(random);
        farthest = std::max(farthest, std::acos(std::min(1.0, axes[nearest(axes, v)].dot(v))));
      }
      BOOST_TEST(farthest <= sampled.covering_radius);
      BOOST_TEST(sampled.covering_radius < 0.85 * step);
      BOOST_TEST(farthest > 0.75 * sampled.covering_radius);  // and it is no gross overestimate
    });
}

// The share of random directions that are nearest to an axis is about the same for all, corners
// apart: there more or fewer triangles than six meet. With equal angles it is not.
BOOST_AUTO_TEST_CASE(every_axis_stands_for_the_same_area) {
  const auto spread = [](const char* name, ZoneSpacing spacing) {
    const FundamentalZone zone(point_group(name));
    const std::vector<Vec3> axes = images(zone, zone_axes(zone, 16 * degree, spacing));
    std::vector<double> share(axes.size(), 0);
    std::mt19937 random(5);
    const int directions = 300 * int(axes.size());  // 6 % of a share is chance
    for (int i = 0; i < directions; ++i)
      share[nearest(axes, random_direction(random))] += 1 / 300.0;
    std::sort(share.begin(), share.end());
    return share[share.size() * 95 / 100] / share[share.size() * 5 / 100];
  };
  for (const char* name : {"1", "mmm", "4/mmm", "6/mmm", "m-3m"})
    BOOST_TEST(spread(name, ZoneSpacing::equal_area) < 1.35, name);
  BOOST_TEST(spread("mmm", ZoneSpacing::slerp) > 1.5);
}

BOOST_AUTO_TEST_CASE(of_equivalent_axes_there_is_one) {
  for_all_zones([](const FundamentalZone& zone) {
    if (zone.group().operations.size() < 4) return;
    const std::vector<Vec3> axes = zone_axes(zone, 15 * degree).axes;
    for (std::size_t i = 0; i < axes.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        for (const Mat3& S : zone.group().operations)
          BOOST_REQUIRE((S * axes[i] - axes[j]).norm() > 1e-5);
  });
}

BOOST_AUTO_TEST_CASE(steps_that_are_none) {
  const FundamentalZone zone(point_group("m-3m"));
  for (const double step : {0.0, -0.1, 1.1, std::nan("")})
    BOOST_CHECK_THROW(zone_axes(zone, step), Error);
}

BOOST_AUTO_TEST_CASE(orientations_of_axes) {
  std::mt19937 random(6);
  for (int i = 0; i < 100; ++i) {
    const Vec3 axis = random_direction(random);
    const Mat3 R = zone_orientation(axis);
    BOOST_TEST((R * axis - Vec3(0, 0, -1)).norm() < 1e-12);  // to the source
    BOOST_TEST(std::abs(R.determinant() - 1) < 1e-12);
    // no orientation with this axis is nearer to g = 1
    const Mat3 one = from_bunge_matrix(Mat3::Identity());
    for (const double angle : {-1.0, -1e-3, 1e-3, 2.0}) {
      const Mat3 turned = zone_orientation(axis, angle);
      BOOST_TEST((turned * axis - Vec3(0, 0, -1)).norm() < 1e-12);
      BOOST_TEST(angle_between(turned, one) > angle_between(R, one));
      // counterclockwise on the screen, where y points down
      BOOST_TEST((turned - rotation_about({0, 0, -1}, angle) * R).norm() < 1e-12);
    }
  }
  BOOST_TEST((bunge_angles(zone_orientation({0, 0, 1}, 0.3)) - Vec3(0.3, 0, 0)).norm() < 1e-12);
  const Mat3 below = zone_orientation({0, 0, -2});
  BOOST_TEST((below * Vec3(0, 0, -1) - Vec3(0, 0, -1)).norm() < 1e-12);
  BOOST_TEST((below * Vec3::UnitX() - Vec3::UnitX()).norm() < 1e-12);
}

BOOST_AUTO_TEST_CASE(in_plane_ranges) {
  const PointGroup cubic = point_group("m-3m");
  const auto parts = [](const PointGroup& group, const Vec3& axis) {
    return std::lround(360 * degree / in_plane_range(group, axis));
  };
  BOOST_TEST(parts(cubic, {0, 0, 3}) == 4);
  BOOST_TEST(parts(cubic, {1, 1, 1}) == 3);
  BOOST_TEST(parts(cubic, {1, 1, 0}) == 2);
  BOOST_TEST(parts(cubic, {1, 2, 3}) == 1);
  BOOST_TEST(parts(point_group("4mm"), {0, 0, 1}) == 4);
  BOOST_TEST(parts(point_group("-4"), {0, 0, 1}) == 2);
  BOOST_TEST(parts(point_group("6/mmm"), {1, 0, 0}) == 2);
}

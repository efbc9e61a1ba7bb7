// All fundamental zones there are, and how often their images cover random directions.
#pragma once
#include <boost/test/unit_test.hpp>
#include <random>

#include "crystal/fundamental_zone.hpp"

namespace pendel {

inline Vec3 random_direction(std::mt19937& random) {
  std::normal_distribution<double> normal;
  return Vec3(normal(random), normal(random), normal(random)).normalized();
}

/// The 32 groups as point group, Laue group and the Laue group's rotations.
template <class Function>
void for_all_zones(const Function& function) {
  for (const std::string& name : point_group_names()) {
    const PointGroup point = point_group(name), laue = laue_group(point);
    for (const PointGroup& group : {point, laue, rotation_group(laue)})
      BOOST_TEST_CONTEXT(name << " as " << group.name) function(FundamentalZone(group));
  }
}

struct Coverage {
  long directions = 0, covered = 0, more_than_once = 0;
};

/// Boundaries have no area: no random direction lies on one, so no tolerance is given.
inline Coverage coverage(const FundamentalZone& zone, long directions, std::mt19937& random) {
  Coverage result;
  for (long i = 0; i < directions; ++i) {
    const Vec3 v = random_direction(random);
    int images = 0;
    for (const Mat3& S : zone.group().operations) images += zone.contains(S * v, 0);
    ++result.directions;
    result.covered += images > 0;
    result.more_than_once += images > 1;
  }
  return result;
}

}  // namespace pendel

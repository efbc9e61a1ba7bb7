// A million random directions for each of the 32 groups as point, Laue and rotation group.
#include "crystal/fundamental_zone.hpp"

#include "zones.hpp"

using namespace pendel;

BOOST_AUTO_TEST_CASE(images_cover_a_million_directions_once) {
  std::mt19937 random(4);
  int zones = 0;
  for_all_zones([&](const FundamentalZone& zone) {
    const Coverage found = coverage(zone, 1000000, random);
    BOOST_TEST(found.covered == 1000000);
    BOOST_TEST(found.more_than_once == 0);
    ++zones;
  });
  BOOST_TEST(zones == 96);
}

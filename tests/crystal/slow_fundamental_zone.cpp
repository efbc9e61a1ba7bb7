// A million random directions (a hundred thousand unless the report is made) for each of the 32
// groups as point, Laue and rotation group.
#include "crystal/fundamental_zone.hpp"

#include "tests/record.hpp"
#include "zones.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {
const char* groups = "32 groups as point, Laue and rotation group, 10⁶ directions each";
}

BOOST_AUTO_TEST_CASE(images_cover_every_direction_once) {
  std::mt19937 random(4);
  const int directions = recording() ? 1000000 : 100000;
  int zones = 0;
  for_all_zones([&](const FundamentalZone& zone) {
    const Coverage found = coverage(zone, directions, random);
    record("Crystals", "share of directions that a fundamental zone's images cover", groups,
           double(found.covered) / directions, at_least(1));
    record("Crystals", "share that they cover more than once", groups,
           double(found.more_than_once) / directions, at_most(0));
    ++zones;
  });
  BOOST_TEST(zones == 96);
}

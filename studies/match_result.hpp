// What a result of study `match` holds besides its study and provenance.
#pragma once
#include "acom/grains.hpp"
#include "io/emd.hpp"

namespace pendel {

/// What is derived from a map.
struct MapStatistics {
  Grains grains;
  std::vector<Twin> twins;
  std::vector<NeighbourPair> pairs;
  double threshold_deg = 5;
};

void write_orientation_map(EmdWriter& result, const OrientationMap& map);
void write_statistics(EmdWriter& result, const OrientationMap& map,
                      const MapStatistics& statistics);

/// Crystal directions along x, y and z of the map as colours, and the keys of these.
void write_pole_figure_colours(EmdWriter& result, const OrientationMap& map);

/// Lines for people: what was indexed, phases, doubts, grains and boundaries.
std::vector<std::string> map_summary(const OrientationMap& map, const MapStatistics& statistics);

}  // namespace pendel

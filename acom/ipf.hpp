// Colours of inverse pole figures: which crystal direction lies along a direction of the map.
#pragma once
#include <string>
#include <vector>

#include "crystal/fundamental_zone.hpp"

namespace pendel {

/// The colour key of a crystal's Laue group: hue around the middle of the fundamental zone,
/// saturated at its edges, white in the middle; m-3m has 001 red, 101 green, 111 blue. The numbers
/// are those of orix 0.14 and MTEX (called TSL there) [NolzeHielscher2016].
class IpfKey {
 public:
  explicit IpfKey(const PointGroup& group);

  const FundamentalZone& zone() const { return zone_; }
  /// Red, green, blue, 0 to 1, of a direction in the crystal frame (of any length but 0).
  Vec3 colour(const Vec3& direction) const;

 private:
  double azimuth(const Vec3& v) const;
  double distance_to_edge(const Vec3& v) const;

  FundamentalZone zone_;
  std::vector<Vec3> normals_;  ///< of the zone, in the standard setting
  Vec3 centre_, across_, up_;  ///< middle of the zone, directions of azimuth 0 and 90°
  std::vector<double> hue_;    ///< 0 to 2π, at azimuths 0 to 2π in equal steps
};

/// Crystal direction along a direction of the map frame (x right, y up, z to the source).
Vec3 crystal_direction(const Mat3& R_lab_crystal, const Vec3& map_direction);

/// The key drawn in stereographic projection, the principal axis at the origin.
struct IpfLegend {
  std::size_t rows = 0, columns = 0;
  std::vector<float> rgb;  ///< (rows, columns, 3), top row first; white outside the zone
  struct Corner {
    Vec3 direction;       ///< in the crystal frame
    double row, column;   ///< in the image, 0 in the middle of the first pixel
    std::string indices;  ///< "[101]", a normal as "(001)", or nothing where none are small
  };
  std::vector<Corner> corners;
  std::vector<Vec2> outline;  ///< (column, row), closed
};
/// `pixels` is the longer side; `cell` gives directions their indices.
IpfLegend ipf_legend(const IpfKey& key, const Cell& cell, std::size_t pixels = 400);

}  // namespace pendel

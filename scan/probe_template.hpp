// The shape of the undiffracted disk, with which every disk of a scan is compared: measured in a
// vacuum, or synthetic. From a scan's own disks: template_from_scan.hpp.
#pragma once
#include <array>
#include <functional>
#include <vector>

#include "core/space.hpp"

namespace pendel {

struct DiskTemplate {
  static constexpr int per_pixel = 2;  ///< samples along an edge of a pixel

  int half = 0;  ///< the shape is 0 beyond so many pixels from the centre, along either axis
  /// At offsets (column, row) = (i, j) / per_pixel − half, [j * side() + i]; the sum over the
  /// pixels is 1 wherever the disk lies.
  std::vector<float> samples;
  double radius = 0;      ///< where the outermost edge is at half its height [pixels]
  double edge_width = 0;  ///< height over greatest slope of that edge [pixels]
  Vec2 centre{0, 0};      ///< (column, row) in the image that it was measured in [pixels]

  int side() const { return 2 * half * per_pixel + 1; }
};

/// 1 / (1 + exp(4 (r − radius) / edge_width)).
DiskTemplate disk_template(double radius, double edge_width);

/// Such a disk with opaque rings, each between two radii, and opaque bars across its middle.
struct Bullseye {
  double radius = 0, edge_width = 0;
  std::vector<std::array<double, 2>> dark_rings;  ///< inner and outer radius [pixels]
  int bars = 0;                                   ///< at equal angles, the first along the columns
  double bar_width = 0;                           ///< [pixels]
};
DiskTemplate bullseye_template(const Bullseye& bullseye);

/// Values of an image at offsets from a disk's centre: what a template is made of.
struct TemplateSample {
  float column, row;  ///< from the centre [pixels]
  float value;        ///< [counts] of a disk of one count
  float weight;       ///< counts of that disk
};

/// The shape of the brightest disk of an image, (rows, columns), in a vacuum the only one. Its
/// centre is that of the greatest symmetry; what is round of it is measured as a function of the
/// radius (which all pixels sample finely), the rest is interpolated between pixels. Error (input)
/// if there is no disk, or it is cut by an edge.
DiskTemplate measured_template(const std::vector<float>& image, std::size_t rows,
                               std::size_t columns);
/// The same from many disks at once, whose centres are known; to the distance `reach` [pixels].
DiskTemplate template_of_samples(const std::vector<TemplateSample>& samples, double reach);

}  // namespace pendel

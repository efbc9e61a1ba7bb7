// What a scan shows at a glance, in one pass over it: images by virtual detectors, the centre of
// mass of every pattern, and the mean, the maximum and the variance over the scan.
#pragma once
#include <functional>

#include "core/space.hpp"
#include "scan/datacube.hpp"

namespace pendel {

/// Weights of the pixels, (q_rows, q_columns).
struct VirtualDetector {
  std::string name;
  std::vector<float> weights;
};

/// Between two radii and, if the angles differ by less than 360°, within a sector of them; lengths
/// in pixels, centre (column, row), angles [degrees] from the columns' axis towards the rows' end.
/// A pixel at an edge counts in proportion to how far it reaches in.
struct Annulus {
  Vec2 centre{0, 0};
  double inner = 0, outer = 0;
  double from_deg = 0, to_deg = 360;
};
std::vector<float> annulus_weights(const Annulus& annulus, std::size_t q_rows,
                                   std::size_t q_columns);

struct ScanImages {
  std::vector<std::vector<double>> images;      ///< per detector, (rows, columns)
  std::vector<Vec2> centre_of_mass;             ///< per position, (column, row) [pixels]
  std::vector<double> mean, maximum, variance;  ///< over positions, (q_rows, q_columns)
};

/// NaN where nothing was recorded. `mask`, (q_rows, q_columns), 0: pixels that no centre of mass
/// counts; empty: all do. progress(positions done). Results do not depend on the number of
/// threads.
ScanImages scan_images(const DataCube& cube, const std::vector<VirtualDetector>& detectors,
                       const std::vector<float>& mask = {},
                       const std::function<void(std::size_t)>& progress = {});

/// Median over up to `most` positions with a pattern, evenly chosen (all if there are no more),
/// (q_rows, q_columns): what is there at most positions, without the reflections of single ones.
/// Holds these patterns in memory; fewer if that would be more than half a GiB.
std::vector<double> median_pattern(const DataCube& cube, std::size_t most);

/// The map f, of mean 0, whose differences of neighbours are, in the least-squares sense, those of
/// the given slopes along columns and rows, (rows, columns), with free edges: the phase from the
/// beam's deflection (integrated differential phase contrast). Error (numerical) at NaN.
std::vector<double> integrated(const std::vector<double>& along_columns,
                               const std::vector<double>& along_rows, std::size_t rows,
                               std::size_t columns);

}  // namespace pendel

#include "scan/features.hpp"

#include <cmath>
#include <map>
#include <utility>

#include "core/error.hpp"

namespace pendel {

namespace {

/// use(vector, add(feature, part)) of every peak.
template <class Use>
FeatureMatrix gather(const BraggPeaks& peaks, std::size_t count, const FeatureWeight& weight,
                     const Use& use) {
  if (peaks.calibration.origin.empty())
    throw Error(ErrorKind::study,
                "the origin of the Bragg peaks is not known; the study `calibrate` finds it");
  std::vector<Eigen::Triplet<double>> elements;
  for (std::size_t i = 0; i < peaks.at.size(); ++i) {
    std::map<std::size_t, double> row;
    for (const BraggPeak& peak : peaks.at[i])
      use(peaks.calibration.vector(i, peak.position), [&](std::size_t feature, double part) {
        row[feature] += part * (weight.intensity ? peak.intensity : 1);
      });
    for (const auto& [feature, sum] : row)
      if (sum > 0) elements.push_back({int(i), int(feature), std::pow(sum, weight.power)});
  }
  FeatureMatrix result(Eigen::Index(peaks.at.size()), Eigen::Index(count));
  result.setFromTriplets(elements.begin(), elements.end());
  return result;
}

}  // namespace

FeatureMatrix place_features(const BraggPeaks& peaks, const std::vector<Vec2>& places,
                             double radius, const FeatureWeight& weight) {
  // places by cells as large as the radius: the nearest is in one of nine
  const auto cell_of = [&](const Vec2& q) {
    return std::pair<long, long>(std::lround(q.x() / radius), std::lround(q.y() / radius));
  };
  std::map<std::pair<long, long>, std::vector<std::size_t>> cells;
  for (std::size_t i = 0; i < places.size(); ++i) cells[cell_of(places[i])].push_back(i);
  return gather(peaks, places.size(), weight, [&](const Vec2& q, const auto& add) {
    std::size_t nearest = places.size();
    double least = radius * radius;
    const auto [x, y] = cell_of(q);
    for (long dx = -1; dx <= 1; ++dx)
      for (long dy = -1; dy <= 1; ++dy) {
        const auto cell = cells.find({x + dx, y + dy});
        if (cell == cells.end()) continue;
        for (const std::size_t i : cell->second)
          if ((places[i] - q).squaredNorm() <= least) {
            least = (places[i] - q).squaredNorm();
            nearest = i;
          }
      }
    if (nearest < places.size()) add(nearest, 1.0);
  });
}

FeatureMatrix ring_features(const BraggPeaks& peaks, double from, double step, std::size_t count,
                            const FeatureWeight& weight) {
  return gather(peaks, count, weight, [&](const Vec2& q, const auto& add) {
    const double at = (q.norm() - from) / step;
    const double below = std::floor(at);
    for (const double i : {below, below + 1})
      if (i >= 0 && i < double(count)) add(std::size_t(i), 1 - std::abs(at - i));
  });
}

}  // namespace pendel

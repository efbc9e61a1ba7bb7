#include "scan/bragg_map.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace pendel {

namespace {

template <class Use>
void for_every_peak(const BraggPeaks& peaks, const Use& use) {
  if (peaks.calibration.origin.empty())
    throw Error(ErrorKind::study,
                "the origin of the Bragg peaks is not known; the study `calibrate` finds it");
  for (std::size_t i = 0; i < peaks.at.size(); ++i)
    for (const BraggPeak& peak : peaks.at[i])
      use(peaks.calibration.vector(i, peak.position), peak.intensity);
}

/// Along an axis of elements `stride` apart; beyond the ends there is nothing.
void smooth(std::vector<double>& values, long edge, double sigma) {
  const long reach = long(std::ceil(4 * sigma));
  std::vector<double> weights;
  double sum = 0;
  for (long k = -reach; k <= reach; ++k) {
    weights.push_back(std::exp(-0.5 * double(k * k) / (sigma * sigma)));
    sum += weights.back();
  }
  std::vector<double> line(std::size_t(edge), 0.0);
  for (const bool rows : {true, false})
    for (long i = 0; i < edge; ++i) {
      const auto at = [&](long j) -> double& {
        return values[std::size_t(rows ? i * edge + j : j * edge + i)];
      };
      for (long j = 0; j < edge; ++j) {
        double total = 0;
        for (long k = std::max(-reach, -j); k <= std::min(reach, edge - 1 - j); ++k)
          total += weights[std::size_t(k + reach)] * at(j + k);
        line[std::size_t(j)] = total / sum;
      }
      for (long j = 0; j < edge; ++j) at(j) = line[std::size_t(j)];
    }
}

/// Of the vertex of a parabola through three values at −1, 0, 1, the middle the highest.
double vertex(double before, double here, double after) {
  const double curvature = before - 2 * here + after;
  return curvature < 0 ? std::clamp(0.5 * (before - after) / curvature, -0.5, 0.5) : 0;
}

}  // namespace

BraggVectorMap bragg_vector_map(const BraggPeaks& peaks, double q_max, double step) {
  BraggVectorMap map;
  map.step = step;
  map.half = long(std::ceil(q_max / step));
  map.values.assign(std::size_t(map.edge() * map.edge()), 0.0);
  for_every_peak(peaks, [&](const Vec2& q, double intensity) {
    const double x = q.x() / step + double(map.half), y = q.y() / step + double(map.half);
    const long column = long(std::floor(x)), row = long(std::floor(y));
    for (const long r : {row, row + 1})
      for (const long c : {column, column + 1})
        if (r >= 0 && r < map.edge() && c >= 0 && c < map.edge())
          map.values[std::size_t(r * map.edge() + c)] +=
              intensity * (1 - std::abs(x - double(c))) * (1 - std::abs(y - double(r)));
  });
  return map;
}

std::vector<MapMaximum> map_maxima(const BraggVectorMap& map, const MaximumOptions& options) {
  std::vector<double> values = map.values;
  const long edge = map.edge();
  if (options.smoothing > 0) smooth(values, edge, options.smoothing / map.step);
  const auto at = [&](long row, long column) { return values[std::size_t(row * edge + column)]; };
  const double spacing = std::max(options.spacing / map.step, 1.5);
  const long reach = long(std::floor(spacing));
  std::vector<MapMaximum> found;
  for (long row = 1; row + 1 < edge; ++row)
    for (long column = 1; column + 1 < edge; ++column) {
      const double here = at(row, column);
      const double q = std::hypot(double(row - map.half), double(column - map.half)) * map.step;
      if (!(here > 0) || q < options.from || q > options.to) continue;
      bool highest = true;
      for (long r = std::max(0l, row - reach); highest && r <= std::min(edge - 1, row + reach); ++r)
        for (long c = std::max(0l, column - reach);
             highest && c <= std::min(edge - 1, column + reach); ++c) {
          if (std::hypot(double(r - row), double(c - column)) > spacing) continue;
          // of equal ones, the first
          const bool earlier = r < row || (r == row && c < column);
          highest = earlier ? at(r, c) < here : at(r, c) <= here;
        }
      if (!highest) continue;
      const double x = double(column - map.half) +
                       vertex(at(row, column - 1), here, at(row, column + 1)),
                   y = double(row - map.half) +
                       vertex(at(row - 1, column), here, at(row + 1, column));
      found.push_back({map.step * Vec2(x, y), here});
    }
  std::stable_sort(found.begin(), found.end(),
                   [](const MapMaximum& a, const MapMaximum& b) { return a.height > b.height; });
  while (!found.empty() && found.back().height < options.least * found.front().height)
    found.pop_back();
  if (options.most > 0 && found.size() > options.most) found.resize(options.most);
  return found;
}

std::vector<double> radial_histogram(const BraggPeaks& peaks, double q_max, double step) {
  // a whole number of elements but for rounding
  std::vector<double> histogram(std::size_t(std::ceil(q_max / step - 1e-9)), 0.0);
  for_every_peak(peaks, [&](const Vec2& q, double intensity) {
    const auto i = std::size_t(q.norm() / step);
    if (i < histogram.size()) histogram[i] += intensity;
  });
  return histogram;
}

std::vector<double> radial_maxima(const std::vector<double>& histogram, double step, double from,
                                  double to, std::size_t most) {
  std::vector<std::size_t> found;
  for (std::size_t i = 1; i + 1 < histogram.size(); ++i) {
    const double centre = (double(i) + 0.5) * step;
    if (histogram[i] > histogram[i - 1] && histogram[i] >= histogram[i + 1] && centre >= from &&
        centre <= to)
      found.push_back(i);
  }
  std::stable_sort(found.begin(), found.end(),
                   [&](std::size_t a, std::size_t b) { return histogram[a] > histogram[b]; });
  if (found.size() > most) found.resize(most);
  std::sort(found.begin(), found.end());
  std::vector<double> centres;
  for (const std::size_t i : found) centres.push_back((double(i) + 0.5) * step);
  return centres;
}

}  // namespace pendel

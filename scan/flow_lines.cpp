#include "scan/flow_lines.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "core/electron.hpp"
#include "core/interrupt.hpp"

namespace pendel {

namespace {

constexpr double degree = electron::pi / 180;

std::vector<double> gaussian(double sigma) {
  const long reach = long(std::ceil(4 * sigma));
  std::vector<double> weights;
  for (long k = -reach; k <= reach; ++k)
    weights.push_back(sigma > 0 ? std::exp(-0.5 * double(k * k) / (sigma * sigma)) : 1);
  return weights;
}

/// Mean over neighbours along an axis of `count` positions `stride` apart, those that are there.
void smooth_scan(std::vector<double>& values, const std::vector<double>& weights, long lines,
                 long line_stride, long count, long stride, long angles) {
  const long reach = long(weights.size()) / 2;
  std::vector<double> line(std::size_t(count * angles));
  for (long l = 0; l < lines; ++l) {
    stop_if_interrupted();
    const auto at = [&](long i, long j) -> double& {
      return values[std::size_t((l * line_stride + i * stride) * angles + j)];
    };
    for (long i = 0; i < count; ++i) {
      double sum = 0;
      std::fill_n(&line[std::size_t(i * angles)], angles, 0.0);
      for (long k = std::max(-reach, -i); k <= std::min(reach, count - 1 - i); ++k) {
        if (std::isnan(at(i + k, 0))) continue;
        const double weight = weights[std::size_t(k + reach)];
        sum += weight;
        for (long j = 0; j < angles; ++j)
          line[std::size_t(i * angles + j)] += weight * at(i + k, j);
      }
      for (long j = 0; j < angles; ++j)
        line[std::size_t(i * angles + j)] =
            std::isnan(at(i, 0)) ? at(i, 0) : line[std::size_t(i * angles + j)] / sum;
    }
    for (long i = 0; i < count; ++i)
      for (long j = 0; j < angles; ++j) at(i, j) = line[std::size_t(i * angles + j)];
  }
}

/// The histogram between positions (bilinear), and its maxima over the angle.
class Field {
 public:
  explicit Field(const OrientationHistogram& histogram)
      : h_(histogram), values_(histogram.angles) {}

  bool inside(double column, double row) const {
    return column >= 0 && row >= 0 && column <= double(h_.columns - 1) &&
           row <= double(h_.rows - 1);
  }
  /// Angles at a place; 0 everywhere if a neighbour was not recorded.
  void read(double column, double row) {
    const auto c = std::min(std::size_t(column), h_.columns - 1),
               r = std::min(std::size_t(row), h_.rows - 1);
    const double x = column - double(c), y = row - double(r);
    std::fill(values_.begin(), values_.end(), 0.0);
    for (const std::size_t dr : {0, 1})
      for (const std::size_t dc : {0, 1}) {
        const double weight = (dr ? y : 1 - y) * (dc ? x : 1 - x);
        if (weight == 0) continue;
        const double* from = &h_.values[((r + dr) * h_.columns + c + dc) * h_.angles];
        if (std::isnan(from[0])) {
          std::fill(values_.begin(), values_.end(), 0.0);
          return;
        }
        for (std::size_t j = 0; j < values_.size(); ++j) values_[j] += weight * from[j];
      }
  }
  /// Maxima at the place that was read, the strongest first.
  const std::vector<LinePoint>& maxima() {
    found_.clear();
    const std::size_t n = values_.size();
    for (std::size_t j = 0; j < n; ++j) {
      const double before = values_[(j + n - 1) % n], here = values_[j],
                   after = values_[(j + 1) % n];
      if (!(here > before) || !(here >= after)) continue;
      const double curvature = before - 2 * here + after;
      const double shift = 0.5 * (before - after) / curvature;
      LinePoint point;
      point.angle_deg = orientation_of((double(j) + shift) * h_.step_deg());
      point.strength = here - 0.25 * (before - after) * shift;
      found_.push_back(point);
    }
    std::stable_sort(found_.begin(), found_.end(), [](const LinePoint& a, const LinePoint& b) {
      return a.strength > b.strength;
    });
    return found_;
  }
  /// The maximum nearest to an angle; strength 0 if there is none.
  LinePoint nearest(double column, double row, double angle_deg) {
    LinePoint best;
    best.angle_deg = angle_deg;
    double least = 180;
    if (inside(column, row)) {
      read(column, row);
      for (const LinePoint& maximum : maxima()) {
        const double turn = std::abs(orientation_difference(maximum.angle_deg - angle_deg));
        if (turn < least) least = turn, best = maximum;
      }
    }
    best.column = column;
    best.row = row;
    return best;
  }

 private:
  const OrientationHistogram& h_;
  std::vector<double> values_;
  std::vector<LinePoint> found_;
};

/// Where lines are: points by cells as large as the spacing.
class Taken {
 public:
  Taken(const OrientationHistogram& histogram, const FlowLineOptions& options)
      : options_(options),
        columns_(long(double(histogram.columns) / options.spacing) + 2),
        rows_(long(double(histogram.rows) / options.spacing) + 2),
        cells_(std::size_t(columns_ * rows_)) {}

  bool near(const LinePoint& point) const {
    const long c = long(point.column / options_.spacing), r = long(point.row / options_.spacing);
    for (long row = std::max(0l, r - 1); row <= std::min(rows_ - 1, r + 1); ++row)
      for (long column = std::max(0l, c - 1); column <= std::min(columns_ - 1, c + 1); ++column)
        for (const LinePoint& other : cells_[std::size_t(row * columns_ + column)])
          if (std::hypot(other.column - point.column, other.row - point.row) < options_.spacing &&
              std::abs(orientation_difference(other.angle_deg - point.angle_deg)) <
                  options_.spacing_deg)
            return true;
    return false;
  }
  void add(const std::vector<LinePoint>& line) {
    for (const LinePoint& point : line)
      cells_[std::size_t(long(point.row / options_.spacing) * columns_ +
                         long(point.column / options_.spacing))]
          .push_back(point);
  }

 private:
  const FlowLineOptions& options_;
  long columns_, rows_;
  std::vector<std::vector<LinePoint>> cells_;
};

/// To the side that `heading` (a direction, 0 to 360) points to, without the start, at most once
/// around and no longer than lines that fill the map.
std::vector<LinePoint> grown(Field& field, const Taken& taken, const LinePoint& start,
                             double heading, const FlowLineOptions& options, std::size_t most) {
  std::vector<LinePoint> line;
  LinePoint here = start;
  double turned = 0;
  while (line.size() < most && std::abs(turned) < 360) {
    const auto moved = [&](double angle, double step) {
      return field.nearest(here.column + step * std::cos(angle * degree),
                           here.row + step * std::sin(angle * degree), angle);
    };
    const LinePoint half = moved(heading, 0.5 * options.step);
    if (half.strength < options.least_strength) break;
    const double middle = heading + orientation_difference(half.angle_deg - heading);
    const LinePoint next = moved(middle, options.step);
    if (next.strength < options.least_strength || taken.near(next)) break;
    const double turn = orientation_difference(next.angle_deg - heading);
    if (std::abs(turn) > options.max_turn_deg * options.step) break;
    turned += turn;
    heading += turn;
    line.push_back(next);
    here = next;
  }
  return line;
}

}  // namespace

OrientationHistogram orientation_histogram(const ArcMap& arcs, const HistogramOptions& options) {
  OrientationHistogram result;
  result.rows = arcs.rows;
  result.columns = arcs.columns;
  result.angles = options.angles;
  result.values.assign(arcs.positions() * options.angles, 0.0);
  const long n = long(options.angles);
  // each Gaussian about the arc's own angle, not about that of a bin: nothing is rounded
  for (std::size_t i = 0; i < arcs.positions(); ++i) {
    double* values = &result.values[i * options.angles];
    if (!arcs.recorded.empty() && !arcs.recorded[i]) {
      std::fill_n(values, n, std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    for (const Arc& arc : arcs.at[i])
      for (long j = 0; j < n; ++j) {
        const double t = orientation_difference(double(j) * result.step_deg() - arc.angle_deg -
                                                options.offset_deg) /
                         options.smooth_deg;
        values[j] += arc.strength * std::exp(-0.5 * t * t);
      }
  }
  const std::vector<double> weights = gaussian(options.smooth_positions);
  const long rows = long(arcs.rows), columns = long(arcs.columns);
  smooth_scan(result.values, weights, rows, columns, columns, 1, n);
  smooth_scan(result.values, weights, columns, 1, rows, columns, n);
  double most = 0;
  for (const double value : result.values)
    if (value > most) most = value;
  if (most > 0)
    for (double& value : result.values) value /= most;
  return result;
}

std::vector<std::vector<LinePoint>> flow_lines(const OrientationHistogram& histogram,
                                               const FlowLineOptions& options) {
  std::vector<std::vector<LinePoint>> lines;
  if (histogram.rows == 0 || histogram.columns == 0) return lines;
  Field field(histogram);
  Taken taken(histogram, options);
  const auto most =
      std::size_t(double(histogram.rows * histogram.columns) / (options.spacing * options.step)) +
      1;
  // places half a spacing apart, in random order [Fisher and Yates]
  const double apart = 0.5 * options.spacing;
  const auto across = std::size_t(double(histogram.columns - 1) / apart) + 1,
             down = std::size_t(double(histogram.rows - 1) / apart) + 1;
  std::vector<std::size_t> order(across * down);
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::mt19937_64 random(options.seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  for (const std::size_t place : order) {
    stop_if_interrupted();
    const double column = double(place % across) * apart, row = double(place / across) * apart;
    field.read(column, row);
    const std::vector<LinePoint> starts = field.maxima();
    for (LinePoint start : starts) {
      start.column = column;
      start.row = row;
      if (start.strength < options.seed_strength || taken.near(start)) continue;
      std::vector<LinePoint> line =
          grown(field, taken, start, start.angle_deg + 180, options, most);
      // once around it is back
      const bool closed =
          double(line.size()) * options.step > 2 * options.spacing &&
          std::hypot(line.back().column - column, line.back().row - row) < 2 * options.step;
      std::reverse(line.begin(), line.end());
      line.push_back(start);
      if (!closed) {
        const std::vector<LinePoint> ahead =
            grown(field, taken, start, start.angle_deg, options, most);
        line.insert(line.end(), ahead.begin(), ahead.end());
      }
      if (double(line.size() - 1) * options.step < options.min_length) continue;
      taken.add(line);
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

}  // namespace pendel

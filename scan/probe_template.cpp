#include "scan/probe_template.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/median.hpp"
#include "scan/cubic_spline.hpp"
#include "scan/radial_spline.hpp"

namespace pendel {

namespace {

constexpr double negligible = 2e-3;  // of the height: the shape ends there

double logistic(double x) { return 1 / (1 + std::exp(x)); }

double edge(double r, double radius, double width) { return logistic(4 * (r - radius) / width); }

/// From a function of (column, row); its sum becomes 1.
void sample(DiskTemplate& shape, const std::function<double(double, double)>& value) {
  const int side = shape.side();
  shape.samples.resize(std::size_t(side) * std::size_t(side));
  double sum = 0;
  for (int j = 0; j < side; ++j)
    for (int i = 0; i < side; ++i) {
      const double x = double(i) / DiskTemplate::per_pixel - shape.half;
      const double y = double(j) / DiskTemplate::per_pixel - shape.half;
      const bool rim = i == 0 || j == 0 || i == side - 1 || j == side - 1;
      const double v = rim ? 0 : value(x, y);
      shape.samples[std::size_t(j * side + i)] = float(v);
      sum += v;
    }
  const auto scale = float(DiskTemplate::per_pixel * DiskTemplate::per_pixel / sum);
  for (float& v : shape.samples) v *= scale;
}

void check(double radius, double width) {
  if (!(radius >= 0.5) || !(width > 0))
    throw Error(ErrorKind::study, "a template of radius " + std::to_string(radius) + " and edge " +
                                      std::to_string(width) +
                                      " pixels; the radius is at least 0.5, the edge above 0");
}

/// Height, outer radius and edge of a round disk; error (input) if it has no edge.
struct Measures {
  double height, radius, edge_width, end;
};
Measures measures(const RadialSpline& profile, double background) {
  std::vector<double> values;
  constexpr double step = 0.05;
  for (double r = 0; r <= profile.reach(); r += step)
    values.push_back(profile.value(r) - background);
  const double most = *std::max_element(values.begin(), values.end());
  std::size_t k = values.size() - 1;
  while (k > 0 && values[k] < most / 2) --k;
  // the plateau: mean of what is high, within a narrow rim
  double sum = 0, count = 0;
  for (std::size_t i = 0; double(i) < 0.8 * double(k); ++i)
    if (values[i] > most / 2) {
      sum += values[i] * double(i);
      count += double(i);
    }
  const double height = count > 0 ? sum / count : most;
  k = values.size() - 1;
  while (k > 0 && values[k] < height / 2) --k;
  if (!(height > 0) || k == 0 || k + 1 == values.size())
    throw Error(ErrorKind::input, "no disk with an edge is found for a template");
  double slope = 0;
  const double radius = step * (double(k) + (values[k] - height / 2) / (values[k] - values[k + 1]));
  profile.at(radius, &slope);
  std::size_t end = k;
  while (end + 1 < values.size() && values[end] > negligible * height) ++end;
  return {height, radius, height / -slope, step * double(end)};
}

/// Cubic spline through values at the pixels of a square, 0 outside.
class PixelSpline {
 public:
  PixelSpline(std::vector<double> values, int side)
      : c_(spline_coefficients(std::move(values), side)), side_(side) {}
  double value(double x, double y) const {  // in elements
    const double X = std::floor(x), Y = std::floor(y);
    double wx[4], wy[4], unused[4], sum = 0;
    cubic_weights(x - X, wx, unused);
    cubic_weights(y - Y, wy, unused);
    for (int j = 0; j < 4; ++j)
      for (int i = 0; i < 4; ++i) sum += wy[j] * wx[i] * at(int(X) + i - 1, int(Y) + j - 1);
    return sum;
  }

 private:
  double at(int x, int y) const {
    return x < 0 || y < 0 || x >= side_ || y >= side_ ? 0 : c_[std::size_t(y * side_ + x)];
  }

  std::vector<double> c_;
  int side_;
};

/// What of the deviations from a round shape is seen in neighbouring pixels alike: 0 of noise, 1 of
/// an aperture that is not round.
double correlated(const std::vector<double>& deviation, int side) {
  double own = 0, shared = 0;
  for (int y = 0; y + 1 < side; ++y)
    for (int x = 0; x + 1 < side; ++x) {
      const double d = deviation[std::size_t(y * side + x)];
      own += d * d;
      shared +=
          0.5 * d *
          (deviation[std::size_t(y * side + x + 1)] + deviation[std::size_t((y + 1) * side + x)]);
    }
  return own > 0 ? std::clamp(2 * shared / own, 0.0, 1.0) : 0;
}

RadialSpline profile_of(const std::vector<TemplateSample>& samples, double reach) {
  std::vector<double> r, v, w;
  for (const TemplateSample& s : samples) {
    r.push_back(std::hypot(double(s.column), double(s.row)));
    v.push_back(double(s.value));
    w.push_back(double(s.weight));
  }
  return RadialSpline(r, v, w, reach);
}

/// Columns and rows of the pixels above half the maximum that hang together with the brightest,
/// gaps of a pixel allowed.
std::vector<std::array<int, 2>> blob(const std::vector<float>& image, int rows, int columns,
                                     double threshold, int brightest) {
  std::vector<bool> seen(image.size());
  std::vector<std::array<int, 2>> found{{brightest % columns, brightest / columns}};
  seen[std::size_t(brightest)] = true;
  constexpr int gap = 2;
  for (std::size_t k = 0; k < found.size(); ++k)
    for (int y = std::max(0, found[k][1] - gap); y <= std::min(rows - 1, found[k][1] + gap); ++y)
      for (int x = std::max(0, found[k][0] - gap); x <= std::min(columns - 1, found[k][0] + gap);
           ++x) {
        const auto i = std::size_t(y * columns + x);
        if (seen[i] || !(double(image[i]) > threshold)) continue;
        seen[i] = true;
        found.push_back({x, y});
      }
  return found;
}

std::vector<float> smoothed(const std::vector<float>& image, int rows, int columns) {
  std::vector<float> result(image.size());
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < columns; ++x) {
      double sum = 0, count = 0;
      for (int v = std::max(0, y - 1); v <= std::min(rows - 1, y + 1); ++v)
        for (int u = std::max(0, x - 1); u <= std::min(columns - 1, x + 1); ++u) {
          const auto value = double(image[std::size_t(v * columns + u)]);
          if (!std::isfinite(value)) continue;
          sum += value;
          ++count;
        }
      result[std::size_t(y * columns + x)] = float(count > 0 ? sum / count : 0);
    }
  return result;
}

}  // namespace

DiskTemplate disk_template(double radius, double edge_width) {
  return bullseye_template({radius, edge_width, {}, 0, 0});
}

DiskTemplate bullseye_template(const Bullseye& b) {
  check(b.radius, b.edge_width);
  DiskTemplate shape;
  shape.radius = b.radius;
  shape.edge_width = b.edge_width;
  shape.half = int(std::ceil(b.radius + b.edge_width / 4 * std::log(1 / negligible))) + 1;
  sample(shape, [&](double x, double y) {
    const double r = std::hypot(x, y);
    double value = edge(r, b.radius, b.edge_width);
    for (const auto& ring : b.dark_rings)
      value *= 1 - edge(r, ring[1], b.edge_width) * (1 - edge(r, ring[0], b.edge_width));
    for (int k = 0; k < b.bars; ++k) {
      const double angle = electron::pi * k / b.bars;
      const double across = std::abs(std::cos(angle) * y - std::sin(angle) * x);
      value *= 1 - edge(across, b.bar_width / 2, b.edge_width);
    }
    return value;
  });
  return shape;
}

DiskTemplate template_of_samples(const std::vector<TemplateSample>& samples, double reach) {
  const RadialSpline profile = profile_of(samples, reach);
  const double background = profile.value(reach);
  const Measures m = measures(profile, background);
  DiskTemplate shape;
  shape.radius = m.radius;
  shape.edge_width = m.edge_width;
  shape.half = int(std::ceil(m.end)) + 1;

  // mean deviation from it at every pixel, each sample shared among the four around it
  const int side = 2 * shape.half + 1;
  std::vector<double> deviation(std::size_t(side) * std::size_t(side)), weight(deviation.size());
  for (const TemplateSample& s : samples) {
    const double r = std::hypot(double(s.column), double(s.row));
    if (r > m.end) continue;
    const double d = double(s.value) - profile.value(r);
    const double x = double(s.column) + shape.half, y = double(s.row) + shape.half;
    const int X = int(std::floor(x)), Y = int(std::floor(y));
    for (int j = 0; j < 2; ++j)
      for (int i = 0; i < 2; ++i) {
        const double w = double(s.weight) * std::max(0.0, 1 - std::abs(x - (X + i))) *
                         std::max(0.0, 1 - std::abs(y - (Y + j)));
        const auto k = std::size_t((Y + j) * side + X + i);
        deviation[k] += w * d;
        weight[k] += w;
      }
  }
  for (std::size_t k = 0; k < deviation.size(); ++k)
    if (weight[k] > 0) deviation[k] /= weight[k];
  const double share = correlated(deviation, side);
  const PixelSpline rest(std::move(deviation), side);
  sample(shape, [&](double x, double y) {
    const double r = std::hypot(x, y);
    if (r >= m.end) return 0.0;
    return profile.value(r) - background + share * rest.value(x + shape.half, y + shape.half);
  });
  return shape;
}

DiskTemplate measured_template(const std::vector<float>& image, std::size_t image_rows,
                               std::size_t image_columns) {
  const int rows = int(image_rows), columns = int(image_columns);
  const std::vector<float> smooth = smoothed(image, rows, columns);
  const auto brightest = std::max_element(smooth.begin(), smooth.end()) - smooth.begin();
  const auto background = double(median(smooth));
  const double threshold = 0.5 * (background + double(smooth[std::size_t(brightest)]));
  Vec2 centre(0, 0);
  double squares = 0;
  const auto disk = blob(smooth, rows, columns, threshold, int(brightest));
  for (const auto& at : disk) centre += Vec2(at[0], at[1]) / double(disk.size());
  for (const auto& at : disk)
    squares += (Vec2(at[0], at[1]) - centre).squaredNorm() / double(disk.size());
  const double radius = std::sqrt(2 * squares);  // of a uniform disk
  const double reach = radius + std::max(4.0, 0.35 * radius);
  if (!(double(smooth[std::size_t(brightest)]) > background) || disk.size() < 3)
    throw Error(ErrorKind::input, "no disk is found for a template");
  if (centre.x() < radius || centre.y() < radius || centre.x() > columns - 1 - radius ||
      centre.y() > rows - 1 - radius)
    throw Error(ErrorKind::input, "the disk for a template, of radius " + std::to_string(radius) +
                                      " pixels at column " + std::to_string(centre.x()) + ", row " +
                                      std::to_string(centre.y()) +
                                      ", is cut by an edge of the pattern");

  // The centre about which the image is roundest, by Gauss-Newton with the profile about the last.
  std::vector<TemplateSample> samples;
  for (int iteration = 0; iteration < 30; ++iteration) {
    samples.clear();
    for (int y = std::max(0, int(centre.y() - reach));
         y <= std::min(rows - 1, int(centre.y() + reach) + 1); ++y)
      for (int x = std::max(0, int(centre.x() - reach));
           x <= std::min(columns - 1, int(centre.x() + reach) + 1); ++x) {
        const Vec2 d = Vec2(x, y) - centre;
        const float value = image[std::size_t(y * columns + x)];
        if (d.norm() > reach || !std::isfinite(value)) continue;
        samples.push_back({float(d.x()), float(d.y()), value, 1.0f});
      }
    const RadialSpline profile = profile_of(samples, reach);
    Eigen::Matrix2d A = Eigen::Matrix2d::Zero();
    Vec2 b(0, 0);
    for (const TemplateSample& s : samples) {
      const double r = std::hypot(double(s.column), double(s.row));
      if (r < 1e-6) continue;
      double slope;
      const double value = profile.at(r, &slope);
      const Vec2 gradient = -slope / r * Vec2(double(s.column), double(s.row));
      A += gradient * gradient.transpose();
      b += gradient * (double(s.value) - value);
    }
    const Vec2 step = A.inverse() * b;
    if (!step.allFinite()) throw Error(ErrorKind::input, "no disk is found for a template");
    centre += step / std::max(1.0, step.norm());
    if (step.norm() < 1e-5) break;
  }
  DiskTemplate shape = template_of_samples(samples, reach);
  shape.centre = centre;
  return shape;
}

}  // namespace pendel

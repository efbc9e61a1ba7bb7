#include "scan/arcs.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/least_squares.hpp"

namespace pendel {

namespace {

constexpr double degree = electron::pi / 180;

/// Of a bin: counts per pixel above the mean at their radii.
struct Azimuth {
  std::vector<double> angle_deg, excess, pixels, expected;  ///< expected: its mean, per pixel
};

/// Sum of Gaussians of the nearest three periods and its derivatives by height, angle and width.
double bump(double from_centre, double width, double* by_angle, double* by_width) {
  double value = 0;
  *by_angle = *by_width = 0;
  for (int period = -1; period <= 1; ++period) {
    const double t = (from_centre + 180 * period) / width;
    const double gauss = std::exp(-0.5 * t * t);
    value += gauss;
    *by_angle += gauss * t / width;
    *by_width += gauss * t * t / width;
  }
  return value;
}

/// background, then height, angle and width of every arc.
struct Model {
  const Azimuth& data;
  double operator()(const double* x, std::size_t arcs, std::size_t bin, double* row) const {
    double value = x[0];
    if (row) row[0] = 1;
    for (std::size_t k = 0; k < arcs; ++k) {
      const double* p = x + 1 + 3 * k;
      double by_angle, by_width;
      const double shape =
          bump(orientation_difference(data.angle_deg[bin] - p[1]), p[2], &by_angle, &by_width);
      value += p[0] * shape;
      if (row) {
        row[1 + 3 * k] = shape;
        row[2 + 3 * k] = p[0] * by_angle;
        row[3 + 3 * k] = p[0] * by_width;
      }
    }
    return value;
  }
};

/// Highest significance of a Gaussian of this width above a level background, where no other arc
/// is; fitted to what `model` leaves.
std::size_t most_significant(const Azimuth& data, const std::vector<double>& left, double width,
                             double* significance, double* height) {
  *significance = 0;
  std::size_t best = 0;
  for (std::size_t at = 0; at < left.size(); ++at) {
    double w = 0, s = 0, ss = 0, y = 0, sy = 0;
    for (std::size_t b = 0; b < left.size(); ++b) {
      double unused[2];
      const double weight = data.pixels[b] / data.expected[b];
      const double shape = bump(orientation_difference(data.angle_deg[b] - data.angle_deg[at]),
                                width, unused, unused + 1);
      w += weight;
      s += weight * shape;
      ss += weight * shape * shape;
      y += weight * left[b];
      sy += weight * shape * left[b];
    }
    const double variance = ss - s * s / w, value = (sy - s * y / w) / variance;
    if (value * std::sqrt(variance) > *significance) {
      *significance = value * std::sqrt(variance);
      *height = value;
      best = at;
    }
  }
  return best;
}

}  // namespace

double orientation_of(double angle_deg) {
  const double angle = angle_deg - 180 * std::floor(angle_deg / 180);
  return angle < 180 ? angle : 0;
}
double orientation_difference(double angle_deg) {
  return angle_deg - 180 * std::round(angle_deg / 180);
}

ArcFinder::ArcFinder(const Calibration& calibration, std::size_t position, std::size_t q_rows,
                     std::size_t q_columns, const ArcOptions& options,
                     const std::vector<float>& mask)
    : options_(options), bins_(std::size_t(std::max(4.0, std::round(180 / options.step_deg)))) {
  const Eigen::Matrix2d matrix = calibration.matrix();
  const double pixel = std::sqrt(std::abs(matrix.determinant()));
  const Vec2 origin = calibration.origin[calibration.origin.size() > 1 ? position : 0];
  std::vector<std::size_t> count(bins_);
  for (std::size_t row = 0; row < q_rows; ++row)
    for (std::size_t column = 0; column < q_columns; ++column) {
      const std::size_t i = row * q_columns + column;
      const Vec2 q = matrix * (Vec2(double(column), double(row)) - origin);
      const double radius = q.norm();
      if (radius < options.from || radius >= options.to || (!mask.empty() && mask[i] == 0))
        continue;
      const double angle = orientation_of(std::atan2(q.y(), q.x()) / degree);
      const std::size_t bin = std::size_t(angle / 180 * double(bins_)) % bins_;
      const auto ring = std::size_t((radius - options.from) / pixel);
      pixels_.push_back({i, bin, ring, angle});
      rings_ = std::max(rings_, ring + 1);
      ++count[bin];
    }
  const auto filled = std::count_if(count.begin(), count.end(), [](auto n) { return n > 0; });
  if (filled < 8)
    throw Error(ErrorKind::study, "the ring from " + std::to_string(options.from) + " to " +
                                      std::to_string(options.to) + " covers " +
                                      std::to_string(pixels_.size()) +
                                      " pixels: too few to tell angles apart");
}

std::vector<Arc> ArcFinder::find(const float* pattern) const {
  std::vector<double> mean(rings_), count(rings_);
  for (const Pixel& pixel : pixels_)
    if (std::isfinite(pattern[pixel.index])) {
      mean[pixel.ring] += double(pattern[pixel.index]);
      ++count[pixel.ring];
    }
  for (std::size_t ring = 0; ring < rings_; ++ring)
    if (count[ring] > 0) mean[ring] /= count[ring];
  Azimuth all;
  for (auto* values : {&all.angle_deg, &all.excess, &all.pixels, &all.expected})
    values->assign(bins_, 0.0);
  double counts = 0;
  for (const Pixel& pixel : pixels_) {
    const double value = double(pattern[pixel.index]);
    if (!std::isfinite(value)) continue;
    all.angle_deg[pixel.bin] += pixel.angle_deg;
    all.excess[pixel.bin] += value - mean[pixel.ring];
    all.expected[pixel.bin] += mean[pixel.ring];
    ++all.pixels[pixel.bin];
    counts += value;
  }
  Azimuth data;
  double pixels = 0;
  for (std::size_t b = 0; b < bins_; ++b) {
    if (!(all.expected[b] > 0)) continue;
    data.angle_deg.push_back(all.angle_deg[b] / all.pixels[b]);
    data.excess.push_back(all.excess[b] / all.pixels[b]);
    data.expected.push_back(all.expected[b] / all.pixels[b]);
    data.pixels.push_back(all.pixels[b]);
    pixels += all.pixels[b];
  }
  const std::size_t bins = data.excess.size();
  if (!(counts > 0) || bins < 8) return {};

  // one more arc at a time, where what is left is most significant; all are then fitted together
  const Model model{data};
  Eigen::VectorXd x = Eigen::VectorXd::Zero(1);
  std::size_t arcs = 0;
  Eigen::MatrixXd covariance;
  std::vector<double> left = data.excess;
  double scatter = 1;
  while (arcs < options_.most && bins > std::size_t(x.size()) + 3) {
    double significance, height = 0;
    const std::size_t at = most_significant(data, left, options_.width_deg, &significance, &height);
    if (significance < options_.min_significance) break;
    Eigen::VectorXd next(x.size() + 3), lower(x.size() + 3), upper(x.size() + 3);
    next << x, height, data.angle_deg[at], options_.width_deg;
    lower[0] = -1e300, upper[0] = 1e300;
    for (std::size_t k = 0; k <= arcs; ++k) {
      const auto p = Eigen::Index(1 + 3 * k);
      lower[p] = 0, upper[p] = 1e300;
      lower[p + 1] = next[p + 1] - 90, upper[p + 1] = next[p + 1] + 90;
      lower[p + 2] = 180 / double(bins_) / 2, upper[p + 2] = 60;
    }
    const auto residuals = [&](const double* p, double* r, double* J) {
      for (std::size_t b = 0; b < bins; ++b) {
        // weights from the last model, so that they do not follow the noise of the bin
        const double now = data.expected[b] + data.excess[b] - left[b];
        const double root = std::sqrt(data.pixels[b] / std::max(now, 0.1 * data.expected[b]));
        double* row = J ? J + b * std::size_t(next.size()) : nullptr;
        r[b] = root * (model(p, arcs + 1, b, row) - data.excess[b]);
        for (Eigen::Index i = 0; row && i < next.size(); ++i) row[i] *= root;
      }
      return true;
    };
    double chi2 = 0;
    for (int round = 0; round < 3; ++round) {
      chi2 = minimise(residuals, int(bins), next, lower, upper, 100, 1e-8).chi2;
      for (std::size_t b = 0; b < bins; ++b)
        left[b] = data.excess[b] - model(next.data(), arcs + 1, b, nullptr);
    }
    std::vector<double> r(bins);
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> J(Eigen::Index(bins),
                                                                             next.size());
    residuals(next.data(), r.data(), J.data());
    const Eigen::MatrixXd normal = J.transpose() * J;
    const Eigen::FullPivLU<Eigen::MatrixXd> lu(normal);
    if (!lu.isInvertible()) break;  // two arcs are one, or one is flat
    x = next;
    ++arcs;
    covariance = lu.inverse();
    scatter = std::max(1.0, chi2 / double(Eigen::Index(bins) - x.size()));
  }

  std::vector<Arc> found;
  // counts: height times the area under a Gaussian of height 1, times the pixels per degree
  const double area = std::sqrt(2 * electron::pi) * pixels / 180;
  for (std::size_t k = 0; k < arcs; ++k) {
    const auto p = Eigen::Index(1 + 3 * k);
    Arc arc;
    arc.angle_deg = orientation_of(x[p + 1]);
    arc.width_deg = x[p + 2];
    arc.strength = area * x[p] * x[p + 2];
    arc.angle_error_deg = std::sqrt(scatter * covariance(p + 1, p + 1));
    const double a = x[p + 2], b = x[p];
    arc.strength_error =
        area * std::sqrt(scatter * (a * a * covariance(p, p) + b * b * covariance(p + 2, p + 2) +
                                    2 * a * b * covariance(p, p + 2)));
    found.push_back(arc);
  }
  std::sort(found.begin(), found.end(),
            [](const Arc& a, const Arc& b) { return a.strength > b.strength; });
  return found;
}

ArcMap arcs_of_peaks(const BraggPeaks& peaks, double from, double to) {
  if (peaks.calibration.origin.empty())
    throw Error(ErrorKind::study,
                "the origin of the Bragg peaks is not known; the study `calibrate` finds it");
  const Eigen::Matrix2d matrix = peaks.calibration.matrix();
  ArcMap map;
  map.rows = peaks.rows;
  map.columns = peaks.columns;
  map.recorded = peaks.recorded;
  map.at.resize(peaks.positions());
  for (std::size_t i = 0; i < map.at.size(); ++i) {
    for (const BraggPeak& peak : peaks.at[i]) {
      const Vec2 q = peaks.calibration.vector(i, peak.position);
      if (q.norm() < from || q.norm() >= to || !(peak.intensity > 0)) continue;
      Arc arc;
      arc.angle_deg = orientation_of(std::atan2(q.y(), q.x()) / degree);
      const Vec2 along = Vec2(-q.y(), q.x()) / q.squaredNorm();
      const Vec2 on_detector = matrix.transpose() * along;
      arc.angle_error_deg = on_detector.cwiseProduct(peak.error).norm() / degree;
      arc.width_deg = Calibration::not_known;
      arc.strength = peak.intensity;
      arc.strength_error = Calibration::not_known;
      map.at[i].push_back(arc);
    }
    std::stable_sort(map.at[i].begin(), map.at[i].end(),
                     [](const Arc& a, const Arc& b) { return a.strength > b.strength; });
  }
  return map;
}

}  // namespace pendel

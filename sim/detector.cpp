#include "sim/detector.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

using Matrix2 = Eigen::Matrix2d;

Matrix2 turn(double angle) { return Eigen::Rotation2Dd(angle).toRotationMatrix(); }

// pixels per 1/Å
Matrix2 to_pixels(const Detector& d) {
  const double stretch = std::sqrt(d.ellipse_ratio);
  const Matrix2 axes = turn(d.ellipse_angle);
  const Matrix2 ellipse = axes * Vec2(stretch, 1 / stretch).asDiagonal() * axes.transpose();
  return ellipse * turn(d.rotation) / d.pixel;
}

Vec2 centre_of(const Detector& d) { return d.centre ? *d.centre : Vec2(d.columns / 2, d.rows / 2); }

// A convex polygon; clipping a parallelogram by the four sides of a pixel leaves at most 8 corners.
struct Polygon {
  std::array<Vec2, 12> corners;
  int count = 0;

  void push(const Vec2& corner) { corners[count++] = corner; }

  // the part with sign x (coordinate - limit) <= 0
  Polygon clipped(int axis, double limit, double sign) const {
    Polygon part;
    for (int i = 0; i < count; ++i) {
      const Vec2 &a = corners[i], &b = corners[(i + 1) % count];
      const double da = sign * (a[axis] - limit), db = sign * (b[axis] - limit);
      if (da <= 0) part.push(a);
      if ((da < 0 && db > 0) || (da > 0 && db < 0)) part.push(a + da / (da - db) * (b - a));
    }
    return part;
  }

  double area() const {
    double twice = 0;
    for (int i = 1; i + 1 < count; ++i) {
      const Vec2 a = corners[i] - corners[0], b = corners[i + 1] - corners[0];
      twice += a[0] * b[1] - a[1] * b[0];
    }
    return std::abs(twice) / 2;
  }
};

void check(const Detector& d) {
  if (d.rows < 1 || d.columns < 1 || !(d.pixel > 0) || !(d.ellipse_ratio > 0) || d.blur < 0)
    throw Error(ErrorKind::study,
                "a detector of " + std::to_string(d.rows) + " x " + std::to_string(d.columns) +
                    " pixels of " + std::to_string(d.pixel) + " 1/A, ellipse ratio " +
                    std::to_string(d.ellipse_ratio) + ", blur " + std::to_string(d.blur) +
                    " px; sizes and ratio must be above 0, the blur at least 0");
  for (std::size_t i = 0; i < d.mtf.size(); ++i)
    if (d.mtf[i][0] < 0 || (i > 0 && d.mtf[i][0] <= d.mtf[i - 1][0]))
      throw Error(ErrorKind::study, "frequencies of an MTF must ascend from 0 on; number " +
                                        std::to_string(i + 1) + " is " +
                                        std::to_string(d.mtf[i][0]) + " 1/px");
}

double mtf_at(const Detector& d, double frequency) {
  const double x = electron::pi * d.blur * frequency;
  const double gaussian = std::exp(-2 * x * x);
  if (d.mtf.empty()) return gaussian;
  const auto after =
      std::find_if(d.mtf.begin(), d.mtf.end(), [&](const Vec2& row) { return row[0] > frequency; });
  if (after == d.mtf.begin()) return gaussian * d.mtf.front()[1];
  if (after == d.mtf.end()) return gaussian * d.mtf.back()[1];
  const Vec2 &a = *(after - 1), &b = *after;
  return gaussian * (a[1] + (b[1] - a[1]) * (frequency - a[0]) / (b[0] - a[0]));
}

double intensity(double value) { return value; }
double intensity(const complex& amplitude) { return std::norm(amplitude); }
double intensity(const std::complex<float>& amplitude) { return std::norm(amplitude); }

}  // namespace

Vec2 Detector::position(const Vec2& k) const { return centre_of(*this) + to_pixels(*this) * k; }

Vec2 Detector::wavevector(const Vec2& position) const {
  return to_pixels(*this).inverse() * (position - centre_of(*this));
}

DetectorMap::DetectorMap(const Detector& detector, const WaveGrid& grid) : detector_(detector) {
  std::vector<Vec2> k;
  k.reserve(grid.size());
  for (int y = 0; y < grid.ny; ++y)
    for (int x = 0; x < grid.nx; ++x) k.push_back(grid.k(x, y));
  build(k, Vec2(1 / grid.lx, 1 / grid.ly).asDiagonal());
}

DetectorMap::DetectorMap(const Detector& detector, const std::vector<Vec2>& k,
                         const Eigen::Matrix2d& cell)
    : detector_(detector) {
  build(k, cell);
}

void DetectorMap::build(const std::vector<Vec2>& k, const Matrix2& cell) {
  check(detector_);
  const Matrix2 edges = to_pixels(detector_) * cell;
  const Vec2 reach = edges.cwiseAbs().rowwise().sum() / 2;
  const double whole = std::abs(edges.determinant());
  constexpr double nothing = 1e-9;  // of a source: slivers that rounding makes

  struct Overlap {
    std::uint32_t pixel, source;
    double share;
  };
  std::vector<Overlap> overlaps;
  for (std::size_t source = 0; source < k.size(); ++source) {
    const Vec2 centre = detector_.position(k[source]);
    const int x0 = int(std::floor(centre[0] - reach[0] + 0.5)),
              x1 = int(std::floor(centre[0] + reach[0] + 0.5)),
              y0 = int(std::floor(centre[1] - reach[1] + 0.5)),
              y1 = int(std::floor(centre[1] + reach[1] + 0.5));
    if (x1 < 0 || y1 < 0 || x0 >= detector_.columns || y0 >= detector_.rows) continue;
    Polygon polygon;
    for (const Vec2& corner : {Vec2(-0.5, -0.5), Vec2(0.5, -0.5), Vec2(0.5, 0.5), Vec2(-0.5, 0.5)})
      polygon.push(centre + edges * corner);
    // pixels beyond the rim are counted too, so that what falls on the detector is not enlarged
    const std::size_t first = overlaps.size();
    double found = 0;
    for (int y = y0; y <= y1; ++y) {
      const Polygon row = polygon.clipped(1, y - 0.5, -1).clipped(1, y + 0.5, 1);
      for (int x = x0; x <= x1; ++x) {
        const double area = row.clipped(0, x - 0.5, -1).clipped(0, x + 0.5, 1).area();
        if (area < nothing * whole) continue;
        found += area;
        if (x >= 0 && x < detector_.columns && y >= 0 && y < detector_.rows)
          overlaps.push_back(
              {std::uint32_t(y) * std::uint32_t(detector_.columns) + std::uint32_t(x),
               std::uint32_t(source), area});
      }
    }
    for (std::size_t i = first; i < overlaps.size(); ++i) overlaps[i].share /= found;
  }

  // sorted by pixel, sources in their order
  first_.assign(detector_.pixels() + 1, 0);
  for (const Overlap& overlap : overlaps) ++first_[overlap.pixel + 1];
  for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
  std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
  source_.resize(overlaps.size());
  share_.resize(overlaps.size());
  for (const Overlap& overlap : overlaps) {
    const std::size_t place = next[overlap.pixel]++;
    source_[place] = overlap.source;
    share_[place] = overlap.share;
  }
  if (std::all_of(share_.begin(), share_.end(), [](double share) { return share == 1; }))
    share_.clear();

  if (detector_.blur == 0 && detector_.mtf.empty()) return;
  fft_.emplace(2 * detector_.rows, 2 * detector_.columns);
  for (int y = 0; y <= detector_.rows; ++y)
    for (int x = 0; x <= detector_.columns; ++x)
      mtf_.push_back(
          mtf_at(detector_, std::hypot(0.5 * y / detector_.rows, 0.5 * x / detector_.columns)));
}

template <class Number>
void DetectorMap::add(const Number* sources, double weight, double* image) const {
  for (std::size_t pixel = 0; pixel + 1 < first_.size(); ++pixel) {
    double sum = 0;
    for (std::size_t i = first_[pixel]; i < first_[pixel + 1]; ++i)
      sum += (share_.empty() ? 1 : share_[i]) * intensity(sources[source_[i]]);
    image[pixel] += weight * sum;
  }
}

template void DetectorMap::add(const float*, double, double*) const;
template void DetectorMap::add(const double*, double, double*) const;
template void DetectorMap::add(const std::complex<float>*, double, double*) const;
template void DetectorMap::add(const complex*, double, double*) const;

void DetectorMap::blur(double* image) const {
  if (!fft_) return;
  const int rows = detector_.rows, columns = detector_.columns;
  FftArray wide(4 * detector_.pixels());
  double before = 0, after = 0;
  for (int y = 0; y < 2 * rows; ++y)
    for (int x = 0; x < 2 * columns; ++x)
      wide[std::size_t(y) * (2 * columns) + x] =
          image[std::size_t(std::min(y, 2 * rows - 1 - y)) * columns +
                std::min(x, 2 * columns - 1 - x)];
  fft_->forward(wide.data());
  for (int y = 0; y < 2 * rows; ++y)
    for (int x = 0; x < 2 * columns; ++x)
      wide[std::size_t(y) * (2 * columns) + x] *=
          mtf_[std::size_t(std::min(y, 2 * rows - y)) * (columns + 1) +
               std::min(x, 2 * columns - x)];
  fft_->backward(wide.data());
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < columns; ++x) {
      double& value = image[std::size_t(y) * columns + x];
      before += value;
      value = std::max(0.0, wide[std::size_t(y) * (2 * columns) + x].real());
      after += value;
    }
  if (after > 0)
    for (std::size_t i = 0; i < detector_.pixels(); ++i) image[i] *= before / after;
}

bool accepts(const VirtualDetector& ring, double energy_keV, const Vec2& k) {
  const double theta = electron::wavelength(energy_keV) * k.norm();
  if (theta < ring.inner || theta >= ring.outer) return false;
  const double turn = 2 * electron::pi;
  if (ring.stop - ring.start >= turn) return true;
  const double phi = std::fmod(std::atan2(k[1], k[0]) - ring.start, turn);
  return (phi < 0 ? phi + turn : phi) < ring.stop - ring.start;
}

std::vector<double> mask(const VirtualDetector& ring, double energy_keV, const Detector& detector) {
  std::vector<double> taken;
  for (int y = 0; y < detector.rows; ++y)
    for (int x = 0; x < detector.columns; ++x)
      taken.push_back(accepts(ring, energy_keV, detector.wavevector(Vec2(x, y))));
  return taken;
}

std::vector<double> mask(const VirtualDetector& ring, double energy_keV, const WaveGrid& grid) {
  std::vector<double> taken;
  for (int y = 0; y < grid.ny; ++y)
    for (int x = 0; x < grid.nx; ++x) taken.push_back(accepts(ring, energy_keV, grid.k(x, y)));
  return taken;
}

Vec2 centre_of_mass(const Detector& detector, const double* image) {
  double sum = 0;
  Vec2 moment = Vec2::Zero();
  for (int y = 0; y < detector.rows; ++y)
    for (int x = 0; x < detector.columns; ++x) {
      const double value = image[std::size_t(y) * detector.columns + x];
      sum += value;
      moment += value * Vec2(x, y);
    }
  if (!(sum > 0)) return Vec2::Constant(std::numeric_limits<double>::quiet_NaN());
  return detector.wavevector(moment / sum);
}

}  // namespace pendel

#include "model/disk_pixels.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <string>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "model/chebyshev.hpp"

namespace pendel {

namespace {

constexpr int per_side = 5;         // points of a pixel's area, along each side
constexpr double dark = 0.01;       // of the brightest: outside of a disk
constexpr double blur_reach = 3.5;  // standard deviations

/// T_i(x) T_j(y) with i + j <= degree; (points, terms).
Eigen::MatrixXd polynomials(int degree, double radius, const std::vector<Vec2>& points) {
  const int n = degree + 1;
  Eigen::MatrixXd result(long(points.size()), n * (n + 1) / 2);
  Eigen::VectorXd Tx(n), Ty(n);
  for (std::size_t p = 0; p < points.size(); ++p) {
    chebyshev(points[p][0] / radius, n, Tx.data(), nullptr);
    chebyshev(points[p][1] / radius, n, Ty.data(), nullptr);
    long term = 0;
    for (int i = 0; i < n; ++i)
      for (int j = 0; i + j < n; ++j) result(long(p), term++) = Tx[i] * Ty[j];
  }
  return result;
}

/// The template as a density: fraction of the probe per pixel, at any point.
class Density {
 public:
  Density(const ProbeTemplate& probe, const Detector& detector, double wavelength)
      : probe_(probe), wavelength_(wavelength) {
    if (!probe.image) {
      // area of the disk with a linear edge, in pixels
      const double area =
          electron::pi * (probe.semiangle * probe.semiangle + probe.edge * probe.edge / 12);
      norm_ = std::pow(wavelength * detector.pixel, 2) / area;
      return;
    }
    const Array& image = *probe.image;
    const double least = dark * *std::max_element(image.values.begin(), image.values.end());
    double sum = 0;
    for (std::size_t row = 0; row < image.shape[0]; ++row)
      for (std::size_t column = 0; column < image.shape[1]; ++column) {
        const double value = image(row, column);
        if (!(value > least)) continue;
        sum += value;
        centre_ += value * Vec2(double(column), double(row));
      }
    centre_ /= sum;
    norm_ = 1 / sum;
    least_ = least;
  }

  /// k: rad; px: (column, row), both from the disk's centre.
  double operator()(const Vec2& k, const Vec2& px) const {
    if (!probe_.image) {
      const double inside = probe_.semiangle - k.norm();
      if (probe_.edge == 0) return inside >= 0 ? norm_ : 0;
      return norm_ * std::clamp(inside / probe_.edge + 0.5, 0.0, 1.0);
    }
    const Vec2 at = centre_ + px;
    const double column = std::floor(at[0]), row = std::floor(at[1]);
    const double x = at[0] - column, y = at[1] - row;
    return norm_ * ((1 - y) * ((1 - x) * value(row, column) + x * value(row, column + 1)) +
                    y * ((1 - x) * value(row + 1, column) + x * value(row + 1, column + 1)));
  }

  const Vec2& centre() const { return centre_; }

 private:
  double value(double row, double column) const {
    const Array& image = *probe_.image;
    if (row < 0 || column < 0 || row >= double(image.shape[0]) || column >= double(image.shape[1]))
      return 0;
    const double v = image(std::size_t(row), std::size_t(column));
    return v > least_ ? v : 0;
  }

  const ProbeTemplate& probe_;
  double wavelength_, norm_ = 0, least_ = 0;
  Vec2 centre_ = Vec2::Zero();
};

/// Gaussian weights of whole pixels, sum 1.
std::vector<double> gaussian(double sigma, int reach) {
  std::vector<double> weights;
  double sum = 0;
  for (int i = -reach; i <= reach; ++i) {
    weights.push_back(reach == 0 ? 1 : std::exp(-0.5 * i * i / (sigma * sigma)));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// A rectangle of pixels, each a row of weights of the nodes.
struct Window {
  int row, column, rows, columns;
  Eigen::MatrixXd weights;  // (rows · columns, nodes)
};

void blur(Window& window, const std::vector<double>& kernel) {
  const int reach = int(kernel.size()) / 2;
  if (reach == 0) return;
  for (int axis = 0; axis < 2; ++axis) {
    const Eigen::MatrixXd before = window.weights;
    window.weights.setZero();
    for (int r = 0; r < window.rows; ++r)
      for (int c = 0; c < window.columns; ++c)
        for (int i = -reach; i <= reach; ++i) {
          const int from_r = axis ? r : r + i, from_c = axis ? c + i : c;
          if (from_r < 0 || from_r >= window.rows || from_c < 0 || from_c >= window.columns)
            continue;
          window.weights.row(r * window.columns + c) +=
              kernel[std::size_t(i + reach)] * before.row(from_r * window.columns + from_c);
        }
  }
}

}  // namespace

std::vector<Vec2> disk_nodes(int degree, double radius) {
  std::vector<Vec2> nodes;
  for (int ring = 1; ring <= degree / 2 + 1; ++ring) {
    const double z = std::cos((2 * ring - 1) * electron::pi / (2 * (degree + 1)));
    const double r = radius * z * (1.1565 + z * (-0.76535 + z * 0.60517));
    const int count = 2 * degree + 5 - 4 * ring;
    for (int i = 0; i < count; ++i) {
      const double angle = 2 * electron::pi * i / count;
      nodes.emplace_back(r * std::cos(angle), r * std::sin(angle));
    }
  }
  return nodes;
}

Eigen::MatrixXd disk_interpolation(int degree, double radius, const std::vector<Vec2>& points) {
  const Eigen::MatrixXd at_nodes = polynomials(degree, radius, disk_nodes(degree, radius));
  // values = P(points) P(nodes)⁻¹ values at the nodes
  return at_nodes.transpose()
      .partialPivLu()
      .solve(polynomials(degree, radius, points).transpose())
      .transpose();
}

double template_radius(const ProbeTemplate& probe, const Detector& detector, double energy_keV) {
  if (!probe.image) return probe.semiangle + probe.edge / 2;
  const double wavelength = electron::wavelength(energy_keV);
  const Density density(probe, detector, wavelength);
  const Vec2 middle = detector.position(Vec2::Zero());
  double radius = 0;
  for (std::size_t row = 0; row < probe.image->shape[0]; ++row)
    for (std::size_t column = 0; column < probe.image->shape[1]; ++column) {
      const Vec2 px = Vec2(double(column), double(row)) - density.centre();
      if (density(Vec2::Zero(), px) > 0)
        radius = std::max(radius, wavelength * detector.wavevector(middle + px).norm());
    }
  // bilinear interpolation reaches one pixel further, its corners included
  return radius + std::sqrt(2.0 * detector.ellipse_ratio) * wavelength * detector.pixel;
}

DiskPixels disk_pixels(const Detector& detector, double energy_keV, const ProbeTemplate& probe,
                       const std::vector<Vec2>& g, const std::vector<Vec2>& others, int degree) {
  const double wavelength = electron::wavelength(energy_keV);
  const Density density(probe, detector, wavelength);
  const double radius = template_radius(probe, detector, energy_keV);
  const int reach = detector.blur > 0 ? int(std::ceil(blur_reach * detector.blur)) : 0;
  const std::vector<double> kernel = gaussian(detector.blur, reach);
  const double half = radius / wavelength / detector.pixel * std::sqrt(detector.ellipse_ratio);

  DiskPixels result;
  result.nodes = disk_nodes(degree, radius);
  // A pixel touches a disk whose centre is nearer than this [1/Å]: half a diagonal, and as far as
  // the blurred edge is brighter than `dark` (2.33 standard deviations for 1 %).
  const double touch = radius / wavelength + (2.33 * detector.blur + 0.71) * detector.pixel;
  std::vector<Vec2> all = g;
  all.insert(all.end(), others.begin(), others.end());
  result.first = {0};
  for (std::size_t d = 0; d < g.size(); ++d) {
    const Vec2 centre = detector.position(g[d]);
    const int margin = int(std::ceil(half)) + reach + 1;
    Window window{int(std::floor(centre[1])) - margin,
                  int(std::floor(centre[0])) - margin,
                  2 * margin + 2,
                  2 * margin + 2,
                  {}};
    // the whole disk as a mean over points of every pixel
    std::vector<Vec2> points;
    std::vector<std::pair<long, double>> share;  // pixel of the window, density
    for (int r = 0; r < window.rows; ++r)
      for (int c = 0; c < window.columns; ++c)
        for (int i = 0; i < per_side * per_side; ++i) {
          const Vec2 at(window.column + c + (i % per_side + 0.5) / per_side - 0.5,
                        window.row + r + (double(i / per_side) + 0.5) / per_side - 0.5);
          const Vec2 k = wavelength * (detector.wavevector(at) - g[d]);
          const double value = density(k, at - centre);
          if (value == 0) continue;
          points.emplace_back(std::asin(k[0]), std::asin(k[1]));
          share.emplace_back(long(r) * window.columns + c, value / (per_side * per_side));
        }
    const Eigen::MatrixXd interpolation = disk_interpolation(degree, radius, points);
    window.weights =
        Eigen::MatrixXd::Zero(long(window.rows) * window.columns, long(result.nodes.size()));
    for (std::size_t i = 0; i < share.size(); ++i)
      window.weights.row(share[i].first) += share[i].second * interpolation.row(long(i));
    blur(window, kernel);

    // A polynomial of degree 0 is 1 at all nodes: sums over nodes are the template itself.
    const Eigen::VectorXd flat = window.weights.rowwise().sum();
    std::vector<long> kept;
    bool outside = false;
    for (int r = 0; r < window.rows; ++r)
      for (int c = 0; c < window.columns; ++c) {
        const long place = long(r) * window.columns + c;
        if (flat[place] <= dark * flat.maxCoeff()) continue;
        const int row = window.row + r, column = window.column + c;
        if (row < 0 || column < 0 || row >= detector.rows || column >= detector.columns) {
          outside = true;
          continue;
        }
        const Vec2 k = detector.wavevector({double(column), double(row)});
        const bool shared = std::any_of(all.begin(), all.end(), [&](const Vec2& other) {
          return (other - g[d]).norm() > 1e-9 && (other - k).norm() < touch;
        });
        if (shared) {
          ++result.overlapping;
          continue;
        }
        kept.push_back(place);
        result.pixels.push_back({int(d), row, column});
      }
    const auto of_disk = [&] {
      return "disk " + std::to_string(d + 1) + ", at column " +
             std::to_string(int(std::lround(centre[0]))) + ", row " +
             std::to_string(int(std::lround(centre[1]))) + ",";
    };
    if (outside && kept.empty())
      throw Error(ErrorKind::input, of_disk() + " is not on the detector");
    if (kept.empty())
      throw Error(ErrorKind::input, of_disk() +
                                        " overlaps others everywhere; fit its neighbours' "
                                        "integrated intensities instead");
    result.first.push_back(int(result.pixels.size()));
    result.map.push_back(window.weights(kept, Eigen::all));
    result.share.push_back(flat(kept).sum());
  }
  return result;
}

}  // namespace pendel

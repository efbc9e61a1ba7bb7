#include "scan/rings.hpp"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/least_squares.hpp"
#include "crystal/structure_factor.hpp"
#include "scan/ring_start.hpp"

namespace pendel {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double kappa = 2 * 0.69314718055994531;  // equal half widths of Gauss and Lorentz

/// Lines nearer to each other than this many standard deviations share one height.
constexpr double nearest = 0.75;

struct Line {
  double g, share;  // share of the ring's height
};

/// Unknowns: centre x, y; stretch along, at 45°; a, b of width² = a + b radius²; share of Lorentz;
/// 1/pixel, or the radii; heights; background.
struct Model {
  std::vector<std::vector<Line>> rings;  // by lines; g of 1 where the radius itself is unknown
  bool tied = false;
  int terms = 0;
  double from = 0, to = 0, power = 0;

  int radii_at() const { return 7; }
  int heights_at() const { return 7 + (tied ? 1 : int(rings.size())); }
  int background_at() const { return heights_at() + int(rings.size()); }
  int size() const { return background_at() + terms; }
  double scale(const double* x, std::size_t ring) const {
    return x[radii_at() + (tied ? 0 : int(ring))];
  }

  /// Value at a radius, its slope there, and its derivatives (all but the first four) where not
  /// null; `moved`: per ring, the derivative by a shift of its radius alone.
  double at(double radius, const double* x, double* slope, double* derivatives, double* moved,
            bool with_rings = true) const {
    double value = 0;
    *slope = 0;
    if (derivatives) std::fill(derivatives, derivatives + size(), 0.0);
    for (std::size_t n = 0; with_rings && n < rings.size(); ++n) {
      const double height = x[heights_at() + int(n)];
      double shape = 0, shift = 0;
      for (const Line& line : rings[n]) {
        const double R = line.g * scale(x, n), w2 = x[4] + x[5] * R * R, w = std::sqrt(w2);
        const double t = (radius - R) / w;
        if (std::abs(t) > 60) continue;
        const double gauss = std::exp(-0.5 * t * t), lorentz = 1 / (1 + t * t / kappa);
        const double eta = x[6];
        shape += line.share * ((1 - eta) * gauss + eta * lorentz);
        const double by_t =
            line.share * (-(1 - eta) * t * gauss - eta * 2 * t / kappa * lorentz * lorentz);
        *slope += height * by_t / w;
        const double by_w = -height * by_t * t / w;
        const double by_R = -height * by_t / w + by_w * x[5] * R / w;
        shift += by_R;
        if (!derivatives) continue;
        derivatives[4] += by_w / (2 * w);
        derivatives[5] += by_w * R * R / (2 * w);
        derivatives[6] += height * line.share * (lorentz - gauss);
        derivatives[radii_at() + (tied ? 0 : int(n))] += by_R * line.g;
      }
      value += height * shape;
      if (derivatives) derivatives[heights_at() + int(n)] = shape;
      if (moved) moved[n] = shift;
    }
    std::vector<double>& T = scratch_values;
    std::vector<double>& dT = scratch_slopes;
    T.resize(std::size_t(terms));
    dT.resize(std::size_t(terms));
    ring_start::chebyshev((2 * radius - from - to) / (to - from), terms, T.data(), dT.data());
    const double h = std::pow(radius / from, power), dh = power * h / radius;
    for (int j = 0; j < terms; ++j) {
      const double c = x[background_at() + j];
      value += c * h * T[std::size_t(j)];
      *slope += c * (dh * T[std::size_t(j)] + h * dT[std::size_t(j)] * 2 / (to - from));
      if (derivatives) derivatives[background_at() + j] = h * T[std::size_t(j)];
    }
    return value;
  }

 private:
  mutable std::vector<double> scratch_values, scratch_slopes;
};

/// |exp(−E) u| and its derivatives by u and by the stretch (e1, e2) of E = (e1 e2; e2 −e1).
double round_radius(const Vec2& u, const Vec2& e, Vec2* by_u, Vec2* by_e) {
  const double n = e.norm();
  const bool small = n < 1e-4;
  const double c = std::cosh(2 * n);
  const double s = small ? 2 + 4 * n * n / 3 : std::sinh(2 * n) / n;                 // sinh(2n)/n
  const double ds = small ? 8.0 / 3 : (2 * n * c - std::sinh(2 * n)) / (n * n * n);  // by n, over n
  Eigen::Matrix2d E, along, diagonal;
  E << e[0], e[1], e[1], -e[0];
  along << 1, 0, 0, -1;
  diagonal << 0, 1, 1, 0;
  const Vec2 Qu = c * u - s * (E * u);
  const double r = std::sqrt(std::max(u.dot(Qu), 1e-30));
  *by_u = Qu / r;
  const double uEu = u.dot(E * u), uu = u.squaredNorm();
  const Vec2 rest(u.dot(along * u), u.dot(diagonal * u));
  *by_e = (2 * s * uu * e - ds * uEu * e - s * rest) / (2 * r);
  return r;
}

struct Pixel {
  Vec2 at;
  double value, weight;  // 1/standard deviation
};

/// Weighted residuals of the pixels; jacobian (pixels, unknowns) and moved (pixels, rings) or null.
void residuals(const Model& model, const std::vector<Pixel>& pixels, const double* x, double* r,
               double* jacobian, double* moved) {
  const int n = model.size(), rings = int(model.rings.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const Pixel& pixel = pixels[i];
    Vec2 by_u, by_e;
    double slope;
    const double radius = round_radius(pixel.at - Vec2(x[0], x[1]), Vec2(x[2], x[3]), &by_u, &by_e);
    double* row = jacobian ? jacobian + i * std::size_t(n) : nullptr;
    double* shift = moved ? moved + i * std::size_t(rings) : nullptr;
    r[i] = (model.at(radius, x, &slope, row, shift) - pixel.value) * pixel.weight;
    if (row) {
      row[0] = -slope * by_u.x();
      row[1] = -slope * by_u.y();
      row[2] = slope * by_e.x();
      row[3] = slope * by_e.y();
      for (int k = 0; k < n; ++k) row[k] *= pixel.weight;
    }
    if (shift)
      for (int k = 0; k < rings; ++k) shift[k] *= pixel.weight;
  }
}

/// Heights and background by linear least squares on the radial mean.
void start_heights(const Model& model, const RadialProfile& profile, VectorXd& x) {
  std::vector<std::size_t> use;
  for (std::size_t i = 0; i < profile.bins.count; ++i)
    if (profile.pixels[i] >= 1 && profile.variance[i] > 0) use.push_back(i);
  const int first = model.heights_at(), unknowns = model.size() - first;
  MatrixXd A(long(use.size()), unknowns);
  VectorXd b(long(use.size()));
  std::vector<double> row(std::size_t(model.size()));
  for (std::size_t k = 0; k < use.size(); ++k) {
    double slope;
    model.at(profile.bins.centre(use[k]), x.data(), &slope, row.data(), nullptr);
    const double weight = std::sqrt(profile.pixels[use[k]] / profile.variance[use[k]]);
    for (int j = 0; j < unknowns; ++j) A(long(k), j) = row[std::size_t(first + j)] * weight;
    b[long(k)] = profile.mean[use[k]] * weight;
  }
  x.tail(unknowns) = A.colPivHouseholderQr().solve(b);
}

/// Standard deviation of single pixels as a function of the radius: line through bins' centres.
class Scatter {
 public:
  Scatter(double from, double to)
      : bins_{from, 3, std::size_t((to - from) / 3) + 1}, sum_(bins_.count), count_(bins_.count) {}
  void add(double radius, double deviation) {
    const std::size_t i = bin(radius);
    sum_[i] += deviation * deviation;
    count_[i] += 1;
  }
  double at(double radius) const {
    const double x =
        std::clamp((radius - bins_.centre(0)) / bins_.step, 0.0, double(bins_.count - 1));
    const auto i = std::min(std::size_t(x), bins_.count - 2);
    const double t = x - double(i);
    return std::max((1 - t) * of(i) + t * of(i + 1), 1e-300);
  }

 private:
  std::size_t bin(double radius) const {
    const double x = (radius - bins_.from) / bins_.step;
    return std::size_t(std::clamp(x, 0.0, double(bins_.count - 1)));
  }
  double of(std::size_t i) const {
    // the last bin may be nearly empty
    while (i > 0 && count_[i] < 10) --i;
    return count_[i] > 0 ? std::sqrt(sum_[i] / count_[i]) : 0;
  }
  Bins bins_;
  std::vector<double> sum_, count_;
};

/// Covariance of the unknowns of a fit with these weighted residuals r and derivatives J, from the
/// scatter between sectors of 2.5° and their opposites, correlated over `lags` sectors: Bartlett's
/// weights, corrected for what the fit takes away. [NeweyWest1987]
MatrixXd sector_covariance(const MatrixXd& inverse, const RowMatrix& J, const VectorXd& r,
                           const std::vector<int>& sector, int sectors, int lags) {
  MatrixXd scores = MatrixXd::Zero(J.cols(), sectors);
  for (long i = 0; i < J.rows(); ++i) scores.col(sector[std::size_t(i)]) += r[i] * J.row(i);
  MatrixXd S = scores * scores.transpose();
  for (int lag = 1; lag <= lags; ++lag) {
    const double weight = 1 - double(lag) / (lags + 1);
    for (int k = 0; k < sectors; ++k) {
      const MatrixXd product = scores.col(k) * scores.col((k + lag) % sectors).transpose();
      S += weight * (product + product.transpose());
    }
  }
  return inverse * S * inverse / (1 - double(lags + 1) / sectors);
}

MatrixXd inverse_of(const MatrixXd& H) {
  const VectorXd scale = H.diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
  const MatrixXd scaled = scale.asDiagonal() * H * scale.asDiagonal();
  return scale.asDiagonal() * MatrixXd(scaled.completeOrthogonalDecomposition().pseudoInverse()) *
         scale.asDiagonal();
}

struct Bounds {
  VectorXd lower, upper;
};

Bounds bounds_of(const Model& model, const VectorXd& x) {
  const double inf = std::numeric_limits<double>::infinity();
  Bounds bounds{VectorXd::Constant(x.size(), -inf), VectorXd::Constant(x.size(), inf)};
  const double reach = 0.25 * model.to;
  for (int k = 0; k < 2; ++k) {
    bounds.lower[k] = x[k] - reach;
    bounds.upper[k] = x[k] + reach;
    bounds.lower[k + 2] = -0.3;
    bounds.upper[k + 2] = 0.3;
  }
  bounds.lower[4] = 0.1;  // [pixels²]
  bounds.lower[5] = 0;
  bounds.upper[5] = 0.02;
  bounds.lower[6] = 0;
  bounds.upper[6] = 1;
  for (int k = model.radii_at(); k < model.heights_at(); ++k) {
    const double span = model.tied ? 0.1 * x[k] : 2 * std::sqrt(x[4]);
    bounds.lower[k] = x[k] - span;
    bounds.upper[k] = x[k] + span;
  }
  return bounds;
}

RingErrors errors_of(const VectorXd& x, const MatrixXd& covariance, const Model& model) {
  // ratio = exp(2 |e|), angle = half that of e
  const Vec2 e(x[2], x[3]);
  const double n = e.norm();
  const Eigen::Matrix2d C = covariance.block<2, 2>(2, 2);
  const Vec2 along = n > 0 ? Vec2(e / n) : Vec2(1, 0), across(-along.y(), along.x());
  RingErrors errors;
  errors.centre = Vec2(std::sqrt(covariance(0, 0)), std::sqrt(covariance(1, 1)));
  errors.ratio = 2 * std::exp(2 * n) * std::sqrt(along.dot(C * along));
  // beyond half a right angle nothing is known of it
  errors.angle_deg =
      std::min(45.0, n > 0 ? 90 / electron::pi * std::sqrt(across.dot(C * across)) / n : 45.0);
  const int k = model.radii_at();
  errors.pixel_invA = model.tied ? std::sqrt(covariance(k, k)) / (x[k] * x[k]) : std::nan("");
  return errors;
}

RingErrors difference(const VectorXd& a, const VectorXd& b, const Model& model) {
  const auto ratio = [](const VectorXd& x) { return std::exp(2 * Vec2(x[2], x[3]).norm()); };
  const auto turn = [](const VectorXd& x) { return std::atan2(x[3], x[2]); };
  RingErrors d;
  d.centre = (a.head<2>() - b.head<2>()).cwiseAbs();
  d.ratio = std::abs(ratio(a) - ratio(b));
  d.angle_deg = 90 / electron::pi * std::abs(std::remainder(turn(a) - turn(b), 2 * electron::pi));
  const int k = model.radii_at();
  d.pixel_invA = model.tied ? std::abs(1 / a[k] - 1 / b[k]) : std::nan("");
  return d;
}

}  // namespace

std::vector<PowderLine> powder_lines(const Crystal& crystal, double g_max_invA) {
  const std::vector<Hkl> reflections = reflections_within(crystal.cell, g_max_invA);
  // ratios of |U_g|² do not depend on the energy
  const std::vector<Ug> U = structure_factors(crystal, reflections, 200, {});
  std::vector<PowderLine> lines;
  for (std::size_t i = 0; i < reflections.size(); ++i) {
    const double g = crystal.g(reflections[i]).v.norm();
    if (g == 0) continue;
    if (lines.empty() || g > lines.back().g_invA * (1 + 1e-6))
      lines.push_back({reflections[i], g, 0});
    lines.back().height += std::norm(U[i].elastic) / (g * g);
    lines.back().hkl = std::max(lines.back().hkl, reflections[i]);
  }
  double highest = 0;
  for (const PowderLine& line : lines) highest = std::max(highest, line.height);
  lines.erase(std::remove_if(lines.begin(), lines.end(),
                             [&](const PowderLine& line) { return line.height < highest / 500; }),
              lines.end());
  return lines;
}

RingFit fit_rings(const std::vector<double>& pattern, std::size_t q_rows, std::size_t q_columns,
                  const RingOptions& options) {
  RingFit fit;
  ring_start::Geometry geometry{options.centre, Vec2(0, 0)};
  fit.from = options.from;
  fit.to = options.to > 0 ? options.to
                          : double(whole_rings(geometry.calibration(), q_rows, q_columns).count);
  if (!(fit.to > fit.from + 10))
    throw Error(ErrorKind::numerical,
                "rings are looked for between radii of " + std::to_string(fit.from) + " and " +
                    std::to_string(fit.to) + " pixels; at least ten pixels are needed");

  // where the rings are
  std::vector<float> mask = options.mask;
  const auto profile_at = [&](double from, double to) {
    return RadialMap(geometry.calibration(), 0, {from, 1, std::size_t(to - from)}, q_rows,
                     q_columns, mask)
        .profile(pattern.data());
  };
  const double first = fit.from > 0 ? fit.from : 0.15 * fit.to;
  geometry = ring_start::sharpest(pattern, q_rows, q_columns, mask, geometry, first, fit.to);
  mask = ring_start::without_shadow(pattern, q_rows, q_columns, options.mask,
                                    geometry.calibration(), fit.to, fit.dark_pixels);
  if (fit.from == 0) {
    fit.from = ring_start::end_of_beam(profile_at(0, fit.to));
    if (!(fit.from > 0) || fit.from > fit.to - 10)
      throw Error(ErrorKind::numerical,
                  "no ring: the radial mean of the pattern falls from the beam to the edge");
  }
  geometry = ring_start::sharpest(pattern, q_rows, q_columns, mask, geometry, fit.from, fit.to);
  mask = ring_start::without_shadow(pattern, q_rows, q_columns, options.mask,
                                    geometry.calibration(), fit.to, fit.dark_pixels);
  RadialProfile profile = profile_at(fit.from, fit.to);
  if (std::none_of(profile.variance.begin(), profile.variance.end(),
                   [](double v) { return v > 0; }))
    throw Error(ErrorKind::numerical, "no ring: all pixels between radii of " +
                                          std::to_string(fit.from) + " and " +
                                          std::to_string(fit.to) + " pixels are equal");

  // the model's start
  Model model;
  model.from = fit.from;
  model.to = fit.to;
  model.power = ring_start::power_between_ends(profile);
  model.terms = std::clamp(int(std::lround(4 * std::log(fit.to / fit.from))), 3, 6);
  model.tied = !options.lines.empty();
  std::vector<RingFit::Ring> rings;
  std::vector<double> radii;
  double width = 0;
  if (model.tied) {
    const double g = options.lines.front().g_invA;
    const bool about = std::isfinite(options.pixel_invA);
    const ring_start::LinesAt at = ring_start::best_pixel(
        profile, options.lines, model.terms, about ? 0.9 * options.pixel_invA : g / (0.97 * fit.to),
        about ? 1.1 * options.pixel_invA : g / fit.from);
    width = at.width;
    radii = {1 / at.pixel_invA};
    for (const PowderLine& line : options.lines) {
      const double R = line.g_invA / at.pixel_invA;
      if (R < fit.from - 3 * width || R > fit.to + 2 * width) continue;
      if (rings.empty() || R > rings.back().radius + nearest * width) {
        rings.emplace_back();
        model.rings.emplace_back();
      }
      RingFit::Ring& ring = rings.back();
      if (line.height > ring.line.height) {
        ring.line = line;
        ring.radius = R;
      }
      model.rings.back().push_back({line.g_invA, line.height});
    }
    for (std::size_t n = 0; n < rings.size(); ++n)
      for (Line& line : model.rings[n]) line.share /= rings[n].line.height;
  } else {
    for (const Vec2& maximum : ring_start::maxima(profile)) {
      radii.push_back(maximum[0]);
      width = std::max(width, maximum[1]);
      rings.emplace_back();
      model.rings.push_back({{1, 1}});
    }
    if (rings.empty())
      throw Error(ErrorKind::numerical, "no ring: the radial mean between " +
                                            std::to_string(fit.from) + " and " +
                                            std::to_string(fit.to) + " pixels has no maximum");
  }
  VectorXd x = VectorXd::Zero(model.size());
  x.head<2>() = geometry.centre;
  x.segment<2>(2) = geometry.stretch;
  x[4] = width * width;
  x[5] = 1e-4;
  x[6] = 0.3;
  for (std::size_t k = 0; k < radii.size(); ++k) x[model.radii_at() + int(k)] = radii[k];
  start_heights(model, profile, x);

  // the fit, with the scatter from the fit before
  const Eigen::Matrix2d M = geometry.calibration().matrix();
  std::vector<Pixel> pixels;
  std::vector<double> radius_of;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const Vec2 at(double(i % q_columns), double(i / q_columns));
    const double radius = (M * (at - geometry.centre)).norm();
    if (mask[i] == 0 || radius < fit.from || radius > fit.to) continue;
    pixels.push_back({at, pattern[i], 1});
    radius_of.push_back(radius);
  }
  VectorXd r(long(pixels.size()));
  const auto weigh = [&](const VectorXd& at) {
    for (Pixel& pixel : pixels) pixel.weight = 1;
    residuals(model, pixels, at.data(), r.data(), nullptr, nullptr);
    Scatter scatter(fit.from, fit.to);
    for (std::size_t i = 0; i < pixels.size(); ++i) scatter.add(radius_of[i], r[long(i)]);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i].weight = 1 / scatter.at(radius_of[i]);
  };
  const auto minimised = [&](const Model& with, VectorXd& at) {
    const Bounds bounds = bounds_of(with, at);
    return minimise(
               [&](const double* trial, double* r, double* J) {
                 residuals(with, pixels, trial, r, J, nullptr);
                 return true;
               },
               int(pixels.size()), at, bounds.lower, bounds.upper, 100, 1e-8)
        .converged;
  };
  bool converged = false;
  for (int round = 0; round < 3; ++round) {
    weigh(x);
    converged = minimised(model, x);
  }
  if (!converged)
    throw Error(ErrorKind::numerical, "the fit of " + std::to_string(rings.size()) +
                                          " rings does not converge; give the pixel size or the "
                                          "radii in use");

  // errors
  RowMatrix J(r.size(), model.size()), moved(r.size(), long(rings.size()));
  residuals(model, pixels, x.data(), r.data(), J.data(), moved.data());
  const int sectors = 72;
  std::vector<int> sector;
  for (const Pixel& pixel : pixels) {
    const Vec2 v = M * (pixel.at - x.head<2>());
    const double turn = std::atan2(v.y(), v.x()) / electron::pi;
    sector.push_back(std::min(int((turn - std::floor(turn)) * sectors), sectors - 1));
  }
  const double first_radius = model.rings.front().front().g * model.scale(x.data(), 0);
  const double full_width = 2.355 * std::sqrt(x[4] + x[5] * first_radius * first_radius);
  const int lags = std::min(
      int(std::ceil(1.5 * full_width / (electron::pi / sectors * first_radius))), sectors / 6);
  const MatrixXd inverse = inverse_of(J.transpose() * J);
  const MatrixXd covariance = sector_covariance(inverse, J, r, sector, sectors, lags);
  fit.statistical = errors_of(x, covariance, model);
  for (const int change : {-2, 2}) {
    Model other = model;
    other.terms += change;
    if (other.terms < 1) continue;
    VectorXd at = VectorXd::Zero(other.size());
    const auto common = std::min(x.size(), at.size());
    at.head(common) = x.head(common);
    minimised(other, at);
    const RingErrors d = difference(x, at, model);
    // root of the mean square of the two
    fit.model.centre += 0.5 * d.centre.cwiseAbs2();
    fit.model.ratio += 0.5 * d.ratio * d.ratio;
    fit.model.angle_deg += 0.5 * d.angle_deg * d.angle_deg;
    fit.model.pixel_invA += 0.5 * d.pixel_invA * d.pixel_invA;
  }
  fit.model = {fit.model.centre.cwiseSqrt(), std::sqrt(fit.model.ratio),
               std::sqrt(fit.model.angle_deg), std::sqrt(fit.model.pixel_invA)};

  Calibration& result = fit.calibration;
  result.origin = {x.head<2>()};
  ring_start::set_ellipse(Vec2(x[2], x[3]), result);
  const auto both = [](double a, double b) { return std::hypot(a, b); };
  result.origin_error = Vec2(both(fit.statistical.centre.x(), fit.model.centre.x()),
                             both(fit.statistical.centre.y(), fit.model.centre.y()));
  result.ellipse_ratio_error = both(fit.statistical.ratio, fit.model.ratio);
  result.ellipse_angle_error_deg = both(fit.statistical.angle_deg, fit.model.angle_deg);
  if (model.tied) {
    result.pixel_invA = 1 / x[model.radii_at()];
    result.pixel_error_invA = both(fit.statistical.pixel_invA, fit.model.pixel_invA);
  }

  double scattered = 0;
  int seen = 0;
  for (std::size_t n = 0; n < rings.size(); ++n) {
    RingFit::Ring& ring = rings[n];
    const double g = model.tied ? ring.line.g_invA : 1;
    const int k = model.radii_at() + (model.tied ? 0 : int(n)), h = model.heights_at() + int(n);
    ring.radius = g * x[k];
    ring.radius_error = g * std::sqrt(covariance(k, k));
    ring.width = std::sqrt(x[4] + x[5] * ring.radius * ring.radius);
    ring.height = x[h];
    ring.height_error = std::sqrt(covariance(h, h));
    if (!model.tied) continue;
    // one more unknown, a shift of this ring alone: one linear step
    RowMatrix with(J.rows(), J.cols() + 1);
    with << J, moved.col(long(n));
    const MatrixXd more = inverse_of(with.transpose() * with);
    ring.deviation = -(more * (with.transpose() * r))[J.cols()];
    ring.deviation_error =
        std::sqrt(sector_covariance(more, with, r, sector, sectors, lags)(J.cols(), J.cols()));
    if (ring.height > 3 * ring.height_error && ring.radius < fit.to) {
      scattered += std::pow(ring.deviation / ring.deviation_error, 2);
      ++seen;
    }
  }
  if (seen > 1) result.pixel_error_invA *= std::sqrt(std::max(1.0, scattered / (seen - 1)));
  fit.rings = std::move(rings);

  Calibration round = result;
  round.pixel_invA = Calibration::not_known;
  fit.profile =
      RadialMap(round, 0, {fit.from, 1, std::size_t(fit.to - fit.from)}, q_rows, q_columns, mask)
          .profile(pattern.data());
  for (std::size_t i = 0; i < fit.profile.bins.count; ++i) {
    double slope;
    const double radius = fit.profile.bins.centre(i);
    fit.model_mean.push_back(model.at(radius, x.data(), &slope, nullptr, nullptr));
    fit.background.push_back(model.at(radius, x.data(), &slope, nullptr, nullptr, false));
  }
  double squares = 0, mean = 0;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    squares += std::pow(r[long(i)] / pixels[i].weight, 2);
    mean += pixels[i].value;
  }
  const double count = double(pixels.size());
  fit.residual = std::sqrt(squares / count) / (mean / count);
  return fit;
}

}  // namespace pendel

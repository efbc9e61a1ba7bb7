#include "acom/orientation_fit.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Geometry>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/electron.hpp"
#include "core/least_squares.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int unknowns = 5;  // rotation about x, y, z [rad]; ln A; ln σ
/// The rocking curve of a specimen is that of the library to about this factor (its logarithm).
constexpr double width_prior = 0.3;
/// What is assumed of errors before the peaks of the pattern say more, with the weight of so many
/// peaks: an intensity's relative error, a position's over the tolerance.
constexpr double intensity_prior = 0.2, position_prior = 0.25, prior_peaks = 4;
constexpr double outlying = 3;  // standard deviations from where on a residual counts less and less
constexpr double farthest = 0.06;  // rad: a fit does not leave its start by more

/// A residual that outliers do not rule [Geman and McClure]: r/sqrt(1 + r²/c²), its derivative, and
/// the weight that an outlier is left with in the normal equations.
double bent(double r) { return r / std::sqrt(1 + r * r / (outlying * outlying)); }
double bent_derivative(double r) { return std::pow(1 + r * r / (outlying * outlying), -1.5); }
double weight(double r) { return std::pow(1 + r * r / (outlying * outlying), -2.0); }

Mat3 rotation(const Vec3& w) {
  const double angle = w.norm();
  return angle > 0 ? rotation_about(w, angle) : Mat3::Identity();
}

/// w = J x' of the small rotation w that follows rotation(x) when x changes by x'.
Mat3 left_jacobian(const Vec3& x) {
  const double angle = x.norm();
  if (angle < 1e-8) return Mat3::Identity();
  const Vec3 u = x / angle;
  Mat3 cross;
  cross << 0, -u.z(), u.y(), u.z(), 0, -u.x(), -u.y(), u.x(), 0;
  const double sine = std::sin(angle) / angle;
  return sine * Mat3::Identity() + (1 - std::cos(angle)) / angle * cross +
         (1 - sine) * u * u.transpose();
}

double median_absolute(std::vector<double> values) {
  const auto middle = values.begin() + std::ptrdiff_t(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end(),
                   [](double a, double b) { return std::abs(a) < std::abs(b); });
  return std::abs(*middle);
}

}  // namespace

OrientationFit::OrientationFit(const PhaseLibrary& library)
    : wavenumber_(1 / electron::wavelength(library.energy_keV)) {
  std::map<Hkl, double> strength;
  for (const Reflection& reflection :
       reflections(library.crystal, library.energy_keV, library.g_max)) {
    if (reflection.forbidden || reflection.hkl == Hkl{}) continue;
    strength[reflection.hkl] = std::log(std::norm(reflection.U_g));
    lines_.push_back({reflection.g, strength[reflection.hkl]});
  }
  // ln I − ln|U|² = constant − s²/2σ² in each template
  const Vec3 K(0, 0, wavenumber_);
  const std::size_t step = std::max<std::size_t>(1, library.templates.size() / 256);
  double xx = 0, xy = 0;
  faintest_ = 1;
  for (std::size_t t = 0; t < library.templates.size(); t += step) {
    const Template& made = library.templates[t];
    std::vector<Vec2> points;
    Vec2 mean = Vec2::Zero();
    float brightest = 0;
    for (std::size_t j = 0; j < made.q.size(); ++j)
      brightest = std::max(brightest, made.intensity[j]);
    for (std::size_t j = 0; j < made.q.size(); ++j) {
      const auto known = strength.find(made.hkl[j]);
      if (known == strength.end() || !(made.intensity[j] > 0)) continue;
      const Vec3 g = made.R_lab_crystal * library.crystal.cell.g(made.hkl[j]).v;
      const double s = exact_excitation_error(K, g, Vec3::UnitZ());
      reach_ = std::max(reach_, std::abs(s));
      faintest_ = std::min(faintest_, double(made.intensity[j] / brightest));
      points.emplace_back(0.5 * s * s, std::log(double(made.intensity[j])) - known->second);
      mean += points.back();
    }
    if (points.empty()) continue;
    mean /= double(points.size());
    for (const Vec2& point : points) {
      xx += std::pow(point.x() - mean.x(), 2);
      xy += (point.x() - mean.x()) * (point.y() - mean.y());
    }
  }
  sigma_ = xy < 0 ? std::sqrt(-xx / xy) : reach_ / 3;
}

std::vector<ModelSpot> OrientationFit::pattern(const Mat3& R_lab_crystal) const {
  std::vector<ModelSpot> result;
  const Vec3 K(0, 0, wavenumber_);
  double brightest = 0;
  for (const Line& line : lines_) {
    const Vec3 g = R_lab_crystal * line.g;
    if (std::abs(g.z() + 0.5 * g.squaredNorm() / wavenumber_) > 2 * reach_) continue;
    const double s = exact_excitation_error(K, g, Vec3::UnitZ());
    if (!(std::abs(s) <= reach_)) continue;
    const double intensity = std::exp(line.log_strength - 0.5 * std::pow(s / sigma_, 2));
    brightest = std::max(brightest, intensity);
    result.push_back({g.head<2>(), intensity});
  }
  result.erase(
      std::remove_if(result.begin(), result.end(),
                     [&](const ModelSpot& spot) { return spot.intensity < faintest_ * brightest; }),
      result.end());
  return result;
}

std::optional<FittedOrientation> OrientationFit::fit(const std::vector<PeakVector>& peaks,
                                                     const Mat3& start, double tolerance) const {
  const Vec3 K(0, 0, wavenumber_);
  // Reflections that may be bright anywhere near the start.
  std::vector<const Line*> near;
  for (const Line& line : lines_) {
    const Vec3 g = start * line.g;
    if (std::abs(g.z() + 0.5 * g.squaredNorm() / wavenumber_) < 5 * sigma_ + farthest * g.norm())
      near.push_back(&line);
  }
  double faintest = std::numeric_limits<double>::infinity();
  for (const PeakVector& peak : peaks) faintest = std::min(faintest, peak.intensity);
  const double log_faintest = std::log(faintest);

  Mat3 R = start;
  double log_A = 0, log_width = 0;
  double intensity_scale = 1, position_scale = 0.5 * tolerance;
  struct Pair {
    int peak;
    const Line* line;
    double position_error, intensity_error;
  };
  std::vector<Pair> pairs;
  std::vector<const Line*> absent;
  VectorXd residuals, weights;
  MatrixXd J;

  const auto log_intensity = [&](double s, double strength, double width) {
    return strength - 0.5 * std::pow(s / sigma_ * std::exp(-width), 2);
  };
  // Residuals before they are bent, with derivatives: position, intensity of each pair; spots that
  // should be seen; the width.
  const auto model = [&](const double* x, double* r, double* derivative) {
    const Vec3 w(x[0], x[1], x[2]);
    const Mat3 turned = rotation(w) * R, jacobian = left_jacobian(w).transpose();
    int row = 0;
    const auto put = [&](double value, const Vec3& by_small, double by_A, double by_width) {
      r[row] = value;
      if (derivative) {
        const Vec3 by_rotation = jacobian * by_small;
        double* d = derivative + row * unknowns;
        for (int k = 0; k < 3; ++k) d[k] = by_rotation[k];
        d[3] = by_A;
        d[4] = by_width;
      }
      ++row;
    };
    const auto intensity = [&](const Line& line, const Vec3& g, double& value, Vec3& by_rotation,
                               double& by_width) {
      const double s = exact_excitation_error(K, g, Vec3::UnitZ());
      const double narrow = std::exp(-2 * x[4]) / (sigma_ * sigma_);
      value = x[3] + line.log_strength - 0.5 * s * s * narrow;
      // |K + g + s z| stays: ds = −(K+g+sz)·(dw × g)/(K+g+sz)_z
      const Vec3 k = K + g + Vec3(0, 0, s);
      by_rotation = s * narrow * g.cross(k) / k.z();
      by_width = s * s * narrow;
    };
    for (const Pair& pair : pairs) {
      const PeakVector& peak = peaks[std::size_t(pair.peak)];
      const Vec3 g = turned * pair.line->g;
      const double per = 1 / pair.position_error;
      put((g.x() - peak.q.x()) * per, Vec3(0, g.z(), -g.y()) * per, 0, 0);
      put((g.y() - peak.q.y()) * per, Vec3(-g.z(), 0, g.x()) * per, 0, 0);
      double value, by_width;
      Vec3 by_rotation;
      intensity(*pair.line, g, value, by_rotation, by_width);
      const double scale = 1 / pair.intensity_error;
      put((value - std::log(peak.intensity)) * scale, by_rotation * scale, scale, by_width * scale);
    }
    for (const Line* line : absent) {
      double value, by_width;
      Vec3 by_rotation;
      intensity(*line, turned * line->g, value, by_rotation, by_width);
      const double scale = value > log_faintest ? 1 / intensity_scale : 0;
      put((value - log_faintest) * scale, by_rotation * scale, scale, by_width * scale);
    }
    put(x[4] / width_prior, Vec3::Zero(), 0, 1 / width_prior);
    return row;
  };

  for (int stage = 0; stage < 4; ++stage) {
    // Which peak is which reflection's: near it, and bright there.
    pairs.clear();
    absent.clear();
    std::vector<double> distance(peaks.size(), std::numeric_limits<double>::infinity());
    std::vector<const Line*> taken(peaks.size(), nullptr);
    std::vector<std::pair<const Line*, double>> expected;
    const double reach = std::pow(2.5 * tolerance, 2);
    for (const Line* line : near) {
      const Vec3 g = R * line->g;
      const double s = exact_excitation_error(K, g, Vec3::UnitZ());
      if (std::isnan(s)) continue;
      const double value = log_intensity(s, line->log_strength, log_width);
      bool close = false;
      for (std::size_t i = 0; i < peaks.size(); ++i) {
        const double d = (peaks[i].q - g.head<2>()).squaredNorm();
        if (d > reach) continue;
        close = true;
        const double cost = d / (tolerance * tolerance) - value;
        if (cost < distance[i]) {
          distance[i] = cost;
          taken[i] = line;
        }
      }
      if (!close) expected.emplace_back(line, value);
    }
    std::vector<double> offsets;
    for (std::size_t i = 0; i < peaks.size(); ++i)
      if (taken[i]) {
        const double s = exact_excitation_error(K, R * taken[i]->g, Vec3::UnitZ());
        offsets.push_back(std::log(peaks[i].intensity) -
                          log_intensity(s, taken[i]->log_strength, log_width));
        pairs.push_back({int(i), taken[i], 0, 0});
      }
    if (pairs.size() < 3) return std::nullopt;
    if (stage == 0) {
      std::nth_element(offsets.begin(), offsets.begin() + std::ptrdiff_t(offsets.size() / 2),
                       offsets.end());
      log_A = offsets[offsets.size() / 2];
    }
    for (const auto& [line, value] : expected)
      if (value + log_A > log_faintest) absent.push_back(line);
    for (Pair& pair : pairs) {
      const PeakVector& peak = peaks[std::size_t(pair.peak)];
      const double known = std::sqrt(0.5 * peak.covariance.trace());
      pair.position_error = std::max(position_scale, std::isfinite(known) ? known : 0.0);
      // peaks as faint as the faintest found are five times their error, about
      pair.intensity_error = std::hypot(intensity_scale, 0.2 * faintest / peak.intensity);
    }

    const int rows = int(3 * pairs.size() + absent.size()) + 1;
    const Residuals function = [&](const double* x, double* r, double* derivative) {
      model(x, r, derivative);
      for (int i = 0; i < rows - 1; ++i) {
        if (derivative)
          for (int k = 0; k < unknowns; ++k) derivative[i * unknowns + k] *= bent_derivative(r[i]);
        r[i] = bent(r[i]);
      }
      return true;
    };
    VectorXd x(unknowns), lower(unknowns), upper(unknowns);
    x << 0, 0, 0, log_A, log_width;
    lower << -farthest, -farthest, -farthest, log_A - 20, -1;
    upper << farthest, farthest, farthest, log_A + 20, 1;
    minimise(function, rows, x, lower, upper, 20, 1e-5);

    residuals.resize(rows);
    std::vector<double> row_major(std::size_t(rows) * unknowns);
    model(x.data(), residuals.data(), row_major.data());
    J = Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
        row_major.data(), rows, unknowns);
    R = rotation(x.head<3>()) * R;
    log_A = x[3];
    log_width = x[4];

    // How far the peaks scatter, as they say and as was assumed.
    std::vector<double> positions, intensities;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      for (int k = 0; k < 2; ++k)
        positions.push_back(residuals[int(3 * i) + k] * pairs[i].position_error);
      intensities.push_back(residuals[int(3 * i) + 2] * intensity_scale);
    }
    const double n = double(pairs.size());
    const auto scatter = [&](const std::vector<double>& values, double fitted, double prior) {
      const double free = std::max(1.0, double(values.size()) - fitted);
      const double square =
          std::pow(1.4826 * median_absolute(values), 2) * double(values.size()) / free;
      return std::sqrt((prior_peaks * prior * prior + n * square) / (prior_peaks + n));
    };
    position_scale = scatter(positions, 1, position_prior * tolerance);
    intensity_scale = scatter(intensities, 3, intensity_prior);
  }

  weights = residuals.unaryExpr([](double r) { return weight(r); });
  weights[weights.size() - 1] = 1;
  const MatrixXd normal = J.transpose() * weights.asDiagonal() * J;
  const MatrixXd covariance = normal.ldlt().solve(MatrixXd::Identity(unknowns, unknowns));
  FittedOrientation result{R, covariance.topLeftCorner<3, 3>(), {}};
  for (const Pair& pair : pairs) result.pairs.emplace_back(pair.peak, (R * pair.line->g).head<2>());
  return result;
}

}  // namespace pendel

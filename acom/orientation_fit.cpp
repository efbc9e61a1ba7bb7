#include "acom/orientation_fit.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Geometry>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/electron.hpp"
#include "core/least_squares.hpp"
#include "core/median.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

using Eigen::VectorXd;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double telling = 0.01;  // of the brightest: fainter dynamical spots are of other beams
constexpr int unknowns = 5;       // rotation about x, y, z [rad]; ln A; ln σ
/// The rocking curve of a specimen is that of the library to about this factor (its logarithm).
constexpr double width_prior = 0.3;
/// What is assumed of errors before the peaks of the pattern say more, with the weight of so many
/// peaks: an intensity's relative error, a position's over the tolerance.
constexpr double intensity_prior = 0.2, position_prior = 0.25, prior_peaks = 4;
constexpr double outlying = 3;  // standard deviations from where on a residual counts less and less
constexpr int stages = 4;       // of assignment, fit and scatter
/// −2 ln likelihood of a peak that is no reflection's (anywhere in the pattern, against within its
/// error of a spot) and of a spot that should be seen and is not (one in ten).
constexpr double lone_peak = 18, lone_spot = 4.6;
constexpr double likely = 6;       // −2 ln of a likelihood ratio of twenty
constexpr double farthest = 0.06;  // rad: a fit does not leave its start by more

/// A residual that outliers do not rule: r/sqrt(1 + r²/c²) [Geman1987].
struct Bent {
  double value, derivative, weight;  ///< what is left of an outlier in the normal equations
  explicit Bent(double r) {
    const double factor = 1 / (1 + r * r / (outlying * outlying)), root = std::sqrt(factor);
    value = r * root;
    derivative = factor * root;
    weight = factor * factor;
  }
};

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
    // over the thicknesses, if the library has any
    std::vector<float> intensity(made.q.size());
    for (std::size_t j = 0; j < made.intensity.size(); ++j)
      intensity[j % made.q.size()] += made.intensity[j];
    float brightest = 0;
    for (const float I : intensity) brightest = std::max(brightest, I);
    for (std::size_t j = 0; j < made.q.size(); ++j) {
      const auto known = strength.find(made.hkl[j]);
      if (known == strength.end() || !(intensity[j] > 0)) continue;
      const Vec3 g = made.R_lab_crystal * library.crystal.cell.g(made.hkl[j]).v;
      const double s = exact_excitation_error(K, g, Vec3::UnitZ());
      reach_ = std::max(reach_, std::abs(s));
      faintest_ = std::min(faintest_, double(intensity[j] / brightest));
      if (intensity[j] < telling * brightest) continue;
      points.emplace_back(0.5 * s * s, std::log(double(intensity[j])) - known->second);
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

std::vector<Vec2> OrientationFit::possible(const Mat3& R_lab_crystal) const {
  std::vector<Vec2> result;
  for (const Line& line : lines_) {
    const Vec3 g = R_lab_crystal * line.g;
    if (std::abs(excitation_error(g)) <= 2 * reach_) result.emplace_back(g.head<2>());
  }
  return result;
}

/// One fit: peaks, the reflections that are theirs, and where it has come to.
class OrientationFit::Fit {
 public:
  Fit(const OrientationFit& model, const std::vector<PeakVector>& peaks, double tolerance)
      : model_(model), peaks_(peaks), tolerance_(tolerance) {
    double faintest = std::numeric_limits<double>::infinity();
    for (const PeakVector& peak : peaks) faintest = std::min(faintest, peak.intensity);
    log_faintest_ = std::log(faintest);
    for (const PeakVector& peak : peaks) log_intensity_.push_back(std::log(peak.intensity));
  }

  FittedOrientation at;

  /// Reflections that may be bright within `angle` of where it is.
  void gather(double angle) {
    near_.clear();
    for (const Line& line : model_.lines_) {
      const Vec3 g = at.R_lab_crystal * line.g;
      if (std::abs(g.z() + 0.5 * g.squaredNorm() / model_.wavenumber_) <
          5 * model_.sigma_ + angle * g.norm())
        near_.push_back(&line);
    }
  }

  /// Which peak is which reflection's (it is near it, and would be bright), and which bright
  /// reflections have none. False if there are too few.
  bool assign(bool first) {
    std::vector<double> cost(peaks_.size(), std::numeric_limits<double>::infinity());
    std::vector<const Line*> taken(peaks_.size(), nullptr);
    std::vector<std::pair<const Line*, double>> lone;
    const double reach = std::pow(2.5 * tolerance_, 2);
    for (const Line* line : near_) {
      const Vec3 g = at.R_lab_crystal * line->g;
      const double value = log_bright(*line, g);
      bool close = false;
      for (std::size_t i = 0; i < peaks_.size(); ++i) {
        const double d = (peaks_[i].q - g.head<2>()).squaredNorm();
        if (d > reach) continue;
        close = true;
        const double now = d / (tolerance_ * tolerance_) - value;
        if (!(now < cost[i])) continue;
        cost[i] = now;
        taken[i] = line;
      }
      if (!close) lone.emplace_back(line, value);
    }
    pairs_.clear();
    absent_.clear();
    std::vector<double> offsets;
    for (std::size_t i = 0; i < peaks_.size(); ++i) {
      if (!taken[i]) continue;
      pairs_.push_back({i, taken[i], 0, 0});
      offsets.push_back(log_intensity_[i] - log_bright(*taken[i], at.R_lab_crystal * taken[i]->g));
    }
    if (pairs_.size() < 3) return false;
    if (first) at.log_A = median(std::move(offsets));
    for (const auto& [line, value] : lone)
      if (value + at.log_A > log_faintest_) absent_.push_back(line);
    for (Pair& pair : pairs_) {
      const PeakVector& peak = peaks_[pair.peak];
      const double known = std::sqrt(0.5 * peak.covariance.trace());
      pair.position_error = std::max(at.position_error, std::isfinite(known) ? known : 0.0);
      // peaks as faint as the faintest found are five times their error, about
      pair.intensity_error =
          std::hypot(at.intensity_error, 0.2 * std::exp(log_faintest_ - log_intensity_[pair.peak]));
    }
    return true;
  }

  int rows() const { return int(3 * pairs_.size() + absent_.size()) + 1; }

  /// Residuals and derivatives (unless null) at a rotation x[0..2] from here, ln A and ln width
  /// x[3], x[4]: position and intensity of each pair, spots that should be seen, the width.
  void residuals(const double* x, double* r, double* derivatives) const {
    const Vec3 w(x[0], x[1], x[2]);
    const Mat3 turned = rotation(w) * at.R_lab_crystal, jacobian = left_jacobian(w).transpose();
    const double narrow = std::exp(-2 * x[4]) / (model_.sigma_ * model_.sigma_);
    const auto put = [&](double value, const Vec3& by_rotation, double by_A, double by_width) {
      *r++ = value;
      if (!derivatives) return;
      Vec3::Map(derivatives) = jacobian * by_rotation;
      derivatives[3] = by_A;
      derivatives[4] = by_width;
      derivatives += unknowns;
    };
    const auto put_intensity = [&](const Line& line, const Vec3& g, double observed, double scale) {
      // |K + g + s z| stays: ds = −(K+g+sz)·(dw × g)/(K+g+sz)_z
      const double s = model_.excitation_error(g);
      const Vec3 k = g + Vec3(0, 0, model_.wavenumber_ + s);
      const double value = x[3] + line.log_strength - 0.5 * s * s * narrow - observed;
      put(value * scale, s * narrow * scale / k.z() * g.cross(k), scale, s * s * narrow * scale);
      return value;
    };
    for (const Pair& pair : pairs_) {
      const Vec2& q = peaks_[pair.peak].q;
      const Vec3 g = turned * pair.line->g;
      const double per = 1 / pair.position_error;
      put((g.x() - q.x()) * per, Vec3(0, g.z(), -g.y()) * per, 0, 0);
      put((g.y() - q.y()) * per, Vec3(-g.z(), 0, g.x()) * per, 0, 0);
      put_intensity(*pair.line, g, log_intensity_[pair.peak], 1 / pair.intensity_error);
    }
    for (const Line* line : absent_) {
      const Vec3 g = turned * line->g;
      const double s = model_.excitation_error(g);
      const bool seen = x[3] + line->log_strength - 0.5 * s * s * narrow > log_faintest_;
      put_intensity(*line, g, log_faintest_, seen ? 1 / at.intensity_error : 0);
    }
    put(x[4] / width_prior, Vec3::Zero(), 0, 1 / width_prior);
  }

  /// To the least sum of bent squares with these pairs.
  void solve() {
    const int count = rows();
    const Residuals function = [&](const double* x, double* r, double* derivatives) {
      residuals(x, r, derivatives);
      for (int i = 0; i < count - 1; ++i) {
        const Bent bent(r[i]);
        r[i] = bent.value;
        if (derivatives)
          for (int k = 0; k < unknowns; ++k) derivatives[i * unknowns + k] *= bent.derivative;
      }
      return true;
    };
    VectorXd x(unknowns), lower(unknowns), upper(unknowns);
    x << 0, 0, 0, at.log_A, at.log_width;
    lower << -farthest, -farthest, -farthest, at.log_A - 20, -1;
    upper << farthest, farthest, farthest, at.log_A + 20, 1;
    minimise(function, count, x, lower, upper, 20, 1e-5);
    at.R_lab_crystal = rotation(x.head<3>()) * at.R_lab_crystal;
    at.log_A = x[3];
    at.log_width = x[4];
  }

  /// Residuals here, before they are bent.
  VectorXd here(RowMatrix* derivatives = nullptr) const {
    const double x[unknowns] = {0, 0, 0, at.log_A, at.log_width};
    VectorXd r(rows());
    if (derivatives) derivatives->resize(rows(), unknowns);
    residuals(x, r.data(), derivatives ? derivatives->data() : nullptr);
    return r;
  }

  /// Errors of the peaks, as they scatter and as was assumed.
  void rescale() {
    const VectorXd r = here();
    std::vector<double> positions, intensities;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      for (int k = 0; k < 2; ++k)
        positions.push_back(std::abs(r[int(3 * i) + k]) * pairs_[i].position_error);
      intensities.push_back(std::abs(r[int(3 * i) + 2]) * at.intensity_error);
    }
    const double n = double(pairs_.size());
    const auto scatter = [&](const std::vector<double>& values, double fitted, double prior) {
      const double count = double(values.size()), free = std::max(1.0, count - fitted);
      const double square = std::pow(1.4826 * median(values), 2) * count / free;
      return std::sqrt((prior_peaks * prior * prior + n * square) / (prior_peaks + n));
    };
    at.position_error = scatter(positions, 1, position_prior * tolerance_);
    at.intensity_error = scatter(intensities, 3, intensity_prior);
  }

  Mat3 covariance() const {
    RowMatrix J;
    VectorXd weights = here(&J);
    const Eigen::Index last = weights.size() - 1;
    for (Eigen::Index i = 0; i < last; ++i) weights[i] = Bent(weights[i]).weight;
    weights[last] = 1;
    const Eigen::Matrix<double, unknowns, unknowns> normal =
        J.transpose() * weights.asDiagonal() * J;
    return normal.ldlt()
        .solve(Eigen::Matrix<double, unknowns, unknowns>::Identity())
        .topLeftCorner<3, 3>();
  }

  Misfit misfit() const {
    const VectorXd r = here();
    Misfit result;
    result.of_peak.assign(peaks_.size(), lone_peak);
    int row = 0;
    for (std::size_t i = 0; i < pairs_.size(); ++i, row += 3)
      result.of_peak[pairs_[i].peak] = std::min(lone_peak, std::pow(Bent(r[row]).value, 2) +
                                                               std::pow(Bent(r[row + 1]).value, 2) +
                                                               std::pow(Bent(r[row + 2]).value, 2));
    for (; row < r.size() - 1; ++row) {
      const double square = r[row] * r[row], part = square / (1 + square / lone_spot);
      result.total += part;
      result.squares_of_absent += part * part;
    }
    result.total += r[row] * r[row];
    for (const double part : result.of_peak) result.total += part;
    return result;
  }

 private:
  struct Pair {
    std::size_t peak;
    const Line* line;
    double position_error, intensity_error;
  };

  double log_bright(const Line& line, const Vec3& g) const {
    const double s = model_.excitation_error(g);
    return line.log_strength - 0.5 * std::pow(s / model_.sigma_ * std::exp(-at.log_width), 2);
  }

  const OrientationFit& model_;
  const std::vector<PeakVector>& peaks_;
  double tolerance_, log_faintest_ = 0;
  std::vector<double> log_intensity_;
  std::vector<const Line*> near_, absent_;
  std::vector<Pair> pairs_;
};

double OrientationFit::excitation_error(const Vec3& g) const {
  return exact_excitation_error(Vec3(0, 0, wavenumber_), g, Vec3::UnitZ());
}

std::optional<FittedOrientation> OrientationFit::fit(const std::vector<PeakVector>& peaks,
                                                     const Mat3& start, double tolerance) const {
  Fit fit(*this, peaks, tolerance);
  fit.at.R_lab_crystal = start;
  fit.at.intensity_error = 1;  // a template's step away they are wrong by such a factor
  fit.at.position_error = 0.5 * tolerance;
  fit.gather(farthest);
  for (int stage = 0; stage < stages; ++stage) {
    if (!fit.assign(stage == 0)) return std::nullopt;
    const double before = fit.at.intensity_error;
    fit.solve();
    fit.rescale();
    if (std::abs(fit.at.intensity_error - before) < 0.05 * before) break;  // and so little moves
  }
  fit.at.covariance = fit.covariance();
  return fit.at;
}

bool fits_worse(const Misfit& one, const Misfit& than) {
  if (one.of_peak.empty() || than.of_peak.empty()) return one.total > than.total;
  const double n = double(one.of_peak.size());
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < one.of_peak.size(); ++i) {
    const double difference = one.of_peak[i] - than.of_peak[i];
    sum += difference;
    squares += difference * difference;
  }
  const double scatter = std::max(0.0, squares - sum * sum / n) * n / std::max(1.0, n - 1) +
                         one.squares_of_absent + than.squares_of_absent;
  return one.total - than.total > std::max(likely, 2 * std::sqrt(scatter));
}

Misfit OrientationFit::misfit(const std::vector<PeakVector>& peaks, FittedOrientation fitted,
                              double position_error, double intensity_error,
                              double tolerance) const {
  Fit fit(*this, peaks, tolerance);
  fitted.position_error = position_error;
  fitted.intensity_error = intensity_error;
  fit.at = fitted;
  fit.gather(0);
  if (fit.assign(false)) return fit.misfit();
  return {lone_peak * double(peaks.size()), std::vector<double>(peaks.size(), lone_peak), 0};
}

}  // namespace pendel

#include "scan/lattice_prior.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/median.hpp"

namespace pendel {

namespace {

using Eigen::Matrix2d;
using Design = Eigen::Matrix<double, 2, 6>;

constexpr double farthest = 5;  // deviations of a peak from its lattice

/// A peak, its lattice point and how far it is from it.
struct OnLattice {
  std::size_t peak;
  Design design;
  Vec2 residual;
  Matrix2d error;  // covariance of the peak alone
};

std::vector<OnLattice> on_lattice(const std::vector<PeakVector>& vectors,
                                  const std::vector<Matrix2d>& errors, const LatticeFit& fit,
                                  double reach, double most_deviations) {
  const Matrix2d inverse = fit.basis.inverse();
  std::vector<OnLattice> result;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    OnLattice peak;
    const Vec2 hk = (inverse * (vectors[i].q - fit.origin)).array().round();
    peak.peak = i;
    peak.design << Matrix2d::Identity(), hk.x() * Matrix2d::Identity(),
        hk.y() * Matrix2d::Identity();
    peak.residual = vectors[i].q - fit.origin - fit.basis * hk;
    peak.error = errors[i];
    const double deviations =
        std::sqrt(peak.residual.dot(vectors[i].covariance.inverse() * peak.residual));
    if (peak.residual.norm() < reach && deviations < most_deviations) result.push_back(peak);
  }
  return result;
}

/// The scatter's variance that makes the residuals as large as they should be, peaks weighed as by
/// maximum likelihood, each no more than as at most_squares: a wrong disk counts little. 0 if they
/// are smaller without any. `before`: that of the lattice's fit, of `covariance`: the fit follows
/// the peaks it trusts, whose residuals are smaller for it.
double scatter_variance(const std::vector<OnLattice>& peaks,
                        const Eigen::Matrix<double, 6, 6>& covariance, double before) {
  constexpr double most_squares = 6;
  // mean of min(χ², most_squares), two degrees of freedom
  const double expected = 2 * (1 - std::exp(-0.5 * most_squares));
  std::vector<double> freedom;  // part of a residual's variance that is left
  for (const OnLattice& peak : peaks) {
    const double fitted = (peak.design * covariance * peak.design.transpose()).trace();
    freedom.push_back(1 - fitted / (peak.error.trace() + 2 * before));
  }
  const auto excess = [&](double variance) {
    double sum = 0;
    for (std::size_t i = 0; i < peaks.size(); ++i) {
      if (freedom[i] < 0.1) continue;
      const double s = 0.5 * peaks[i].error.trace() + variance;
      const double squares = peaks[i].residual.squaredNorm() / (s * freedom[i]);
      sum += (std::min(squares, most_squares) - expected) * freedom[i] / s;
    }
    return sum;
  };
  if (excess(0) <= 0) return 0;
  double low = 0, high = 0;
  for (const OnLattice& peak : peaks) high = std::max(high, peak.residual.squaredNorm());
  high /= expected;
  while (high - low > 1e-6 * high) {
    const double middle = 0.5 * (low + high);
    (excess(middle) > 0 ? low : high) = middle;
  }
  return high;
}

}  // namespace

std::optional<LatticePrior> join_lattice(std::vector<BraggPeak>& peaks, double least_part,
                                         const LatticeFitOptions& options) {
  std::vector<PeakVector> vectors;
  std::vector<Matrix2d> errors;
  if (peaks.empty()) return std::nullopt;
  // any disk may be the origin; the strongest is the best known
  const Vec2 origin =
      std::max_element(peaks.begin(), peaks.end(), [](const auto& a, const auto& b) {
        return a.intensity < b.intensity;
      })->position;
  for (const BraggPeak& peak : peaks) {
    if (!peak.error.allFinite()) return std::nullopt;
    errors.push_back(Vec2(peak.error.cwiseAbs2()).asDiagonal());
    vectors.push_back({peak.position - origin, peak.intensity, errors.back()});
  }
  const auto start = find_basis({vectors});
  if (!start) return std::nullopt;
  LatticePrior prior;
  LatticeFit fit;
  fit.basis = *start;
  std::vector<OnLattice> on;
  // The scatter is a part of the weights by which it is found. First it is as large as a typical
  // error: the few best peaks alone, which would otherwise make the lattice, do not show it.
  std::vector<double> variances;
  for (const Matrix2d& error : errors) variances.push_back(0.5 * error.trace());
  double variance = median(std::move(variances));
  constexpr int passes = 6;
  for (int pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < vectors.size(); ++i)
      vectors[i].covariance = errors[i] + variance * Matrix2d::Identity();
    const auto found = fit_lattice(vectors, fit.basis, options);
    if (!found) return std::nullopt;
    fit = *found;
    // deviations tell nothing before the scatter is known
    const bool last = pass + 1 == passes;
    const double reach = options.reach * std::min(fit.basis.col(0).norm(), fit.basis.col(1).norm());
    on = on_lattice(vectors, errors, fit, reach,
                    last ? farthest : std::numeric_limits<double>::infinity());
    prior.joined = on.size();
    prior.scatter = std::sqrt(variance);
    if (double(on.size()) < least_part * double(peaks.size()) ||
        int(on.size()) < options.least_peaks)
      return std::nullopt;
    if (!last) variance = scatter_variance(on, fit.covariance, variance);
  }
  const Matrix2d scatter = prior.scatter * prior.scatter * Matrix2d::Identity();
  for (const OnLattice& peak : on) {
    // of the measured deviation from the lattice, the part that is the disk's own
    const Matrix2d own = scatter * (scatter + peak.error).inverse();
    const Matrix2d rest = Matrix2d::Identity() - own;
    const Matrix2d of_lattice = peak.design * fit.covariance * peak.design.transpose();
    const Matrix2d covariance = rest * scatter + rest * of_lattice * rest.transpose();
    peaks[peak.peak].position -= rest * peak.residual;
    peaks[peak.peak].error = covariance.diagonal().cwiseSqrt();
  }
  return prior;
}

}  // namespace pendel

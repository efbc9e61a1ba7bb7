#include "fit/start_search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/clones.hpp"
#include "core/parallel.hpp"

namespace pendel {

namespace {
// How well a table's nearest sample describes a disk: softens the weights of strong disks.
constexpr double relative_error = 0.2;
constexpr double floor_of_mean = 0.02;
constexpr double prior_reach = 3;  // standard deviations

constexpr int lanes = 16;    // samples compared together
constexpr int together = 4;  // positions
typedef float Lanes __attribute__((vector_size(lanes * sizeof(float)), aligned(alignof(float))));

/// What a position brings to its misfits: sums over its disks, and the bounds of scale and
/// background; in units in which the dose is 1.
struct PositionSums {
  float w, wd, wdd, scale_lower, scale_upper, background_lower, background_upper;
};

/// x within its bounds; in place, since vectors of this size are returned differently by every
/// processor.
inline __attribute__((always_inline)) void bound(Lanes& x, float lower, float upper) {
  x = x < lower ? Lanes{} + lower : x;
  x = x > upper ? Lanes{} + upper : x;
}

/// fit_scale for every sample and for `together` positions. table: (block, disk, lane); weights:
/// (disk, position) w, then w d; misfits: (position, block, lane).
PENDEL_CLONES void misfits_of(const float* table, int blocks, int disks, const float* weights,
                              const PositionSums* positions, float* misfits) {
  for (int b = 0; b < blocks; ++b, table += disks * lanes) {
    Lanes wI[together] = {}, wII[together] = {}, wId[together] = {};
    const float* w = weights;
    for (int i = 0; i < disks; ++i, w += 2 * together) {
      const Lanes I = *reinterpret_cast<const Lanes*>(table + i * lanes), II = I * I;
      for (int p = 0; p < together; ++p) {
        wI[p] += w[p] * I;
        wII[p] += w[p] * II;
        wId[p] += w[together + p] * I;
      }
    }
    for (int p = 0; p < together; ++p) {
      const PositionSums& s = positions[p];
      const Lanes determinant = s.w * wII[p] - wI[p] * wI[p];
      Lanes background =
          determinant > 0.0f ? (wII[p] * s.wd - wI[p] * wId[p]) / determinant : Lanes{};
      bound(background, s.background_lower, s.background_upper);
      Lanes scale = wII[p] > 0.0f ? (wId[p] - background * wI[p]) / wII[p] : Lanes{} + 1;
      bound(scale, s.scale_lower, s.scale_upper);
      background = (s.wd - scale * wI[p]) / s.w;
      bound(background, s.background_lower, s.background_upper);
      *reinterpret_cast<Lanes*>(misfits + (long(p) * blocks + b) * lanes) =
          s.wdd + scale * (scale * wII[p] - 2 * wId[p] + 2 * background * wI[p]) +
          background * (background * s.w - 2 * s.wd);
    }
  }
}
}  // namespace

StartTable::StartTable(const DiskModel& model, int samples) : parameters_(model.parameters()) {
  const int n = int(parameters_.size());
  std::vector<int> varied;
  for (int k = 0; k < n; ++k)
    if (!parameters_[k].linear) varied.push_back(k);
  std::vector<double> lower, upper;  // a prior leaves little beyond a few sigmas
  for (const Parameter& p : parameters_) {
    lower.push_back(std::clamp(p.prior_mean - prior_reach * p.prior_sigma, p.lower, p.upper));
    upper.push_back(std::clamp(p.prior_mean + prior_reach * p.prior_sigma, p.lower, p.upper));
  }
  points_.resize(n, samples);
  disks_ = model.disks();
  const int blocks = (samples + lanes - 1) / lanes;
  intensities_.assign(std::size_t(blocks) * std::size_t(disks_) * lanes, 0.0f);
  for (int k = 0; k < n; ++k)
    points_.row(k).setConstant(
        std::clamp(parameters_[k].nominal, parameters_[k].lower, parameters_[k].upper));
  // R-sequence in n dimensions: multiples of 1/φ, 1/φ², ... with φ^(n+1) = φ + 1.
  double phi = 2;
  for (int i = 0; i < 50; ++i) phi = std::pow(1 + phi, 1.0 / (double(varied.size()) + 1));
  for (int s = 0; s < samples; ++s)
    for (std::size_t j = 0; j < varied.size(); ++j) {
      const int k = varied[j];
      const double x = std::fmod(0.5 + (s + 1) * std::pow(phi, -(double(j) + 1)), 1.0);
      points_(k, s) = lower[std::size_t(k)] + x * (upper[std::size_t(k)] - lower[std::size_t(k)]);
    }
  parallel_for(samples, [&](long s, int) {
    Eigen::VectorXd intensity;
    model.evaluate(points_.col(s).data(), intensity, nullptr);
    float* to = &intensities_[std::size_t(s / lanes) * std::size_t(disks_) * lanes + s % lanes];
    for (int i = 0; i < disks_; ++i) to[i * lanes] = float(intensity[i]);
  });
}

std::vector<std::vector<Eigen::VectorXd>> StartTable::best(const DiskData* data, int positions,
                                                           const Nuisance& nuisance, int count,
                                                           double distance) const {
  const int blocks = (int(points_.cols()) + lanes - 1) / lanes;
  std::vector<float> weights(std::size_t(disks_) * 2 * together);
  std::vector<float> misfits(std::size_t(blocks) * together * lanes);
  std::vector<std::vector<Eigen::VectorXd>> starts(positions);
  for (int first = 0; first < positions; first += together) {
    const int here = std::min(together, positions - first);
    std::fill(weights.begin(), weights.end(), 0.0f);
    PositionSums sums[together] = {};
    for (int p = 0; p < here; ++p) {
      const DiskData& position = data[first + p];
      const double per_dose = 1 / position.dose;
      double mean = 0, sum_w = 0, sum_wd = 0, sum_wdd = 0;
      int used = 0;
      for (int i = 0; i < disks_; ++i)
        if (std::isfinite(position.intensity[i])) {
          mean += std::abs(position.intensity[i]);
          ++used;
        }
      mean /= std::max(used, 1);
      for (int i = 0; i < disks_; ++i) {
        double d = position.intensity[i];
        if (!std::isfinite(d)) continue;
        double w = 1 / (measured_variance(position, i) + std::pow(relative_error * d, 2) +
                        std::pow(floor_of_mean * mean, 2));
        d *= per_dose;
        w *= position.dose * position.dose;
        sum_w += w;
        sum_wd += w * d;
        sum_wdd += w * d * d;
        weights[std::size_t(i) * 2 * together + p] = float(w);
        weights[std::size_t(i) * 2 * together + together + p] = float(w * d);
      }
      sums[p] = {float(sum_w),
                 float(sum_wd),
                 float(sum_wdd),
                 float(nuisance.scale_lower),
                 float(nuisance.scale_upper),
                 float(nuisance.background_lower * per_dose),
                 float(nuisance.background_upper * per_dose)};
    }
    misfits_of(intensities_.data(), blocks, disks_, weights.data(), sums, misfits.data());
    for (int p = 0; p < here; ++p)
      starts[first + p] =
          distinct(misfits.data() + std::size_t(p) * blocks * lanes, count, distance);
  }
  return starts;
}

std::vector<Eigen::VectorXd> StartTable::distinct(const float* misfit, int count,
                                                  double distance) const {
  const int samples = int(points_.cols());
  std::vector<int> order(samples);
  std::iota(order.begin(), order.end(), 0);
  const auto less = [&](int a, int b) {
    return misfit[a] < misfit[b] || (misfit[a] == misfit[b] && a < b);
  };
  std::vector<Eigen::VectorXd> starts;
  int sorted = 0;
  for (int i = 0; i < samples && int(starts.size()) < count; ++i) {
    if (i == sorted) {  // few of the best are ever looked at
      sorted = std::min(samples, std::max(4 * count, 4 * sorted));
      std::nth_element(order.begin() + i, order.begin() + sorted - 1, order.end(), less);
      std::sort(order.begin() + i, order.begin() + sorted, less);
    }
    const Eigen::VectorXd point = points_.col(order[i]);
    const bool near = std::any_of(starts.begin(), starts.end(), [&](const Eigen::VectorXd& other) {
      for (std::size_t k = 0; k < parameters_.size(); ++k)
        if (std::abs(point[k] - other[k]) >
            distance * (parameters_[k].upper - parameters_[k].lower))
          return false;
      return true;
    });
    if (!near) starts.push_back(point);
  }
  return starts;
}

}  // namespace pendel

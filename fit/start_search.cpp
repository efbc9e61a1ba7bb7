#include "fit/start_search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/parallel.hpp"

namespace pendel {

namespace {
// How well a table's nearest sample describes a disk: softens the weights of strong disks.
constexpr double relative_error = 0.2;
constexpr double floor_of_mean = 0.02;
}  // namespace

StartTable::StartTable(const DiskModel& model, int samples) : parameters_(model.parameters()) {
  const int n = int(parameters_.size());
  points_.resize(n, samples);
  intensities_.resize(model.disks(), samples);
  // R-sequence: multiples of 1/φ, 1/φ², ... with φ^(n+1) = φ + 1.
  double phi = 2;
  for (int i = 0; i < 50; ++i) phi = std::pow(1 + phi, 1.0 / (n + 1));
  for (int s = 0; s < samples; ++s)
    for (int k = 0; k < n; ++k) {
      const double x = std::fmod(0.5 + (s + 1) * std::pow(phi, -(k + 1)), 1.0);
      points_(k, s) = parameters_[k].lower + x * (parameters_[k].upper - parameters_[k].lower);
    }
  parallel_for(samples, [&](long s, int) {
    Eigen::VectorXd intensity;
    model.evaluate(points_.col(s).data(), intensity, nullptr);
    intensities_.col(s) = intensity;
  });
  squares_ = intensities_.cwiseAbs2();
}

std::vector<Eigen::VectorXd> StartTable::best(const DiskData& data, const Nuisance& nuisance,
                                              int count, double distance) const {
  const int disks = int(data.intensity.size());
  double mean = 0;
  int used = 0;
  for (int i = 0; i < disks; ++i)
    if (std::isfinite(data.intensity[i])) {
      mean += std::abs(data.intensity[i]);
      ++used;
    }
  mean /= std::max(used, 1);
  Eigen::VectorXd weights(disks);
  for (int i = 0; i < disks; ++i) {
    const double d = data.intensity[i];
    if (!std::isfinite(d)) {
      weights[i] = 0;
      continue;
    }
    weights[i] = 1 / (measured_variance(data, i) + std::pow(relative_error * d, 2) +
                      std::pow(floor_of_mean * mean, 2));
  }
  // The weighted sums that scale and background follow from, for all samples at once.
  Eigen::VectorXd d = data.intensity;
  for (int i = 0; i < disks; ++i)
    if (weights[i] == 0) d[i] = 0;
  const Eigen::VectorXd weighted = weights.cwiseProduct(d);
  WeightedSums sums;
  sums.w = weights.sum();
  sums.wd = weighted.sum();
  sums.wdd = weighted.dot(d);
  const Eigen::VectorXd wI = data.dose * (intensities_.transpose() * weights);
  const Eigen::VectorXd wII = data.dose * data.dose * (squares_.transpose() * weights);
  const Eigen::VectorXd wId = data.dose * (intensities_.transpose() * weighted);
  std::vector<double> misfit(points_.cols());
  for (long s = 0; s < points_.cols(); ++s) {
    sums.wI = wI[s];
    sums.wII = wII[s];
    sums.wId = wId[s];
    misfit[s] = fit_scale(sums, nuisance).chi2;
  }
  std::vector<int> order(points_.cols());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return misfit[a] < misfit[b]; });

  std::vector<Eigen::VectorXd> starts;
  for (int s : order) {
    const Eigen::VectorXd point = points_.col(s);
    const bool near = std::any_of(starts.begin(), starts.end(), [&](const Eigen::VectorXd& other) {
      for (std::size_t k = 0; k < parameters_.size(); ++k)
        if (std::abs(point[k] - other[k]) >
            distance * (parameters_[k].upper - parameters_[k].lower))
          return false;
      return true;
    });
    if (near) continue;
    starts.push_back(point);
    if (int(starts.size()) == count) break;
  }
  return starts;
}

}  // namespace pendel

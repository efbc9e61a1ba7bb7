#include "fit/prior.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/median.hpp"

namespace pendel {

namespace {

using Rows = Eigen::SparseMatrix<double, Eigen::RowMajor>;
constexpr double median_of_normal = 0.6744897501960817;  // of |x|, x standard normal

Rows from_triplets(const std::vector<Eigen::Triplet<double>>& entries, long rows, long columns) {
  Rows D(rows, columns);
  D.setFromTriplets(entries.begin(), entries.end());
  return D;
}

}  // namespace

double prior_energy(PriorKind kind, double s2) {
  return kind == PriorKind::normal ? s2 / 2 : std::log1p(s2);
}

double prior_weight(PriorKind kind, double s2) {
  return kind == PriorKind::normal ? 1 : 2 / (1 + s2);
}

double prior_curvature(PriorKind kind, double s2) {
  return kind == PriorKind::normal ? 1 : std::max(0.0, 2 * (1 - s2) / ((1 + s2) * (1 + s2)));
}

Rows scan_differences(const ScanGrid& grid, const std::vector<char>& usable, int parameters,
                      int parameter, int order) {
  const std::vector<double> stencil =
      order == 1 ? std::vector<double>{-1, 1} : std::vector<double>{1, -2, 1};
  std::vector<Eigen::Triplet<double>> entries;
  long rows = 0;
  const auto add = [&](long first, long step) {
    for (int j = 0; j <= order; ++j)
      if (!usable[std::size_t(first + j * step)]) return;
    for (int j = 0; j <= order; ++j)
      entries.emplace_back(rows, (first + j * step) * parameters + parameter,
                           stencil[std::size_t(j)]);
    ++rows;
  };
  for (long r = 0; r < grid.rows; ++r)
    for (long c = 0; c < grid.columns; ++c) {
      const long i = r * grid.columns + c;
      if (c + order < grid.columns) add(i, 1);
      if (r + order < grid.rows) add(i, grid.columns);
    }
  return from_triplets(entries, rows, grid.rows * grid.columns * parameters);
}

Rows sublayer_differences(const std::vector<char>& usable, int parameters,
                          const std::vector<int>& sublayers) {
  std::vector<Eigen::Triplet<double>> entries;
  long rows = 0;
  for (std::size_t i = 0; i < usable.size(); ++i) {
    if (!usable[i]) continue;
    for (std::size_t j = 0; j + 1 < sublayers.size(); ++j, ++rows) {
      entries.emplace_back(rows, long(i) * parameters + sublayers[j], -1);
      entries.emplace_back(rows, long(i) * parameters + sublayers[j + 1], 1);
    }
  }
  return from_triplets(entries, rows, long(usable.size()) * parameters);
}

double estimated_sigma(const Prior& prior, const Eigen::VectorXd& values,
                       const Eigen::VectorXd& variances) {
  std::vector<double> sizes, noise;
  for (long r = 0; r < prior.D.rows(); ++r) {
    double difference = 0, variance = 0;
    for (Rows::InnerIterator entry(prior.D, r); entry; ++entry) {
      difference += entry.value() * values[entry.col()];
      variance += entry.value() * entry.value() * variances[entry.col()];
    }
    if (!std::isfinite(variance)) continue;
    sizes.push_back(std::abs(difference));
    noise.push_back(variance);
  }
  if (sizes.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double spread = std::pow(median(sizes) / median_of_normal, 2), of_errors = median(noise);
  // A variance from R medians is known to sqrt(2/(0.37 R)) of itself: the median's efficiency.
  const double least = of_errors * std::sqrt(2 / (0.37 * double(sizes.size())));
  const double sigma = std::sqrt(std::max(spread - of_errors, least));
  return prior.kind == PriorKind::normal ? sigma : median_of_normal * sigma;
}

}  // namespace pendel

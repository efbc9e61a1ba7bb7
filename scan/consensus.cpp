#include "scan/consensus.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>

namespace pendel {

namespace {

using Eigen::Index;

/// Heights at which mean linkage joins pairs, by chains of nearest neighbours: along one, distances
/// fall until two are each other's nearest, and these are joined.
Eigen::MatrixXd joining_heights(Eigen::MatrixXd distance) {
  const Index n = distance.rows();
  Eigen::MatrixXd heights = Eigen::MatrixXd::Zero(n, n);
  std::vector<std::vector<Index>> members(std::size_t(n), std::vector<Index>(1));
  for (Index i = 0; i < n; ++i) members[std::size_t(i)][0] = i;
  std::vector<Index> chain;
  for (Index joined = 0; joined + 1 < n;) {
    if (chain.empty())
      for (Index i = 0; chain.empty(); ++i)
        if (!members[std::size_t(i)].empty()) chain.push_back(i);
    const Index here = chain.back(), before = chain.size() > 1 ? chain[chain.size() - 2] : -1;
    Index nearest = before;
    double least = before >= 0 ? distance(here, before) : std::numeric_limits<double>::infinity();
    for (Index j = 0; j < n; ++j)
      if (j != here && !members[std::size_t(j)].empty() && distance(j, here) < least) {
        least = distance(j, here);
        nearest = j;
      }
    if (nearest != before) {
      chain.push_back(nearest);
      continue;
    }
    std::vector<Index>&a = members[std::size_t(here)], &b = members[std::size_t(before)];
    for (const Index i : a)
      for (const Index j : b) heights(i, j) = heights(j, i) = least;
    const double in_a = double(a.size()), in_b = double(b.size());
    for (Index j = 0; j < n; ++j)
      distance(here, j) = distance(j, here) =
          (in_a * distance(j, here) + in_b * distance(j, before)) / (in_a + in_b);
    a.insert(a.end(), b.begin(), b.end());
    b.clear();
    chain.resize(chain.size() - 2);
    ++joined;
  }
  return heights;
}

}  // namespace

double cophenetic_correlation(const std::vector<std::vector<int>>& divisions, std::size_t most) {
  std::vector<std::size_t> things;
  for (std::size_t i = 0; !divisions.empty() && i < divisions[0].size(); ++i)
    if (std::all_of(divisions.begin(), divisions.end(), [&](const auto& d) { return d[i] >= 0; }))
      things.push_back(i);
  const std::size_t count = std::min(most, things.size());
  for (std::size_t i = 0; i < count; ++i) things[i] = things[i * things.size() / count];
  const auto n = Index(count);
  Eigen::MatrixXd distance = Eigen::MatrixXd::Zero(n, n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < i; ++j) {
      int apart = 0;
      for (const std::vector<int>& d : divisions)
        apart += d[things[std::size_t(i)]] != d[things[std::size_t(j)]];
      distance(i, j) = distance(j, i) = double(apart) / double(divisions.size());
    }
  const Eigen::MatrixXd heights = joining_heights(distance);
  double d = 0, h = 0, dd = 0, hh = 0, dh = 0;
  const double pairs = double(n) * double(n - 1) / 2;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < i; ++j) {
      d += distance(i, j) / pairs;
      h += heights(i, j) / pairs;
    }
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < i; ++j) {
      const double x = distance(i, j) - d, y = heights(i, j) - h;
      dd += x * x;
      hh += y * y;
      dh += x * y;
    }
  // all pairs alike: one class, about which divisions cannot disagree
  return dd > 0 && hh > 0 ? dh / std::sqrt(dd * hh) : 1;
}

}  // namespace pendel

#include "sim/bloch_symmetry.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <tuple>

#include "core/interrupt.hpp"

namespace pendel {

namespace {

using Matrices = std::vector<const MatrixXcd*>;

// Couplings below this fraction of the largest are rounding errors of forbidden ones.
constexpr double negligible = 1e-13;
// Couplings and geometry that agree within this fraction of the largest are equal.
constexpr double same = 1e-12;

/// Every beam's predecessor on a path of strongest couplings from the zero beam (a maximum spanning
/// tree), in the order in which they are reached, and the matrix that couples them.
struct Step {
  int beam, from;
  const MatrixXcd* U;
};

std::vector<Step> strongest_paths(const Matrices& couplings, const std::vector<double>& largest,
                                  int n, int zero) {
  std::vector<Step> steps;
  std::vector<double> best(n, 0);
  std::vector<Step> next(n, Step{-1, -1, nullptr});
  std::vector<bool> reached(n, false);
  for (int current = zero; current >= 0;) {
    stop_if_interrupted();
    reached[current] = true;
    int strongest = -1;
    for (int g = 0; g < n; ++g) {
      if (reached[g]) continue;
      for (std::size_t m = 0; m < couplings.size(); ++m) {
        const double strength = std::abs((*couplings[m])(g, current)) / largest[m];
        if (strength > negligible && strength > best[g]) {
          best[g] = strength;
          next[g] = {g, current, couplings[m]};
        }
      }
      if (best[g] > 0 && (strongest < 0 || best[g] > best[strongest])) strongest = g;
    }
    if (strongest >= 0) steps.push_back(next[strongest]);
    current = strongest;
  }
  return steps;
}

MatrixXcd subset(const MatrixXcd& U, const std::vector<int>& kept) {
  MatrixXcd result(kept.size(), kept.size());
  for (std::size_t h = 0; h < kept.size(); ++h)
    for (std::size_t g = 0; g < kept.size(); ++g) result(g, h) = U(kept[g], kept[h]);
  return result;
}

/// Phases that make every coupling real; empty if there are none.
VectorXcd real_gauge(const Matrices& couplings, const std::vector<double>& largest,
                     const std::vector<Step>& steps, int n) {
  VectorXcd gauge = VectorXcd::Ones(n);
  for (const Step& step : steps) {
    const complex U = (*step.U)(step.beam, step.from);
    gauge[step.beam] = gauge[step.from] * U / std::abs(U);
  }
  for (std::size_t m = 0; m < couplings.size(); ++m)
    for (int h = 0; h < n; ++h) {
      stop_if_interrupted();
      for (int g = 0; g < h; ++g)
        if (std::abs((std::conj(gauge[g]) * (*couplings[m])(g, h) * gauge[h]).imag()) >
            same * largest[m])
          return {};
    }
  return gauge;
}

/// Where every beam goes under R, -1 if nowhere.
std::vector<int> images(const std::vector<Vec3>& g, const Eigen::Matrix2d& R, double tolerance) {
  // beams by rounded position; positions differ by far more than the rounding
  const auto key = [](const Vec3& v) {
    return std::make_tuple(std::llround(v[0] * 1e6), std::llround(v[1] * 1e6),
                           std::llround(v[2] * 1e6));
  };
  std::map<std::tuple<long long, long long, long long>, int> at;
  for (std::size_t i = 0; i < g.size(); ++i) at[key(g[i])] = int(i);
  std::vector<int> result;
  for (const Vec3& v : g) {
    Vec3 image = v;
    image.head<2>() = R * v.head<2>();
    const auto found = at.find(key(image));
    if (found == at.end() || (g[found->second] - image).norm() > tolerance) return {};
    result.push_back(found->second);
  }
  return result;
}

/// Orthogonal matrices that may map the beams onto themselves: images of the two shortest
/// independent transverse vectors.
std::vector<Eigen::Matrix2d> candidates(const std::vector<Vec3>& g, double longest) {
  std::vector<Vec2> transverse;
  for (const Vec3& v : g)
    if (v.head<2>().norm() > 1e-6) transverse.push_back(v.head<2>());
  std::stable_sort(transverse.begin(), transverse.end(),
                   [](const Vec2& a, const Vec2& b) { return a.norm() < b.norm() - 1e-9; });
  const auto area = [](const Vec2& a, const Vec2& b) {
    return std::abs(a[0] * b[1] - a[1] * b[0]);
  };
  const auto second = std::find_if(transverse.begin(), transverse.end(),
                                   [&](const Vec2& v) { return area(transverse[0], v) > 1e-6; });
  if (second == transverse.end()) return {};
  Eigen::Matrix2d basis, image;
  basis << transverse[0], *second;
  const Eigen::Matrix2d metric = basis.transpose() * basis, inverse = basis.inverse();
  std::vector<Eigen::Matrix2d> result;
  for (const Vec2& a : transverse) {
    if (std::abs(a.squaredNorm() - metric(0, 0)) > same * longest) continue;
    for (const Vec2& b : transverse) {
      if (std::abs(b.squaredNorm() - metric(1, 1)) > same * longest ||
          std::abs(a.dot(b) - metric(0, 1)) > same * longest)
        continue;
      image << a, b;
      const Eigen::Matrix2d R = image * inverse;
      const bool known = std::any_of(result.begin(), result.end(), [&](const Eigen::Matrix2d& Q) {
        return (Q - R).norm() < 1e-9;
      });
      if (!known && (R - Eigen::Matrix2d::Identity()).norm() > 1e-9) result.push_back(R);
    }
  }
  return result;
}

/// The phases of a symmetry, empty if `image` is none.
VectorXcd symmetry_phases(const Matrices& couplings, const std::vector<double>& largest,
                          const std::vector<Step>& steps, const std::vector<int>& image) {
  const int n = int(image.size());
  VectorXcd phase = VectorXcd::Ones(n);
  for (const Step& step : steps) {
    const complex U = (*step.U)(step.beam, step.from);
    const complex ratio = (*step.U)(image[step.beam], image[step.from]) / U;
    if (!(std::abs(ratio) > 0.5)) return {};
    phase[step.beam] = phase[step.from] * ratio / std::abs(ratio);
  }
  for (std::size_t m = 0; m < couplings.size(); ++m)
    for (int h = 0; h < n; ++h) {
      stop_if_interrupted();
      for (int g = 0; g < n; ++g)
        if (std::abs((*couplings[m])(image[g], image[h]) -
                     phase[g] * (*couplings[m])(g, h) * std::conj(phase[h])) > same * largest[m])
          return {};
    }
  return phase;
}

}  // namespace

ReachedBeams reached_beams(const Beams& beams, const std::vector<Couplings>& crystals,
                           int zero_beam, const Vec3& surface_normal, bool want_symmetries) {
  Matrices all;
  for (const Couplings& crystal : crystals)
    for (const MatrixXcd* U : {&crystal.elastic, &crystal.absorptive})
      if (U->size() > 0) all.push_back(U);
  const auto sizes = [](const Matrices& list) {
    std::vector<double> largest;
    for (const MatrixXcd* U : list) {
      MatrixXcd off_diagonal = *U;
      off_diagonal.diagonal().setZero();
      largest.push_back(std::max(off_diagonal.cwiseAbs().maxCoeff(), 1e-300));
    }
    return largest;
  };
  const std::vector<double> largest = sizes(all);

  ReachedBeams result;
  std::vector<Step> steps = strongest_paths(all, largest, int(beams.size()), zero_beam);
  result.kept = {zero_beam};
  for (const Step& step : steps) result.kept.push_back(step.beam);
  std::sort(result.kept.begin(), result.kept.end());
  std::vector<int> place(beams.size(), -1);
  for (std::size_t i = 0; i < result.kept.size(); ++i) {
    place[result.kept[i]] = int(i);
    result.g.push_back(beams.g[result.kept[i]]);
  }
  result.zero = place[zero_beam];

  // the same on the beams kept
  std::vector<MatrixXcd> small;
  for (const MatrixXcd* U : all) small.push_back(subset(*U, result.kept));
  Matrices kept_couplings;
  for (const MatrixXcd& U : small) kept_couplings.push_back(&U);
  for (Step& step : steps) {
    const auto which = std::find(all.begin(), all.end(), step.U) - all.begin();
    step = {place[step.beam], place[step.from], kept_couplings[which]};
  }
  const int n = int(result.kept.size());
  result.gauge = real_gauge(kept_couplings, largest, steps, n);
  result.is_real = result.gauge.size() > 0;
  if (!result.is_real) result.gauge = VectorXcd::Ones(n);

  if (!want_symmetries || n < 2) return result;
  double longest = 0;
  for (const Vec3& g : result.g) longest = std::max(longest, g.norm());
  for (const Eigen::Matrix2d& R : candidates(result.g, longest)) {
    // the surface, too
    if ((R * surface_normal.head<2>() - surface_normal.head<2>()).norm() >
        same * surface_normal.norm())
      continue;
    BeamSymmetry symmetry{R, images(result.g, R, same * longest), {}};
    if (symmetry.image.empty()) continue;
    symmetry.phase = symmetry_phases(kept_couplings, largest, steps, symmetry.image);
    if (symmetry.phase.size() > 0) result.symmetries.push_back(std::move(symmetry));
  }
  return result;
}

}  // namespace pendel

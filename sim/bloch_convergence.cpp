#include "sim/bloch_convergence.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "sim/ewald.hpp"

namespace pendel {

namespace {

// By thickness_series, which leaves out beams that nothing reaches.
Eigen::MatrixXd intensities(const State& state, const Beams& beams, const BlochOptions& options,
                            const std::vector<Vec2>& incidence) {
  const int last = int(state.layers.size()) - 1;
  return Bloch(state, beams, options)
      .thickness_series(state, incidence, last, {state.layers.back().thickness})[0]
      .cwiseAbs2();
}

/// Largest change of the `compared` strongest intensities of `before`.
double largest_change(const Beams& beams_before, const Eigen::MatrixXd& before, const Beams& beams,
                      const Eigen::MatrixXd& now, std::size_t compared) {
  std::vector<int> order(beams_before.size());
  std::iota(order.begin(), order.end(), 0);
  const Eigen::VectorXd strength = before.rowwise().maxCoeff();
  std::stable_sort(order.begin(), order.end(),
                   [&](int i, int j) { return strength[i] > strength[j]; });
  order.resize(std::min(order.size(), compared));
  double largest = 0;
  for (int i : order) {
    const int there = beams.index(beams_before.hkl[i]);
    largest = std::max(largest, (before.row(i) - now.row(there)).cwiseAbs().maxCoeff());
  }
  return largest;
}

}  // namespace

ConvergedBeams converged_beams(const State& state, const BlochOptions& options,
                               const ConvergenceOptions& wanted) {
  BeamSelection selection;
  selection.g_max = wanted.g_max;
  selection.sg_max = wanted.sg_max;
  selection.zero_order_only = wanted.zero_order_only || options.zones != HigherZones::listed;
  const Beams candidates = select_beams(state, options.potential, selection, wanted.incidence);
  std::vector<double> weights(candidates.size(), 0);  // the largest over the incident directions
  for (const Vec2& offset : wanted.incidence) {
    const std::vector<double> here = beam_weights(state, options.potential, candidates, {offset});
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = std::max(weights[i], here[i]);
  }
  std::vector<double> descending = weights;
  std::sort(descending.rbegin(), descending.rend());

  const IncidentWave wave = incident_wave(state, state.beam_tilt, 0);
  ConvergedBeams result;
  Eigen::MatrixXd before;
  double change_before = INFINITY;
  for (double count = 30;; count *= 1.5) {
    const bool all = count >= double(descending.size());
    // beams that symmetry makes equal come in together
    const double least = (all ? descending.back() : descending[std::size_t(count)]) * (1 - 1e-6);
    std::vector<Hkl> hkl;
    for (std::size_t i = 0; i < weights.size(); ++i)
      if (weights[i] >= least) hkl.push_back(candidates.hkl[i]);
    if (hkl.size() > wanted.max_beams) break;
    const Beams beams = beams_from_hkl(state, hkl);
    const Eigen::MatrixXd now = intensities(state, beams, options, wanted.incidence);
    if (before.size() > 0) {
      result.last_change = largest_change(result.beams, before, beams, now, wanted.compared);
      // One small change may be chance: the one before must not have been large, and not larger
      // where higher-order zones come in, which lists of beams hold slowly.
      const bool zones = std::any_of(beams.g.begin(), beams.g.end(),
                                     [](const Vec3& g) { return std::abs(g.z()) > 1e-6; });
      result.converged = result.last_change < wanted.tolerance &&
                         change_before < (zones ? 1 : 5) * wanted.tolerance;
      change_before = result.last_change;
    }
    result.beams = beams;
    result.weight_min = least;
    before = now;
    if (result.converged || all) break;
  }
  if (result.beams.size() == 0)
    throw Error(ErrorKind::study, "max_beams is " + std::to_string(wanted.max_beams) +
                                      ", less than the first beam list has");
  for (const Vec3& g : result.beams.g) {
    result.g_max = std::max(result.g_max, g.norm());
    result.sg_max = std::max(result.sg_max, std::abs(excitation(wave, g)) / (2 * wave.K));
  }
  return result;
}

double weak_beam_error(const State& state, const BeamSplit& split, const BlochOptions& options,
                       const std::vector<Vec2>& incidence) {
  if (split.weak.size() == 0) return 0;
  std::vector<double> weights = beam_weights(state, options.potential, split.weak);
  std::nth_element(weights.begin(), weights.begin() + weights.size() / 2, weights.end());
  const double median = weights[weights.size() / 2] * (1 - 1e-6);
  const BeamSplit halves = split_beams(state, options.potential, split.weak, {median, 0, 0});
  BeamSplit promoted = split;
  for (std::size_t i = 0; i < halves.strong.size(); ++i) {
    promoted.strong.hkl.push_back(halves.strong.hkl[i]);
    promoted.strong.g.push_back(halves.strong.g[i]);
    for (std::size_t c = 0; c < halves.strong.hkl_of_crystal.size(); ++c)
      promoted.strong.hkl_of_crystal[c].push_back(halves.strong.hkl_of_crystal[c][i]);
  }
  BlochOptions with = options, more = options;
  with.weak_beams = split.weak;
  more.weak_beams = halves.weak;
  return largest_change(split.strong, intensities(state, split.strong, with, incidence),
                        promoted.strong, intensities(state, promoted.strong, more, incidence),
                        split.strong.size());
}

}  // namespace pendel

// Several crystals in one pattern: templates are added one by one to a joint non-negative fit, each
// the one most like what the others leave, and each is then looked for again beside the others.
#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>

#include "acom/phase_candidates.hpp"

namespace pendel {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

/// w >= 0 with the least wᵀGw − 2cᵀw: coordinate by coordinate, G being small.
VectorXd non_negative(const MatrixXd& G, const VectorXd& c) {
  VectorXd w = VectorXd::Zero(c.size());
  for (int sweep = 0; sweep < 200; ++sweep) {
    double change = 0;
    for (Eigen::Index k = 0; k < c.size(); ++k) {
      const double next = std::max(0.0, w[k] + (c[k] - G.row(k).dot(w)) / G(k, k));
      change = std::max(change, std::abs(next - w[k]));
      w[k] = next;
    }
    if (change < 1e-9 * w.maxCoeff()) break;
  }
  return w;
}

/// One of the crystals, and others that would do as well.
struct Member {
  Candidate candidate;
  std::vector<Match> tied;
};

/// The pattern explained by several templates together.
struct JointFit {
  VectorXd weights;
  double score = 0;  ///< cosine between the pattern and their sum
};

JointFit joint_fit(const std::vector<WeightedSpot>& pattern,
                   const std::vector<const Candidate*>& members, double tolerance) {
  const Eigen::Index n = Eigen::Index(members.size());
  MatrixXd G(n, n);
  VectorXd c(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    c[i] = blurred_product(pattern, members[std::size_t(i)]->spots, tolerance);
    for (Eigen::Index k = 0; k <= i; ++k)
      G(i, k) = G(k, i) = blurred_product(members[std::size_t(i)]->spots,
                                          members[std::size_t(k)]->spots, tolerance);
  }
  JointFit result;
  result.weights = non_negative(G, c);
  result.score = std::sqrt(std::max(0.0, c.dot(result.weights)) /
                           blurred_product(pattern, pattern, tolerance));
  return result;
}

std::vector<const Candidate*> candidates_of(const std::vector<Member>& members) {
  std::vector<const Candidate*> result;
  for (const Member& member : members) result.push_back(&member.candidate);
  return result;
}

/// Joint scores that differ by less are as good: the likelihood decides.
constexpr double equal_scores = 0.01;

}  // namespace

std::vector<Overlapping> Matcher::match_overlapping(const std::vector<PeakVector>& peaks,
                                                    int most) const {
  const double tolerance = options_.position_tolerance;
  std::vector<PeakVector> used;
  for (const PeakVector& peak : peaks)
    if (peak.intensity > 0 &&
        std::any_of(phases_.begin(), phases_.end(),
                    [&](const PhaseCandidates& phase) { return phase.in_range(peak.q); }))
      used.push_back(peak);
  const std::vector<WeightedSpot> pattern = weighted(used, options_.intensity_power);

  // The best beside the others given; none if it explains too little of its own.
  const auto beside = [&](const std::vector<Member>& others) -> std::optional<Member> {
    std::vector<const Candidate*> members = candidates_of(others);
    std::vector<WeightedSpot> explained;
    if (!others.empty()) {
      const JointFit fit = joint_fit(pattern, members, tolerance);
      for (std::size_t k = 0; k < others.size(); ++k)
        for (const WeightedSpot& spot : members[k]->spots)
          explained.push_back({spot.q, spot.weight * fit.weights[Eigen::Index(k)]});
    }
    std::vector<bool> reached(peaks.size(), false);  // by reflections of the others
    for (const Candidate* other : members) {
      const std::vector<bool> by_it =
          phases_[std::size_t(other->match.phase)].reached(peaks, other->match.R_lab_crystal);
      for (std::size_t i = 0; i < peaks.size(); ++i) reached[i] = reached[i] || by_it[i];
    }
    const auto own_peaks = [&](const Candidate& candidate) {
      int count = 0;
      for (std::size_t i = 0; i < peaks.size(); ++i)
        count += !reached[i] && peaks[i].intensity > 0 &&
                 std::any_of(candidate.spots.begin(), candidate.spots.end(),
                             [&](const WeightedSpot& spot) {
                               return (spot.q - peaks[i].q).norm() < 2 * tolerance;
                             });
      return count;
    };
    std::vector<Candidate> found;
    std::vector<double> scores;
    for (std::size_t p = 0; p < phases_.size(); ++p)
      for (Candidate& candidate : phases_[p].find(peaks, explained)) {
        candidate.match.phase = int(p);
        if (std::any_of(others.begin(), others.end(), [&](const Member& other) {
              const Match& match = other.candidate.match;
              return match.phase == int(p) &&
                     phases_[p].same(match.R_lab_crystal, candidate.match.R_lab_crystal);
            }))
          continue;
        if (own_peaks(candidate) < options_.least_peaks) continue;
        members.push_back(&candidate);
        scores.push_back(joint_fit(pattern, members, tolerance).score);
        members.pop_back();
        found.push_back(std::move(candidate));
      }
    if (found.empty()) return std::nullopt;
    const double best = *std::max_element(scores.begin(), scores.end());
    std::vector<Candidate> equal;
    for (std::size_t i = 0; i < found.size(); ++i)
      if (scores[i] >= best - equal_scores) equal.push_back(std::move(found[i]));
    const std::vector<Misfit> misfit = misfits(peaks, equal);
    std::size_t first = 0;
    for (std::size_t i = 1; i < equal.size(); ++i)
      if (misfit[i].total < misfit[first].total) first = i;
    Member result{equal[first], {}};
    for (std::size_t i = 0; i < equal.size(); ++i)
      if (i != first && !fits_worse(misfit[i], misfit[first]))
        result.tied.push_back(equal[i].match);
    return result;
  };

  std::vector<Member> chosen;
  double score = 0;
  while (int(chosen.size()) < most) {
    std::optional<Member> next = beside(chosen);
    if (!next) break;
    std::vector<Member> more = chosen;
    more.push_back(std::move(*next));
    for (std::size_t k = 0; k + 1 < more.size(); ++k) {  // again, now that the others are known
      Member one = std::move(more[k]);
      more.erase(more.begin() + std::ptrdiff_t(k));
      std::optional<Member> again = beside(more);
      more.insert(more.begin() + std::ptrdiff_t(k), again ? std::move(*again) : std::move(one));
    }
    const JointFit fit = joint_fit(pattern, candidates_of(more), tolerance);
    if (!(fit.score > score) || fit.weights.minCoeff() <= 0) break;
    score = fit.score;
    chosen = std::move(more);
  }
  if (score < options_.least_score) return {};

  const VectorXd weights = joint_fit(pattern, candidates_of(chosen), tolerance).weights;
  std::vector<Overlapping> result;
  // with power 0 all peaks weigh the same: then a share is one of weights
  const double to_intensity = options_.intensity_power > 0 ? 1 / options_.intensity_power : 1;
  double total = 0;
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    // intensities, from weights that are powers of them
    double intensity = 0;
    for (const WeightedSpot& spot : chosen[k].candidate.spots)
      intensity += std::pow(weights[Eigen::Index(k)] * spot.weight, to_intensity);
    total += intensity;
    result.push_back({chosen[k].candidate.match, intensity, chosen[k].tied});
  }
  for (Overlapping& one : result) one.share /= total;
  std::sort(result.begin(), result.end(),
            [](const Overlapping& a, const Overlapping& b) { return a.share > b.share; });
  return result;
}

}  // namespace pendel

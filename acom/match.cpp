#include "acom/match.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "acom/dynamical_ranking.hpp"
#include "acom/phase_candidates.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/require.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

using electron::pi;

/// Probability that the one stays ahead with other peaks of the same crystal, from the scatter
/// among peaks of the differences between their shares in the scores.
double stays_ahead(const Candidate& one, const Candidate& other) {
  double sum = 0, squares = 0, n = 0;
  for (std::size_t i = 0; i < one.shares.size(); ++i) {
    if (one.shares[i] == 0 && other.shares[i] == 0) continue;
    sum += one.shares[i] - other.shares[i];
    squares += std::pow(one.shares[i] - other.shares[i], 2);
    ++n;
  }
  squares -= sum * sum / n;
  if (!(n > 1) || !(squares > 0)) return sum > 0 ? 1 : 0.5;
  return 0.5 * std::erfc(-sum / std::sqrt(2 * squares * n / (n - 1)));
}
constexpr double counts = 0.977;  // of that probability: two standard errors

}  // namespace

Matcher::Matcher(std::vector<PhaseLibrary> phases, const MatchOptions& options)
    : options_(options) {
  require(options.position_tolerance > 0, "position_tolerance [1/A]", options.position_tolerance,
          "positive");
  require(options.intensity_power >= 0, "intensity_power", options.intensity_power,
          "0 or positive");
  require(options.candidates > 0, "candidates", options.candidates, "positive");
  require(options.distinct > 0 && options.distinct < 1, "distinct [rad]", options.distinct,
          "between 0 and 1");
  require(options.least_peaks >= 2, "least_peaks", options.least_peaks, "at least 2");
  for (PhaseLibrary& phase : phases) {
    if (phase.templates.empty())
      throw Error(ErrorKind::study, "library '" + phase.name + "' has no templates");
    phases_.emplace_back(std::move(phase), options);
  }
}
Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;

PatternMatch Matcher::match(const std::vector<PeakVector>& peaks) const {
  PatternMatch result;
  std::vector<Candidate> found;
  for (std::size_t p = 0; p < phases_.size(); ++p)
    for (Candidate& candidate : phases_[p].find(peaks)) {
      candidate.match.phase = int(p);
      found.push_back(std::move(candidate));
    }
  result.peaks = int(std::count_if(peaks.begin(), peaks.end(), [&](const PeakVector& peak) {
    return std::any_of(phases_.begin(), phases_.end(), [&](const PhaseCandidates& phase) {
      return peak.intensity > 0 && phase.in_range(peak.q);
    });
  }));
  if (found.empty()) return result;
  const std::vector<Misfit> misfits = rank(peaks, found);

  const Candidate& first = found.front();
  std::vector<Standing> standings{{true, 1}};
  for (std::size_t i = 1; i < found.size(); ++i) {
    const double ahead = stays_ahead(first, found[i]);
    standings.push_back(
        {ahead < counts && !fits_worse(misfits[i], misfits[0]), (1 - ahead) / ahead});
  }
  for (const Candidate& candidate : found) result.candidates.push_back(candidate.match);
  judge(result, standings);
  return result;
}

/// Everything that a match says besides its candidates, which are in order.
void Matcher::judge(PatternMatch& match, const std::vector<Standing>& standings) const {
  const Match& first = match.candidates.front();
  const PhaseCandidates& phase = phases_[std::size_t(first.phase)];
  const Mat3 turned = rotation_about(Vec3::UnitZ(), pi) * first.R_lab_crystal;
  match.tied = 1;
  match.reliability = match.phase_reliability = 1;
  match.flags = 0;
  if (first.peaks < options_.least_peaks)
    match.flags |= few_peaks;
  else if (first.score < options_.least_score)
    match.flags |= unexplained;
  std::vector<double> odds(phases_.size(), 0);
  odds[std::size_t(first.phase)] = 1;
  for (std::size_t i = 1; i < match.candidates.size(); ++i) {
    const Match& other = match.candidates[i];
    const bool as_well = standings[i].as_well;
    const double lead = std::max(0.0, 1 - other.score / first.score);
    if (as_well && match.tied == int(i)) ++match.tied;
    if (other.phase == first.phase) {
      if (!phase.same(first.R_lab_crystal, other.R_lab_crystal))
        match.reliability = std::min(match.reliability, lead);
      if (as_well) match.flags |= phase.same(turned, other.R_lab_crystal) ? turned_180 : ambiguous;
    } else {
      match.phase_reliability = std::min(match.phase_reliability, lead);
      double& odd = odds[std::size_t(other.phase)];
      odd = std::max({odd, 1e-300, standings[i].odds});
      if (as_well) match.flags |= phase_uncertain;
    }
  }
  double sum = 0;
  for (const double odd : odds) sum += odd;
  match.phase_probability.clear();
  for (const double odd : odds) match.phase_probability.push_back(odd / sum);
  // what fits as well as something that does not fit is of no interest
  if (!match.indexed()) match.flags &= few_peaks | unexplained;
}

PatternMatch Matcher::reranked(PatternMatch match, const std::vector<PeakVector>& peaks,
                               const std::vector<const DynamicalPatterns*>& patterns,
                               const DynamicalRankingOptions& options) const {
  if (!match.indexed()) return match;
  const auto behind = std::stable_partition(
      match.candidates.begin(), match.candidates.end(), [&](const Match& one) {
        return one.score >= options_.least_score && one.peaks >= options_.least_peaks;
      });
  const std::vector<Match> others(behind, match.candidates.end());
  match.candidates.erase(behind, match.candidates.end());
  const Match before = match.candidates.front();
  for (std::size_t i = 0, count = match.candidates.size(); i < count; ++i)
    if (const auto& turn = phases_[std::size_t(match.candidates[i].phase)].other_sense()) {
      Match other = match.candidates[i];
      other.R_lab_crystal *= *turn;
      match.candidates.push_back(other);
    }
  match.candidates = ranked_dynamically(peaks, match.candidates, patterns, options);
  const double least = match.candidates.front().dynamical_misfit;
  // two coordinates and an intensity of each peak; orientation, scale and thickness are fitted
  const double scatter = std::max(1.0, least / std::max(1, 3 * match.peaks - 5));
  std::vector<Standing> standings;
  for (const Match& one : match.candidates) {
    const double likelihood = std::exp(-0.5 * (one.dynamical_misfit - least) / scatter);
    standings.push_back({likelihood > 0.05, likelihood});  // as fits_worse has it
  }
  match.candidates.insert(match.candidates.end(), others.begin(), others.end());
  standings.resize(match.candidates.size());
  judge(match, standings);
  const Match& first = match.candidates.front();
  if (first.phase != before.phase ||
      !phases_[std::size_t(first.phase)].same(first.R_lab_crystal, before.R_lab_crystal))
    match.flags |= by_dynamics;
  return match;
}

/// All with the errors that the best fit among them has.
std::vector<Misfit> Matcher::misfits(const std::vector<PeakVector>& peaks,
                                     const std::vector<Candidate>& candidates) const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double position_error = infinity, intensity_error = infinity;
  for (const Candidate& one : candidates)
    if (one.fitted) {
      position_error = std::min(position_error, one.fitted->position_error);
      intensity_error = std::min(intensity_error, one.fitted->intensity_error);
    }
  std::vector<Misfit> result;
  for (const Candidate& one : candidates)
    result.push_back(one.fitted ? phases_[std::size_t(one.match.phase)].misfit(
                                      peaks, one, position_error, intensity_error)
                                : Misfit{infinity, {}, 0});
  return result;
}

/// By score; among those that are not certainly behind the best the likelihood of the fit decides.
/// Returned: their misfits.
std::vector<Misfit> Matcher::rank(const std::vector<PeakVector>& peaks,
                                  std::vector<Candidate>& found) const {
  std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
    return a.match.score > b.match.score;
  });
  std::vector<Misfit> misfit = misfits(peaks, found);
  std::vector<std::size_t> order;
  std::size_t contenders = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool contends = found[0].fitted && stays_ahead(found[0], found[i]) < counts;
    order.insert(contends ? order.begin() + std::ptrdiff_t(contenders++) : order.end(), i);
  }
  std::stable_sort(order.begin(), order.begin() + std::ptrdiff_t(contenders),
                   [&](std::size_t a, std::size_t b) { return misfit[a].total < misfit[b].total; });
  std::vector<Candidate> ranked;
  std::vector<Misfit> result;
  for (const std::size_t i : order) {
    ranked.push_back(std::move(found[i]));
    result.push_back(std::move(misfit[i]));
  }
  found = std::move(ranked);
  return result;
}

OrientationSolution solution_of(const Match& match) {
  OrientationSolution result;
  result.phase = match.phase;
  result.R_lab_crystal = match.R_lab_crystal;
  result.score = match.score;
  result.peaks_used = match.peaks;
  result.residual_invA = match.residual_invA;
  result.error_deg = std::sqrt(match.covariance.trace()) * 180 / pi;
  result.thickness_A = match.thickness_A;
  result.thickness_error_A = match.thickness_error_A;
  result.dynamical_misfit = match.dynamical_misfit;
  return result;
}

MapPosition map_position(const PatternMatch& match) {
  MapPosition result;
  result.peaks = match.peaks;
  result.flags = match.flags;
  if (!match.indexed()) return result;
  for (const Match& one : match.candidates) result.solutions.push_back(solution_of(one));
  result.reliability = match.reliability;
  result.phase_reliability = match.phase_reliability;
  result.phase_probability = match.phase_probability;
  return result;
}

}  // namespace pendel

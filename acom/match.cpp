#include "acom/match.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "acom/orientation_fit.hpp"
#include "acom/template_index.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

using electron::pi;

void require(bool good, const std::string& what, double value, const std::string& right) {
  if (!good)
    throw Error(ErrorKind::study, what + " is " + std::to_string(value) + "; it must be " + right);
}

/// Likeness of a pattern and the spots of a template, and what of it each peak contributes.
struct Likeness {
  double score = 0;
  std::vector<double> shares;  ///< (peaks); their sum is the score
  int peaks = 0;
  double residual = 0;
};

std::vector<WeightedSpot> weighted(const std::vector<ModelSpot>& spots, double power) {
  std::vector<WeightedSpot> result;
  for (const ModelSpot& spot : spots) result.push_back({spot.q, std::pow(spot.intensity, power)});
  return result;
}

Likeness likeness(const std::vector<WeightedSpot>& pattern, double pattern_norm,
                  const std::vector<WeightedSpot>& spots, double tolerance) {
  Likeness result;
  const double norm = pattern_norm * std::sqrt(blurred_product(spots, spots, tolerance));
  double squares = 0;
  for (const WeightedSpot& peak : pattern) {
    result.shares.push_back(norm > 0 ? blurred_product({peak}, spots, tolerance) / norm : 0);
    result.score += result.shares.back();
    double nearest = 4 * tolerance * tolerance;
    bool explained = false;
    for (const WeightedSpot& spot : spots) {
      const double distance = (spot.q - peak.q).squaredNorm();
      if (distance > nearest) continue;
      nearest = distance;
      explained = true;
    }
    if (!explained) continue;
    ++result.peaks;
    squares += nearest;
  }
  if (result.peaks > 0) result.residual = std::sqrt(squares / result.peaks);
  return result;
}

/// Probability that a sum of shares which differ by `differences` stays positive with other peaks.
double stays_ahead(const std::vector<double>& ahead, const std::vector<double>& behind) {
  const double n = double(ahead.size());
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < ahead.size(); ++i) sum += ahead[i] - behind[i];
  for (std::size_t i = 0; i < ahead.size(); ++i)
    squares += std::pow(ahead[i] - behind[i] - sum / n, 2);
  if (!(squares > 0)) return sum > 0 ? 1 : 0.5;
  return 0.5 * std::erfc(-sum / std::sqrt(2 * squares * n / (n - 1)));
}
constexpr double two_errors = 0.977;  // of that probability: a difference that counts

}  // namespace

/// A library with what matching prepares of it.
class Matcher::Phase {
 public:
  Phase(PhaseLibrary phase, const MatchOptions& options)
      : library(std::move(phase)),
        index(library, options.position_tolerance, options.intensity_power),
        fit(library) {
    nearest = library.g_max;
    for (const Template& made : library.templates)
      for (const Vec2& q : made.q) nearest = std::min(nearest, q.norm());
  }

  bool in_range(const Vec2& q, double tolerance) const {
    return q.norm() > 0.5 * nearest && q.norm() < library.g_max + tolerance;
  }
  Mat3 orientation(const TemplateHit& hit) const {
    Mat3 R = library.templates[std::size_t(hit.template_index)].R_lab_crystal;
    if (hit.mirrored) {  // the pattern of M R P, P an improper operation that leaves it
      const auto improper = std::find_if(library.symmetry.begin(), library.symmetry.end(),
                                         [](const Mat3& S) { return S.determinant() < 0; });
      R = Vec3(1, -1, 1).asDiagonal() * R * *improper;
    }
    return rotation_about(Vec3::UnitZ(), hit.angle) * R;
  }
  std::vector<ModelSpot> spots(const TemplateHit& hit) const {
    const Template& made = library.templates[std::size_t(hit.template_index)];
    const Eigen::Matrix2d turn = rotation_about(Vec3::UnitZ(), hit.angle).topLeftCorner<2, 2>() *
                                 Vec2(1, hit.mirrored ? -1 : 1).asDiagonal();
    std::vector<ModelSpot> result;
    for (std::size_t j = 0; j < made.q.size(); ++j)
      result.push_back(
          {turn * made.q[j], made.intensity[std::size_t(hit.thickness) * made.q.size() + j]});
    return result;
  }
  double thickness(const TemplateHit& hit) const {
    return library.thickness_A.empty() ? std::numeric_limits<double>::quiet_NaN()
                                       : library.thickness_A[std::size_t(hit.thickness)];
  }

  PhaseLibrary library;
  TemplateIndex index;
  OrientationFit fit;
  double nearest = 0;  ///< spot to the origin [1/Å]
};

Matcher::Matcher(std::vector<PhaseLibrary> phases, const MatchOptions& options)
    : options_(options) {
  require(options.position_tolerance > 0, "position_tolerance [1/A]", options.position_tolerance,
          "positive");
  require(options.intensity_power >= 0, "intensity_power", options.intensity_power,
          "0 or positive");
  require(options.candidates > 0, "candidates", options.candidates, "positive");
  require(options.distinct > 0, "distinct [rad]", options.distinct, "positive");
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
  const double tolerance = options_.position_tolerance;
  struct Found {
    Match match;
    Likeness likeness;
  };
  std::vector<Found> found;
  std::vector<bool> compared(peaks.size(), false);
  for (std::size_t p = 0; p < phases_.size(); ++p) {
    const Phase& phase = phases_[p];
    std::vector<PeakVector> used;
    std::vector<WeightedSpot> pattern;
    std::vector<std::size_t> where;
    for (std::size_t i = 0; i < peaks.size(); ++i) {
      if (!(peaks[i].intensity > 0) || !phase.in_range(peaks[i].q, tolerance)) continue;
      used.push_back(peaks[i]);
      pattern.push_back({peaks[i].q, std::pow(peaks[i].intensity, options_.intensity_power)});
      where.push_back(i);
      compared[i] = true;
    }
    if (int(used.size()) < options_.least_peaks) continue;
    const double norm = std::sqrt(blurred_product(pattern, pattern, tolerance));

    // The best distinct templates.
    std::vector<std::pair<TemplateHit, Mat3>> best;
    phase.index.search(pattern, options_.exhaustive, [&](const TemplateHit& hit) {
      const Mat3 R = phase.orientation(hit);
      const auto same = std::find_if(best.begin(), best.end(), [&](const auto& other) {
        return misorientation(R, other.second, phase.library.symmetry) < options_.distinct;
      });
      if (same == best.end())
        best.emplace_back(hit, R);
      else if (hit.product > same->first.product)
        *same = {hit, R};
      std::stable_sort(best.begin(), best.end(), [](const auto& a, const auto& b) {
        return a.first.product > b.first.product;
      });
      if (int(best.size()) > options_.candidates) best.pop_back();
      return int(best.size()) < options_.candidates ? 0.0 : best.back().first.product;
    });

    // Each between the templates.
    for (const auto& [hit, R] : best) {
      Found one;
      one.match.phase = int(p);
      one.match.R_lab_crystal = R;
      one.match.template_index = hit.template_index;
      one.match.thickness_A = phase.thickness(hit);
      std::vector<ModelSpot> spots = phase.spots(hit);
      if (options_.refine && phase.library.thickness_A.empty())
        if (const auto fitted = phase.fit.fit(used, R, tolerance)) {
          one.match.R_lab_crystal = fitted->R_lab_crystal;
          one.match.covariance = fitted->covariance;
          spots = phase.fit.pattern(fitted->R_lab_crystal);
        }
      const Likeness like =
          likeness(pattern, norm, weighted(spots, options_.intensity_power), tolerance);
      one.match.score = like.score;
      one.match.peaks = like.peaks;
      one.match.residual_invA = like.residual;
      one.likeness = like;
      one.likeness.shares.assign(peaks.size(), 0);
      for (std::size_t i = 0; i < where.size(); ++i) one.likeness.shares[where[i]] = like.shares[i];
      found.push_back(one);
    }
  }
  result.peaks = int(std::count(compared.begin(), compared.end(), true));
  if (found.empty()) return result;

  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.match.score > b.match.score; });
  // Refined, two may have become one.
  std::vector<Found> distinct;
  for (Found& one : found)
    if (std::none_of(distinct.begin(), distinct.end(), [&](const Found& other) {
          return other.match.phase == one.match.phase &&
                 misorientation(one.match.R_lab_crystal, other.match.R_lab_crystal,
                                phases_[std::size_t(one.match.phase)].library.symmetry) <
                     options_.distinct;
        }))
      distinct.push_back(std::move(one));

  const Found& first = distinct.front();
  const Phase& phase = phases_[std::size_t(first.match.phase)];
  const Mat3 turned = rotation_about(Vec3::UnitZ(), pi) * first.match.R_lab_crystal;
  result.reliability = result.phase_reliability = 1;
  result.flags = 0;
  if (first.match.peaks < options_.least_peaks)
    result.flags |= few_peaks;
  else if (first.match.score < options_.least_score)
    result.flags |= unexplained;
  std::vector<double> odds(phases_.size(), 0);
  odds[std::size_t(first.match.phase)] = 1;
  for (const Found& one : distinct) {
    result.candidates.push_back(one.match);
    if (&one == &first) continue;
    const double sure = stays_ahead(first.likeness.shares, one.likeness.shares);
    const double lead = 1 - one.match.score / first.match.score;
    if (one.match.phase == first.match.phase) {
      result.reliability = std::min(result.reliability, lead);
      if (sure > two_errors) continue;
      const bool is_turned = misorientation(turned, one.match.R_lab_crystal,
                                            phase.library.symmetry) < options_.distinct;
      result.flags |= is_turned ? turned_180 : ambiguous;
    } else if (odds[std::size_t(one.match.phase)] == 0) {
      result.phase_reliability = std::min(result.phase_reliability, lead);
      odds[std::size_t(one.match.phase)] = std::max(1e-300, (1 - sure) / sure);
      if (sure < two_errors) result.flags |= phase_uncertain;
    }
  }
  double sum = 0;
  for (const double odd : odds) sum += odd;
  for (const double odd : odds) result.phase_probability.push_back(odd / sum);
  return result;
}

MapPosition map_position(const PatternMatch& match) {
  MapPosition result;
  result.peaks = match.peaks;
  result.flags = match.flags;
  if (!match.indexed()) return result;
  for (const Match& one : match.candidates)
    result.solutions.push_back({one.phase, one.R_lab_crystal, one.score, one.peaks,
                                one.residual_invA, std::sqrt(one.covariance.trace()) * 180 / pi,
                                one.thickness_A});
  result.reliability = match.reliability;
  result.phase_reliability = match.phase_reliability;
  result.phase_probability = match.phase_probability;
  return result;
}

}  // namespace pendel

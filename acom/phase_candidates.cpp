#include "acom/phase_candidates.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "crystal/point_group.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {
/// Of the best template's score: one more than this behind does not catch up between templates,
/// where scores grow by a few hundredths.
constexpr double contending = 0.85;
}  // namespace

std::vector<WeightedSpot> weighted(const std::vector<PeakVector>& peaks, double power) {
  std::vector<WeightedSpot> result;
  for (const PeakVector& peak : peaks) result.push_back({peak.q, std::pow(peak.intensity, power)});
  return result;
}

PhaseCandidates::PhaseCandidates(PhaseLibrary phase, const MatchOptions& options)
    : options_(options),
      library_(std::move(phase)),
      index_(library_, options.position_tolerance, options.intensity_power),
      fit_(library_),
      innermost_(library_.g_max) {
  for (const Template& made : library_.templates)
    for (const Vec2& q : made.q) innermost_ = std::min(innermost_, q.norm());
  for (const Mat3& S : library_.symmetry) {
    if (S.determinant() > 0)
      rotations_.push_back(S);
    else
      improper_ = S;
  }
  if (rotations_.empty()) rotations_.push_back(Mat3::Identity());
  const std::vector<Mat3> own = point_group(library_.crystal).operations;
  for (const Mat3& S : rotations_)
    if (!other_sense_ && std::none_of(own.begin(), own.end(), [&](const Mat3& T) {
          return (S - T).cwiseAbs().maxCoeff() < 1e-6;
        }))
      other_sense_ = S;
}

bool PhaseCandidates::in_range(const Vec2& q) const {
  return q.norm() > 0.5 * innermost_ && q.norm() < library_.g_max + options_.position_tolerance;
}

bool PhaseCandidates::same(const Mat3& A, const Mat3& B) const {
  const Mat3 between = A.transpose() * B;
  const double least = 1 + 2 * std::cos(options_.distinct);  // trace of that rotation
  return std::any_of(rotations_.begin(), rotations_.end(),
                     [&](const Mat3& S) { return between.cwiseProduct(S).sum() > least; });
}

/// A mirrored pattern M pattern(R) is that of M R P, P an improper operation that leaves it.
Mat3 PhaseCandidates::orientation(const TemplateHit& hit) const {
  Mat3 R = library_.templates[std::size_t(hit.template_index)].R_lab_crystal;
  if (hit.mirrored) R = Vec3(1, -1, 1).asDiagonal() * R * improper_;
  return rotation_about(Vec3::UnitZ(), hit.angle) * R;
}

std::vector<ModelSpot> PhaseCandidates::spots(const TemplateHit& hit) const {
  const Template& made = library_.templates[std::size_t(hit.template_index)];
  const Eigen::Matrix2d turn = rotation_about(Vec3::UnitZ(), hit.angle).topLeftCorner<2, 2>() *
                               Vec2(1, hit.mirrored ? -1 : 1).asDiagonal();
  std::vector<ModelSpot> result;
  for (std::size_t j = 0; j < made.q.size(); ++j)
    result.push_back(
        {turn * made.q[j], made.intensity[std::size_t(hit.thickness) * made.q.size() + j]});
  return result;
}

std::vector<PeakVector> PhaseCandidates::used(const std::vector<PeakVector>& peaks) const {
  std::vector<PeakVector> result;
  for (const PeakVector& peak : peaks)
    if (peak.intensity > 0 && in_range(peak.q)) result.push_back(peak);
  return result;
}

/// The best distinct templates.
std::vector<std::pair<TemplateHit, Mat3>> PhaseCandidates::search(
    const std::vector<WeightedSpot>& pattern) const {
  std::vector<std::pair<TemplateHit, Mat3>> best;
  index_.search(pattern, options_.exhaustive, [&](const TemplateHit& hit) {
    const Mat3 R = orientation(hit);
    // of equal ones the first in the library, in whatever order they come
    const auto better = [&](const auto& pair) {
      const TemplateHit& other = pair.first;
      return std::tuple(-hit.product, hit.template_index, hit.thickness, hit.mirrored, hit.angle) <
             std::tuple(-other.product, other.template_index, other.thickness, other.mirrored,
                        other.angle);
    };
    const auto known = std::find_if(best.begin(), best.end(),
                                    [&](const auto& other) { return same(R, other.second); });
    if (known == best.end() || better(*known)) {
      if (known != best.end()) best.erase(known);
      best.emplace(std::find_if(best.begin(), best.end(), better), hit, R);
      if (int(best.size()) > options_.candidates) best.pop_back();
    }
    return int(best.size()) < options_.candidates ? 0.0 : best.back().first.product;
  });
  return best;
}

void PhaseCandidates::compare(const std::vector<PeakVector>& peaks, Candidate& candidate) const {
  const double tolerance = options_.position_tolerance;
  const std::vector<WeightedSpot> pattern = weighted(used(peaks), options_.intensity_power);
  const double norm = std::sqrt(blurred_product(pattern, pattern, tolerance) *
                                blurred_product(candidate.spots, candidate.spots, tolerance));
  Match& match = candidate.match;
  match.score = 0;
  match.peaks = 0;
  double squares = 0;
  auto weighted = pattern.begin();
  candidate.shares.assign(peaks.size(), 0);
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    if (!(peaks[i].intensity > 0 && in_range(peaks[i].q))) continue;
    if (norm > 0)
      candidate.shares[i] = blurred_product({*weighted}, candidate.spots, tolerance) / norm;
    ++weighted;
    match.score += candidate.shares[i];
    double nearest = 4 * tolerance * tolerance;
    bool explained = false;
    for (const WeightedSpot& spot : candidate.spots) {
      const double distance = (spot.q - peaks[i].q).squaredNorm();
      if (distance > nearest) continue;
      nearest = distance;
      explained = true;
    }
    if (!explained) continue;
    ++match.peaks;
    squares += nearest;
  }
  match.residual_invA = match.peaks > 0 ? std::sqrt(squares / match.peaks) : 0;
}

std::vector<Candidate> PhaseCandidates::find(const std::vector<PeakVector>& peaks,
                                             const std::vector<WeightedSpot>& explained) const {
  std::vector<Candidate> result;
  const std::vector<PeakVector> in_use = used(peaks);
  if (int(in_use.size()) < options_.least_peaks) return result;
  std::vector<WeightedSpot> pattern = weighted(in_use, options_.intensity_power);
  for (const WeightedSpot& spot : explained) pattern.push_back({spot.q, -spot.weight});
  const auto best = search(pattern);
  for (const auto& [hit, R] : best) {
    Candidate candidate;
    candidate.match.R_lab_crystal = R;
    candidate.match.template_index = hit.template_index;
    if (!library_.thickness_A.empty())
      candidate.match.thickness_A = library_.thickness_A[std::size_t(hit.thickness)];
    if (options_.refine && hit.product > contending * best.front().first.product)
      candidate.fitted = fit_.fit(in_use, R, options_.position_tolerance);
    if (candidate.fitted) {
      candidate.match.R_lab_crystal = candidate.fitted->R_lab_crystal;
      candidate.match.covariance = candidate.fitted->covariance;
    }
    const Mat3& fitted = candidate.match.R_lab_crystal;
    if (std::any_of(result.begin(), result.end(), [&](const Candidate& other) {
          return same(fitted, other.match.R_lab_crystal);
        }))
      continue;  // refined, two have become one
    // dynamical intensities are known for the template only
    const bool continuous = candidate.fitted && library_.thickness_A.empty();
    for (const ModelSpot& spot : continuous ? fit_.pattern(fitted) : spots(hit))
      candidate.spots.push_back({spot.q, std::pow(spot.intensity, options_.intensity_power)});
    compare(peaks, candidate);
    result.push_back(std::move(candidate));
  }
  return result;
}

std::vector<bool> PhaseCandidates::reached(const std::vector<PeakVector>& peaks,
                                           const Mat3& R_lab_crystal) const {
  const std::vector<Vec2> possible = fit_.possible(R_lab_crystal);
  std::vector<bool> result;
  for (const PeakVector& peak : peaks)
    result.push_back(std::any_of(possible.begin(), possible.end(), [&](const Vec2& q) {
      return (q - peak.q).norm() < 2 * options_.position_tolerance;
    }));
  return result;
}

Misfit PhaseCandidates::misfit(const std::vector<PeakVector>& peaks, const Candidate& candidate,
                               double position_error, double intensity_error) const {
  Misfit result = fit_.misfit(used(peaks), *candidate.fitted, position_error, intensity_error,
                              options_.position_tolerance);
  std::vector<double> of_peak(peaks.size(), 0);
  auto part = result.of_peak.begin();
  for (std::size_t i = 0; i < peaks.size(); ++i)
    if (peaks[i].intensity > 0 && in_range(peaks[i].q)) of_peak[i] = *part++;
  result.of_peak = std::move(of_peak);
  return result;
}

}  // namespace pendel

// The orientations of one phase that might explain a pattern: found among the templates of its
// library, fitted between them, and compared with the peaks.
#pragma once
#include "acom/match.hpp"
#include "acom/orientation_fit.hpp"
#include "acom/template_index.hpp"

namespace pendel {

/// An orientation with what of its score each peak contributes, and the fit that found it.
struct Candidate {
  Match match;
  std::vector<double> shares;  ///< (peaks); their sum is the score
  std::optional<FittedOrientation> fitted;
  std::vector<WeightedSpot> spots;  ///< of its pattern
};

/// Peaks as patterns are compared: intensities to this power.
std::vector<WeightedSpot> weighted(const std::vector<PeakVector>& peaks, double power);

/// A library with what matching prepares of it.
class PhaseCandidates {
 public:
  PhaseCandidates(PhaseLibrary phase, const MatchOptions& options);

  /// A peak that a template of this library could explain.
  bool in_range(const Vec2& q) const;

  /// The orientations most like the peaks that are in range, less what is `explained` already;
  /// distinct, in no order. Scores are of all peaks.
  std::vector<Candidate> find(const std::vector<PeakVector>& peaks,
                              const std::vector<WeightedSpot>& explained = {}) const;

  /// Orientations of the crystal that count as one.
  bool same(const Mat3& A, const Mat3& B) const;

  /// A turn of the crystal (from its right) that single scattering does not see and multiple
  /// scattering does; none if the crystal has a centre of symmetry or only rotations.
  const std::optional<Mat3>& other_sense() const { return other_sense_; }

  /// Peaks, as many flags, that reflections of the crystal are near to, be they faint.
  std::vector<bool> reached(const std::vector<PeakVector>& peaks, const Mat3& R_lab_crystal) const;

  /// Of a fitted candidate, with these errors of the peaks.
  Misfit misfit(const std::vector<PeakVector>& peaks, const Candidate& candidate,
                double position_error, double intensity_error) const;

 private:
  Mat3 orientation(const TemplateHit& hit) const;
  std::vector<ModelSpot> spots(const TemplateHit& hit) const;
  std::vector<PeakVector> used(const std::vector<PeakVector>& peaks) const;
  std::vector<std::pair<TemplateHit, Mat3>> search(const std::vector<WeightedSpot>& pattern) const;
  void compare(const std::vector<PeakVector>& peaks, Candidate& candidate) const;

  MatchOptions options_;
  PhaseLibrary library_;
  TemplateIndex index_;
  OrientationFit fit_;
  double innermost_ = 0;         ///< spot [1/Å]
  std::vector<Mat3> rotations_;  ///< of the symmetry
  Mat3 improper_;                ///< one of the symmetry, if it has any
  std::optional<Mat3> other_sense_;
};

}  // namespace pendel

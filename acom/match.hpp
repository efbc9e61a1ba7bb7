// Phase and orientation of the crystal behind one pattern of Bragg peaks: the templates most like
// it, the continuous orientation near the best of them, and how far the answer is to be trusted.
#pragma once
#include <limits>
#include <vector>

#include "acom/library.hpp"
#include "acom/orientation_map.hpp"
#include "scan/lattice.hpp"

namespace pendel {

struct MatchOptions {
  /// δ [1/Å]: a peak at distance d from a spot is like it by exp(−d²/2δ²). Of the order of the
  /// peaks' errors, those of the calibration and the turn that half a step of the library makes at
  /// g_max, together.
  double position_tolerance = 0.03;
  /// Peaks weigh as intensity to this power: that of a spot varies by orders of magnitude with the
  /// tilt and, dynamically, with the thickness, its position by neither.
  double intensity_power = 0.25;
  int candidates = 5;        ///< distinct orientations kept of each phase
  double distinct = 0.0873;  ///< rad: orientations nearer than this (5°) are one
  int least_peaks = 4;       ///< fewer explained: not indexed
  double least_score = 0.5;  ///< lower: not indexed
  bool refine = true;        ///< between the templates: see orientation_fit.hpp
  bool exhaustive = false;   ///< every template at every angle: the same answer, more slowly
};

/// One explanation of a pattern.
struct Match {
  int phase = -1;  ///< index of the library; -1: none
  Mat3 R_lab_crystal = Mat3::Identity();
  /// Cosine between pattern and template, both blurred: 0 (nothing in common) to 1, whatever the
  /// numbers of their spots.
  double score = 0;
  int peaks = 0;             ///< explained: within twice the tolerance of a spot
  double residual_invA = 0;  ///< root mean square distance of these from their spots
  /// Of a small rotation about lab x, y, z [rad²]; NaN if not refined.
  Mat3 covariance = Mat3::Constant(std::numeric_limits<double>::quiet_NaN());
  double thickness_A = std::numeric_limits<double>::quiet_NaN();  ///< NaN: library without
  /// Standard error, no less than the thicknesses' spacing allows; NaN: not compared by
  /// dynamical_ranking.hpp, likewise −2 ln of the likelihood of positions and intensities.
  double thickness_error_A = std::numeric_limits<double>::quiet_NaN();
  double dynamical_misfit = std::numeric_limits<double>::quiet_NaN();
  int template_index = -1;  ///< from which it was refined, in its library
};

struct PatternMatch {
  std::vector<Match> candidates;  ///< distinct orientations, best first; of all phases
  /// The first so many fit as well as the best: which of them is right the peaks do not say. Often
  /// two: a zone axis's own reflections look the same from both of its ends.
  int tied = 0;
  int peaks = 0;  ///< compared: neither the undiffracted beam nor beyond every library's g_max
  /// 1 − (score of the next distinct orientation of the phase, of the next phase)/score; 1 if there
  /// is no other, NaN if there is none.
  double reliability = std::numeric_limits<double>::quiet_NaN();
  double phase_reliability = std::numeric_limits<double>::quiet_NaN();
  /// Of each phase: that with other peaks of the same crystal it would be the best; sums to 1, or
  /// empty without candidates. From the scatter of the peaks' shares in the scores.
  std::vector<double> phase_probability;
  unsigned flags = few_peaks;  ///< of OrientationFlag; "as well": within twice that scatter

  bool indexed() const { return !(flags & (few_peaks | unexplained)); }
};

/// As a map holds it.
OrientationSolution solution_of(const Match& match);
/// Likewise; without solutions if not indexed.
MapPosition map_position(const PatternMatch& match);

/// One of several crystals that lie above each other.
struct Overlapping {
  Match match;              ///< its score is that of its own pattern alone
  double share = 0;         ///< of the intensity that all of them explain
  std::vector<Match> tied;  ///< that would do as well in its place
};

struct Candidate;
struct DynamicalRankingOptions;
struct Misfit;
class PhaseCandidates;

/// Compares patterns with libraries. Thread-safe once made.
class Matcher {
 public:
  /// Error (study) if an option is out of range or a library has no templates.
  explicit Matcher(std::vector<PhaseLibrary> phases, const MatchOptions& options = {});
  ~Matcher();
  Matcher(Matcher&&) noexcept;

  /// Peaks nearer the origin than half the first spot, and beyond g_max, are passed over.
  PatternMatch match(const std::vector<PeakVector>& peaks) const;

  /// Up to `most` crystals that explain the pattern together, the largest share first, by a
  /// non-negative fit of their templates to all peaks: none is taken away, a peak may be of two.
  /// Each explains at least least_peaks peaks that the others do not. Empty: not indexed.
  std::vector<Overlapping> match_overlapping(const std::vector<PeakVector>& peaks, int most) const;

  /// The match with its candidates put in order by multiple scattering, as far as they fit well
  /// enough to be indexed; of crystals whose two senses are the same by single scattering, both.
  /// Ties, flags and probabilities of phases are then by that likelihood. See
  /// dynamical_ranking.hpp, also for errors; `patterns`: of each phase.
  PatternMatch reranked(PatternMatch match, const std::vector<PeakVector>& peaks,
                        const std::vector<const DynamicalPatterns*>& patterns,
                        const DynamicalRankingOptions& options) const;

  const MatchOptions& options() const { return options_; }

 private:
  /// Of a candidate against the first.
  struct Standing {
    bool as_well = false;  ///< fits as well
    double odds = 0;
  };
  void judge(PatternMatch& match, const std::vector<Standing>& standings) const;
  std::vector<Misfit> misfits(const std::vector<PeakVector>& peaks,
                              const std::vector<Candidate>& candidates) const;
  std::vector<Misfit> rank(const std::vector<PeakVector>& peaks,
                           std::vector<Candidate>& found) const;

  MatchOptions options_;
  std::vector<PhaseCandidates> phases_;
};

}  // namespace pendel

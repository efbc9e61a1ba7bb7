// The templates of a library laid out for comparison with a pattern at every angle in the
// plane, and the search through them.
//
// Patterns are compared by <a,b> = Σ_ij a_i b_j exp(−|q_i − q_j|²/2δ²), a sum over the rings on
// which the spots of templates lie. On each ring the pattern is a profile over the angle; a
// template turned by φ takes from it, for each of its spots, the value at the spot's angle + φ.
// So its likeness at all angles is a sum of shifted profiles. The same sum over profiles in which
// every value is the largest of a few neighbours bounds it from above on a coarser net: only
// templates whose bound exceeds the best likeness found so far are compared in full.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "acom/library.hpp"

namespace pendel {

/// A spot with its weight in a comparison; a negative weight takes away what is explained already.
struct WeightedSpot {
  Vec2 q;
  double weight = 0;
};

/// <a,b> with δ = tolerance.
double blurred_product(const std::vector<WeightedSpot>& a, const std::vector<WeightedSpot>& b,
                       double tolerance);

/// A template at an angle: with the intensities of `thickness`, mirrored (y → −y) if so, then
/// turned by `angle` [rad] from x to y.
struct TemplateHit {
  int template_index = 0, thickness = 0;
  bool mirrored = false;
  double angle = 0;
  double product = 0;  ///< <pattern, template>, the template of unit norm
};

class TemplateIndex {
 public:
  static constexpr int bins = 384;  ///< angles in the plane: steps of 0.94°

  TemplateIndex(const PhaseLibrary& library, double tolerance, double power);

  /// Receives a hit and returns the product below which no other hit would be of use.
  using Receiver = std::function<double(const TemplateHit&)>;
  /// Passes every local maximum over the angle of every template to the receiver, in no order,
  /// except those below the product it last returned. Exhaustive: without bounds.
  void search(const std::vector<WeightedSpot>& pattern, bool exhaustive,
              const Receiver& receive) const;

  int entries() const { return int(entries_.size()); }  ///< templates, thicknesses and hands

 private:
  struct Entry {
    std::uint32_t template_index, thickness;
    bool mirrored;
    std::uint32_t first, count;  ///< of spots
  };
  struct Profiles;
  Profiles profiles(const std::vector<WeightedSpot>& pattern) const;

  double tolerance_;
  std::vector<double> rings_;  ///< radii [1/Å], ascending
  std::vector<Entry> entries_;
  // Spots of all entries: where in the profiles their values start; their weights.
  std::vector<std::uint32_t> rows_, pooled_rows_;
  std::vector<float> weights_;
};

}  // namespace pendel

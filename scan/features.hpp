// What describes a position by its Bragg peaks, as a row of numbers that are not below 0: for
// nnmf.hpp. Lengths are those of Calibration::vector (1/Å, or pixels).
#pragma once
#include <vector>

#include "scan/bragg_peaks.hpp"
#include "scan/nnmf.hpp"

namespace pendel {

struct FeatureWeight {
  /// Of every peak: its intensity, or 1.
  bool intensity = true;
  /// The sum over the peaks of a feature, to this power.
  double power = 1;
};

/// Every peak belongs to the nearest of the places that is within the radius; (positions, places).
FeatureMatrix place_features(const BraggPeaks& peaks, const std::vector<Vec2>& places,
                             double radius, const FeatureWeight& weight = {});

/// Peaks by |q|, each shared linearly between the two nearest of the rings at from + i step, i <
/// count; (positions, count).
FeatureMatrix ring_features(const BraggPeaks& peaks, double from, double step, std::size_t count,
                            const FeatureWeight& weight = {});

}  // namespace pendel

// From the grains of a map to what goes on from there: studies `fit` and `strain` as YAML, and the
// intensities that the former fits, with indices as the grain's orientation has them.
#pragma once
#include "acom/grains.hpp"
#include "acom/library.hpp"
#include "io/emd.hpp"
#include "scan/lattice.hpp"
#include "studies/match.hpp"

namespace pendel {

/// Of the three largest grains: `hand_over/G/intensity` (row, column, disk) of reflections of the
/// zone that at least half of the grain's positions have a peak for, NaN elsewhere, `hkl`
/// (disk, 3), and in metadata `hand_over` the studies fit_G (if the thickness is known) and
/// strain_G. `patterns`: by position; `file`: of the result.
void write_hand_over(EmdWriter& result, const MatchStudy& study, const std::string& file,
                     const OrientationMap& map, const Grains& grains,
                     const std::vector<PhaseLibrary>& libraries,
                     const std::vector<std::vector<PeakVector>>& patterns);

}  // namespace pendel

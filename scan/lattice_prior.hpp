// Places of disks that form one plane lattice: what is measured of each is joined with what the
// others say of it, so that faint disks and disks with fringes lie better than they alone show.
#pragma once
#include <optional>

#include "scan/lattice.hpp"

namespace pendel {

struct LatticePrior {
  double scatter = 0;      ///< of true places about the lattice, each coordinate [pixels]
  std::size_t joined = 0;  ///< peaks on it
};

/// Peaks of one pattern, with errors. Places are taken as lattice + scatter (the same for all,
/// estimated from the peaks) + error: those on the lattice become the best linear estimate, their
/// errors its. Peaks farther off than five of their deviations are of no lattice and stay. None,
/// with nothing changed, if less than `least_part` of the peaks are on one lattice.
std::optional<LatticePrior> join_lattice(std::vector<BraggPeak>& peaks, double least_part = 0.7,
                                         const LatticeFitOptions& options = {});

}  // namespace pendel

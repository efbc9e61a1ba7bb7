// Crystals from CIF files. Here, and only here, B becomes U and symmetry is applied: a Crystal
// holds every atom of the cell. Writing is in cif/write.hpp.
#pragma once
#include <string>
#include <vector>

#include "crystal/crystal.hpp"

namespace pendel {

struct CifOptions {
  std::string block;              ///< name of the data block; empty: the first with atoms
  double default_B_A2 = 0.5;      ///< B of atoms for which the file gives none; each use is noted
  double merge_distance_A = 0.1;  ///< images of an atom nearer than this are one atom
};

/// The crystal of a CIF file. Symmetry operators listed in the file win over its space-group
/// symbol. An atom on a special position (to merge_distance_A) is moved onto it. Whatever was
/// assumed, skipped or contradictory is said in `notes` (appended; may be null), one sentence each.
/// Error (input), naming file, block and tag: unreadable file, syntax, no block with atoms, bad
/// cell, unknown symmetry or element, a coordinate that is no number, an impossible occupancy.
Crystal read_cif(const std::string& path, const CifOptions& options = {},
                 std::vector<std::string>* notes = nullptr);

}  // namespace pendel

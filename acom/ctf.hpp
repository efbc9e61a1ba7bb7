// Orientation maps as .ctf files (Oxford Channel 5), as AZtec, MTEX and orix read and write them.
//
// Angles are Bunge's in degrees, in the map frame of crystal/rotation.hpp.
#pragma once
#include "acom/orientation_text.hpp"

namespace pendel {

/// Eleven columns: phase from 1 (0: not indexed), X Y [µm], bands = peaks used, error (0; 3 if not
/// indexed), Euler1-3 [deg], MAD = standard error [deg], BC = 255 × score, BS = 255 × reliability;
/// 0 for what is not known. A phase's Laue group is stated by its number, its point group by the
/// first space group that has it (P432 for 432): a map knows no more. Of several solutions the
/// first is written. Without a step positions are counted. Error (input) if the file cannot be
/// written.
void write_ctf(const std::string& path, const OrientationMap& map,
               CrystalFrame frame = CrystalFrame::a_along_x);

/// Of any program; columns are found by their names, decimal commas and missing space groups (then
/// the Laue group is what is known) understood. MAD is the standard error, bands the peaks used.
/// Error (input), with file and line, for what is malformed and for a symmetry that is none of the
/// phase's cell.
OrientationMap read_ctf(const std::string& path, CrystalFrame frame = CrystalFrame::a_along_x);

}  // namespace pendel

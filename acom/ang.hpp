// Orientation maps as .ang files (EDAX/TSL), as orix, MTEX and OIM read and write them.
//
// Angles are Bunge's in rad, in the map frame of crystal/rotation.hpp. Symmetries of an .ang are
// the rotations of Laue groups (43, 62, ...): of a phase read from one only its Laue group is
// known.
#pragma once
#include "acom/orientation_text.hpp"

namespace pendel {

/// Ten columns: phi1 PHI phi2 [rad], x y [µm], IQ = score, CI = reliability, phase from 1 (the
/// header has the last one first, as OIM 7 expects), detector signal = peaks used, fit = standard
/// error [deg]; 0 for what is not known. A position that is not indexed has angles of 4π, CI -1,
/// fit 180. Of several solutions the first is written. Without a step positions are counted. Error
/// (input) if the file cannot be written.
void write_ang(const std::string& path, const OrientationMap& map,
               CrystalFrame frame = CrystalFrame::a_along_x);

/// Files of EDAX (10 columns or more), EMsoft (8; its dot product is the score), ASTAR (9; steps in
/// nm; index and reliability are the score and the reliability) and with a line "Column names"
/// (orix, Pendel). CI is the reliability, fit the standard error. Error (input), with file and
/// line, for what is malformed, for a hexagonal grid, and for a symmetry that is none of the
/// phase's cell.
OrientationMap read_ang(const std::string& path, CrystalFrame frame = CrystalFrame::a_along_x);

}  // namespace pendel

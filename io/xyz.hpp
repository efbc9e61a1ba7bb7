// Lists of atoms in text files: XYZ, extended XYZ and the .xyz of Prismatic.
//   XYZ         number of atoms | comment | rows: element x y z [occupancy [rms]]
//   rows alone  the same rows without the two lines before them
//   extended    the comment holds Lattice="..." and Properties=species:S:1:pos:R:3:...
//   Prismatic   comment | a b c | rows: Z x y z occupancy rms | -1
// XYZ and extended XYZ may hold frames one after the other.
// Commas count as spaces; lines that begin with # are passed over among rows. Lengths are in Å; rms
// is the standard deviation of the thermal displacement along one axis, so B = 8π² rms². The beam
// enters at z = 0 as in Kirkland's programs, whose format Prismatic uses; Prismatic itself lets it
// enter at the greatest z.
#pragma once
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/space.hpp"

namespace pendel {

struct XyzAtom {
  int Z = 0;
  Vec3 position = Vec3::Zero();  ///< Å
  double occupancy = 1;
  double rms = std::numeric_limits<double>::quiet_NaN();  ///< Å; NaN: the file has none
};

struct XyzFile {
  std::optional<Vec3> box;  ///< Å, if the file has one
  std::vector<XyzAtom> atoms;
};

/// atomic_number: of a chemical symbol, 0 if unknown. Error (input), with file and line: what is
/// malformed, an unknown element, an occupancy outside (0, 1], a negative rms, a cell that is not
/// right-angled along x, y, z, a number of atoms that is not the stated one, no atoms at all.
XyzFile read_xyz(const std::string& path,
                 const std::function<int(const std::string&)>& atomic_number);
/// All frames of a file, at least one; read_xyz gives an error if there are several. The same
/// errors; those of a file with several frames name the frame, from 1.
std::vector<XyzFile> read_xyz_frames(const std::string& path,
                                     const std::function<int(const std::string&)>& atomic_number);

}  // namespace pendel

// What .ang and .ctf files have in common: lines, numbers, positions in rows and columns, phases
// without atoms, and the crystal frame that angles refer to.
#pragma once
#include <cstdio>

#include "acom/orientation_map.hpp"
#include "crystal/point_group.hpp"

namespace pendel {

/// Crystal axes that an orientation file's angles refer to. Pendel's own, orix's and EDAX's are a
/// along x, c* along z; others have a* along x, c along z: 30° apart with hexagonal axes, and what
/// exchanges green and blue in their maps. The same where the axes are at right angles.
enum class CrystalFrame { a_along_x, a_star_along_x };

/// Bunge angles [rad] of an orientation of this crystal, referred to the frame; and back.
Vec3 file_angles(const Mat3& R_lab_crystal, const Cell& cell, CrystalFrame frame);
Mat3 from_file_angles(const Vec3& phi1_PHI_phi2, const Cell& cell, CrystalFrame frame);

/// A text file as it is read.
class OrientationText {
 public:
  /// Error (input) if the file cannot be read or is no text.
  explicit OrientationText(const std::string& path);
  const std::vector<std::string>& lines() const { return lines_; }  ///< without ends of line

  /// Error (input) "path:line: message"; lines count from 0 here and from 1 in the message.
  [[noreturn]] void fail(std::size_t line, const std::string& message) const;
  /// A decimal comma is understood. Error (input) if this is no finite number.
  double number(std::size_t line, const std::string& word) const;
  /// Error (input) if this is no number of less than ten digits; it is rounded.
  int whole(std::size_t line, double value) const;
  /// A cell and a point group [standard setting], Laue operations as its symmetry. Error (input) if
  /// the group is none of this cell's lattice.
  MapPhase phase(std::size_t line, const std::string& name, const std::vector<double>& cell,
                 const std::string& point_group) const;

 private:
  std::string path_;
  std::vector<std::string> lines_;
};

std::vector<std::string> text_words(const std::string& text);  ///< separated by blanks
std::vector<std::string> text_fields(const std::string& text, char separator);  ///< trimmed

double or_0(double value);  ///< for formats that know no NaN

/// Appends what std::snprintf makes of the format, up to 400 characters.
template <class... Values>
void append(std::string& out, const char* format, Values... values) {
  char line[400];
  std::snprintf(line, sizeof line, format, values...);
  out += line;
}

/// Rows, columns and step of a map from the positions (x, y) of its data, which begin at line
/// `first`, in units of `unit_A`. Error (input) unless they fill a grid row by row with steps
/// alike in x and y.
void set_grid(OrientationMap& map, const std::vector<Vec2>& positions, double unit_A,
              const OrientationText& text, std::size_t first);

}  // namespace pendel

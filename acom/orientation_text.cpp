#include "acom/orientation_text.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

/// From Pendel's crystal frame to the one of the file.
Mat3 to_frame(const Cell& cell, CrystalFrame frame) {
  if (frame == CrystalFrame::a_along_x) return Mat3::Identity();
  const Vec3 x = cell.reciprocal_basis().col(0).normalized();
  const Vec3 z = cell.orthogonalization().col(2).normalized();
  Mat3 rows;
  rows << x.transpose(), z.cross(x).transpose(), z.transpose();
  return rows;
}

std::string trimmed(const std::string& text) {
  const char* blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace

// v_file = T v_crystal = T g v_map
Vec3 file_angles(const Mat3& R_lab_crystal, const Cell& cell, CrystalFrame frame) {
  return bunge_angles(R_lab_crystal * to_frame(cell, frame).transpose());
}

Mat3 from_file_angles(const Vec3& phi1_PHI_phi2, const Cell& cell, CrystalFrame frame) {
  return from_bunge_angles(phi1_PHI_phi2) * to_frame(cell, frame);
}

OrientationText::OrientationText(const std::string& path) : path_(path) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorKind::input, path + ": there is no such file, or it may not be read");
  for (std::string line; std::getline(file, line);) {
    if (line.find('\0') != std::string::npos)
      throw Error(ErrorKind::input, path + ": this is not a text file");
    while (!line.empty() && line.back() == '\r') line.pop_back();
    lines_.push_back(line);
  }
  if (file.bad()) throw Error(ErrorKind::input, path + ": cannot be read");
  while (!lines_.empty() && trimmed(lines_.back()).empty()) lines_.pop_back();
}

void OrientationText::fail(std::size_t line, const std::string& message) const {
  throw Error(ErrorKind::input, path_ + ":" + std::to_string(line + 1) + ": " + message);
}

double OrientationText::number(std::size_t line, const std::string& word) const {
  std::string text = word;
  std::replace(text.begin(), text.end(), ',', '.');
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    fail(line, "'" + word + "' is no number");
  return value;
}

int OrientationText::whole(std::size_t line, double value) const {
  if (!(std::abs(value) < 1e9)) fail(line, std::to_string(value) + " where a small number belongs");
  return int(std::lround(value));
}

MapPhase OrientationText::phase(std::size_t line, const std::string& name,
                                const std::vector<double>& cell, const std::string& group) const {
  try {
    MapPhase phase;
    phase.name = name;
    phase.crystal.name = name;
    phase.crystal.cell =
        Cell(cell.at(0), cell.at(1), cell.at(2), cell.at(3), cell.at(4), cell.at(5));
    phase.point_group = group;
    phase.symmetry = laue_group(point_group(group)).operations;
    // An operation of the lattice has integer elements in its basis; cells are stated to 1e-3.
    const Mat3& L = phase.crystal.cell.orthogonalization();
    for (const Mat3& S : phase.symmetry) {
      const Mat3 W = L.inverse() * S * L;
      if ((W - W.array().round().matrix()).cwiseAbs().maxCoeff() > 0.01)
        fail(line, "phase '" + name + "' has point group " + group +
                       ", which in its standard setting is none of its cell's");
    }
    return phase;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::input && std::string(error.what()).rfind(path_, 0) == 0) throw;
    fail(line, "phase '" + name + "': " + error.what());
  }
}

std::vector<std::string> text_words(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

std::vector<std::string> text_fields(const std::string& text, char separator) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string field; std::getline(stream, field, separator);) result.push_back(trimmed(field));
  return result;
}

double or_0(double value) { return std::isfinite(value) ? value : 0; }

void set_grid(OrientationMap& map, const std::vector<Vec2>& positions, double unit_A,
              const OrientationText& text, std::size_t first) {
  if (positions.empty()) text.fail(first, "there are no positions");
  std::size_t columns = 1;
  while (columns < positions.size() && positions[columns][0] > positions[columns - 1][0]) ++columns;
  const std::size_t rows = positions.size() / columns;
  if (rows * columns != positions.size())
    text.fail(first + rows * columns, std::to_string(positions.size()) +
                                          " positions are no whole number of rows of " +
                                          std::to_string(columns));
  const double x_step =
      columns > 1 ? (positions[columns - 1][0] - positions[0][0]) / double(columns - 1) : 0;
  const double y_step = rows > 1 ? (positions.back()[1] - positions[0][1]) / double(rows - 1) : 0;
  const double step = std::max(x_step, y_step);
  // Files round positions; half a step would be another column.
  if (rows > 1 && columns > 1 && std::abs(x_step - y_step) > 0.01 * step)
    text.fail(first, "steps of " + std::to_string(x_step) + " along x and " +
                         std::to_string(y_step) + " along y; maps have equal steps");
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Vec2 expected = positions[0] + step * Vec2(double(i % columns), double(i / columns));
    if ((positions[i] - expected).cwiseAbs().maxCoeff() > 0.25 * step)
      text.fail(first + i,
                "this position is out of the square grid, row by row, that the others make");
  }
  map.rows = rows;
  map.columns = columns;
  map.step_A = step > 0 ? step * unit_A : OrientationSolution::not_known;
  map.at.resize(positions.size());
}

}  // namespace pendel

#include "acom/ctf.hpp"

#include <algorithm>
#include <cmath>

#include "core/electron.hpp"
#include "io/files.hpp"

namespace pendel {

namespace {

constexpr double micrometre = 1e4;  // Å
constexpr double degree = electron::pi / 180;

/// In the order of their numbers, from 1.
const std::vector<std::string> laue_names = {"-1",  "2/m", "mmm",   "4/m", "4/mmm", "-3",
                                             "-3m", "6/m", "6/mmm", "m-3", "m-3m"};

/// The last space group of every point group, in the order of point_group_names().
const int last_space_group[] = {1,   2,   5,   9,   15,  24,  46,  74,  80,  82,  88,
                                98,  110, 122, 142, 146, 148, 155, 161, 167, 173, 174,
                                176, 182, 186, 190, 194, 199, 206, 214, 220, 230};

int laue_number(const std::string& name) {
  const std::string laue = laue_group(point_group(name)).name;
  return int(std::find(laue_names.begin(), laue_names.end(), laue) - laue_names.begin()) + 1;
}

/// The first one with the standard setting of the point group: P321 and P-3m1 rather than P312 and
/// P-31m.
int space_group(const std::string& name) {
  const std::vector<std::string>& names = point_group_names();
  const long i = std::find(names.begin(), names.end(), name) - names.begin();
  const int first = i == 0 ? 1 : last_space_group[i - 1] + 1;
  return name == "32" ? first + 1 : name == "-3m" ? first + 2 : first;
}

std::string point_group_of(int space_group) {
  const auto found =
      std::lower_bound(std::begin(last_space_group), std::end(last_space_group), space_group);
  return point_group_names()[std::size_t(found - std::begin(last_space_group))];
}

MapPhase read_phase(const OrientationText& text, std::size_t line) {
  const std::vector<std::string> field = text_fields(text.lines()[line], '\t');
  if (field.size() < 4)
    text.fail(line, "a phase needs cell edges, angles, name and Laue group, separated by tabs");
  std::vector<double> cell;
  for (const std::string& part : {field[0], field[1]}) {
    const std::vector<std::string> numbers = text_fields(part, ';');
    if (numbers.size() != 3) text.fail(line, "'" + part + "' must be three numbers a;b;c");
    for (const std::string& number : numbers) cell.push_back(text.number(line, number));
  }
  const double laue = text.number(line, field[3]);
  if (!(laue >= 1 && laue <= 11))
    text.fail(line, "Laue group '" + field[3] + "'; there are 1 to 11");
  std::string group = laue_names[std::size_t(laue) - 1];
  const double number = field.size() > 4 && !field[4].empty() ? text.number(line, field[4]) : 0;
  if (number >= 1 && number <= 230) {
    const std::string precise = point_group_of(int(number));
    if (laue_number(precise) != int(laue))
      text.fail(line, "space group " + field[4] + " is not of Laue group " + group);
    group = precise;
  }
  return text.phase(line, field[2], cell, group);
}

}  // namespace

void write_ctf(const std::string& path, const OrientationMap& map, CrystalFrame frame) {
  const double step = std::isfinite(map.step_A) ? map.step_A / micrometre : 1;
  std::string out = "Channel Text File\nPrj\tPendel\nAuthor\t\nJobMode\tGrid\n";
  append(out, "XCells\t%zu\nYCells\t%zu\nXStep\t%.8f\nYStep\t%.8f\n", map.columns, map.rows, step,
         step);
  out +=
      "AcqE1\t0\nAcqE2\t0\nAcqE3\t0\n"
      "Euler angles refer to Sample Coordinate system (CS0)!\tMag\t0\tCoverage\t100\tDevice\t0\t"
      "KV\t0\tTiltAngle\t0\tTiltAxis\t0\n";
  append(out, "Phases\t%zu\n", map.phases.size());
  for (const MapPhase& phase : map.phases) {
    const Vec3 &edges = phase.crystal.cell.edges(), &angles = phase.crystal.cell.angles_deg();
    append(out, "%.4f;%.4f;%.4f\t%.3f;%.3f;%.3f\t", edges[0], edges[1], edges[2], angles[0],
           angles[1], angles[2]);
    std::string name = phase.name;
    std::replace(name.begin(), name.end(), '\t', ' ');
    out += name;
    append(out, "\t%d\t%d\t\t\tspace group: the first of point group ",
           laue_number(phase.point_group), space_group(phase.point_group));
    out += phase.point_group + "\n";
  }
  out += "Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS\n";
  for (std::size_t i = 0; i < map.positions(); ++i) {
    const MapPosition& position = map.at[i];
    OrientationSolution solution;
    Vec3 angles = Vec3::Zero();
    int phase = 0;
    if (position.indexed()) {
      solution = position.solutions.front();
      phase = solution.phase + 1;
      angles = file_angles(solution.R_lab_crystal,
                           map.phases[std::size_t(solution.phase)].crystal.cell, frame) /
               degree;
    }
    const auto of_255 = [&](double value) {
      return int(std::lround(255 * std::clamp(or_0(value), 0.0, 1.0)));
    };
    append(out, "%d\t%.8f\t%.8f\t%d\t%d\t%.6f\t%.6f\t%.6f\t%.6f\t%d\t%d\n", phase,
           step * double(i % map.columns), step * double(i / map.columns), solution.peaks_used,
           phase > 0 ? 0 : 3, angles[0], angles[1], angles[2], or_0(solution.error_deg),
           of_255(solution.score), phase > 0 ? of_255(position.reliability) : 0);
  }
  write_whole_file(path, out.data(), out.size());
}

OrientationMap read_ctf(const std::string& path, CrystalFrame frame) {
  const OrientationText text(path);
  const std::vector<std::string>& lines = text.lines();
  OrientationMap map;
  // Headers differ between programs; all state "Phases N", then N of them, then the columns.
  std::size_t line = 0;
  while (line < lines.size() && lines[line].rfind("Phases", 0) != 0) ++line;
  if (line == lines.size())
    text.fail(0, "no line 'Phases' in this file; a .ctf states its phases there");
  const std::vector<std::string> count = text_fields(lines[line], '\t');
  const double phases = count.size() > 1 ? text.number(line, count[1]) : 0;
  if (!(phases >= 1 && phases <= 1000)) text.fail(line, "'Phases' needs their number");
  for (int i = 0; i < int(phases); ++i) {
    if (++line == lines.size()) text.fail(line, "the file ends among its phases");
    map.phases.push_back(read_phase(text, line));
  }
  if (++line >= lines.size()) text.fail(line, "the file ends before its positions");
  const std::vector<std::string> names = text_fields(lines[line], '\t');
  const auto column = [&](const char* name, bool needed) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end() && needed)
      text.fail(line, std::string("no column '") + name + "' in this line");
    return found == names.end() ? -1 : int(found - names.begin());
  };
  const int phase_column = column("Phase", true), x = column("X", true), y = column("Y", true);
  const int euler[] = {column("Euler1", true), column("Euler2", true), column("Euler3", true)};
  const int bands = column("Bands", false), deviation = column("MAD", false);

  const std::size_t first = ++line;
  std::vector<Vec2> positions;
  std::vector<MapPosition> made;
  for (; line < lines.size(); ++line) {
    const std::vector<std::string> field = text_fields(lines[line], '\t');
    if (field.size() < names.size())
      text.fail(line, std::to_string(field.size()) + " columns; " + std::to_string(names.size()) +
                          " are needed");
    const auto value = [&](int at) { return text.number(line, field[std::size_t(at)]); };
    positions.push_back({value(x), value(y)});
    made.emplace_back();
    const double phase = value(phase_column);
    if (phase <= 0) continue;
    if (phase > phases)
      text.fail(line, "phase " + field[std::size_t(phase_column)] + " of " + count[1]);
    OrientationSolution solution;
    solution.phase = int(phase) - 1;
    const Vec3 angles(value(euler[0]), value(euler[1]), value(euler[2]));
    solution.R_lab_crystal = from_file_angles(
        angles * degree, map.phases[std::size_t(solution.phase)].crystal.cell, frame);
    if (bands >= 0) solution.peaks_used = text.whole(line, value(bands));
    if (deviation >= 0 && value(deviation) > 0) solution.error_deg = value(deviation);
    made.back().solutions = {solution};
  }
  set_grid(map, positions, micrometre, text, first);
  map.at = std::move(made);
  return map;
}

}  // namespace pendel

#include "acom/ang.hpp"

#include <algorithm>
#include <cmath>

#include "core/electron.hpp"
#include "io/files.hpp"

namespace pendel {

namespace {

constexpr double micrometre = 1e4, nanometre = 10;  // Å
constexpr double not_indexed_angle = 4 * electron::pi, not_indexed_fit = 180;
const char* const our_columns =
    "phi1, Phi, phi2, x, y, score, reliability, phase_id, peaks, error_deg";

/// Symbols of the rotation groups where they differ from Hermann and Mauguin's.
const std::vector<std::pair<std::string, std::string>> tsl_symbols = {
    {"432", "43"}, {"622", "62"}, {"422", "42"}, {"222", "22"}};

std::string tsl_symbol(const MapPhase& phase) {
  const std::string name = rotation_group(laue_group(point_group(phase.point_group))).name;
  for (const auto& [symbol, tsl] : tsl_symbols)
    if (symbol == name) return tsl;
  return name;
}

/// Of the Laue group.
std::string group_of_symbol(std::string symbol) {
  for (const auto& [name, tsl] : tsl_symbols)
    if (symbol == tsl) symbol = name;
  if (symbol == "20" || symbol == "121") symbol = "2";  // OIM's monoclinic; orix's
  if (symbol == "321") symbol = "32";
  return laue_group(point_group(symbol)).name;
}

/// Which number of a row is what; -1: none.
struct Columns {
  int score = -1, reliability = -1, phase = 7, peaks = -1, error = -1;
  std::size_t least = 8;
};

class Reader {
 public:
  Reader(const std::string& path, CrystalFrame frame) : text_(path), frame_(frame) {}

  OrientationMap read() {
    std::size_t first = 0;
    for (; first < lines().size() && lines()[first].rfind("#", 0) == 0; ++first) header_line(first);
    finish_phase(first);
    if (map_.phases.empty()) text_.fail(first, "no phase ('# MaterialName') before the data");
    if (first == lines().size()) text_.fail(first, "there are no positions");
    const Columns columns = columns_of(text_words(lines()[first]).size());
    std::vector<Vec2> positions;
    std::vector<std::vector<double>> rows;
    for (std::size_t i = first; i < lines().size(); ++i) {
      std::vector<double> row;
      for (const std::string& word : text_words(lines()[i])) row.push_back(text_.number(i, word));
      if (row.size() < columns.least || (!rows.empty() && row.size() != rows[0].size()))
        text_.fail(i, std::to_string(row.size()) + " numbers in a row; " +
                          std::to_string(rows.empty() ? columns.least : rows[0].size()) +
                          " are needed");
      positions.push_back({row[3], row[4]});
      rows.push_back(std::move(row));
    }
    set_grid(map_, positions, astar_ ? nanometre : micrometre, text_, first);
    for (std::size_t i = 0; i < rows.size(); ++i) set_position(i, first + i, rows[i], columns);
    return std::move(map_);
  }

 private:
  const std::vector<std::string>& lines() const { return text_.lines(); }

  void header_line(std::size_t line) {
    const std::string content = lines()[line].substr(1);
    if (content.find("ACOM") != std::string::npos) astar_ = true;
    if (content.find("EMsoft") != std::string::npos) emsoft_ = true;
    const std::vector<std::string> word = text_words(content);
    if (word.empty()) return;
    const auto rest = [&] {
      const std::size_t begin = content.find(word[0]) + word[0].size();
      const auto trimmed = text_fields(content.substr(begin), '\n');
      return trimmed.empty() ? std::string() : trimmed[0];
    };
    if (word[0] == "Phase" && word.size() == 2) {
      finish_phase(line);
      id_ = text_.whole(line, text_.number(line, word[1]));
    } else if (word[0] == "MaterialName") {
      if (!name_.empty()) finish_phase(line);
      name_ = rest().empty() ? "phase" + std::to_string(map_.phases.size() + 1) : rest();
    } else if (word[0] == "Symmetry" && word.size() == 2) {
      symbol_ = word[1];
    } else if (word[0] == "LatticeConstants") {
      cell_.clear();
      for (std::size_t i = 1; i < word.size(); ++i) cell_.push_back(text_.number(line, word[i]));
      if (cell_.size() != 6) text_.fail(line, "LatticeConstants needs six numbers");
    } else if (word[0] == "GRID:" && word.size() > 1 && word[1].rfind("Hex", 0) == 0) {
      text_.fail(line, "a hexagonal grid; maps have square ones: resample it where it was made");
    } else if (content.find("Column names:") != std::string::npos) {
      names_ = text_fields(content.substr(content.find(':') + 1), ',');
    }
  }

  void finish_phase(std::size_t line) {
    if (name_.empty()) return;
    if (symbol_.empty() || cell_.empty())
      text_.fail(line, "phase '" + name_ + "' has no Symmetry or no LatticeConstants");
    std::string group;
    try {
      group = group_of_symbol(symbol_);
    } catch (const std::exception&) {
      text_.fail(line, "phase '" + name_ + "' has symmetry '" + symbol_ +
                           "'; there are 43, 23, 62, 6, 42, 4, 32, 3, 22, 2, 20, 1");
    }
    MapPhase phase = text_.phase(line, name_, cell_, group);
    const int id = id_ > 0 ? id_ : int(map_.phases.size()) + 1;
    // Phases are kept in the order of their numbers.
    const auto after = std::upper_bound(ids_.begin(), ids_.end(), id);
    map_.phases.insert(map_.phases.begin() + (after - ids_.begin()), std::move(phase));
    ids_.insert(after, id);
    name_.clear();
    symbol_.clear();
    cell_.clear();
    id_ = 0;
  }

  Columns columns_of(std::size_t count) const {
    Columns columns;
    if (!names_.empty()) {
      const auto place = [&](std::initializer_list<const char*> known) {
        for (const char* name : known)
          for (std::size_t i = 5; i < names_.size(); ++i)
            if (names_[i] == name) return int(i);
        return -1;
      };
      columns.score = place({"score", "scores", "correlation"});
      columns.reliability = place({"reliability", "confidence_index", "ci"});
      columns.phase = std::max(7, place({"phase_id"}));
      columns.peaks = place({"peaks"});
      columns.error = place({"error_deg", "pattern_fit", "fit"});
      columns.least = names_.size();
    } else if (astar_) {
      columns.score = 5;
      columns.reliability = 6;
    } else if (emsoft_) {
      columns.score = 6;
    } else {
      columns.reliability = 6;
      if (count >= 10) columns.error = 9;
    }
    return columns;
  }

  void set_position(std::size_t at, std::size_t line, const std::vector<double>& row,
                    const Columns& columns) {
    const auto value = [&](int column) {
      return column < 0 ? OrientationSolution::not_known : row[std::size_t(column)];
    };
    const Vec3 angles(row[0], row[1], row[2]);
    const int id = text_.whole(line, value(columns.phase));
    const bool unknown_angles =
        (angles - Vec3::Constant(not_indexed_angle)).cwiseAbs().maxCoeff() < 1e-3;
    if (id < 0 || unknown_angles || value(columns.reliability) == -1) return;
    int phase = int(std::find(ids_.begin(), ids_.end(), id) - ids_.begin());
    if (phase == int(ids_.size())) {
      // Old files of one phase count from 0.
      if (id != 0 || ids_.size() != 1)
        text_.fail(line, "phase " + std::to_string(id) + " is not in the header");
      phase = 0;
    }
    MapPosition& position = map_.at[at];
    OrientationSolution solution;
    solution.phase = phase;
    solution.R_lab_crystal =
        from_file_angles(angles, map_.phases[std::size_t(phase)].crystal.cell, frame_);
    solution.score = value(columns.score);
    if (columns.peaks >= 0) solution.peaks_used = text_.whole(line, value(columns.peaks));
    const double error = value(columns.error);
    if (error > 0 && error < not_indexed_fit) solution.error_deg = error;
    position.reliability = value(columns.reliability);
    position.solutions = {solution};
  }

  OrientationText text_;
  CrystalFrame frame_;
  OrientationMap map_;
  std::vector<int> ids_;  // of the phases
  bool astar_ = false, emsoft_ = false;
  std::vector<std::string> names_;
  // the phase that is being read
  int id_ = 0;
  std::string name_, symbol_;
  std::vector<double> cell_;
};

}  // namespace

void write_ang(const std::string& path, const OrientationMap& map, CrystalFrame frame) {
  std::string out =
      "# TEM_PIXperUM           1.000000\n# x-star                 0.000000\n"
      "# y-star                 0.000000\n# z-star                 0.000000\n"
      "# WorkingDistance        0.000000\n#\n";
  for (std::size_t i = map.phases.size(); i-- > 0;) {
    const MapPhase& phase = map.phases[i];
    const Vec3 &edges = phase.crystal.cell.edges(), &angles = phase.crystal.cell.angles_deg();
    append(out, "# Phase %zu\n", i + 1);
    out += "# MaterialName    " + phase.name + "\n# Formula    " + phase.name + "\n# Info\n";
    out += "# Symmetry    " + tsl_symbol(phase) + "\n";
    append(out, "# LatticeConstants    %.4f %.4f %.4f %.3f %.3f %.3f\n# NumberFamilies    0\n",
           edges[0], edges[1], edges[2], angles[0], angles[1], angles[2]);
  }
  const double step = std::isfinite(map.step_A) ? map.step_A / micrometre : 1;
  append(out, "# GRID: SqrGrid\n# XSTEP: %.8f\n# YSTEP: %.8f\n", step, step);
  append(out, "# NCOLS_ODD: %zu\n# NCOLS_EVEN: %zu\n# NROWS: %zu\n", map.columns, map.columns,
         map.rows);
  out += "#\n# OPERATOR: Pendel\n#\n# SAMPLEID:\n#\n# SCANID:\n#\n# Column names: ";
  out += std::string(our_columns) + "\n";
  for (std::size_t i = 0; i < map.positions(); ++i) {
    const MapPosition& position = map.at[i];
    Vec3 angles = Vec3::Constant(not_indexed_angle);
    OrientationSolution solution;
    double reliability = -1, fit = not_indexed_fit;
    int phase = 0;
    if (position.indexed()) {
      solution = position.solutions.front();
      phase = solution.phase + 1;
      angles = file_angles(solution.R_lab_crystal,
                           map.phases[std::size_t(solution.phase)].crystal.cell, frame);
      reliability = or_0(position.reliability);
      fit = or_0(solution.error_deg);
    }
    append(out, "%10.7f %10.7f %10.7f %14.8f %14.8f %9.6f %9.6f %2d %4d %10.6f\n", angles[0],
           angles[1], angles[2], step * double(i % map.columns), step * double(i / map.columns),
           or_0(solution.score), reliability, phase, solution.peaks_used, fit);
  }
  write_whole_file(path, out.data(), out.size());
}

OrientationMap read_ang(const std::string& path, CrystalFrame frame) {
  return Reader(path, frame).read();
}

}  // namespace pendel

// .ang and .ctf: what is written comes back, in the layouts of the programs that made the formats.
#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "../cif/temporary.hpp"
#include "acom/ang.hpp"
#include "acom/ctf.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/rotation.hpp"

using namespace pendel;
using electron::pi;

namespace {

constexpr double degree = pi / 180;

std::vector<std::string> lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> result;
  for (std::string line; std::getline(file, line);) result.push_back(line);
  return result;
}

bool has_line(const std::string& path, const std::string& line) {
  const auto all = lines(path);
  return std::find(all.begin(), all.end(), line) != all.end();
}

MapPhase phase(const std::string& name, const Cell& cell, const std::string& group) {
  MapPhase result;
  result.name = name;
  result.crystal.cell = cell;
  result.point_group = group;
  result.symmetry = laue_group(point_group(group)).operations;
  return result;
}

/// 3 x 4 positions of 8 Å, two of them not indexed.
OrientationMap example() {
  OrientationMap map;
  map.rows = 3;
  map.columns = 4;
  map.step_A = 8;
  map.phases = {phase("PbTiO3", Cell(3.904, 3.904, 4.152, 90, 90, 90), "4mm"),
                phase("LiCoO2", Cell(2.8161, 2.8161, 14.0536, 90, 90, 120), "-3m"),
                phase("monoclinic one", Cell(5, 8.5, 5.1, 90, 109.4, 90), "2/m")};
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (int i = 0; i < 12; ++i) {
    MapPosition position;
    if (i != 2 && i != 11) {
      OrientationSolution solution;
      solution.phase = i % 3;
      solution.R_lab_crystal =
          from_quaternion({normal(random), normal(random), normal(random), normal(random)});
      solution.score = 0.4 + 0.05 * i;
      solution.peaks_used = 10 + i;
      solution.error_deg = i == 4 ? OrientationSolution::not_known : 0.1 + 0.01 * i;
      position.solutions = {solution};
      position.reliability = 0.03 * i;
    }
    map.at.push_back(position);
  }
  return map;
}

void same_map(const OrientationMap& read, const OrientationMap& written) {
  BOOST_TEST(read.rows == written.rows);
  BOOST_TEST(read.columns == written.columns);
  BOOST_TEST(std::abs(read.step_A - written.step_A) < 1e-6);
  BOOST_REQUIRE(read.phases.size() == written.phases.size());
  for (std::size_t i = 0; i < read.phases.size(); ++i) {
    const Cell &a = read.phases[i].crystal.cell, &b = written.phases[i].crystal.cell;
    BOOST_TEST(read.phases[i].name == written.phases[i].name);
    BOOST_TEST((a.edges() - b.edges()).norm() < 1e-3);
    BOOST_TEST((a.angles_deg() - b.angles_deg()).norm() < 1e-3);
    BOOST_TEST(read.phases[i].symmetry.size() == written.phases[i].symmetry.size());
  }
  BOOST_REQUIRE(read.at.size() == written.at.size());
  for (std::size_t i = 0; i < read.at.size(); ++i) {
    BOOST_TEST(read.at[i].indexed() == written.at[i].indexed());
    if (!written.at[i].indexed()) continue;
    const OrientationSolution &a = read.at[i].solutions[0], &b = written.at[i].solutions[0];
    BOOST_TEST(a.phase == b.phase);
    BOOST_TEST((a.R_lab_crystal - b.R_lab_crystal).norm() < 1e-6);
    BOOST_TEST(a.peaks_used == b.peaks_used);
    BOOST_TEST(std::isnan(a.error_deg) == std::isnan(b.error_deg));
    if (!std::isnan(b.error_deg)) BOOST_TEST(std::abs(a.error_deg - b.error_deg) < 1e-6);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(ang_comes_back) {
  const OrientationMap map = example();
  for (const CrystalFrame frame : {CrystalFrame::a_along_x, CrystalFrame::a_star_along_x}) {
    const TemporaryFile file;
    write_ang(file.path(), map, frame);
    const OrientationMap read = read_ang(file.path(), frame);
    same_map(read, map);
    for (std::size_t i = 0; i < 12; ++i) {
      if (!map.at[i].indexed()) continue;
      BOOST_TEST(std::abs(read.at[i].reliability - map.at[i].reliability) < 1e-6);
      BOOST_TEST(std::abs(read.at[i].solutions[0].score - map.at[i].solutions[0].score) < 1e-6);
    }
    BOOST_TEST(read.phases[0].point_group == "4/mmm");  // an .ang knows Laue groups only
  }
}

BOOST_AUTO_TEST_CASE(ctf_comes_back) {
  const OrientationMap map = example();
  for (const CrystalFrame frame : {CrystalFrame::a_along_x, CrystalFrame::a_star_along_x}) {
    const TemporaryFile file;
    write_ctf(file.path(), map, frame);
    const OrientationMap read = read_ctf(file.path(), frame);
    same_map(read, map);
    BOOST_TEST(read.phases[0].point_group == "4mm");
    BOOST_TEST(read.phases[1].point_group == "-3m");
  }
}

// The layout that orix, MTEX and OIM read.
BOOST_AUTO_TEST_CASE(layout_of_ang) {
  OrientationMap map = example();
  map.at[0].solutions[0].R_lab_crystal = from_bunge_angles({0.1, 0.2, 0.3});
  const TemporaryFile file;
  write_ang(file.path(), map);
  const auto all = lines(file.path());
  std::vector<std::string> keys;
  std::vector<std::vector<std::string>> data;
  for (const std::string& line : all) {
    if (line[0] == '#') {
      BOOST_TEST(data.empty());
      if (!text_words(line.substr(1)).empty()) keys.push_back(text_words(line.substr(1))[0]);
    } else {
      data.push_back(text_words(line));
    }
  }
  const std::vector<std::string> one_phase = {
      "Phase", "MaterialName", "Formula", "Info", "Symmetry", "LatticeConstants", "NumberFamilies"};
  std::vector<std::string> expected = {"TEM_PIXperUM", "x-star", "y-star", "z-star",
                                       "WorkingDistance"};
  for (int i = 0; i < 3; ++i) expected.insert(expected.end(), one_phase.begin(), one_phase.end());
  for (const char* key : {"GRID:", "XSTEP:", "YSTEP:", "NCOLS_ODD:", "NCOLS_EVEN:", "NROWS:",
                          "OPERATOR:", "SAMPLEID:", "SCANID:", "Column"})
    expected.push_back(key);
  BOOST_TEST(keys == expected, boost::test_tools::per_element());
  BOOST_TEST(has_line(file.path(), "# Symmetry    42"));
  BOOST_TEST(has_line(file.path(), "# Symmetry    32"));
  BOOST_TEST(has_line(file.path(), "# Symmetry    2"));
  BOOST_TEST(has_line(file.path(), "# GRID: SqrGrid"));
  BOOST_TEST(has_line(file.path(), "# NCOLS_ODD: 4"));
  BOOST_TEST(has_line(file.path(), "# NROWS: 3"));
  // the last phase first
  const auto at = [&](const char* line) {
    return std::find(all.begin(), all.end(), line) - all.begin();
  };
  BOOST_TEST(at("# Phase 3") < at("# Phase 2"));
  BOOST_TEST(at("# Phase 2") < at("# Phase 1"));

  BOOST_REQUIRE(data.size() == 12u);
  for (const auto& row : data) BOOST_TEST(row.size() == 10u);
  const auto value = [&](std::size_t i, std::size_t j) { return std::stod(data[i][j]); };
  BOOST_TEST(std::abs(value(0, 0) - 0.1) < 1e-6);
  BOOST_TEST(std::abs(value(0, 1) - 0.2) < 1e-6);
  BOOST_TEST(std::abs(value(0, 2) - 0.3) < 1e-6);
  BOOST_TEST(std::abs(value(5, 3) - 8e-4) < 1e-9);  // second row, second column: 8 Å in µm
  BOOST_TEST(std::abs(value(5, 4) - 8e-4) < 1e-9);
  BOOST_TEST(data[5][7] == "3");
  for (const int j : {0, 1, 2}) BOOST_TEST(std::abs(value(2, std::size_t(j)) - 4 * pi) < 1e-6);
  BOOST_TEST(value(2, 5) == 0);
  BOOST_TEST(value(2, 6) == -1);
  BOOST_TEST(value(2, 9) == 180);
}

BOOST_AUTO_TEST_CASE(layout_of_ctf) {
  OrientationMap map = example();
  map.at[0].solutions[0].R_lab_crystal = from_bunge_angles({0.1, 0.2, 0.3});
  const TemporaryFile file;
  write_ctf(file.path(), map);
  const auto all = lines(file.path());
  BOOST_REQUIRE(all.size() == 13u + 3u + 1u + 12u);
  BOOST_TEST(all[0] == "Channel Text File");
  BOOST_TEST(all[3] == "JobMode\tGrid");
  BOOST_TEST(all[4] == "XCells\t4");
  BOOST_TEST(all[5] == "YCells\t3");
  BOOST_TEST(all[6] == "XStep\t0.00080000");
  BOOST_TEST(all[12] == "Phases\t3");
  BOOST_TEST(all[13].rfind("3.9040;3.9040;4.1520\t90.000;90.000;90.000\tPbTiO3\t5\t99\t\t\t", 0) ==
             0u);
  BOOST_TEST(all[14].rfind("2.8161;2.8161;14.0536\t90.000;90.000;120.000\tLiCoO2\t7\t164\t", 0) ==
             0u);
  BOOST_TEST(all[16] == "Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS");
  const auto first = text_fields(all[17], '\t'), nothing = text_fields(all[19], '\t');
  BOOST_REQUIRE(first.size() == 11u);
  BOOST_TEST(first[0] == "1");
  BOOST_TEST(std::abs(std::stod(first[5]) - 0.1 / degree) < 1e-5);
  BOOST_TEST(first[9] == "102");  // 255 x 0.4
  BOOST_TEST(nothing[0] == "0");
  BOOST_TEST(nothing[4] == "3");
}

// a* is 30 degrees ahead of a with hexagonal axes, so the crystal is further turned by phi2.
BOOST_AUTO_TEST_CASE(crystal_frames) {
  const Mat3 R = from_bunge_angles({0.5, 0.6, 0.7});
  const Cell hexagonal(3, 3, 5, 90, 90, 120), cubic(4, 4, 4, 90, 90, 90);
  const Vec3 difference = file_angles(R, hexagonal, CrystalFrame::a_star_along_x) -
                          file_angles(R, hexagonal, CrystalFrame::a_along_x);
  BOOST_TEST((difference - Vec3(0, 0, 30 * degree)).norm() < 1e-12);
  BOOST_TEST((file_angles(R, cubic, CrystalFrame::a_star_along_x) - Vec3(0.5, 0.6, 0.7)).norm() <
             1e-12);
}

namespace {

const std::string tsl_phase =
    "# MaterialName  \tNickel alloy \n# Formula  \tNi\n# Info\n# Symmetry              43\n"
    "# LatticeConstants      3.520 3.520 3.520  90.000  90.000  90.000\n# NumberFamilies 0\n";

std::string rows_of(int columns_of_numbers, double x_step, const std::string& rest) {
  std::ostringstream out;
  for (int i = 0; i < 6; ++i) {
    out << " 0.10000  0.20000  0.30000 " << x_step * (i % 3) << " " << x_step * (i / 3) << rest;
    for (int j = 0; j < columns_of_numbers; ++j) out << " 0";
    out << "\n";
  }
  return out.str();
}

std::string failure(const std::string& content,
                    OrientationMap (*read)(const std::string&, CrystalFrame)) {
  const TemporaryFile file(content);
  try {
    read(file.path(), CrystalFrame::a_along_x);
  } catch (const Error& error) {
    BOOST_TEST(int(error.kind()) == int(ErrorKind::input));
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(dialects_of_ang) {
  {  // EDAX with ten and with fourteen columns
    for (const int more : {0, 4}) {
      const TemporaryFile file("# Phase 1\n" + tsl_phase + "# GRID: SqrGrid\n# XSTEP: 0.1\n" +
                               rows_of(more, 0.1, " 55.0 0.7 0 1 1.25"));
      const OrientationMap map = read_ang(file.path());
      BOOST_TEST(map.columns == 3u);
      BOOST_TEST(std::abs(map.step_A - 1000) < 1e-9);
      BOOST_TEST(map.phases[0].name == "Nickel alloy");
      BOOST_TEST(map.phases[0].point_group == "m-3m");
      BOOST_REQUIRE(map.at[5].indexed());
      BOOST_TEST(map.at[5].reliability == 0.7);
      BOOST_TEST(map.at[5].solutions[0].error_deg == 1.25);
      BOOST_TEST(std::isnan(map.at[5].solutions[0].score));
      BOOST_TEST((bunge_angles(map.at[5].solutions[0].R_lab_crystal) - Vec3(.1, .2, .3)).norm() <
                 1e-12);
    }
  }
  {  // ASTAR: no phase number, no steps, positions in nm
    const TemporaryFile file("# File created from ACOM RES results\n# a.res\n#\n" + tsl_phase +
                             "#\n# GRID: SqrGrid#\n" + rows_of(0, 19, " 22.2 0.060 1 6"));
    const OrientationMap map = read_ang(file.path());
    BOOST_TEST(std::abs(map.step_A - 190) < 1e-9);
    BOOST_TEST(map.at[0].solutions[0].score == 22.2);
    BOOST_TEST(map.at[0].reliability == 0.06);
  }
  {  // orix: names of columns; one position not indexed
    const TemporaryFile file(
        "# Phase 1\n" + tsl_phase +
        "# Column names: phi1, Phi, phi2, x, y, image_quality, confidence_index, phase_id, "
        "detector_signal, pattern_fit\n" +
        rows_of(0, 1.5, " 3.0 0.5 1 0 0") +
        "12.56637 12.56637 12.56637 0 3 0 -1 0 0 180\n0.1 0.2 0.3 1.5 3 0 -1 0 0 180\n"
        "0.1 0.2 0.3 3 3 0 0 1 0 180\n");
    const OrientationMap map = read_ang(file.path());
    BOOST_TEST(map.rows == 3u);
    BOOST_TEST(!map.at[6].indexed());
    BOOST_TEST(!map.at[7].indexed());
    BOOST_TEST(map.at[8].indexed());
    BOOST_TEST(map.at[0].reliability == 0.5);
  }
}

BOOST_AUTO_TEST_CASE(malformed_ang) {
  const std::string head = "# Phase 1\n" + tsl_phase;
  BOOST_TEST(contains(failure("", read_ang), ":1: no phase"));
  BOOST_TEST(contains(failure(head, read_ang), "no positions"));
  BOOST_TEST(contains(failure(head + "1 2 x 0 0 1 1 1\n", read_ang), ":8: 'x' is no number"));
  BOOST_TEST(contains(failure(head + "1 2 nan 0 0 1 1 1\n", read_ang), "no number"));
  BOOST_TEST(contains(failure(head + "1 2 3 0 0 1 1\n", read_ang), "8 are needed"));
  BOOST_TEST(contains(failure(head + "1 2 3 0 0 1 1 1\n1 2 3 1 0 1 1\n", read_ang),
                      ":9: 7 numbers in a row"));
  BOOST_TEST(contains(failure(head + "1 2 3 0 0 1 1 9\n", read_ang), "phase 9"));
  BOOST_TEST(contains(failure(head + "1 2 3 0 0 1 1 1e300\n", read_ang), "small number"));
  BOOST_TEST(contains(failure(head + "# GRID: HexGrid\n1 2 3 0 0 1 1 1\n", read_ang), "hexagonal"));
  BOOST_TEST(contains(failure(head + rows_of(0, 1, " 1 1 1") + "1 2 3 0 2 1 1 1\n", read_ang),
                      "7 positions are no whole number of rows of 3"));
  BOOST_TEST(contains(failure(head + "1 2 3 0 0 1 1 1\n1 2 3 1 0 1 1 1\n1 2 3 0 2 1 1 1\n1 2 3 1 2 "
                                     "1 1 1\n",
                              read_ang),
                      "equal steps"));
  BOOST_TEST(contains(failure("# MaterialName a\n# Symmetry 62\n# LatticeConstants 3 3 3 90 90 90\n"
                              "1 2 3 0 0 1 1 1\n",
                              read_ang),
                      "point group 6/mmm"));
  BOOST_TEST(contains(failure("# MaterialName a\n# Symmetry 77\n# LatticeConstants 3 3 3 90 90 90\n"
                              "1 2 3 0 0 1 1 1\n",
                              read_ang),
                      "symmetry '77'"));
  BOOST_TEST(contains(failure("# MaterialName a\n# Symmetry 43\n# LatticeConstants 0 3 3 90 90 90\n"
                              "1 2 3 0 0 1 1 1\n",
                              read_ang),
                      "phase 'a'"));
  BOOST_CHECK_THROW(read_ang("/nowhere/map.ang"), Error);
}

namespace {

const std::string ctf_head =
    "Channel Text File\r\nPrj\tE:\\a.cpr\r\nAuthor\t\r\nJobMode\tGrid\r\nXCells\t2\r\n"
    "YCells\t2\r\nXStep\t0.3\r\nYStep\t0.3\r\n";
const std::string ctf_columns =
    "Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS\r\n";

}  // namespace

BOOST_AUTO_TEST_CASE(dialects_of_ctf) {
  // Oxford: ends of lines of DOS, decimal commas
  const TemporaryFile file(
      ctf_head + "Phases\t2\r\n3,2089;3,2089;5,2101\t90;90;120\tMagnesium\t9\t194\t\t\tsource\r\n" +
      "4.05;4.05;4.05\t90;90;90\tAl\t11\t\t\t\t\r\n" + ctf_columns +
      "1\t0,0000\t0,0000\t6\t0\t99,591\t20,385\t37,253\t1,1000\t111\t156\r\n"
      "0\t0,3000\t0,0000\t0\t3\t0\t0\t0\t0\t111\t156\r\n"
      "2\t0,0000\t0,3000\t6\t0\t10\t20\t30\t0\t111\t156\r\n"
      "1\t0,3000\t0,3000\t6\t0\t99,591\t20,385\t37,253\t1,1000\t111\t156\r\n");
  const OrientationMap map = read_ctf(file.path());
  BOOST_TEST(map.rows == 2u);
  BOOST_TEST(map.columns == 2u);
  BOOST_TEST(std::abs(map.step_A - 3000) < 1e-6);
  BOOST_TEST(map.phases[0].name == "Magnesium");
  BOOST_TEST(map.phases[0].point_group == "6/mmm");
  BOOST_TEST(map.phases[1].point_group == "m-3m");  // its Laue group: no space group is stated
  BOOST_TEST(!map.at[1].indexed());
  BOOST_TEST(map.at[2].solutions[0].phase == 1);
  BOOST_TEST(std::isnan(map.at[2].solutions[0].error_deg));
  BOOST_TEST(map.at[0].solutions[0].peaks_used == 6);
  BOOST_TEST(map.at[0].solutions[0].error_deg == 1.1);
  const Vec3 angles = bunge_angles(map.at[0].solutions[0].R_lab_crystal) / degree;
  BOOST_TEST((angles - Vec3(99.591, 20.385, 37.253)).norm() < 1e-9);
}

BOOST_AUTO_TEST_CASE(malformed_ctf) {
  const std::string phase = "Phases\t1\r\n4;4;4\t90;90;90\tAl\t11\t225\t\t\t\r\n";
  const auto row = [](const std::string& start) { return start + "\t6\t0\t1\t2\t3\t1\t1\t1\r\n"; };
  BOOST_TEST(contains(failure("", read_ctf), "no line 'Phases'"));
  BOOST_TEST(contains(failure(ctf_head, read_ctf), "no line 'Phases'"));
  BOOST_TEST(contains(failure(ctf_head + "Phases\t2\r\n4;4;4\t90;90;90\tAl\t11\t225\r\n", read_ctf),
                      "ends among its phases"));
  BOOST_TEST(contains(failure(ctf_head + "Phases\t\r\n", read_ctf), "'Phases' needs"));
  BOOST_TEST(contains(failure(ctf_head + phase, read_ctf), "before its positions"));
  BOOST_TEST(
      contains(failure(ctf_head + phase + "Phase\tX\tY\r\n", read_ctf), "no column 'Euler1'"));
  BOOST_TEST(contains(failure(ctf_head + phase + ctf_columns, read_ctf), "no positions"));
  BOOST_TEST(
      contains(failure(ctf_head + phase + ctf_columns + row("2\t0\t0"), read_ctf), "phase 2"));
  BOOST_TEST(contains(failure(ctf_head + phase + ctf_columns + row("1\t0\tq"), read_ctf),
                      ":12: 'q' is no number"));
  BOOST_TEST(
      contains(failure(ctf_head + phase + ctf_columns + "1\t0\t0\r\n", read_ctf), "11 are needed"));
  BOOST_TEST(contains(failure(ctf_head + "Phases\t1\r\n4;4;4\t90;90;90\tAl\t12\t225\r\n", read_ctf),
                      "there are 1 to 11"));
  BOOST_TEST(contains(failure(ctf_head + "Phases\t1\r\n4;4;4\t90;90;90\tAl\t11\t194\r\n", read_ctf),
                      "is not of Laue group"));
  BOOST_TEST(contains(failure(ctf_head + "Phases\t1\r\n4;4\t90;90;90\tAl\t11\t225\r\n", read_ctf),
                      "three numbers"));
}

// Every space group names its point group: numbers from the International Tables.
BOOST_AUTO_TEST_CASE(point_groups_of_space_groups) {
  const std::pair<int, const char*> known[] = {
      {1, "1"},      {2, "-1"},      {14, "2/m"},   {19, "222"},    {36, "mm2"},  {62, "mmm"},
      {88, "4/m"},   {99, "4mm"},    {122, "-42m"}, {139, "4/mmm"}, {146, "3"},   {148, "-3"},
      {154, "32"},   {161, "3m"},    {166, "-3m"},  {174, "-6"},    {176, "6/m"}, {186, "6mm"},
      {187, "-6m2"}, {194, "6/mmm"}, {198, "23"},   {205, "m-3"},   {213, "432"}, {216, "-43m"},
      {225, "m-3m"}, {230, "m-3m"}};
  const std::vector<std::string> laue = {"-1",  "2/m", "mmm",   "4/m", "4/mmm", "-3",
                                         "-3m", "6/m", "6/mmm", "m-3", "m-3m"};
  for (const auto& [number, name] : known) {
    const std::string group = laue_group(point_group(name)).name;
    const auto id = std::find(laue.begin(), laue.end(), group) - laue.begin() + 1;
    const char* cell = id < 2    ? "4;5;6\t80;95;100"
                       : id < 3  ? "4;5;6\t90;95;90"
                       : id < 4  ? "4;5;6\t90;90;90"
                       : id < 6  ? "4;4;6\t90;90;90"
                       : id < 10 ? "4;4;6\t90;90;120"
                                 : "4;4;4\t90;90;90";
    const TemporaryFile file(ctf_head + "Phases\t1\n" + cell + "\tx\t" + std::to_string(id) + "\t" +
                             std::to_string(number) + "\n" + ctf_columns +
                             "1\t0\t0\t6\t0\t1\t2\t3\t1\t1\t1\n");
    const OrientationMap map = read_ctf(file.path());
    BOOST_TEST(map.phases[0].point_group == name);
    const TemporaryFile again;
    write_ctf(again.path(), map);
    BOOST_TEST(read_ctf(again.path()).phases[0].point_group == name);
  }
}

BOOST_AUTO_TEST_CASE(real_files) {
  const std::string folder = PENDEL_SOURCE_DIR "/../shared/data/fourdstem/orimaps/";
  if (!std::ifstream(folder + "mtex_twins.ctf")) {
    std::cout << "skipped: no " << folder << "\n";
    return;
  }
  const OrientationMap steel = read_ang(folder + "sdss_ferrite_austenite.ang");
  BOOST_TEST(steel.rows == 100u);
  BOOST_TEST(steel.columns == 117u);
  BOOST_TEST(std::abs(steel.step_A - 15000) < 1);
  BOOST_REQUIRE(steel.phases.size() == 2u);
  BOOST_TEST(steel.phases[0].name == "austenite/austenite");
  long ferrite = 0;
  for (const MapPosition& position : steel.at) {
    BOOST_REQUIRE(position.indexed());
    ferrite += position.solutions[0].phase == 1;
  }
  BOOST_TEST(ferrite == 6043);
  BOOST_TEST(steel.at[0].solutions[0].score == 0.799);
  // neighbours in a grain are alike
  BOOST_TEST(misorientation(steel.at[1].solutions[0].R_lab_crystal,
                            steel.at[4].solutions[0].R_lab_crystal,
                            steel.phases[0].symmetry) < 0.01);

  const OrientationMap magnesium = read_ctf(folder + "mtex_twins.ctf");
  BOOST_TEST(magnesium.columns == 167u);
  BOOST_TEST(magnesium.rows == 137u);
  BOOST_TEST(magnesium.phases[0].point_group == "6/mmm");
  long indexed = 0;
  for (const MapPosition& position : magnesium.at) indexed += position.indexed();
  BOOST_TEST(indexed == 22833);
  // what was read is written and read again
  const TemporaryFile file;
  write_ctf(file.path(), magnesium);
  const OrientationMap again = read_ctf(file.path());
  double worst = 0;
  for (std::size_t i = 0; i < magnesium.at.size(); ++i)
    if (magnesium.at[i].indexed())
      worst = std::max(worst, (again.at[i].solutions[0].R_lab_crystal -
                               magnesium.at[i].solutions[0].R_lab_crystal)
                                  .norm());
  BOOST_TEST(worst < 1e-6);
}

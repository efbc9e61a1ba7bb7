// Every kind of XYZ file is read; every malformed one is refused with file and line.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/error.hpp"
#include "io/xyz.hpp"

using namespace pendel;
namespace fs = std::filesystem;

namespace {

struct Place {
  fs::path directory = fs::temp_directory_path() / ("pendel_xyz_" + std::to_string(getpid()));
  std::string path = (directory / "a.xyz").string();
  Place() { fs::create_directory(directory); }
  ~Place() { fs::remove_all(directory); }

  XyzFile read(const std::string& text) const {
    std::ofstream(path, std::ios::binary) << text;
    return read_xyz(path, [](const std::string& symbol) {
      static const std::map<std::string, int> known{{"O", 8}, {"Ti", 22}, {"Sr", 38}};
      const auto found = known.find(symbol);
      return found == known.end() ? 0 : found->second;
    });
  }
  /// The message after the path.
  std::string error(const std::string& text) const {
    try {
      read(text);
    } catch (const Error& error) {
      BOOST_TEST(error.exit_status() == 3);
      const std::string message = error.what();
      BOOST_TEST(message.compare(0, path.size() + 1, path + ":") == 0);
      return message.substr(path.size() + 1);
    }
    return "no error";
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(counted_rows, Place) {
  const XyzFile file = read("3\nany words\nSr 0 0.5 +1e-1\r\nTi 1 2 3 0.5\nO 4 5 6 1 0.08\n\n");
  BOOST_TEST(!file.box);
  BOOST_REQUIRE(file.atoms.size() == 3u);
  BOOST_TEST(file.atoms[0].Z == 38);
  BOOST_TEST((file.atoms[0].position == Vec3(0, 0.5, 0.1)));
  BOOST_TEST(file.atoms[0].occupancy == 1);
  BOOST_TEST(std::isnan(file.atoms[0].rms));
  BOOST_TEST(file.atoms[1].occupancy == 0.5);
  BOOST_TEST(file.atoms[2].rms == 0.08);
  BOOST_TEST(read("1\n\n22 1 2 3").atoms[0].Z == 22);  // an empty comment, Z for a symbol
}

BOOST_FIXTURE_TEST_CASE(rows_alone, Place) {
  const XyzFile file = read("# a comment\nO 1 2 3\n# another\nTi 1 1 1 0.25 0.1\n");
  BOOST_REQUIRE(file.atoms.size() == 2u);
  BOOST_TEST(file.atoms[1].occupancy == 0.25);
}

BOOST_FIXTURE_TEST_CASE(prismatic, Place) {
  const XyzFile file = read(
      "one unit cell\n  3.905 3.9 7.81\n 38 0 0 0 1.0 0.07\n22, 1.95, 1.9, 2, 0.5, 0.06\n-1\n");
  BOOST_TEST((*file.box == Vec3(3.905, 3.9, 7.81)));
  BOOST_REQUIRE(file.atoms.size() == 2u);
  BOOST_TEST(file.atoms[1].Z == 22);
  BOOST_TEST(file.atoms[1].rms == 0.06);
  BOOST_TEST((file.atoms[1].position == Vec3(1.95, 1.9, 2)));
  BOOST_TEST(read("1\n1 2 3\n8 0 0 0 1 0\n-1").box.has_value());  // a number for a comment
}

BOOST_FIXTURE_TEST_CASE(extended, Place) {
  const XyzFile file = read(
      "2\nLattice=\"4 0 0 0 5 0 0 0 6\" SubLattice=\"1\" "
      "Properties=id:I:1:species:S:1:forces:R:3:pos:R:3:occupancy:R:1:rms:R:1 pbc=\"T T F\"\n"
      "1 Ti 9 9 9 1 2 3 0.5 0.1\n2 O 9 9 9 4 5 6 1 0.2\n");
  BOOST_TEST((*file.box == Vec3(4, 5, 6)));
  BOOST_TEST(file.atoms[0].Z == 22);
  BOOST_TEST((file.atoms[1].position == Vec3(4, 5, 6)));
  BOOST_TEST(file.atoms[0].occupancy == 0.5);
  BOOST_TEST(file.atoms[1].rms == 0.2);
  const XyzFile plain = read("1\nProperties=species:S:1:pos:R:3\nO 1 2 3\n");
  BOOST_TEST(!plain.box);
  BOOST_TEST((plain.atoms[0].position == Vec3(1, 2, 3)));
}

BOOST_FIXTURE_TEST_CASE(frames, Place) {
  const auto known = [](const std::string& symbol) { return symbol == "O" ? 8 : 0; };
  const auto written = [&](const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
    return path;
  };
  const std::string first = "2\nLattice=\"4 0 0 0 5 0 0 0 6\"\nO 1 2 3\nO 2 2 2\n",
                    second = "1\n7\nO 4 5 6\n";  // a number for a comment
  const std::vector<XyzFile> list = read_xyz_frames(written(first + "\n" + second + first), known);
  BOOST_REQUIRE(list.size() == 3u);
  BOOST_TEST(list[0].atoms.size() == 2u);
  BOOST_TEST((list[1].atoms.at(0).position == Vec3(4, 5, 6)));
  BOOST_TEST(!list[1].box);
  BOOST_TEST((*list[2].box == Vec3(4, 5, 6)));
  BOOST_TEST((list[2].atoms.at(1).position == Vec3(2, 2, 2)));
  BOOST_TEST(read_xyz_frames(written(first), known).size() == 1u);
  BOOST_TEST(error(first + first).find(" holds 2 frames; a file of one") == 0u);
  const std::pair<std::string, const char*> cases[] = {
      {first + "2\nc\nO 1 2 3\n", "5: frame 2: it says 2 atoms and has 1 lines"},
      {"3\nc\nO 1 2 3\n" + first, "1: frame 1: it says 3 atoms and has 1 lines"},
      {first + "1\nc\nQ 1 2 3\n", "7: frame 2: there is no element \"Q\""},
      {first + second + "1\nc\nO 1 2 x\n", "10: frame 3: the coordinate \"x\" is not a number"},
      {first + "0\nc\n", "5: frame 2: the number of atoms is 0"},
      {first + "1\n", "5: frame 2: it says 1 atoms and has 0 lines"}};
  for (const auto& [text, expected] : cases) {
    const std::string found = error(text);
    BOOST_TEST(found.compare(0, std::string(expected).size(), expected) == 0,
               "\"" << text << "\" gave: " << found);
  }
}

BOOST_FIXTURE_TEST_CASE(malformed_files_are_refused, Place) {
  const std::pair<const char*, const char*> cases[] = {
      {"", " the file is empty"},
      {"\n\n", " the file is empty"},
      {"2\nc\nO 1 2 3\n", "1: the file says 2 atoms and has 1 lines"},
      {"1\nc\nO 1 2 3\nO 1 2 4\n", "1: the file says 1 atoms and has 2 lines"},
      {"5", "1: the file says 5 atoms and has 0 lines"},
      {"-3\nc\n", "1: the number of atoms is -3"},
      {"1.5\nc\nO 1 2 3", "1: the number of atoms is 1.5"},
      {"1\nc\nXx 1 2 3\n", "3: there is no element \"Xx\""},
      {"1\nc\n119 1 2 3\n", "3: there is no element \"119\""},
      {"1\nc\nO 1 2\n", "3: a row of 3 columns"},
      {"1\nc\nO 1 2 3 1 0 0\n", "3: a row of 7 columns"},
      {"1\nc\nO 1 b 3\n", "3: the coordinate \"b\" is not a number"},
      {"1\nc\nO 1 nan 3\n", "3: the coordinate \"nan\" is not a number"},
      {"1\nc\nO 1 1e999 3\n", "3: the coordinate \"1e999\" is not a number"},
      {"1\nc\nO 1 2 3 1.2\n", "3: the occupancy is 1.2"},
      {"1\nc\nO 1 2 3 0\n", "3: the occupancy is 0"},
      {"1\nc\nO 1 2 3 1 -0.1\n", "3: the thermal displacement is -0.1"},
      {"2\nc\nO 1 2 3\n\nO 1 2 3\n", "1: the file says 2 atoms and has 3"},
      {"O 1 2 3\n\nO 1 2 3\n", "2: an empty line among the atoms"},
      {"# only\n# comments\n", " the file has no atoms"},
      {"c\n1 2 3\n8 0 0 0 1 0\n", "1: a row of 1 columns"},  // no -1 at the end
      {"c\n1 0 3\n8 0 0 0 1 0\n-1\n", "2: the box is 0 A wide"},
      {"c\n1 2 3\n8 0 0 0 1\n-1\n", "3: a row of 5 columns; 6 are needed"},
      {"c\n1 2 3\n-1\n", " the file has no atoms"},
      {"1\nLattice=\"1 0 0 0 1 0 0.5 0 1\"\nO 1 2 3\n", "2: the cell is not right-angled"},
      {"1\nLattice=\"1 0 0 0 1 0 0 0\"\nO 1 2 3\n", "2: Lattice holds 8 numbers"},
      {"1\nLattice=\"1 0 0 0 1 x 0 0 1\"\nO 1 2 3\n", "2: Lattice holds \"x\""},
      {"1\nLattice=\"1 0 0\nO 1 2 3\n", "2: Lattice has no closing"},
      {"1\nLattice=\"1 0 0 0 -1 0 0 0 1\"\nO 1 2 3\n", "2: the cell has an edge"},
      {"1\nProperties=species:S:1\nO 1 2 3\n", "2: Properties must have species and pos"},
      {"1\nProperties=species:S:1:pos:R\nO 1 2 3\n", "2: Properties must be name:type:columns"},
      {"1\nProperties=species:S:1:pos:R:3:charge:R:1\nO 1 2 3\n", "3: a row of 4 columns; 5"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string found = error(text);
    BOOST_TEST(found.compare(0, std::string(expected).size(), expected) == 0,
               "\"" << text << "\" gave: " << found);
  }
  BOOST_TEST(error(std::string("2\n\0\nO 1 2 3", 12)).find("not a text file") != std::string::npos);
  BOOST_CHECK_THROW(read_xyz("/nowhere.xyz", [](const std::string&) { return 1; }), Error);
}

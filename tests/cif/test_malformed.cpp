// Every mistake in a CIF file is an Error (input) that names the file, the line and what is wrong.
#include <boost/test/unit_test.hpp>

#include "cif/read.hpp"
#include "core/error.hpp"
#include "temporary.hpp"

using namespace pendel;

namespace {

struct Mistake {
  std::string file;
  int line;  // 0: the mistake is that something is absent
  std::string says;
};

const Mistake mistakes[] = {
    {"before_data_block", 1, "before any data_ block"},
    {"no_data_block", 0, "no data_ block"},
    {"loop_count", 10, "_atom_site_label has 7 values"},
    {"open_quote", 2, "has no end on its line"},
    {"open_text", 3, "has no end"},
    {"tag_without_value", 2, "_cell_length_a has no value"},
    {"stray_value", 2, "'5' is a value without a tag"},
    {"empty_loop", 3, "a tag must follow loop_"},
    {"no_cell", 0, "data_x: _cell_length_c is missing"},
    {"cell_text", 3, "data_x: _cell_length_b is 'four'; a number is needed"},
    {"flat_cell", 2, "has no volume"},
    {"no_atoms", 0, "no data block has _atom_site_fract_x; the blocks are x"},
    {"no_coordinates", 14, "no atom has coordinates"},
    {"coordinate_text", 14, "_atom_site_fract_y of Po1 is '0.1x'"},
    {"unknown_element", 14, "_atom_site_label 'Wat1'"},
    {"occupancy", 15, "_atom_site_occupancy of Po1 is 1.3; it must lie in 0 to 1"},
    {"negative_occupancy", 15, "_atom_site_occupancy of Po1 is -0.1"},
    {"unknown_space_group", 8, "space group 'P 5 m m' is not known"},
    {"bad_operator", 11, "symmetry operator '-x,q,z' is not understood"},
    {"bad_translation", 11, "'-x,y+0.4,z' has the translation 0.4"},
    {"magnetic", 10, "magnetic or modulated"},
    {"two_lengths", 16, "_atom_site_fract_y has 1 values; _atom_site_fract_x has 2"},
};

std::string message_of(const std::string& path, const CifOptions& options = {}) {
  try {
    read_cif(path, options);
  } catch (const Error& e) {
    BOOST_TEST((e.kind() == ErrorKind::input));
    return e.what();
  }
  return "no error";
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_mistake_is_located) {
  for (const Mistake& mistake : mistakes) {
    const std::string path = PENDEL_SOURCE_DIR "/tests/data/cif/" + mistake.file + ".cif";
    const std::string message = message_of(path);
    const std::string start =
        path + ":" + (mistake.line > 0 ? std::to_string(mistake.line) + ": " : " ");
    BOOST_TEST(message.compare(0, start.size(), start) == 0, message);
    BOOST_TEST(message.find(mistake.says) != std::string::npos, message);
  }
}

BOOST_AUTO_TEST_CASE(files_that_are_no_cif) {
  BOOST_TEST(message_of("/nowhere/x.cif") == "/nowhere/x.cif: there is no such file");
  BOOST_TEST(message_of(PENDEL_SOURCE_DIR "/tests").find("no such file") != std::string::npos);
  const TemporaryFile empty, binary(std::string("\x89HDF\r\n\0\0", 8));
  BOOST_TEST(message_of(empty.path()).find("has no data_ block") != std::string::npos);
  BOOST_TEST(message_of(binary.path()).find("is not a text file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(unknown_block) {
  CifOptions options;
  options.block = "y";
  const std::string message = message_of(PENDEL_SOURCE_DIR "/tests/data/cif/no_atoms.cif", options);
  BOOST_TEST(message.find("there is no data block 'y'; the blocks are x") != std::string::npos);
}

// The describe protocol: what the printing visitors make of an options struct.
#include <boost/test/unit_test.hpp>

#include "core/options_print.hpp"
#include "core/options_reader.hpp"

using namespace pendel;

namespace {

enum class Colour { red, dark_green };
Choices<Colour> choices(Colour) {
  return {{"red", Colour::red}, {"dark-green", Colour::dark_green}};
}

struct Slab {
  std::string crystal;
  double thickness_A = 0;
  std::map<std::string, double> modes;
  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal, help("name of a crystal").required());
    v("thickness_A", thickness_A, help("thickness").above(0));
    v("modes", modes, help("amplitudes"));
  }
};

struct Options {
  std::string study = "sample";
  Colour colour = Colour::dark_green;
  int count = 3;
  bool fast = true;
  std::optional<double> dose;
  Eigen::Vector3d beam_direction{0, 0, 1};
  std::array<double, 2> range{{-1, 1}};
  std::vector<Slab> layers;
  std::vector<double> angles_mrad;
  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind").required());
    v("colour", colour, help("colour of the thing"));
    v("count", count, help("how many").range(1, 10));
    v("fast", fast, help("whether fast"));
    v("dose", dose, help("electrons").above(0));
    v("beam_direction", beam_direction, help("uvw"));
    v("range", range, help("from, to").increasing());
    v("layers", layers, help("entrance first"));
    v("angles_mrad", angles_mrad, help("angles"));
    v.exactly_one({"dose", "angles_mrad"});
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(effective_options_are_yaml_with_every_default) {
  Options options;
  options.layers = {{"A b", 2.5, {{"x", 0.25}}}};
  options.angles_mrad = {0.1, 1e-20};
  BOOST_TEST(number_text(100000) == "100000");
  BOOST_TEST(yaml_text(describe(options)) ==
             "study: sample\ncolour: dark-green\ncount: 3\nfast: true\nbeam_direction: [0, 0, 1]\n"
             "range: [-1, 1]\nlayers:\n  - crystal: \"A b\"\n    thickness_A: 2.5\n    modes:\n"
             "      x: 0.25\nangles_mrad: [0.1, 1e-20]\n");
}

BOOST_AUTO_TEST_CASE(text_that_looks_like_something_else_is_quoted) {
  for (const std::string text : {"", "12", "true", "a: b", "-x", "#1", "say \"hi\"", "null"}) {
    Slab slab;
    slab.crystal = text;
    const std::string yaml = yaml_text(describe(slab));
    BOOST_TEST(yaml.find("crystal: \"") == 0u, yaml);
  }
}

BOOST_AUTO_TEST_CASE(template_comments_out_what_is_default) {
  Options example;
  example.count = 7;
  example.layers = {{"STO", 30, {}}};
  const std::string text = yaml_template(describe(example), describe(Options{}));
  const auto has = [&](const std::string& line) {
    return ("\n" + text).find("\n" + line) != std::string::npos;
  };
  BOOST_TEST(has("study: sample  "));
  BOOST_TEST(has("count: 7"));
  BOOST_TEST(has("# colour: dark-green"));
  BOOST_TEST(has("# dose:  "));
  BOOST_TEST(has("layers:"));
  BOOST_TEST(has("  - crystal: STO"));
  BOOST_TEST(has("    thickness_A: 30"));
  BOOST_TEST(has("#     modes:"));
  BOOST_TEST(text.find("# thickness [Å] (above 0)") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(reference_table) {
  const std::string table = keys_table(describe(Options{}));
  BOOST_TEST(
      table.find("| `colour` | red, dark-green |  |  | dark-green | colour of the thing |") !=
      std::string::npos);
  BOOST_TEST(table.find("| `layers[].thickness_A` | number | Å | above 0 | 0 | thickness |") !=
             std::string::npos);
  BOOST_TEST(table.find("| `layers[].modes` | names, each with number |") != std::string::npos);
  BOOST_TEST(table.find("| `dose` | number |  | above 0 | - | electrons |") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(schema) {
  const std::string json = json_schema({describe(Options{})});
  BOOST_TEST(json.find("\"colour\":{\"enum\":[\"red\",\"dark-green\"]") != std::string::npos);
  BOOST_TEST(json.find("\"exclusiveMinimum\":0") != std::string::npos);
  BOOST_TEST(json.find("\"required\":[\"study\"]") != std::string::npos);
  BOOST_TEST(
      json.find("{\"oneOf\":[{\"required\":[\"dose\"]},{\"required\":[\"angles_mrad\"]}]}") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(units_are_the_end_of_a_key) {
  BOOST_TEST(unit_of_key("thickness_A") == "Å");
  BOOST_TEST(unit_of_key("g_max_invA") == "1/Å");
  BOOST_TEST(unit_of_key("debye_waller_B_A2") == "Å²");
  BOOST_TEST(unit_of_key("x_axis") == "");
  BOOST_TEST(key_without_unit("thickness_nm") == "thickness");
}

BOOST_AUTO_TEST_CASE(nearest_names) {
  const std::vector<std::string> names = {"splitstep", "bloch", "kinematical"};
  BOOST_TEST(nearest_name("bolch", names) == "bloch");
  BOOST_TEST(nearest_name("SplitStep", names) == "splitstep");
  BOOST_TEST(nearest_name("multislice", names) == "");
  BOOST_TEST(nearest_name("xy", {"ab"}) == "");
}

BOOST_AUTO_TEST_CASE(numbers) {
  double x = 0;
  long long i = 0;
  BOOST_TEST(parse_number("+1.5e3", x));
  BOOST_TEST(x == 1500);
  for (const char* wrong : {"1.5x", "", "nan", "inf", "1,5", "0x10"})
    BOOST_TEST(!parse_number(wrong, x));
  BOOST_TEST(parse_integer("-4", i));
  BOOST_TEST(!parse_integer("4.0", i));
}

// A described struct of Eigen vectors that are not set holds zeros, not what memory held.
BOOST_AUTO_TEST_CASE(absent_vectors_are_zero) {
  const Field absent = describe_value("v", std::optional<Eigen::Vector3d>(), Spec{});
  BOOST_TEST(!absent.present);
  for (const Field& component : absent.fields) BOOST_TEST(component.value == "0");
}

BOOST_AUTO_TEST_CASE(later_elements_of_a_list_carry_no_comments) {
  Options example;
  example.layers = {{"STO", 30, {}}, {"PTO", 20, {}}};
  const std::string text = yaml_template(describe(example), describe(Options{}));
  BOOST_TEST(text.find("    thickness_A: 20\n") != std::string::npos, text);
}

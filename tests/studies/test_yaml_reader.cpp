// Every kind of mistake in a study is reported, all at once, each with its place.
#include <boost/test/unit_test.hpp>

#include "core/options_print.hpp"
#include "studies/yaml_reader.hpp"

using namespace pendel;

namespace {

enum class Engine { bloch, splitstep };
Choices<Engine> choices(Engine) {
  return {{"bloch", Engine::bloch}, {"splitstep", Engine::splitstep}};
}

struct Slab {
  std::string crystal;
  std::optional<double> thickness_A;
  std::optional<int> cells;
  template <class Visitor>
  void describe(Visitor& v) {
    v("crystal", crystal, help("name of a crystal").required());
    v("thickness_A", thickness_A, help("thickness").above(0));
    v("cells", cells, help("repeats").at_least(1));
    v.exactly_one({"thickness_A", "cells"});
  }
};
struct Range {
  std::array<double, 2> range{{0, 1}};
  template <class Visitor>
  void describe(Visitor& v) {
    v("range", range, help("lowest, highest").increasing());
  }
};
struct Options {
  double energy_keV = 300;
  Engine engine = Engine::bloch;
  bool fast = false;
  File cif;
  Eigen::Vector2d tilt_mrad{0, 0};
  std::vector<Slab> layers;
  std::map<std::string, double> modes;
  std::optional<Range> scale = Range{};
  std::vector<Range> sets;
  std::optional<Slab> substrate;
  template <class Visitor>
  void describe(Visitor& v) {
    v("energy_keV", energy_keV, help("energy").range(1, 3000));
    v("engine", engine, help("engine"));
    v("fast", fast, help("fast"));
    v("cif", cif, help("a file"));
    v("tilt_mrad", tilt_mrad, help("tilt"));
    v("layers", layers, help("layers").required());
    v("modes", modes, help("amplitudes"));
    v("scale", scale, help("scale").off("fixed"));
    v("sets", sets, help("ranges").or_one());
    v("substrate", substrate, help("a slab").word("crystal"));
  }
};

struct Result {
  Options options;
  std::vector<std::string> problems;
};
Result read(const std::string& yaml, const std::vector<std::string>& settings = {}) {
  Node root = parse_yaml(yaml, "s.yaml");
  for (const std::string& setting : settings) apply_setting(root, setting);
  Problems problems(root);
  Result result;
  read_options(root, "/studies/here", result.options, problems);
  result.problems = problems.list();
  return result;
}
void one_problem(const std::string& yaml, const std::string& expected) {
  const auto problems = read("layers: [{crystal: A, cells: 1}]\n" + yaml).problems;
  BOOST_REQUIRE_MESSAGE(problems.size() == 1, yaml << " gives " << problems.size() << " problems");
  BOOST_TEST(problems[0] == expected);
}
std::string error_of(const std::string& yaml) {
  try {
    parse_yaml(yaml, "s.yaml");
  } catch (const Error& error) {
    BOOST_TEST(error.exit_status() == 2);
    return error.what();
  }
  return "no error";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_whole_study_is_read) {
  const Result r = read(R"(
energy_keV: 200
engine: splitstep
fast: true
cif: ../cif/A.cif
tilt_mrad: [1, -2.5]
layers:
  - {crystal: A, cells: 16}
  - crystal: B
    thickness_A: 31.5
modes: {x: 0.5, y: -1e-3}
scale: {range: [0.5, 2]}
)");
  BOOST_TEST(r.problems.empty());
  BOOST_TEST(r.options.energy_keV == 200);
  BOOST_TEST((r.options.engine == Engine::splitstep));
  BOOST_TEST(r.options.fast);
  BOOST_TEST(r.options.cif.given == "../cif/A.cif");
  BOOST_TEST(r.options.cif.path == "/studies/cif/A.cif");
  BOOST_TEST(r.options.tilt_mrad[1] == -2.5);
  BOOST_TEST(r.options.layers.size() == 2u);
  BOOST_TEST(*r.options.layers[0].cells == 16);
  BOOST_TEST(!r.options.layers[0].thickness_A);
  BOOST_TEST(r.options.modes.at("y") == -1e-3);
  BOOST_TEST(r.options.scale->range[1] == 2);
}

BOOST_AUTO_TEST_CASE(effective_study_reads_back) {
  Result first = read("layers: [{crystal: 'A: b', cells: 16}]\nmodes: {x: 0.1}\ncif: a b.cif");
  const std::string text = yaml_text(describe(first.options));
  const Result again = read(text);
  BOOST_TEST(again.problems.empty());
  BOOST_TEST(yaml_text(describe(again.options)) == text);
}

BOOST_AUTO_TEST_CASE(each_mistake_has_place_reason_and_advice) {
  const std::string keys =
      "energy_keV, engine, fast, cif, tilt_mrad, layers, modes, scale, sets, substrate";
  one_problem("energy_kev: 200", "s.yaml:2:1: energy_kev: unknown key; allowed here: " + keys +
                                     "; did you mean energy_keV?");
  one_problem("energy_kV: 200", "s.yaml:2:1: energy_kV: unknown key; allowed here: " + keys +
                                    "; its unit is keV: write energy_keV");
  one_problem("energy: 200", "s.yaml:2:1: energy: unknown key; allowed here: " + keys +
                                 "; its unit is keV: write energy_keV");
  one_problem("colour: 200", "s.yaml:2:1: colour: unknown key; allowed here: " + keys);
  one_problem("fast: true\nfast: false", "s.yaml:3:1: fast: the key is given twice; remove one");
  one_problem("modes: {x: 1, x: 2}", "s.yaml:2:15: modes.x: the key is given twice; remove one");
  one_problem("energy_keV: much",
              "s.yaml:2:13: energy_keV: is 'much'; allowed: a number 1 to 3000");
  one_problem("energy_keV: 0.5", "s.yaml:2:13: energy_keV: is '0.5'; allowed: a number 1 to 3000");
  one_problem("energy_keV: .nan",
              "s.yaml:2:13: energy_keV: is '.nan'; allowed: a number 1 to 3000");
  one_problem("energy_keV: [1]", "s.yaml:2:13: energy_keV: is a list; allowed: a number 1 to 3000");
  one_problem("engine: splitstp",
              "s.yaml:2:9: engine: is 'splitstp'; allowed: bloch, splitstep; "
              "did you mean splitstep?");
  one_problem("engine: {a: 1}",
              "s.yaml:2:9: engine: is a group of keys; allowed: bloch, splitstep");
  one_problem("fast: yes", "s.yaml:2:7: fast: is 'yes'; allowed: true, false");
  one_problem("tilt_mrad: [1]",
              "s.yaml:2:12: tilt_mrad: has 1 elements; a list of 2 numbers is needed");
  one_problem("tilt_mrad: 3", "s.yaml:2:12: tilt_mrad: is '3'; allowed: a list of 2 numbers");
  one_problem("tilt_mrad: [1, b]", "s.yaml:2:16: tilt_mrad.1: is 'b'; allowed: a number");
  one_problem("modes: 3", "s.yaml:2:8: modes: is '3'; allowed: names, each with its value");
  one_problem("scale: {range: [2, 1]}",
              "s.yaml:2:16: scale.range: must increase: [lowest, highest]");
  one_problem("scale: fixd",
              "s.yaml:2:8: scale: is 'fixd'; allowed: keys with values, "
              "{key: value, ...}, or the word fixed");
}

BOOST_AUTO_TEST_CASE(mistakes_in_lists_and_groups) {
  const auto problem = [](const std::string& yaml) {
    const auto problems = read(yaml).problems;
    BOOST_REQUIRE(problems.size() == 1);
    return problems[0];
  };
  BOOST_TEST(problem("fast: true") == "s.yaml:1:1: key layers is missing; it is: layers");
  BOOST_TEST(problem("layers: []") == "s.yaml:1:9: layers: is empty; at least one is needed");
  BOOST_TEST(problem("layers:\n  - {cells: 2}") ==
             "s.yaml:2:5: layers.0: key crystal is missing; it is: name of a crystal");
  BOOST_TEST(problem("layers:\n  - {crystal: A}") ==
             "s.yaml:2:5: layers.0: none of thickness_A, cells is given; exactly one is needed");
  BOOST_TEST(problem("layers:\n  - {crystal: A, cells: 2, thickness_A: 3}") ==
             "s.yaml:2:5: layers.0: more than one of thickness_A, cells is given; exactly one is "
             "needed");
  BOOST_TEST(problem("layers:\n  - {crystal: A, cells: 2.5}") ==
             "s.yaml:2:25: layers.0.cells: is '2.5'; allowed: an integer at least 1");
  BOOST_TEST(problem("layers:\n  - {crystal: A, cells: 1, thickness_nm: 2}") ==
             "s.yaml:2:28: layers.0.thickness_nm: unknown key; allowed here: crystal, thickness_A, "
             "cells; its unit is Å: write thickness_A");
}

BOOST_AUTO_TEST_CASE(a_misspelt_key_is_not_missing_too) {
  const auto problems = read("layers: [{cristal: A, thickness_nm: 3}]").problems;
  BOOST_REQUIRE(problems.size() == 2);
  BOOST_TEST(problems[0].find("s.yaml:1:11: layers.0.cristal: unknown key;") == 0u);
  BOOST_TEST(problems[1].find("s.yaml:1:23: layers.0.thickness_nm: unknown key;") == 0u);
}

BOOST_AUTO_TEST_CASE(all_problems_are_reported_at_once) {
  BOOST_TEST(read("energy_keV: x\nengine: y\nlayers: [{crystal: A, cels: 1}]\n").problems.size() ==
             3u);
}

BOOST_AUTO_TEST_CASE(off_word_leaves_an_optional_unset) {
  BOOST_TEST(!read("layers: [{crystal: A, cells: 1}]\nscale: fixed").options.scale);
  BOOST_TEST(read("layers: [{crystal: A, cells: 1}]").options.scale.has_value());
}

BOOST_AUTO_TEST_CASE(one_may_stand_for_a_list) {
  const std::string layers = "layers: [{crystal: A, cells: 1}]\n";
  const Result one = read(layers + "sets: {range: [2, 3]}"),
               list = read(layers + "sets: [{range: [2, 3]}, {range: [4, 5]}]");
  BOOST_REQUIRE(one.options.sets.size() == 1);
  BOOST_TEST(one.options.sets[0].range[1] == 3);
  BOOST_REQUIRE(list.options.sets.size() == 2);
  BOOST_TEST(list.options.sets[1].range[0] == 4);
  // one is written as one, several as a list, and both read back
  BOOST_TEST(yaml_text(describe(one.options)).find("sets:\n  range: [2, 3]\n") !=
             std::string::npos);
  BOOST_TEST(yaml_text(describe(list.options)).find("sets:\n  - range: [2, 3]\n  - range:") !=
             std::string::npos);
  const auto wrong = read(layers + "sets: {rnge: [2, 3]}").problems;
  BOOST_REQUIRE(wrong.size() == 1);
  BOOST_TEST(wrong[0].find("s.yaml:2:8: sets.rnge: unknown key") == 0u);
  BOOST_TEST(read(layers + "sets: 5").problems.at(0).find("or a list of such") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_word_may_stand_for_a_group) {
  const std::string layers = "layers: [{crystal: A, cells: 1}]\n";
  const Result group = read(layers + "substrate: {crystal: B, cells: 2}");
  BOOST_TEST(group.options.substrate->crystal == "B");
  // what else the group needs is missed as it would be in the group
  const auto problems = read(layers + "substrate: B").problems;
  BOOST_REQUIRE(problems.size() == 1);
  BOOST_TEST(problems[0].find("thickness_A") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(settings) {
  const std::string yaml = "layers:\n  - {crystal: A, cells: 16}\n";
  const Result r = read(yaml, {"layers.0.cells=12", "scale.range=[0, 3]", "modes.x=0.5"});
  BOOST_TEST(r.problems.empty());
  BOOST_TEST(*r.options.layers[0].cells == 12);
  BOOST_TEST(r.options.scale->range[1] == 3);
  BOOST_TEST(r.options.modes.at("x") == 0.5);
  const auto wrong = read(yaml, {"energy_keV=abc", "layers.0.cels=1"}).problems;
  BOOST_REQUIRE(wrong.size() == 2);
  BOOST_TEST(wrong[0] == "--set energy_keV=abc: energy_keV: is 'abc'; allowed: a number 1 to 3000");
  BOOST_TEST(wrong[1].find("--set layers.0.cels=1: layers.0.cels: unknown key") == 0u);
  BOOST_CHECK_THROW(read(yaml, {"layers.3.cells=1"}), Error);
  BOOST_CHECK_THROW(read(yaml, {"novalue"}), Error);
}

BOOST_AUTO_TEST_CASE(what_is_not_yaml) {
  BOOST_TEST(error_of("a: [1, 2\nb: 3") ==
             "s.yaml:2:2: this is not YAML: end of sequence flow not found");
  BOOST_TEST(error_of("").find("s.yaml: a study is a list of") == 0u);
  BOOST_TEST(error_of("[1, 2]").find("s.yaml: a study is a list of") == 0u);
  BOOST_TEST(error_of("a: 1\n---\nb: 2").find("s.yaml:3:1: a second YAML document") == 0u);
  BOOST_TEST(error_of("a: &x [*x]") != "no error");
  BOOST_TEST(error_of("? [1]\n: 2") == "s.yaml:1:3: a key must be a word");
  BOOST_CHECK_THROW(read_yaml("/nowhere/study.yaml"), Error);
  BOOST_CHECK_THROW(read_yaml("/tmp"), Error);
}

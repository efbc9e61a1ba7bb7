#include "studies/runner.hpp"

#include <filesystem>

#include "core/options_print.hpp"
#include "io/checkpoint.hpp"
#include "studies/study.hpp"
#include "studies/yaml_reader.hpp"

namespace pendel {

namespace fs = std::filesystem;

namespace {

struct LoadedStudy {
  AnyStudy study;
  RunContext context;
};

Field described(const AnyStudy& study) {
  return std::visit([](const auto& s) { return describe(s); }, study);
}

std::string kind_of(const AnyStudy& study) {
  return std::visit([](const auto& s) { return s.study; }, study);
}

AnyStudy default_study(const std::string& kind) {
  for (const AnyStudy& study : default_studies())
    if (kind_of(study) == kind) return study;
  throw Error(ErrorKind::study,
              kind + ": no such kind of study; there are: " + joined(study_kinds()));
}

// The kind that a study names; without one nothing else in it can be judged.
AnyStudy study_of_kind(const Node& root) {
  Problems problems(root);
  const Node* kind = root.find("study");
  if (!kind)
    problems.add("", "key study is missing; it is one of: " + joined(study_kinds()));
  else
    for (const AnyStudy& study : default_studies())
      if (kind->kind == Node::Kind::scalar && kind_of(study) == kind->text) return study;
  if (kind) options_detail::choice_problem(*kind, "study", study_kinds(), problems);
  problems.throw_if_any();
  return PatternStudy{};  // not reached: every way here has a problem
}

std::string output_path(const RunArguments& arguments, const File& in_study) {
  if (!arguments.output.empty()) return arguments.output;
  if (!in_study.empty()) return in_study.path;
  return fs::path(arguments.study).replace_extension(".h5").string();
}

LoadedStudy load(const RunArguments& arguments) {
  Node root = read_yaml(arguments.study);
  for (const std::string& setting : arguments.settings) apply_setting(root, setting);
  LoadedStudy loaded{study_of_kind(root), {}};
  const std::string directory = fs::path(arguments.study).parent_path().string();
  std::visit(
      [&](auto& study) {
        Problems problems(root);
        read_options(root, directory, study, problems);
        if (problems.list().empty()) study.check(problems);
        problems.throw_if_any();
        loaded.context.output = output_path(arguments, study.output ? *study.output : File{});
        // where a result goes does not decide what it is
        auto without_output = study;
        without_output.output.reset();
        loaded.context.effective_study = yaml_text(describe(without_output));
      },
      loaded.study);
  loaded.context.resume = arguments.resume;
  loaded.context.quiet = arguments.quiet;
  return loaded;
}

}  // namespace

std::string run(const RunArguments& arguments) {
  LoadedStudy loaded = load(arguments);
  try {
    std::visit([&](const auto& study) { study.run(loaded.context); }, loaded.study);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::interrupted) throw;
    const std::string partial = loaded.context.partial();
    const bool kept = fs::exists(partial) || fs::exists(partial + ".journal");
    throw Error(ErrorKind::interrupted, kept ? "interrupted; what is done is kept in " + partial +
                                                   "; the same command with --resume continues"
                                             : "interrupted; nothing is kept");
  }
  return loaded.context.output;
}

void check(const RunArguments& arguments) {
  LoadedStudy loaded = load(arguments);
  loaded.context.check_only = true;
  std::visit([&](const auto& study) { study.run(loaded.context); }, loaded.study);
}

std::vector<std::string> study_kinds() {
  std::vector<std::string> names;
  for (const AnyStudy& study : default_studies()) names.push_back(kind_of(study));
  return names;
}

std::string new_study(const std::string& kind) {
  return std::visit(
      [](const auto& study) {
        using Kind = std::decay_t<decltype(study)>;
        return std::string("# ") + Kind::summary +
               "\n# Run it with: pendel run FILE.yaml. Keys after # have the value shown.\n"
               "# The files named here ship with Pendel; put yours in their place.\n" +
               yaml_template(describe(Kind::example(shared_directory() + "/data")),
                             describe(study));
      },
      default_study(kind));
}

std::string study_keys(const std::string& kind) {
  const AnyStudy study = default_study(kind);
  const char* summary =
      std::visit([](const auto& s) { return std::decay_t<decltype(s)>::summary; }, study);
  return "## Study `" + kind + "`\n\n" + summary + "\n\n" + keys_table(described(study));
}

std::string all_keys() {
  std::string text =
      "# Studies\n\nEvery key of every kind of study; made by `pendel keys > docs/studies.md`.\n"
      "`key[]` stands for the elements of a list, `key.NAME` for entries whose names are free. "
      "Units are "
      "the ends of keys.\n`--set key=value` replaces a value from the command line, with list "
      "indices "
      "from 0: `--set specimen.layers.0.cells=12`.\n";
  for (const std::string& kind : study_kinds()) text += "\n" + study_keys(kind);
  return text;
}

std::string study_schema() {
  std::vector<Field> kinds;
  for (const AnyStudy& study : default_studies()) kinds.push_back(described(study));
  return json_schema(kinds);
}

}  // namespace pendel

// The command `pendel`.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <climits>
#include <csignal>
#include <cstdio>
#include <exception>
#include <sstream>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
#include "io/hdf5.hpp"
#include "io/provenance.hpp"
#include "scan/recording.hpp"
#include "studies/command_text.hpp"
#include "studies/runner.hpp"

namespace {

// CLI11 has its own exit statuses; every wrong use of ours is 2.
constexpr int usage_error = 2;

// What the parser knows, for texts made of it.
pendel::CommandText described(const CLI::App& app) {
  pendel::CommandText text{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    pendel::OptionText item;
    if (option->get_positional()) item.names = {option->get_name(true)};
    for (const std::string& name : option->get_snames()) item.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) item.names.push_back("--" + name);
    item.description = option->get_description();
    item.required = option->get_required();
    if (option->get_items_expected_max() > 0) item.value = option->get_type_name();
    // The check of a choice names its values after the type: TEXT:{png,pdf,svg}
    const std::size_t brace = item.value.find(":{");
    if (brace != std::string::npos) {
      std::istringstream values(item.value.substr(brace + 2, item.value.size() - brace - 3));
      for (std::string value; std::getline(values, value, ',');) item.choices.push_back(value);
    }
    item.value.resize(std::min(item.value.find(':'), item.value.size()));
    text.options.push_back(item);
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    text.commands.push_back(described(*command));
  return text;
}

int run_command(int argc, char** argv) {
  CLI::App app{"simulation and inversion of dynamical electron diffraction", "pendel"};
  app.set_version_flag("--version",
                       "pendel " + pendel::version() + " (" + pendel::git_hash() + ")");
  app.require_subcommand(1);
  app.footer(
      "Begin with: pendel new pattern > study.yaml; pendel run study.yaml; pendel plot study.h5\n"
      "pendel COMMAND --help says more, with an example.\n\n"
      "Exit status: 0 done, 2 usage or invalid study, 3 unreadable or wrong input file,\n"
      "4 numerical failure, 130 interrupted (what is finished is kept).\n\n"
      "Environment: PENDEL_PYTHON, the Python that draws figures; PENDEL_SHARE, the folder of\n"
      "data/ and python/; PYTHONPATH is handed on.");

  pendel::RunArguments arguments;
  int threads = 0;
  std::string kind, file;
  std::vector<std::string> plot_arguments;

  CLI::App* run = app.add_subcommand("run", "run a study");
  CLI::App* check =
      app.add_subcommand("check", "validate a study and its input files; run nothing");
  for (CLI::App* command : {run, check}) {
    command->add_option("study", arguments.study, "YAML file")->required();
    command
        ->add_option("--set", arguments.settings,
                     "replace a value: beam.energy_keV=200, "
                     "specimen.layers.0.cells=12")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->expected(1);
    command->add_option("-o,--output", arguments.output, "result file");
  }
  run->footer(
      "Example:\n  pendel run study.yaml --set beam.energy_keV=200 -o result.h5\n"
      "Without -o the result is named as the study, with .h5. An interrupted run keeps what is\n"
      "finished; the same command with --resume goes on.");
  check->footer(
      "Example:\n  pendel check study.yaml\n"
      "All that is wrong is reported at once, with file, line and column.");
  run->add_option("-j,--threads", threads, "threads; 0: every core")->check(CLI::Range(0, 4096));
  run->add_flag("--resume", arguments.resume, "continue an interrupted run");
  run->add_flag("-q,--quiet", arguments.quiet, "print nothing but errors");
  CLI::App* make = app.add_subcommand("new", "print a commented study to begin with");
  CLI::App* keys =
      app.add_subcommand("keys", "print every key of a kind of study, or of all kinds");
  for (CLI::App* command : {make, keys})
    command->add_option("kind", kind, "kind of study")
        ->required(command == make)
        ->check(CLI::IsMember(pendel::study_kinds()));
  make->footer(
      "Example:\n  pendel new fit > study.yaml\n"
      "The study runs as it is, on files that ship with Pendel; put yours in their place.");
  keys->footer("Example:\n  pendel keys stem");
  CLI::App* schema = app.add_subcommand("schema", "print the JSON schema of studies, for editors");
  schema->footer("Example:\n  pendel schema > pendel.schema.json");
  CLI::App* show = app.add_subcommand("info", "print what is in a file");
  show->add_option("file", file, "a scan of any format that Pendel reads, HDF5, CIF or YAML")
      ->required();
  show->footer("Example:\n  pendel info scan.mib");
  pendel::ConvertArguments conversion;
  CLI::App* convert = app.add_subcommand("convert", "write a 4D-STEM scan in another format");
  convert->footer(
      "Reads: " + pendel::readable_formats() +
      ".\nWrites: EMD 1.0 (.h5, .emd), HyperSpy (.hspy), NanoMEGAS (.blo), NumPy (.npy).\n"
      "Example:\n  pendel convert scan.mib scan.h5 --scan-shape 256 256");
  convert->add_option("from", conversion.from, "file to read")->required();
  convert->add_option("to", conversion.to, "file to write; its extension says the format")
      ->required();
  convert
      ->add_option("--scan-shape", conversion.scan_shape,
                   "rows and columns of the scan, where the file does not say them")
      ->type_name("ROWS COLUMNS")
      ->expected(2);
  convert->add_option("--dataset", conversion.dataset, "of an HDF5 file with several scans");
  convert->add_flag("-q,--quiet", conversion.quiet, "print nothing but errors");
  // What these do is defined in python/pendel_plot, which is given the arguments as they are.
  std::string figures, format, position;
  CLI::App* plot = app.add_subcommand("plot", "draw the figures of a result");
  plot->add_option("result", file, "HDF5 file written by pendel run")->required();
  plot->add_option("-o,--output", figures, "folder of the figures; made if missing")
      ->type_name("DIR");
  plot->add_option("--format", format, "of the figures, without it png")
      ->check(CLI::IsMember({"png", "pdf", "svg"}));
  plot->add_option("--position", position, "scan position of what is shown of one position")
      ->type_name("ROW,COLUMN");
  plot->footer("Example:\n  pendel plot result.h5 -o figures --format pdf");
  CLI::App* completion =
      app.add_subcommand("completion", "print the completion of this command for bash");
  completion->footer("Example:\n  source <(pendel completion)");
  CLI::App* manual = app.add_subcommand("man", "print the manual page");
  manual->footer("Example:\n  pendel man > pendel.1; man ./pendel.1");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : usage_error;
  }

  pendel::set_threads(threads);
  if (*run) pendel::run(arguments);
  if (*check) {
    pendel::check(arguments);
    std::puts("the study and its inputs are valid");
  }
  if (*make) std::fputs(pendel::new_study(kind).c_str(), stdout);
  if (*keys)
    std::fputs((kind.empty() ? pendel::all_keys() : pendel::study_keys(kind)).c_str(), stdout);
  if (*schema) std::fputs(pendel::study_schema().c_str(), stdout);
  if (*show) pendel::info(file);
  if (*convert) pendel::convert(conversion);
  if (*completion) std::fputs(pendel::bash_completion(described(app)).c_str(), stdout);
  if (*manual)
    std::fputs(pendel::manual_page(described(app), "pendel " + pendel::version()).c_str(), stdout);
  return *plot ? pendel::plot({argv + 2, argv + argc}) : 0;
}

// Ctrl-C and SIGTERM ask a run to stop where it can be continued; a second one stops it at once.
extern "C" void on_signal(int number) {
  pendel::interrupt();
  std::signal(number, SIG_DFL);
}

}  // namespace

int main(int argc, char** argv) {
#if defined(__GLIBC__)
  // Large matrices come and go: getting their pages from the system anew costs a tenth of the time.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
  pendel::hdf5::no_cleanup_at_exit();
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  // writing beyond a limit of the file system is then an error of write(), which is reported
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run_command(argc, argv);
  } catch (const pendel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pendel: %s\n", error.what());
    return static_cast<int>(pendel::ErrorKind::numerical);
  }
}

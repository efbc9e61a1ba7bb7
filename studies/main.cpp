// The command `pendel`.
#include <CLI/CLI.hpp>
#include <climits>
#include <cstdio>
#include <exception>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "io/hdf5.hpp"
#include "io/provenance.hpp"
#include "scan/recording.hpp"
#include "studies/interrupt.hpp"
#include "studies/runner.hpp"

namespace {

// CLI11 has its own exit statuses; every wrong use of ours is 2.
constexpr int usage_error = 2;

int run_command(int argc, char** argv) {
  CLI::App app{"Pendel: simulation and inversion of dynamical electron diffraction", "pendel"};
  app.set_version_flag("--version",
                       "pendel " + pendel::version() + " (" + pendel::git_hash() + ")");
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done, 2 usage or invalid study, 3 unreadable or wrong input file,\n"
      "4 numerical failure, 130 interrupted (what is finished is kept).");

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
  CLI::App* schema = app.add_subcommand("schema", "print the JSON schema of studies, for editors");
  CLI::App* show = app.add_subcommand("info", "what is in a file");
  show->add_option("file", file, "a scan of any format that Pendel reads, HDF5, CIF or YAML")
      ->required();
  pendel::ConvertArguments conversion;
  CLI::App* convert = app.add_subcommand("convert", "a 4D-STEM scan to another format");
  convert->footer(
      "Reads: " + pendel::readable_formats() +
      ".\nWrites: EMD 1.0 (.h5, .emd), HyperSpy (.hspy), NanoMEGAS (.blo), NumPy (.npy).");
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
  CLI::App* plot = app.add_subcommand("plot", "figures of a result: pendel plot RESULT.h5 -o DIR");
  plot->prefix_command()->allow_extras();
  plot->set_help_flag();

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
  return *plot ? pendel::plot(plot->remaining()) : 0;
}

}  // namespace

int main(int argc, char** argv) {
#if defined(__GLIBC__)
  // Large matrices come and go: getting their pages from the system anew costs a tenth of the time.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
  pendel::hdf5::no_cleanup_at_exit();
  pendel::watch_signals();
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

// The commands of `pendel`, without the parsing of arguments.
#pragma once
#include <string>
#include <vector>

namespace pendel {

struct RunArguments {
  std::string study;                  ///< path of the YAML file
  std::vector<std::string> settings;  ///< key=value
  std::string output;                 ///< empty: as in the study, or the study's name with .h5
  bool resume = false, quiet = false;
};

/// Errors of all of them: pendel::Error, whose kind is the exit status. Returns the result's path.
std::string run(const RunArguments& arguments);
/// Reads the study and every input; prints what would run.
void check(const RunArguments& arguments);

std::vector<std::string> study_kinds();
/// Where python/ and data/ are: $PENDEL_SHARE, share/pendel of the installed program, or else the
/// tree it was built from.
std::string shared_directory();

/// A commented, runnable YAML file; the reference table; the JSON schema of all kinds.
std::string new_study(const std::string& kind);
std::string study_keys(const std::string& kind);
/// The tables of all kinds: docs/studies.md.
std::string all_keys();
std::string study_schema();

/// Prints what is in a file that Pendel reads: a scan, HDF5, CIF or a study.
void info(const std::string& path);

struct ConvertArguments {
  std::string from, to, dataset;
  std::vector<std::size_t> scan_shape;  ///< rows, columns; empty: as the file says
  bool quiet = false;
};
/// A scan from one format to another.
void convert(const ConvertArguments& arguments);

/// Runs python/pendel_plot with these arguments and returns its exit status.
int plot(const std::vector<std::string>& arguments);

}  // namespace pendel

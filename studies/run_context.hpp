// What a study is given to run with, besides its own options, and what every result holds.
#pragma once
#include <string>

#include "io/emd.hpp"
#include "io/provenance.hpp"

namespace pendel {

struct RunContext {
  std::string output;  ///< path of the result
  bool resume = false;
  bool quiet = false;
  bool check_only = false;
  std::string effective_study;  ///< YAML with every default
  Provenance provenance;

  /// Called when every input is read and known to provenance, and before the work: whether to go
  /// on. Error if the output cannot be written or is one of the inputs.
  bool begin() const;
  std::string partial() const { return output + ".partial"; }
  /// Says what becomes of an interrupted run's checkpoint at this path, if there is one.
  void say_what_was_left(const std::string& checkpoint) const;
  /// SHA-256 of what decides the result: program version, study, contents of the inputs.
  std::string fingerprint() const;
  /// Adds study and provenance.
  void describe(EmdWriter& result) const;
  /// Describes, then saves.
  void save(EmdWriter& result) const;
  /// Line of the summary, on stdout unless quiet.
  void say(const std::string& line) const;
};

}  // namespace pendel

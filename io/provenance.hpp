// Where a result comes from: program, machine, times, fingerprints of the inputs.
#pragma once
#include <chrono>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "io/emd.hpp"

namespace pendel {

/// "0.1.0".
std::string version();
/// Commit that was compiled, "+" if the tree had changes; "unknown" outside a repository.
std::string git_hash();

/// Made when a run begins; the dictionary is taken at its end.
class Provenance {
 public:
  Provenance();
  /// Remembers `fingerprint_of_file` of an input. Error (input) if it cannot be read.
  void add_input(const std::string& path);
  /// "path fingerprint" of every input, in the order of adding.
  const std::vector<std::string>& inputs() const { return inputs_; }
  double wall_seconds() const;
  double cpu_seconds() const;
  EmdDictionary dictionary() const;

 private:
  std::chrono::steady_clock::time_point wall_start_;
  std::clock_t cpu_start_;
  std::string date_;
  std::vector<std::string> inputs_;
};

}  // namespace pendel

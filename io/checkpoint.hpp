// Finished rows of a long run, kept on disk so that a later run continues where this one stopped.
//
// The file: a header (magic, fingerprint of the study and its inputs, values per row, CRC), then
// one record per row (index, values, CRC). Every record is written by one call and carries its own
// CRC: a run killed in the middle of a record loses that record and no other.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace pendel {

class Checkpoint {
 public:
  /// `fingerprint` is a SHA-256 in hexadecimal. With `resume` an existing file is read and
  /// continued (Error (input) if it belongs to another study or is no checkpoint); otherwise a new
  /// one begins. Error (input) if it cannot be written.
  Checkpoint(const std::string& path, const std::string& fingerprint, std::size_t values_per_row,
             bool resume);
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  /// Rows that earlier runs finished, by index.
  const std::map<std::uint64_t, std::vector<double>>& rows() const { return rows_; }
  /// Thread-safe. Error (input) if the disk is full.
  void append(std::uint64_t index, const std::vector<double>& values);
  /// The run is complete.
  static void remove(const std::string& path);

  static bool exists(const std::string& path);

 private:
  void read_rows(const std::string& bytes);

  std::string path_;
  std::size_t values_per_row_;
  int file_ = -1;
  std::map<std::uint64_t, std::vector<double>> rows_;
  std::mutex mutex_;
};

}  // namespace pendel

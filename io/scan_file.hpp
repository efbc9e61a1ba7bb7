// 4D-STEM data, (row, column, q_row, q_column), written as they are computed: from any thread, in
// any order. The result is EMD 1.0 with one DataCube or several; py4DSTEM opens it. [EMD1]
//
// While it grows there are PATH.partial and PATH.partial.journal. Uncompressed, PATH.partial is the
// whole HDF5 file from the beginning, its space reserved, and patterns are written to their places;
// the journal holds a checksum of each. Compressed, the journal holds the patterns too, and they
// are put together at the end. A run that is killed at any moment loses the patterns that were
// being written and no others.
#pragma once
#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "io/emd.hpp"

namespace pendel {

struct ScanFileLayout {
  std::size_t rows = 1, columns = 1, q_rows = 1, q_columns = 1;
  std::vector<std::string> cubes{"datacube"};  ///< names: one pattern of each per position
  hdf5::Stored stored = hdf5::Stored::float32;
  int deflate = 0;         ///< compression level; 0: none
  std::size_t extras = 0;  ///< numbers kept besides the patterns, per position, for the caller

  std::size_t positions() const { return rows * columns; }
  std::size_t pattern() const { return q_rows * q_columns; }
};

class ScanWriter {
 public:
  /// `fingerprint` says what decides the patterns. With `resume` what an earlier run left is
  /// continued, every pattern checked; otherwise a new one begins. Error (input) if it belongs to
  /// another study, if it cannot be written, or if the disk has no room (the message says how much
  /// is needed; unknown beforehand with compression).
  ScanWriter(const std::string& path, const std::string& fingerprint, const ScanFileLayout& layout,
             bool resume);
  ~ScanWriter();
  ScanWriter(const ScanWriter&) = delete;
  ScanWriter& operator=(const ScanWriter&) = delete;

  static std::string partial(const std::string& path) { return path + ".partial"; }
  static std::string journal(const std::string& path) { return partial(path) + ".journal"; }

  /// position = row * columns + column.
  bool done(std::size_t position) const;
  std::size_t finished() const;
  /// The extras of a finished position; (extras).
  std::vector<double> extras(std::size_t position) const;
  /// values: (cubes, q_rows, q_columns); extras: as many as the layout says. Thread-safe; with
  /// compression no other HDF5 call may run meanwhile. Error (input) if the disk is full: what is
  /// finished is kept; (numerical) if a value does not fit into whole numbers of the stored type.
  template <class Real>
  void write(std::size_t position, const Real* values, const double* extras = nullptr);

  /// Every position is written: adds what is in `rest`, axes and py4DSTEM's calibration, and gives
  /// the file its name. axes: row, column, q_row, q_column. Error (input) if that fails; what is
  /// finished is kept.
  void finish(EmdWriter& rest, const std::array<EmdAxis, 4>& axes, const std::string& units,
              const std::string& note);
  /// The same for a file of another layout: its group `root`, with a group for every cube.
  void finish(const hdf5::OutputFile& rest, const std::string& root, const std::string& units);

 private:
  struct Place {  // of a finished position
    std::uint64_t payload = 0, length = 0;
    std::uint32_t pattern_crc = 0;
    bool done = false;
  };
  struct Piece {  // bytes of the growing file that are not patterns
    std::uint64_t offset = 0;
    std::string bytes;
  };

  std::string description() const;
  void make_skeleton();
  void reserve();
  void write_head();
  bool read_journal(const std::string& fingerprint);
  void check_patterns();
  std::vector<std::string> chunks(std::size_t position) const;
  void put_together() const;
  void require_all() const;

  std::string path_, fingerprint_;
  ScanFileLayout layout_;
  std::size_t cube_bytes_ = 0;              // of one pattern
  std::uint64_t total_ = 0;                 // length of the growing file
  std::vector<std::uint64_t> data_offset_;  // of every cube
  std::vector<Piece> skeleton_;
  std::vector<Place> places_;
  std::uint64_t journal_end_ = 0;
  int data_ = -1, journal_ = -1;
  mutable std::mutex mutex_;
};

}  // namespace pendel

// HDF5 files, thinly: numbers and texts by name. A failure is an Error (input) that names the file
// and the dataset; the library itself prints nothing.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/array.hpp"

namespace pendel::hdf5 {

/// One object of a file, as `pendel info` shows it.
struct Item {
  std::string path;  ///< from the file's root, "/a/b"
  bool is_group = false;
  std::vector<std::size_t> shape;
  std::string type;   ///< "float64", "int32", "text", ...
  std::string units;  ///< attribute `units`, empty without
};

/// A dataset of numbers as it lies in a file.
struct Block {
  std::optional<std::uint64_t> offset;  ///< if it is in one piece, neither cut nor compressed
  std::vector<std::size_t> shape;
  std::string type;  ///< as of Item
  std::size_t number_bytes = 0;
  bool big_endian = false;
};
/// One name in a group; of a link to another file, that file.
struct Member {
  std::string name, external_file;
};

/// How numbers are stored, in a file or in memory.
enum class Stored { float64, float32, int32, int64, uint16, uint32, uint8, int8, int16 };
/// The library's identifier of it.
long file_type(Stored stored);

class InputFile {
 public:
  /// Error (input) if the file is missing, truncated or not HDF5.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  bool has(const std::string& name) const;
  /// A dataset of any numeric type, or the dataset `data` of a group (an EMD array).
  Array read(const std::string& name) const;
  /// Its shape alone, and elements first <= i < first + count of its first dimension.
  std::vector<std::size_t> shape(const std::string& name) const;
  Array read_part(const std::string& name, std::size_t first, std::size_t count) const;
  std::string read_text(const std::string& name) const;
  /// A truth value as h5py stores it, or a number that is not 0.
  bool read_flag(const std::string& name) const;
  /// Error (input) if there is no such dataset.
  Block block(const std::string& name) const;
  /// The rectangle of `count` from `start`, of any type of numbers, as `type`. Error (input) if
  /// it cannot be read; a compression that this machine's library lacks is named. One thread at a
  /// time may be in the library.
  void read_part(const std::string& name, const std::vector<std::size_t>& start,
                 const std::vector<std::size_t>& count, Stored type, void* values) const;
  /// Text attribute of an object; empty if there is none.
  std::string attribute(const std::string& object, const std::string& name) const;
  /// Number of an attribute of one element.
  std::optional<double> number_attribute(const std::string& object, const std::string& name) const;
  /// Names in a group, links to other files too, whether these are there or not.
  std::vector<Member> members(const std::string& group) const;
  /// Every group and dataset below a group, in the order of names.
  std::vector<Item> items(const std::string& group = "/") const;

  /// The library's identifier.
  long id() const { return file_; }

 private:
  long opened(const std::string& name) const;

  std::string path_;
  long file_;
  mutable std::string part_name_;  // dataset of the last read_part, kept open: what it has
  mutable long part_ = -1;         // decompressed serves the next
};

/// For a program, before anything else of HDF5: at its end the library is left as it is. A file
/// that the library could not close, because the disk is full, would make its own end a crash.
void no_cleanup_at_exit();

/// A file that is made in memory and reaches the disk whole or not at all.
class OutputFile {
 public:
  OutputFile();
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Groups on the way to `name` are made.
  void group(const std::string& name);
  void write(const std::string& name, const Array& array, Stored stored = Stored::float64);
  void write_scalar(const std::string& name, double value, Stored stored = Stored::float64);
  /// Texts are variable-length UTF-8, as EMD 1.0 wants them.
  void write_text(const std::string& name, const std::string& value);
  /// As h5py stores truth values, as is the attribute below.
  void write_flag(const std::string& name, bool value);
  void attribute(const std::string& object, const std::string& name, const std::string& value);
  void attribute(const std::string& object, const std::string& name, long value);
  /// Of 64 bits.
  void real_attribute(const std::string& object, const std::string& name, double value);
  void flag(const std::string& object, const std::string& name, bool value);

  /// Writes to a temporary name beside `path`, then renames. Error (input) if that fails; nothing
  /// of it is left behind then.
  void save(const std::string& path);

  /// The library's identifier.
  long id() const { return file_; }

 private:
  long file_;
};

}  // namespace pendel::hdf5

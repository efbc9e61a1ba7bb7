// The patterns of a recording as its file holds them, read when they are asked for: a scan larger
// than memory is no problem.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "io/hdf5.hpp"

namespace pendel {

/// What a pixel is stored as: all but int64.
using Number = hdf5::Stored;
std::size_t bytes_of(Number number);
std::string name_of(Number number);
/// "uint16" and its like; error (input), which begins with `where`, for any other text.
Number number_of(const std::string& name, const std::string& where);

class Frames {
 public:
  Frames(std::size_t count, std::size_t q_rows, std::size_t q_columns, Number number)
      : count_(count), q_rows_(q_rows), q_columns_(q_columns), number_(number) {}
  virtual ~Frames() = default;

  std::size_t count() const { return count_; }
  std::size_t q_rows() const { return q_rows_; }
  std::size_t q_columns() const { return q_columns_; }
  std::size_t pixels() const { return q_rows_ * q_columns_; }
  Number number() const { return number_; }

  /// Frames first <= i < first + count as numbers of the stored type, in this machine's byte order,
  /// (count, q_rows, q_columns). Thread-safe. Error (input) if the file cannot be read.
  virtual void read_stored(std::size_t first, std::size_t count, void* values) const = 0;
  /// The same as float or double; float keeps whole numbers up to 2^24.
  template <class Real>
  void read(std::size_t first, std::size_t count, Real* values) const;

 private:
  std::size_t count_, q_rows_, q_columns_;
  Number number_;
};

/// Where frames lie that a file holds one after another at equal distances.
struct RawLayout {
  std::string path;
  std::uint64_t offset = 0;  ///< of the first frame [bytes]
  std::uint64_t stride = 0;  ///< from frame to frame [bytes]; 0: without gaps
  std::size_t count = 0, q_rows = 0, q_columns = 0;
  Number number = Number::uint8;
  bool big_endian = false;
  /// The frame index runs fastest: every pixel has its values of all frames in one piece.
  bool frames_fastest = false;
  /// Unusual bytes: makes a frame of `encoded_bytes` bytes into numbers of this machine.
  std::function<void(const unsigned char* bytes, void* values)> decode;
  std::size_t encoded_bytes = 0;
};

class RawFrames : public Frames {
 public:
  /// Error (input) if the file cannot be opened.
  explicit RawFrames(const RawLayout& layout);
  ~RawFrames() override;
  RawFrames(const RawFrames&) = delete;
  RawFrames& operator=(const RawFrames&) = delete;

  void read_stored(std::size_t first, std::size_t count, void* values) const override;

 private:
  void read_bytes(void* bytes, std::size_t count, std::uint64_t offset) const;

  RawLayout layout_;
  int file_ = -1;
};

}  // namespace pendel

// A recording made ready for measuring: a part of it, corrected and binned, read piece by piece.
#pragma once
#include <vector>

#include "scan/recording.hpp"

namespace pendel {

struct Preparation {
  struct Range {
    std::size_t first = 0;
    std::size_t count = 0;  ///< 0: to the end
  };
  Range rows, columns, q_rows, q_columns;
  /// So many positions or pixels along an edge are added up; what is left over at an end is not
  /// used.
  std::size_t bin_scan = 1, bin_q = 1;
  /// (pattern − dark) · gain, each of the file's pattern (q_rows, q_columns); empty: none.
  std::vector<float> dark, gain;
  /// Dead and hot pixels, q_row * q_columns + q_column in the file: replaced by the mean of the
  /// nearest good ones.
  std::vector<std::size_t> bad_pixels;
};

class DataCube {
 public:
  /// Error (input) if a range, a bin or a reference does not fit the recording.
  explicit DataCube(Recording recording, Preparation preparation = {});

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t positions() const { return rows_ * columns_; }
  std::size_t q_rows() const { return q_rows_; }
  std::size_t q_columns() const { return q_columns_; }
  std::size_t pixels() const { return q_rows_ * q_columns_; }
  /// Of binned pixels and steps.
  RecordedScale scale() const;
  const Recording& recording() const { return recording_; }

  /// Positions first <= row * columns() + column < first + count, (count, q_rows, q_columns); NaN
  /// where nothing was recorded. Thread-safe.
  void read(std::size_t first, std::size_t count, float* patterns) const;

 private:
  void prepare(float* pattern) const;
  void add(const float* pattern, float* to) const;

  Recording recording_;
  Preparation preparation_;
  std::size_t rows_ = 0, columns_ = 0, q_rows_ = 0, q_columns_ = 0;
  std::vector<std::vector<std::size_t>> neighbours_;  // of every bad pixel
  bool plain_ = true;                                 // patterns are as the file has them
};

}  // namespace pendel

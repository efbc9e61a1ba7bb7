// A template at any place between pixels, with the exact derivatives of what is computed: a cubic
// spline through its samples.
#pragma once
#include "scan/probe_template.hpp"

namespace pendel {

class ShiftedTemplate {
 public:
  explicit ShiftedTemplate(const DiskTemplate& shape);

  /// Pixels from the middle of a patch to its edge; a patch is (side(), side()).
  int half() const { return half_; }
  int side() const { return 2 * half_ + 1; }
  /// Numbers that place() needs for its work.
  std::size_t work_size() const;

  /// Pixels first <= column < last of a row of a patch.
  struct Run {
    int row, first, last;
  };
  /// Those of a circle that holds the shape.
  std::vector<Run> circle() const;

  /// The shape centred `fraction` (column, row; −1 to 1) beside the middle of the patch, and its
  /// derivatives by column and row of that centre, at the pixels of the runs, one after another.
  void place(const Vec2& fraction, const std::vector<Run>& runs, float* value, float* by_column,
             float* by_row, float* work) const;

 private:
  int half_;
  int rows_ = 0, stride_ = 0;  // of coefficients; a row has one piece of stride_ per phase
  std::vector<float> coefficients_;
};

}  // namespace pendel

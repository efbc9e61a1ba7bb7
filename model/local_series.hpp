// A Chebyshev series in several variables, cut into cells: the cube [−1, 1]^n is divided evenly
// along every variable and each cell holds a short series of its own, so that a value costs a
// hundred or so terms instead of thousands.
#pragma once
#include <Eigen/Core>
#include <cstddef>
#include <vector>

namespace pendel {

class LocalSeries {
 public:
  LocalSeries() = default;

  /// coefficients: of the whole series, (degree of variable 1, ..., of variable n, output), the
  /// last fastest; degrees: how many along every variable. Cells and terms are chosen such that the
  /// dropped terms stay below `tail` [units of the outputs' sum, added in quadrature] and the cells
  /// below most_bytes, with as few terms as that allows.
  LocalSeries(const std::vector<float>& coefficients, const std::vector<int>& degrees, int outputs,
              double tail, std::size_t most_bytes);

  /// x: in [−1, 1]^n (outside, the outermost cell is continued); values: (outputs); derivatives by
  /// x, unless null: (outputs, n). Neighbouring cells differ by the dropped terms at their border.
  void evaluate(const double* x, Eigen::VectorXd& values, Eigen::MatrixXd* derivatives) const;

  int terms() const { return int(terms_.size()); }
  const std::vector<int>& cells() const { return cells_; }
  std::size_t bytes() const { return coefficients_.size() * sizeof(float); }

 private:
  /// Product of the parent's factors and the Chebyshev polynomial of one further variable.
  struct Term {
    int parent, variable, degree;
  };

  std::vector<int> cells_;    // along every variable
  std::vector<int> highest_;  // degree along every variable
  std::vector<Term> terms_;   // parents before their terms; the first is the constant
  int outputs_ = 0;
  std::vector<float> coefficients_;  // (cell, block of outputs, term, output of the block)
};

}  // namespace pendel

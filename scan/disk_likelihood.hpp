// The Poisson likelihood of one disk's pixels and its exact derivatives. What is expected of a
// pixel:
//   mean = rest + shape(x − position) · exp(c_0) · (1 + Σ_j c_j φ_j(x))²,
// rest: background and other disks, counts a pixel; exp(c_0): counts of a uniform disk. The φ are
// polynomials: a smooth amplitude, as of a wave, may vary within the disk (dark fringes too) and
// does not change its edge.
#pragma once
#include <Eigen/Core>

#include "scan/shifted_template.hpp"

namespace pendel {

class DiskLikelihood {
 public:
  static constexpr int max_order = 4;
  /// Polynomials to this order, 1 among them.
  static constexpr int terms(int order) { return (order + 1) * (order + 2) / 2; }
  static constexpr int max_terms = (max_order + 1) * (max_order + 2) / 2;

  /// radius: to the end of the edge, beyond which the polynomials keep their value [pixels].
  DiskLikelihood(const ShiftedTemplate& shape, double radius);

  using Coefficients = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, max_terms, 1>;
  /// Parameters: c_0, column, row, c_1, c_2, ...; of fringes at last their direction [rad].
  static constexpr int max_parameters = max_terms + 3;
  using Gradient = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, max_parameters, 1>;
  using Information =
      Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, max_parameters, max_parameters>;

  /// The pixels of a patch about (column, row), cut to a pattern (rows, columns), `valid` as in
  /// disks.hpp. To be followed by rest().
  void window(const float* pattern, int rows, int columns, const std::uint8_t* valid, int column,
              int row);
  std::size_t pixels() const { return size_; }
  /// The φ that follow are polynomials of both coordinates, to ever higher order, or, as fringes
  /// are, of one alone, which runs along a direction from the columns to the rows [rad].
  void set_plane();
  void set_fringes(double direction);
  static constexpr int max_fringe_terms = 9;
  const std::vector<ShiftedTemplate::Run>& runs() const { return runs_; }
  std::vector<float>& rest() { return rest_; }

  /// log of the probability of the counts, less that of a mean of exactly these counts. Computes
  /// what the rest of this class gives.
  double value(const Vec2& fraction, const Coefficients& c);
  /// The same without the disk.
  double without() const;
  /// The disk alone, a value a pixel.
  const std::vector<float>& disk() const { return disk_; }
  /// At the parameters of the last value(), of the first `terms` terms; with Fisher information.
  void derivatives(int terms, Gradient& gradient, Information& information);
  /// d mean / d parameter of the last derivatives(), a value a pixel, and 1/mean.
  const float* jacobian(int parameter) const {
    return &jacobian_[std::size_t(parameter) * stride_];
  }
  const std::vector<float>& weight() const { return weight_; }

 private:
  const ShiftedTemplate& shape_;
  std::vector<ShiftedTemplate::Run> circle_, runs_;
  std::vector<float> basis_;  // (max_terms, side, side)
  std::size_t stride_;
  std::size_t size_ = 0, padded_ = 0;  // pixels of the window; filled up to whole vectors
  std::vector<float> counts_, inverse_, rest_, used_, disk_, factor_, mean_, weight_, residual_;
  std::vector<float> value_, by_column_, by_row_, work_, window_basis_, jacobian_, weighted_,
      amplitude_, slope_;
  std::vector<float> offset_x_, offset_y_, across_, legendre_slope_;  // in radii
  double radius_;
  bool masked_ = false, has_offsets_ = false;
  enum class Basis { none, plane, fringes } basis_now_ = Basis::none;
};

}  // namespace pendel

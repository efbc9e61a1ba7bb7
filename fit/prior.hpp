// Priors on the parameters of a whole scan: differences of values (between positions, or between
// sublayers of one position) are distributed around 0.
#pragma once
#include <Eigen/SparseCore>
#include <string>
#include <vector>

namespace pendel {

enum class PriorKind {
  normal,  ///< smooth: energy s²/2 of a difference of s standard deviations
  cauchy   ///< edges stay sharp: ln(1 + s²), so that a step costs little more the higher it is
};

/// Energy −ln p = Σ_r ρ((D x)_r / sigma).
struct Prior {
  std::string name;
  /// (differences, unknowns); parameter k of position i is unknown i · parameters + k.
  Eigen::SparseMatrix<double, Eigen::RowMajor> D;
  double sigma = 0;  ///< standard deviation (cauchy: half width) of a row of D x; 0: to estimate
  PriorKind kind = PriorKind::normal;
};

/// ρ of a squared difference in units of sigma, 2 dρ/d(s²), and d²ρ/ds², at least 0.
double prior_energy(PriorKind kind, double s2);
double prior_weight(PriorKind kind, double s2);
double prior_curvature(PriorKind kind, double s2);

/// Positions of a scan, row by row.
struct ScanGrid {
  long rows = 1, columns = 1;
};

/// Differences of order 1 (neighbours) or 2 (value − mean of two neighbours, times 2) of one
/// parameter along rows and along columns, where every position taking part is `usable`.
Eigen::SparseMatrix<double, Eigen::RowMajor> scan_differences(const ScanGrid& grid,
                                                              const std::vector<char>& usable,
                                                              int parameters, int parameter,
                                                              int order);

/// Differences of neighbours in `sublayers` (parameters, in the order of the layers) at every
/// usable position.
Eigen::SparseMatrix<double, Eigen::RowMajor> sublayer_differences(
    const std::vector<char>& usable, int parameters, const std::vector<int>& sublayers);

/// sigma as the values show it: the spread of D x by its median, less what errors of the values
/// contribute, and at least the least spread that so many differences can tell from 0.
/// variances: of every unknown; rows with a variance that is not finite are left out. NaN without
/// rows.
double estimated_sigma(const Prior& prior, const Eigen::VectorXd& values,
                       const Eigen::VectorXd& variances);

}  // namespace pendel

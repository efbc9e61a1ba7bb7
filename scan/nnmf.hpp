// Non-negative matrix factorisation: the features of every position (rows of X) as sums of few
// patterns of features, X ≈ W H, from several starts, and how far these agree.
#pragma once
#include <Eigen/SparseCore>
#include <cstdint>
#include <functional>
#include <vector>

namespace pendel {

/// (positions, features), none below 0.
using FeatureMatrix = Eigen::SparseMatrix<double, Eigen::RowMajor>;

struct NnmfOptions {
  int components = 4;
  /// What is made least: Σ (X − WH)², or the Poisson divergence Σ X ln(X/WH) − X + WH, which is
  /// right for counts.
  enum class Objective { squares, poisson } objective = Objective::squares;
  /// The first starts from the singular vectors of X (NNDSVD), the others at random.
  int restarts = 20;
  std::uint64_t seed = 1;
  int max_sweeps = 3000;
  /// Converged: ten sweeps lower the objective by no more than this part of it.
  double tolerance = 1e-6;
};

/// Patterns sum to 1 over the features, so that weights are parts of the positions' sums; sorted by
/// the sum of the weights, the greatest first.
struct Nnmf {
  Eigen::MatrixXd weights;   ///< W (positions, components)
  Eigen::MatrixXd patterns;  ///< H (components, features)
  double objective = 0;
  int sweeps = 0;
  bool converged = false;
};

/// From one start, number `restart`. Squares: block coordinate descent [CichockiPhan2009,
/// GillisGlineur2012]; poisson: multiplicative updates [LeeSeung2001]; first start [Boutsidis2008].
/// Error (study) if there are more components than features or positions that are not empty, or
/// fewer than 1; (input) if X has a value that is below 0 or not finite, or is 0 everywhere.
Nnmf nnmf(const FeatureMatrix& X, const NnmfOptions& options, int restart);

/// Row r goes with column result[r], all different, so that the sum of values is the largest;
/// (n, n). [Kuhn1955]
std::vector<int> best_assignment(const Eigen::MatrixXd& values);

/// The component with the largest weight at every position; −1 where all are 0.
std::vector<int> classes_of(const Nnmf& factors);

struct NnmfRuns {
  Nnmf best;  ///< of the least objective
  int converged = 0;
  std::vector<double> objectives;  ///< by restart
  /// Objective as part of that of no pattern at all (squares) or of a single one (poisson).
  double unexplained = 0;
  /// Cosine between a component's part of X, w hᵀ, and that of its partner in another restart (best
  /// assignment): its mean and least over the other restarts. 1 if there are none.
  std::vector<double> similarity, least_similarity;
  /// Part of the other restarts that put the position into the same class; NaN: it is in none.
  std::vector<double> agreement;
  /// Correlation of how often two positions share a class with the heights at which clustering by
  /// it (mean linkage) joins them, over at most 1000 positions; 1: restarts agree. [Brunet2004]
  double cophenetic = 1;
};

/// All restarts; progress(): one is done, called by several threads. Results do not depend on the
/// number of threads. Errors as of nnmf.
NnmfRuns nnmf_restarts(const FeatureMatrix& X, const NnmfOptions& options,
                       const std::function<void()>& progress = {});

/// |x − wH| / |x| of every position; NaN where it is empty.
std::vector<double> residuals_of(const FeatureMatrix& X, const Nnmf& factors);

}  // namespace pendel

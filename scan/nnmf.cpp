#include "scan/nnmf.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "core/decomposition.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
#include "scan/consensus.hpp"

namespace pendel {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
/// A row's components lie side by side.
using Factor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Factors {
  Factor W, H;  ///< (positions, components), (features, components): H transposed
};

class Uniform {
 public:
  Uniform(std::uint64_t seed, int stream) {
    std::seed_seq words{std::uint32_t(seed), std::uint32_t(seed >> 32), std::uint32_t(stream)};
    random_.seed(words);
  }
  double operator()() { return (double(random_() >> 11) + 0.5) * 0x1p-53; }

 private:
  std::mt19937_64 random_;
};

// A pair of singular vectors is the best sum of one non-negative pair of its parts of equal sign;
// zeros become small so that multiplicative updates can leave them. [Boutsidis2008, 3]
Factors singular_start(const FeatureMatrix& X, Index components, Uniform& random) {
  const EigenDecomposition eigen = symmetric_eigen(MatrixXd(X.transpose() * X));
  Factors start{Factor(X.rows(), components), Factor(X.cols(), components)};
  const double small = 0.01 * std::sqrt(X.sum() / double(X.size()) / double(components));
  for (Index k = 0; k < components; ++k) {
    const Index n = X.cols() - 1 - k;  // ascending
    VectorXd v = eigen.vectors.col(n).real();
    const VectorXd Xv = X * v;
    const double singular = Xv.norm();
    VectorXd u = singular > 0 ? VectorXd(Xv / singular) : Xv;
    const double plus = u.cwiseMax(0).norm() * v.cwiseMax(0).norm(),
                 minus = (-u).cwiseMax(0).norm() * (-v).cwiseMax(0).norm();
    if (minus > plus) u = -u, v = -v;
    u = u.cwiseMax(0), v = v.cwiseMax(0);
    const double root = std::sqrt(singular * std::max(plus, minus));
    start.W.col(k) = u * (u.norm() > 0 ? root / u.norm() : 0);
    start.H.col(k) = v * (v.norm() > 0 ? root / v.norm() : 0);
  }
  for (Factor* factor : {&start.W, &start.H})
    for (Index i = 0; i < factor->size(); ++i)
      factor->data()[i] = std::max(factor->data()[i], small * random());
  return start;
}

Factors random_start(const FeatureMatrix& X, Index components, Uniform& random) {
  Factors start{Factor(X.rows(), components), Factor(X.cols(), components)};
  const double scale = 2 * std::sqrt(X.sum() / double(X.size()) / double(components));
  for (Factor* factor : {&start.W, &start.H})
    for (Index i = 0; i < factor->size(); ++i) factor->data()[i] = scale * random();
  return start;
}

// Rows w of W one by one: least squares over w >= 0 by coordinates, a few rounds. A = X H, B = HᵀH.
void descend(const Factor& A, const MatrixXd& B, Factor& W) {
  constexpr int rounds = 3;
  for (Index i = 0; i < W.rows(); ++i) {
    stop_if_interrupted();
    for (int round = 0; round < rounds; ++round)
      for (Index k = 0; k < W.cols(); ++k)
        if (B(k, k) > 0)
          W(i, k) = std::max(0.0, W(i, k) + (A(i, k) - W.row(i).dot(B.col(k))) / B(k, k));
  }
}

// W ← W ∘ ((X / WHᵀ) H) / ΣH
void multiply(const FeatureMatrix& X, const Factor& H, Factor& W) {
  const VectorXd sums = H.colwise().sum();
  VectorXd gained(W.cols());
  for (Index i = 0; i < W.rows(); ++i) {
    stop_if_interrupted();
    gained.setZero();
    for (FeatureMatrix::InnerIterator x(X, i); x; ++x) {
      const double model = W.row(i).dot(H.row(x.col()));
      if (model > 0) gained += (x.value() / model) * H.row(x.col()).transpose();
    }
    for (Index k = 0; k < W.cols(); ++k) W(i, k) = sums[k] > 0 ? W(i, k) * gained[k] / sums[k] : 0;
  }
}

double divergence(const FeatureMatrix& X, const Factors& f) {
  double sum = f.W.colwise().sum().dot(f.H.colwise().sum());
  for (Index i = 0; i < X.rows(); ++i)
    for (FeatureMatrix::InnerIterator x(X, i); x; ++x)
      if (x.value() > 0)
        sum += x.value() * (std::log(x.value() / f.W.row(i).dot(f.H.row(x.col()))) - 1);
  return sum;
}

/// X ≈ (row sums)(column sums)/sum is the best single pattern.
double divergence_of_one(const FeatureMatrix& X) {
  Factors one{Factor(X.rows(), 1), Factor(X.cols(), 1)};
  one.W.col(0) = X * VectorXd::Ones(X.cols());
  one.H.col(0) = X.transpose() * VectorXd::Ones(X.rows()) / X.sum();
  return divergence(X, one);
}

/// Squared norm of X − WHᵀ, row by row: no cancellation where the fit is exact.
double squares(const FeatureMatrix& X, const Factors& f, std::vector<double>* rows = nullptr) {
  double sum = 0;
  VectorXd row(X.cols());
  for (Index i = 0; i < X.rows(); ++i) {
    stop_if_interrupted();
    row.noalias() = f.H * f.W.row(i).transpose();
    for (FeatureMatrix::InnerIterator x(X, i); x; ++x) row[x.col()] -= x.value();
    sum += row.squaredNorm();
    if (rows) rows->push_back(row.squaredNorm());
  }
  return sum;
}

void check(const FeatureMatrix& X, const NnmfOptions& options) {
  Index rows = 0;
  std::vector<bool> used(std::size_t(X.cols()));
  for (Index i = 0; i < X.rows(); ++i) {
    bool any = false;
    for (FeatureMatrix::InnerIterator x(X, i); x; ++x) {
      if (!(x.value() >= 0) || !std::isfinite(x.value()))
        throw Error(ErrorKind::input, "feature " + std::to_string(x.col()) + " of position " +
                                          std::to_string(i) + " is " + std::to_string(x.value()) +
                                          "; features are numbers of at least 0");
      if (x.value() > 0) any = used[std::size_t(x.col())] = true;
    }
    rows += any;
  }
  const auto columns = Index(std::count(used.begin(), used.end(), true));
  if (rows == 0) throw Error(ErrorKind::input, "no position has a feature above 0");
  if (options.components < 1 || options.components > std::min(rows, columns))
    throw Error(ErrorKind::study, std::to_string(options.components) + " components are asked of " +
                                      std::to_string(columns) + " features at " +
                                      std::to_string(rows) + " positions that are not 0: 1 to " +
                                      std::to_string(std::min(rows, columns)) + " can be");
}

/// Of the parts of X, w hᵀ: (components of one, components of the other).
MatrixXd similarities(const Nnmf& one, const Nnmf& other) {
  const auto cosines = [](const MatrixXd& a, const MatrixXd& b) {
    MatrixXd product = a.transpose() * b;
    for (Index i = 0; i < a.cols(); ++i)
      for (Index j = 0; j < b.cols(); ++j) {
        const double norms = a.col(i).norm() * b.col(j).norm();
        product(i, j) = norms > 0 ? product(i, j) / norms : 0;
      }
    return product;
  };
  return cosines(one.weights, other.weights)
      .cwiseProduct(cosines(one.patterns.transpose(), other.patterns.transpose()));
}

}  // namespace

Nnmf nnmf(const FeatureMatrix& X, const NnmfOptions& options, int restart) {
  check(X, options);
  const bool poisson = options.objective == NnmfOptions::Objective::poisson;
  const FeatureMatrix Xt = X.transpose();
  Uniform random(options.seed, restart);
  Factors f = restart == 0 ? singular_start(X, options.components, random)
                           : random_start(X, options.components, random);
  const auto value = [&] { return poisson ? divergence(X, f) : squares(X, f); };
  Nnmf result;
  result.objective = value();
  // below this, rounding of X alone
  const double nothing = 1e-24 * (poisson ? X.sum() : X.squaredNorm());
  while (!result.converged && result.sweeps < options.max_sweeps) {
    constexpr int between = 10;
    for (int sweep = 0; sweep < between; ++sweep, ++result.sweeps) {
      if (poisson) {
        multiply(X, f.H, f.W);
        multiply(Xt, f.W, f.H);
      } else {
        descend(X * f.H, f.H.transpose() * f.H, f.W);
        descend(Xt * f.W, f.W.transpose() * f.W, f.H);
      }
    }
    const double now = value();
    result.converged = result.objective - now <= options.tolerance * now || now <= nothing;
    result.objective = now;
  }
  const VectorXd sums = f.H.colwise().sum();
  for (Index k = 0; k < sums.size(); ++k)
    if (sums[k] > 0) {
      f.H.col(k) /= sums[k];
      f.W.col(k) *= sums[k];
    } else {
      f.W.col(k).setZero();
    }
  const VectorXd amounts = f.W.colwise().sum();
  std::vector<Index> order(std::size_t(amounts.size()));
  std::iota(order.begin(), order.end(), Index(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return amounts[a] > amounts[b]; });
  result.weights.resize(X.rows(), options.components);
  result.patterns.resize(options.components, X.cols());
  for (Index k = 0; k < amounts.size(); ++k) {
    result.weights.col(k) = f.W.col(order[std::size_t(k)]);
    result.patterns.row(k) = f.H.col(order[std::size_t(k)]).transpose();
  }
  return result;
}

// Rows enter one by one, each along the cheapest alternating path; u and v are the prices of rows
// and columns, index 0 stands for "none".
std::vector<int> best_assignment(const MatrixXd& values) {
  const auto n = std::size_t(values.rows());
  std::vector<double> u(n + 1), v(n + 1);
  std::vector<std::size_t> row_of(n + 1, 0), from(n + 1, 0);
  for (std::size_t row = 1; row <= n; ++row) {
    row_of[0] = row;
    std::size_t column = 0;
    std::vector<double> slack(n + 1, std::numeric_limits<double>::infinity());
    std::vector<bool> done(n + 1, false);
    do {
      done[column] = true;
      std::size_t next = 0;
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t j = 1; j <= n; ++j) {
        if (done[j]) continue;
        const double cost =
            -values(Index(row_of[column]) - 1, Index(j) - 1) - u[row_of[column]] - v[j];
        if (cost < slack[j]) slack[j] = cost, from[j] = column;
        if (slack[j] < least) least = slack[j], next = j;
      }
      for (std::size_t j = 0; j <= n; ++j)
        if (done[j])
          u[row_of[j]] += least, v[j] -= least;
        else
          slack[j] -= least;
      column = next;
    } while (row_of[column] != 0);
    for (; column != 0; column = from[column]) row_of[column] = row_of[from[column]];
  }
  std::vector<int> result(n);
  for (std::size_t j = 1; j <= n; ++j) result[row_of[j] - 1] = int(j) - 1;
  return result;
}

std::vector<int> classes_of(const Nnmf& factors) {
  std::vector<int> classes;
  for (Index i = 0; i < factors.weights.rows(); ++i) {
    Index best;
    const double most = factors.weights.row(i).maxCoeff(&best);
    classes.push_back(most > 0 ? int(best) : -1);
  }
  return classes;
}

NnmfRuns nnmf_restarts(const FeatureMatrix& X, const NnmfOptions& options,
                       const std::function<void()>& progress) {
  std::vector<Nnmf> runs(std::size_t(std::max(options.restarts, 1)));
  parallel_for(long(runs.size()), [&](long i, int) {
    runs[std::size_t(i)] = nnmf(X, options, int(i));
    if (progress) progress();
  });
  NnmfRuns result;
  std::size_t best = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    result.converged += runs[i].converged;
    result.objectives.push_back(runs[i].objective);
    if (runs[i].objective < runs[best].objective) best = i;
  }
  result.best = runs[best];
  const double whole =
      options.objective == NnmfOptions::Objective::poisson ? divergence_of_one(X) : X.squaredNorm();
  result.unexplained = whole > 0 ? runs[best].objective / whole : 0;
  const std::vector<int> classes = classes_of(result.best);
  const double others = double(runs.size()) - 1;
  result.similarity.assign(std::size_t(options.components), others > 0 ? 0 : 1);
  result.least_similarity.assign(std::size_t(options.components), 1);
  result.agreement.assign(classes.size(), others > 0 ? 0 : 1);
  std::vector<std::vector<int>> classes_of_runs;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    classes_of_runs.push_back(classes_of(runs[i]));
    if (i == best) continue;
    const MatrixXd alike = similarities(result.best, runs[i]);
    const std::vector<int> partner = best_assignment(alike);
    for (std::size_t k = 0; k < partner.size(); ++k) {
      const double cosine = alike(Index(k), partner[k]);
      result.similarity[k] += cosine / others;
      result.least_similarity[k] = std::min(result.least_similarity[k], cosine);
    }
    for (std::size_t p = 0; p < classes.size(); ++p)
      if (classes[p] >= 0 && partner[std::size_t(classes[p])] == classes_of_runs.back()[p])
        result.agreement[p] += 1 / others;
  }
  for (std::size_t p = 0; p < classes.size(); ++p)
    if (classes[p] < 0) result.agreement[p] = std::numeric_limits<double>::quiet_NaN();
  result.cophenetic = cophenetic_correlation(classes_of_runs, 1000);
  return result;
}

std::vector<double> residuals_of(const FeatureMatrix& X, const Nnmf& factors) {
  const Factors f{factors.weights, factors.patterns.transpose()};
  std::vector<double> rows;
  squares(X, f, &rows);
  for (Index i = 0; i < X.rows(); ++i) {
    double whole = 0;
    for (FeatureMatrix::InnerIterator x(X, i); x; ++x) whole += x.value() * x.value();
    rows[std::size_t(i)] = whole > 0 ? std::sqrt(rows[std::size_t(i)] / whole)
                                     : std::numeric_limits<double>::quiet_NaN();
  }
  return rows;
}

}  // namespace pendel

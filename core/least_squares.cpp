#include "core/least_squares.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <limits>
#include <vector>

#include "core/clones.hpp"

namespace pendel {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double no_gain = 1e-9;  // of χ²: a step of 3e-5 standard deviations

constexpr int lanes = 8;
typedef double Lanes __attribute__((vector_size(lanes * sizeof(double)), aligned(alignof(double))));

/// products = AᵀA of A (m, n), row by row, n a multiple of `lanes`: a column block at a time, whose
/// sums stay in registers.
PENDEL_CLONES void products_of_columns(const double* A, int m, int n, double* products) {
  for (int i = 0; i < n; i += lanes)
    for (int k = i; k < n; k += lanes) {
      Lanes sums[lanes] = {};
      for (int row = 0; row < m; ++row) {
        const Lanes right = *reinterpret_cast<const Lanes*>(A + row * n + k);
        for (int a = 0; a < lanes; ++a) sums[a] += A[row * n + i + a] * right;
      }
      for (int a = 0; a < lanes; ++a)
        *reinterpret_cast<Lanes*>(products + (i + a) * n + k) = sums[a];
    }
}

/// H = JᵀJ and g = Jᵀr of J (m, n), row by row.
void normal_equations(const std::vector<double>& J, const VectorXd& r, MatrixXd& H, VectorXd& g) {
  const int n = int(g.size()), m = int(r.size()), wide = (n + lanes) / lanes * lanes;
  std::vector<double> A(std::size_t(m) * std::size_t(wide)), products(std::size_t(wide) * wide);
  for (int row = 0; row < m; ++row) {
    std::copy_n(&J[std::size_t(row) * std::size_t(n)], n, &A[std::size_t(row) * wide]);
    A[std::size_t(row) * wide + std::size_t(n)] = r[row];
  }
  products_of_columns(A.data(), m, wide, products.data());
  for (int i = 0; i < n; ++i) {
    g[i] = products[std::size_t(i) * wide + std::size_t(n)];
    for (int k = 0; k <= i; ++k)
      H(i, k) = H(k, i) = products[std::size_t(k) * wide + std::size_t(i)];
  }
}

/// The damped step, least within the bounds: components that would leave them are held there and
/// the others solved for again.
VectorXd bounded_step(const MatrixXd& H, const VectorXd& g, double damping, const VectorXd& x,
                      const VectorXd& lower, const VectorXd& upper) {
  const int n = int(x.size());
  VectorXd step = VectorXd::Zero(n);
  std::vector<int> free;
  for (int k = 0; k < n; ++k)
    if (!(x[k] <= lower[k] && g[k] > 0) && !(x[k] >= upper[k] && g[k] < 0)) free.push_back(k);
  while (!free.empty()) {
    const int count = int(free.size());
    const VectorXd slope = g + H * step;  // steps held at a bound included
    MatrixXd A(count, count);
    VectorXd b(count);
    for (int i = 0; i < count; ++i) {
      for (int k = 0; k < count; ++k) A(i, k) = H(free[i], free[k]);
      A(i, i) += damping * std::max(H(free[i], free[i]), 1e-30);
      b[i] = -slope[free[i]];
    }
    const VectorXd solved = A.ldlt().solve(b);
    std::vector<int> inside;
    for (int i = 0; i < count; ++i) {
      const int k = free[i];
      if (x[k] + solved[i] < lower[k])
        step[k] = lower[k] - x[k];
      else if (x[k] + solved[i] > upper[k])
        step[k] = upper[k] - x[k];
      else
        inside.push_back(k);
    }
    if (int(inside.size()) == count) {
      for (int i = 0; i < count; ++i) step[free[i]] = solved[i];
      break;
    }
    free = std::move(inside);
  }
  return step;
}

}  // namespace

Minimum minimise(const Residuals& function, int residuals, VectorXd& x, const VectorXd& lower,
                 const VectorXd& upper, int max_iterations, double tolerance) {
  const int n = int(x.size());
  Minimum minimum;
  if (n == 0) {
    VectorXd r(residuals);
    minimum.converged = function(x.data(), r.data(), nullptr);
    minimum.chi2 = minimum.converged ? r.squaredNorm() : std::numeric_limits<double>::infinity();
    return minimum;
  }
  VectorXd r(residuals), g(n), trial_r(residuals);
  std::vector<double> J(std::size_t(residuals) * std::size_t(n));
  MatrixXd H(n, n);
  if (!function(x.data(), r.data(), J.data())) {
    minimum.chi2 = std::numeric_limits<double>::infinity();
    return minimum;
  }
  minimum.chi2 = r.squaredNorm();
  normal_equations(J, r, H, g);
  double damping = 1e-3, growth = 2;
  while (true) {
    const VectorXd step = bounded_step(H, g, damping, x, lower, upper);
    const double expected = -step.dot(2 * g + H * step);
    if (!(expected > std::max(tolerance * minimum.chi2, no_gain))) {
      minimum.converged = true;
      return minimum;
    }
    if (minimum.iterations == max_iterations) return minimum;
    ++minimum.iterations;
    const VectorXd trial = (x + step).cwiseMax(lower).cwiseMin(upper);
    const bool valid = function(trial.data(), trial_r.data(), J.data());
    const double gain = valid ? minimum.chi2 - trial_r.squaredNorm() : -expected;
    if (!(gain > 1e-4 * expected)) {
      damping *= growth;
      growth *= 2;
      continue;
    }
    x = trial;
    r.swap(trial_r);
    minimum.chi2 = r.squaredNorm();
    if (gain <= tolerance * minimum.chi2) {
      minimum.converged = true;
      return minimum;
    }
    normal_equations(J, r, H, g);
    damping *= gain > 0.75 * expected ? 0.1 : gain > 0.25 * expected ? 1.0 : 3.0;
    growth = 2;
  }
}

}  // namespace pendel

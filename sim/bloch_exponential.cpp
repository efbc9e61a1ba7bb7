#include "sim/bloch_exponential.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "core/clones.hpp"
#include "core/error.hpp"

namespace pendel {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// Polynomials that are summed in one go, so that sums are read and written seldom.
constexpr int chunk = 8;
// Terms of the series below this are left out.
constexpr double truncation = 1e-13;
// How far a polynomial may grow where losses take the spectrum off the real line: rounding errors
// grow with it. Longer ways are taken in steps.
constexpr double log_growth_allowed = 9;

/// J_0(x) .. J_{count-1}(x) by downward recurrence (Miller), x >= 0.
std::vector<double> bessel_j(double x, int count) {
  std::vector<double> J(count, 0.0);
  if (x < 1e-300) {
    J[0] = 1;
    return J;
  }
  const int top = std::max(count, int(x) + 1) + 30 + int(3 * std::cbrt(x) * 3);
  double above = 0, here = 1e-30, sum = 0;
  for (int n = top; n >= 0; --n) {
    if (n < count) J[n] = here;
    if (n % 2 == 0) sum += n == 0 ? here : 2 * here;  // J_0 + 2 Σ J_2k = 1
    const double below = 2 * n / x * here - above;
    above = here;
    here = below;
    if (std::abs(here) > 1e200) {
      for (double* value : {&above, &here, &sum}) *value *= 1e-200;
      for (int m = n; m < count; ++m) J[m] *= 1e-200;
    }
  }
  for (double& value : J) value /= sum;
  return J;
}

/// next = 2/ρ (factor product + (D−c) current) − previous, one direction; T_1 from T_0 without the
/// 2 and with previous = 0 (which `two` and `minus` say).
PENDEL_CLONES void advance(const double* product, const double* diagonal, const double* current,
                           const double* previous, double factor, double center, double two,
                           double minus, Index n, double* next) {
  const double a = two * factor;
  for (Index i = 0; i < n; ++i)
    next[i] = a * product[i] + two * (diagonal[i] - center) * current[i] - minus * previous[i];
}

/// The same with complex polynomials and centre: products are of real·re, imaginary·im,
/// sum·(re+im).
PENDEL_CLONES void advance_complex(const double* rr, const double* ii, const double* ss,
                                   const double* diagonal, const double* re, const double* im,
                                   const double* previous_re, const double* previous_im,
                                   double factor, double center, double loss, double two,
                                   double minus, Index n, double* next_re, double* next_im,
                                   double* next_sum) {
  const double a = two * factor, b = two * loss;
  for (Index i = 0; i < n; ++i) {
    const double d = two * (diagonal[i] - center);
    const double x = a * (rr[i] - ii[i]) + d * re[i] + b * im[i] - minus * previous_re[i];
    const double y = a * (ss[i] - rr[i] - ii[i]) + d * im[i] - b * re[i] - minus * previous_im[i];
    next_re[i] = x;
    next_im[i] = y;
    next_sum[i] = x + y;
  }
}

/// sum += Σ_k c[k] T_k over the even and the odd polynomials of a chunk.
PENDEL_CLONES void accumulate(const std::array<const double*, chunk>& T,
                              const std::array<double, chunk>& c, Index n, double* even,
                              double* odd) {
  for (Index i = 0; i < n; ++i) {
    even[i] += c[0] * T[0][i] + c[2] * T[2][i] + c[4] * T[4][i] + c[6] * T[6][i];
    odd[i] += c[1] * T[1][i] + c[3] * T[3][i] + c[5] * T[5][i] + c[7] * T[7][i];
  }
}

PENDEL_CLONES void scale_into(const double* x, const double* s, Index n, double* y) {
  for (Index i = 0; i < n; ++i) y[i] = x[i] * s[i];
}

/// The series' interval and how its polynomials grow off the real line.
struct Interval {
  double center, rho, loss, log_growth;

  explicit Interval(const Spectrum& s) {
    // The interval is wider than the spectrum: Lanczos's bounds are good to less, and near its ends
    // polynomials grow fast with the loss.
    const double half = std::max(s.half_width(), 1e-6 * std::abs(s.highest) + 1e-12);
    const double half_loss = 0.5 * (s.most_loss - s.least_loss);
    const double widened = 1 + 0.01 + 2 * half_loss / half;
    center = 0.5 * (s.lowest + s.highest);
    loss = 0.5 * (s.most_loss + s.least_loss);
    rho = half * widened;
    // |T_n| <= 2 r^n on the ellipse through the corner z of the rectangle of A and W
    const complex z(1 / widened, half_loss / rho);
    log_growth = half_loss > 0 ? std::log(std::abs(z + std::sqrt(z * z - 1.0))) : 0;
  }
};

std::vector<double> coefficients(const Interval& interval, double tau) {
  const double x = interval.rho * tau;
  const int most = chebyshev_terms(x) + int(2 * x * interval.log_growth) + 20;
  std::vector<double> c = bessel_j(x, most);
  for (int n = 1; n < most; ++n) c[n] *= 2;
  int last = most - 1;
  while (last > 1 && std::abs(c[last]) * std::exp(interval.log_growth * last) < truncation) --last;
  c.resize(last + 1);
  // i^n = ±1 or ±i: the sign; even terms are real, odd ones imaginary
  for (int n = 0; n <= last; ++n)
    if (n % 4 >= 2) c[n] = -c[n];
  return c;
}

/// One expansion, from one ψ to several τ. Real couplings act on real vectors, so that the real and
/// the imaginary part of ψ are two columns; else re, im and their sum.
class Expansion {
 public:
  Expansion(const CouplingBlock& couplings, const DirectionBlock& block, const Interval& interval)
      : U_(couplings),
        block_(block),
        interval_(interval),
        n_(couplings.size()),
        m_(block.diagonal.cols()) {}

  std::vector<MatrixXcd> operator()(const MatrixXcd& psi, const std::vector<double>& tau) {
    const bool is_real = U_.imaginary.size() == 0;
    // columns: re (m), im (m), re + im (m); real couplings: only those that are not 0
    const bool has_imaginary = !is_real || psi.imag().cwiseAbs().maxCoeff() > 0;
    const Index parts = is_real ? (has_imaginary ? 2 : 1) : 3;
    std::vector<std::vector<double>> c;
    std::size_t terms = 0;
    for (double t : tau) {
      c.push_back(coefficients(interval_, t));
      terms = std::max(terms, c.back().size());
    }
    const Index columns = parts * m_, summed = std::min<Index>(parts, 2) * m_;
    std::vector<MatrixXd> even(tau.size(), MatrixXd::Zero(n_, summed)), odd = even;
    for (MatrixXd& T : ring_) T.resize(n_, columns);
    product_.resize(n_, columns);

    ring_[0].leftCols(m_) = psi.real();
    if (parts > 1) ring_[0].middleCols(m_, m_) = psi.imag();
    if (parts > 2) ring_[0].rightCols(m_) = psi.real() + psi.imag();
    const double first = ring_[0].leftCols(summed).squaredNorm();
    for (std::size_t n = 0; n < terms; ++n) {
      if (n > 0) step(n, is_real, parts);
      if (n % chunk != chunk - 1 && n + 1 < terms) continue;
      const std::size_t begin = n - n % chunk;
      for (std::size_t k = 0; k < tau.size(); ++k) {
        if (begin >= c[k].size()) continue;
        std::array<const double*, chunk> T;
        std::array<double, chunk> weight{};
        for (std::size_t j = 0; j < chunk; ++j) {
          const std::size_t term = std::min(begin + j, n);  // past the end: weight 0
          T[j] = ring_[term % ring_.size()].data();
          if (begin + j <= n && begin + j < c[k].size()) weight[j] = c[k][begin + j];
        }
        accumulate(T, weight, n_ * summed, even[k].data(), odd[k].data());
      }
    }
    const double last = ring_[(terms - 1) % ring_.size()].leftCols(summed).squaredNorm();
    const double bound = 2 * std::exp(interval_.log_growth * double(terms));
    if (!(last <= bound * bound * first))
      throw Error(ErrorKind::numerical, "the polynomials of a matrix exponential grew by " +
                                            std::to_string(std::sqrt(last / first)) +
                                            ", expected " + std::to_string(bound) +
                                            " at most: the bounds of its spectrum do not hold");

    std::vector<MatrixXcd> result(tau.size());
    for (std::size_t k = 0; k < tau.size(); ++k) {
      // e^{iτ(center + i loss)} Σ_even + i Σ_odd
      const complex common = std::exp(complex(-tau[k] * interval_.loss, tau[k] * interval_.center));
      result[k].resize(n_, m_);
      if (parts == 1) {
        result[k].real() = even[k];
        result[k].imag() = odd[k];
      } else {
        result[k].real() = even[k].leftCols(m_) - odd[k].rightCols(m_);
        result[k].imag() = even[k].rightCols(m_) + odd[k].leftCols(m_);
      }
      result[k] *= common;
    }
    return result;
  }

  long columns() const { return multiplied_; }

 private:
  void step(std::size_t n, bool is_real, Index parts) {
    const MatrixXd& current = ring_[(n - 1) % ring_.size()];
    const MatrixXd& previous = ring_[(n < 2 ? n - 1 : n - 2) % ring_.size()];
    MatrixXd& next = ring_[n % ring_.size()];
    const bool inclined = block_.scale.size() > 0;
    multiplied_ += parts * m_;
    const MatrixXd* source = &current;
    if (inclined) {
      scaled_.resize(n_, current.cols());
      for (Index part = 0; part < parts; ++part)
        scale_into(current.col(part * m_).data(), block_.scale.data(), n_ * m_,
                   scaled_.col(part * m_).data());
      source = &scaled_;
    }
    if (is_real) {
      gemm(U_.real, source->data(), source->cols(), product_.data());
    } else {
      gemm(U_.real, source->data(), m_, product_.data());
      gemm(U_.imaginary, source->col(m_).data(), m_, product_.col(m_).data());
      gemm(U_.sum, source->col(2 * m_).data(), m_, product_.col(2 * m_).data());
    }
    if (inclined)
      for (Index part = 0; part < parts; ++part)
        scale_into(product_.col(part * m_).data(), block_.scale.data(), n_ * m_,
                   product_.col(part * m_).data());
    const double two = (n == 1 ? 1 : 2) / interval_.rho, minus = n == 1 ? 0 : 1;
    for (Index d = 0; d < m_; ++d) {
      const double* D = block_.diagonal.col(d).data();
      const double factor = block_.factor[d];
      if (is_real) {
        for (Index part = 0; part < parts; ++part) {
          const Index column = part * m_ + d;
          advance(product_.col(column).data(), D, current.col(column).data(),
                  previous.col(column).data(), factor, interval_.center, two, minus, n_,
                  next.col(column).data());
        }
      } else {
        advance_complex(
            product_.col(d).data(), product_.col(m_ + d).data(), product_.col(2 * m_ + d).data(), D,
            current.col(d).data(), current.col(m_ + d).data(), previous.col(d).data(),
            previous.col(m_ + d).data(), factor, interval_.center, interval_.loss, two, minus, n_,
            next.col(d).data(), next.col(m_ + d).data(), next.col(2 * m_ + d).data());
      }
    }
  }

  const CouplingBlock& U_;
  const DirectionBlock& block_;
  const Interval& interval_;
  Index n_, m_;
  long multiplied_ = 0;
  std::array<MatrixXd, chunk + 2> ring_;  // polynomial n stands in n % size
  MatrixXd product_, scaled_;
};

}  // namespace

CouplingBlock::CouplingBlock(const MatrixXcd& U, bool is_real) : real(U.real()) {
  if (is_real) return;
  imaginary = U.imag();
  sum = real + imaginary;
}

int chebyshev_terms(double x) { return int(x + 9 * std::cbrt(x)) + 16; }

std::pair<double, double> extreme_eigenvalues(const MatrixXcd& matrix, const VectorXd& diagonal) {
  const Index n = matrix.rows();
  const int most = int(std::min<Index>(n, 40));
  // Any vector with a part in every eigenvector will do; the same one in every run.
  VectorXcd v(n), before = VectorXcd::Zero(n);
  for (Index i = 0; i < n; ++i)
    v[i] = complex(1 + 0.3 * std::sin(3.7 * double(i)), std::cos(2.3 * double(i)));
  v.normalize();
  std::vector<double> alpha, beta;
  for (int k = 0; k < most; ++k) {
    VectorXcd w = matrix * v + diagonal.cwiseProduct(v.real()).cast<complex>() +
                  complex(0, 1) * diagonal.cwiseProduct(v.imag());
    if (k > 0) w -= beta.back() * before;
    alpha.push_back(v.dot(w).real());
    w -= alpha.back() * v;
    beta.push_back(w.norm());
    if (beta.back() < 1e-12 * std::abs(alpha[0])) break;
    before = v;
    v = w / beta.back();
  }
  const int k = int(alpha.size());
  MatrixXd T = MatrixXd::Zero(k, k);
  for (int i = 0; i < k; ++i) {
    T(i, i) = alpha[i];
    if (i + 1 < k) T(i, i + 1) = T(i + 1, i) = beta[i];
  }
  const EigenDecomposition eigen = symmetric_eigen(T);
  const auto residual = [&](int i) { return beta.back() * std::abs(eigen.vectors(k - 1, i)); };
  return {eigen.values[0].real() - residual(0), eigen.values[k - 1].real() + residual(k - 1)};
}

std::vector<MatrixXcd> exponentials(const CouplingBlock& couplings, const DirectionBlock& block,
                                    const Spectrum& spectrum, const MatrixXcd& psi,
                                    const std::vector<double>& tau, long* columns) {
  const Interval interval(spectrum);
  Expansion expand(couplings, block, interval);
  const double longest =
      interval.log_growth > 0
          ? std::max(log_growth_allowed / interval.log_growth, 10.0) / interval.rho
          : INFINITY;
  // As many τ as one expansion reaches, from the last one of the expansion before.
  std::vector<MatrixXcd> result;
  MatrixXcd start = psi;
  double at = 0;
  while (result.size() < tau.size()) {
    std::vector<double> steps;
    for (std::size_t k = result.size(); k < tau.size() && tau[k] - at <= longest; ++k)
      steps.push_back(tau[k] - at);
    if (steps.empty()) {
      start = expand(start, {longest})[0];
      at += longest;
      continue;
    }
    at += steps.back();
    for (MatrixXcd& wave : expand(start, steps)) result.push_back(std::move(wave));
    if (result.size() < tau.size()) start = result.back();
  }
  if (columns) *columns += expand.columns();
  return result;
}

}  // namespace pendel

#include "sim/bloch_exponential.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <type_traits>

#include "core/clones.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"

namespace pendel {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// Polynomials that are summed in one go, so that sums are read and written seldom.
constexpr int chunk = 8;
// What an expansion takes in all; a step touches a third of it, which fits a common second-level
// cache. More directions at once make faster products: measured, it matters little.
constexpr double cache_bytes = 2e6;
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

/// next = a factor product − minus previous: the couplings' part of a step, one combination of
/// beams for all directions.
PENDEL_CLONES void couple(const double* product, const double* factor, const double* previous,
                          double a, double minus, Index m, double* next) {
  for (Index d = 0; d < m; ++d) next[d] = a * factor[d] * product[d] - minus * previous[d];
}

/// The same with complex polynomials and couplings, and a loss b in the centre: products are of
/// real·re, imaginary·im, sum·(re+im).
PENDEL_CLONES void couple_complex(const double* rr, const double* ii, const double* ss,
                                  const double* factor, const double* re, const double* im,
                                  const double* previous_re, const double* previous_im, double a,
                                  double b, double minus, Index m, double* next_re,
                                  double* next_im) {
  for (Index d = 0; d < m; ++d) {
    const double f = a * factor[d];
    next_re[d] = f * (rr[d] - ii[d]) + b * im[d] - minus * previous_re[d];
    next_im[d] = f * (ss[d] - rr[d] - ii[d]) - b * re[d] - minus * previous_im[d];
  }
}

/// What a diagonal matrix mixes into one combination: columns of D and of the polynomial.
struct Mixed {
  std::array<const double*, 4> D, x;
  std::size_t count = 0;
};

/// next += a Σ D x, the diagonal's part of a step.
PENDEL_CLONES void mix(const Mixed& from, double a, Index m, double* next) {
  const auto& [D, x, count] = from;
  if (count == 4) {
    for (Index d = 0; d < m; ++d)
      next[d] +=
          a * (D[0][d] * x[0][d] + D[1][d] * x[1][d] + D[2][d] * x[2][d] + D[3][d] * x[3][d]);
    return;
  }
  for (std::size_t j = 0; j < count; ++j)
    for (Index d = 0; d < m; ++d) next[d] += a * D[j][d] * x[j][d];
}

PENDEL_CLONES void sums(const double* x, const double* y, Index n, double* sum) {
  for (Index i = 0; i < n; ++i) sum[i] = x[i] + y[i];
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

/// One expansion, from one ψ to several τ, of some directions of a block. Arrays are
/// (directions, combinations of beams), real and imaginary parts side by side. Real couplings act
/// on real vectors, so that the parts of ψ go separately, and only those that are not 0.
class Expansion {
 public:
  Expansion(const CouplingBlocks& couplings, const DirectionBlock& block, Index first, Index count,
            const Interval& interval)
      : U_(couplings),
        interval_(interval),
        n_(couplings.basis.size()),
        m_(count),
        D_(couplings.basis.mixing(block.diagonal.middleCols(first, count))),
        factor_(block.factor.segment(first, count)) {
    std::vector<bool> centred(std::size_t(n_), false);  // partners of an orbit share a column
    for (Index c = 0; c < n_; ++c) {
      const Index own = U_.basis.partners(c)[0].column;
      if (!centred[own]) D_.col(own).array() -= interval.center;
      centred[own] = true;
    }
    D_ /= interval.rho;
    if (block.scale.size() > 0) scale_ = U_.basis.even(block.scale.middleCols(first, count));
  }

  std::vector<MatrixXcd> operator()(const MatrixXcd& psi, const std::vector<double>& tau) {
    const bool complex_couplings = !U_.imaginary.empty();
    parts_ = complex_couplings || psi.imag().cwiseAbs().maxCoeff() > 0 ? 2 : 1;
    std::vector<std::vector<double>> c;
    std::size_t terms = 0;
    for (double t : tau) {
      c.push_back(coefficients(interval_, t));
      terms = std::max(terms, c.back().size());
    }
    std::vector<MatrixXd> even(tau.size(), MatrixXd::Zero(m_, parts_ * n_)), odd = even;
    for (MatrixXd& T : ring_) T.resize(m_, parts_ * n_);
    product_.resize(m_, (complex_couplings ? 3 : parts_) * n_);

    ring_[0].leftCols(n_) = U_.basis.combine(psi.real());
    if (parts_ > 1) ring_[0].rightCols(n_) = U_.basis.combine(psi.imag());
    const double first = ring_[0].squaredNorm();
    for (std::size_t n = 0; n < terms; ++n) {
      stop_if_interrupted();
      if (n > 0) step(n);
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
        accumulate(T, weight, m_ * parts_ * n_, even[k].data(), odd[k].data());
      }
    }
    const double last = ring_[(terms - 1) % ring_.size()].squaredNorm();
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
      result[k].real() = U_.basis.beams(even[k].leftCols(n_));
      result[k].imag() = U_.basis.beams(odd[k].leftCols(n_));
      if (parts_ > 1) {
        result[k].real() -= U_.basis.beams(odd[k].rightCols(n_));
        result[k].imag() += U_.basis.beams(even[k].rightCols(n_));
      }
      result[k] *= common;
    }
    return result;
  }

  double flop() const { return flop_; }

 private:
  /// x (directions, combinations) times blocks of couplings.
  void multiply(const double* x, const std::vector<MatrixXd>& blocks, double* product) {
    for (std::size_t k = 0; k < blocks.size(); ++k) {
      const Index offset = U_.basis.first(int(k)) * m_;
      gemm(x + offset, m_, blocks[k], product + offset);
    }
    flop_ += U_.basis.flop() * double(m_);
  }

  void step(std::size_t n) {
    const MatrixXd& current = ring_[(n - 1) % ring_.size()];
    const MatrixXd& previous = ring_[(n < 2 ? n - 1 : n - 2) % ring_.size()];
    MatrixXd& next = ring_[n % ring_.size()];
    const bool inclined = scale_.size() > 0, complex_couplings = !U_.imaginary.empty();
    const Index part = m_ * n_;
    const double* source = current.data();
    if (inclined) {
      scaled_.resize(m_, parts_ * n_);
      for (Index p = 0; p < parts_; ++p)
        scaled_.middleCols(p * n_, n_) = current.middleCols(p * n_, n_).cwiseProduct(scale_);
      source = scaled_.data();
    }
    if (complex_couplings) {
      sum_.resize(m_, n_);
      sums(source, source + part, part, sum_.data());
      multiply(source, U_.real, product_.data());
      multiply(source + part, U_.imaginary, product_.data() + part);
      multiply(sum_.data(), U_.sum, product_.data() + 2 * part);
    } else {
      for (Index p = 0; p < parts_; ++p)
        multiply(source + p * part, U_.real, product_.data() + p * part);
    }
    if (inclined)
      for (Index p = 0; p < product_.cols() / n_; ++p)
        product_.middleCols(p * n_, n_).array() *= scale_.array();
    const double two = n == 1 ? 1 : 2, minus = n == 1 ? 0 : 1, a = two / interval_.rho;
    for (Index c = 0; c < n_; ++c) {
      const Index at = c * m_;
      if (complex_couplings) {
        const double* P = product_.data() + at;
        couple_complex(P, P + part, P + 2 * part, factor_.data(), current.data() + at,
                       current.data() + part + at, previous.data() + at,
                       previous.data() + part + at, a, a * interval_.loss, minus, m_,
                       next.data() + at, next.data() + part + at);
      } else {
        for (Index p = 0; p < parts_ * part; p += part)
          couple(product_.data() + p + at, factor_.data(), previous.data() + p + at, a, minus, m_,
                 next.data() + p + at);
      }
      for (Index p = 0; p < parts_ * part; p += part) {
        Mixed from;
        for (const ParityBasis::Partner& partner : U_.basis.partners(c)) {
          from.D[from.count] = D_.col(partner.column).data();
          from.x[from.count++] = current.data() + p + partner.combination * m_;
        }
        mix(from, two, m_, next.data() + p + at);
      }
    }
  }

  const CouplingBlocks& U_;
  const Interval& interval_;
  Index n_, m_, parts_ = 2;
  MatrixXd D_;  // (D − center)/ρ
  VectorXd factor_;
  MatrixXd scale_;
  double flop_ = 0;
  std::array<MatrixXd, chunk + 2> ring_;  // polynomial n stands in n % size
  MatrixXd product_, scaled_, sum_;
};

}  // namespace

CouplingBlocks::CouplingBlocks(const MatrixXcd& U, ParityBasis of, bool is_real)
    : basis(std::move(of)) {
  for (int k = 0; k < basis.blocks(); ++k) {
    real.push_back(basis.block(U.real(), k).transpose());
    if (is_real) continue;
    imaginary.push_back(basis.block(U.imag(), k).transpose());
    sum.push_back(real.back() + imaginary.back());
  }
}

int chebyshev_terms(double x) { return int(x + 9 * std::cbrt(x)) + 16; }

namespace {

/// Real matrices in real arithmetic.
template <class Scalar>
std::pair<double, double> lanczos(const Eigen::Matrix<Scalar, -1, -1>& matrix,
                                  const VectorXd& diagonal) {
  using Vector = Eigen::Matrix<Scalar, -1, 1>;
  const Index n = matrix.rows();
  const int most = int(std::min<Index>(n, 40));
  // Any vector with a part in every eigenvector will do; the same one in every run.
  Vector v(n), before = Vector::Zero(n);
  for (Index i = 0; i < n; ++i) {
    v[i] = 1 + 0.3 * std::sin(3.7 * double(i));
    if constexpr (!std::is_same_v<Scalar, double>) v[i] += complex(0, std::cos(2.3 * double(i)));
  }
  v.normalize();
  std::vector<double> alpha, beta;
  for (int k = 0; k < most; ++k) {
    Vector w = matrix * v + diagonal.cast<Scalar>().cwiseProduct(v);
    if (k > 0) w -= beta.back() * before;
    alpha.push_back(std::real(v.dot(w)));
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

}  // namespace

std::pair<double, double> extreme_eigenvalues(const MatrixXcd& matrix, const VectorXd& diagonal) {
  if (matrix.imag().isZero(0)) return lanczos<double>(matrix.real(), diagonal);
  return lanczos<complex>(matrix, diagonal);
}

namespace {

/// All τ, for the directions of `expand`: as many τ as one expansion reaches, from the last one of
/// the expansion before.
std::vector<MatrixXcd> some_directions(Expansion& expand, const Interval& interval, MatrixXcd start,
                                       const std::vector<double>& tau) {
  const double longest =
      interval.log_growth > 0
          ? std::max(log_growth_allowed / interval.log_growth, 10.0) / interval.rho
          : INFINITY;
  std::vector<MatrixXcd> result;
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
  return result;
}

}  // namespace

std::vector<MatrixXcd> exponentials(const CouplingBlocks& couplings, const DirectionBlock& block,
                                    const Spectrum& spectrum, const MatrixXcd& psi,
                                    const std::vector<double>& tau, double* flop) {
  const Interval interval(spectrum);
  const Index n = psi.rows();
  // Directions go together that fill the nearest large cache.
  const double bytes = 8.0 * double(n) * double(2 * (chunk + 2) + 5 + 4 * tau.size());
  const Index together = std::clamp(Index(cache_bytes / bytes) / 8 * 8, Index(16), Index(64));
  std::vector<MatrixXcd> result(tau.size(), MatrixXcd(n, psi.cols()));
  for (Index first = 0; first < psi.cols(); first += together) {
    const Index count = std::min(together, psi.cols() - first);
    Expansion expand(couplings, block, first, count, interval);
    const auto part = some_directions(expand, interval, psi.middleCols(first, count), tau);
    for (std::size_t k = 0; k < tau.size(); ++k) result[k].middleCols(first, count) = part[k];
    if (flop) *flop += expand.flop();
  }
  return result;
}

}  // namespace pendel

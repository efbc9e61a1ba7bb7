#include "scan/disk_likelihood.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/clones.hpp"

namespace pendel {

namespace {

constexpr int lanes = 16;  // sums side by side, which the compiler keeps in registers

// Single-precision log without branches, so that loops of it become vector code; relative error
// below 3e-7: [Moshier1989]'s minimax polynomial after a reduction by powers of 2.
inline __attribute__((always_inline)) float fast_log(float x) {
  std::int32_t bits;
  std::memcpy(&bits, &x, 4);
  const std::int32_t exponent = (bits - 0x3f3504f3) >> 23;  // x = m 2^exponent, √½ <= m < √2
  bits -= exponent * (1 << 23);
  float m;
  std::memcpy(&m, &bits, 4);
  const float z = m - 1, e = float(exponent);
  float p = 7.0376836292e-2f;
  p = p * z - 1.1514610310e-1f;
  p = p * z + 1.1676998740e-1f;
  p = p * z - 1.2420140846e-1f;
  p = p * z + 1.4249322787e-1f;
  p = p * z - 1.6668057665e-1f;
  p = p * z + 2.0000714765e-1f;
  p = p * z - 2.4999993993e-1f;
  p = p * z + 3.3333331174e-1f;
  return (p * z * z * z - 0.5f * z * z) + z + 0.69314718f * e;
}

constexpr float roots[] = {1,          1.7320508f, 2.2360680f, 2.6457513f, 3,
                           3.3166248f, 3.6055513f, 3.8729833f, 4.1231056f};
constexpr float inverses[] = {0,    1,        0.5f,     1.0f / 3, 0.25f,
                              0.2f, 1.0f / 6, 1.0f / 7, 0.125f,   1.0f / 9};

double total(const float* sums) {
  double sum = 0;
  for (int k = 0; k < lanes; ++k) sum += double(sums[k]);
  return sum;
}

/// Σ n log(mean/n) − (mean − n). Arrays are filled up to a multiple of lanes with n = 0, mean = 0.
PENDEL_CLONES double log_likelihood(const float* __restrict n, const float* __restrict inverse,
                                    const float* __restrict mean, std::size_t count) {
  float sums[lanes] = {};
  for (std::size_t i = 0; i < count; i += lanes)
    for (int k = 0; k < lanes; ++k) {
      const float m = mean[i + std::size_t(k)];
      const float x = n[i + std::size_t(k)];
      const float positive = m > 1e-12f ? m : 1e-12f;
      sums[k] += x * fast_log(positive * inverse[i + std::size_t(k)]) - (m - x);
    }
  return total(sums);
}

/// scale · x²; x becomes 2 scale · x: the derivative.
PENDEL_CLONES void square(float* __restrict x, float scale, float* __restrict result,
                          std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    result[i] = scale * x[i] * x[i];
    x[i] *= 2 * scale;
  }
}

PENDEL_CLONES void add_scaled(float* __restrict to, const float* __restrict from, float factor,
                              std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

PENDEL_CLONES void product(const float* __restrict a, const float* __restrict b,
                           float* __restrict result, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) result[i] = a[i] * b[i];
}

PENDEL_CLONES void weights(const float* __restrict n, const float* __restrict mean,
                           float* __restrict weight, float* __restrict residual,
                           std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    weight[i] = 1 / (mean[i] > 1e-12f ? mean[i] : 1e-12f);
    residual[i] = n[i] * weight[i] - 1;
  }
}

/// √(2j+1) P_j(u) and its derivative by the direction, u = x cos + y sin; j to max_fringe_terms
/// − 1.
PENDEL_CLONES void legendre(const float* __restrict x, const float* __restrict y, float cosine,
                            float sine, std::size_t stride, std::size_t count,
                            float* __restrict value, float* __restrict by_direction) {
  constexpr int terms = DiskLikelihood::max_fringe_terms;
  for (std::size_t i = 0; i < count; ++i) {
    const float u = x[i] * cosine + y[i] * sine, v = y[i] * cosine - x[i] * sine;
    float p0 = 1, p1 = u, d0 = 0, d1 = 1;
    value[i] = 1;
    by_direction[i] = 0;
    for (int j = 1; j < terms; ++j) {
      const float norm = roots[j];
      value[std::size_t(j) * stride + i] = norm * p1;
      by_direction[std::size_t(j) * stride + i] = norm * d1 * v;
      const float p2 = (float(2 * j + 1) * u * p1 - float(j) * p0) * inverses[j + 1];
      const float d2 = d0 + float(2 * j + 1) * p1;
      p0 = p1, p1 = p2, d0 = d1, d1 = d2;
    }
  }
}

PENDEL_CLONES double dot(const float* __restrict a, const float* __restrict b, std::size_t count) {
  float sums[lanes] = {};
  for (std::size_t i = 0; i < count; i += lanes)
    for (int k = 0; k < lanes; ++k) sums[k] += a[i + std::size_t(k)] * b[i + std::size_t(k)];
  return total(sums);
}

}  // namespace

DiskLikelihood::DiskLikelihood(const ShiftedTemplate& shape, double radius)
    : shape_(shape), circle_(shape.circle()), radius_(radius) {
  const int n = shape.side(), h = shape.half();
  const std::size_t size = std::size_t(n * n);
  stride_ = (size + lanes - 1) / lanes * lanes;
  for (auto* v : {&counts_, &inverse_, &rest_, &used_, &disk_, &factor_, &mean_, &weight_,
                  &residual_, &weighted_, &amplitude_, &slope_, &offset_x_, &offset_y_, &across_,
                  &value_, &by_column_, &by_row_})
    v->assign(stride_, 0.0f);
  work_.resize(shape.work_size());
  window_basis_.assign(std::size_t(max_terms) * stride_, 0.0f);
  legendre_slope_.assign(std::size_t(max_fringe_terms) * stride_, 0.0f);
  jacobian_.assign(std::size_t(max_parameters) * stride_, 0.0f);

  // polynomials, orthonormal over the disk: each of mean square 1
  std::vector<ShiftedTemplate::Run> rows;
  for (int row = 0; row < n; ++row) rows.push_back({row, 0, n});
  shape.place({0, 0}, rows, value_.data(), by_column_.data(), by_row_.data(), work_.data());
  Eigen::MatrixXd powers(n * n, max_terms);
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < n; ++x) {
      int k = 0;
      // beyond the edge, where no disk is, they do not grow
      const double r = std::hypot(x - h, y - h), scale = 1 / std::max(radius, r);
      const double u = (x - h) * scale, v = (y - h) * scale;
      for (int order = 0; order <= max_order; ++order)
        for (int j = 0; j <= order; ++j)
          powers(y * n + x, k++) = std::pow(u, order - j) * std::pow(v, j);
    }
  const Eigen::VectorXd weight =
      Eigen::Map<Eigen::VectorXf>(value_.data(), n * n).cast<double>().cwiseMax(0.0);
  const Eigen::MatrixXd gram = powers.transpose() * (weight / weight.sum()).asDiagonal() * powers;
  const Eigen::MatrixXd upper = gram.llt().matrixU();
  const Eigen::MatrixXd basis =
      upper.transpose().triangularView<Eigen::Lower>().solve(powers.transpose()).transpose();
  basis_.resize(std::size_t(max_terms) * size);
  for (int k = 0; k < max_terms; ++k)
    for (std::size_t i = 0; i < size; ++i)
      basis_[std::size_t(k) * size + i] = float(basis(Eigen::Index(i), k));
}

void DiskLikelihood::window(const float* pattern, int rows, int columns, const std::uint8_t* valid,
                            int column, int row) {
  const int left = column - shape_.half(), top = row - shape_.half();
  runs_.clear();
  std::size_t size = 0;
  masked_ = has_offsets_ = false;
  basis_now_ = Basis::none;
  for (auto* v : {&counts_, &rest_, &used_}) v->assign(stride_, 0.0f);
  inverse_.assign(stride_, 1.0f);
  for (ShiftedTemplate::Run run : circle_) {
    if (top + run.row < 0 || top + run.row >= rows) continue;
    run.first = std::max(run.first, -left);
    run.last = std::min(run.last, columns - left);
    if (run.first >= run.last) continue;
    runs_.push_back(run);
    for (int i = run.first; i < run.last; ++i, ++size) {
      const auto k = std::size_t((top + run.row) * columns + left + i);
      const bool use = !valid || valid[k];
      masked_ = masked_ || !use;
      used_[size] = use ? 1.0f : 0.0f;
      counts_[size] = use ? pattern[k] : 0.0f;
      if (counts_[size] > 0) inverse_[size] = 1 / counts_[size];
    }
  }
  size_ = size;
  padded_ = (size + lanes - 1) / lanes * lanes;
  for (auto* v : {&value_, &by_column_, &by_row_}) v->assign(stride_, 0.0f);
}

double DiskLikelihood::value(const Vec2& fraction, const Coefficients& c) {
  shape_.place(fraction, runs_, value_.data(), by_column_.data(), by_row_.data(), work_.data());
  if (masked_)
    for (auto* v : {&value_, &by_column_, &by_row_})
      product(v->data(), used_.data(), v->data(), size_);
  amplitude_.assign(stride_, 1.0f);
  if (basis_now_ == Basis::fringes) {
    across_.assign(stride_, 0.0f);
    for (Eigen::Index j = 1; j < c.size(); ++j)
      add_scaled(across_.data(), &legendre_slope_[std::size_t(j) * stride_], float(c[j]), padded_);
  }
  for (Eigen::Index j = 1; j < c.size(); ++j)
    add_scaled(amplitude_.data(), &window_basis_[std::size_t(j) * stride_], float(c[j]), padded_);
  square(amplitude_.data(), float(std::exp(c[0])), factor_.data(), padded_);
  product(value_.data(), factor_.data(), disk_.data(), padded_);
  mean_ = rest_;
  add_scaled(mean_.data(), disk_.data(), 1, padded_);
  return log_likelihood(counts_.data(), inverse_.data(), mean_.data(), padded_);
}

double DiskLikelihood::without() const {
  return log_likelihood(counts_.data(), inverse_.data(), rest_.data(), padded_);
}

void DiskLikelihood::set_plane() {
  if (basis_now_ == Basis::plane) return;
  basis_now_ = Basis::plane;
  const int n = shape_.side();
  for (int j = 0; j < max_terms; ++j) {
    float* to = &window_basis_[std::size_t(j) * stride_];
    for (const ShiftedTemplate::Run& run : runs_) {
      const float* from = &basis_[std::size_t(j * n * n + run.row * n + run.first)];
      std::memcpy(to, from, sizeof(float) * std::size_t(run.last - run.first));
      to += run.last - run.first;
    }
  }
}

void DiskLikelihood::set_fringes(double direction) {
  basis_now_ = Basis::fringes;
  if (!has_offsets_) {
    has_offsets_ = true;
    std::size_t i = 0;
    for (const ShiftedTemplate::Run& run : runs_)
      for (int x = run.first; x < run.last; ++x, ++i) {
        const double dx = x - shape_.half(), dy = run.row - shape_.half();
        const double scale = 1 / std::max(radius_, std::hypot(dx, dy));
        offset_x_[i] = float(dx * scale);
        offset_y_[i] = float(dy * scale);
      }
  }
  legendre(offset_x_.data(), offset_y_.data(), float(std::cos(direction)),
           float(std::sin(direction)), stride_, padded_, window_basis_.data(),
           legendre_slope_.data());
}

void DiskLikelihood::derivatives(int terms, Gradient& gradient, Information& information) {
  const bool fringes = basis_now_ == Basis::fringes;
  const int p = terms + (fringes ? 3 : 2);
  weights(counts_.data(), mean_.data(), weight_.data(), residual_.data(), padded_);
  const auto column = [&](int k) { return &jacobian_[std::size_t(k) * stride_]; };
  std::memcpy(column(0), disk_.data(), sizeof(float) * padded_);
  product(by_column_.data(), factor_.data(), column(1), padded_);
  product(by_row_.data(), factor_.data(), column(2), padded_);
  if (terms > 1) product(value_.data(), amplitude_.data(), slope_.data(), padded_);
  for (int j = 1; j < terms; ++j)
    product(slope_.data(), &window_basis_[std::size_t(j) * stride_], column(j + 2), padded_);
  if (fringes) product(slope_.data(), across_.data(), column(p - 1), padded_);
  gradient.resize(p);
  information.resize(p, p);
  for (int a = 0; a < p; ++a) {
    gradient[a] = dot(residual_.data(), column(a), padded_);
    product(weight_.data(), column(a), weighted_.data(), padded_);
    for (int b = 0; b <= a; ++b)
      information(a, b) = information(b, a) = dot(weighted_.data(), column(b), padded_);
  }
}

}  // namespace pendel

#include "model/surrogate.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <string>

#include "core/clones.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "model/chebyshev.hpp"

namespace pendel {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int lanes = Surrogate::lanes;
constexpr int columns = 8;  // basis functions and derivatives summed together
typedef float Lanes __attribute__((vector_size(lanes * sizeof(float)), aligned(alignof(float))));
struct Columns {
  typedef float Vector __attribute__((vector_size(columns * sizeof(float))));
  Vector v = {};
};

/// sums(column, disk) = Σ_term basis(term, column) coefficients(term, disk) for `columns` columns,
/// in blocks of `lanes` disks that stay in registers; coefficients: (block, term, lane).
PENDEL_CLONES void sum_terms(const float* coefficients, int disks, const float* basis, int terms,
                             float* sums) {
  for (int block = 0; block < disks; block += lanes) {
    Lanes s0 = {}, s1 = {}, s2 = {}, s3 = {}, s4 = {}, s5 = {}, s6 = {}, s7 = {};
    for (int term = 0; term < terms; ++term) {
      const Lanes c =
          *reinterpret_cast<const Lanes*>(coefficients + long(block) * terms + term * lanes);
      const float* b = basis + long(term) * columns;
      s0 += b[0] * c;
      s1 += b[1] * c;
      s2 += b[2] * c;
      s3 += b[3] * c;
      s4 += b[4] * c;
      s5 += b[5] * c;
      s6 += b[6] * c;
      s7 += b[7] * c;
    }
    const Lanes s[columns] = {s0, s1, s2, s3, s4, s5, s6, s7};
    for (int k = 0; k < columns; ++k) *reinterpret_cast<Lanes*>(sums + k * disks + block) = s[k];
  }
}

/// The same for the value alone: one column.
PENDEL_CLONES void sum_terms_of_value(const float* coefficients, int disks, const float* basis,
                                      int terms, float* sums) {
  for (int block = 0; block < disks; block += lanes) {
    Lanes s = {};
    for (int term = 0; term < terms; ++term)
      s += basis[term] *
           *reinterpret_cast<const Lanes*>(coefficients + long(block) * terms + term * lanes);
    *reinterpret_cast<Lanes*>(sums + block) = s;
  }
}

}  // namespace

Surrogate::Surrogate(const ForwardModel& exact, const SurrogateOptions& options)
    : parameters_(exact.parameters()) {
  // Lines through random points say how many nodes are needed (sums of coefficients, which exceed
  // the error); if the certificate disagrees, more.
  for (double tail : {1.4, 0.5, 0.15}) {
    build(exact, options, tail * options.tolerance);
    certify(exact, options);
    if (certificate_.r1_max <= options.tolerance) return;
  }
  throw Error(ErrorKind::numerical,
              "the surrogate misses its tolerance: R1 = " + std::to_string(certificate_.r1_max) +
                  " at a random point, allowed " + std::to_string(options.tolerance) +
                  "; narrow the ranges or use search: multistart");
}

void Surrogate::certify(const ForwardModel& exact, const SurrogateOptions& options) {
  std::mt19937 random(577215664);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<VectorXd> points(options.certificate_points, VectorXd(parameters_.size()));
  for (VectorXd& point : points)
    for (long k = 0; k < point.size(); ++k)
      point[k] =
          parameters_[k].lower + uniform(random) * (parameters_[k].upper - parameters_[k].lower);
  std::vector<double> r1(points.size());
  parallel_for(long(points.size()), [&](long i, int) {
    VectorXd expected, value;
    exact.evaluate(points[i].data(), expected, nullptr);
    evaluate(points[i].data(), value, nullptr);
    r1[i] = (value - expected).cwiseAbs().sum() / expected.sum();
  });
  certificate_.points = options.certificate_points;
  certificate_.r1_mean = std::accumulate(r1.begin(), r1.end(), 0.0) / double(r1.size());
  certificate_.r1_max = *std::max_element(r1.begin(), r1.end());
}

void Surrogate::evaluate(const double* values, VectorXd& intensity, MatrixXd* jacobian) const {
  const int n = int(parameters_.size()), terms = terms_;
  std::vector<std::vector<float>> T(n), dT(n);  // of the k-th factor
  for (int k = 0; k < n; ++k) {
    const Parameter& p = parameters_[order_[k]];
    const int nodes = nodes_[order_[k]];
    const double unit = 2 / (p.upper - p.lower);
    std::vector<double> t(nodes), dt(nodes);
    chebyshev((values[order_[k]] - p.lower) * unit - 1, nodes, t.data(), dt.data());
    T[k].assign(t.begin(), t.end());
    for (double& d : dt) d *= unit;
    dT[k].assign(dt.begin(), dt.end());
  }
  // Basis functions and their derivatives, in groups of columns. Terms are sorted, so that most
  // share all but the last factors with the one before: value and derivatives of the product of the
  // first k factors are kept for every k.
  const int groups = jacobian ? n / columns + 1 : 1;
  const int stride = jacobian ? columns : 1;
  std::vector<float> basis(std::size_t(groups) * terms * stride);
  std::vector<float> value(n + 1, 1.0f);
  std::vector<Columns> product(std::size_t(groups) * (n + 1));
  product[0].v[0] =
      1;  // column 0 of group 0 is the value, column 1 + k the derivative by parameter k
  const std::uint8_t* factors =
      factors_.data();  // of one term: first that is new, then all degrees
  for (int term = 0; term < terms; ++term, factors += n + 1) {
    for (int k = factors[0]; k < n; ++k) {
      const int dimension = order_[k], degree = factors[1 + k];
      const float t = T[k][degree];
      value[k + 1] = value[k] * t;
      if (!jacobian) continue;
      for (int g = 0; g < groups; ++g)
        product[(k + 1) * groups + g].v = product[k * groups + g].v * t;
      const int column = 1 + dimension;
      product[(k + 1) * groups + column / columns].v[column % columns] = value[k] * dT[k][degree];
    }
    if (!jacobian) {
      basis[term] = value[n];
      continue;
    }
    for (int g = 0; g < groups; ++g)
      std::memcpy(&basis[(std::size_t(g) * terms + term) * columns], &product[n * groups + g].v,
                  sizeof(Columns));
  }
  const int padded = (disks_ + lanes - 1) / lanes * lanes;
  std::vector<float> sums(std::size_t(groups) * columns * padded);
  for (int group = 0; group < groups; ++group) {
    const float* from = &basis[std::size_t(group) * terms * stride];
    float* to = &sums[std::size_t(group) * columns * padded];
    if (jacobian)
      sum_terms(coefficients_.data(), padded, from, terms, to);
    else
      sum_terms_of_value(coefficients_.data(), padded, from, terms, to);
  }
  const auto column = [&](int i) {
    return Eigen::Map<const Eigen::VectorXf>(&sums[std::size_t(i) * padded], disks_).cast<double>();
  };
  intensity = column(0);
  if (!jacobian) return;
  jacobian->resize(disks_, n);
  for (int k = 0; k < n; ++k) jacobian->col(k) = column(1 + k);
}

}  // namespace pendel

#include "model/local_series.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <random>

#include "core/clones.hpp"
#include "core/parallel.hpp"
#include "model/chebyshev.hpp"

namespace pendel {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int lanes = 16;   // outputs summed together
constexpr int columns = 8;  // value and derivatives summed together
typedef float Lanes __attribute__((vector_size(lanes * sizeof(float)), aligned(alignof(float))));
struct Columns {
  typedef float Vector __attribute__((vector_size(columns * sizeof(float))));
  Vector v;
};

int padded(int outputs) { return (outputs + lanes - 1) / lanes * lanes; }

/// sums(column, output) = Σ_term basis(term, column) coefficients(term, output) in blocks of
/// outputs that stay in registers; coefficients: (block, term, lane).
PENDEL_CLONES void sum_terms(const float* coefficients, int outputs, const Columns* basis,
                             int terms, float* sums) {
  for (int block = 0; block < outputs; block += lanes) {
    Lanes s0 = {}, s1 = {}, s2 = {}, s3 = {}, s4 = {}, s5 = {}, s6 = {}, s7 = {};
    for (int term = 0; term < terms; ++term) {
      const Lanes c =
          *reinterpret_cast<const Lanes*>(coefficients + long(block) * terms + term * lanes);
      const Columns& b = basis[term];
      s0 += b.v[0] * c;
      s1 += b.v[1] * c;
      s2 += b.v[2] * c;
      s3 += b.v[3] * c;
      s4 += b.v[4] * c;
      s5 += b.v[5] * c;
      s6 += b.v[6] * c;
      s7 += b.v[7] * c;
    }
    const Lanes s[columns] = {s0, s1, s2, s3, s4, s5, s6, s7};
    for (int k = 0; k < columns; ++k) *reinterpret_cast<Lanes*>(sums + k * outputs + block) = s[k];
  }
}

/// The same for the value alone: column 0.
PENDEL_CLONES void sum_values(const float* coefficients, int outputs, const Columns* basis,
                              int terms, float* sums) {
  for (int block = 0; block < outputs; block += lanes) {
    Lanes s = {};
    for (int term = 0; term < terms; ++term)
      s += basis[term].v[0] *
           *reinterpret_cast<const Lanes*>(coefficients + long(block) * terms + term * lanes);
    *reinterpret_cast<Lanes*>(sums + block) = s;
  }
}

/// y += a x
PENDEL_CLONES void add_multiple(float* y, float a, const float* x, int size) {
  for (int i = 0; i < size; ++i) y[i] += a * x[i];
}

/// Takes the coefficients of a series of n terms over [−1, 1] to those over cell `cell` of `cells`,
/// up to degree `highest`: (highest + 1, n).
Eigen::MatrixXf restriction(int n, int cells, int cell, int highest) {
  MatrixXd series(n, n);
  VectorXd T(n);
  for (int k = 0; k < n; ++k) {
    chebyshev((2 * cell + 1 + chebyshev_node(k, n)) / cells - 1, n, T.data(), nullptr);
    series.row(k) = T.transpose();
  }
  return (chebyshev_coefficients(n) * series).topRows(highest + 1).cast<float>();
}

/// Products of polynomials, each given by its degrees, sorted; and what all those that begin with
/// the same degrees share: per variable the distinct beginnings.
struct Products {
  struct Beginning {
    int before, degree;  // index of the beginning without the last variable; its degree
  };
  std::vector<std::vector<int>> degrees;           // of every product
  std::vector<std::vector<Beginning>> beginnings;  // per variable

  explicit Products(std::vector<std::vector<int>> sorted) : degrees(std::move(sorted)) {
    const std::size_t n = degrees.front().size();
    std::vector<int> at(degrees.size(), 0);  // beginning of every product so far
    for (std::size_t k = 0; k < n; ++k) {
      beginnings.emplace_back();
      for (std::size_t i = 0; i < degrees.size(); ++i) {
        const Beginning b{at[i], degrees[i][k]};
        auto& found = beginnings.back();
        if (found.empty() || found.back().before != b.before || found.back().degree != b.degree)
          found.push_back(b);
        at[i] = int(found.size()) - 1;
      }
    }
  }
};

/// Every product up to these degrees and up to a total degree.
Products all_products(const std::vector<int>& highest, int total) {
  std::vector<std::vector<int>> result;
  std::vector<int> degrees(highest.size(), 0);
  const auto add = [&](auto&& self, std::size_t k, int left) -> void {
    if (k == highest.size()) {
      result.push_back(degrees);
      return;
    }
    for (degrees[k] = 0; degrees[k] <= std::min(highest[k], left); ++degrees[k])
      self(self, k + 1, left - degrees[k]);
    degrees[k] = 0;
  };
  add(add, 0, total);
  return Products(std::move(result));
}

/// One variable of the series restricted to a cell. in: (beginning, degree of this variable, rest),
/// out: (beginning with this variable, rest).
std::vector<float> restricted(const float* in, int n, long rest, const Eigen::MatrixXf& R,
                              const std::vector<Products::Beginning>& beginnings) {
  constexpr long chunk = 2048;  // the inputs of a chunk stay in the cache
  std::vector<float> out(beginnings.size() * std::size_t(rest), 0.0f);
  for (long begin = 0; begin < rest; begin += chunk) {
    const int size = int(std::min(chunk, rest - begin));
    for (std::size_t b = 0; b < beginnings.size(); ++b)
      for (int i = 0; i < n; ++i)
        add_multiple(out.data() + long(b) * rest + begin, R(beginnings[b].degree, i),
                     in + (long(beginnings[b].before) * n + i) * rest + begin, size);
  }
  return out;
}

}  // namespace

LocalSeries::LocalSeries(const std::vector<float>& coefficients, const std::vector<int>& degrees,
                         int outputs, double tail, std::size_t most_bytes)
    : outputs_(outputs) {
  constexpr int highest_total = 8, samples = 4;
  const int n = int(degrees.size());
  const long block = padded(outputs);
  std::vector<long> rest(n + 1, outputs);  // elements per degree of the variable before
  for (int k = n - 1; k >= 0; --k) rest[k] = rest[k + 1] * degrees[k];

  // Cells that hold about the same number of degrees of every variable, smaller and smaller; in
  // some of them every term is computed, which tells those that matter.
  std::mt19937 random(20241103);
  std::vector<std::vector<int>> chosen;
  bool complete = false;  // the terms beyond those computed would not matter
  for (double held : {1e9, 8.0, 6.0, 5.0, 4.0, 3.5, 3.0, 2.5, 2.0, 1.5}) {
    std::vector<int> cells(n), highest(n);
    double count = 1;
    for (int k = 0; k < n; ++k) {
      cells[k] = std::max(1, int(std::ceil((degrees[k] - 1) / held)));
      highest[k] = std::min(degrees[k] - 1, highest_total);
      count *= cells[k];
    }
    if (!chosen.empty() && (cells == cells_ || count * double(block) * 4 > double(most_bytes)))
      continue;
    const Products products = all_products(highest, highest_total);
    VectorXd square = VectorXd::Zero(long(products.degrees.size()));
    for (int s = 0; s < samples; ++s) {
      std::vector<float> series;
      for (int k = 0; k < n; ++k) {
        const int cell = int(random() % unsigned(cells[k]));
        series =
            restricted(k == 0 ? coefficients.data() : series.data(), degrees[k], rest[k + 1],
                       restriction(degrees[k], cells[k], cell, highest[k]), products.beginnings[k]);
      }
      const Eigen::Map<const Eigen::MatrixXf> terms(series.data(), outputs, square.size());
      square += terms.cwiseAbs().colwise().sum().transpose().cast<double>().cwiseAbs2() / samples;
    }
    std::vector<int> order(products.degrees.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = int(i);
    std::sort(order.begin() + 1, order.end(), [&](int a, int b) { return square[a] > square[b]; });
    double dropped = 0;
    while (order.size() > 1 && dropped + square[order.back()] < tail * tail) {
      dropped += square[order.back()];
      order.pop_back();
    }
    double outermost = 0;
    for (std::size_t i = 0; i < products.degrees.size(); ++i) {
      const std::vector<int>& d = products.degrees[i];
      if (std::accumulate(d.begin(), d.end(), 0) == highest_total) outermost += square[long(i)];
    }
    const bool enough = outermost < tail * tail / 4;
    if (!chosen.empty() && ((complete && (!enough || order.size() >= chosen.size())) ||
                            count * double(block) * 4 * double(order.size()) > double(most_bytes)))
      continue;
    complete = enough;
    cells_ = cells;
    chosen.clear();
    for (int i : order) chosen.push_back(products.degrees[std::size_t(i)]);
  }
  // every term with the products it is made of
  for (std::size_t i = 0; i < chosen.size(); ++i)
    for (int k = n - 1; k > 0; --k) {
      std::vector<int> parent = chosen[i];
      parent[k] = 0;
      if (parent != chosen[i]) chosen.push_back(parent);
    }
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  const Products products(chosen);
  highest_.assign(n, 0);
  for (const std::vector<int>& term : products.degrees) {
    Term made{0, 0, 0};
    for (int k = 0; k < n; ++k) {
      highest_[k] = std::max(highest_[k], term[k]);
      if (term[k] > 0) made.variable = k, made.degree = term[k];
    }
    std::vector<int> parent = term;
    parent[made.variable] = 0;
    made.parent = int(std::lower_bound(products.degrees.begin(), products.degrees.end(), parent) -
                      products.degrees.begin());
    terms_.push_back(made);
  }

  std::size_t count = 1;
  for (int k = 0; k < n; ++k) count *= std::size_t(cells_[k]);
  const std::size_t per_cell = terms_.size() * std::size_t(block);
  coefficients_.assign(count * per_cell, 0.0f);
  const auto cut = [&](auto&& self, int k, std::size_t cell, const float* series) -> void {
    if (k == n) {
      float* to = coefficients_.data() + cell * per_cell;
      for (std::size_t t = 0; t < terms_.size(); ++t)
        for (int i = 0; i < outputs; ++i)
          to[(std::size_t(i / lanes) * terms_.size() + t) * lanes + i % lanes] =
              series[t * std::size_t(outputs) + std::size_t(i)];
      return;
    }
    const auto one = [&](long c, int) {
      const std::vector<float> inner = restricted(
          series, degrees[k], rest[k + 1], restriction(degrees[k], cells_[k], int(c), highest_[k]),
          products.beginnings[k]);
      self(self, k + 1, cell * std::size_t(cells_[k]) + std::size_t(c), inner.data());
    };
    if (k == 0)
      parallel_for(cells_[k], one);
    else
      for (int c = 0; c < cells_[k]; ++c) one(c, 0);
  };
  cut(cut, 0, 0, coefficients.data());
}

void LocalSeries::evaluate(const double* x, VectorXd& values, MatrixXd* derivatives) const {
  constexpr int most = 64;  // degrees of one variable
  const int n = int(cells_.size()), terms = int(terms_.size()), block = padded(outputs_);
  const int groups = derivatives ? n / columns + 1 : 1;
  std::size_t cell = 0;
  const std::unique_ptr<float[]> T(new float[std::size_t(n) * 2 * most]);
  for (int k = 0; k < n; ++k) {
    const double along = (x[k] + 1) / 2 * cells_[k];
    const int c = along > 0 ? int(std::min(along, cells_[k] - 0.5)) : 0;
    cell = cell * std::size_t(cells_[k]) + std::size_t(c);
    double t[most], dt[most];
    chebyshev(2 * (along - c) - 1, highest_[k] + 1, t, dt);
    for (int i = 0; i <= highest_[k]; ++i) {
      T[(2 * k) * most + i] = float(t[i]);
      T[(2 * k + 1) * most + i] = float(dt[i] * cells_[k]);
    }
  }
  const std::unique_ptr<Columns[]> basis(new Columns[std::size_t(groups) * terms]);
  for (int g = 0; g < groups; ++g) {
    Columns* const group = basis.get() + std::size_t(g) * terms;
    group[0].v = Columns::Vector{};
    if (g == 0) group[0].v[0] = 1;
    for (int term = 1; term < terms; ++term) {
      const auto [parent, k, degree] = terms_[term];
      group[term].v = group[parent].v * T[(2 * k) * most + degree];
      if ((1 + k) / columns == g)
        group[term].v[(1 + k) % columns] =
            basis[std::size_t(parent)].v[0] * T[(2 * k + 1) * most + degree];
    }
  }
  const std::unique_ptr<float[]> sums(new float[std::size_t(groups) * columns * block]);
  const float* const own = coefficients_.data() + cell * std::size_t(terms) * block;
  for (int g = 0; g < groups; ++g) {
    const Columns* const group = basis.get() + std::size_t(g) * terms;
    float* const to = sums.get() + std::size_t(g) * columns * block;
    derivatives ? sum_terms(own, block, group, terms, to)
                : sum_values(own, block, group, terms, to);
  }
  const auto column = [&](int i) {
    return Eigen::Map<const Eigen::VectorXf>(sums.get() + std::size_t(i) * block, outputs_)
        .cast<double>();
  };
  values = column(0);
  if (!derivatives) return;
  derivatives->resize(outputs_, n);
  for (int k = 0; k < n; ++k) derivatives->col(k) = column(1 + k);
}

}  // namespace pendel

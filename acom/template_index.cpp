#include "acom/template_index.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/clones.hpp"
#include "core/electron.hpp"

namespace pendel {

namespace {

using electron::pi;

constexpr int bins = TemplateIndex::bins;
constexpr int pool = 8;  ///< angles under one bound
constexpr int pooled_bins = bins / pool;
constexpr int row_size = 2 * bins;  ///< a profile and itself again, so that no shift wraps around

constexpr int lanes = 16;
typedef float Lanes __attribute__((vector_size(lanes * sizeof(float)), aligned(alignof(float))));
static_assert(pooled_bins % (3 * lanes) == 0 && bins % (6 * lanes) == 0);

/// sums[k] = Σ_j weights[j] rows[starts[j] + k], k in [0, size): `block` of lanes at a time, whose
/// sums stay in registers.
template <int block>
inline __attribute__((always_inline)) void add_rows(const float* rows, const std::uint32_t* starts,
                                                    const float* weights, int count, int size,
                                                    float* sums) {
  for (int at = 0; at < size; at += block * lanes) {
    Lanes sum[block] = {};
    for (int j = 0; j < count; ++j) {
      const float* row = rows + starts[j] + at;
      for (int b = 0; b < block; ++b)
        sum[b] += weights[j] * *reinterpret_cast<const Lanes*>(row + b * lanes);
    }
    for (int b = 0; b < block; ++b) *reinterpret_cast<Lanes*>(sums + at + b * lanes) = sum[b];
  }
}
PENDEL_CLONES void add_fine(const float* rows, const std::uint32_t* starts, const float* weights,
                            int count, float* sums) {
  add_rows<6>(rows, starts, weights, count, bins, sums);
}
PENDEL_CLONES void add_pooled(const float* rows, const std::uint32_t* starts, const float* weights,
                              int count, float* sums) {
  add_rows<3>(rows, starts, weights, count, pooled_bins, sums);
}

PENDEL_CLONES float largest(const float* values, int size) {
  Lanes most = *reinterpret_cast<const Lanes*>(values);
  for (int k = lanes; k < size; k += lanes) {
    const Lanes next = *reinterpret_cast<const Lanes*>(values + k);
    most = next > most ? next : most;
  }
  float result = most[0];
  for (int k = 1; k < lanes; ++k) result = std::max(result, most[k]);
  return result;
}

int bin_of(double angle) {
  const long bin = std::lround(angle / (2 * pi) * bins) % bins;
  return int(bin < 0 ? bin + bins : bin);
}

}  // namespace

double blurred_product(const std::vector<WeightedSpot>& a, const std::vector<WeightedSpot>& b,
                       double tolerance) {
  const double reach = std::pow(6 * tolerance, 2), factor = -0.5 / (tolerance * tolerance);
  double sum = 0;
  for (const WeightedSpot& x : a)
    for (const WeightedSpot& y : b) {
      const double distance = (x.q - y.q).squaredNorm();
      if (distance < reach) sum += x.weight * y.weight * std::exp(factor * distance);
    }
  return sum;
}

TemplateIndex::TemplateIndex(const PhaseLibrary& library, double tolerance, double power)
    : tolerance_(tolerance) {
  // Spots whose radii differ by less than matters share a ring.
  std::vector<double> radii;
  for (const Template& made : library.templates)
    for (const Vec2& q : made.q) radii.push_back(q.norm());
  std::sort(radii.begin(), radii.end());
  const double width = tolerance / 8;
  for (std::size_t i = 0, end; i < radii.size(); i = end) {
    end =
        std::size_t(std::upper_bound(radii.begin(), radii.end(), radii[i] + width) - radii.begin());
    rings_.push_back(0.5 * (radii[i] + radii[end - 1]));
  }
  const auto ring_of = [&](double radius) {
    const auto above = std::lower_bound(rings_.begin(), rings_.end(), radius);
    if (above == rings_.begin()) return std::uint32_t(0);
    const bool lower = above == rings_.end() || radius - *(above - 1) < *above - radius;
    return std::uint32_t(above - rings_.begin()) - (lower ? 1 : 0);
  };

  const bool mirrors = std::any_of(library.symmetry.begin(), library.symmetry.end(),
                                   [](const Mat3& S) { return S.determinant() < 0; });
  const std::size_t thicknesses = std::max<std::size_t>(1, library.thickness_A.size());
  struct IndexedSpot {
    std::uint32_t row, pooled_row;
    float weight;
  };
  std::vector<IndexedSpot> spots;
  for (std::size_t t = 0; t < library.templates.size(); ++t) {
    const Template& made = library.templates[t];
    for (std::size_t d = 0; d < thicknesses; ++d) {
      std::vector<WeightedSpot> weighted(made.q.size());
      for (std::size_t j = 0; j < made.q.size(); ++j)
        weighted[j] = {made.q[j], std::pow(double(made.intensity[d * made.q.size() + j]), power)};
      const double norm = std::sqrt(blurred_product(weighted, weighted, tolerance));
      if (!(norm > 0)) continue;
      for (int mirrored = 0; mirrored < (mirrors ? 2 : 1); ++mirrored) {
        spots.clear();
        for (const WeightedSpot& spot : weighted) {
          const double azimuth = std::atan2(spot.q.y(), spot.q.x());
          const int bin = bin_of(mirrored ? -azimuth : azimuth);
          const std::uint32_t row = ring_of(spot.q.norm()) * row_size;
          spots.push_back({row + std::uint32_t(bin),
                           row + std::uint32_t(bin % pool * 2 * pooled_bins + bin / pool),
                           float(spot.weight / norm)});
        }
        std::sort(spots.begin(), spots.end(),
                  [](const IndexedSpot& a, const IndexedSpot& b) { return a.row < b.row; });
        entries_.push_back({std::uint32_t(t), std::uint32_t(d), mirrored != 0,
                            std::uint32_t(rows_.size()), std::uint32_t(spots.size())});
        for (const IndexedSpot& spot : spots) {
          rows_.push_back(spot.row);
          pooled_rows_.push_back(spot.pooled_row);
          weights_.push_back(spot.weight);
        }
      }
    }
  }
}

/// Of a pattern on every ring: fine (row_size) over the angle; pooled (pool, 2 pooled_bins) the
/// largest of the `pool` values from angle pool k + offset on.
struct TemplateIndex::Profiles {
  std::vector<float> fine, pooled;
};

TemplateIndex::Profiles TemplateIndex::profiles(const std::vector<WeightedSpot>& pattern) const {
  Profiles result;
  result.fine.assign(rings_.size() * row_size, 0);
  result.pooled.assign(rings_.size() * row_size, 0);
  const double reach = 4 * tolerance_, step = 2 * pi / bins;
  std::vector<bool> touched(rings_.size(), false);
  for (const WeightedSpot& peak : pattern) {
    const double radius = peak.q.norm();
    const double turns = std::atan2(peak.q.y(), peak.q.x()) / step;
    const auto first = std::lower_bound(rings_.begin(), rings_.end(), radius - reach);
    for (auto ring = first; ring != rings_.end() && *ring < radius + reach; ++ring) {
      // |q − q'|² = (r − r')² + 4 r r' sin²(Δ/2), Δ² for 4 sin²(Δ/2)
      const std::size_t s = std::size_t(ring - rings_.begin());
      float* row = &result.fine[s * row_size];
      touched[s] = true;
      const double away = (radius - *ring) / tolerance_;
      const double sharpness = radius * *ring * std::pow(step / tolerance_, 2);
      const int wide = std::min(bins / 2 - 1, int(4 / std::sqrt(sharpness)) + 1);
      const long middle = std::lround(turns);
      const double offset = double(middle) - turns;
      // exp(−c (x + k)²/2) by its ratios from one angle to the next, outwards
      for (const int side : {1, -1}) {
        const double x = offset * side;
        double value = peak.weight * std::exp(-0.5 * (away * away + sharpness * x * x));
        double ratio = std::exp(-sharpness * (x + 0.5));
        const double next = std::exp(-sharpness);
        for (int k = 0; k <= wide; ++k) {
          if (k > 0 || side > 0) row[((middle + side * k) % bins + bins) % bins] += float(value);
          value *= ratio;
          ratio *= next;
        }
      }
    }
  }
  for (std::size_t s = 0; s < rings_.size(); ++s) {
    if (!touched[s]) continue;
    float* row = &result.fine[s * row_size];
    std::copy_n(row, bins, row + bins);
    float* pooled = &result.pooled[s * row_size];
    for (int offset = 0; offset < pool; ++offset)
      for (int k = 0; k < pooled_bins; ++k) {
        const float* from = row + pool * k + offset;
        float most = from[0];
        for (int i = 1; i < pool; ++i) most = std::max(most, from[i]);
        float* to = pooled + offset * 2 * pooled_bins + k;
        to[0] = to[pooled_bins] = most;
      }
  }
  return result;
}

void TemplateIndex::search(const std::vector<WeightedSpot>& pattern, bool exhaustive,
                           const Receiver& receive) const {
  const Profiles rows = profiles(pattern);
  std::vector<std::pair<float, std::uint32_t>> order(entries_.size());
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    order[e] = {std::numeric_limits<float>::infinity(), std::uint32_t(e)};
    if (exhaustive) continue;
    const Entry& entry = entries_[e];
    std::array<float, pooled_bins> bounds;
    add_pooled(rows.pooled.data(), &pooled_rows_[entry.first], &weights_[entry.first],
               int(entry.count), bounds.data());
    order[e].first = largest(bounds.data(), pooled_bins);
  }
  const float rounding = 1 + 1e-5f;  // the bound's sum is rounded too
  double useful = 0;
  if (!exhaustive) std::make_heap(order.begin(), order.end());
  for (auto end = order.end(); end != order.begin(); --end) {
    if (!exhaustive) {
      if (order.front().first * rounding < useful) return;
      std::pop_heap(order.begin(), end);
    }
    const Entry& entry = entries_[(end - 1)->second];
    std::array<float, bins> products;
    add_fine(rows.fine.data(), &rows_[entry.first], &weights_[entry.first], int(entry.count),
             products.data());
    if (largest(products.data(), bins) < useful) continue;
    for (int k = 0; k < bins; ++k) {
      const float value = products[std::size_t(k)];
      if (value > 0 && value >= useful && value >= products[std::size_t((k + 1) % bins)] &&
          value > products[std::size_t((k + bins - 1) % bins)])
        useful = receive({int(entry.template_index), int(entry.thickness), entry.mirrored,
                          k * 2 * pi / bins, value});
    }
  }
}

}  // namespace pendel

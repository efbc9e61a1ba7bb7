#include "sim/dynamical_pattern.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <string>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/require.hpp"
#include "sim/bloch_layer.hpp"

namespace pendel {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

const complex i_pi(0, electron::pi);
// Beams of less reach than this fraction of the strong ones' are left out; a third of it changes no
// intensity by more than a tenth of what the strong limit leaves (gold, 200 Å).
constexpr double weak_fraction = 0.01;

double thickest(const std::vector<double>& thickness_A) {
  require(!thickness_A.empty(), "the number of thicknesses of dynamical patterns", 0, "positive");
  for (const double t : thickness_A)
    require(t >= 0, "a thickness [A] of dynamical patterns", t, "0 or positive");
  return *std::max_element(thickness_A.begin(), thickness_A.end());
}

DynamicalOptions checked(const DynamicalOptions& options) {
  require(options.g_max > 0, "g_max [1/A] of dynamical patterns", options.g_max, "positive");
  require(options.tolerance > 0 && options.tolerance < 1, "the tolerance of dynamical patterns",
          options.tolerance, "above 0 and below 1");
  require(options.precession >= 0 && options.precession < electron::pi / 4,
          "the precession angle [rad]", options.precession, "0 to 0.78");
  return options;
}

}  // namespace

/// Among the candidates; strong ones first found first.
struct DynamicalPatterns::Chosen {
  std::vector<int> strong, weak;
};

double beam_radius(const Crystal& crystal, double energy_keV, const PotentialOptions& potential,
                   double thickness_A, double tolerance, double g_max) {
  const double K = 1 / electron::wavelength(energy_keV);
  const auto taken = [&](double g) {  // by atoms in phase
    double U = 0;
    for (const Site& site : crystal.sites)
      U += site.occupancy * scattering_factor(potential.table, site.Z, g) *
           std::exp(-site.B() * g * g / 4);
    U *= electron::gamma(energy_keV) / (electron::pi * crystal.volume());
    return std::pow(electron::pi * U * thickness_A / K, 2);
  };
  double radius = g_max;
  while (taken(radius) > tolerance) radius += 0.05;
  return radius;
}

DynamicalPatterns::DynamicalPatterns(const Crystal& crystal, double energy_keV,
                                     const DynamicalOptions& options,
                                     const std::vector<double>& thickness_A, double g_max, Search)
    : energy_keV_(energy_keV),
      options_(checked(options)),
      thickness_A_(thickness_A),
      limits_{g_max, 1},
      absorbing_(options.potential.absorption != Absorption::none),
      hkl_(reflections_within(crystal.cell, g_max)) {
  thickest(thickness_A_);
  require(
      g_max < 0.9 / electron::wavelength(energy_keV), "the beams' g_max [1/A]", g_max,
      "well below the wavenumber; take a larger tolerance, thinner crystals or a higher energy");
  const std::vector<Ug> U_g = structure_factors(crystal, hkl_, energy_keV, options_.potential);
  for (const Hkl& hkl : hkl_)
    box_ = {std::max(box_.h, hkl.h), std::max(box_.k, hkl.k), std::max(box_.l, hkl.l)};
  couplings_.assign(place(box_) + 1, 0);
  magnitudes_.assign(couplings_.size(), 0);
  for (std::size_t i = 0; i < hkl_.size(); ++i) {
    g_.push_back(crystal.g(hkl_[i]).v);
    complex value = U_g[i].elastic + complex(0, 1) * U_g[i].absorptive;
    if (hkl_[i] == Hkl{}) {
      refraction_U_0_ = U_g[i].elastic.real();
      value -= refraction_U_0_;
    } else {
      largest_U_ = std::max(largest_U_, std::abs(value));
    }
    couplings_[place(hkl_[i])] = value;
    magnitudes_[place(hkl_[i])] = std::abs(value);
  }
}

DynamicalPatterns::DynamicalPatterns(const Crystal& crystal, double energy_keV,
                                     const DynamicalOptions& options,
                                     const std::vector<double>& thickness_A,
                                     const BeamLimits& limits)
    : DynamicalPatterns(crystal, energy_keV, options, thickness_A, limits.g_max, Search{}) {
  require(limits.strong > 0, "the least reach of strong beams", limits.strong, "positive");
  limits_ = limits;
}

DynamicalPatterns::DynamicalPatterns(const Crystal& crystal, double energy_keV,
                                     const DynamicalOptions& options,
                                     const std::vector<double>& thickness_A,
                                     const std::vector<Mat3>& orientations)
    : DynamicalPatterns(crystal, energy_keV, options, thickness_A,
                        found_limits(crystal, energy_keV, options, thickness_A, orientations)) {}

BeamLimits DynamicalPatterns::found_limits(const Crystal& crystal, double energy_keV,
                                           const DynamicalOptions& options,
                                           const std::vector<double>& thickness_A,
                                           const std::vector<Mat3>& orientations) {
  require(!orientations.empty(), "the number of orientations to find beams for", 0, "positive");
  const auto within = [&](double g_max) {
    return DynamicalPatterns(crystal, energy_keV, options, thickness_A, g_max, Search{});
  };
  DynamicalPatterns patterns =
      within(beam_radius(crystal, energy_keV, options.potential, thickest(thickness_A),
                         checked(options).tolerance, options.g_max));
  const std::vector<Mat3> sample = patterns.sample(orientations);
  for (;;) {
    patterns.limits_.strong = patterns.sought_strong(sample);
    DynamicalPatterns wider = within(1.15 * patterns.limits_.g_max);
    wider.limits_.strong = patterns.limits_.strong;
    const std::vector<DynamicalSpots> less = patterns.without_precession(sample),
                                      more = wider.without_precession(sample);
    double change = 0;
    for (std::size_t i = 0; i < sample.size(); ++i)
      change = std::max(change, difference(less[i], more[i]).largest);
    if (change <= options.tolerance / 2) return patterns.limits_;
    patterns = std::move(wider);
  }
}

std::vector<DynamicalSpots> DynamicalPatterns::without_precession(
    const std::vector<Mat3>& orientations) const {
  std::vector<DynamicalSpots> result(orientations.size());
  parallel_for(long(orientations.size()), [&](long i, int) {
    const Mat3& R = orientations[std::size_t(i)];
    result[std::size_t(i)] = as_spots(R, plane_wave(R, Vec2::Zero()), 1);
  });
  return result;
}

std::vector<Mat3> DynamicalPatterns::sample(const std::vector<Mat3>& orientations) {
  constexpr std::size_t half = 6;
  const std::size_t count = orientations.size();
  if (count <= 2 * half) return orientations;
  limits_.strong = 0.05;  // whichever: only their order counts
  State state;
  state.energy_keV = energy_keV_;
  const IncidentWave wave = incident_wave(state, Vec2::Zero(), refraction_U_0_);
  std::vector<std::pair<std::size_t, std::size_t>> beams(count);  // how many, of which
  parallel_for(long(count), [&](long i, int) {
    const std::size_t at = std::size_t(i);
    beams[at] = {chosen_beams(orientations[at], wave).strong.size(), at};
  });
  std::partial_sort(beams.begin(), beams.begin() + half, beams.end(), std::greater<>());
  std::vector<Mat3> result;
  for (std::size_t i = 0; i < half; ++i) {
    result.push_back(orientations[beams[i].second]);
    result.push_back(orientations[i * count / half]);
  }
  return result;
}

double DynamicalPatterns::sought_strong(const std::vector<Mat3>& sample) {
  // Further down lists have a thousand beams, and what is left is what zones far along the beam do,
  // which lists hold slowly (docs/accuracy.md).
  constexpr double most = 0.2, least = 1e-3;
  std::array<std::vector<DynamicalSpots>, 3> lists;  // of the last three limits
  double change = 0;
  for (double strong = most; strong > least; strong /= 2) {
    limits_.strong = strong;
    std::rotate(lists.begin(), lists.begin() + 1, lists.end());
    lists[2] = without_precession(sample);
    if (lists[0].empty()) continue;
    change = 0;
    for (std::size_t i = 0; i < sample.size(); ++i)
      change = std::max(change, difference(lists[0][i], lists[2][i]).largest);
    if (change <= options_.tolerance / 2) return 4 * strong;
  }
  throw Error(ErrorKind::numerical, "intensities of dynamical patterns still change by " +
                                        std::to_string(change) +
                                        " with the last beams added; half the tolerance of " +
                                        std::to_string(options_.tolerance) +
                                        " is allowed: a larger one would be reached");
}

DynamicalPatterns::Chosen DynamicalPatterns::chosen_beams(const Mat3& R_lab_crystal,
                                                          const IncidentWave& wave) const {
  const double weak = weak_fraction * limits_.strong;
  const Vec3 K = R_lab_crystal.transpose() * wave.wavevector;
  std::vector<int> near;
  std::vector<double> distance, reach;  // 2K|s|
  for (std::size_t i = 0; i < g_.size(); ++i) {
    const double e = std::abs((2 * K + g_[i]).dot(g_[i]));
    if (e * weak > largest_U_ && i > 0) continue;  // out of anything's reach
    near.push_back(int(i));
    distance.push_back(e);
    reach.push_back(i == 0 ? 1 : 0);
  }
  Chosen result;
  std::vector<int> rest(near.size());
  std::iota(rest.begin(), rest.end(), 0);
  while (!rest.empty()) {
    const auto next = std::max_element(rest.begin(), rest.end(),
                                       [&](int i, int j) { return reach[i] < reach[j]; });
    const int from = *next;
    if (reach[from] < limits_.strong) break;
    result.strong.push_back(near[from]);
    rest.erase(next);
    for (const int i : rest) {
      const double coupling = reach[from] * magnitude(hkl_[near[i]] - hkl_[near[from]]);
      reach[i] = std::max(reach[i], coupling < distance[i] ? coupling / distance[i] : reach[from]);
    }
  }
  for (const int i : rest)
    if (reach[i] >= weak) result.weak.push_back(near[i]);
  return result;
}

// With D_w = 2K s_w/κ_w of the weak beams and the decomposition C λ C⁻¹ of the strong ones' matrix:
//   strong  ψ(t) = exp(iπ t [H − H_sw D⁻¹ H_ws + H_sw D⁻¹ H_ww D⁻¹ H_ws]) ψ(0) = C e^{iπλt} y,
//           y = C⁻¹ψ(0)
//   weak    ψ_w(t) = iπ ∫ e^{iπ H_ww (t−t')} H_ws ψ(t') dt'
//                  = Σ_j (H_ws C)_wj y_j (e^{iπ λ_j t} − e^{iπ H_ww t})/(λ_j − H_ww)
DynamicalPatterns::Rows DynamicalPatterns::plane_wave(const Mat3& R_lab_crystal,
                                                      const Vec2& tilt) const {
  State state;
  state.energy_keV = energy_keV_;
  const IncidentWave wave = incident_wave(state, tilt, refraction_U_0_);
  const Chosen chosen = chosen_beams(R_lab_crystal, wave);
  const Index n = Index(chosen.strong.size()), m = Index(chosen.weak.size());
  std::vector<int> beams = chosen.strong;
  beams.insert(beams.end(), chosen.weak.begin(), chosen.weak.end());

  VectorXd scale(n + m), D(n + m);
  for (Index i = 0; i < n + m; ++i) {
    const Vec3 g = R_lab_crystal * g_[std::size_t(beams[i])];
    scale[i] = 1 / std::sqrt(wave.K_n + g.z());
    D[i] = excitation(wave, g) * scale[i] * scale[i];
  }
  const auto H = [&](Index g, Index h) {
    return U(hkl_[std::size_t(beams[g])] - hkl_[std::size_t(beams[h])]) * scale[g] * scale[h];
  };
  MatrixXcd H_ss(n, n), H_ws(m, n), H_sw(n, m);
  for (Index h = 0; h < n; ++h) {
    for (Index g = 0; g < n; ++g) H_ss(g, h) = H(g, h);
    for (Index w = 0; w < m; ++w) H_ws(w, h) = H(n + w, h);
    H_ss(h, h) += D[h];
  }
  MatrixXcd H_ww(m, m);
  for (Index w = 0; w < m; ++w) {
    for (Index h = 0; h < n; ++h) H_sw(h, w) = H(h, n + w);
    for (Index v = 0; v < m; ++v) H_ww(v, w) = v == w ? complex(0) : H(n + v, n + w);
  }
  fold_weak_beams(H_sw, D.tail(m), H_ws, H_ss);
  const VectorXcd inverse = D.tail(m).cwiseInverse().cast<complex>();
  MatrixXcd twice;
  gemm(1, H_ww, false, inverse.asDiagonal() * H_ws, 0, twice);
  gemm(1, H_sw * inverse.asDiagonal(), false, twice, 1, H_ss);

  const EigenDecomposition eigen = decompose(H_ss, absorbing_);
  const VectorXcd y = eigen.inverse.col(0);
  const Index T = Index(thickness_A_.size());
  MatrixXcd exponential(n, T), strong;  // e^{iπλt}
  for (Index k = 0; k < T; ++k)
    exponential.col(k) = (i_pi * thickness_A_[std::size_t(k)] * eigen.values).array().exp();
  gemm(1, eigen.vectors * y.asDiagonal(), false, exponential, 0, strong);

  Rows rows;
  const auto shown = [&](Index i) {
    return g_[std::size_t(beams[i])].norm() <= options_.g_max * (1 + 1e-9);
  };
  for (Index i = 0; i < n; ++i)
    if (shown(i)) rows[beams[i]] = strong.row(i).cwiseAbs2();
  std::vector<Index> shown_weak;
  for (Index w = 0; w < m; ++w)
    if (shown(n + w)) shown_weak.push_back(w);
  MatrixXcd H_shown(shown_weak.size(), n), share, driven;
  VectorXcd own(shown_weak.size());  // H_ww's diagonal
  for (std::size_t i = 0; i < shown_weak.size(); ++i) {
    const Index w = shown_weak[i], row = Index(i);
    H_shown.row(row) = H_ws.row(w);
    own[row] = D[n + w] + U(Hkl{}) * scale[n + w] * scale[n + w];
    // 0/0 where a wave of the strong beams has its phase: a shift that turns it by less than 1e-4
    while ((eigen.values.array() - own[row]).abs().minCoeff() < 1e-8) own[row] += 3e-8;
  }
  gemm(1, H_shown, false, eigen.vectors * y.asDiagonal(), 0, share);
  for (Index i = 0; i < share.rows(); ++i)
    share.row(i).array() /= (eigen.values.array() - own[i]).transpose();
  gemm(1, share, false, exponential, 0, driven);
  const VectorXcd at_entrance = share.rowwise().sum();
  for (Index i = 0; i < share.rows(); ++i) {
    Eigen::RowVectorXd& row = rows[beams[n + shown_weak[std::size_t(i)]]];
    row.resize(T);
    for (Index k = 0; k < T; ++k)
      row[k] = std::norm(driven(i, k) -
                         std::exp(i_pi * thickness_A_[std::size_t(k)] * own[i]) * at_entrance[i]);
  }
  return rows;
}

DynamicalSpots DynamicalPatterns::as_spots(const Mat3& R_lab_crystal, const Rows& rows,
                                           double factor) const {
  DynamicalSpots result;
  result.intensity.resize(Index(rows.size()), Index(thickness_A_.size()));
  for (const auto& [beam, intensity] : rows) {
    result.intensity.row(Index(result.hkl.size())) = factor * intensity;
    result.hkl.push_back(hkl_[std::size_t(beam)]);
    result.g.push_back(R_lab_crystal * g_[std::size_t(beam)]);
  }
  return result;
}

DynamicalSpots DynamicalPatterns::spots(const Mat3& R_lab_crystal) const {
  if (options_.precession == 0)
    return as_spots(R_lab_crystal, plane_wave(R_lab_crystal, Vec2::Zero()), 1);
  // The trapezoidal rule on the circle, exact for harmonics below the number of directions.
  const double radius = std::sin(options_.precession);
  Rows sum;
  const auto add = [&](int first, int step, int directions) {
    for (int i = first; i < directions; i += step) {
      const double alpha = 2 * electron::pi * i / directions;
      const Rows rows = plane_wave(R_lab_crystal, {std::asin(radius * std::cos(alpha)),
                                                   std::asin(radius * std::sin(alpha))});
      for (const auto& [beam, intensity] : rows)
        if (const auto [known, is_new] = sum.emplace(beam, intensity); !is_new)
          known->second += intensity;
    }
    return as_spots(R_lab_crystal, sum, 1.0 / directions);
  };
  DynamicalSpots coarse = add(0, 1, 16);
  double change = INFINITY;
  for (int directions = 32; directions <= 4096; directions *= 2) {
    DynamicalSpots fine = add(1, 2, directions);
    change = difference(coarse, fine).largest;
    if (change <= options_.tolerance) return fine;
    coarse = std::move(fine);
  }
  throw Error(ErrorKind::numerical,
              "the mean over the precession cone still changes by " + std::to_string(change) +
                  " with 4096 directions; a larger tolerance would be reached");
}

SpotDifference difference(const DynamicalSpots& a, const DynamicalSpots& b) {
  std::map<Hkl, std::pair<Index, Index>> rows;
  for (std::size_t i = 0; i < a.hkl.size(); ++i) rows[a.hkl[i]] = {Index(i), -1};
  for (std::size_t i = 0; i < b.hkl.size(); ++i)
    rows.emplace(b.hkl[i], std::make_pair(Index(-1), Index(-1))).first->second.second = Index(i);
  rows.erase(Hkl{});
  SpotDifference result;
  double sum = 0;
  for (const auto& [hkl, row] : rows) {
    Eigen::RowVectorXd change = Eigen::RowVectorXd::Zero(a.intensity.cols());
    if (row.first >= 0) change += a.intensity.row(row.first);
    if (row.second >= 0) change -= b.intensity.row(row.second);
    if (const double here = change.cwiseAbs().maxCoeff(); here > result.largest) {
      result.largest = here;
      result.where = hkl;
    }
    sum += change.squaredNorm();
  }
  if (!rows.empty()) result.rms = std::sqrt(sum / double(rows.size()) / a.intensity.cols());
  return result;
}

}  // namespace pendel

#include "sim/beams.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/error.hpp"
#include "sim/ewald.hpp"

namespace pendel {

namespace {

using IntVec3 = Eigen::Vector3i;

Hkl to_hkl(const IntVec3& v) { return {v[0], v[1], v[2]}; }

double cross(const Vec2& a, const Vec2& b) { return a[0] * b[1] - a[1] * b[0]; }

std::string text(const Hkl& hkl) {
  return "(" + std::to_string(hkl.h) + " " + std::to_string(hkl.k) + " " + std::to_string(hkl.l) +
         ")";
}

int first_crystal(const State& state) {
  if (state.layers.empty()) throw Error(ErrorKind::study, "the specimen has no layers");
  return state.layers.front().crystal;
}

std::string name_of(const State& state, int crystal) {
  const std::string& name = state.crystals[crystal].crystal.name;
  return name.empty() ? "crystal " + std::to_string(crystal) : name;
}

Vec3 lab_g(const OrientedCrystal& oriented, const Hkl& hkl) {
  return oriented.R_lab_crystal * oriented.crystal.g(hkl).v;
}

/// Of the first layer's crystal, in the lab frame.
Mat3 lab_strain(const State& state, const Mat3& strain) {
  const Mat3& R = state.crystals[first_crystal(state)].R_lab_crystal;
  return R * strain * R.transpose();
}

Vec2 lab_g_xy(const OrientedCrystal& oriented, const IntVec3& hkl) {
  return lab_g(oriented, to_hkl(hkl)).head<2>();
}

/// Smallest integers [uvw] along lab z; Error if there are none.
IntVec3 lattice_direction_along_z(const State& state, int crystal) {
  constexpr int max_index = 50;
  constexpr double tolerance = 1e-6;  // angle, rad
  const OrientedCrystal& oriented = state.crystals[crystal];
  const Cell& cell = oriented.crystal.cell;
  const Vec3 z = oriented.R_lab_crystal.transpose() * Vec3::UnitZ();
  const Mat3 stretch = Mat3::Identity() + oriented.crystal.strain;
  const Vec3 fractions = cell.fractional({stretch.inverse() * z}).v;
  const Vec3 direction = fractions / fractions.cwiseAbs().maxCoeff();
  for (int m = 1; m <= max_index; ++m) {
    const Vec3 uvw = (m * direction).array().round();
    if (z.cross((stretch * cell.cartesian(Fractional{uvw}).v).normalized()).norm() < tolerance)
      return uvw.cast<int>();
  }
  throw Error(ErrorKind::study,
              "the beam direction is not a zone axis of " + name_of(state, crystal) +
                  ": lab z is [" + std::to_string(direction[0]) + " " +
                  std::to_string(direction[1]) + " " + std::to_string(direction[2]) +
                  "]; the zero-order zone needs integers up to " + std::to_string(max_index) +
                  " (a small tilt belongs into the beam tilt)");
}

/// p, q with p a + q b = gcd(a, b) > 0.
int extended_gcd(int a, int b, int& p, int& q) {
  if (b == 0) {
    p = a < 0 ? -1 : 1;
    q = 0;
    return std::abs(a);
  }
  int p1, q1;
  const int gcd = extended_gcd(b, a % b, p1, q1);
  p = q1;
  q = p1 - a / b * q1;
  return gcd;
}

/// The two shortest independent hkl with hu + kv + lw = 0 (Gauss reduction).
std::array<IntVec3, 2> reduced_zone_basis(const State& state, int crystal) {
  const OrientedCrystal& oriented = state.crystals[crystal];
  const IntVec3 uvw = lattice_direction_along_z(state, crystal);
  const int u = uvw[0], v = uvw[1], w = uvw[2];
  std::array<IntVec3, 2> basis{IntVec3(1, 0, 0), IntVec3(0, 1, 0)};
  if (u != 0 || v != 0) {
    int p, q;
    const int gcd = extended_gcd(u, v, p, q);
    basis = {IntVec3(v / gcd, -u / gcd, 0), IntVec3(-w * p, -w * q, gcd)};
  }
  for (;;) {
    Vec2 a = lab_g_xy(oriented, basis[0]), b = lab_g_xy(oriented, basis[1]);
    if (b.squaredNorm() < a.squaredNorm()) {
      std::swap(a, b);
      std::swap(basis[0], basis[1]);
    }
    // the small bias keeps a centred (hexagonal, rhombic) cell from turning for ever
    const double steps = std::round(a.dot(b) / a.squaredNorm() * (1 - 1e-9));
    if (steps == 0) return basis;
    basis[1] -= int(steps) * basis[0];
  }
}

/// Of the reduced basis' equivalents: b1 nearest to lab +x, b2 nearest to lab +y with (b1, b2)
/// right-handed. Ties go to larger y for b1, to larger x for b2.
std::array<IntVec3, 2> oriented_zone_basis(const State& state, int crystal) {
  constexpr double same = 1e-6;
  const OrientedCrystal& oriented = state.crystals[crystal];
  const auto reduced = reduced_zone_basis(state, crystal);
  const double longest = lab_g_xy(oriented, reduced[1]).norm();
  const double area =
      std::abs(cross(lab_g_xy(oriented, reduced[0]), lab_g_xy(oriented, reduced[1])));

  std::vector<IntVec3> candidates;
  for (const IntVec3& v :
       {reduced[0], reduced[1], IntVec3(reduced[0] + reduced[1]), IntVec3(reduced[0] - reduced[1])})
    if (lab_g_xy(oriented, v).norm() < (1 + same) * longest) {
      candidates.push_back(v);
      candidates.push_back(-v);
    }
  // The candidate with the largest component along `axis`, among equals the largest along `other`.
  const auto nearest = [&](int axis, int other, const auto& allowed) {
    const IntVec3* best = nullptr;
    Vec2 best_direction;
    for (const IntVec3& v : candidates) {
      const Vec2 g = lab_g_xy(oriented, v), direction = g.normalized();
      if (!allowed(g)) continue;
      const double gain = best ? direction[axis] - best_direction[axis] : 1;
      if (gain > same || (gain > -same && direction[other] > best_direction[other])) {
        best = &v;
        best_direction = direction;
      }
    }
    return *best;
  };
  const IntVec3 b1 = nearest(0, 1, [](const Vec2&) { return true; });
  const Vec2 g1 = lab_g_xy(oriented, b1);
  const IntVec3 b2 =
      nearest(1, 0, [&](const Vec2& g) { return std::abs(cross(g1, g) - area) < same * area; });
  return {b1, b2};
}

/// Beams of the first layer's crystal given by indices (h, k) of the net.
Beams beams_of_net(const State& state, const ZoneNet& net,
                   const std::vector<std::array<int, 2>>& indices) {
  const int first = first_crystal(state);
  Beams beams;
  beams.strain = lab_strain(state, state.crystals[first].crystal.strain);
  beams.hkl_of_crystal.resize(state.crystals.size());
  for (const auto& [h, k] : indices) {
    beams.hkl.push_back(net.hkl(first, h, k));
    const Vec2 g = net.g(h, k);
    beams.g.emplace_back(g[0], g[1], 0);  // exactly 0 along the beam
    for (std::size_t c = 0; c < state.crystals.size(); ++c)
      beams.hkl_of_crystal[c].push_back(net.hkl(int(c), h, k));
  }
  return beams;
}

/// The beams numbered `kept`, sorted by |g| then hkl.
Beams sorted_subset(const Beams& beams, std::vector<int> kept) {
  // Lengths equal but for rounding must compare equal.
  const auto key = [&](int i) {
    return std::make_pair(std::llround(beams.g[i].norm() * 1e8), beams.hkl[i]);
  };
  std::sort(kept.begin(), kept.end(), [&](int i, int j) { return key(i) < key(j); });
  Beams result;
  result.strain = beams.strain;
  result.hkl_of_crystal.resize(beams.hkl_of_crystal.size());
  for (int i : kept) {
    result.hkl.push_back(beams.hkl[i]);
    result.g.push_back(beams.g[i]);
    for (std::size_t c = 0; c < beams.hkl_of_crystal.size(); ++c)
      result.hkl_of_crystal[c].push_back(beams.hkl_of_crystal[c][i]);
  }
  return result;
}

/// The least and the greatest 2K s_g of a beam over directions: as good as linear in between.
class ExcitationRange {
 public:
  ExcitationRange(const State& state, const std::vector<Vec2>& incidence) {
    for (const Vec2& offset : incidence)
      waves_.push_back(incident_wave(state, state.beam_tilt + offset, 0));
  }
  double K() const { return waves_[0].K; }
  /// The least |2K s_g|, 0 if the Ewald sphere lies between.
  double distance(const Vec3& g) const {
    double lowest = INFINITY, highest = -INFINITY;
    for (const IncidentWave& wave : waves_) {
      const double here = excitation(wave, g);
      lowest = std::min(lowest, here);
      highest = std::max(highest, here);
    }
    return std::max({0.0, lowest, -highest});
  }

 private:
  std::vector<IncidentWave> waves_;
};

}  // namespace

int Beams::index(const Hkl& wanted) const {
  const auto found = std::find(hkl.begin(), hkl.end(), wanted);
  return found == hkl.end() ? -1 : int(found - hkl.begin());
}

double repeat_along_z(const State& state, int crystal) {
  const Crystal& of = state.crystals.at(crystal).crystal;
  const IntVec3 uvw = lattice_direction_along_z(state, crystal);
  return ((Mat3::Identity() + of.strain) * of.cell.cartesian({uvw.cast<double>()}).v).norm();
}

Hkl ZoneNet::hkl(int crystal, int h, int k) const {
  const Hkl &a = basis[crystal][0], &b = basis[crystal][1];
  return {h * a.h + k * b.h, h * a.k + k * b.k, h * a.l + k * b.l};
}

ZoneNet zone_net(const State& state, double tolerance) {
  const int first = first_crystal(state);
  ZoneNet net;
  net.basis.resize(state.crystals.size());
  const auto reference = oriented_zone_basis(state, first);
  for (int i = 0; i < 2; ++i) net.b.col(i) = lab_g_xy(state.crystals[first], reference[i]);

  for (int c = 0; c < int(state.crystals.size()); ++c) {
    if (c == first) {
      net.basis[c] = {to_hkl(reference[0]), to_hkl(reference[1])};
      continue;
    }
    // Each b_i in the other crystal's reduced net: the lattice point next to it.
    const auto reduced = reduced_zone_basis(state, c);
    Eigen::Matrix2d net_of_c;
    for (int i = 0; i < 2; ++i) net_of_c.col(i) = lab_g_xy(state.crystals[c], reduced[i]);
    Eigen::Matrix2d integers = (net_of_c.inverse() * net.b).array().round();
    for (int i = 0; i < 2; ++i) {
      const IntVec3 match = int(integers(0, i)) * reduced[0] + int(integers(1, i)) * reduced[1];
      const Vec2 g = net_of_c * integers.col(i), wanted = net.b.col(i);
      if ((g - wanted).norm() > tolerance * wanted.norm()) {
        const auto length = [](const Vec2& v) {
          return v.norm() > 0 ? std::to_string(1 / v.norm()) + " A" : std::string("none");
        };
        throw Error(ErrorKind::study,
                    "the in-plane lattices of " + name_of(state, first) + " and " +
                        name_of(state, c) + " do not agree: spacing " + length(wanted) + " of " +
                        text(to_hkl(reference[i])) + " against " + length(g) + " of " +
                        text(to_hkl(match)) + "; they may differ by " +
                        std::to_string(100 * tolerance) + " %, direction included");
      }
      net.basis[c][i] = to_hkl(match);
    }
    const double cells = std::abs(integers.determinant());
    if (std::lround(cells) != 1)
      throw Error(ErrorKind::study, "the in-plane cell of " + name_of(state, c) + " is " +
                                        std::to_string(std::lround(cells)) + " cells of " +
                                        name_of(state, first) +
                                        "; describe both with the larger cell");
  }
  return net;
}

Beams zone_beams(const State& state, double g_max) {
  const ZoneNet net = zone_net(state);
  // |h| <= g_max |a_h| with a_h the real-space vectors of the net (rows of b⁻¹).
  const Eigen::Matrix2d real_space = net.b.inverse();
  const double limit = g_max * (1 + 1e-12);
  const int h_max = int(limit * real_space.row(0).norm()),
            k_max = int(limit * real_space.row(1).norm());
  std::vector<std::array<int, 2>> indices;
  for (int h = -h_max; h <= h_max; ++h)
    for (int k = -k_max; k <= k_max; ++k)
      if (net.g(h, k).norm() <= limit) indices.push_back({h, k});
  const Beams beams = beams_of_net(state, net, indices);
  std::vector<int> all(beams.size());
  std::iota(all.begin(), all.end(), 0);
  return sorted_subset(beams, all);
}

Beams select_beams(const State& state, const PotentialOptions& potential,
                   const BeamSelection& selection, const std::vector<Vec2>& incidence) {
  const bool zone_only = selection.zero_order_only || state.crystals.size() > 1;
  const Beams candidates =
      zone_only ? zone_beams(state, selection.g_max)
                : beams_from_hkl(
                      state, reflections_within(state.crystals[first_crystal(state)].crystal.cell,
                                                selection.g_max));
  const ExcitationRange range(state, incidence);
  std::vector<int> near;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (candidates.hkl[i] == Hkl{} ||
        range.distance(candidates.g[i]) <= 2 * range.K() * selection.sg_max)
      near.push_back(int(i));
  const Beams beams = sorted_subset(candidates, near);
  if (selection.weight_min <= 0) return beams;

  const std::vector<double> weights = beam_weights(state, potential, beams, incidence);
  std::vector<int> kept;
  for (std::size_t i = 0; i < beams.size(); ++i)
    if (weights[i] >= selection.weight_min) kept.push_back(int(i));
  return sorted_subset(beams, kept);
}

std::vector<double> beam_weights(const State& state, const PotentialOptions& potential,
                                 const Beams& beams, const std::vector<Vec2>& incidence) {
  PotentialOptions elastic = potential;
  elastic.absorption = Absorption::none;  // is not looked at, and costs most
  const ExcitationRange range(state, incidence);
  std::vector<double> weights(beams.size(), 0);
  for (std::size_t c = 0; c < state.crystals.size(); ++c) {
    const auto U = structure_factors(in_phase(state.crystals[c].crystal), beams.hkl_of_crystal[c],
                                     state.energy_keV, elastic);
    for (std::size_t i = 0; i < beams.size(); ++i)
      weights[i] = std::max(weights[i], std::abs(U[i].elastic));
  }
  for (std::size_t i = 0; i < beams.size(); ++i) {
    const double distance = range.distance(beams.g[i]);
    weights[i] = beams.hkl[i] == Hkl{} || distance == 0 ? INFINITY : weights[i] / distance;
  }
  return weights;
}

BeamSplit split_beams(const State& state, const PotentialOptions& potential, const Beams& beams,
                      const SplitLimits& limits, const std::vector<Vec2>& incidence) {
  const std::vector<double> weights = beam_weights(state, potential, beams, incidence);
  std::vector<int> strong, weak;
  for (std::size_t i = 0; i < beams.size(); ++i) {
    if (weights[i] >= limits.strong_weight || beams.g[i].norm() <= limits.strong_g_max)
      strong.push_back(int(i));
    else if (weights[i] >= limits.weight_min)
      weak.push_back(int(i));
  }
  return {sorted_subset(beams, strong), sorted_subset(beams, weak)};
}

Beams strained(const Beams& beams, const State& state) {
  const Mat3 strain = lab_strain(state, state.crystals[first_crystal(state)].crystal.strain);
  if (strain == beams.strain) return beams;
  Beams result = beams;
  result.strain = strain;
  // g = L⁻ᵀ g_unstrained, L = 1 + strain
  const Mat3 turn = (Mat3::Identity() + strain).transpose().inverse() *
                    (Mat3::Identity() + beams.strain).transpose();
  for (Vec3& g : result.g) g = turn * g;
  const bool sheared = std::max(std::abs(strain(0, 2)), std::abs(strain(1, 2))) > 1e-12;
  if (state.crystals.size() > 1 && sheared)
    throw Error(ErrorKind::study,
                "a stack of several crystals has no common zone when its layers are sheared out of "
                "the plane: strain xz, yz of " +
                    name_of(state, first_crystal(state)) + " is " + std::to_string(strain(0, 2)) +
                    ", " + std::to_string(strain(1, 2)));
  return result;
}

Mat3 strain_of_beams(const State& state, const StateTangent& tangent) {
  const int first = first_crystal(state);
  if (tangent.crystals.empty() || tangent.crystals[first].strain.isZero(0)) return Mat3::Zero();
  // dg = −L⁻ᵀ dLᵀ g
  const Mat3 L = Mat3::Identity() + lab_strain(state, state.crystals[first].crystal.strain);
  return -L.transpose().inverse() * lab_strain(state, tangent.crystals[first].strain).transpose();
}

Mat3 strain_along_beam(const OrientedCrystal& oriented, const Mat3& strain, const std::string& what,
                       const std::string& instead) {
  const Mat3 result = oriented.R_lab_crystal * strain * oriented.R_lab_crystal.transpose();
  for (const auto& [i, k] : {std::pair{0, 2}, {1, 2}, {2, 0}, {2, 1}})
    if (std::abs(result(i, k)) > 1e-12)
      throw Error(ErrorKind::study, what + " needs the lattice along the beam: " +
                                        oriented.crystal.name + " is sheared out of the plane by " +
                                        std::to_string(result(i, k)) + "; " + instead);
  return result;
}

Beams beams_from_hkl(const State& state, const std::vector<Hkl>& hkl) {
  const int first = first_crystal(state);
  if (state.crystals.size() == 1) {
    Beams beams;
    beams.strain = lab_strain(state, state.crystals[first].crystal.strain);
    beams.hkl = hkl;
    beams.hkl_of_crystal = {hkl};
    for (const Hkl& index : hkl) beams.g.push_back(lab_g(state.crystals[first], index));
    return beams;
  }
  const ZoneNet net = zone_net(state);
  std::vector<std::array<int, 2>> indices;
  for (const Hkl& index : hkl) {
    const Vec2 g = lab_g(state.crystals[first], index).head<2>();
    const Vec2 integers = (net.b.inverse() * g).array().round();
    indices.push_back({int(integers[0]), int(integers[1])});
    if (net.hkl(first, indices.back()[0], indices.back()[1]) != index)
      throw Error(ErrorKind::study, "beam " + text(index) + " of " + name_of(state, first) +
                                        " is not in the zero-order zone, which a stack of several "
                                        "crystals is restricted to");
  }
  return beams_of_net(state, net, indices);
}

}  // namespace pendel

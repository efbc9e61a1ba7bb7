#include "acom/grains.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

using Quaternion = Eigen::Quaterniond;
using Rotations = std::vector<Quaternion>;
constexpr double degrees = 180 / electron::pi;
constexpr double nothing = OrientationSolution::not_known;

/// [deg], of a turn with this scalar part; the sine keeps small angles exact.
double angle_of(const Quaternion& turn) {
  return 2 * std::atan2(turn.vec().norm(), std::abs(turn.w())) * degrees;
}

/// The orientation that is the same as b and nearest to a.
Quaternion nearest(const Quaternion& a, const Quaternion& b, const Rotations& rotations) {
  const Quaternion turn = a.conjugate() * b;
  double most = -1;
  Quaternion best = b;
  for (const Quaternion& S : rotations) {
    const double w = (turn * S).w();
    if (std::abs(w) > most + 1e-12) {
      most = std::abs(w);
      best = b * S;
      if (w < 0) best.coeffs() *= -1;
    }
  }
  return best;
}

double misorientation(const Quaternion& a, const Quaternion& b, const Rotations& rotations) {
  return angle_of(a.conjugate() * nearest(a, b, rotations));
}

/// How far the turn from a to b is from the twin's, over all equivalent descriptions.
double deviation(const Quaternion& a, const Quaternion& b, const Quaternion& twin,
                 const Rotations& rotations) {
  const Quaternion turn = a.conjugate() * b;
  double least = 180;
  for (const Quaternion& S : rotations)
    least = std::min(least, misorientation(S * twin, turn, rotations));
  return least;
}

/// Of each phase.
std::vector<Rotations> proper_rotations(const OrientationMap& map) {
  std::vector<Rotations> result;
  for (const MapPhase& phase : map.phases) {
    result.push_back({Quaternion::Identity()});
    for (const Mat3& S : phase.symmetry)
      if (S.determinant() > 0) result.back().emplace_back(S);
  }
  return result;
}

/// By position; nothing where none was indexed.
std::vector<std::optional<Quaternion>> orientations(const OrientationMap& map) {
  std::vector<std::optional<Quaternion>> result(map.positions());
  for (std::size_t i = 0; i < result.size(); ++i)
    if (map.at[i].indexed()) result[i] = Quaternion(map.at[i].solutions.front().R_lab_crystal);
  return result;
}

struct Neighbours {
  std::array<std::size_t, 8> at{};
  int count = 0;
};
/// Along rows and columns, or diagonally too.
Neighbours neighbours(const OrientationMap& map, std::size_t position, bool diagonal) {
  Neighbours result;
  const long row = long(position / map.columns), column = long(position % map.columns);
  for (long dr = -1; dr <= 1; ++dr)
    for (long dc = -1; dc <= 1; ++dc) {
      const long r = row + dr, c = column + dc;
      if ((dr == 0 && dc == 0) || (!diagonal && dr != 0 && dc != 0)) continue;
      if (r < 0 || c < 0 || r >= long(map.rows) || c >= long(map.columns)) continue;
      result.at[std::size_t(result.count++)] = std::size_t(r) * map.columns + std::size_t(c);
    }
  return result;
}

/// Mean of nearby unit quaternions: the axis of their scatter matrix. [Markley2007]
Quaternion mean_of(const std::vector<Quaternion>& members) {
  Eigen::Matrix4d scatter = Eigen::Matrix4d::Zero();
  for (const Quaternion& q : members) scatter += q.coeffs() * q.coeffs().transpose();
  return Quaternion(
      Eigen::SelfAdjointEigenSolver<Eigen::Matrix4d>(scatter).eigenvectors().col(3).eval());
}

}  // namespace

Grains find_grains(const OrientationMap& map, const GrainOptions& options) {
  const auto q = orientations(map);
  const std::vector<Rotations> rotations = proper_rotations(map);
  std::vector<int> id(map.positions(), -1);
  std::vector<std::optional<Quaternion>> continued(map.positions());
  std::vector<std::vector<std::size_t>> members;
  for (std::size_t seed = 0; seed < map.positions(); ++seed) {
    if (!q[seed] || id[seed] >= 0) continue;
    const int number = int(members.size());
    members.push_back({seed});
    id[seed] = number;
    continued[seed] = q[seed];
    // each member is described by the equivalent orientation next to its neighbour's, so that the
    // mean is right even of a grain that is bent by more than the symmetry's smallest angle
    for (std::size_t k = 0; k < members.back().size(); ++k) {
      const std::size_t from = members.back()[k];
      const int phase = map.at[from].solutions.front().phase;
      const Neighbours around = neighbours(map, from, false);
      for (int n = 0; n < around.count; ++n) {
        const std::size_t to = around.at[std::size_t(n)];
        if (!q[to] || id[to] >= 0 || map.at[to].solutions.front().phase != phase) continue;
        const Quaternion same = nearest(*continued[from], *q[to], rotations[std::size_t(phase)]);
        if (angle_of(continued[from]->conjugate() * same) >= options.threshold_deg) continue;
        id[to] = number;
        continued[to] = same;
        members.back().push_back(to);
      }
    }
  }

  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return members[a].size() > members[b].size();
  });
  Grains result;
  result.id.assign(map.positions(), -1);
  result.from_mean_deg.assign(map.positions(), nothing);
  for (const std::size_t o : order) {
    const auto& those = members[o];
    if (those.size() < std::size_t(std::max(1, options.least_positions))) break;
    MapGrain grain;
    grain.phase = map.at[those.front()].solutions.front().phase;
    grain.positions = those.size();
    std::vector<Quaternion> described;
    for (const std::size_t p : those) {
      described.push_back(*continued[p]);
      grain.centre += Vec2(double(p % map.columns), double(p / map.columns));
    }
    grain.centre /= double(those.size());
    const Quaternion mean = mean_of(described);
    grain.R_lab_crystal = mean.toRotationMatrix();
    for (std::size_t k = 0; k < those.size(); ++k) {
      const double angle = angle_of(mean.conjugate() * described[k]);
      result.from_mean_deg[those[k]] = angle;
      grain.spread_deg += angle / double(those.size());
      result.id[those[k]] = int(result.grains.size());
    }
    result.grains.push_back(grain);
  }
  return result;
}

Mat3 twin_turn(const Cell& cell, const Vec3& axis_uvw, double angle_deg) {
  const Vec3 axis = cell.cartesian({axis_uvw}).v;
  if (!(axis.norm() > 0)) throw Error(ErrorKind::study, "a twin's axis is [0, 0, 0]");
  return Eigen::AngleAxisd(angle_deg / degrees, axis.normalized()).toRotationMatrix();
}

std::vector<NeighbourPair> neighbour_pairs(const OrientationMap& map,
                                           const std::vector<Twin>& twins, double threshold_deg) {
  const auto q = orientations(map);
  const std::vector<Rotations> rotations = proper_rotations(map);
  std::vector<NeighbourPair> pairs;
  for (std::size_t a = 0; a < map.positions(); ++a)
    for (const bool down : {false, true}) {
      if (down ? a / map.columns + 1 == map.rows : a % map.columns + 1 == map.columns) continue;
      const std::size_t b = a + (down ? map.columns : 1);
      if (!q[a] || !q[b]) continue;
      const int phase = map.at[a].solutions.front().phase;
      if (map.at[b].solutions.front().phase != phase) continue;
      const Rotations& same = rotations[std::size_t(phase)];
      NeighbourPair pair{a, b, misorientation(*q[a], *q[b], same), -1};
      for (std::size_t t = 0; t < twins.size() && pair.angle_deg > threshold_deg; ++t)
        if (twins[t].phase == phase &&
            deviation(*q[a], *q[b], Quaternion(twins[t].turn), same) < twins[t].tolerance_deg) {
          pair.twin = int(t);
          break;
        }
      pairs.push_back(pair);
    }
  return pairs;
}

std::vector<double> kernel_average(const OrientationMap& map,
                                   const std::vector<NeighbourPair>& pairs, double threshold_deg) {
  std::vector<double> sum(map.positions(), 0), count(map.positions(), 0);
  for (const NeighbourPair& pair : pairs)
    if (pair.angle_deg < threshold_deg)
      for (const std::size_t p : {pair.first, pair.second}) sum[p] += pair.angle_deg, ++count[p];
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = count[i] > 0 ? sum[i] / count[i] : nothing;
  return sum;
}

std::size_t choose_by_neighbours(OrientationMap& map, const NeighbourChoiceOptions& options) {
  const std::vector<Rotations> rotations = proper_rotations(map);
  std::vector<std::vector<Quaternion>> q(map.positions());
  std::vector<std::size_t> chosen(map.positions(), 0);
  for (std::size_t i = 0; i < q.size(); ++i)
    for (const OrientationSolution& solution : map.at[i].solutions)
      q[i].emplace_back(solution.R_lab_crystal);
  const auto votes = [&](std::size_t i, std::size_t k) {
    const int phase = map.at[i].solutions[k].phase;
    const Neighbours around = neighbours(map, i, true);
    int count = 0;
    for (int n = 0; n < around.count; ++n) {
      const std::size_t other = around.at[std::size_t(n)];
      if (map.at[other].indexed() && map.at[other].solutions[chosen[other]].phase == phase &&
          misorientation(q[i][k], q[other][chosen[other]], rotations[std::size_t(phase)]) <
              options.threshold_deg)
        ++count;
    }
    return count;
  };
  // in place, one position after the other, so that two neighbours do not change places for ever
  for (int sweep = 0; sweep < 20; ++sweep) {
    bool moved = false;
    for (std::size_t i = 0; i < q.size(); ++i) {
      const auto& solutions = map.at[i].solutions;
      if (solutions.size() < 2) continue;
      std::size_t best = chosen[i];
      int most = votes(i, best);
      for (std::size_t k = 0; k < solutions.size(); ++k) {
        if (solutions[k].score < (1 - options.most_loss) * solutions.front().score) continue;
        const int count = votes(i, k);
        if (count > most) most = count, best = k;
      }
      moved = moved || best != chosen[i];
      chosen[i] = best;
    }
    if (!moved) break;
  }
  std::size_t changed = 0;
  for (std::size_t i = 0; i < q.size(); ++i)
    if (chosen[i] > 0) {
      auto& solutions = map.at[i].solutions;
      std::rotate(solutions.begin(), solutions.begin() + long(chosen[i]),
                  solutions.begin() + long(chosen[i]) + 1);
      map.at[i].flags |= by_neighbours;
      ++changed;
    }
  return changed;
}

}  // namespace pendel

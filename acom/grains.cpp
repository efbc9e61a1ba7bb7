#include "acom/grains.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

constexpr double degrees = 180 / electron::pi;
constexpr double nothing = OrientationSolution::not_known;

double misorientation_deg(const Mat3& A, const Mat3& B, const MapPhase& phase) {
  return misorientation(A, B, phase.symmetry) * degrees;
}

/// How far the turn from A to B is from the twin's, over all equivalent descriptions.
double deviation_deg(const Mat3& A, const Mat3& B, const Mat3& twin, const MapPhase& phase) {
  const Mat3 turn = A.transpose() * B;
  double least = misorientation_deg(twin, turn, phase);
  for (const Mat3& S : phase.symmetry)
    if (S.determinant() > 0) least = std::min(least, misorientation_deg(S * twin, turn, phase));
  return least;
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

/// Mean of nearby orientations: the axis of the scatter matrix of their quaternions. [Markley2007]
Mat3 mean_of(const std::vector<Mat3>& members) {
  Eigen::Matrix4d scatter = Eigen::Matrix4d::Zero();
  for (const Mat3& R : members) {
    const Eigen::Vector4d q = Eigen::Quaterniond(R).coeffs();
    scatter += q * q.transpose();
  }
  return Eigen::Quaterniond(
             Eigen::SelfAdjointEigenSolver<Eigen::Matrix4d>(scatter).eigenvectors().col(3).eval())
      .toRotationMatrix();
}

const Mat3& orientation(const MapPosition& position) {
  return position.solutions.front().R_lab_crystal;
}

}  // namespace

Grains find_grains(const OrientationMap& map, const GrainOptions& options) {
  std::vector<int> id(map.positions(), -1);
  std::vector<Mat3> continued(map.positions());
  std::vector<std::vector<std::size_t>> members;
  for (std::size_t seed = 0; seed < map.positions(); ++seed) {
    if (!map.at[seed].indexed() || id[seed] >= 0) continue;
    const int number = int(members.size());
    members.push_back({seed});
    id[seed] = number;
    continued[seed] = orientation(map.at[seed]);
    // each member is described by the equivalent orientation next to its neighbour's, so that the
    // mean is right even of a grain that is bent by more than the symmetry's smallest angle
    for (std::size_t k = 0; k < members.back().size(); ++k) {
      const std::size_t from = members.back()[k];
      const int phase = map.at[from].solutions.front().phase;
      const Neighbours around = neighbours(map, from, false);
      for (int n = 0; n < around.count; ++n) {
        const std::size_t to = around.at[std::size_t(n)];
        if (!map.at[to].indexed() || id[to] >= 0 || map.at[to].solutions.front().phase != phase)
          continue;
        const Mat3 same = nearest_equivalent(orientation(map.at[to]), continued[from],
                                             map.phases[std::size_t(phase)].symmetry);
        if (angle_between(continued[from], same) * degrees >= options.threshold_deg) continue;
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
    std::vector<Mat3> described;
    for (const std::size_t p : those) {
      described.push_back(continued[p]);
      grain.centre += Vec2(double(p % map.columns), double(p / map.columns));
    }
    grain.centre /= double(those.size());
    grain.R_lab_crystal = mean_of(described);
    for (std::size_t k = 0; k < those.size(); ++k) {
      const double angle = angle_between(grain.R_lab_crystal, described[k]) * degrees;
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
  return rotation_about(axis, angle_deg / degrees);
}

std::vector<NeighbourPair> neighbour_pairs(const OrientationMap& map,
                                           const std::vector<Twin>& twins, double threshold_deg) {
  std::vector<NeighbourPair> pairs;
  for (std::size_t a = 0; a < map.positions(); ++a)
    for (const bool down : {false, true}) {
      if (down ? a / map.columns + 1 == map.rows : a % map.columns + 1 == map.columns) continue;
      const std::size_t b = a + (down ? map.columns : 1);
      if (!map.at[a].indexed() || !map.at[b].indexed()) continue;
      const int phase = map.at[a].solutions.front().phase;
      if (map.at[b].solutions.front().phase != phase) continue;
      const MapPhase& crystal = map.phases[std::size_t(phase)];
      const Mat3 &A = orientation(map.at[a]), &B = orientation(map.at[b]);
      NeighbourPair pair{a, b, misorientation_deg(A, B, crystal), -1};
      for (std::size_t t = 0; t < twins.size() && pair.angle_deg > threshold_deg; ++t)
        if (twins[t].phase == phase &&
            deviation_deg(A, B, twins[t].turn, crystal) < twins[t].tolerance_deg) {
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
  std::vector<std::size_t> chosen(map.positions(), 0);
  const auto votes = [&](std::size_t i, std::size_t k) {
    const OrientationSolution& own = map.at[i].solutions[k];
    const Neighbours around = neighbours(map, i, true);
    int count = 0;
    for (int n = 0; n < around.count; ++n) {
      const std::size_t other = around.at[std::size_t(n)];
      if (!map.at[other].indexed()) continue;
      const OrientationSolution& there = map.at[other].solutions[chosen[other]];
      if (there.phase == own.phase &&
          misorientation_deg(own.R_lab_crystal, there.R_lab_crystal,
                             map.phases[std::size_t(own.phase)]) < options.threshold_deg)
        ++count;
    }
    return count;
  };
  // in place, one position after the other, so that two neighbours do not change places for ever
  for (int sweep = 0; sweep < 20; ++sweep) {
    bool moved = false;
    for (std::size_t i = 0; i < map.positions(); ++i) {
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
  for (std::size_t i = 0; i < map.positions(); ++i)
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

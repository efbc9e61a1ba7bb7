// Orientation maps as microstructure: grains, their means, misorientations of neighbours, twins.
// Everything is of the positions' first solutions and modulo the symmetry of their phases.
#pragma once
#include "acom/orientation_map.hpp"

namespace pendel {

struct GrainOptions {
  double threshold_deg = 5;  ///< neighbours of one grain are turned by less against each other
  int least_positions = 1;   ///< smaller ones are no grains
};
struct MapGrain {
  int phase = 0;
  std::size_t positions = 0;
  Mat3 R_lab_crystal = Mat3::Identity();  ///< mean
  double spread_deg = 0;                  ///< mean angle between its positions and that
  Vec2 centre{0, 0};                      ///< column, row
};
struct Grains {
  std::vector<MapGrain> grains;       ///< the largest first
  std::vector<int> id;                ///< by position; -1: in none
  std::vector<double> from_mean_deg;  ///< by position; NaN: in no grain
};
/// Connected along rows and columns.
Grains find_grains(const OrientationMap& map, const GrainOptions& options = {});

/// A relation between neighbours that is to be recognised: a turn about an axis of the crystal.
struct Twin {
  std::string name;
  int phase = 0;
  Mat3 turn = Mat3::Identity();  ///< crystal Cartesian; see twin_turn
  double tolerance_deg = 5;
};
/// Of a lattice direction [uvw]. Error (study) if it is [0, 0, 0].
Mat3 twin_turn(const Cell& cell, const Vec3& axis_uvw, double angle_deg);

/// Two neighbours of one phase.
struct NeighbourPair {
  std::size_t first = 0, second = 0;
  double angle_deg = 0;
  int twin = -1;  ///< index of the first relation that they have, within its tolerance
};
/// All of them along rows and columns; twins are looked for where the angle is above
/// `threshold_deg`.
std::vector<NeighbourPair> neighbour_pairs(const OrientationMap& map,
                                           const std::vector<Twin>& twins = {},
                                           double threshold_deg = 5);
/// Of every position the mean angle to those neighbours in `pairs` that are nearer than
/// `threshold_deg` (kernel average misorientation) [deg]; NaN: there are none.
std::vector<double> kernel_average(const OrientationMap& map,
                                   const std::vector<NeighbourPair>& pairs, double threshold_deg);

struct NeighbourChoiceOptions {
  double threshold_deg = 5;
  double most_loss = 0.1;  ///< a solution may stand in if its score is lower by at most this part
};
/// Where a position has several solutions of about the same score, the one that most of its eight
/// neighbours continue is put first and the position flagged `by_neighbours`; the number of
/// positions that this changed. Reliabilities stay those of the pattern alone.
std::size_t choose_by_neighbours(OrientationMap& map, const NeighbourChoiceOptions& options = {});

}  // namespace pendel

// A specimen as a list of atoms in a box: what multislice takes. The box is periodic across the
// beam (lab x, y); the beam enters at z = 0 and leaves at z = box.z.
#pragma once
#include <string>
#include <vector>

#include "sim/state.hpp"

namespace pendel {

struct Atom {
  int Z = 0;
  Vec3 position = Vec3::Zero();  ///< Å, lab frame
  double occupancy = 1;
  double B = 0;  ///< Å², isotropic
};

struct AtomicModel {
  Vec3 box = Vec3::Zero();  ///< Å
  std::vector<Atom> atoms;
};

/// A rectangle of the in-plane lattice of a crystal: two lattice vectors nearly along lab x and y,
/// and the strain that makes them exactly so.
struct OrthogonalCell {
  Eigen::Matrix<int, 3, 2> vectors;  ///< columns: lattice vectors [uvw] along lab x and y
  Vec2 size = Vec2::Zero();          ///< Å
  Eigen::Matrix2d strain = Eigen::Matrix2d::Zero();  ///< applied to the crystal, in plane
  double largest_strain = 0;                         ///< largest absolute principal strain
};

/// The smallest orthogonal cell, at least `minimum` [Å] along x and y, whose strain is at most
/// `strain_max`. The crystal has a zone axis along lab z. Error (study) if no cell up to
/// `maximum` [Å] will do; it names the best one found.
OrthogonalCell orthogonal_cell(const OrientedCrystal& oriented, const Vec2& minimum,
                               double strain_max, double maximum = 500);

/// The layers of a state, cut from their crystals: every layer starts at a cell boundary of its
/// crystal (z = 0 of the cell as listed) and has the state's thickness. All layers are strained to
/// the cell of the first one; `strains` (may be null) receives the largest strain per layer.
/// Error (study) if a layer would need more than `strain_max`.
AtomicModel slab(const State& state, const Vec2& minimum, double strain_max,
                 std::vector<double>* strains = nullptr);

/// A sphere of crystal in a box of vacuum, centred, one atom column or cell corner at the centre as
/// the crystal is listed. Any orientation.
AtomicModel sphere(const OrientedCrystal& oriented, double radius, const Vec3& box);

/// What is wrong with a model, one line each: atoms outside the box, atoms nearer to each other
/// than `nearest` [Å] whose occupancies sum above 1. Empty: nothing.
std::vector<std::string> model_problems(const AtomicModel& model, double nearest = 0.5);

/// Frozen phonons: every atom displaced by a Gaussian of variance B/8π² along each axis (Einstein
/// model), its B then 0. The displacements depend on seed and configuration alone.
AtomicModel displaced(const AtomicModel& model, unsigned long seed, int configuration,
                      bool along_beam = true);

}  // namespace pendel

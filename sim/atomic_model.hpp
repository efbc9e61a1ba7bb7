// A specimen as a list of atoms in a box: what multislice takes. The box is periodic across the
// beam (lab x, y); the beam enters at z = 0 and leaves at z = box.z.
#pragma once
#include <string>
#include <vector>

#include "sim/orthogonal_cell.hpp"
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

/// The layers of a state, cut from their crystals: every layer starts at a cell boundary of its
/// crystal (z = 0 of the cell as listed) and has the state's thickness: every atom of the crystal
/// with 0 <= z < thickness, whatever the direction of its cell edges. All layers are strained to
/// the cell of the first one; `strains` (may be null) receives the largest strain per layer. B is
/// that of the site's trace. Error (study) if a layer would need more than `strain_max`, or if the
/// surface normal is not along the beam.
AtomicModel slab(const State& state, const Vec2& minimum, double strain_max,
                 std::vector<double>* strains = nullptr);

/// A sphere of crystal in a box of vacuum, centred, one atom column or cell corner at the centre as
/// the crystal is listed. Any orientation. Error (study) if it does not fit into the box.
AtomicModel sphere(const OrientedCrystal& oriented, double radius, const Vec3& box);

/// What is wrong with a model, one line each (the first twenty): atoms outside the box, atoms
/// nearer to each other than `nearest` [Å] whose occupancies sum above 1, unknown elements,
/// occupancies outside (0, 1], B below 0. Empty: nothing.
std::vector<std::string> model_problems(const AtomicModel& model, double nearest = 0.5);

/// Frozen phonons: every atom displaced by a Gaussian of variance B/8π² along each axis (Einstein
/// model), its B then 0; atoms stay in the box across the beam, but may leave it along the beam.
/// The displacement of an atom depends on seed, configuration and its place in the list alone,
/// and on a platform only by the rounding of log and sin; those in x and y do not depend on
/// `along_beam`.
AtomicModel displaced(const AtomicModel& model, unsigned long seed, int configuration,
                      bool along_beam = true);

}  // namespace pendel

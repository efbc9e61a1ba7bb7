// Which beams a calculation holds, and where they lie.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "crystal/structure_factor.hpp"
#include "sim/state.hpp"

namespace pendel {

/// Beams common to every layer. Beam 0 need not be (0,0,0); find it with `index`.
struct Beams {
  std::vector<Hkl> hkl;                          ///< Miller indices in the first layer's crystal
  std::vector<Vec3> g;                           ///< 1/Å, lab frame, of that crystal
  std::vector<std::vector<Hkl>> hkl_of_crystal;  ///< per crystal of the state: its own indices
  Mat3 strain = Mat3::Zero();                    ///< of that crystal, lab frame; g has it
  std::size_t size() const { return hkl.size(); }
  int index(const Hkl& hkl) const;  ///< -1 if absent
};

/// The zero-order Laue zone of the state's layers along lab z: the two shortest reciprocal vectors
/// of the first layer's crystal (b1 nearest to lab +x) and the matching ones of every other
/// crystal.
struct ZoneNet {
  std::vector<std::array<Hkl, 2>> basis;  ///< per crystal: Miller indices of b1, b2
  Eigen::Matrix2d b;  ///< columns b1, b2 [1/Å], lab x, y, of the first layer's crystal
  Hkl hkl(int crystal, int h, int k) const;
  Vec2 g(int h, int k) const { return b * Vec2(h, k); }
};

/// b2 is the one nearest to lab +y with (b1, b2) right-handed; ties (square and hexagonal nets): b1
/// to +y, b2 to +x. Error (study) if lab z is not a zone axis of every crystal within 1e-6, or if
/// their in-plane lattices differ by more than `tolerance` (relative, direction included).
ZoneNet zone_net(const State& state, double tolerance = 0.05);

/// Height along lab z [Å] after which the crystal repeats itself there. Error (study) if lab z is
/// no lattice direction.
double repeat_along_z(const State& state, int crystal);

/// Every beam of the zero-order Laue zone with |g| <= g_max.
Beams zone_beams(const State& state, double g_max);

struct BeamSelection {
  double g_max = 3;       ///< 1/Å
  double sg_max = 0.1;    ///< 1/Å: beams further from the Ewald sphere are left out
  double weight_min = 0;  ///< least max over layers of `beam_weights`; 0 keeps all
  bool zero_order_only = false;
};

/// Beams of the first layer's crystal (HOLZ included unless zero_order_only) for the state's tilt,
/// sorted by |g|. Stacks of several crystals use the zero-order zone. With `incidence` [rad, added
/// to the state's tilt]: every beam that the selection takes for one of these directions or between
/// them.
Beams select_beams(const State& state, const PotentialOptions& potential,
                   const BeamSelection& selection,
                   const std::vector<Vec2>& incidence = {Vec2(0, 0)});

/// Which of the beams of a list are strong, and which weak enough for second-order perturbation
/// (BlochOptions::weak_beams). Beams of less weight than weight_min are in neither.
struct BeamSplit {
  Beams strong, weak;
};
struct SplitLimits {
  double strong_weight = 0.02;  ///< beams of at least this weight are strong
  double strong_g_max = 0;      ///< 1/Å: so are all within it
  double weight_min = 0;        ///< weaker beams are left out
};
/// The weight is the largest over the layers' crystals and over `incidence`; (0,0,0) is strong.
BeamSplit split_beams(const State& state, const PotentialOptions& potential, const Beams& beams,
                      const SplitLimits& limits, const std::vector<Vec2>& incidence = {Vec2(0, 0)});
/// The weights |U|/(2K|s_g|), the largest over `incidence` [rad, added to the state's tilt] and
/// between; infinite for (0,0,0) and on the Ewald sphere; (beams). |U| is that of all atoms in
/// phase: reflections that the structure forbids are reached by double diffraction.
std::vector<double> beam_weights(const State& state, const PotentialOptions& potential,
                                 const Beams& beams,
                                 const std::vector<Vec2>& incidence = {Vec2(0, 0)});

/// The same beams in a state whose first layer's crystal is strained otherwise: g follows. Error
/// (study) if a stack of several crystals is strained out of the plane by shear: no zone is left.
Beams strained(const Beams& beams, const State& state);
/// M with dg = M g for the beams of that state along the tangent; 0 without strain.
Mat3 strain_of_beams(const State& state, const StateTangent& tangent);

/// A strain of a crystal in the lab frame, for what needs the lattice along the beam. Error
/// (study), which names `what` and what to do `instead`, if it shears the crystal out of the plane.
Mat3 strain_along_beam(const OrientedCrystal& oriented, const Mat3& strain, const std::string& what,
                       const std::string& instead);

/// A beam list given by Miller indices of the first layer's crystal. Error (study) if a stack of
/// several crystals is given a beam outside the zero-order zone.
Beams beams_from_hkl(const State& state, const std::vector<Hkl>& hkl);

}  // namespace pendel

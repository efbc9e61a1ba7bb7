// The 32 crystallographic point groups, as operations on Cartesian vectors of a crystal.
#pragma once
#include <string>
#include <vector>

#include "crystal/crystal.hpp"

namespace pendel {

struct PointGroup {
  std::string name;              ///< Hermann-Mauguin symbol of the class: "1" ... "m-3m"
  std::vector<Mat3> operations;  ///< crystal frame a || x, c* || z, exactly orthogonal; first is 1
};

/// Of the atoms of a crystal (positions within `tolerance_A`, see symmetry_operations), in whatever
/// setting they are given. Error (study) without atoms.
PointGroup point_group(const Crystal& crystal, double tolerance_A = 1e-3);

/// By symbol, in the standard setting: unique axis b for 2, m, 2/m; mm2 along c; 32, 3m, -3m and
/// -6m2 as 321, 3m1, -3m1 and -6m2 with hexagonal axes (twofold axis along a, mirror across a);
/// -42m with the twofold axis along a. Error (study) for another symbol.
PointGroup point_group(const std::string& name);

/// The 32 symbols, from "1" to "m-3m" in the order of the International Tables.
const std::vector<std::string>& point_group_names();

/// With the inversion: what patterns of single scattering have (Friedel's law).
PointGroup laue_group(const PointGroup& group);

/// The rotations among the operations: "4" of "4mm". That of a Laue group is its enantiomorphic
/// group ("422" of "4/mmm"), by which orientation files name symmetries.
PointGroup rotation_group(const PointGroup& group);

/// Whether R is one of its operations, to 1e-3.
bool contains(const PointGroup& group, const Mat3& R);

}  // namespace pendel

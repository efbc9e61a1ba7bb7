// Displacement modes: directions in which the atoms of a crystal move, such as the polar mode of a
// ferroelectric, from two crystals or from a list of displacements.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "crystal/crystal.hpp"

namespace pendel {

/// Polar minus nonpolar position of every site of `nonpolar`, in Å in its Cartesian frame; the
/// cells may be strained by up to 10 %, fractions are compared. Each site is matched with the
/// nearest one of its element under the lattice, within 1 Å; (sites). Error (input) if that does
/// not match the sites one to one.
CrystalTangent displacement_between(const Crystal& nonpolar, const Crystal& polar);

/// The listed displacements [Å, Cartesian]; all other sites stay; (sites). "O2" is every site with
/// that label, "O2#1" the first of them. Error (study) naming the labels there are if one is
/// unknown or displaced twice.
CrystalTangent displacement_of_sites(const Crystal& crystal,
                                     const std::vector<std::pair<std::string, Vec3>>& list);

/// Polarization P = (e/Ω) Σ Z* u [µC/cm², Cartesian] of displacements, with the diagonals of the
/// Born effective charges [e] by label (as above). Error (study) if a site has no charge or the
/// charges of a cell do not add up to 0 within 0.1 e: P would depend on the origin.
Vec3 polarization(const Crystal& crystal, const CrystalTangent& displacements,
                  const std::map<std::string, Vec3>& born_charges);

}  // namespace pendel

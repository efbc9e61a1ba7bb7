// A crystal as the simulators see it: a cell and every atom in it (symmetry already applied).
#pragma once
#include <complex>
#include <map>
#include <string>
#include <vector>

#include "crystal/cell.hpp"

namespace pendel {

/// One atom of the cell.
struct Site {
  std::string label;
  int Z = 0;  ///< atomic number
  Fractional position;
  double occupancy = 1;
  Mat3 U = Mat3::Zero();  ///< mean-square displacement [Å²], Cartesian; B = 8π² U if isotropic

  void set_B(double B_A2);
  double B() const;  ///< 8π² trace(U)/3 [Å²]
  bool isotropic() const;
};

/// Fourier coefficients by reflection; −g has the complex conjugate of g.
using FourierChange = std::map<Hkl, std::complex<double>>;

struct Crystal {
  std::string name;
  Cell cell;
  std::vector<Site> sites;
  /// Lattice vectors are (1 + strain) times those of the cell, in its Cartesian frame; positions
  /// and displacements are stated in the unstrained cell.
  Mat3 strain = Mat3::Zero();
  /// Added to the elastic U_g that the atoms make [1/Å²].
  FourierChange U_g_change = {};

  Reciprocal g(const Hkl& hkl) const;  ///< of the strained lattice
  double volume() const;               ///< of the strained cell [Å³]
};

/// A direction in the space of crystals: the derivative of every field along one parameter.
struct CrystalTangent {
  std::vector<Vec3> displacement = {};  ///< per site, Å, crystal Cartesian; empty = none
  std::vector<Mat3> U = {};             ///< per site, Å², crystal Cartesian; empty = none
  std::vector<double> occupancy = {};   ///< per site; empty = none
  Mat3 strain = Mat3::Zero();
  FourierChange U_g_change = {};  ///< 1/Å²
  bool zero() const {
    return displacement.empty() && U.empty() && occupancy.empty() && strain.isZero(0) &&
           U_g_change.empty();
  }
};

/// The crystal moved by amount × direction.
Crystal moved(const Crystal& crystal, const CrystalTangent& direction, double amount);

/// All atoms at the origin: its structure factors are the largest that these atoms could have.
Crystal in_phase(const Crystal& crystal);

/// Isotropic Debye-Waller direction: B of every site of element Z, 1 Å² per unit.
CrystalTangent debye_waller_direction(const Crystal& crystal, int Z);

/// Sites with this label ("O2"), or the n-th of them ("O2#1"). Error (study) naming the labels
/// there are.
std::vector<int> sites_named(const Crystal& crystal, const std::string& label);

/// Chemical symbol to atomic number; 0 if unknown. Charges ("Ti4+") and isotopes (D, T) are
/// understood.
int atomic_number(const std::string& symbol);
std::string element_symbol(int Z);

}  // namespace pendel

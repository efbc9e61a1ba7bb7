// A crystal as the simulators see it: a cell and every atom in it (symmetry already applied).
#pragma once
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

struct Crystal {
  std::string name;
  Cell cell;
  std::vector<Site> sites;
};

/// A direction in the space of crystals: the derivative of every site along one parameter.
struct CrystalTangent {
  std::vector<Vec3> displacement;  ///< per site, Å, crystal Cartesian; empty = none
  std::vector<double> B;           ///< per site, Å² (isotropic); empty = none
  bool zero() const { return displacement.empty() && B.empty(); }
};

/// The crystal moved by amount × direction.
Crystal moved(const Crystal& crystal, const CrystalTangent& direction, double amount);

/// All atoms at the origin: its structure factors are the largest that these atoms could have.
Crystal in_phase(const Crystal& crystal);

/// Isotropic Debye-Waller direction: B of every site of element Z, 1 Å² per unit.
CrystalTangent debye_waller_direction(const Crystal& crystal, int Z);

/// Chemical symbol to atomic number; 0 if unknown. Charges ("Ti4+") and isotopes (D, T) are
/// understood.
int atomic_number(const std::string& symbol);
std::string element_symbol(int Z);

}  // namespace pendel

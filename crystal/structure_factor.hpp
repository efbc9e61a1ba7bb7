// Fourier coefficients U_g of the potential of a crystal, and their derivatives.
//   U_g = γ/(πΩ) Σ_j occ_j f_e,j(g) T_j(g) exp(−2πi g·r_j)      [1/Å²]
// The optical potential is U_g + iU'_g with U' the absorptive part.
#pragma once
#include <vector>

#include "core/phase.hpp"
#include "crystal/crystal.hpp"
#include "crystal/scattering_factor.hpp"

namespace pendel {

enum class Absorption { none, proportional, weickenmeier_kohl };

struct PotentialOptions {
  ScatteringTable table = ScatteringTable::lobato;
  Absorption absorption = Absorption::none;
  double proportional_absorption = 0.1;  ///< U'/U of Absorption::proportional
  bool core = true, phonon = true;       ///< parts of Absorption::weickenmeier_kohl
};

/// Elastic and absorptive coefficient of one reflection [1/Å²].
struct Ug {
  complex elastic, absorptive;
};

/// U_g of a fixed list of reflections, for any displacement of the atoms: what does not depend on
/// positions (f_e, γ, Ω, occupancy, T) is computed once.
class StructureFactors {
 public:
  StructureFactors(const Crystal& crystal, const std::vector<Hkl>& reflections, double energy_keV,
                   const PotentialOptions& options);

  /// U_g of `crystal`, which has the same cell, elements and occupancies as the one given to the
  /// constructor. Its atoms may lie elsewhere; where U differs too the factors are recomputed
  /// (slower); (reflections).
  void evaluate(const Crystal& crystal, std::vector<Ug>& values) const;

  /// dU_g along a direction, at `crystal`; (reflections).
  void derivative(const Crystal& crystal, const CrystalTangent& direction, std::vector<Ug>& values) const;

  std::size_t size() const { return reflections_.size(); }

 private:
  Cell cell_;
  std::vector<Hkl> reflections_;
  std::vector<Vec3> g_;                  // crystal Cartesian
  // (site kind, reflection): γ/(πΩ) occ f T and its derivative with respect to B, likewise U'
  std::vector<int> kind_of_site_;
  std::vector<std::vector<double>> elastic_, elastic_dB_, absorptive_, absorptive_dB_;
};

/// U_g of one crystal at one energy; (reflections).
std::vector<Ug> structure_factors(const Crystal& crystal, const std::vector<Hkl>& reflections,
                                  double energy_keV, const PotentialOptions& options);

/// Every reflection with |g| <= g_max [1/Å], (0,0,0) included, sorted by |g| then hkl; right for
/// skewed and primitive cells.
std::vector<Hkl> reflections_within(const Cell& cell, double g_max);

}  // namespace pendel

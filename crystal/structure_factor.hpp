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

/// U_g of a fixed list of reflections, for any displacement of the atoms and any occupancies: what
/// does not depend on these (f_e, γ, Ω, T) is computed once. Absorptive factors take an anisotropic
/// displacement as the isotropic one with the same trace. U_g_change belongs to the elastic part
/// (and to proportional absorption with it).
class StructureFactors {
 public:
  /// Error (input) if an element has no table entry.
  StructureFactors(const Crystal& crystal, const std::vector<Hkl>& reflections, double energy_keV,
                   const PotentialOptions& options);

  /// U_g of `crystal`, which has the same cell and elements as the one given to the constructor;
  /// Error (study) if not. Where U or the strain differ the factors are recomputed (slower);
  /// (reflections).
  void evaluate(const Crystal& crystal, std::vector<Ug>& values) const;

  /// dU_g along a direction, at `crystal`; (reflections). Error (study) for what has no derivative:
  /// a B that is 0 with phonon absorption, a strain with Weickenmeier-Kohl absorption.
  void derivative(const Crystal& crystal, const CrystalTangent& direction,
                  std::vector<Ug>& values) const;

  std::size_t size() const { return reflections_.size(); }

 private:
  /// What a site's factors depend on; sites that agree in it share them.
  struct Kind {
    int Z;
    Mat3 U;
    bool operator==(const Kind& o) const { return Z == o.Z && U == o.U; }
  };
  /// (kind, reflection): γ/(πΩ) f_e T, likewise f'/Ω, and its derivative with respect to B.
  struct Factors {
    Mat3 strain;
    double volume;
    std::vector<Vec3> g;  // crystal Cartesian
    std::vector<Kind> kinds;
    std::vector<int> kind_of_site;
    std::vector<std::vector<double>> elastic, absorptive, absorptive_dB;
  };

  Factors factors_of(const Crystal& crystal) const;
  /// Calls use(factors) with the stored factors, or with new ones where U or the strain differ.
  template <class Use>
  void with_factors(const Crystal& crystal, Use use) const;
  /// exp(−2πi g·r) of every reflection; (reflections).
  void phases(const Fractional& position, std::vector<complex>& values) const;
  /// d ln(f_e T/Ω) along the direction for sites of one kind; (reflections).
  std::vector<double> elastic_slope(const Factors& factors, const Kind& kind,
                                    const CrystalTangent& direction, const Mat3& dU) const;
  void add_change(const FourierChange& change, std::vector<Ug>& values) const;

  Cell cell_;
  std::vector<Hkl> reflections_;
  Hkl lowest_, highest_;  // bounds of the indices, for the phase tables
  double energy_keV_;
  PotentialOptions options_;
  Factors factors_;
};

/// U_g of one crystal at one energy; (reflections).
std::vector<Ug> structure_factors(const Crystal& crystal, const std::vector<Hkl>& reflections,
                                  double energy_keV, const PotentialOptions& options);

/// Every reflection with |g| <= g_max [1/Å], (0,0,0) included, sorted by |g| then hkl; right for
/// skewed and primitive cells.
std::vector<Hkl> reflections_within(const Cell& cell, double g_max);

}  // namespace pendel

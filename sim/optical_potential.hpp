// The optical potential U + i·strength·U' of every crystal of a state on fixed lists of
// reflections, with refraction taken out of U_0, and its derivative along a StateTangent.
#pragma once
#include <set>
#include <vector>

#include "core/decomposition.hpp"
#include "crystal/structure_factor.hpp"
#include "sim/state.hpp"

namespace pendel {

/// Error (study) if a change touches none of a calculation's reflections.
void require_reflections(const FourierChange& change, const std::set<Hkl>& reflections,
                         const Crystal& crystal);

class OpticalPotential {
 public:
  /// `reflections` per crystal of the state, each list with (0,0,0); Error (study) without.
  OpticalPotential(const State& state, const std::vector<std::vector<Hkl>>& reflections,
                   const PotentialOptions& options, bool refraction);

  struct Coefficients {
    double refraction_U_0 = 0;  ///< Re U_0 with refraction [1/Å²]: K² = k0² + U_0; else 0
    VectorXcd U;                ///< (reflections) [1/Å²]; that of (0,0,0) without refraction_U_0
  };
  /// Those of the constructor's atoms are kept; others are evaluated.
  Coefficients coefficients(const State& state, int crystal) const;

  /// Their derivatives along the tangent; U is empty if it has no part in this crystal. Error
  /// (study) if it changes structure factors of which none is among the reflections.
  Coefficients derivative(const State& state, int crystal, const StateTangent& tangent) const;

  /// Whether U_{-g} = conj(U_g) fails for this state.
  bool absorbing(const State& state) const;

 private:
  std::vector<Ug> values(const State& state, int crystal) const;

  Absorption absorption_;
  bool refraction_;
  std::vector<Crystal> crystals_;  // of the constructor's state
  std::vector<std::set<Hkl>> reflections_;
  std::vector<std::size_t> zero_;  // per crystal: where (0,0,0) is
  std::vector<StructureFactors> factors_;
  std::vector<std::vector<Ug>> values_;  // at crystals_
};

}  // namespace pendel

#include "sim/optical_potential.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"

namespace pendel {

namespace {

bool same_structure(const Crystal& a, const Crystal& b) {
  return a.strain == b.strain && a.U_g_change == b.U_g_change &&
         std::equal(a.sites.begin(), a.sites.end(), b.sites.begin(), b.sites.end(),
                    [](const Site& s, const Site& t) {
                      return s.position.v == t.position.v && s.U == t.U &&
                             s.occupancy == t.occupancy;
                    });
}

}  // namespace

void require_reflections(const FourierChange& change, const std::set<Hkl>& reflections,
                         const Crystal& crystal) {
  if (change.empty() || std::any_of(change.begin(), change.end(), [&](const auto& entry) {
        return reflections.count(entry.first) > 0;
      }))
    return;
  const Hkl& hkl = change.rbegin()->first;
  throw Error(ErrorKind::study, "structure factor (" + std::to_string(hkl.h) + " " +
                                    std::to_string(hkl.k) + " " + std::to_string(hkl.l) + ") of " +
                                    crystal.name +
                                    " plays no part in this calculation: no two of its beams "
                                    "differ by it or an equivalent; add beams or leave it out");
}

OpticalPotential::OpticalPotential(const State& state,
                                   const std::vector<std::vector<Hkl>>& reflections,
                                   const PotentialOptions& options, bool refraction)
    : absorption_(options.absorption), refraction_(refraction) {
  for (std::size_t c = 0; c < state.crystals.size(); ++c) {
    const std::vector<Hkl>& list = reflections[c];
    zero_.push_back(std::find(list.begin(), list.end(), Hkl{}) - list.begin());
    if (zero_[c] == list.size())
      throw Error(ErrorKind::study, "the list of " + std::to_string(list.size()) +
                                        " beams lacks (0 0 0), the incident beam");
    crystals_.push_back(state.crystals[c].crystal);
    reflections_.emplace_back(list.begin(), list.end());
    factors_.emplace_back(crystals_[c], list, state.energy_keV, options);
    values_.emplace_back();
    factors_[c].evaluate(crystals_[c], values_[c]);
  }
}

std::vector<Ug> OpticalPotential::values(const State& state, int crystal) const {
  const Crystal& wanted = state.crystals[crystal].crystal;
  if (same_structure(wanted, crystals_[crystal])) return values_[crystal];
  std::vector<Ug> result;
  factors_[crystal].evaluate(wanted, result);
  return result;
}

OpticalPotential::Coefficients OpticalPotential::coefficients(const State& state,
                                                              int crystal) const {
  const std::vector<Ug> U = values(state, crystal);
  Coefficients result;
  result.U.resize(U.size());
  for (std::size_t i = 0; i < U.size(); ++i)
    result.U[i] = U[i].elastic + complex(0, state.absorption_strength) * U[i].absorptive;
  if (refraction_) {
    const std::size_t zero = zero_[crystal];
    result.refraction_U_0 = U[zero].elastic.real();
    result.U[zero] -= result.refraction_U_0;
  }
  return result;
}

OpticalPotential::Coefficients OpticalPotential::derivative(const State& state, int crystal,
                                                            const StateTangent& tangent) const {
  Coefficients result;
  const bool atoms = !tangent.crystals.empty() && !tangent.crystals[crystal].zero();
  const bool strength = tangent.absorption_strength != 0 && absorption_ != Absorption::none;
  if (!atoms && !strength) return result;
  result.U.setZero(Eigen::Index(factors_[crystal].size()));
  if (atoms) {
    const CrystalTangent& direction = tangent.crystals[crystal];
    require_reflections(direction.U_g_change, reflections_[crystal],
                        state.crystals[crystal].crystal);
    std::vector<Ug> dU;
    factors_[crystal].derivative(state.crystals[crystal].crystal, direction, dU);
    for (std::size_t i = 0; i < dU.size(); ++i)
      result.U[i] = dU[i].elastic + complex(0, state.absorption_strength) * dU[i].absorptive;
    if (refraction_) {
      result.refraction_U_0 = dU[zero_[crystal]].elastic.real();
      result.U[zero_[crystal]] -= result.refraction_U_0;
    }
  }
  if (strength) {
    const std::vector<Ug> U = values(state, crystal);
    for (std::size_t i = 0; i < U.size(); ++i)
      result.U[i] += complex(0, tangent.absorption_strength) * U[i].absorptive;
  }
  return result;
}

bool OpticalPotential::absorbing(const State& state) const {
  return absorption_ != Absorption::none && state.absorption_strength != 0;
}

}  // namespace pendel

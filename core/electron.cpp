#include "core/electron.hpp"

#include <cmath>

namespace pendel::electron {

double wavelength(double energy_keV) {
  return hc_keV_A / std::sqrt(energy_keV * (2 * rest_energy_keV + energy_keV));
}

double gamma(double energy_keV) { return 1 + energy_keV / rest_energy_keV; }

double sigma(double energy_keV) {
  // 2π γ m0 e λ/h² = γ λ / (h²/(2π m0 e))
  return gamma(energy_keV) * wavelength(energy_keV) / potential_V_A2;
}

}  // namespace pendel::electron

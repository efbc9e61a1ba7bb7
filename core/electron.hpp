// Constants of a fast electron. Everywhere relativistic; CODATA 2018.
#pragma once

namespace pendel::electron {

constexpr double rest_energy_keV = 510.99895000;       // m0 c²
constexpr double hc_keV_A = 12.398419843320026;        // h c
constexpr double potential_V_A2 = 47.877647305682395;  // h²/(2π m0 e)
constexpr double pi = 3.14159265358979323846;

/// Wavelength λ [Å] in vacuum at energy E [keV].
double wavelength(double energy_keV);
/// Lorentz factor γ = 1 + E/m0c².
double gamma(double energy_keV);
/// Interaction parameter σ = 2π γ m0 e λ/h² [rad/(V Å)].
double sigma(double energy_keV);

}  // namespace pendel::electron

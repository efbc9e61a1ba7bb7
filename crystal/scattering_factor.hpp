// Electron scattering factors of neutral atoms. One source file per table.
#pragma once
#include <string>

namespace pendel {

enum class ScatteringTable { lobato, kirkland, peng, weickenmeier_kohl };

/// f_e(g) [Å], g = 1/d [1/Å], first Born approximation with the rest mass (no γ, no Debye-Waller
/// factor). Error (input) if the element is not in the table.
/// [Lobato2014; Kirkland2010, C.15; Peng1996; WeickenmeierKohl1991]
double scattering_factor(ScatteringTable table, int Z, double g);
/// d f_e/d(g²) [Å³].
double scattering_factor_slope(ScatteringTable table, int Z, double g);
bool has_element(ScatteringTable table, int Z);

/// Absorptive form factor f' of an atom [Å], for U' = (1/Ω) Σ occ f' exp(−2πi g·r): relativistic
/// factors and the Debye-Waller factor are included.
/// core: inner-shell excitation (Rose); phonon: thermal diffuse scattering (Einstein model).
struct AbsorptiveFactor {
  double core = 0, phonon = 0;
  double core_dB = 0, phonon_dB = 0;  ///< derivatives with respect to B [1/Å]
};
/// Isotropic mean-square displacement U_A2 = B/8π² [Å²], not negative. phonon_dB is infinite at
/// U = 0, where f' goes as −U ln U. Error (input) if the element is not in the table, (study) if
/// U < 0. [WeickenmeierKohl1991; Rose1976]
AbsorptiveFactor weickenmeier_kohl_absorption(int Z, double g, double U_A2, double energy_keV);

}  // namespace pendel

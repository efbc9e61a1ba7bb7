// Weickenmeier-Kohl factors with the approximations of their authors' program ATOM, as EMsoft
// (others.f90) and py4DSTEM (WK_scattering_factors.py, with its pull requests 700 and 704) have
// them. What these programs' factors and Pendel's differ by is this and nothing else:
//   1. x e^{−x} Ei(x) beyond x = 20 comes from a table of 6 digits at 1/x = n/200, interpolated as
//      if its places were n/2000: wrong by up to 5 % (muSTEM and JMultiSlice have corrected this),
//   2. where the largest exponent is at most 0.1, the phonon overlap is its series to order g²,
//   3. Euler's constant has 7 digits,
//   4. m0c² = 511 keV; h, m0, e have 7 digits; the factor that turns their units into Å has 7.
#pragma once
#include <algorithm>
#include <boost/math/special_functions/expint.hpp>
#include <cmath>

#include "core/electron.hpp"
#include "crystal/tables/tables.hpp"

namespace reference::atom_program {

using pendel::electron::pi;

/// 4π² × the factor that turns its units into Å; 1 with exact constants.
constexpr double scale = 0.4787801 * 0.664840340614319 * pi;

inline double gamma(double energy_keV) { return 1 + energy_keV / 511; }

/// 2π/λ [1/Å], h, m0, e as py4DSTEM rounds them.
inline double wavenumber(double energy_keV) {
  const double h = 6.62607e-34, m0 = 9.109383e-31, c = 299792458;
  const double eE = 1.602177e-19 * 1e3 * energy_keV;  // J
  return 2 * pi * std::sqrt(2 * m0 * eE * (1 + eE / (2 * m0 * c * c))) / h * 1e-10;
}

/// e^{−X} Ei(W)
inline double scaled_ei(double X, double W) {
  if (W <= 20) return std::exp(-X) * boost::math::expint(W);
  // W e^{−W} Ei(W) at 1/W = 0, 1/200, ..., 1/20 [Abramowitz & Stegun, table 5.2]
  constexpr double table[] = {1.000000, 1.005051, 1.010206, 1.015472, 1.020852, 1.026355,
                              1.031985, 1.037751, 1.043662, 1.049726, 1.055956};
  const int n = int(200 / W);
  const double value = table[n] + (table[n + 1] - table[n]) * (200 / W - 0.1 * n);
  return std::exp(W - X) * value / W;
}

/// ∫d²q (1−e^{−xq²})(1−e^{−y(g−q)²})/(q²(g−q)²): the closed form, or two terms of its series in g².
inline double overlap(double x, double y, double g2, bool series) {
  const double sum = x + y;
  if (series)
    return pi * (x * std::log(sum / x) + y * std::log(sum / y) +
                 g2 / 2 * (x * x * std::log(x / sum) + y * y * std::log(y / sum) + x * y));
  const double X = g2 * x, Y = g2 * y;
  const auto tail = [](double a, double b) {
    return scaled_ei(a, a * a / (a + b)) - scaled_ei(a, a);
  };
  return pi / g2 *
         (2 * 0.5772157 + std::log(X) + std::log(Y) - 2 * boost::math::expint(-X * Y / (X + Y)) +
          tail(X, Y) + tail(Y, X));
}

/// Absorptive factor of thermal motion [Å]; u is the rms displacement [Å].
inline double phonon(int Z, double g, double u, double energy_keV) {
  const auto& row = pendel::tables::weickenmeier_kohl1991[Z - 1];
  const double g2 = g * g, c = 2 * pi * pi * u * u;  // T = e^{−c g²}
  const double T = std::exp(-c * g2);
  double sum = 0;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      const double x = row[i + 4] / 4, y = row[j + 4] / 4;
      const bool still = std::max(x, y) * g2 <= 0.1, moving = std::max({x, y, 2 * c}) * g2 <= 0.1;
      sum += 16 * row[i] * row[j] *
             (T * overlap(x, y, g2, still) - overlap(c + x, c + y, g2, moving) +
              overlap(c, c + x, g2, moving) + overlap(c, c + y, g2, moving) -
              overlap(c, c, g2, moving));
    }
  return scale * std::pow(gamma(energy_keV), 2) / wavenumber(energy_keV) * sum;
}

/// Absorptive factor of inner shells [Å]; no approximation but the constants.
inline double core(int Z, double g, double u, double energy_keV) {
  constexpr double a0 = 0.5289, m = 511;
  const double k0 = wavenumber(energy_keV), R = 0.885 * a0 / std::cbrt(double(Z));
  const double theta_E = 6e-3 * Z * (energy_keV + m) / (energy_keV * (energy_keV + 2 * m));
  const double k2 = std::pow(k0 * theta_E * R, 2), omega2 = std::pow(2 * pi * g * R, 2);
  // ∫ d²x/((x²+α)((x−ω)²+β)) / 4π
  const auto yukawa = [&](double alpha, double beta) {
    const double S = omega2 + alpha + beta, root = std::sqrt(S * S - 4 * alpha * beta);
    const double limit = 1 / (2 * std::sqrt(alpha * beta));
    return 0.5 * (root > 1e-7 * S ? std::acosh(S * limit) / root : limit);
  };
  const double integral =
      -omega2 / (1 + omega2) * yukawa(k2, k2) + 2 * yukawa(k2, 1 + k2) - yukawa(1 + k2, 1 + k2);
  return scale * std::pow(gamma(energy_keV), 2) * Z * R * R * 4 / (pi * a0 * a0 * k0) *
         std::exp(-2 * std::pow(pi * g * u, 2)) * integral;
}

/// γ f_e T/π [Å], elastic.
inline double elastic(double f_e, double g, double u, double energy_keV) {
  return scale * gamma(energy_keV) / pi * f_e * std::exp(-2 * std::pow(pi * g * u, 2));
}

}  // namespace reference::atom_program

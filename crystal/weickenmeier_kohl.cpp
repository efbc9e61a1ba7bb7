// Absorptive form factors of Weickenmeier & Kohl, Acta Cryst. A47 (1991) 590-597.
//
// The optical theorem for one atom: an absorptive factor f'(g) is the overlap of what is scattered
// out of the two waves that differ by g. With q in cycles (1/Å), λ the wavelength,
//   phonon:  f'(g) = λγ²/(2π) ∫ d²q f(q) f(|g−q|) [T(g) − T(q) T(|g−q|)]
//   core:    f'(g) = γ²Z R²/(π² a0² k0) T(g) ∫ d²x [F(ω) − F(x)F(x')]/((x²+κ²)(x'²+κ²))
// Both integrals have closed forms, derived below in the notation of each function.
#include <cmath>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/crystal.hpp"
#include "crystal/scattering_factor.hpp"
#include "crystal/tables/tables.hpp"

namespace pendel {

using electron::pi;

namespace {

constexpr double euler = 0.57721566490153286061;

// Σ_{n>=1} x^n/(n n!) = Ei(x) − γ − ln|x|.
double ei_series(double x) {
  double term = 1, sum = 0;
  for (int n = 1; n < 500; ++n) {
    term *= x / n;
    sum += term / n;
    if (std::abs(term) < 1e-17 * std::abs(sum)) break;
  }
  return sum;
}

// e^{−x} Ei(x), x > 0; never overflows.
double scaled_ei(double x) {
  if (x < 40) return std::exp(-x) * (euler + std::log(x) + ei_series(x));
  double term = 1 / x, sum = term;  // asymptotic: its smallest term is e^{−x} < 1e-17 of the sum
  for (int n = 1; n < x && term > 1e-17 * sum; ++n) sum += term *= n / x;
  return sum;
}

// Ein(x) = γ + ln x − Ei(−x), x > 0.
double ein(double x) {
  if (x < 1.5) return -ei_series(-x);
  // E1(x) = −Ei(−x) = e^{−x}/(x+1−1/(x+3−4/(x+5−...))), by the modified Lentz method.
  double b = x + 1, c = 1e300, d = 1 / b, fraction = d;
  for (int n = 1; n < 1000; ++n) {
    b += 2;
    d = 1 / (b - double(n) * n * d);
    c = b - double(n) * n / c;
    fraction *= c * d;
    if (std::abs(c * d - 1) < 1e-16) break;
  }
  return euler + std::log(x) + std::exp(-x) * fraction;
}

// e^{−X}[Ei(X) − Ei(W)], W = X²/(X+Y), X, Y > 0.
double ei_difference(double X, double Y) {
  const double W = X * X / (X + Y);
  if (X <= 1) return std::exp(-X) * (std::log1p(Y / X) + ei_series(X) - ei_series(W));
  return scaled_ei(X) - std::exp(W - X) * scaled_ei(W);
}

// ln(1+Y/X) − ei_difference(X, Y), without cancellation for small X.
double log_minus_ei_difference(double X, double Y) {
  if (X > 1) return std::log1p(Y / X) - ei_difference(X, Y);
  const double W = X * X / (X + Y);
  return -std::expm1(-X) * std::log1p(Y / X) - std::exp(-X) * (ei_series(X) - ei_series(W));
}

// H(x, y) = ∫d²q (1−e^{−xq²})(1−e^{−y(g−q)²})/(q²(g−q)²) = ∫_0^x∫_0^y π/(t+t') e^{−g²tt'/(t+t')} dt
// dt' and dH/dx + dH/dy. With X = g²x, Y = g²y, Z = XY/(X+Y):
//   dH/dx = π e^{−X}[Ei(X) − Ei(X²/(X+Y))],
//   H = (π/g²) {2 Ein(Z) + [ln(1+Y/X) − dH/dx/π] + [ln(1+X/Y) − dH/dy/π]}.
struct Overlap {
  double value = 0, slope = 0;
};

Overlap overlap(double x, double y, double g2) {
  if (x == 0 || y == 0) return {0, INFINITY};  // the slope is ln(x+y)/min(x,y), infinite
  if (g2 == 0)
    return {pi * (x * std::log1p(y / x) + y * std::log1p(x / y)),
            pi * (std::log1p(y / x) + std::log1p(x / y))};
  const double X = g2 * x, Y = g2 * y;
  return {pi / g2 *
              (2 * ein(X * Y / (X + Y)) + log_minus_ei_difference(X, Y) +
               log_minus_ei_difference(Y, X)),
          pi * (ei_difference(X, Y) + ei_difference(Y, X))};
}

// ∫ d²q f(q) f(|g−q|) [T(g) − T(q)T(|g−q|)] with T(q) = e^{−cq²}, c = B/4, and its derivative with
// respect to c. f(q) = Σ 4A (1−e^{−bq²})/q², b = B_table/4; T(q) shifts every exponent by c, so the
// second part is a difference of H over the rectangle [c, c+b_i] × [c, c+b_j].
Overlap thermal_diffuse(const std::array<double, 8>& table, double c, double g2) {
  Overlap sum;
  const double T = std::exp(-c * g2);
  const Overlap corner = overlap(c, c, g2);
  Overlap edge[4];
  for (int i = 0; i < 4; ++i) edge[i] = overlap(c, c + table[i + 4] / 4, g2);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j <= i; ++j) {
      const double b_i = table[i + 4] / 4, b_j = table[j + 4] / 4;
      const double weight = (i == j ? 16 : 32) * table[i] * table[j];
      const double whole = overlap(b_i, b_j, g2).value;
      const Overlap far = overlap(c + b_i, c + b_j, g2);
      sum.value += weight * (T * whole - far.value + edge[i].value + edge[j].value - corner.value);
      sum.slope +=
          weight * (-g2 * T * whole - far.slope + edge[i].slope + edge[j].slope - corner.slope);
    }
  return sum;
}

// ∫ d²x 1/((x²+α²)((x−ω)²+β²)) = 2π arcosh(S/2αβ)/sqrt(S²−4α²β²), S = ω²+α²+β².
double yukawa_overlap(double alpha, double beta, double omega2) {
  const double product = alpha * beta;
  // S/2αβ = 1 + y
  const double y = (omega2 + (alpha - beta) * (alpha - beta)) / (2 * product);
  const double root = std::sqrt(y * (y + 2));
  return pi / product * (root > 1e-8 ? std::log1p(y + root) / root : 1);
}

// The core integral, with momenta in units of 1/R and R the radius of a Yukawa (Wentzel) atom:
// F(x) = 1/(1+x²+κ²) for the momentum transfer x²+κ² of an energy loss, so that
// F(x)/(x²+κ²) = 1/(x²+κ²) − 1/(x²+1+κ²). [Rose1976]
double core_overlap(double kappa, double omega2) {
  const double outer = std::sqrt(1 + kappa * kappa);
  return -omega2 / (1 + omega2) * yukawa_overlap(kappa, kappa, omega2) +
         2 * yukawa_overlap(kappa, outer, omega2) - yukawa_overlap(outer, outer, omega2);
}

}  // namespace

AbsorptiveFactor weickenmeier_kohl_absorption(int Z, double g, double U_A2, double energy_keV) {
  if (!has_element(ScatteringTable::weickenmeier_kohl, Z))
    throw Error(ErrorKind::input, "element " + element_symbol(Z) + " (Z = " + std::to_string(Z) +
                                      ") has no Weickenmeier-Kohl absorption; Z = 1-98 have");
  if (!(U_A2 >= 0))
    throw Error(ErrorKind::study, "mean-square displacement of " + element_symbol(Z) + " is " +
                                      std::to_string(U_A2) + " A^2; absorption needs U >= 0");
  const double lambda = electron::wavelength(energy_keV);
  const double gamma = electron::gamma(energy_keV), g2 = g * g;
  const double B = 8 * pi * pi * U_A2;
  const double T = std::exp(-B * g2 / 4);
  AbsorptiveFactor f;

  // Core: mean energy loss ΔE = 6 eV · Z, screening radius R = 0.885 a0 Z^{−1/3}; the smallest
  // momentum transfer is k0 θ_E with θ_E = ΔE/(p v) = ΔE (E + m0c²)/(E (E + 2 m0c²)).
  const double k0 = 2 * pi / lambda, m = electron::rest_energy_keV;
  constexpr double a0 = 0.5289;  // Å: the Bohr radius as Weickenmeier & Kohl's model has it
  const double R = 0.885 * a0 / std::cbrt(double(Z));
  const double theta_E = 6e-3 * Z * (energy_keV + m) / (energy_keV * (energy_keV + 2 * m));
  const double omega = 2 * pi * g * R;
  f.core = gamma * gamma * Z * R * R / (pi * pi * a0 * a0 * k0) * T *
           core_overlap(k0 * theta_E * R, omega * omega);
  f.core_dB = -g2 / 4 * f.core;

  if (U_A2 == 0) {  // nothing moves; f' starts as −U ln U
    f.phonon_dB = INFINITY;
    return f;
  }
  const double scale = lambda * gamma * gamma / (2 * pi);
  const Overlap diffuse = thermal_diffuse(tables::weickenmeier_kohl1991[Z - 1], B / 4, g2);
  f.phonon = scale * diffuse.value;
  f.phonon_dB = scale * diffuse.slope / 4;
  return f;
}

}  // namespace pendel

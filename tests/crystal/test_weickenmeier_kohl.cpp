// Weickenmeier-Kohl factors against direct two-dimensional quadrature of their definitions, and
// against the numbers of another program.
#include <boost/math/quadrature/gauss.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

#include "atom_program.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/scattering_factor.hpp"
#include "reference.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
using electron::pi;
namespace atom_program = reference::atom_program;

namespace {

template <class F>
double panels(F f, double low, double high, int count) {
  double sum = 0;
  for (int n = 0; n < count; ++n)
    sum += boost::math::quadrature::gauss<double, 15>::integrate(
        f, low + (high - low) * n / count, low + (high - low) * (n + 1) / count);
  return sum;
}

// ∫ d²q F(|q|, |g−q|), F symmetric and smooth but for scales between `finest` and 1e6: twice the
// half plane nearer to 0 than to g, in polar coordinates. r = g/2 cosh t beyond g/2 makes the angle
// where the half plane begins smooth in t.
double integral(const std::function<double(double, double)>& F, double g, double finest) {
  const auto ring = [&](double r, double first_angle) {
    return 2 * r *
           panels(
               [&](double angle) {
                 const double other = r * r + g * g - 2 * r * g * std::cos(angle);
                 return F(r, std::sqrt(other));
               },
               first_angle, pi, 3);
  };
  if (g == 0)
    return panels([&](double t) { return std::exp(t) * ring(std::exp(t), 0); }, std::log(finest),
                  std::log(1e6), 40);
  const double near = panels([&](double t) { return std::exp(t) * ring(std::exp(t), 0); },
                             std::log(finest), std::log(g / 2), 25);
  const double far = panels(
      [&](double t) {
        return g / 2 * std::sinh(t) * ring(g / 2 * std::cosh(t), std::acos(1 / std::cosh(t)));
      },
      0, std::log(1e6 / g), 25);
  return 2 * (near + far);
}

double f_e(int Z, double g) { return scattering_factor(ScatteringTable::weickenmeier_kohl, Z, g); }

// λγ²/(2π) ∫ d²q f(q) f(|g−q|) [T(g) − T(q) T(|g−q|)], or its derivative with respect to B
double phonon_quadrature(int Z, double g, double B, double energy_keV, bool derivative) {
  const double gamma = electron::gamma(energy_keV), lambda = electron::wavelength(energy_keV);
  const auto integrand = [&](double q, double p) {
    const double T_g = std::exp(-B * g * g / 4), T_qp = std::exp(-B * (q * q + p * p) / 4);
    return f_e(Z, q) * f_e(Z, p) *
           (derivative ? -g * g / 4 * T_g + (q * q + p * p) / 4 * T_qp : T_g - T_qp);
  };
  return lambda * gamma * gamma / (2 * pi) * integral(integrand, g, 1e-7);
}

// γ²Z R²/(π² a0² k0) T(g) ∫ d²x [F(ω) − F(x)F(x')]/((x²+κ²)(x'²+κ²)), F(x) = 1/(1+x²+κ²) where a
// momentum is transferred, F(ω) = 1/(1+ω²); a0 = 0.5289 Å.
double core_quadrature(int Z, double g, double B, double energy_keV) {
  constexpr double a0 = 0.5289;
  const double m = electron::rest_energy_keV, gamma = electron::gamma(energy_keV);
  const double k0 = 2 * pi / electron::wavelength(energy_keV);
  const double R = 0.885 * a0 * std::pow(Z, -1.0 / 3);
  const double theta_E = 0.006 * Z * (energy_keV + m) / (energy_keV * (energy_keV + 2 * m));
  const double kappa2 = std::pow(k0 * theta_E * R, 2), omega = 2 * pi * g * R;
  const auto integrand = [&](double x, double y) {
    const double x2 = x * x + kappa2, y2 = y * y + kappa2;
    return (1 / (1 + omega * omega) - 1 / ((1 + x2) * (1 + y2))) / (x2 * y2);
  };
  return gamma * gamma * Z * R * R / (pi * pi * a0 * a0 * k0) * std::exp(-B * g * g / 4) *
         integral(integrand, omega, 1e-6 * std::sqrt(kappa2));
}

const char* quadrature = "quadrature of the integrals in [WeickenmeierKohl1991]";

AbsorptiveFactor factor(int Z, double g, double B, double energy_keV = 200) {
  return weickenmeier_kohl_absorption(Z, g, B / (8 * pi * pi), energy_keV);
}

}  // namespace

BOOST_AUTO_TEST_CASE(phonon_is_its_definition) {
  for (int Z : {1, 8, 38, 82, 98})
    for (double B : {0.05, 0.5, 4.0})
      for (double g : {0.0, 0.02, 0.25, 1.0, 3.0}) {
        const AbsorptiveFactor f = factor(Z, g, B), f_0 = factor(Z, 0, B);
        // The quadrature is good to about 1e-10 of the factor at g = 0; f' changes sign with g.
        record("Potentials", "phonon absorption, of that at g = 0", quadrature,
               std::abs(f.phonon - phonon_quadrature(Z, g, B, 200, false)) / f_0.phonon,
               at_most(1e-9));
        BOOST_TEST(
            std::abs(f.phonon_dB - phonon_quadrature(Z, g, B, 200, true)) < 1e-9 * f_0.phonon / B,
            "Z " << Z << " B " << B << " g " << g << ": " << f.phonon_dB);
      }
}

BOOST_AUTO_TEST_CASE(core_is_its_definition) {
  for (int Z : {1, 8, 38, 82, 98})
    for (double g : {0.0, 0.02, 0.25, 1.0, 3.0}) {
      const double f = factor(Z, g, 0.5).core;
      const double expected = core_quadrature(Z, g, 0.5, 200);
      record("Potentials", "core absorption, relative error", quadrature,
             std::abs(f - expected) / expected, at_most(1e-8));
    }
}

BOOST_AUTO_TEST_CASE(derivatives_are_those_of_the_values) {
  // Five-point differences: truncation (h/B)^4 and rounding 1e-13/(h/B) meet near h/B = 3e-3.
  for (int Z : {8, 82})
    for (double B : {0.05, 0.5, 4.0})
      for (double g : {0.0, 0.25, 1.0, 3.0}) {
        const double h = 3e-3 * B;
        const auto slope = [&](double AbsorptiveFactor::*part) {
          const auto at = [&](int n) { return factor(Z, g, B + n * h).*part; };
          return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h);
        };
        const AbsorptiveFactor f = factor(Z, g, B);
        BOOST_TEST(std::abs(f.phonon_dB - slope(&AbsorptiveFactor::phonon)) <
                   1e-9 * factor(Z, 0, B).phonon / B);
        BOOST_TEST(std::abs(f.core_dB - slope(&AbsorptiveFactor::core)) <
                   1e-9 * factor(Z, 0, B).core / B);
      }
}

BOOST_AUTO_TEST_CASE(smooth_for_small_and_large_arguments) {
  // The closed form passes to its limits without cancellation.
  for (int Z : {8, 82}) {
    const double f_0 = factor(Z, 0, 0.5).phonon;
    for (double g : {1e-7, 1e-5, 1e-3})
      BOOST_TEST(std::abs(factor(Z, g, 0.5).phonon / f_0 - 1) < 10 * g * g + 1e-11);
    BOOST_TEST(std::isfinite(factor(Z, 30, 8).phonon));
    BOOST_TEST(factor(Z, 0.3, 1e-9).phonon < 1e-6 * f_0);
    BOOST_TEST(factor(Z, 0.3, 1e-9).phonon > 0);
  }
}

BOOST_AUTO_TEST_CASE(limits_and_errors) {
  BOOST_TEST(factor(22, 0.3, 0).phonon == 0);
  BOOST_TEST(factor(22, 0.3, 0).core > 0);
  BOOST_TEST(std::isinf(factor(22, 0.3, 0).phonon_dB));
  BOOST_CHECK_EXCEPTION(factor(22, 0.3, -0.1), Error,
                        [](const Error& e) { return e.kind() == ErrorKind::study; });
  BOOST_CHECK_EXCEPTION(factor(99, 0.3, 0.1), Error,
                        [](const Error& e) { return e.kind() == ErrorKind::input; });
}

BOOST_AUTO_TEST_CASE(atoms_of_py4dstem) {
  // With that program's approximations every part agrees to the digits of u in the file (10).
  const double E = 300;
  for (const auto& row : reference::rows(reference::file("weickenmeier_kohl_atoms_300kV.csv"))) {
    const int Z = std::stoi(row[0]);
    const double u = std::stod(row[1]), g = std::stod(row[2]), B = 8 * pi * pi * u * u;
    BOOST_TEST(std::abs(atom_program::elastic(f_e(Z, g), g, u, E) / std::stod(row[3]) - 1) < 3e-9);
    BOOST_TEST(std::abs(atom_program::core(Z, g, u, E) / std::stod(row[4]) - 1) < 3e-9);
    const double at_0 = atom_program::phonon(Z, 0, u, E);
    BOOST_TEST(std::abs(atom_program::phonon(Z, g, u, E) - std::stod(row[5])) < 1e-9 * at_0);

    // What the approximations leave: constants 1e-5 of the scale, 1e-7 of the rest; and its
    // exponential integrals up to 1e-4 of the phonon factor at g = 0.
    const AbsorptiveFactor f = factor(Z, g, B, E);
    BOOST_TEST(std::abs(f.core * atom_program::scale / std::stod(row[4]) - 1) < 2e-6);
    BOOST_TEST(std::abs(f.phonon - std::stod(row[5])) < 1e-4 * factor(Z, 0, B, E).phonon);
  }
}

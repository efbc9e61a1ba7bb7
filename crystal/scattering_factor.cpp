#include "crystal/scattering_factor.hpp"

#include <cmath>

#include "core/error.hpp"
#include "crystal/crystal.hpp"
#include "crystal/tables/tables.hpp"

namespace pendel {

namespace {

double lobato(const std::array<double, 10>& p, double g2) {
  double f = 0;
  for (int i = 0; i < 5; ++i) {
    const double bg2 = p[i + 5] * g2;
    f += p[i] * (2 + bg2) / ((1 + bg2) * (1 + bg2));
  }
  return f;
}

double kirkland(const std::array<double, 12>& p, double g2) {
  double f = 0;
  for (int i = 0; i < 3; ++i) f += p[i] / (g2 + p[i + 3]) + p[i + 6] * std::exp(-p[i + 9] * g2);
  return f;
}

double peng(const std::array<double, 10>& p, double g2) {
  double f = 0;
  for (int i = 0; i < 5; ++i) f += p[i] * std::exp(-p[i + 5] * g2 / 4);
  return f;
}

double weickenmeier_kohl(const std::array<double, 8>& p, double g2) {
  const double s2 = g2 / 4;
  double f = 0;
  // expm1 keeps (1 − e^{−Bs²})/s² exact for small s, without a series and its threshold.
  for (int i = 0; i < 4; ++i) f += p[i] * (s2 > 0 ? -std::expm1(-p[i + 4] * s2) / s2 : p[i + 4]);
  return f;
}

// Their derivatives with respect to g².

double lobato_slope(const std::array<double, 10>& p, double g2) {
  double slope = 0;
  for (int i = 0; i < 5; ++i) {
    const double bg2 = p[i + 5] * g2;
    slope -= p[i] * p[i + 5] * (3 + bg2) / ((1 + bg2) * (1 + bg2) * (1 + bg2));
  }
  return slope;
}

double kirkland_slope(const std::array<double, 12>& p, double g2) {
  double slope = 0;
  for (int i = 0; i < 3; ++i)
    slope -=
        p[i] / ((g2 + p[i + 3]) * (g2 + p[i + 3])) + p[i + 6] * p[i + 9] * std::exp(-p[i + 9] * g2);
  return slope;
}

double peng_slope(const std::array<double, 10>& p, double g2) {
  double slope = 0;
  for (int i = 0; i < 5; ++i) slope -= p[i] * p[i + 5] / 4 * std::exp(-p[i + 5] * g2 / 4);
  return slope;
}

// [1 − e^{−x}(1+x)]/x².
double second_difference(double x) {
  if (x > 0.5) return (1 - std::exp(-x) * (1 + x)) / (x * x);
  double sum = 0, term = 0.5;  // (−x)^{n−2}/n!
  for (int n = 2; n < 20; ++n) {
    sum += (n - 1) * term;
    term *= -x / (n + 1);
  }
  return sum;
}

double weickenmeier_kohl_slope(const std::array<double, 8>& p, double g2) {
  double slope = 0;
  for (int i = 0; i < 4; ++i)
    slope -= p[i] * p[i + 4] * p[i + 4] / 4 * second_difference(p[i + 4] * g2 / 4);
  return slope;
}

int elements(ScatteringTable table) {
  switch (table) {
    case ScatteringTable::lobato:
      return int(tables::lobato2014.size());
    case ScatteringTable::kirkland:
      return int(tables::kirkland2010.size());
    case ScatteringTable::peng:
      return int(tables::peng1996.size());
    case ScatteringTable::weickenmeier_kohl:
      return int(tables::weickenmeier_kohl1991.size());
  }
  return 0;
}

void require_element(ScatteringTable table, int Z) {
  if (!has_element(table, Z))
    throw Error(ErrorKind::input, "element " + element_symbol(Z) + " (Z = " + std::to_string(Z) +
                                      ") is not in the scattering-factor table, which has Z = 1-" +
                                      std::to_string(elements(table)));
}

}  // namespace

bool has_element(ScatteringTable table, int Z) { return Z >= 1 && Z <= elements(table); }

double scattering_factor(ScatteringTable table, int Z, double g) {
  require_element(table, Z);
  switch (table) {
    case ScatteringTable::lobato:
      return lobato(tables::lobato2014[Z - 1], g * g);
    case ScatteringTable::kirkland:
      return kirkland(tables::kirkland2010[Z - 1], g * g);
    case ScatteringTable::peng:
      return peng(tables::peng1996[Z - 1], g * g);
    case ScatteringTable::weickenmeier_kohl:
      break;
  }
  return weickenmeier_kohl(tables::weickenmeier_kohl1991[Z - 1], g * g);
}

double scattering_factor_slope(ScatteringTable table, int Z, double g) {
  require_element(table, Z);
  switch (table) {
    case ScatteringTable::lobato:
      return lobato_slope(tables::lobato2014[Z - 1], g * g);
    case ScatteringTable::kirkland:
      return kirkland_slope(tables::kirkland2010[Z - 1], g * g);
    case ScatteringTable::peng:
      return peng_slope(tables::peng1996[Z - 1], g * g);
    case ScatteringTable::weickenmeier_kohl:
      break;
  }
  return weickenmeier_kohl_slope(tables::weickenmeier_kohl1991[Z - 1], g * g);
}

}  // namespace pendel

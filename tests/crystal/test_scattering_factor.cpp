#include "crystal/scattering_factor.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/error.hpp"
#include "reference.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

const std::string scattering_data = PENDEL_SOURCE_DIR "/data/scattering/";

// The published form of each table, written a second time for the numbers in data/scattering.
double lobato(const std::vector<double>& p, double g) {
  double f = 0;
  for (int i = 0; i < 5; ++i)
    f += p[i] * (2 + p[i + 5] * g * g) / std::pow(1 + p[i + 5] * g * g, 2);
  return f;
}
double kirkland(const std::vector<double>& p, double g) {
  double f = 0;
  for (int i = 0; i < 3; ++i)
    f += p[i] / (g * g + p[i + 3]) + p[i + 6] * std::exp(-p[i + 9] * g * g);
  return f;
}
double peng(const std::vector<double>& p, double g) {
  double f = 0;
  for (int i = 0; i < 5; ++i) f += p[i] * std::exp(-p[i + 5] * g * g / 4);
  return f;
}
double weickenmeier_kohl(const std::vector<double>& p, double g) {
  double f = 0;
  for (int i = 0; i < 4; ++i) f += p[i] * (1 - std::exp(-p[i + 4] * g * g / 4)) / (g * g / 4);
  return f;
}

struct Table {
  ScatteringTable table;
  std::string file, key;  // key: of docs/references.md
  double (*form)(const std::vector<double>&, double);
  int elements;
};
const Table all_tables[] = {
    {ScatteringTable::lobato, "lobato2014.csv", "[Lobato2014]", lobato, 103},
    {ScatteringTable::kirkland, "kirkland2010.csv", "[Kirkland2010]", kirkland, 103},
    {ScatteringTable::peng, "peng1996.csv", "[Peng1996]", peng, 98},
    {ScatteringTable::weickenmeier_kohl, "weickenmeier_kohl1991.csv", "[WeickenmeierKohl1991]",
     weickenmeier_kohl, 98}};

}  // namespace

BOOST_AUTO_TEST_CASE(compiled_tables_are_the_published_numbers) {
  for (const Table& t : all_tables) {
    const auto rows = reference::rows(scattering_data + t.file);
    BOOST_TEST(int(rows.size()) == t.elements);
    for (const auto& row : rows) {
      const int Z = std::stoi(row[0]);
      BOOST_TEST(element_symbol(Z) == row[1]);
      std::vector<double> p;
      for (std::size_t i = 2; i < row.size(); ++i) p.push_back(std::stod(row[i]));
      for (double g : {0.3, 1.1, 3.7}) {
        const double expected = t.form(p, g);
        // 1 − exp loses digits against expm1: 1e-12 of f
        record("Potentials", "scattering factors of all elements, relative error", t.key,
               std::abs(scattering_factor(t.table, Z, g) - expected) / (std::abs(expected) + 1e-3),
               at_most(1e-12));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(strontium_and_rubidium_are_not_exchanged) {
  BOOST_TEST(std::abs(scattering_factor(ScatteringTable::lobato, 38, 0) - 13.11) < 0.005);
  BOOST_TEST(std::abs(scattering_factor(ScatteringTable::lobato, 37, 0) - 11.78) < 0.005);
}

BOOST_AUTO_TEST_CASE(the_tables_agree_with_each_other) {
  // Known from the tables themselves: within 2.5 % of each other for common elements, at any g.
  for (int Z : {6, 8, 14, 22, 31, 33, 38, 47, 79, 82})
    for (double g : {0.25, 0.5, 1.0, 2.0}) {
      const double f = scattering_factor(ScatteringTable::lobato, Z, g);
      for (const Table& t : all_tables) {
        if (t.table == ScatteringTable::lobato) continue;
        record("Potentials", "ten elements, relative difference from " + t.key, "[Lobato2014]",
               std::abs(scattering_factor(t.table, Z, g) / f - 1), at_most(0.025));
      }
    }
}

BOOST_AUTO_TEST_CASE(weickenmeier_kohl_is_smooth_at_small_g) {
  // No threshold between a series and the exponential: f(g) − f(0) is quadratic from g = 1e-6 on.
  const auto f = [](double g) {
    return scattering_factor(ScatteringTable::weickenmeier_kohl, 38, g);
  };
  for (double g : {1e-3, 3e-3, 1e-2})
    BOOST_TEST(std::abs((f(0) - f(g)) / (f(0) - f(2 * g)) * 4 - 1) < 200 * g * g);
  BOOST_TEST(std::abs(f(1e-6) / f(0) - 1) < 1e-9);
}

BOOST_AUTO_TEST_CASE(unknown_elements_are_refused) {
  for (const Table& t : all_tables) {
    BOOST_TEST(has_element(t.table, t.elements));
    for (int Z : {0, -1, t.elements + 1}) {
      BOOST_TEST(!has_element(t.table, Z));
      BOOST_CHECK_EXCEPTION(scattering_factor(t.table, Z, 1), Error,
                            [](const Error& e) { return e.kind() == ErrorKind::input; });
    }
  }
}

BOOST_AUTO_TEST_CASE(slope_is_the_derivative_in_g_squared) {
  for (const Table& t : all_tables)
    for (int Z : {1, 8, 22, 82})
      for (double g2 : {1e-4, 0.01, 0.3, 2.0, 9.0}) {
        const double h = 1e-3 * g2;
        const auto f = [&](double x) { return scattering_factor(t.table, Z, std::sqrt(x)); };
        const double expected =
            (8 * (f(g2 + h) - f(g2 - h)) - (f(g2 + 2 * h) - f(g2 - 2 * h))) / (12 * h);
        // rounding of f over the step
        BOOST_TEST(std::abs(scattering_factor_slope(t.table, Z, std::sqrt(g2)) - expected) <
                   1e-9 * std::abs(expected) + 1e-13 * f(g2) / h);
      }
}

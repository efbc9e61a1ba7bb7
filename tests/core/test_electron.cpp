#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/electron.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

// Computed independently (Python, CODATA 2018 values of h, c, e, m): wavelength [Å], sigma [rad/(V
// Å)].
struct Row {
  double energy_keV, wavelength, sigma;
};
const Row rows[] = {
    {60, 0.048660605029678596, 0.0011356905321369076},
    {80, 0.04175716077283421, 0.0010087065991412853},
    {100, 0.03701436613781811, 0.0009243958170607374},
    {200, 0.025079340450548007, 0.0007288401040958598},
    {300, 0.019687489006848795, 0.0006526161421721631},
};

const char* constants = "constants of [CODATA2018], 60 to 300 keV";

double relative(double value, double expected) { return std::abs(value / expected - 1); }

}  // namespace

BOOST_AUTO_TEST_CASE(wavelength_and_interaction_parameter) {
  for (const Row& row : rows) {
    // The reference starts from the mass in kg, Pendel from m0 c² in keV: CODATA rounds them
    // separately, which shows at 8e-12 in the mass.
    record("Potentials", "wavelength, relative error", constants,
           relative(electron::wavelength(row.energy_keV), row.wavelength), at_most(1e-11));
    record("Potentials", "interaction parameter, relative error", constants,
           relative(electron::sigma(row.energy_keV), row.sigma), at_most(1e-11));
  }
}

BOOST_AUTO_TEST_CASE(lorentz_factor) {
  // γ² (1 − β²) = 1 with β = c p/E_total, p = h/λ
  const double energy = 300;
  const double total = energy + electron::rest_energy_keV;
  const double beta = electron::hc_keV_A / electron::wavelength(energy) / total;
  BOOST_TEST(relative(electron::gamma(energy), 1 / std::sqrt(1 - beta * beta)) < 1e-14);
}

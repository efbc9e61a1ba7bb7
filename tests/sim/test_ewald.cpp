#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "sim/ewald.hpp"

using namespace pendel;

namespace {

State with_normal(const Vec3& normal) {
  State state;
  state.energy_keV = 200;
  state.surface_normal = normal;
  return state;
}

const double k0 = 1 / electron::wavelength(200);
const Vec3 some_g(0.7, -0.4, 0.05);

}  // namespace

BOOST_AUTO_TEST_CASE(vacuum_wave_carries_the_tilt) {
  const IncidentWave wave = incident_wave(with_normal({0, 0, 1}), {5e-3, -8e-3}, 0);
  BOOST_TEST(std::abs(wave.wavevector[0] / k0 - std::sin(5e-3)) < 1e-15);
  BOOST_TEST(std::abs(wave.wavevector[1] / k0 - std::sin(-8e-3)) < 1e-15);
  BOOST_TEST(std::abs(wave.wavevector.norm() / k0 - 1) < 1e-15);
  BOOST_TEST(wave.K == k0);
  BOOST_TEST(wave.K_n == wave.k0_n);
}

BOOST_AUTO_TEST_CASE(refraction_keeps_the_component_along_the_surface) {
  const double U_0 = 0.23;
  const Vec3 normal = Vec3(0.5, -0.3, 1).normalized();
  const Vec2 tilt(5e-3, -8e-3);
  const IncidentWave vacuum = incident_wave(with_normal(normal), tilt, 0);
  const IncidentWave wave = incident_wave(with_normal(3 * normal), tilt, U_0);
  const Vec3 change = wave.wavevector - vacuum.wavevector;
  BOOST_TEST(change.cross(normal).norm() < 1e-13);
  BOOST_TEST(change.norm() > 1e-3);
  // 1e-12: squares of wavenumbers of 40 1/A
  BOOST_TEST(std::abs(wave.wavevector.squaredNorm() - k0 * k0 - U_0) < 1e-12);
  BOOST_TEST(std::abs(wave.K * wave.K - k0 * k0 - U_0) < 1e-12);
  BOOST_TEST(std::abs(wave.wavevector.dot(normal) - wave.K_n) < 1e-13);
  BOOST_TEST(std::abs(vacuum.wavevector.dot(normal) - wave.k0_n) < 1e-13);
}

BOOST_AUTO_TEST_CASE(excitation_is_the_distance_to_the_sphere) {
  const IncidentWave wave = incident_wave(with_normal({0.2, 0.1, 1}), {5e-3, -8e-3}, 0.2);
  const double expected = wave.K * wave.K - (wave.wavevector + some_g).squaredNorm();
  BOOST_TEST(std::abs(excitation(wave, some_g) - expected) < 1e-12);
  BOOST_TEST(excitation(wave, Vec3::Zero()) == 0);
  // 2K s_g: a beam tilt towards g lowers s_g by g·θ; g opposite to the tilt comes to the sphere
  const State state = with_normal({0, 0, 1});
  const Vec3 g(0.5, 0, 0);
  const auto s = [&](double tilt) {
    return excitation(incident_wave(state, {tilt, 0}, 0), g) / (2 * k0);
  };
  BOOST_TEST(std::abs(s(1e-3) - s(0) + 0.5e-3) < 1e-9);
  BOOST_TEST(std::abs(s(-std::asin(0.25 / k0))) < 1e-15);
}

BOOST_AUTO_TEST_CASE(derivatives_with_tilt) {
  for (const Vec3& normal : {Vec3(0, 0, 1), Vec3(0.5, -0.3, 1)}) {
    const State state = with_normal(normal);
    const Vec2 tilt(20e-3, -35e-3);
    const IncidentWave wave = incident_wave(state, tilt, 0.25);
    for (int axis = 0; axis < 2; ++axis) {
      // fourth-order difference with step 1e-3: truncation 1e-13 relative, rounding 1e-13·40/1e-3
      const auto derivative = [&](auto value) {
        const double h = 1e-3;
        const auto at = [&](double amount) {
          return value(incident_wave(state, tilt + amount * Vec2::Unit(axis), 0.25));
        };
        return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      };
      for (int i = 0; i < 3; ++i)
        BOOST_TEST(std::abs(derivative([&](const IncidentWave& w) { return w.wavevector[i]; }) -
                            wave.dwavevector[axis][i]) < 1e-9);
      BOOST_TEST(std::abs(derivative([](const IncidentWave& w) { return w.K_n; }) -
                          wave.dK_n[axis]) < 1e-9);
      BOOST_TEST(std::abs(derivative([](const IncidentWave& w) { return w.k0_n; }) -
                          wave.dk0_n[axis]) < 1e-9);
      const double dexcitation = excitation_derivative(
          wave, wave_tangent(wave, state.surface_normal, Vec2::Unit(axis), 0), some_g, {0, 0, 0});
      BOOST_TEST(std::abs(derivative([](const IncidentWave& w) { return excitation(w, some_g); }) -
                          dexcitation) < 1e-9);
      BOOST_TEST(std::abs(dexcitation) > 1);
      BOOST_TEST(std::abs(wave.dK_n[axis]) > 0.1);
    }
  }
}

BOOST_AUTO_TEST_CASE(impossible_geometry_is_an_error) {
  const auto study = [](const Error& e) { return e.kind() == ErrorKind::study; };
  BOOST_CHECK_EXCEPTION(incident_wave(with_normal({0, 0, -1}), {0, 0}, 0), Error, study);
  BOOST_CHECK_EXCEPTION(incident_wave(with_normal({0, 0, 0}), {0, 0}, 0), Error, study);
  BOOST_CHECK_EXCEPTION(incident_wave(with_normal({0, 0, 1}), {1.2, 1.2}, 0), Error, study);
}

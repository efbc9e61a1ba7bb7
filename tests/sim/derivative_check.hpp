// One derivative test for every engine: exit_waves' tangents against finite differences of its exit
// amplitudes (complex, so that phases count), and the crystals and directions to test along.
#pragma once
#include <algorithm>
#include <boost/core/demangle.hpp>
#include <boost/test/unit_test.hpp>
#include <string>
#include <typeinfo>
#include <vector>

#include "crystal/orientation.hpp"
#include "sim/exit_wave.hpp"
#include "tests/record.hpp"

namespace pendel::test {

/// A direction with a name and a natural step: the finite differences start from it.
struct Direction {
  std::string name;
  StateTangent tangent;
  double step;
};

/// Engine's amplitudes at state + amount × tangent.
template <class Engine>
MatrixXcd amplitudes(const Engine& engine, const State& state, const std::vector<Vec2>& incidence,
                     const StateTangent& tangent, double amount) {
  ExitWaves waves;
  engine.exit_waves(moved(state, tangent, amount), incidence, {}, waves);
  return waves.psi;
}

/// df/dx at 0 of a function of a number, which gives a matrix: central differences with Richardson
/// extrapolation (Ridders), steps step, step/2, ...; the table's entry with the least estimated
/// error is taken.
template <class Function>
auto derivative_at_0(Function f, double step, int levels = 7) {
  using Matrix = std::decay_t<decltype(f(0.0))>;
  std::vector<Matrix> previous, current;
  Matrix best;
  double best_error = 1e300;
  for (int level = 0; level < levels; ++level, step /= 2) {
    current = {(f(step) - f(-step)) / (2 * step)};
    double power = 1;
    for (int order = 1; order <= level; ++order) {
      power *= 4;
      current.push_back((power * current[order - 1] - previous[order - 1]) / (power - 1));
      const double error = std::max((current[order] - current[order - 1]).norm(),
                                    (current[order] - previous[order - 1]).norm());
      if (error < best_error) {
        best_error = error;
        best = current[order];
      }
    }
    previous = current;
  }
  return best;
}

/// d psi / d amount along a tangent.
template <class Engine>
MatrixXcd finite_difference(const Engine& engine, const State& state,
                            const std::vector<Vec2>& incidence, const StateTangent& tangent,
                            double step) {
  return derivative_at_0(
      [&](double amount) { return amplitudes(engine, state, incidence, tangent, amount); }, step);
}

/// Checks every direction in one call of exit_waves: relative error (2-norm over beams and incident
/// directions) at most `tolerance`, and no derivative is so small that noise would pass.
template <class Engine>
void check_derivatives(const Engine& engine, const State& state, const std::vector<Vec2>& incidence,
                       const std::vector<Direction>& directions, double tolerance = 1e-7) {
  std::vector<StateTangent> tangents;
  for (const Direction& direction : directions) tangents.push_back(direction.tangent);
  ExitWaves waves;
  engine.exit_waves(state, incidence, tangents, waves);
  BOOST_REQUIRE_EQUAL(waves.dpsi.size(), tangents.size());
  const std::string name = boost::core::demangle(typeid(Engine).name()).substr(8);  // pendel::
  for (std::size_t i = 0; i < directions.size(); ++i)
    BOOST_TEST_CONTEXT("direction " << directions[i].name) {
      const MatrixXcd expected =
          finite_difference(engine, state, incidence, directions[i].tangent, directions[i].step);
      // one natural step must change the pattern visibly
      BOOST_TEST(expected.norm() * directions[i].step > 1e-5 * waves.psi.norm());
      const double error = (waves.dpsi[i] - expected).norm() / expected.norm();
      BOOST_TEST_MESSAGE("    " << directions[i].name << ": relative error " << error);
      record("Derivatives", name + ": amplitudes, relative error",
             "finite differences, extrapolated", error, at_most(tolerance));
    }
}

inline Site site(int Z, double x, double y, double z, double B) {
  Site result;
  result.label = element_symbol(Z);
  result.Z = Z;
  result.position = {Vec3(x, y, z)};
  result.set_B(B);
  return result;
}

/// Tetragonal PbTiO3, polar axis c (P4mm).
inline Crystal lead_titanate() {
  return {"PbTiO3",
          Cell(3.904, 3.904, 4.152, 90, 90, 90),
          {site(82, 0, 0, 0, 0.9), site(22, .5, .5, .5377, 0.45), site(8, .5, .5, .1118, 0.7),
           site(8, .5, 0, .6174, 0.7), site(8, 0, .5, .6174, 0.7)}};
}

/// Cubic SrTiO3 (Pm-3m).
inline Crystal strontium_titanate() {
  return {"SrTiO3",
          Cell(3.905, 3.905, 3.905, 90, 90, 90),
          {site(38, 0, 0, 0, 0.6214), site(22, .5, .5, .5, 0.4398), site(8, .5, .5, 0, 0.7323),
           site(8, .5, 0, .5, 0.7323), site(8, 0, .5, .5, 0.7323)}};
}

inline OrientedCrystal oriented(const Crystal& crystal, const Vec3& beam_direction_uvw,
                                const Vec3& x_axis_uvw) {
  return {crystal, orientation(crystal.cell, beam_direction_uvw, x_axis_uvw)};
}

/// A displacement mode: every atom but the first moves by its own vector (Å, crystal Cartesian).
inline CrystalTangent displacement_mode(const Crystal& crystal) {
  CrystalTangent mode;
  for (std::size_t j = 0; j < crystal.sites.size(); ++j)
    mode.displacement.push_back(
        j == 0 ? Vec3(0, 0, 0) : Vec3(0.15 + 0.11 * j, 0.31 - 0.07 * j, 0.4 * (j % 3) - 0.2));
  return mode;
}

/// Tilt x and y, every thickness, per crystal a displacement mode and B of every element, and the
/// absorption strength if asked for.
inline std::vector<Direction> all_directions(const State& state, bool absorption) {
  std::vector<Direction> directions = {{"tilt x", tilt_direction(0), 1e-3},
                                       {"tilt y", tilt_direction(1), 1e-3}};
  for (int layer = 0; layer < int(state.layers.size()); ++layer)
    directions.push_back(
        {"thickness of layer " + std::to_string(layer), thickness_direction(state, layer), 8});
  for (int c = 0; c < int(state.crystals.size()); ++c) {
    const Crystal& crystal = state.crystals[c].crystal;
    directions.push_back({"displacement in " + crystal.name,
                          crystal_direction(state, c, displacement_mode(crystal)), 0.05});
    std::vector<int> elements;
    for (const Site& atom : crystal.sites)
      if (std::find(elements.begin(), elements.end(), atom.Z) == elements.end())
        elements.push_back(atom.Z);
    for (int Z : elements)
      directions.push_back({"B of " + element_symbol(Z) + " in " + crystal.name,
                            crystal_direction(state, c, debye_waller_direction(crystal, Z)), 0.1});
  }
  if (absorption) directions.push_back({"absorption strength", absorption_direction(), 0.2});
  return directions;
}

}  // namespace pendel::test

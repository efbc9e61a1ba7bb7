// Every kind of parameter for every engine: amplitudes, disk intensities and the pixels of
// disks against finite differences.
#include <boost/test/unit_test.hpp>

#include "core/electron.hpp"
#include "crystal/symmetry.hpp"
#include "model/cbed_model.hpp"
#include "tests/model/parameter_cases.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double beams_to = 0.45;  // 1/Å: enough of them to scatter into each other

struct Kind {
  Parameter parameter;
  double step;  ///< the finite differences start from it
};

std::vector<Kind> kinds(const State& state) {
  const int last = int(state.layers.size()) - 1, pto = state.layers[last > 0 ? 1 : 0].crystal;
  const Crystal& crystal = state.crystals[pto].crystal;
  const auto table = ScatteringTable::lobato;
  const Hkl hkl{0, 1, 1};
  return {
      {tilt_parameter(state, 0, -5, 5), 1},
      {tilt_parameter(state, 1, -5, 5), 1},
      {thickness_parameter(state, last, 5, 90), 1},
      {mode_parameter(state, pto, displacement_mode(crystal), "mode", -1, 1), 0.05},
      {mode_parameter(state, pto, symmetric_displacement(crystal, 3, {0, 0, 1}), "O z", -1, 1),
       0.05},
      {debye_waller_parameter(state, pto, 8, 0, 2), 0.2},
      {anisotropic_U_parameter(state, pto, 3, 1, 1, 0, 0.1), 0.005},
      {anisotropic_U_parameter(state, pto, 1, 2, 2, 0, 0.1), 0.005},
      {occupancy_parameter(state, pto, {0}, {}, 0, 1), 0.1},
      {occupancy_parameter(state, pto, {1}, {2}, 0, 1), 0.1},
      {structure_factor_parameter(state, pto, hkl, UgPart::amplitude, table, 0, 1), 0.002},
      {structure_factor_parameter(state, pto, hkl, UgPart::quadrature, table, -1, 1), 0.002},
      {in_plane_strain_parameter(state, 0, 0, -0.1, 0.1), 0.01},
      {in_plane_strain_parameter(state, 0, 1, -0.1, 0.1), 0.01},
      {out_of_plane_strain_parameter(state, {pto}, -0.1, 0.1), 0.01},
      {absorption_parameter(state, 0, 2), 0.3},
  };
}

/// A shift of the only layer turns phases of amplitudes alone; it is tested in the stack.
std::vector<Kind> kinds_of(const State& state) {
  std::vector<Kind> all = kinds(state);
  if (state.layers.size() > 1)
    for (int axis : {0, 1}) all.push_back({registry_parameter(state, {1}, axis, -4, 4), 0.1});
  return all;
}

struct NamedEngine {
  const char* name;
  Engine engine;
};

/// Every engine, and Bloch waves on which higher-order zones act in the mean.
std::vector<NamedEngine> named_engines(const State& state, const Beams& beams) {
  const char* names[] = {"kinematical", "bloch", "splitstep"};
  static_assert(std::variant_size_v<Engine> == 3);
  std::vector<NamedEngine> result;
  for (Engine& engine : engines(state, beams))
    result.push_back({names[engine.index()], std::move(engine)});
  BlochOptions options;
  options.potential.absorption = Absorption::proportional;
  options.zones = HigherZones::mean;
  result.push_back({"bloch, higher-order zones in the mean", Bloch(state, beams, options)});
  return result;
}

/// Moved off the symmetric state: all but the tilt, so that the zone axis stays exact.
Eigen::VectorXd values_of(const std::vector<Kind>& kinds) {
  Eigen::VectorXd values(long(kinds.size()));
  for (std::size_t k = 0; k < kinds.size(); ++k)
    values[long(k)] = kinds[k].parameter.nominal + (k < 2 ? 0 : 0.3 * kinds[k].step);
  return values;
}

}  // namespace

BOOST_AUTO_TEST_CASE(derivatives_of_amplitudes) {
  for (const Case& c : cases()) {
    const std::vector<Kind> table = kinds_of(c.state);
    std::vector<Parameter> parameters;
    for (const Kind& kind : table) parameters.push_back(kind.parameter);
    const State state = state_at(c.state, parameters, values_of(table).data());
    for (const auto& [name, engine] : named_engines(c.state, zone_beams(c.state, beams_to))) {
      std::vector<Direction> directions;
      for (const Kind& kind : table)
        directions.push_back({kind.parameter.name, kind.parameter.direction, kind.step});
      BOOST_TEST_CONTEXT(c.name << ", " << name)
      std::visit(
          [&](const auto& e) {
            check_derivatives(e, state, {{0, 0}, {1e-3, -2e-3}}, directions);
          },
          engine);
    }
  }
}

namespace {

void check_jacobian(const std::string& what, const DiskModel& model,
                    const std::vector<Kind>& table) {
  const Eigen::VectorXd values = values_of(table);
  Eigen::VectorXd intensity;
  Eigen::MatrixXd jacobian;
  model.evaluate(values.data(), intensity, &jacobian);
  for (std::size_t k = 0; k < table.size(); ++k) BOOST_TEST_CONTEXT(table[k].parameter.name) {
      const Eigen::VectorXd expected = derivative_at_0(
          [&](double amount) {
            Eigen::VectorXd x = values, result;
            x[long(k)] += amount;
            model.evaluate(x.data(), result, nullptr);
            return result;
          },
          table[k].step, 4);
      BOOST_TEST(expected.norm() * table[k].step > 1e-7);
      record("Derivatives", what + ", relative error", "finite differences, extrapolated",
             (jacobian.col(long(k)) - expected).norm() / expected.norm(), at_most(1e-6));
    }
}

ForwardModel forward_model(const Case& c, Engine engine, const std::vector<Hkl>& disks,
                           const std::vector<Kind>& table, int degree) {
  std::vector<Parameter> parameters;
  for (const Kind& kind : table) parameters.push_back(kind.parameter);
  return ForwardModel(c.state, std::make_shared<const Engine>(std::move(engine)), disks, parameters,
                      semiangle, degree);
}

void check_disk_derivatives(const Case& c, const std::vector<Kind>& table) {
  const Beams beams = zone_beams(c.state, beams_to);
  for (auto& [name, engine] : named_engines(c.state, beams))
    BOOST_TEST_CONTEXT(c.name << ", " << name)
  check_jacobian(std::string(name) + ": disk intensities",
                 forward_model(c, std::move(engine), beams.hkl, table, 3), table);
}

}  // namespace

BOOST_AUTO_TEST_CASE(derivatives_of_disk_intensities) {
  for (Case c : cases()) {
    c.state.tilt_spread = 0;
    check_disk_derivatives(c, kinds_of(c.state));
  }
}

BOOST_AUTO_TEST_CASE(derivatives_of_disk_intensities_with_the_illumination) {
  for (const Case& c : cases())
    check_disk_derivatives(c, {{tilt_parameter(c.state, 0, -5, 5), 1},
                               {semiangle_parameter(c.state, 0, 5), 0.2},
                               {tilt_spread_parameter(c.state, 0, 1), 0.1}});
}

// The amplitudes above have every kind. Pixels are linear in the disks' curves: a kind each of
// tilt, thickness, displacement and absorption is enough where no report is made.
BOOST_AUTO_TEST_CASE(derivatives_of_pixels) {
  Detector detector;
  detector.rows = detector.columns = 40;
  detector.pixel = 0.6e-3 / electron::wavelength(300);
  detector.centre = Vec2(19.3, 20.1);
  detector.blur = 0.4;
  for (Case c : cases()) {
    c.state.tilt_spread = 0;
    const Beams beams = zone_beams(c.state, beams_to);
    std::vector<Vec2> g;
    for (const Vec3& v : beams.g) g.push_back(v.head<2>());
    const auto pixels = std::make_shared<const DiskPixels>(
        disk_pixels(detector, c.state.energy_keV, {semiangle, 0, {}}, g, {}, 3));
    const std::vector<Kind> all = kinds_of(c.state),
                            table =
                                recording() ? all : std::vector{all[0], all[2], all[3], all[15]};
    for (auto& [name, engine] : named_engines(c.state, beams))
      BOOST_TEST_CONTEXT(c.name << ", " << name)
    check_jacobian(std::string(name) + ": pixels of disks",
                   CbedModel(std::make_shared<EngineCurves>(
                                 forward_model(c, std::move(engine), beams.hkl, table, 3)),
                             pixels),
                   table);
  }
}

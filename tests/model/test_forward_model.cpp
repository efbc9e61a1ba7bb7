// Disk intensities and their Jacobian, for every engine.
#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "tests/model/demo_stack.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

std::vector<Engine> engines(const State& state, const Beams& beams) {
  std::vector<Engine> result;
  PotentialOptions potential;
  potential.absorption = Absorption::proportional;
  SplitStepOptions splitstep;
  splitstep.g_max = 1.8;
  splitstep.potential = potential;
  result.emplace_back(std::in_place_type<Kinematical>, state, beams,
                      KinematicalOptions{potential, true});
  result.emplace_back(std::in_place_type<Bloch>, state, beams, BlochOptions{potential, true, 0});
  result.emplace_back(std::in_place_type<SplitStep>, state, beams, splitstep);
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(jacobian_is_the_derivative_in_the_units_of_the_parameters) {
  const DemoStack stack;
  const Beams beams = zone_beams(stack.state, 0.8);
  std::vector<Parameter> parameters = stack.parameters(5, 1.2, {0, 1, 2}, 8);
  parameters.push_back(debye_waller_parameter(stack.state, 1, 82, 0.2, 2));
  parameters.push_back(absorption_parameter(stack.state, 0, 2));
  Eigen::VectorXd values(parameters.size());
  values << 1.3, -0.7, 0.4, -0.2, 62.6, 63.8, 62.2, 1.1, 0.8;
  for (Engine& engine : engines(stack.state, beams)) {
    const std::size_t kind = engine.index();
    const ForwardModel model(stack.state, std::make_shared<const Engine>(std::move(engine)),
                             beams.hkl, parameters, 1.75e-3, 5);
    Eigen::VectorXd intensity, plus, minus;
    Eigen::MatrixXd jacobian;
    model.evaluate(values.data(), intensity, &jacobian);
    for (std::size_t k = 0; k < parameters.size(); ++k)
      BOOST_TEST_CONTEXT("engine " << kind << ", " << parameters[k].name) {
        const double step = 1e-3;
        const auto central = [&](double h) {
          Eigen::VectorXd x = values;
          x[k] = values[k] + h;
          model.evaluate(x.data(), plus, nullptr);
          x[k] = values[k] - h;
          model.evaluate(x.data(), minus, nullptr);
          return Eigen::VectorXd((plus - minus) / (2 * h));
        };
        const Eigen::VectorXd expected = (4 * central(step / 2) - central(step)) / 3;  // Richardson
        BOOST_TEST(expected.norm() > 1e-6);
        // rounding of a difference of intensities near 1 over a step of 1e-3
        BOOST_TEST((jacobian.col(k) - expected).norm() < 1e-6 * expected.norm() + 1e-11);
      }
  }
}

BOOST_AUTO_TEST_CASE(parameters_say_what_the_base_state_has) {
  const DemoStack stack;
  State base = stack.state;
  base.beam_tilt = {1e-3, -2e-3};
  const std::vector<Parameter> parameters = {tilt_parameter(base, 1, -5, 5),
                                             thickness_parameter(base, 2, 50, 70),
                                             debye_waller_parameter(base, 1, 8, 0.2, 2)};
  BOOST_TEST(parameters[0].nominal == -2);
  BOOST_TEST(parameters[1].nominal == 62.48);
  BOOST_TEST(std::abs(parameters[2].nominal - 0.70) < 1e-12);
  const double values[3] = {0.5, 60, 1.0};
  const State moved = state_at(base, parameters, values);
  BOOST_TEST(std::abs(moved.beam_tilt[1] - 0.5e-3) < 1e-15);
  BOOST_TEST(moved.beam_tilt[0] == 1e-3);
  BOOST_TEST(moved.layers[2].thickness == 60);
  for (const Site& site : moved.crystals[1].crystal.sites)
    if (site.Z == 8) BOOST_TEST(std::abs(site.B() - 1.0) < 1e-12);
  BOOST_CHECK_THROW(debye_waller_parameter(base, 0, 82, 0, 1), Error);  // no lead in SrTiO3
}

BOOST_AUTO_TEST_CASE(a_disk_that_the_engine_lacks_is_named) {
  const DemoStack stack;
  SplitStepOptions options;
  options.g_max = 1.8;
  const auto engine = stack.engine({{0, 0, 0}, {1, 0, 0}}, options);
  BOOST_CHECK_EXCEPTION(
      ForwardModel(stack.state, engine, {{0, 0, 0}, {2, 1, 0}}, {}, 0, 1), Error,
      [](const Error& e) { return std::string(e.what()).find("(2 1 0)") != std::string::npos; });
}

// The surrogate against the model it stands for.
#include <boost/test/unit_test.hpp>
#include <random>

#include "core/error.hpp"
#include "model/surrogate.hpp"
#include "tests/model/demo_stack.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

/// A thin, coarse version of the demonstration's stack: seconds matter in a fast test.
struct Small {
  DemoStack stack;
  std::vector<Hkl> disks;

  Small() {
    for (Layer& layer : stack.state.layers) layer.thickness /= 4;
    disks = zone_beams(stack.state, 0.8).hkl;
  }
  ForwardModel model(const std::vector<Parameter>& parameters, double semiangle = 1.75e-3,
                     int degree = 7) const {
    SplitStepOptions options;
    options.g_max = 3.1;  // an odd grid: its mirrors are exact
    return ForwardModel(stack.state, stack.engine(disks, options), disks, parameters, semiangle,
                        degree);
  }
};

Eigen::VectorXd random_point(const std::vector<Parameter>& parameters, std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(0, 1);
  Eigen::VectorXd point(parameters.size());
  for (std::size_t k = 0; k < parameters.size(); ++k)
    point[k] = parameters[k].lower +
               (0.05 + 0.9 * uniform(random)) * (parameters[k].upper - parameters[k].lower);
  return point;
}

}  // namespace

BOOST_AUTO_TEST_CASE(values_and_jacobian_are_those_of_the_model) {
  const Small small;
  const std::vector<Parameter> parameters = small.stack.parameters(4, 1, {0}, 1.5);
  const ForwardModel exact = small.model(parameters);
  SurrogateOptions options;
  options.tolerance = 1e-3;
  const Surrogate surrogate(exact, options);
  BOOST_TEST(surrogate.certificate().symmetries == 8);  // the square's
  BOOST_TEST(surrogate.certificate().r1_max <= options.tolerance);
  BOOST_TEST(surrogate.disks() == int(small.disks.size()));
  std::mt19937 random(5);
  Eigen::VectorXd expected, value;
  Eigen::MatrixXd d_expected, d_value;
  for (int i = 0; i < 20; ++i) {
    const Eigen::VectorXd point = random_point(parameters, random);
    exact.evaluate(point.data(), expected, &d_expected);
    surrogate.evaluate(point.data(), value, &d_value);
    BOOST_TEST((value - expected).cwiseAbs().sum() < 2 * options.tolerance * expected.sum());
    // Differentiating a series multiplies its error by up to the degree squared.
    BOOST_TEST((d_value - d_expected).norm() < 0.05 * d_expected.norm());
  }
}

BOOST_AUTO_TEST_CASE(jacobian_is_the_derivative_of_the_surrogate) {
  const Small small;
  const ForwardModel exact = small.model(small.stack.parameters(4, 1, {0}, 1.5));
  const Surrogate surrogate(exact, {});
  std::mt19937 random(11);
  Eigen::VectorXd inside = random_point(surrogate.parameters(), random);
  Eigen::VectorXd value, plus, minus;
  Eigen::MatrixXd jacobian;
  surrogate.evaluate(inside.data(), value, &jacobian);
  for (int k = 0; k < 5; ++k) {
    const double h = 1e-2;
    Eigen::VectorXd x = inside;
    x[k] += h;
    surrogate.evaluate(x.data(), plus, nullptr);
    x[k] -= 2 * h;
    surrogate.evaluate(x.data(), minus, nullptr);
    const Eigen::VectorXd expected = (plus - minus) / (2 * h);
    // single precision sums over the step, and the third derivative
    BOOST_TEST((jacobian.col(k) - expected).norm() < 1e-3 * expected.norm() + 1e-5);
  }
}

BOOST_AUTO_TEST_CASE(symmetry_is_found_not_assumed) {
  Small small;
  // Displaced along y in the base state: only the mirror x -> -x is left.
  small.stack.state.crystals[1].crystal =
      moved(small.stack.state.crystals[1].crystal, small.stack.mode_y, 0.6);
  std::vector<Parameter> parameters = small.stack.parameters(3, 1, {}, 0);
  parameters.pop_back();
  const Surrogate surrogate(small.model(parameters), {});
  BOOST_TEST(surrogate.certificate().symmetries == 2);
  BOOST_TEST(surrogate.certificate().r1_max <= SurrogateOptions().tolerance);
}

BOOST_AUTO_TEST_CASE(without_tilts_the_aperture_is_the_models) {
  const Small small;
  std::vector<Parameter> parameters = small.stack.parameters(3, 1, {1}, 1.5);
  parameters.erase(parameters.begin(), parameters.begin() + 2);
  const ForwardModel exact = small.model(parameters);
  const Surrogate surrogate(exact, {});
  BOOST_TEST(surrogate.certificate().r1_max <= SurrogateOptions().tolerance);
}

BOOST_AUTO_TEST_CASE(aperture_is_better_than_a_coarse_models) {
  // A few directions leave more than the tolerance; the surrogate, which averages exactly, is not
  // blamed for it.
  const Small small;
  const std::vector<Parameter> parameters = small.stack.parameters(2, 0.5, {0}, 1.5);
  const ForwardModel coarse = small.model(parameters, 12e-3, 3),
                     fine = small.model(parameters, 12e-3, 9);
  SurrogateOptions options;
  options.tolerance = 1.5e-3;
  const Surrogate surrogate(coarse, options);
  std::mt19937 random(3);
  for (int i = 0; i < 5; ++i) {
    const Eigen::VectorXd point = random_point(parameters, random);
    Eigen::VectorXd with_few, expected, value;
    coarse.evaluate(point.data(), with_few, nullptr);
    fine.evaluate(point.data(), expected, nullptr);
    surrogate.evaluate(point.data(), value, nullptr);
    BOOST_TEST((value - expected).cwiseAbs().sum() < 2 * options.tolerance * expected.sum());
    BOOST_TEST((with_few - expected).cwiseAbs().sum() > 2 * options.tolerance * expected.sum());
  }
}

BOOST_AUTO_TEST_CASE(what_it_cannot_hold_is_refused) {
  const Small small;
  const auto refused = [&](const std::vector<Parameter>& parameters) {
    const ForwardModel exact = small.model(parameters);
    BOOST_TEST(!Surrogate::can_hold(exact));
    BOOST_CHECK_THROW(Surrogate(exact, {}), Error);
  };
  refused({tilt_parameter(small.stack.state, 0, -3, 3)});              // one tilt
  refused({debye_waller_parameter(small.stack.state, 0, 8, 0.3, 1)});  // SrTiO3 is in two layers
  const Beams beams = zone_beams(small.stack.state, 0.8);
  const auto bloch = std::make_shared<const Engine>(Bloch(small.stack.state, beams, {}));
  const ForwardModel by_bloch(small.stack.state, bloch, beams.hkl,
                              small.stack.parameters(3, 1, {}, 0), 0, 1);
  BOOST_TEST(!Surrogate::can_hold(by_bloch));
}

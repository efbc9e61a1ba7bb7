// Pixels of convergent-beam disks: interpolation in the aperture, the template, an independent
// image, derivatives.
#include <boost/test/unit_test.hpp>
#include <limits>
#include <random>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "model/cbed_model.hpp"
#include "sim/cbed.hpp"
#include "tests/model/demo_stack.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double semiangle = 2e-3, energy = 300;

Detector detector() {
  Detector detector;
  detector.rows = 72;
  detector.columns = 80;
  detector.pixel = 0.3e-3 / electron::wavelength(energy);
  detector.centre = Vec2(39.3, 35.8);
  detector.rotation = 0.2;
  return detector;
}

/// Within 0.4 1/Å, and the layers of the demonstration at half their thickness.
struct Small {
  DemoStack stack;
  std::vector<Hkl> disks;
  std::vector<Vec2> g;
  std::vector<Parameter> parameters;

  Small() {
    for (Layer& layer : stack.state.layers) layer.thickness /= 2;
    for (int h = -1; h <= 1; ++h)
      for (int k = -1; k <= 1; ++k) disks.push_back({h, k, 0});
    for (const Hkl& hkl : disks)
      g.push_back(stack.state.crystals[0].crystal.cell.g(hkl).v.head<2>());
    parameters = stack.parameters(2, 1, {1}, 8);
    parameters.push_back(debye_waller_parameter(stack.state, 1, 82, 0, 2));
  }
  ForwardModel model(double alpha = semiangle, int degree = 15) const {
    SplitStepOptions options;
    options.g_max = 2;
    options.slice_A = 4;
    return ForwardModel(stack.state, stack.engine(disks, options), disks, parameters, alpha,
                        degree);
  }
};

Eigen::VectorXd polar_state() {
  Eigen::VectorXd x(6);
  x << 0.7, -0.4, 0.6, 0.3, 33, 0.5;
  return x;
}

}  // namespace

BOOST_AUTO_TEST_CASE(interpolation_is_exact_for_polynomials_and_well_conditioned) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<Vec2> points;
  while (points.size() < 300)
    if (const Vec2 p(uniform(random), uniform(random)); p.norm() <= 1) points.push_back(2e-3 * p);
  for (int degree : {0, 1, 2, 5, 8, 14}) {
    const std::vector<Vec2> nodes = disk_nodes(degree, 2e-3);
    BOOST_TEST(int(nodes.size()) == (degree + 1) * (degree + 2) / 2);
    const Eigen::MatrixXd map = disk_interpolation(degree, 2e-3, points);
    double worst = 0;
    for (int i = 0; i <= degree; ++i) {
      const auto f = [&](const Vec2& p) {
        return std::pow(p[0] / 2e-3, i) * std::pow(p[1] / 2e-3 - 0.3, degree - i);
      };
      Eigen::VectorXd at(long(nodes.size()));
      for (long q = 0; q < at.size(); ++q) at[q] = f(nodes[std::size_t(q)]);
      const Eigen::VectorXd found = map * at;
      for (long p = 0; p < found.size(); ++p)
        worst = std::max(worst, std::abs(found[p] - f(points[std::size_t(p)])));
    }
    BOOST_TEST(worst < 1e-10);
    // by how much noise of the nodes can grow: near the least possible, which grows as sqrt(n)
    BOOST_TEST(map.cwiseAbs().rowwise().sum().maxCoeff() < 4 + degree);
  }
}

BOOST_AUTO_TEST_CASE(a_disk_s_pixels_add_up_to_the_disk) {
  const Small small;
  const ForwardModel forward = small.model();
  const auto curves = std::make_shared<EngineCurves>(small.model());
  const Eigen::VectorXd at = polar_state();
  Eigen::VectorXd disks, pixels;
  forward.evaluate(at.data(), disks, nullptr);
  for (const double blur : {0.0, 0.4}) {
    Detector camera = detector();
    camera.blur = blur;
    const auto image = std::make_shared<DiskPixels>(
        disk_pixels(camera, energy, {semiangle, 0, {}}, small.g, {}, 10));
    BOOST_TEST(image->overlapping == 0);
    CbedModel(curves, image).evaluate(at.data(), pixels, nullptr);
    for (std::size_t d = 0; d < small.disks.size(); ++d) {
      const int first = image->first[d], count = image->first[d + 1] - first;
      // pixels darker than 1 % are left out, and a disk of 140 pixels has a ragged edge
      BOOST_TEST(std::abs(image->share[d] - 1) < 0.01);
      BOOST_TEST(std::abs(pixels.segment(first, count).sum() - disks[long(d)]) <
                 0.01 * disks[long(d)]);
    }
  }
}

BOOST_AUTO_TEST_CASE(pixels_are_those_of_a_simulated_image) {
  // The same plane waves' disks by sim/cbed, laid on the detector by exact overlap of areas.
  const Small small;
  const Eigen::VectorXd at = polar_state();
  const ForwardModel forward = small.model();
  Probe probe;
  probe.energy_keV = energy;
  probe.semiangle = semiangle;
  const double step = semiangle / electron::wavelength(energy) / 40;
  const State state = state_at(small.stack.state, small.parameters, at.data());
  const ConvergentGrid grid = convergent_grid(probe, Eigen::Matrix2d::Identity() * step);
  ExitWaves waves;
  exit_waves(forward.engine(), state, incidence(grid, state), {}, waves);
  std::vector<Vec3> g;
  for (const Vec2& v : small.g) g.emplace_back(v[0], v[1], 0);
  const ConvergentPattern pattern(grid, g, state);
  const DetectorMap map(detector(), pattern.k(), pattern.cell());
  const MatrixXcd psi = waves.psi(forward.rows(), Eigen::all);
  std::vector<double> image(detector().pixels(), 0.0);
  ProbeSource source;
  source.size = std::numeric_limits<double>::infinity();  // disks do not overlap here
  map.add(pattern.intensity(psi, 0, probe, source).data(), 1, image.data());

  const auto pixels = std::make_shared<DiskPixels>(
      disk_pixels(detector(), energy, {semiangle, 0, {}}, small.g, {}, 10));
  Eigen::VectorXd found;
  CbedModel(std::make_shared<EngineCurves>(small.model()), pixels)
      .evaluate(at.data(), found, nullptr);
  double edge = 0, inside = 0, sum = 0;
  for (std::size_t i = 0; i < pixels->pixels.size(); ++i) {
    const DiskPixels::Pixel& p = pixels->pixels[i];
    const Vec2 k =
        detector().wavevector({double(p.column), double(p.row)}) - small.g[std::size_t(p.disk)];
    const double difference =
        std::abs(found[long(i)] - image[std::size_t(p.row) * 80 + std::size_t(p.column)]);
    sum += found[long(i)];
    (k.norm() * electron::wavelength(energy) < 0.85 * semiangle ? inside : edge) += difference;
  }
  BOOST_TEST_MESSAGE("difference inside " << inside / sum << ", at the edges " << edge / sum);
  // inside: the image's net of 40 steps per radius, constant within a step, and the interpolation;
  // at the edge the net and 25 points per pixel cut the circle differently
  BOOST_TEST(inside < 0.001 * sum);
  BOOST_TEST(edge < 0.015 * sum);
}

BOOST_AUTO_TEST_CASE(an_image_of_the_probe_is_as_good_as_its_formula) {
  // The image: a disk with a soft edge, off the pixels' centres and over a dark noise.
  const Small small;
  Detector camera = detector();
  camera.rotation = 0;
  const double px = camera.pixel * electron::wavelength(energy);
  const ProbeTemplate formula{semiangle, 1.2e-3, {}};
  ProbeTemplate image{0, 0, Array({32, 34})};
  for (int row = 0; row < 32; ++row)
    for (int column = 0; column < 34; ++column) {
      const double r = px * std::hypot(column - 16.25, row - 15.6);
      (*image.image)(std::size_t(row), std::size_t(column)) =
          3000 * std::clamp((semiangle - r) / 1.2e-3 + 0.5, 0.0, 1.0) + 5;
    }
  for (const Vec2& g : small.g) {
    Eigen::MatrixXd on_detector[2];
    int which = 0;
    for (const ProbeTemplate* probe : {&formula, static_cast<const ProbeTemplate*>(&image)}) {
      const DiskPixels pixels = disk_pixels(camera, energy, *probe, {g}, {}, 4);
      on_detector[which] = Eigen::MatrixXd::Zero(camera.rows, camera.columns);
      for (std::size_t i = 0; i < pixels.pixels.size(); ++i)
        on_detector[which](pixels.pixels[i].row, pixels.pixels[i].column) =
            pixels.map[0].row(long(i)).sum();
      ++which;
    }
    // bilinear interpolation rounds the two kinks of the edge, 4 pixels apart
    BOOST_TEST((on_detector[0] - on_detector[1]).cwiseAbs().sum() < 0.03);
  }
}

BOOST_AUTO_TEST_CASE(derivatives_of_pixels) {
  const Small small;
  Detector camera = detector();
  camera.blur = 0.6;
  const auto pixels = std::make_shared<DiskPixels>(
      disk_pixels(camera, energy, {semiangle, 0.2e-3, {}}, small.g, {}, 6));
  const CbedModel model(std::make_shared<EngineCurves>(small.model()), pixels);
  // exactly on the zone axis too, where derivatives along the tilt of symmetric pairs cancel
  for (const Eigen::VectorXd& at :
       {polar_state(), (Eigen::VectorXd(6) << 0, 0, 0, 0, 32, 0.6).finished()}) {
    Eigen::VectorXd I, up[2], down[2];
    Eigen::MatrixXd J;
    model.evaluate(at.data(), I, &J);
    for (int k = 0; k < 6; ++k) {
      const double h = k == 4 ? 0.02 : 2e-3;
      Eigen::VectorXd difference[2];
      for (int s = 0; s < 2; ++s) {
        Eigen::VectorXd x = at;
        x[k] += h / (s + 1);
        model.evaluate(x.data(), up[s], nullptr);
        x[k] -= 2 * h / (s + 1);
        model.evaluate(x.data(), down[s], nullptr);
        difference[s] = (up[s] - down[s]) / (2 * h / (s + 1));
      }
      const Eigen::VectorXd extrapolated = (4 * difference[1] - difference[0]) / 3;
      BOOST_TEST_INFO("parameter " << k);
      BOOST_TEST(extrapolated.norm() > 0);
      BOOST_TEST((J.col(k) - extrapolated).norm() < 1e-6 * extrapolated.norm());
    }
  }
}

BOOST_AUTO_TEST_CASE(pixels_of_two_disks_are_left_out) {
  const Small small;
  const double wide = 3.2e-3;  // disks are 5.04 mrad apart
  const DiskPixels pixels = disk_pixels(detector(), energy, {wide, 0, {}}, small.g, {}, 4);
  BOOST_TEST(pixels.overlapping > 0);
  for (const DiskPixels::Pixel& p : pixels.pixels)
    for (std::size_t d = 0; d < small.g.size(); ++d)
      if (int(d) != p.disk)
        BOOST_TEST((detector().wavevector({double(p.column), double(p.row)}) - small.g[d]).norm() *
                       electron::wavelength(energy) >
                   wide);
  // a further beam takes pixels too; one outside of the detector cannot be fitted
  BOOST_TEST(
      disk_pixels(detector(), energy, {wide, 0, {}}, {small.g[4]}, {small.g[5]}, 4).overlapping >
      0);
  BOOST_CHECK_THROW(disk_pixels(detector(), energy, {semiangle, 0, {}}, {Vec2(3, 0)}, {}, 4),
                    Error);
}

BOOST_AUTO_TEST_CASE(the_degree_of_interpolation_is_what_the_tolerance_needs) {
  const Small small;
  const EngineCurves curves(small.model());
  const InterpolationDegree coarse = interpolation_degree(curves, semiangle, 1e-2, 300),
                            fine = interpolation_degree(curves, semiangle, 1e-5, 300);
  BOOST_TEST(coarse.degree < fine.degree);
  BOOST_TEST(fine.error <= 1e-5);
  BOOST_CHECK_THROW(interpolation_degree(curves, semiangle, 1e-5, 10), Error);
}

BOOST_AUTO_TEST_CASE(a_surrogate_knows_the_rocking_curves) {
  Small small;
  small.parameters.resize(2);
  const ForwardModel forward = small.model();
  SurrogateOptions options;
  options.tolerance = 1e-3;
  const SurrogateCurves surrogate(forward, semiangle, options);
  const EngineCurves engine(forward);
  const std::vector<Vec2> offsets = disk_nodes(3, semiangle);
  const double at[2] = {1.9, -1.8};  // the aperture reaches beyond the ranges
  Eigen::MatrixXd I, exact;
  std::vector<Eigen::MatrixXd> dI, d_exact;
  surrogate.evaluate(at, offsets, I, &dI);
  engine.evaluate(at, offsets, exact, &d_exact);
  BOOST_TEST((I - exact).cwiseAbs().sum() < 2e-3 * exact.sum());
  for (int k = 0; k < 2; ++k) BOOST_TEST((dI[k] - d_exact[k]).norm() < 0.02 * d_exact[k].norm());
}

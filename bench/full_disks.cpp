// What whole disks tell more than their integrals, on the SrTiO3/PbTiO3/SrTiO3 stack of the
// demonstration: prints rows for bench/plot_full_disks.py, Cramér-Rao limits of the polarization
// with one thickness unknown and with all three. Argument: number of random truths.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "core/electron.hpp"
#include "core/parallel.hpp"
#include "fit/uncertainty.hpp"
#include "model/cbed_model.hpp"
#include "tests/model/demo_stack.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double dose = 1e5, energy = 300, pixel_mrad = 0.25, tilt = 3;
constexpr int parameters = 7;  // tilts, polarization, three thicknesses

struct Case {
  DemoStack stack;
  std::shared_ptr<const DiskModel> disks, pixels;
  std::size_t pixel_count = 0, directions = 0;
  double interpolation_error = 0;

  Case(double thickness, double semiangle) {
    for (Layer& layer : stack.state.layers) layer.thickness = thickness / 3;
    std::vector<Hkl> hkl;
    std::vector<Vec2> g;
    for (int h = -4; h <= 4; ++h)
      for (int k = -4; k <= 4; ++k) {
        const Vec2 at = stack.state.crystals[0].crystal.cell.g({h, k, 0}).v.head<2>();
        if (at.norm() > 1.21) continue;
        hkl.push_back({h, k, 0});
        g.push_back(at);
      }
    SplitStepOptions options;
    options.slice_A = 2;
    const ForwardModel model(stack.state, stack.engine(hkl, options), hkl,
                             stack.parameters(tilt, 1.2, {0, 1, 2}, 12), semiangle,
                             disk_aperture_degree(semiangle, 1.21, thickness));
    disks = std::make_shared<ForwardModel>(model);
    const auto curves = std::make_shared<EngineCurves>(model);
    const InterpolationDegree degree = interpolation_degree(*curves, semiangle, 3e-3, 300);
    Detector detector;
    detector.rows = detector.columns = 220;
    detector.pixel = pixel_mrad * 1e-3 / electron::wavelength(energy);
    const auto map = std::make_shared<const DiskPixels>(
        disk_pixels(detector, energy, {semiangle, 0, {}}, g, {}, degree.degree));
    pixel_count = map->pixels.size();
    directions = map->nodes.size();
    interpolation_error = degree.error;
    pixels = std::make_shared<CbedModel>(curves, map);
  }
};

/// The model's own prediction as data.
DiskData expected(const DiskModel& model, const Eigen::VectorXd& truth) {
  DiskData data;
  data.dose = dose;
  model.evaluate(truth.data(), data.intensity, nullptr);
  data.intensity *= dose;
  return data;
}

/// Cramér-Rao limits of the polarization, scale and background free: one thickness unknown, all.
std::pair<double, double> limits(const DiskModel& model, const Eigen::VectorXd& truth) {
  Solution at;
  at.values = truth;
  const Eigen::MatrixXd J = weighted_jacobian(model, expected(model, truth), at, nullptr, nullptr);
  const auto of = [&](const std::vector<int>& free) {
    const Eigen::MatrixXd covariance = cramer_rao(J, free);
    return std::sqrt((covariance(2, 2) + covariance(3, 3)) / 2);
  };
  return {of({0, 1, 2, 3, 4, 7, 8}), of({0, 1, 2, 3, 4, 5, 6, 7, 8})};
}

}  // namespace

int main(int argc, char** argv) {
  const int truths = argc > 1 ? std::atoi(argv[1]) : 40;
  std::puts("# thickness_A semiangle_mrad truth one:disks one:pixels three:disks three:pixels");
  for (const double semiangle : {1.0, 1.75, 2.4})
    for (const double thickness : {100.0, 188.0, 300.0, 400.0}) {
      const Case c(thickness, semiangle * 1e-3);
      std::fprintf(stderr, "%g A, %g mrad: %zu pixels, %zu directions, interpolation %.1e\n",
                   thickness, semiangle, c.pixel_count, c.directions, c.interpolation_error);
      std::vector<std::string> lines(static_cast<std::size_t>(truths));
      parallel_for(truths, [&](long i, int) {
        std::mt19937 random(unsigned(100 + i));
        std::uniform_real_distribution<double> uniform(-1, 1);
        Eigen::VectorXd truth(parameters);
        truth << tilt * uniform(random), tilt * uniform(random), uniform(random), uniform(random),
            Eigen::VectorXd::Constant(3, thickness / 3 + 10 * uniform(random));
        const auto [one, three] = limits(*c.disks, truth);
        const auto [one_pixels, three_pixels] = limits(*c.pixels, truth);
        char line[160];
        std::snprintf(line, sizeof line, "%g %g %ld %.4e %.4e %.4e %.4e", thickness, semiangle, i,
                      one, one_pixels, three, three_pixels);
        lines[std::size_t(i)] = line;
      });
      for (const std::string& line : lines) std::puts(line.c_str());
      std::fflush(stdout);
    }
}

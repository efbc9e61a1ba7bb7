// Prints tables of docs/accuracy.md: what each setting of the engines costs in accuracy. R1 =
// Σ|ΔI|/ΣI over the beams within 1.2 1/Å.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <random>

#include "crystal/orientation.hpp"
#include "model/surrogate.hpp"
#include "sim/prism.hpp"
#include "tests/model/demo_stack.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

using Eigen::VectorXd;

double r1(const VectorXd& a, const VectorXd& b) { return (a - b).cwiseAbs().sum() / b.sum(); }

struct Spread {
  double sum = 0, largest = 0;
  int count = 0;
  void add(double x) { sum += x, largest = std::max(largest, x), ++count; }
  std::string text() const {
    char buffer[60];
    std::snprintf(buffer, sizeof buffer, "%.1e (largest %.1e)", sum / count, largest);
    return buffer;
  }
};

SplitStepOptions splitstep(double g_max, double slice, bool zero_order_only = false) {
  SplitStepOptions options;
  options.g_max = g_max;
  options.slice_A = slice;
  options.zero_order_only = zero_order_only;
  return options;
}

/// Intensities of `compared`, all among the engine's beams.
template <class Engine>
VectorXd intensities(const Engine& engine, const State& state, const Beams& compared) {
  ExitWaves waves;
  engine.exit_waves(state, {Vec2(0, 0)}, {}, waves);
  VectorXd result(compared.size());
  for (std::size_t i = 0; i < compared.size(); ++i)
    result[i] = std::norm(waves.psi(engine.beams().index(compared.hkl[i]), 0));
  return result;
}

std::vector<State> tilted(const Crystal& crystal, const Vec3& beam, const Vec3& x,
                          double thickness) {
  std::vector<State> states;
  for (const Vec2& tilt : {Vec2(0, 0), Vec2(4e-3, -2.5e-3), Vec2(-6e-3, 1e-3), Vec2(3e-3, 8e-3)}) {
    State state;
    state.beam_tilt = tilt;
    state.crystals = {{crystal, orientation(crystal.cell, beam, x)}};
    state.layers = {{0, thickness}};
    states.push_back(state);
  }
  return states;
}

void bloch_truncation(const char* name, const std::vector<State>& states) {
  for (const Absorption absorption : {Absorption::none, Absorption::weickenmeier_kohl}) {
    std::printf("\n%s, %g A, %s: Bloch waves in the zero-order zone against split-step, R1\n", name,
                states[0].layers[0].thickness,
                absorption == Absorption::none ? "no absorption" : "Weickenmeier-Kohl");
    for (const double g_max : {1.5, 2.0, 2.5, 3.0, 3.5}) {
      Spread spread;
      std::size_t beams = 0;
      for (const State& state : states) {
        const Beams compared = zone_beams(state, 1.2);
        SplitStepOptions options = splitstep(6, 0.25, true);
        options.potential.absorption = absorption;
        const Bloch bloch(state, zone_beams(state, g_max), {options.potential});
        beams = bloch.beams().size();
        spread.add(r1(intensities(bloch, state, compared),
                      intensities(SplitStep(state, compared, options), state, compared)));
      }
      std::printf("  g_max %.1f, %zu beams: %s\n", g_max, beams, spread.text().c_str());
    }
  }
  std::printf("\n%s: Bloch waves with higher-order zones against split-step with them, R1\n", name);
  for (const double g_max : {2.5, 4.0, 5.5})
    for (const double sg_max : {0.02, 0.05, 0.1, 0.25, 0.35}) {
      Spread spread;
      std::size_t beams = 0;
      for (const State& state : states) {
        const Beams compared = zone_beams(state, 1.2);
        BeamSelection selection;
        selection.g_max = g_max;
        selection.sg_max = sg_max;
        std::vector<Hkl> hkl = select_beams(state, {}, selection).hkl;
        for (const Hkl& wanted : compared.hkl)
          if (std::find(hkl.begin(), hkl.end(), wanted) == hkl.end()) hkl.push_back(wanted);
        beams = std::max(beams, hkl.size());
        if (hkl.size() > 1200) continue;
        spread.add(
            r1(intensities(Bloch(state, beams_from_hkl(state, hkl), {}), state, compared),
               intensities(SplitStep(state, compared, splitstep(6, 0.125)), state, compared)));
      }
      if (spread.count)
        std::printf("  g_max %.1f, sg_max %.2f, up to %zu beams: %s\n", g_max, sg_max, beams,
                    spread.text().c_str());
    }
}

/// Random points of the demonstration's box, wider in tilt.
std::vector<VectorXd> points(const std::vector<Parameter>& parameters, int count) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<VectorXd> result(count, VectorXd(parameters.size()));
  for (VectorXd& point : result)
    for (std::size_t k = 0; k < parameters.size(); ++k)
      point[k] =
          parameters[k].lower + uniform(random) * (parameters[k].upper - parameters[k].lower);
  return result;
}

void stack_settings() {
  const DemoStack stack;
  const std::vector<Hkl> disks = zone_beams(stack.state, 1.2).hkl;
  const std::vector<Parameter> parameters = stack.parameters(8, 1.2, {}, 0);
  const std::vector<VectorXd> where = points(parameters, 20);
  const auto model = [&](const SplitStepOptions& options, double semiangle, int degree) {
    return ForwardModel(stack.state, stack.engine(disks, options), disks, parameters, semiangle,
                        degree);
  };
  const auto compare = [&](const ForwardModel& a, const ForwardModel& b) {
    Spread spread;
    VectorXd intensity, reference;
    for (const VectorXd& point : where) {
      a.evaluate(point.data(), intensity, nullptr);
      b.evaluate(point.data(), reference, nullptr);
      spread.add(r1(intensity, reference));
    }
    return spread.text();
  };

  std::printf(
      "\nSrTiO3/PbTiO3/SrTiO3, 188.96 A, tilts to 8 mrad, rho to 1.2: aperture, R1 against degree "
      "21\n");
  for (const double mrad : {1.0, 1.75, 3.0, 5.0})
    for (const int degree : {1, 3, 5, 7, 11})
      std::printf("  %g mrad, degree %d: %s\n", mrad, degree,
                  compare(model({}, mrad * 1e-3, degree), model({}, mrad * 1e-3, 21)).c_str());

  std::printf("\nthe same stack, plane wave: R1 against g_max 6, slices of 0.125 A\n");
  const ForwardModel fine = model(splitstep(6, 0.125), 0, 1);
  for (const double slice : {4.0, 2.0, 1.0, 0.5, 0.25})
    std::printf("  g_max 4, slices of %g A: %s\n", slice,
                compare(model(splitstep(4, slice), 0, 1), fine).c_str());
  for (const double g_max : {2.0, 3.0, 4.0, 5.0})
    std::printf("  g_max %g, slices of 0.125 A: %s\n", g_max,
                compare(model(splitstep(g_max, 0.125), 0, 1), fine).c_str());
  std::printf("  zero-order zone only: %s\n",
              compare(model(splitstep(6, 0.25, true), 0, 1), fine).c_str());
  for (const double slice : {4.0, 2.0, 1.0})
    std::printf(
        "  zero-order zone only, slices of %g A against 0.25 A: %s\n", slice,
        compare(model(splitstep(4, slice, true), 0, 1), model(splitstep(4, 0.25, true), 0, 1))
            .c_str());
  SplitStepOptions vacuum = splitstep(6, 0.125);
  vacuum.refraction = false;
  std::printf("  without refraction: %s\n", compare(model(vacuum, 0, 1), fine).c_str());

  std::printf(
      "\nsurrogate of the demonstration (tilts to 5 mrad, rho to 1.2, thickness of layer 1 +- 2 "
      "cells)\n");
  const ForwardModel demo(stack.state, stack.engine(disks, {}), disks,
                          stack.parameters(5, 1.2, {0}, 2 * 3.905), 1.75e-3, 3);
  const Surrogate surrogate(demo, {});
  Spread spread;
  VectorXd intensity, reference;
  for (const VectorXd& point : points(demo.parameters(), 200)) {
    surrogate.evaluate(point.data(), intensity, nullptr);
    demo.evaluate(point.data(), reference, nullptr);
    spread.add(r1(intensity, reference));
  }
  const SurrogateCertificate& c = surrogate.certificate();
  std::printf("  certificate, %d points: %.1e (largest %.1e); 200 other points: %s\n", c.points,
              c.r1_mean, c.r1_max, spread.text().c_str());
}

/// The model at the true parameters against the shipped simulation, an independent multislice.
void shipped_scan() {
  const DemoStack stack;
  const DemoScan scan("sto_pto_vortex.h5");
  const hdf5::InputFile file(PENDEL_SOURCE_DIR "/data/scans/sto_pto_vortex.h5");
  const Array scale = file.read("truth/scale");
  const std::vector<Parameter> parameters = stack.parameters(5, 1.2, {0, 1, 2}, 2 * 3.905);
  std::printf("\nmodel at the truth against data/scans/sto_pto_vortex.h5, noise-free, R1\n");
  const auto row = [&](const SplitStepOptions& options, int degree) {
    const ForwardModel model(stack.state, stack.engine(scan.hkl, options), scan.hkl, parameters,
                             1.75e-3, degree);
    Spread spread;
    VectorXd intensity;
    for (std::size_t i = 0; i < scan.truth.size(); i += 13) {
      model.evaluate(scan.truth[i].data(), intensity, nullptr);
      spread.add(r1(intensity, (scan.expected[i].intensity.array() - 2) / (1e5 * scale.values[i])));
    }
    std::printf("  g_max %g, slices of %g A, degree %d%s: %s\n", options.g_max, options.slice_A,
                degree, options.zero_order_only ? ", zero-order zone only" : "",
                spread.text().c_str());
  };
  row({}, 3);
  row(splitstep(4, 2, true), 3);
  row(splitstep(4, 0.5), 3);
  row(splitstep(6, 0.125), 3);
  row(splitstep(6, 0.125), 9);
}

/// PRISM with few parents against PRISM of every plane wave, and the time of both.
void partitioned_prism() {
  const double a = 3.905;
  AtomicModel model;
  model.box = {4 * a, 4 * a, 20 * a};
  const std::vector<Atom> cell{{38, {0, 0, .25}, 1, .6214},
                               {22, {.5, .5, .75}, 1, .4398},
                               {8, {.5, .5, .25}, 1, .7323},
                               {8, {.5, 0, .75}, 1, .7323},
                               {8, {0, .5, .75}, 1, .7323}};
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 20; ++k)
        for (Atom atom : cell) {
          atom.position = a * (atom.position + Vec3(i, j, k));
          model.atoms.push_back(atom);
        }
  SlicedPotentialOptions slicing;
  slicing.slice_A = a / 2;
  const WaveGrid grid{128, 128, model.box.x(), model.box.y()};
  const auto potential = std::make_shared<SlicedPotential>(model, grid, 300, slicing);
  MultisliceOptions thicknesses;
  thicknesses.thicknesses = {10 * a, 20 * a};
  const Multislice<float> multislice(potential, thicknesses);
  Probe probe;
  probe.semiangle = 0.018;
  probe.edge = 0.001;
  probe.aberrations = {{1, 0, -40, 0}, {2, 1, 300, 1.1}};
  const std::vector<Vec2> positions{{0.3, 7.2}, {5.1, 4.4}, {11.4, 0.2}, {2.2, 9.7}};
  const double lambda = electron::wavelength(300), k_max = 1.7, dark = 1.5 * 0.018 / lambda;

  struct Run {
    std::vector<std::vector<double>> intensity;  // per thickness
    std::vector<double> dark_field;              // per thickness and position
    std::size_t plane_waves;
    double matrix_s, position_s;
  };
  const auto run = [&](int rings) {
    Run result;
    PrismOptions options;
    options.semiangle = outer_semiangle(probe);
    options.k_max = k_max;
    options.partition_rings = rings;
    const std::clock_t start = std::clock();
    const ScatteringMatrix<float> matrix(multislice, options);
    const std::clock_t made = std::clock();
    const WaveGrid& window = matrix.pattern_grid();
    for (const int t : {0, 1}) {
      std::vector<float> patterns(window.size() * positions.size());
      matrix.patterns(probe, positions, t, patterns.data());
      result.intensity.emplace_back();
      for (std::size_t i = 0; i < positions.size(); ++i) {
        double sum = 0;
        for (int k = -int(k_max * window.ly); k <= int(k_max * window.ly); ++k)
          for (int h = -int(k_max * window.lx); h <= int(k_max * window.lx); ++h) {
            const double I =
                patterns[i * window.size() + std::size_t((k + window.ny) % window.ny) * window.nx +
                         std::size_t((h + window.nx) % window.nx)];
            const double norm = Vec2(h / window.lx, k / window.ly).norm();
            result.intensity.back().push_back(I);
            if (norm > dark && norm < k_max) sum += I;
          }
        result.dark_field.push_back(sum);
      }
    }
    result.plane_waves = matrix.layout().parents.size();
    result.matrix_s = double(made - start) / CLOCKS_PER_SEC;
    result.position_s =
        double(std::clock() - made) / CLOCKS_PER_SEC / (2 * double(positions.size()));
    return result;
  };
  std::printf(
      "\npartitioned PRISM, SrTiO3 [001], 300 kV, 18 mrad, box 15.6 A: R1 of patterns and "
      "largest relative error of the dark field, 39 and 78 A; CPU\n");
  const Run plain = run(0);
  for (const int rings : {0, 1, 2, 3, 4, 6, 8}) {
    const Run found = rings ? run(rings) : plain;
    std::printf("  %4zu plane waves:", found.plane_waves);
    for (const int t : {0, 1}) {
      double difference = 0, sum = 0, worst = 0;
      for (std::size_t i = 0; i < plain.intensity[t].size(); ++i) {
        difference += std::abs(found.intensity[t][i] - plain.intensity[t][i]);
        sum += plain.intensity[t][i];
      }
      for (std::size_t i = t * positions.size(); i < (t + 1) * positions.size(); ++i)
        worst = std::max(worst, std::abs(found.dark_field[i] / plain.dark_field[i] - 1));
      std::printf(" %.1e; %.1e ", difference / sum, worst);
    }
    std::printf(" matrix %.2f s, position %.1f ms\n", found.matrix_s, 1e3 * found.position_s);
  }
}

}  // namespace

int main() {
  partitioned_prism();
  const std::string data = PENDEL_SOURCE_DIR "/data/cif/";
  bloch_truncation("SrTiO3 [001]",
                   tilted(read_cif(data + "SrTiO3.cif"), {0, 0, 1}, {1, 0, 0}, 51 * 3.905));
  bloch_truncation("PbTiO3 [100]",
                   tilted(read_cif(data + "PbTiO3.cif"), {1, 0, 0}, {0, 1, 0}, 51 * 3.904));
  stack_settings();
  shipped_scan();
}

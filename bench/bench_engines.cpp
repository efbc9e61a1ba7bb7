// Time of one incident direction, amplitudes alone and with derivatives along five parameters (two
// tilts, thickness, two displacement modes), or these and a Debye-Waller factor; 200 Å, 300 kV.
#include <benchmark/benchmark.h>

#include "crystal/orientation.hpp"
#include "model/parameter.hpp"
#include "sim/engine.hpp"
#include "tests/model/demo_stack.hpp"

using namespace pendel;

namespace {

struct Specimen {
  State state;
  std::vector<StateTangent> tangents;

  // centrosymmetric: SrTiO3, else polar PbTiO3; beam along [001], tilted
  explicit Specimen(bool centrosymmetric) {
    const test::DemoStack stack;
    const Crystal& pto = stack.state.crystals[1].crystal;
    const Crystal crystal = centrosymmetric ? read_cif(PENDEL_SOURCE_DIR "/data/cif/SrTiO3.cif")
                                            : moved(pto, stack.mode_x, 1);
    state.beam_tilt = {4e-3, -2.5e-3};
    state.crystals = {{crystal, Mat3::Identity()}};
    state.layers = {{0, 200}};
    tangents = {tilt_direction(0), tilt_direction(1), thickness_direction(state, 0)};
    for (const Vec3& shift : {Vec3(0.1, 0, 0), Vec3(0, 0.1, 0)}) {
      CrystalTangent mode;
      for (std::size_t i = 0; i < crystal.sites.size(); ++i)
        mode.displacement.push_back(double(i) * shift);
      tangents.push_back(crystal_direction(state, 0, mode));
    }
    tangents.push_back(crystal_direction(state, 0, debye_waller_direction(crystal, 22)));
  }
};

template <class Engine>
void run(benchmark::State& timer, const Engine& engine, const Specimen& specimen,
         long derivatives) {
  const std::vector<StateTangent> tangents(specimen.tangents.begin(),
                                           specimen.tangents.begin() + derivatives);
  ExitWaves waves;
  for (auto _ : timer) {
    engine.exit_waves(specimen.state, {Vec2(0, 0)}, tangents, waves);
    benchmark::DoNotOptimize(waves.psi.data());
  }
}

PotentialOptions potential(bool absorbing) {
  PotentialOptions options;
  if (absorbing) options.absorption = Absorption::weickenmeier_kohl;
  return options;
}

/// g_max in 1/100 Å, derivatives, absorption.
void bloch(benchmark::State& timer, bool centrosymmetric) {
  const Specimen specimen(centrosymmetric);
  const Bloch engine(specimen.state, zone_beams(specimen.state, 0.01 * double(timer.range(0))),
                     {potential(timer.range(2))});
  run(timer, engine, specimen, timer.range(1));
  timer.counters["beams"] = double(engine.beams().size());
}
void bloch_centrosymmetric(benchmark::State& timer) { bloch(timer, true); }
void bloch_polar(benchmark::State& timer) { bloch(timer, false); }

/// Slice in 1/100 Å, derivatives, absorption; as many plane waves as a grid of g_max 4 1/Å has.
void splitstep(benchmark::State& timer) {
  const Specimen specimen(false);
  SplitStepOptions options;
  options.slice_A = 0.01 * double(timer.range(0));
  options.potential = potential(timer.range(2));
  const SplitStep engine(specimen.state, zone_beams(specimen.state, 1.2), options);
  run(timer, engine, specimen, timer.range(1));
  timer.counters["beams"] = double(engine.grid().size());
}

}  // namespace

BENCHMARK(bloch_centrosymmetric)
    ->ArgNames({"g", "derivatives", "absorption"})
    ->ArgsProduct({{143, 205, 250}, {0, 5}, {0}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(bloch_polar)
    ->ArgNames({"g", "derivatives", "absorption"})
    ->ArgsProduct({{143, 205, 250}, {0, 5}, {0, 1}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(splitstep)
    ->ArgNames({"slice", "derivatives", "absorption"})
    ->ArgsProduct({{200, 50}, {0, 5, 6}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

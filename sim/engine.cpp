#include "sim/engine.hpp"

#include <algorithm>
#include <numeric>

#include "core/parallel.hpp"

namespace pendel {

void thickness_series(const Engine& engine, const State& state, const std::vector<Vec2>& incidence,
                      int layer, const std::vector<double>& thicknesses, const SeriesSink& sink) {
  if (const Bloch* bloch = std::get_if<Bloch>(&engine)) {
    bloch->thickness_series(state, incidence, layer, thicknesses, sink);
    return;
  }
  if (const SplitStep* split_step = std::get_if<SplitStep>(&engine)) {
    split_step->thickness_series(state, incidence, layer, thicknesses, sink);
    return;
  }
  constexpr std::size_t block = 32;  // directions of one job
  const std::size_t blocks = (incidence.size() + block - 1) / block;
  parallel_for(long(blocks * thicknesses.size()), [&](long job, int) {
    const std::size_t t = std::size_t(job) % thicknesses.size(),
                      first = std::size_t(job) / thicknesses.size() * block;
    std::vector<std::size_t> directions(std::min(block, incidence.size() - first));
    std::iota(directions.begin(), directions.end(), first);
    State thick = state;
    thick.layers[std::size_t(layer)].thickness = thicknesses[t];
    ExitWaves waves;
    exit_waves(
        engine, thick,
        {incidence.begin() + long(first), incidence.begin() + long(first + directions.size())}, {},
        waves);
    sink(t, directions, waves.psi);
  });
}

}  // namespace pendel

#include "studies/pattern.hpp"

#include <algorithm>
#include <cstdio>

#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "model/aperture.hpp"
#include "studies/engine.hpp"
#include "studies/interrupt.hpp"

namespace pendel {

namespace {

std::vector<Vec2> tilts_of(const PatternOptions& options) {  // rad
  std::vector<Vec2> tilts;
  if (options.tilts_mrad)
    for (const Vec2& tilt : *options.tilts_mrad) tilts.push_back(tilt * 1e-3);
  if (options.tilt_grid) {
    const int n = options.tilt_grid->points;
    const double half = options.tilt_grid->half_width_mrad * 1e-3;
    for (int row = 0; row < n; ++row)
      for (int column = 0; column < n; ++column)
        tilts.emplace_back(half * (2.0 * column / (n - 1) - 1), half * (2.0 * row / (n - 1) - 1));
  }
  if (tilts.empty()) tilts.push_back(Vec2::Zero());
  return tilts;
}

double total_thickness(const State& state) {
  double total = 0;
  for (const Layer& layer : state.layers) total += layer.thickness;
  return total;
}

// What is calculated, made from the options and the files once.
struct Plan {
  Specimen specimen;
  int layer;
  std::vector<double> thicknesses;  // of that layer, Å
  std::vector<Vec2> tilts;          // rad
  std::vector<Hkl> hkl;
  EngineWithBeams engine;
  Aperture aperture;

  explicit Plan(const PatternStudy& study)
      : specimen(build_specimen(study.crystals, study.specimen, study.beam, study.engine)),
        layer(study.pattern.thickness_layer - 1),
        thicknesses(study.pattern.thicknesses_A),
        tilts(tilts_of(study.pattern)),
        hkl(available_beams(specimen.state, study.engine, study.pattern.g_max_invA)),
        engine(make_engine(specimen.state, hkl, study.engine)) {
    if (thicknesses.empty()) thicknesses.push_back(specimen.state.layers[layer].thickness);
    State thickest = specimen.state;
    thickest.layers[layer].thickness = *std::max_element(thicknesses.begin(), thicknesses.end());
    const double semiangle = study.beam.semiangle_mrad * 1e-3;
    aperture = disk_aperture(semiangle, disk_aperture_degree(semiangle, study.pattern.g_max_invA,
                                                             total_thickness(thickest)));
  }
};

Array beam_table(const Beams& beams, const std::vector<int>& index, bool indices) {
  Array table({index.size(), 3});
  for (std::size_t i = 0; i < index.size(); ++i) {
    const Vec3 row = indices ? beams.hkl[index[i]].vec() : beams.g[index[i]];
    for (int j = 0; j < 3; ++j) table(i, j) = row[j];
  }
  return table;
}

}  // namespace

PatternStudy PatternStudy::example(const std::string& data) {
  PatternStudy study;
  study.crystals["STO"].cif.given = data + "/cif/SrTiO3.cif";
  study.specimen.beam_direction = Vec3(0, 0, 1);
  LayerOptions layer;
  layer.crystal = "STO";
  layer.cells = 50;
  study.specimen.layers = {layer};
  study.pattern.thicknesses_A = {50, 100, 150, 200};
  return study;
}

void PatternStudy::check(Problems& problems) const {
  check_specimen(crystals, specimen, problems);
  if (pattern.thickness_layer > int(specimen.layers.size()))
    problems.add("pattern.thickness_layer",
                 "is " + std::to_string(pattern.thickness_layer) + "; allowed: 1 to " +
                     std::to_string(specimen.layers.size()) + ", the number of layers");
  if (pattern.tilts_mrad && pattern.tilt_grid)
    problems.add("pattern", "tilts_mrad and tilt_grid are both given; give one of them");
  if (pattern.tilts_mrad && pattern.tilts_mrad->empty())
    problems.add("pattern.tilts_mrad", "is empty; at least one tilt is needed");
}

void PatternStudy::run(RunContext& context) const {
  const Plan plan(*this);
  for (const std::string& file : plan.specimen.files) context.provenance.add_input(file);
  context.say(specimen_summary(plan.specimen));
  context.say(engine_summary(plan.specimen.state, engine));
  context.say("pattern: " + std::to_string(plan.hkl.size()) + " beams, " +
              std::to_string(plan.thicknesses.size()) + " thicknesses, " +
              std::to_string(plan.tilts.size()) + " tilts, " +
              std::to_string(plan.aperture.offsets.size()) + " directions in the aperture");
  if (!context.begin()) return;

  const std::size_t tilts = plan.tilts.size(), thicknesses = plan.thicknesses.size(),
                    count = plan.hkl.size();
  const bool series = pattern.tilts_mrad || pattern.tilt_grid;
  std::vector<std::size_t> shape = {thicknesses, count};
  if (series) shape.insert(shape.begin(), tilts);
  Array intensity(shape), real(shape), imaginary(shape);

  // One job per tilt and thickness. The axis of the illumination comes first; its amplitude is
  // kept.
  Progress progress("pattern", long(tilts * thicknesses), context.quiet);
  parallel_for(long(tilts * thicknesses), [&](long job, int) {
    if (interrupted()) throw Error(ErrorKind::interrupted, "interrupted; nothing is written");
    State state = plan.specimen.state;
    state.layers[plan.layer].thickness = plan.thicknesses[job % thicknesses];
    state.beam_tilt += plan.tilts[job / thicknesses];
    std::vector<Vec2> incidence = {Vec2::Zero()};
    incidence.insert(incidence.end(), plan.aperture.offsets.begin(), plan.aperture.offsets.end());
    ExitWaves waves;
    exit_waves(plan.engine.engine, state, incidence, {}, waves);
    for (std::size_t i = 0; i < count; ++i) {
      const auto psi = waves.psi.row(plan.engine.index[i]);
      real(job, i) = psi[0].real();
      imaginary(job, i) = psi[0].imag();
      for (std::size_t q = 0; q < plan.aperture.offsets.size(); ++q)
        intensity(job, i) += plan.aperture.weights[q] * std::norm(psi[q + 1]);
    }
    progress.advance();
  });

  EmdWriter result("pendel");
  const EmdAxis beam_axis = index_axis("beam", count);
  std::vector<EmdAxis> axes = {{"thickness", "Å", plan.thicknesses}, beam_axis};
  if (series) axes.insert(axes.begin(), index_axis("tilt", tilts));
  const Beams& beams = pendel::beams(plan.engine.engine);
  result.array("intensity", intensity, "", axes,
               "mean of |amplitude|² over the illumination, incident intensity 1");
  result.array("amplitude_real", real, "", axes, "exit amplitude on the axis of the illumination");
  result.array("amplitude_imaginary", imaginary, "", axes,
               "exit amplitude on the axis of the illumination");
  result.array("hkl", beam_table(beams, plan.engine.index, true), "",
               {beam_axis, index_axis("index", 3)}, "Miller indices in the first layer's crystal",
               hdf5::Stored::int32);
  result.array("g", beam_table(beams, plan.engine.index, false), "1/Å",
               {beam_axis, index_axis("component", 3)},
               "scattering vector, lab x (columns), y (rows), z (along the beam)");
  Array tilt_table({tilts, 2});
  for (std::size_t i = 0; i < tilts; ++i)
    for (int axis = 0; axis < 2; ++axis)
      tilt_table(i, axis) = (plan.specimen.state.beam_tilt[axis] + plan.tilts[i][axis]) * 1e3;
  result.array("beam_tilt", tilt_table, "mrad",
               {index_axis("tilt", tilts), index_axis("component", 2)},
               "direction of the incident beam, lab x and y, the crystal fixed");
  context.save(result);

  const auto flux = [&](std::size_t row) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += intensity(row, i);
    return sum;
  };
  char line[120];
  std::snprintf(line, sizeof line,
                "intensity in these beams: %.5f to %.5f of the incident beam; %.2f s CPU", flux(0),
                flux(intensity.rows() - 1), context.provenance.cpu_seconds());
  context.say(line);
}

}  // namespace pendel

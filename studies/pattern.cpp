#include "studies/pattern.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/progress.hpp"
#include "io/checkpoint.hpp"
#include "model/aperture.hpp"
#include "sim/ewald.hpp"
#include "sim/kinematical_pattern.hpp"
#include "studies/certificate.hpp"
#include "studies/direction_engines.hpp"

namespace pendel {

namespace {

// What is calculated, made from the options and the files once.
struct Task {
  Specimen specimen;
  State thickest;
  int layer;
  std::vector<double> thicknesses;  // of that layer, Å
  std::vector<Vec2> tilts;          // rad
  Aperture illumination;            // its axis is no part of it, unless it is all of it

  explicit Task(const PatternStudy& study)
      : specimen(build_specimen(study.crystals, study.specimen, study.beam, study.engine)),
        layer(study.pattern.thickness_layer - 1),
        thicknesses(thicknesses_of(study.pattern.thicknesses_A, study.pattern.thickness_series)),
        tilts(
            tilts_of(study.pattern.tilts_mrad, study.pattern.tilt_grid, study.pattern.tilt_line)) {
    if (thicknesses.empty()) thicknesses.push_back(specimen.state.layers[layer].thickness);
    thickest = specimen.state;
    thickest.layers[layer].thickness = *std::max_element(thicknesses.begin(), thicknesses.end());
    const double semiangle = study.beam.semiangle_mrad * 1e-3, g = study.pattern.g_max_invA,
                 thickness = total_thickness(thickest);
    illumination = combined(disk_aperture(semiangle, disk_aperture_degree(semiangle, g, thickness)),
                            hollow_cone(study.pattern.precession_mrad * 1e-3, g, thickness));
  }
  // Of some tilts: the axis, then every offset of the illumination.
  std::vector<Vec2> directions(const std::vector<Vec2>& some) const {
    std::vector<Vec2> offsets = {Vec2::Zero()}, all;
    if (illumination.offsets.size() > 1)
      offsets.insert(offsets.end(), illumination.offsets.begin(), illumination.offsets.end());
    for (const Vec2& tilt : some)
      for (const Vec2& offset : offsets) all.push_back(tilt + offset);
    return all;
  }
};

WantedBeams wanted_beams(const PatternOptions& options) {
  WantedBeams wanted;
  wanted.g_max = options.g_max_invA;
  if (options.beams) {
    wanted.hkl.emplace();
    for (const auto& [h, k, l] : *options.beams) wanted.hkl->push_back({h, k, l});
  }
  return wanted;
}

struct Plan : Task {
  DirectionEngines engines;
  Plan(const PatternStudy& study, bool quiet)
      : Task(study),
        engines(thickest, study.engine, directions(tilts), wanted_beams(study.pattern), quiet) {}
};

// One tilt's (thickness, beam) intensities, and real and imaginary parts on the axis.
struct TiltPatterns {
  std::size_t size;  // thicknesses × beams
  std::vector<double> values;
  explicit TiltPatterns(std::size_t size_) : size(size_), values(3 * size_) {}
  double& intensity(std::size_t i) { return values[i]; }
  double& real(std::size_t i) { return values[size + i]; }
  double& imaginary(std::size_t i) { return values[2 * size + i]; }
};

// Patterns of some tilts (offsets to the state's). The sum over the illumination has a fixed order.
std::vector<TiltPatterns> calculate(const Task& task, DirectionEngines& engines,
                                    const std::vector<Vec2>& tilts, Progress* progress = nullptr) {
  const std::vector<Vec2> incidence = task.directions(tilts);
  const std::size_t count = engines.beams().size(), thicknesses = task.thicknesses.size(),
                    offsets = incidence.size() / tilts.size();
  std::vector<MatrixXcd> psi(thicknesses, MatrixXcd(count, incidence.size()));
  engines.thickness_series(
      task.specimen.state, incidence, task.layer, task.thicknesses,
      [&](std::size_t t, const std::vector<std::size_t>& directions, const MatrixXcd& waves) {
        for (std::size_t d = 0; d < directions.size(); ++d)
          psi[t].col(long(directions[d])) = waves.col(long(d));
        if (progress) progress->advance(long(directions.size()));
      });

  std::vector<TiltPatterns> patterns(tilts.size(), TiltPatterns(thicknesses * count));
  for (std::size_t tilt = 0; tilt < tilts.size(); ++tilt)
    for (std::size_t t = 0; t < thicknesses; ++t)
      for (std::size_t i = 0; i < count; ++i) {
        const complex* of_beam = &psi[t](long(i), long(tilt * offsets));
        const std::size_t at = t * count + i;
        patterns[tilt].real(at) = of_beam[0].real();
        patterns[tilt].imaginary(at) = of_beam[0].imag();
        double sum = offsets == 1 ? std::norm(of_beam[0]) : 0;
        for (std::size_t q = 1; q < offsets; ++q)
          sum += task.illumination.weights[q - 1] * std::norm(of_beam[long(q * count)]);
        patterns[tilt].intensity(at) = sum;
      }
  return patterns;
}

// The change of intensities (tilt, thickness, beam) when the engine is refined, at a few tilts.
std::vector<Refined> certify(const PatternStudy& study, const Plan& plan, const Array& intensity) {
  std::vector<Refined> certificate;
  const std::size_t count =
      std::min(plan.tilts.size(), std::size_t(study.pattern.certificate_tilts));
  if (count == 0) return certificate;
  const long size = long(intensity.size() / plan.tilts.size());
  std::vector<Vec2> tilts;
  std::vector<std::vector<double>> used;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t tilt = (2 * k + 1) * plan.tilts.size() / (2 * count);
    tilts.push_back(plan.tilts[tilt]);
    const auto begin = intensity.values.begin() + long(tilt) * size;
    used.emplace_back(begin, begin + size);
  }
  for (const Refinement& refinement : refinements(plan.specimen.state, study.engine)) {
    DirectionEngines finer = plan.engines.refined(refinement.engine);
    std::vector<std::vector<double>> refined;
    for (const TiltPatterns& pattern : calculate(plan, finer, tilts))
      refined.emplace_back(pattern.values.begin(), pattern.values.begin() + size);
    certificate.push_back(compare(refinement.what, used, refined, false));
  }
  return certificate;
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
  check_series("pattern", pattern.thicknesses_A, pattern.thickness_series, pattern.tilts_mrad,
               pattern.tilt_grid, pattern.tilt_line, problems);
  if (pattern.beams && pattern.beams->empty())
    problems.add("pattern.beams", "is empty; at least one beam is needed");
  for (std::size_t i = 0; pattern.beams && i < pattern.beams->size(); ++i)
    if (std::count(pattern.beams->begin(), pattern.beams->end(), (*pattern.beams)[i]) > 1) {
      problems.add("pattern.beams." + std::to_string(i), "is given twice");
      break;
    }
  if (pattern.cbed) check_cbed(*pattern.cbed, beam, problems);
}

void PatternStudy::run(RunContext& context) const {
  Plan plan(*this, context.quiet || context.check_only);
  for (const std::string& file : plan.specimen.files) context.provenance.add_input(file);
  if (pattern.scattering_matrix && engine_kind(plan.specimen.state, engine) != EngineKind::bloch)
    throw Error(ErrorKind::study, "pattern.scattering_matrix: is of the engine bloch");
  context.say(specimen_summary(plan.specimen));
  context.say(engine_summary(plan.specimen.state, engine));
  const std::string note = plan.engines.note();
  if (!note.empty()) context.say("bloch: " + note);
  const Beams& beams = plan.engines.beams();
  context.say("pattern: " + std::to_string(beams.size()) + " beams, " +
              std::to_string(plan.thicknesses.size()) + " thicknesses, " +
              std::to_string(plan.tilts.size()) + " tilts, " +
              std::to_string(plan.illumination.offsets.size()) + " directions in the illumination");
  if (!context.begin()) return;

  const std::size_t tilts = plan.tilts.size(), thicknesses = plan.thicknesses.size(),
                    count = beams.size();
  const bool series = pattern.tilts_mrad || pattern.tilt_grid || pattern.tilt_line;
  std::vector<std::size_t> shape = {thicknesses, count};
  if (series) shape.insert(shape.begin(), tilts);
  Array intensity(shape), real(shape), imaginary(shape);
  const auto keep = [&](std::size_t tilt, TiltPatterns& patterns) {
    for (std::size_t i = 0; i < patterns.size; ++i) {
      intensity.values[tilt * patterns.size + i] = patterns.intensity(i);
      real.values[tilt * patterns.size + i] = patterns.real(i);
      imaginary.values[tilt * patterns.size + i] = patterns.imaginary(i);
    }
  };

  context.say_what_was_left(context.partial());
  Checkpoint checkpoint(context.partial(), context.fingerprint(), 3 * thicknesses * count,
                        context.resume);
  for (const auto& [tilt, values] : checkpoint.rows()) {
    TiltPatterns patterns(thicknesses * count);
    patterns.values = values;
    keep(tilt, patterns);
  }
  // Tilts go together, as many as 256 MB of amplitudes hold, since they share work. The same ones
  // always do: a resumed run then gives the same bits.
  const std::size_t directions = plan.directions({Vec2::Zero()}).size();
  const std::size_t together = std::clamp<std::size_t>(
      std::size_t(256e6) / (sizeof(complex) * thicknesses * count * directions), 1, 4096);
  Progress progress("pattern", long(tilts * directions * thicknesses), context.quiet);
  for (std::size_t first = 0; first < tilts; first += together) {
    const std::size_t some = std::min(together, tilts - first);
    std::vector<std::size_t> missing;
    for (std::size_t k = 0; k < some; ++k)
      if (!checkpoint.rows().count(first + k)) missing.push_back(k);
    if (!missing.empty()) {
      const std::vector<Vec2> block(plan.tilts.begin() + long(first),
                                    plan.tilts.begin() + long(first + some));
      std::vector<TiltPatterns> patterns = calculate(plan, plan.engines, block, &progress);
      for (const std::size_t k : missing) {
        checkpoint.append(first + k, patterns[k].values);
        keep(first + k, patterns[k]);
      }
    } else {
      progress.advance(long(some * directions * thicknesses));
    }
  }
  const std::vector<Refined> certificate = certify(*this, plan, intensity);

  EmdWriter result("pendel");
  const EmdAxis beam_axis = index_axis("beam", count);
  std::vector<EmdAxis> axes = {{"thickness", "Å", plan.thicknesses}, beam_axis};
  if (series) axes.insert(axes.begin(), index_axis("tilt", tilts));
  result.array("intensity", intensity, "", axes,
               "mean of |amplitude|² over the illumination, incident intensity 1");
  result.array("amplitude_real", real, "", axes, "exit amplitude on the axis of the illumination");
  result.array("amplitude_imaginary", imaginary, "", axes,
               "exit amplitude on the axis of the illumination");
  result.array("hkl", array_of(beams.hkl), "", {beam_axis, index_axis("index", 3)},
               "Miller indices in the first layer's crystal", hdf5::Stored::int32);
  result.array("g", array_of(beams.g), "1/Å", {beam_axis, index_axis("component", 3)},
               "scattering vector, lab x (columns), y (rows), z (along the beam)");
  Array excitation_error({count});
  const IncidentWave wave = incident_wave(plan.specimen.state, plan.specimen.state.beam_tilt, 0);
  for (std::size_t i = 0; i < count; ++i)
    excitation_error.values[i] =
        exact_excitation_error(wave.wavevector, beams.g[i], plan.specimen.state.surface_normal);
  result.array("excitation_error", excitation_error, "1/Å", {beam_axis},
               "along the surface normal, for the beam's own tilt, without refraction");
  Array tilt_table({tilts, 2});
  for (std::size_t i = 0; i < tilts; ++i)
    for (int axis = 0; axis < 2; ++axis)
      tilt_table(i, axis) = (plan.specimen.state.beam_tilt[axis] + plan.tilts[i][axis]) * 1e3;
  result.array("beam_tilt", tilt_table, "mrad",
               {index_axis("tilt", tilts), index_axis("component", 2)},
               "direction of the incident beam, lab x and y, the crystal fixed");
  if (pattern.cbed)
    add_cbed(*pattern.cbed, plan.specimen.state, beam, plan.engines, plan.layer, plan.thicknesses,
             context, result);
  if (pattern.spots)
    add_spots(*pattern.spots, plan.specimen, pattern.precession_mrad * 1e-3, engine.scattering,
              result);
  if (pattern.scattering_matrix)
    add_scattering_matrices(plan.specimen, make_engine(plan.thickest, beams.hkl, engine),
                            plan.layer, plan.thicknesses, result);
  if (pattern.rings) add_rings(*pattern.rings, plan.specimen, engine.scattering, result);
  add_certificate(certificate, result);
  context.save(result);
  Checkpoint::remove(context.partial());

  for (const Refined& refined : certificate) context.say(certificate_line(refined, "an intensity"));
  double least = INFINITY, most = 0;
  for (std::size_t row = 0; row < intensity.rows(); ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += intensity(row, i);
    least = std::min(least, sum);
    most = std::max(most, sum);
  }
  char line[120];
  std::snprintf(line, sizeof line,
                "intensity in these beams: %.5f to %.5f of the incident beam; %.2f s CPU", least,
                most, context.provenance.cpu_seconds());
  context.say(line);
}

}  // namespace pendel

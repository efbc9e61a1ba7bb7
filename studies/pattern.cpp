#include "studies/pattern.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/progress.hpp"
#include "io/checkpoint.hpp"
#include "model/aperture.hpp"
#include "sim/ewald.hpp"
#include "sim/kinematical_pattern.hpp"
#include "studies/engine.hpp"
#include "studies/interrupt.hpp"

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
  std::vector<Hkl> hkl;

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
    hkl = available_beams(thickest, study.engine, g, outermost());
  }
  // The middle and the four extremes of the directions of incidence.
  std::vector<Vec2> outermost() const {
    std::vector<Vec2> ends(5, tilts[0]);
    ends[0] = tilts[tilts.size() / 2];
    for (const Vec2& tilt : tilts)
      for (const Vec2& offset : illumination.offsets)
        for (int k = 0; k < 4; ++k) {
          const double sign = k < 2 ? 1 : -1;
          if (sign * (tilt + offset)[k % 2] > sign * ends[std::size_t(k) + 1][k % 2])
            ends[std::size_t(k) + 1] = tilt + offset;
        }
    if (tilts.size() * illumination.offsets.size() == 1) ends.resize(1);
    return ends;
  }
  // Amplitudes of the axis, then of every offset of the illumination.
  std::vector<Vec2> directions() const {
    std::vector<Vec2> offsets = {Vec2::Zero()};
    if (illumination.offsets.size() > 1)
      offsets.insert(offsets.end(), illumination.offsets.begin(), illumination.offsets.end());
    return offsets;
  }
};

struct Plan : Task {
  EngineWithBeams engine;
  explicit Plan(const PatternStudy& study)
      : Task(study), engine(make_engine(thickest, hkl, study.engine, outermost())) {}
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
std::vector<TiltPatterns> calculate(const Plan& plan, const EngineWithBeams& engine,
                                    const std::vector<Vec2>& tilts) {
  const std::vector<Vec2> offsets = plan.directions();
  const std::size_t count = plan.hkl.size(), thicknesses = plan.thicknesses.size();
  std::vector<Vec2> incidence;
  for (const Vec2& tilt : tilts)
    for (const Vec2& offset : offsets) incidence.push_back(tilt + offset);

  std::vector<MatrixXcd> psi(thicknesses, MatrixXcd(count, incidence.size()));
  thickness_series(
      engine.engine, plan.specimen.state, incidence, plan.layer, plan.thicknesses,
      [&](std::size_t t, const std::vector<std::size_t>& directions, const MatrixXcd& waves) {
        if (interrupted())
          throw Error(ErrorKind::interrupted,
                      "interrupted; --resume continues with the tilts that are done");
        for (std::size_t d = 0; d < directions.size(); ++d)
          for (std::size_t i = 0; i < count; ++i)
            psi[t](long(i), long(directions[d])) = waves(engine.index[i], long(d));
      });

  std::vector<TiltPatterns> patterns(tilts.size(), TiltPatterns(thicknesses * count));
  for (std::size_t tilt = 0; tilt < tilts.size(); ++tilt)
    for (std::size_t t = 0; t < thicknesses; ++t)
      for (std::size_t i = 0; i < count; ++i) {
        const complex* of_beam = &psi[t](long(i), long(tilt * offsets.size()));
        const std::size_t at = t * count + i;
        patterns[tilt].real(at) = of_beam[0].real();
        patterns[tilt].imaginary(at) = of_beam[0].imag();
        double sum = offsets.size() == 1 ? std::norm(of_beam[0]) : 0;
        for (std::size_t q = 1; q < offsets.size(); ++q)
          sum += plan.illumination.weights[q - 1] * std::norm(of_beam[long(q * count)]);
        patterns[tilt].intensity(at) = sum;
      }
  return patterns;
}

// Largest change of an intensity when the engine is refined, at a few tilts.
struct Certificate {
  std::vector<std::string> what;
  std::vector<double> largest, R1;
};

Certificate certify(const PatternStudy& study, const Plan& plan) {
  Certificate certificate;
  if (study.pattern.certificate_tilts == 0) return certificate;
  const std::size_t count =
      std::min(plan.tilts.size(), std::size_t(study.pattern.certificate_tilts));
  std::vector<Vec2> tilts;
  for (std::size_t k = 0; k < count; ++k)
    tilts.push_back(plan.tilts[(2 * k + 1) * plan.tilts.size() / (2 * count)]);
  std::vector<TiltPatterns> reference = calculate(plan, plan.engine, tilts);
  for (const Refinement& refinement : refinements(plan.specimen.state, study.engine)) {
    std::vector<TiltPatterns> refined = calculate(
        plan, make_engine(plan.thickest, plan.hkl, refinement.engine, plan.outermost()), tilts);
    double largest = 0, difference = 0, sum = 0;
    for (std::size_t k = 0; k < tilts.size(); ++k)
      for (std::size_t i = 0; i < reference[k].size; ++i) {
        const double change = std::abs(refined[k].intensity(i) - reference[k].intensity(i));
        largest = std::max(largest, change);
        difference += change;
        sum += reference[k].intensity(i);
      }
    certificate.what.push_back(refinement.what);
    certificate.largest.push_back(largest);
    certificate.R1.push_back(difference / sum);
  }
  return certificate;
}

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
  check_series("pattern", pattern.thicknesses_A, pattern.thickness_series, pattern.tilts_mrad,
               pattern.tilt_grid, pattern.tilt_line, problems);
  if (pattern.cbed) check_cbed(*pattern.cbed, beam, problems);
}

void PatternStudy::run(RunContext& context) const {
  const Plan plan(*this);
  for (const std::string& file : plan.specimen.files) context.provenance.add_input(file);
  if (pattern.scattering_matrix && !std::holds_alternative<Bloch>(plan.engine.engine))
    throw Error(ErrorKind::study, "pattern.scattering_matrix: is of the engine bloch");
  context.say(specimen_summary(plan.specimen));
  context.say(engine_summary(plan.specimen.state, engine));
  if (!plan.engine.note.empty()) context.say("bloch: " + plan.engine.note);
  context.say("pattern: " + std::to_string(plan.hkl.size()) + " beams, " +
              std::to_string(plan.thicknesses.size()) + " thicknesses, " +
              std::to_string(plan.tilts.size()) + " tilts, " +
              std::to_string(plan.illumination.offsets.size()) + " directions in the illumination");
  if (!context.begin()) return;

  const std::size_t tilts = plan.tilts.size(), thicknesses = plan.thicknesses.size(),
                    count = plan.hkl.size();
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

  if (!context.resume && Checkpoint::exists(context.partial()))
    context.say("an interrupted run left " + context.partial() +
                "; this run begins anew (--resume would continue it)");
  Checkpoint checkpoint(context.partial(), context.fingerprint(), 3 * thicknesses * count,
                        context.resume);
  for (const auto& [tilt, values] : checkpoint.rows()) {
    TiltPatterns patterns(thicknesses * count);
    patterns.values = values;
    keep(tilt, patterns);
  }
  // Tilts go together, as many as 256 MB of amplitudes hold, since they share work. The same ones
  // always do: a resumed run then gives the same bits.
  const std::size_t directions = plan.directions().size();
  const std::size_t together = std::clamp<std::size_t>(
      std::size_t(256e6) / (sizeof(complex) * thicknesses * count * directions), 1, 4096);
  Progress progress("pattern", long(tilts), context.quiet);
  for (std::size_t first = 0; first < tilts; first += together) {
    const std::size_t some = std::min(together, tilts - first);
    std::vector<std::size_t> missing;
    for (std::size_t k = 0; k < some; ++k)
      if (!checkpoint.rows().count(first + k)) missing.push_back(k);
    if (!missing.empty()) {
      const std::vector<Vec2> block(plan.tilts.begin() + long(first),
                                    plan.tilts.begin() + long(first + some));
      std::vector<TiltPatterns> patterns = calculate(plan, plan.engine, block);
      for (const std::size_t k : missing) {
        checkpoint.append(first + k, patterns[k].values);
        keep(first + k, patterns[k]);
      }
    }
    progress.advance(long(some));
  }
  const Certificate certificate = certify(*this, plan);

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
  Array excitation_error({count});
  const IncidentWave wave = incident_wave(plan.specimen.state, plan.specimen.state.beam_tilt, 0);
  for (std::size_t i = 0; i < count; ++i)
    excitation_error.values[i] =
        exact_excitation_error(wave.wavevector, beams.g[std::size_t(plan.engine.index[i])],
                               plan.specimen.state.surface_normal);
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
    add_cbed(*pattern.cbed, plan.specimen, beam, plan.engine, plan.layer, plan.thicknesses, context,
             result);
  if (pattern.spots)
    add_spots(*pattern.spots, plan.specimen, pattern.precession_mrad * 1e-3, engine.scattering,
              result);
  if (pattern.scattering_matrix)
    add_scattering_matrices(plan.specimen, plan.engine, plan.layer, plan.thicknesses, result);
  if (pattern.rings) add_rings(*pattern.rings, plan.specimen, engine.scattering, result);
  if (!certificate.what.empty()) {
    EmdDictionary metadata = {{"refined", certificate.what}};
    for (std::size_t i = 0; i < certificate.what.size(); ++i) {
      metadata.push_back({"largest_change_" + std::to_string(i + 1), certificate.largest[i]});
      metadata.push_back({"R1_" + std::to_string(i + 1), certificate.R1[i]});
    }
    result.metadata("certificate", metadata);
  }
  context.save(result);
  Checkpoint::remove(context.partial());

  for (std::size_t i = 0; i < certificate.what.size(); ++i) {
    char line[200];
    std::snprintf(line, sizeof line,
                  "convergence: %s would change an intensity by %.2g at most, R1 %.2g",
                  certificate.what[i].c_str(), certificate.largest[i], certificate.R1[i]);
    context.say(line);
  }
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

#include "studies/stem.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/electron.hpp"
#include "core/progress.hpp"
#include "io/checkpoint.hpp"
#include "io/scan_file.hpp"
#include "io/xyz.hpp"
#include "sim/counts.hpp"
#include "studies/interrupt.hpp"

namespace pendel {

namespace {

constexpr double mrad = 1e-3;

PotentialOptions potential_of(const SimulationOptions& simulation) {
  PotentialOptions options;
  options.table = simulation.scattering;
  options.absorption = simulation.absorption;
  options.proportional_absorption = simulation.proportional_absorption;
  return options;
}

// The atoms, and what the user should know of them.
struct Atoms {
  AtomicModel model;
  std::string summary;
  std::vector<std::string> files, notes;
};

std::string size_text(const Vec3& box) {
  char text[80];
  std::snprintf(text, sizeof text, "%.4g x %.4g x %.4g Å", box.x(), box.y(), box.z());
  return text;
}

Atoms atoms_of_layers(const StemStudy& study, const Vec2& box) {
  const Specimen specimen =
      build_specimen(study.crystals, *study.specimen, study.beam, EngineOptions{});
  std::vector<double> strains;
  Atoms atoms{slab(specimen.state, box, study.simulation.strain_max, &strains),
              specimen_summary(specimen),
              specimen.files,
              {}};
  for (std::size_t i = 0; i < strains.size(); ++i)
    if (strains[i] > 1e-9) {
      char text[120];
      std::snprintf(text, sizeof text, "layer %zu is strained by %.2g to fit the box", i + 1,
                    strains[i]);
      atoms.notes.push_back(text);
    }
  return atoms;
}

Atoms atoms_of_particle(const StemStudy& study, const Vec3& box) {
  const ParticleOptions& particle = *study.particle;
  SpecimenOptions specimen;
  specimen.beam_direction = particle.beam_direction;
  specimen.zone_axis = particle.zone_axis;
  specimen.x_axis = particle.x_axis;
  LayerOptions layer;
  layer.crystal = particle.crystal;
  layer.thickness_A = 2 * particle.radius_A;
  specimen.layers = {layer};
  const Specimen built = build_specimen(study.crystals, specimen, study.beam, EngineOptions{});
  return {sphere(built.state.crystals[0], particle.radius_A, box),
          "specimen: a sphere of " + particle.crystal + ", radius " +
              number_text(particle.radius_A) + " Å",
          built.files, built.notes};
}

Atoms atoms_of_file(const AtomsOptions& options) {
  const XyzFile file = read_xyz(options.xyz.path, atomic_number);
  const std::optional<Vec3> box = options.box_A ? options.box_A : file.box;
  if (!box) throw Error(ErrorKind::input, options.xyz.path + ": holds no box; give atoms.box_A");
  Atoms atoms{{*box, {}}, "specimen: atoms of " + options.xyz.given, {options.xyz.path}, {}};
  for (const XyzAtom& row : file.atoms) {
    const double B = std::isnan(row.rms) ? options.default_B_A2
                                         : 8 * electron::pi * electron::pi * row.rms * row.rms;
    atoms.model.atoms.push_back({row.Z, row.position, row.occupancy, B});
  }
  return atoms;
}

Atoms atoms_of(const StemStudy& study, double factor = 1) {
  Atoms atoms;
  if (study.specimen) {
    atoms = atoms_of_layers(study, study.simulation.box_A * factor);
  } else if (study.particle) {
    const Vec3& box = study.particle->box_A;
    atoms = atoms_of_particle(study, {box.x() * factor, box.y() * factor, box.z()});
  } else {
    atoms = atoms_of_file(*study.atoms);
  }
  const std::vector<std::string> problems = model_problems(atoms.model);
  if (!problems.empty()) {
    std::string text = "the atoms of the specimen:";
    for (const std::string& problem : problems) text += "\n  " + problem;
    throw Error(ErrorKind::input, text);
  }
  return atoms;
}

std::vector<Vec2> positions_of(const ScanOptions& scan) {
  std::vector<Vec2> positions;
  for (int row = 0; row < scan.rows; ++row)
    for (int column = 0; column < scan.columns; ++column)
      positions.push_back(scan.origin_A + Vec2(column * scan.step_A.x(), row * scan.step_A.y()));
  return positions;
}

// With an edge [rad], or else one as wide as a pixel of a pattern, so that the aperture's area does
// not jump with the box.
Probe soft_probe(const StemStudy& study, const Vec3& box, std::optional<double> edge) {
  const std::array<int, 2>& f = study.simulation.interpolation;
  Probe probe = probe_of(study.beam, study.probe);
  probe.edge =
      edge ? *edge
           : std::max(f[0] / box.x(), f[1] / box.y()) * electron::wavelength(study.beam.energy_keV);
  return probe;
}

// The simulator of a study and what turns its intensities into images.
struct Plan {
  Atoms atoms;
  Probe probe;
  Detector detector;
  StemSimulator simulator;
  DetectorMap map;
  std::vector<std::vector<std::size_t>> rings;  // per virtual detector: its k

  // edge: of the aperture [rad], instead of the one that suits the box
  explicit Plan(const StemStudy& study, double box_factor = 1, std::optional<double> edge = {})
      : atoms(atoms_of(study, box_factor)),
        probe(soft_probe(study, atoms.model.box, edge)),
        detector(detector_of(study.detector, study.beam.energy_keV)),
        simulator(atoms.model, probe, options_of(study)),
        map(detector, simulator.k(), simulator.pixel_size().asDiagonal()) {
    for (const auto& [name, options] : study.virtual_detectors) {
      VirtualDetector ring;
      ring.inner = options.inner_mrad * mrad;
      ring.outer = options.outer_mrad * mrad;
      std::vector<std::size_t> inside;
      for (std::size_t i = 0; i < simulator.k().size(); ++i)
        if (accepts(ring, study.beam.energy_keV, simulator.k()[i])) inside.push_back(i);
      rings.push_back(std::move(inside));
    }
  }

  StemOptions options_of(const StemStudy& study) const {
    const SimulationOptions& simulation = study.simulation;
    StemOptions options;
    options.method = simulation.method;
    options.interpolation = simulation.interpolation;
    options.precision = simulation.precision;
    options.pixel = simulation.pixel_A;
    options.slicing = {potential_of(simulation), simulation.slice_A, simulation.projection,
                       simulation.absorption_strength};
    options.beam_tilt = study.beam.tilt_mrad * mrad;
    options.exact_propagator = simulation.exact_propagator;
    options.thicknesses = simulation.thicknesses_A;
    std::sort(options.thicknesses.begin(), options.thicknesses.end());
    if (simulation.frozen_phonons) {
      options.phonon_configurations = simulation.frozen_phonons->configurations;
      options.seed = (unsigned long)simulation.frozen_phonons->seed;
      options.phonons_along_beam = simulation.frozen_phonons->along_beam;
    }
    options.focal_spread = study.probe.focal_spread_A;
    options.source_size = study.probe.source_size_A;
    options.k_max = corner_k(detector);
    for (const auto& ring : study.virtual_detectors)
      options.k_max = std::max(options.k_max, ring.second.outer_mrad * mrad /
                                                  electron::wavelength(study.beam.energy_keV));
    options.memory_GB = simulation.memory_GB;
    return options;
  }

  // The detector's image of a pattern, without noise.
  std::vector<double> image(const float* intensity) const {
    std::vector<double> image(detector.pixels());
    map.add(intensity, 1, image.data());
    map.blur(image.data());
    return image;
  }
};

// Besides a pattern, for every thickness: intensity on each virtual detector, intensity on the
// detector, centre of mass [mrad].
std::vector<double> sums_of(const Plan& plan, const float* intensity,
                            const std::vector<double>& image) {
  std::vector<double> sums;
  for (const std::vector<std::size_t>& ring : plan.rings) {
    double sum = 0;
    for (const std::size_t i : ring) sum += double(intensity[i]);
    sums.push_back(sum);
  }
  double total = 0;
  for (const double value : image) total += value;
  sums.push_back(total);
  const Vec2 centre = centre_of_mass(plan.detector, image.data()) *
                      electron::wavelength(plan.probe.energy_keV) / mrad;
  sums.push_back(centre.x());
  sums.push_back(centre.y());
  return sums;
}

void stop_if_interrupted() {
  if (interrupted())
    throw Error(ErrorKind::interrupted,
                "interrupted; --resume continues with the positions that are done");
}

// What a finer calculation changes at a few positions.
struct Refined {
  std::string what;
  double largest, R1;  // largest change over the largest pixel; Σ|ΔI|/ΣI
};

std::vector<std::pair<std::string, StemStudy>> refined_studies(const StemStudy& study,
                                                               const Plan& plan) {
  std::vector<std::pair<std::string, StemStudy>> list;
  const auto add = [&](const std::string& what, const auto& change) {
    StemStudy refined = study;
    change(refined.simulation);
    list.emplace_back(what, refined);
  };
  const SimulationOptions& s = study.simulation;
  const auto from_to = [](double from, double to) {
    char text[60];
    std::snprintf(text, sizeof text, " %.4g -> %.4g", from, to);
    return std::string(text);
  };
  const double pixel = std::max(plan.simulator.grid().dx(), plan.simulator.grid().dy());
  add("pixel_A" + from_to(pixel, pixel / 1.4),
      [&](SimulationOptions& o) { o.pixel_A = pixel / 1.4; });
  const double slice = plan.atoms.model.box.z() / plan.simulator.slices();
  add("slice_A" + from_to(slice, slice / 2), [&](SimulationOptions& o) {
    o.slice_A = slice / 2;
    o.projection = Projection::finite;
  });
  if (s.frozen_phonons)
    add("configurations" +
            from_to(s.frozen_phonons->configurations, 2 * s.frozen_phonons->configurations),
        [](SimulationOptions& o) { o.frozen_phonons->configurations *= 2; });
  return list;
}

std::vector<std::vector<double>> images_at(const Plan& plan, const std::vector<Vec2>& positions) {
  const std::size_t thicknesses = plan.simulator.thicknesses().size();
  std::vector<std::vector<double>> images(positions.size() * thicknesses);
  plan.simulator.run(
      positions,
      [&](std::size_t n, const float* intensity) {
        for (std::size_t t = 0; t < thicknesses; ++t)
          images[n * thicknesses + t] = plan.image(intensity + t * plan.simulator.k().size());
      },
      stop_if_interrupted);
  return images;
}

Refined compare(const std::string& what, const std::vector<std::vector<double>>& images,
                const std::vector<std::vector<double>>& finer) {
  double largest = 0, change = 0, sum = 0, brightest = 0;
  for (std::size_t n = 0; n < images.size(); ++n)
    for (std::size_t i = 0; i < images[n].size(); ++i) {
      const double difference = std::abs(finer[n][i] - images[n][i]);
      largest = std::max(largest, difference);
      change += difference;
      sum += images[n][i];
      brightest = std::max(brightest, images[n][i]);
    }
  return {what, largest / brightest, change / sum};
}

std::vector<Refined> certify(const StemStudy& study, const Plan& plan,
                             const std::vector<Vec2>& positions, const RunContext& context) {
  const std::size_t count =
      std::min(positions.size(), std::size_t(study.simulation.certificate_positions));
  std::vector<Refined> certificate;
  if (count == 0) return certificate;
  std::vector<Vec2> sample;
  const auto place = [](double x, int size) { return int((x - std::floor(x)) * size); };
  for (std::size_t k = 0; k < count; ++k)  // the middle, then evenly all over [Roberts2018]
    sample.push_back(positions[std::size_t(
        place(0.5 + 0.7548776662466927 * double(k), study.scan.rows) * study.scan.columns +
        place(0.5 + 0.5698402909980532 * double(k), study.scan.columns))]);
  // A few positions are soonest done by multislice, which PRISM without interpolation equals.
  StemStudy base = study;
  base.simulation.method = StemMethod::multislice;
  base.simulation.interpolation = {{1, 1}};
  const Plan exact(base, 1, plan.probe.edge);
  const std::vector<std::vector<double>> images = images_at(exact, sample);
  const auto refined = refined_studies(base, exact);
  const bool resizable = !study.atoms,
             interpolated = study.simulation.interpolation != base.simulation.interpolation;
  Progress progress("certificate", long(refined.size() + resizable + interpolated), context.quiet);
  // The finer calculation may need more memory than there is; that must not cost the result.
  const auto add = [&](const std::string& what, const auto& finer_images) {
    try {
      certificate.push_back(compare(what, images, finer_images()));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::study) throw;
      context.say("note: no convergence test of " + what + ": " + error.what());
    }
    progress.advance();
  };
  for (const auto& [what, finer] : refined)
    add(what, [&, &study = finer] { return images_at(Plan(study, 1, plan.probe.edge), sample); });
  if (interpolated) add("interpolation -> 1", [&] { return images_at(plan, sample); });
  if (resizable) {
    add("box_A x 1.5", [&] {
      // A larger box holds more of the probe; the detector sees finer plane waves. Positions keep
      // their place in a crystal; a particle stays at the centre.
      const Plan larger(base, 1.5, plan.probe.edge);
      const Vec3 shift = study.particle ? Vec3((larger.atoms.model.box - plan.atoms.model.box) / 2)
                                        : Vec3(Vec3::Zero());
      std::vector<Vec2> moved = sample;
      for (Vec2& position : moved) position += shift.head<2>();
      return images_at(larger, moved);
    });
  }
  return certificate;
}

std::string thickness_name(double thickness) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4gA", thickness);
  return text;
}

}  // namespace

StemStudy StemStudy::example(const std::string& data) {
  StemStudy study;
  study.crystals["STO"].cif.given = data + "/cif/SrTiO3.cif";
  SpecimenOptions specimen;
  specimen.beam_direction = Vec3(0, 0, 1);
  LayerOptions layer;
  layer.crystal = "STO";
  layer.cells = 20;
  specimen.layers = {layer};
  study.specimen = specimen;
  study.beam.semiangle_mrad = 10;
  study.scan.rows = study.scan.columns = 4;
  study.scan.step_A = {0.97625, 0.97625};
  study.detector.rows = study.detector.columns = 64;
  study.virtual_detectors["bright_field"].outer_mrad = 10;
  study.virtual_detectors["dark_field"].inner_mrad = 30;
  study.virtual_detectors["dark_field"].outer_mrad = 60;
  return study;
}

void StemStudy::check(Problems& problems) const {
  check_probe("probe", probe, problems);
  if (specimen) check_specimen(crystals, *specimen, problems);
  if (particle && !crystals.count(particle->crystal)) {
    std::vector<std::string> names;
    for (const auto& crystal : crystals) names.push_back(crystal.first);
    problems.add("particle.crystal", unknown_name(particle->crystal, names));
  }
  if (beam.semiangle_mrad == 0)
    problems.add("beam.semiangle_mrad",
                 "is 0; a scan needs a convergent probe (the study `pattern` has plane waves)");
  if (simulation.method == StemMethod::multislice &&
      simulation.interpolation != std::array<int, 2>{{1, 1}})
    problems.add("simulation.interpolation", "is of PRISM; method is multislice");
  if (specimen && specimen->surface_normal)
    problems.add("specimen.surface_normal", "multislice has its surfaces normal to the beam");
  for (const auto& [name, ring] : virtual_detectors)
    if (ring.inner_mrad >= ring.outer_mrad)
      problems.add("virtual_detectors." + name, "inner_mrad must be below outer_mrad");
}

void StemStudy::run(RunContext& context) const {
  const Plan plan(*this);
  const StemSimulator& simulator = plan.simulator;
  const Vec3& box = plan.atoms.model.box;
  for (const std::string& file : plan.atoms.files) context.provenance.add_input(file);
  context.say(plan.atoms.summary);
  for (const std::string& note : plan.atoms.notes) context.say("note: " + note);
  char line[300];
  std::snprintf(line, sizeof line,
                "simulation: %s, %zu atoms in %s, %d slices of %.4g Å, %d x %d pixels of %.3g Å, "
                "scattering to %.3g mrad",
                choice_name(simulation.method).c_str(), plan.atoms.model.atoms.size(),
                size_text(box).c_str(), simulator.slices(), box.z() / simulator.slices(),
                simulator.grid().nx, simulator.grid().ny, simulator.grid().dx(),
                simulator.grid().band_limit() * electron::wavelength(beam.energy_keV) / mrad);
  context.say(line);
  // A probe wider than its window meets itself.
  const double radius = probe_radius(plan.probe) + plan.probe.semiangle * box.z(),
               window = std::min(box.x() / simulation.interpolation[0],
                                 box.y() / simulation.interpolation[1]);
  if (2 * radius > window) {
    std::snprintf(line, sizeof line,
                  "warning: the probe spreads to about %.3g Å and the %s is %.3g Å: it meets its "
                  "periodic images; a larger box_A%s helps",
                  2 * radius, simulation.method == StemMethod::prism ? "window" : "box", window,
                  simulation.method == StemMethod::prism ? " or less interpolation" : "");
    context.say(line);
  }
  const double edge = corner_k(plan.detector);
  if (edge > simulator.grid().band_limit() * 1.0001) {
    std::snprintf(line, sizeof line,
                  "note: the detector reaches to %.3g mrad; beyond what is simulated it stays dark "
                  "(pixel_A %.3g would fill it)",
                  edge * electron::wavelength(beam.energy_keV) / mrad, 1 / (3 * edge));
    context.say(line);
  }
  const std::vector<Vec2> positions = positions_of(scan);
  const std::size_t thicknesses = simulator.thicknesses().size();
  std::snprintf(line, sizeof line, "scan: %d x %d positions, patterns of %d x %d pixels, %.3g GB",
                scan.rows, scan.columns, detector.rows, detector.columns,
                4e-9 * double(positions.size() * plan.detector.pixels() * thicknesses));
  context.say(line);
  if (!context.begin()) return;

  ScanFileLayout layout;
  layout.rows = std::size_t(scan.rows);
  layout.columns = std::size_t(scan.columns);
  layout.q_rows = std::size_t(detector.rows);
  layout.q_columns = std::size_t(detector.columns);
  layout.deflate = file.compression;
  if (detector.dose) layout.stored = hdf5::Stored::uint32;
  const std::size_t per_thickness = plan.rings.size() + 3;
  layout.extras = thicknesses * per_thickness;
  if (thicknesses > 1) {
    layout.cubes.clear();
    for (const double thickness : simulator.thicknesses())
      layout.cubes.push_back("datacube_" + thickness_name(thickness));
  }
  if (!file.patterns) layout.cubes.clear();
  if (!context.resume && Checkpoint::exists(ScanWriter::journal(context.output)))
    context.say("an interrupted run left " + context.partial() +
                "; this run begins anew (--resume would continue it)");
  ScanWriter writer(context.output, context.fingerprint(), layout, context.resume);
  if (context.resume)
    context.say("resumed: " + std::to_string(writer.finished()) + " positions are done already");

  std::vector<std::size_t> to_do;
  std::vector<Vec2> places;
  for (std::size_t i = 0; i < positions.size(); ++i)
    if (!writer.done(i)) {
      to_do.push_back(i);
      places.push_back(positions[i]);
    }
  {
    Progress progress("stem", long(to_do.size()), context.quiet);
    simulator.run(
        places,
        [&](std::size_t n, const float* intensity) {
          std::vector<double> patterns, extras;
          for (std::size_t t = 0; t < thicknesses; ++t, intensity += simulator.k().size()) {
            std::vector<double> image = plan.image(intensity);
            const std::vector<double> sums = sums_of(plan, intensity, image);
            extras.insert(extras.end(), sums.begin(), sums.end());
            if (detector.dose)
              count_electrons(image.data(), image.size(), *detector.dose,
                              std::uint64_t(detector.seed), to_do[n] * thicknesses + t);
            if (file.patterns) patterns.insert(patterns.end(), image.begin(), image.end());
          }
          writer.write(to_do[n], patterns.data(), extras.data());
          progress.advance();
        },
        stop_if_interrupted);
  }
  const std::vector<Refined> certificate = certify(*this, plan, positions, context);

  EmdWriter result("pendel");
  EmdAxis row_axis = index_axis("row", layout.rows),
          column_axis = index_axis("column", layout.columns);
  for (std::size_t i = 0; i < layout.rows; ++i)
    row_axis.values[i] = scan.origin_A.y() + double(i) * scan.step_A.y();
  for (std::size_t i = 0; i < layout.columns; ++i)
    column_axis.values[i] = scan.origin_A.x() + double(i) * scan.step_A.x();
  row_axis.units = column_axis.units = "Å";
  const EmdAxis thickness_axis{"thickness", "Å", simulator.thicknesses()};
  std::vector<std::string> names;
  for (const auto& ring : virtual_detectors) names.push_back(ring.first);
  for (const char* name : {"detected", "centre_of_mass_x", "centre_of_mass_y"})
    names.push_back(name);
  for (std::size_t k = 0; k < names.size(); ++k) {
    Array image({thicknesses, layout.rows, layout.columns});
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const std::vector<double> extras = writer.extras(i);
      for (std::size_t t = 0; t < thicknesses; ++t)
        image.values[t * positions.size() + i] = extras[t * per_thickness + k];
    }
    const bool centre = k + 2 >= names.size();
    result.array("virtual_images/" + names[k], image, centre ? "mrad" : "",
                 {thickness_axis, row_axis, column_axis},
                 centre ? "mean scattering angle, lab, without noise"
                        : "fraction of the incident beam, without noise");
  }
  if (!certificate.empty()) {
    EmdDictionary metadata;
    std::vector<std::string> what;
    for (const Refined& refined : certificate) what.push_back(refined.what);
    metadata.push_back({"refined", what});
    for (std::size_t i = 0; i < certificate.size(); ++i) {
      metadata.push_back({"largest_change_" + std::to_string(i + 1), certificate[i].largest});
      metadata.push_back({"R1_" + std::to_string(i + 1), certificate[i].R1});
    }
    result.metadata("certificate", metadata);
  }
  context.describe(result);
  const std::vector<EmdAxis> q_axes = detector_axes(detector);
  writer.finish(result, {row_axis, column_axis, q_axes[0], q_axes[1]},
                detector.dose ? "electrons" : "",
                detector.dose ? "counts, Poisson noise" : "fractions of the incident beam");
  for (const Refined& refined : certificate) {
    std::snprintf(line, sizeof line,
                  "convergence: %s would change a pixel by %.2g of the brightest at most, R1 %.2g",
                  refined.what.c_str(), refined.largest, refined.R1);
    context.say(line);
  }
  std::snprintf(line, sizeof line, "%.2f s CPU per position; %.1f s CPU in all",
                to_do.empty() ? 0 : context.provenance.cpu_seconds() / double(to_do.size()),
                context.provenance.cpu_seconds());
  context.say(line);
}

}  // namespace pendel

#include "studies/stem.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "core/electron.hpp"
#include "core/progress.hpp"
#include "io/checkpoint.hpp"
#include "io/scan_file.hpp"
#include "sim/counts.hpp"
#include "studies/stem_matrix.hpp"
#include "studies/stem_plan.hpp"

namespace pendel {

namespace {

constexpr double mrad = 1e-3;

std::string size_text(const Vec3& box) {
  char text[80];
  std::snprintf(text, sizeof text, "%.4g x %.4g x %.4g Å", box.x(), box.y(), box.z());
  return text;
}

// Besides a pattern, for every thickness: intensity on each virtual detector, intensity on the
// detector, centre of mass [mrad].
std::vector<double> sums_of(const StemPlan& plan, const float* intensity,
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
  if (simulation.method == StemMethod::multislice && simulation.partition_rings > 0)
    problems.add("simulation.partition_rings", "is of PRISM; method is multislice");
  if (simulation.method == StemMethod::multislice && simulation.scattering_matrix)
    problems.add("simulation.scattering_matrix", "is of PRISM; method is multislice");
  if (!atoms && simulation.frozen_phonons && simulation.frozen_phonons->snapshots)
    problems.add("simulation.frozen_phonons.snapshots",
                 "are of atoms; a specimen or a particle has frozen_phonons.configurations");
  if (specimen && specimen->surface_normal)
    problems.add("specimen.surface_normal", "multislice has its surfaces normal to the beam");
  for (const auto& [name, ring] : virtual_detectors)
    if (ring.inner_mrad >= ring.outer_mrad)
      problems.add("virtual_detectors." + name, "inner_mrad must be below outer_mrad");
}

void StemStudy::run(RunContext& context) const {
  const StemPlan plan(*this);
  const StemSimulator& simulator = plan.simulator;
  const std::unique_ptr<StemMatrix> matrix = matrix_of(*this, plan);
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
  if (matrix) context.say("scattering matrix: " + matrix->summary());
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
  if (!simulation.frozen_phonons)
    for (const auto& [name, ring] : virtual_detectors)
      if (ring.inner_mrad > 1.5 * beam.semiangle_mrad) {
        context.say("note: " + name + " lacks thermal diffuse scattering without frozen_phonons");
        break;
      }
  const std::vector<Vec2> positions = scan_positions(scan);
  const std::size_t thicknesses = simulator.thicknesses().size();
  std::snprintf(line, sizeof line, "scan: %d x %d positions, patterns of %d x %d pixels, %.3g GB",
                scan.rows, scan.columns, detector.rows, detector.columns,
                4e-9 * double(positions.size() * plan.detector.pixels() * thicknesses));
  context.say(line);
  if (!context.begin()) return;
  if (matrix) matrix->reserve(context.output);

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
  context.say_what_was_left(ScanWriter::journal(context.output));
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
        matrix.get());
  }
  const double scan_seconds = context.provenance.cpu_seconds();
  const std::vector<Refined> certificate = certify(*this, plan, positions, matrix.get(), context);
  const double certificate_seconds = context.provenance.cpu_seconds() - scan_seconds;

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
  add_certificate(certificate, result);
  context.describe(result);
  const std::vector<EmdAxis> q_axes = detector_axes(detector);
  writer.finish(result, {row_axis, column_axis, q_axes[0], q_axes[1]},
                detector.dose ? "electrons" : "",
                detector.dose ? "counts, Poisson noise" : "fractions of the incident beam");
  for (const Refined& refined : certificate)
    context.say(certificate_line(refined, "a pixel", " of the brightest"));
  std::snprintf(
      line, sizeof line, "%.3g s CPU per position, %.1f s for the scan, %.1f s for the certificate",
      to_do.empty() ? 0 : scan_seconds / double(to_do.size()), scan_seconds, certificate_seconds);
  context.say(line);
}

}  // namespace pendel

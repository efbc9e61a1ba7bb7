#include "studies/stem_plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/electron.hpp"
#include "io/xyz.hpp"

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

StemAtoms atoms_of_layers(const StemStudy& study, const Vec2& box) {
  const Specimen specimen =
      build_specimen(study.crystals, *study.specimen, study.beam, EngineOptions{});
  std::vector<double> strains;
  StemAtoms atoms{slab(specimen.state, box, study.simulation.strain_max, &strains),
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

StemAtoms atoms_of_particle(const StemStudy& study, const Vec3& box) {
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

StemAtoms atoms_of_file(const AtomsOptions& options) {
  const XyzFile file = read_xyz(options.xyz.path, atomic_number);
  const std::optional<Vec3> box = options.box_A ? options.box_A : file.box;
  if (!box) throw Error(ErrorKind::input, options.xyz.path + ": holds no box; give atoms.box_A");
  StemAtoms atoms{{*box, {}}, "specimen: atoms of " + options.xyz.given, {options.xyz.path}, {}};
  for (const XyzAtom& row : file.atoms) {
    const double B = std::isnan(row.rms) ? options.default_B_A2
                                         : 8 * electron::pi * electron::pi * row.rms * row.rms;
    atoms.model.atoms.push_back({row.Z, row.position, row.occupancy, B});
  }
  return atoms;
}

StemAtoms atoms_of(const StemStudy& study, double factor = 1) {
  StemAtoms atoms;
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

StemOptions options_of(const StemStudy& study, const Detector& detector) {
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
    options.k_max = std::max(
        options.k_max, ring.second.outer_mrad * mrad / electron::wavelength(study.beam.energy_keV));
  options.memory_GB = simulation.memory_GB;
  return options;
}

}  // namespace

std::vector<Vec2> scan_positions(const ScanOptions& scan) {
  std::vector<Vec2> positions;
  for (int row = 0; row < scan.rows; ++row)
    for (int column = 0; column < scan.columns; ++column)
      positions.push_back(scan.origin_A + Vec2(column * scan.step_A.x(), row * scan.step_A.y()));
  return positions;
}

StemPlan::StemPlan(const StemStudy& study, double box_factor, std::optional<double> edge)
    : atoms(atoms_of(study, box_factor)),
      probe(soft_probe(study, atoms.model.box, edge)),
      detector(detector_of(study.detector, study.beam.energy_keV)),
      simulator(atoms.model, probe, options_of(study, detector)),
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

std::vector<double> StemPlan::image(const float* intensity) const {
  std::vector<double> image(detector.pixels());
  map.add(intensity, 1, image.data());
  map.blur(image.data());
  return image;
}

}  // namespace pendel

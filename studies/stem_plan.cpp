#include "studies/stem_plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/electron.hpp"
#include "io/xyz.hpp"
#include "studies/stem_matrix.hpp"

namespace pendel {

namespace {

constexpr double mrad = 1e-3;

std::string box_text(const Vec3& box) {
  char text[80];
  std::snprintf(text, sizeof text, "%.6g x %.6g x %.6g Å", box.x(), box.y(), box.z());
  return text;
}

StemAtoms atoms_of_layers(const StemStudy& study, const Vec2& box) {
  const Specimen specimen =
      build_specimen(study.crystals, *study.specimen, study.beam, EngineOptions{});
  std::vector<double> strains;
  StemAtoms atoms{slab(specimen.state, box, study.simulation.strain_max, &strains),
                  {},
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
  static_cast<DirectionOptions&>(specimen) = particle;
  LayerOptions layer;
  layer.crystal = particle.crystal;
  layer.thickness_A = 2 * particle.radius_A;
  specimen.layers = {layer};
  const Specimen built = build_specimen(study.crystals, specimen, study.beam, EngineOptions{});
  return {sphere(built.state.crystals[0], particle.radius_A, box),
          {},
          "specimen: a sphere of " + particle.crystal + ", radius " +
              number_text(particle.radius_A) + " Å",
          built.files,
          built.notes};
}

[[noreturn]] void wrong_atoms(const std::string& whose, const std::vector<std::string>& problems) {
  std::string text = whose;
  for (const std::string& problem : problems) text += "\n  " + problem;
  throw Error(ErrorKind::input, text);
}

// Across the beam the box repeats; along it atoms may leave it, as those of a surface do.
constexpr double leave_A = 1;

// Error (input), with file and frame, if it is not of the model.
std::vector<Atom> snapshot_of(const XyzFile& frame, const AtomicModel& model,
                              const std::string& name) {
  if (frame.box && (*frame.box - model.box).cwiseAbs().maxCoeff() > 1e-4)
    throw Error(ErrorKind::input, name + "a box of " + box_text(*frame.box) +
                                      "; that of atoms is " + box_text(model.box));
  std::vector<int> elements, expected;
  for (const XyzAtom& atom : frame.atoms) elements.push_back(atom.Z);
  for (const Atom& atom : model.atoms) expected.push_back(atom.Z);
  if (elements.size() != expected.size())
    throw Error(ErrorKind::input, name + std::to_string(elements.size()) + " atoms; " +
                                      std::to_string(expected.size()) + " are in atoms.xyz");
  std::sort(elements.begin(), elements.end());
  std::sort(expected.begin(), expected.end());
  if (elements != expected) throw Error(ErrorKind::input, name + "other elements than atoms.xyz");
  AtomicModel moved{model.box, {}}, checked;
  for (const XyzAtom& row : frame.atoms) {
    Vec3 r = row.position;
    for (const int axis : {0, 1})
      r[axis] = std::max(0.0, r[axis] - model.box[axis] * std::floor(r[axis] / model.box[axis]));
    moved.atoms.push_back({row.Z, r, row.occupancy, 0});
  }
  checked = moved;
  for (Atom& atom : checked.atoms) {
    const double inside = std::clamp(atom.position.z(), 0.0, model.box.z());
    if (std::abs(inside - atom.position.z()) < leave_A) atom.position.z() = inside;
  }
  const std::vector<std::string> problems = model_problems(checked);
  if (!problems.empty()) wrong_atoms(name + "what cannot be:", problems);
  return moved.atoms;
}

// With the snapshots of frozen phonons, if there are any.
StemAtoms atoms_of_file(const StemStudy& study) {
  const AtomsOptions& options = *study.atoms;
  const std::vector<XyzFile> frames = read_xyz_frames(options.xyz.path, atomic_number);
  const std::optional<PhononOptions>& phonons = study.simulation.frozen_phonons;
  const bool moving = phonons && phonons->snapshots;
  if (frames.size() > 1 && !moving)
    throw Error(ErrorKind::input, options.xyz.path + ": holds " + std::to_string(frames.size()) +
                                      " frames; simulation.frozen_phonons.snapshots averages "
                                      "them, without it one frame is needed");
  const XyzFile& file = frames.front();
  const std::optional<Vec3> box = options.box_A ? options.box_A : file.box;
  if (!box) throw Error(ErrorKind::input, options.xyz.path + ": holds no box; give atoms.box_A");
  StemAtoms atoms{
      {*box, {}}, {}, "specimen: atoms of " + options.xyz.given, {options.xyz.path}, {}};
  for (const XyzAtom& row : file.atoms) {
    const double B = std::isnan(row.rms) ? options.default_B_A2
                                         : 8 * electron::pi * electron::pi * row.rms * row.rms;
    atoms.model.atoms.push_back({row.Z, row.position, row.occupancy, B});
  }
  if (!moving) return atoms;
  for (const File& snapshots : *phonons->snapshots) {
    const std::vector<XyzFile> list = read_xyz_frames(snapshots.path, atomic_number);
    for (std::size_t i = 0; i < list.size(); ++i)
      atoms.snapshots.push_back(
          snapshot_of(list[i], atoms.model,
                      snapshots.path + ": " +
                          (list.size() > 1 ? "frame " + std::to_string(i + 1) : "it") + " has "));
    if (snapshots.path != options.xyz.path) atoms.files.push_back(snapshots.path);
  }
  atoms.summary += ", " + std::to_string(atoms.snapshots.size()) + " snapshots";
  // the first frame of a trajectory need not be in order as a structure at rest
  atoms.model.atoms = atoms.snapshots.front();
  return atoms;
}

StemAtoms atoms_of(const StemStudy& study, double factor, std::size_t snapshots) {
  StemAtoms atoms;
  if (study.specimen) {
    atoms = atoms_of_layers(study, study.simulation.box_A * factor);
  } else if (study.particle) {
    const Vec3& box = study.particle->box_A;
    atoms = atoms_of_particle(study, {box.x() * factor, box.y() * factor, box.z()});
  } else {
    atoms = atoms_of_file(study);
  }
  if (!atoms.snapshots.empty()) {  // looked at one by one
    atoms.snapshots.resize(std::min(atoms.snapshots.size(), snapshots));
    return atoms;
  }
  const std::vector<std::string> problems = model_problems(atoms.model);
  if (!problems.empty()) wrong_atoms("the atoms of the specimen:", problems);
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

StemOptions options_of(const StemStudy& study, const Detector& detector,
                       const std::vector<std::vector<Atom>>& snapshots) {
  const SimulationOptions& simulation = study.simulation;
  StemOptions options;
  options.method = simulation.method;
  options.interpolation = simulation.interpolation;
  options.partition_rings = simulation.partition_rings;
  if (simulation.scattering_matrix)
    if (const std::optional<MatrixCover> cover = stored_cover(study)) {
      options.matrix_semiangle = cover->semiangle;
      options.matrix_k_max = cover->k_max;
    }
  options.precision = simulation.precision;
  options.pixel = simulation.pixel_A;
  options.slicing = {simulation.potential(), simulation.slice_A, simulation.projection,
                     simulation.absorption_strength};
  options.beam_tilt = study.beam.tilt_mrad * mrad;
  options.exact_propagator = simulation.exact_propagator;
  options.thicknesses = simulation.thicknesses_A;
  std::sort(options.thicknesses.begin(), options.thicknesses.end());
  options.snapshots = snapshots;
  if (simulation.frozen_phonons && simulation.frozen_phonons->configurations) {
    options.phonon_configurations = *simulation.frozen_phonons->configurations;
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

StemPlan::StemPlan(const StemStudy& study, double box_factor, std::optional<double> edge,
                   std::size_t snapshots)
    : atoms(atoms_of(study, box_factor, snapshots)),
      probe(soft_probe(study, atoms.model.box, edge)),
      detector(detector_of(study.detector, study.beam.energy_keV)),
      simulator(atoms.model, probe, options_of(study, detector, atoms.snapshots)),
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

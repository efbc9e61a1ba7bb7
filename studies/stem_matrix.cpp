#include "studies/stem_matrix.hpp"

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "core/error.hpp"
#include "core/options.hpp"
#include "io/files.hpp"

namespace pendel {

namespace fs = std::filesystem;

namespace {

const std::string dataset = "scattering_matrix";
constexpr double mrad = 1e-3;

std::string numbers(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + number_text(value);
  return text;
}

std::string short_text(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.5g", value);
  return text;
}

std::string hash(const std::vector<Atom>& atoms, const std::string& before = "") {
  std::string bytes = before;
  for (const Atom& atom : atoms) {
    const double values[] = {double(atom.Z),    atom.position.x(), atom.position.y(),
                             atom.position.z(), atom.occupancy,    atom.B};
    bytes.append(reinterpret_cast<const char*>(values), sizeof values);
  }
  return sha256(bytes);
}

std::string phonons_text(const StemStudy& study, const StemPlan& plan) {
  const std::optional<PhononOptions>& phonons = study.simulation.frozen_phonons;
  if (!phonons) return "none";
  if (phonons->snapshots) {
    std::string all;
    for (const std::vector<Atom>& atoms : plan.atoms.snapshots) all = hash(atoms, all);
    return std::to_string(plan.atoms.snapshots.size()) + " snapshots, SHA-256 " + all;
  }
  return std::to_string(*phonons->configurations) + " configurations, seed " +
         std::to_string(phonons->seed) + (phonons->along_beam ? "" : ", not along the beam");
}

// Everything that decides the numbers, but for aperture and k_max: there the file may hold more.
SlabFile::Texts dependences(const StemStudy& study, const StemPlan& plan) {
  const SimulationOptions& s = study.simulation;
  const StemSimulator& simulator = plan.simulator;
  const AtomicModel& model = plan.atoms.model;
  const PrismLayout& layout = *simulator.matrix();
  const std::string box = numbers({model.box.x(), model.box.y(), model.box.z()});
  SlabFile::Texts texts{
      {"version", version()},
      {"specimen, particle or atoms", std::to_string(model.atoms.size()) + " atoms in " + box +
                                          " Å, SHA-256 " + hash(model.atoms)},
      {"beam.energy_keV", number_text(study.beam.energy_keV)},
      {"beam.tilt_mrad", numbers({study.beam.tilt_mrad.x(), study.beam.tilt_mrad.y()})},
      {"simulation.scattering", choice_name(s.scattering)},
      {"simulation.absorption", choice_name(s.absorption)},
      {"simulation.interpolation", numbers({double(layout.options.fx), double(layout.options.fy)})},
      {"simulation.partition_rings", std::to_string(s.partition_rings)},
      {"simulation.pixel_A",
       std::to_string(layout.grid.nx) + " x " + std::to_string(layout.grid.ny) + " pixels"},
      {"simulation.slice_A", std::to_string(simulator.slices()) + " slices"},
      {"simulation.projection", choice_name(s.projection)},
      {"simulation.thicknesses_A", numbers(simulator.thicknesses())},
      {"simulation.frozen_phonons", phonons_text(study, plan)},
      {"simulation.exact_propagator", s.exact_propagator ? "true" : "false"},
      {"simulation.precision", choice_name(s.precision)}};
  if (s.absorption == Absorption::proportional)
    texts.push_back({"simulation.proportional_absorption", number_text(s.proportional_absorption)});
  if (s.absorption != Absorption::none)
    texts.push_back({"simulation.absorption_strength", number_text(s.absorption_strength)});
  return texts;
}

[[noreturn]] void other_matrix(const std::string& path, const std::string& differences) {
  throw Error(ErrorKind::input, path +
                                    ": this scattering matrix was made for another simulation; "
                                    "name another file, or remove it and it will be made anew:" +
                                    differences);
}

}  // namespace

std::optional<MatrixCover> stored_cover(const StemStudy& study) {
  const std::string& path = study.simulation.scattering_matrix->path;
  if (!fs::exists(path)) return {};
  const hdf5::InputFile file(path);
  const std::string semiangle = file.attribute(dataset, "semiangle_rad"),
                    k_max = file.attribute(dataset, "k_max_invA");
  if (semiangle.empty() || k_max.empty())
    throw Error(ErrorKind::input, path + ": this is not a scattering matrix of study stem");
  return MatrixCover{std::strtod(semiangle.c_str(), nullptr), std::strtod(k_max.c_str(), nullptr)};
}

StemMatrix::StemMatrix(const StemStudy& study, const StemPlan& plan)
    : path_(study.simulation.scattering_matrix->path),
      given_(study.simulation.scattering_matrix->given),
      layout_(*plan.simulator.matrix()),
      configurations_(plan.simulator.configurations()),
      depends_(dependences(study, plan)) {
  const std::optional<MatrixCover> cover = stored_cover(study);
  if (!cover) return;
  std::string differences;
  const hdf5::InputFile file(path_);
  for (const auto& [key, value] : depends_) {
    const std::string there = file.attribute(dataset, key);
    if (there != value)
      differences += "\n  " + key + ": " + (there.empty() ? "nothing" : there) + " in the file, " +
                     value + " in this study";
  }
  const auto too_small = [&](const std::string& key, double there, double needed,
                             const std::string& unit) {
    if (there < needed * (1 - 1e-12))
      differences += "\n  " + key + ": " + short_text(there) + unit + " in the file, " +
                     short_text(needed) + unit + " are needed";
  };
  // the layout holds the larger of both
  too_small("beam.semiangle_mrad, edge included", cover->semiangle / mrad,
            layout_.options.semiangle / mrad, " mrad");
  too_small("detector or virtual_detectors", cover->k_max, layout_.options.k_max, " 1/Å");
  if (!differences.empty()) other_matrix(path_, differences);
  file_ = std::make_unique<SlabFile>(path_, dataset, 2);
  if (file_->slab_bytes() != layout_.size() * layout_.wave_bytes ||
      file_->slabs() != std::size_t(configurations_) * layout_.thicknesses.size())
    throw Error(ErrorKind::input, path_ + ": its numbers are not those of its description");
  stored_ = true;
}

std::string StemMatrix::summary() const {
  char text[80];
  std::snprintf(text, sizeof text, ", %zu plane waves, %.3g GB", layout_.parents.size(),
                layout_.gigabytes() * configurations_);
  return (stored_ ? "read from " : "kept in ") + given_ + text;
}

void StemMatrix::reserve(const std::string& output) {
  if (fs::weakly_canonical(path_) == fs::weakly_canonical(output))
    throw Error(ErrorKind::study, output +
                                      ": is simulation.scattering_matrix of this study; choose "
                                      "another output");
  if (stored_) return;
  SlabFile::Texts texts = depends_;
  texts.push_back({"semiangle_rad", number_text(layout_.options.semiangle)});
  texts.push_back({"k_max_invA", number_text(layout_.options.k_max)});
  const WaveGrid& compact = layout_.compact;
  const bool single = layout_.wave_bytes == 2 * sizeof(float);
  file_ = std::make_unique<SlabFile>(
      path_, dataset,
      std::vector<std::size_t>{std::size_t(configurations_), layout_.thicknesses.size(),
                               std::size_t(compact.ny), layout_.parents.size(),
                               std::size_t(compact.nx), 2},
      2, single ? hdf5::Stored::float32 : hdf5::Stored::float64, texts);
}

bool StemMatrix::has(int configuration) const {
  return file_->has(std::size_t(configuration) * layout_.thicknesses.size() +
                    layout_.thicknesses.size() - 1);  // the last that is written
}

void StemMatrix::read(int configuration, int thickness, void* bytes, std::size_t count) {
  assert(count == file_->slab_bytes());
  static_cast<void>(count);
  file_->read(std::size_t(configuration) * layout_.thicknesses.size() + std::size_t(thickness),
              bytes);
}

void StemMatrix::write(int configuration, int thickness, const void* bytes, std::size_t count) {
  assert(count == file_->slab_bytes());
  static_cast<void>(count);
  file_->write(std::size_t(configuration) * layout_.thicknesses.size() + std::size_t(thickness),
               bytes);
}

std::unique_ptr<StemMatrix> matrix_of(const StemStudy& study, const StemPlan& plan) {
  if (!study.simulation.scattering_matrix) return nullptr;
  return std::make_unique<StemMatrix>(study, plan);
}

}  // namespace pendel

#include "studies/template_library.hpp"

#include <filesystem>

#include "acom/dynamical_library.hpp"
#include "acom/library_file.hpp"
#include "acom/zone_sampling.hpp"
#include "cif/read.hpp"
#include "core/electron.hpp"
#include "core/progress.hpp"

namespace pendel {

namespace {

/// One for each zone axis that a group leaves different.
std::vector<Mat3> orientations(const PointGroup& group, double step) {
  std::vector<Mat3> result;
  for (const Vec3& axis : zone_axes(FundamentalZone(group), step).axes)
    result.push_back(zone_orientation(axis));
  return result;
}

}  // namespace

std::vector<Crystal> read_phases(const TemplateLibraryOptions& options, RunContext& context) {
  std::vector<Crystal> phases;
  for (const auto& [name, phase] : options.phases) {
    CifOptions cif;
    cif.default_B_A2 = phase.default_B_A2;
    std::vector<std::string> notes;
    phases.push_back(read_cif(phase.cif.path, cif, &notes));
    phases.back().name = name;
    context.provenance.add_input(phase.cif.path);
    for (const std::string& note : notes) context.say("note: " + note);
  }
  return phases;
}

std::vector<PhaseLibrary> make_libraries(const LibraryTemplateOptions& options,
                                         const std::vector<Crystal>& phases,
                                         const RunContext& context, const std::string& path) {
  const double step = options.step_deg * electron::pi / 180;
  std::vector<PhaseLibrary> libraries;
  const auto told = [&] {
    const PhaseLibrary& made = libraries.back();
    std::size_t count = 0;
    for (const Template& one : made.templates) count += one.q.size();
    std::string line = "library: " + made.name + ", " + std::to_string(made.templates.size()) +
                       " zone axes, " + std::to_string(count) + " spots";
    if (!made.thickness_A.empty())
      line += ", " + std::to_string(made.thickness_A.size()) + " thicknesses";
    context.say(line);
  };
  if (!options.dynamical) {
    SpotOptions spots;
    spots.table = options.scattering;
    spots.g_max = options.g_max_invA;
    spots.sg_max = options.sg_max_invA;
    spots.shape = GaussianShape{options.sigma_invA};
    spots.precession = options.precession_mrad * 1e-3;
    for (const Crystal& crystal : phases) {
      libraries.push_back(kinematical_library(crystal.name, crystal, options.energy_keV, spots,
                                              orientations(laue_group(point_group(crystal)), step),
                                              options.faintest));
      told();
    }
    return libraries;
  }
  DynamicalOptions waves;
  waves.potential.table = options.scattering;
  waves.potential.absorption = options.dynamical->absorption;
  waves.potential.proportional_absorption = options.dynamical->proportional_absorption;
  waves.g_max = options.g_max_invA;
  waves.tolerance = options.dynamical->tolerance;
  waves.precession = options.precession_mrad * 1e-3;
  std::vector<PhaseLibrary> begun;
  if (!path.empty() && context.resume && std::filesystem::exists(path))
    begun = read_libraries(path);
  const auto keep = [&](const PhaseLibrary& library) {
    if (path.empty()) return;
    std::vector<PhaseLibrary> all = libraries;
    all.push_back(library);
    save_libraries(path, all);
  };
  for (std::size_t p = 0; p < phases.size(); ++p) {
    const auto axes = orientations(point_group(phases[p]), step);
    LibraryBuild build;
    build.faintest = options.faintest;
    if (p < begun.size()) {
      build.begun = &begun[p];
      context.say("resumed: " + std::to_string(begun[p].templates.size()) + " templates of " +
                  begun[p].name + " were finished before");
    }
    Progress progress("templates of " + phases[p].name,
                      long(axes.size()) - long(build.begun ? build.begun->templates.size() : 0),
                      context.quiet);
    build.progress = [&] { progress.advance(); };
    build.checkpoint = keep;
    const PhaseLibrary made =
        dynamical_library(phases[p].name, phases[p], options.energy_keV, waves, axes,
                          options.dynamical->thicknesses(), build);
    keep(made);
    libraries.push_back(made);
    told();
  }
  return libraries;
}

}  // namespace pendel

#include "studies/template_library.hpp"

#include "acom/zone_sampling.hpp"
#include "cif/read.hpp"
#include "core/electron.hpp"

namespace pendel {

namespace {

/// One for each zone axis that the symmetry of its patterns leaves different.
std::vector<Mat3> orientations(const Crystal& crystal, double step) {
  std::vector<Mat3> result;
  const FundamentalZone zone(laue_group(point_group(crystal)));
  for (const Vec3& axis : zone_axes(zone, step).axes) result.push_back(zone_orientation(axis));
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

std::vector<PhaseLibrary> make_libraries(const TemplateLibraryOptions& options,
                                         const std::vector<Crystal>& phases,
                                         const RunContext& context) {
  SpotOptions spots;
  spots.table = options.scattering;
  spots.g_max = options.g_max_invA;
  spots.sg_max = options.sg_max_invA;
  spots.shape = GaussianShape{options.sigma_invA};
  spots.precession = options.precession_mrad * 1e-3;
  std::vector<PhaseLibrary> libraries;
  for (const Crystal& crystal : phases) {
    libraries.push_back(kinematical_library(
        crystal.name, crystal, options.energy_keV, spots,
        orientations(crystal, options.step_deg * electron::pi / 180), options.faintest));
    std::size_t count = 0;
    for (const Template& made : libraries.back().templates) count += made.q.size();
    context.say("library: " + crystal.name + ", " +
                std::to_string(libraries.back().templates.size()) + " zone axes, " +
                std::to_string(count) + " spots");
  }
  return libraries;
}

}  // namespace pendel

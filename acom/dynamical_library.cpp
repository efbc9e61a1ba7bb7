#include "acom/dynamical_library.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "crystal/point_group.hpp"

namespace pendel {

namespace {

Template template_of(const Mat3& R_lab_crystal, const DynamicalSpots& spots, double faintest) {
  Template made;
  made.R_lab_crystal = R_lab_crystal;
  double brightest = 0;
  for (std::size_t i = 0; i < spots.hkl.size(); ++i)
    if (spots.hkl[i] != Hkl{})
      brightest = std::max(brightest, spots.intensity.row(Eigen::Index(i)).maxCoeff());
  std::vector<Eigen::Index> shown;
  for (std::size_t i = 0; i < spots.hkl.size(); ++i) {
    const double here = spots.intensity.row(Eigen::Index(i)).maxCoeff();
    if (spots.hkl[i] == Hkl{} || here <= 0 || here < faintest * brightest) continue;
    shown.push_back(Eigen::Index(i));
    made.hkl.push_back(spots.hkl[i]);
    made.q.push_back(spots.g[i].head<2>());
  }
  for (Eigen::Index t = 0; t < spots.intensity.cols(); ++t)
    for (const Eigen::Index i : shown) made.intensity.push_back(float(spots.intensity(i, t)));
  return made;
}

bool same(const PotentialOptions& a, const PotentialOptions& b) {
  return a.table == b.table && a.absorption == b.absorption &&
         a.proportional_absorption == b.proportional_absorption && a.core == b.core &&
         a.phonon == b.phonon;
}

bool same(const Crystal& a, const Crystal& b) {
  return a.cell.edges() == b.cell.edges() && a.cell.angles_deg() == b.cell.angles_deg() &&
         a.strain == b.strain && a.U_g_change == b.U_g_change &&
         std::equal(a.sites.begin(), a.sites.end(), b.sites.begin(), b.sites.end(),
                    [](const Site& s, const Site& t) {
                      return s.Z == t.Z && s.position.v == t.position.v && s.U == t.U &&
                             s.occupancy == t.occupancy;
                    });
}

bool same(const SpotOptions& a, const SpotOptions& b) {
  const auto shape = [](const SpotOptions& options) {
    const auto* slab = std::get_if<SlabShape>(&options.shape);
    return slab ? slab->thickness : std::get<GaussianShape>(options.shape).sigma;
  };
  return a.table == b.table && a.g_max == b.g_max && a.sg_max == b.sg_max &&
         a.shape.index() == b.shape.index() && shape(a) == shape(b) &&
         a.precession == b.precession && a.precession_tolerance == b.precession_tolerance;
}

bool same(const DynamicalRecipe& a, const DynamicalRecipe& b) {
  return same(a.options.potential, b.options.potential) && a.options.g_max == b.options.g_max &&
         a.options.tolerance == b.options.tolerance &&
         a.options.precession == b.options.precession && a.limits.g_max == b.limits.g_max &&
         a.limits.strong == b.limits.strong;
}

}  // namespace

bool same_recipe(const PhaseLibrary& a, const PhaseLibrary& b) {
  if (a.name != b.name || !same(a.crystal, b.crystal) || a.energy_keV != b.energy_keV ||
      a.g_max != b.g_max || a.thickness_A != b.thickness_A || a.faintest != b.faintest ||
      a.recipe.index() != b.recipe.index())
    return false;
  if (const auto* kinematical = std::get_if<SpotOptions>(&a.recipe))
    return same(*kinematical, std::get<SpotOptions>(b.recipe));
  return same(std::get<DynamicalRecipe>(a.recipe), std::get<DynamicalRecipe>(b.recipe));
}

PhaseLibrary dynamical_library(const std::string& name, const Crystal& crystal, double energy_keV,
                               const DynamicalOptions& options,
                               const std::vector<Mat3>& orientations,
                               const std::vector<double>& thickness_A, const LibraryBuild& build) {
  const DynamicalPatterns patterns(crystal, energy_keV, options, thickness_A, orientations);
  PhaseLibrary library;
  library.name = name;
  library.crystal = crystal;
  library.energy_keV = energy_keV;
  library.g_max = options.g_max;
  library.symmetry = point_group(crystal).operations;
  library.thickness_A = thickness_A;
  library.recipe = DynamicalRecipe{options, patterns.limits()};
  library.faintest = build.faintest;
  if (build.begun) {
    const std::vector<Template>& begun = build.begun->templates;
    bool continues = same_recipe(library, *build.begun) && begun.size() <= orientations.size();
    for (std::size_t i = 0; continues && i < begun.size(); ++i)
      continues = begun[i].R_lab_crystal == orientations[i];
    if (!continues)
      throw Error(ErrorKind::input,
                  "the library begun of " + build.begun->name +
                      " is not this one: another crystal, other options or other orientations; "
                      "remove it to begin anew");
    library.templates = begun;
  }
  while (library.templates.size() < orientations.size()) {
    const std::size_t first = library.templates.size();
    const std::size_t count =
        std::min(std::max<std::size_t>(build.block, 1), orientations.size() - first);
    library.templates.resize(first + count);
    parallel_for(long(count), [&](long i, int) {
      const std::size_t at = first + std::size_t(i);
      library.templates[at] =
          template_of(orientations[at], patterns.spots(orientations[at]), build.faintest);
      if (build.progress) build.progress();
    });
    if (build.checkpoint && library.templates.size() < orientations.size())
      build.checkpoint(library);
  }
  return library;
}

SpotDifference beam_error(const PhaseLibrary& library, const std::vector<std::size_t>& sample,
                          const BeamLimits& reference) {
  const auto* recipe = std::get_if<DynamicalRecipe>(&library.recipe);
  if (!recipe)
    throw Error(ErrorKind::study,
                "library " + library.name + " is kinematical: no beams were left out of it");
  DynamicalOptions options = recipe->options;
  options.precession = 0;
  const auto with = [&](const BeamLimits& limits) {
    return DynamicalPatterns(library.crystal, library.energy_keV, options, library.thickness_A,
                             limits);
  };
  const DynamicalPatterns own = with(recipe->limits), other = with(reference);
  std::vector<SpotDifference> differences(sample.size());
  parallel_for(long(sample.size()), [&](long i, int) {
    const Mat3& R = library.templates.at(sample[std::size_t(i)]).R_lab_crystal;
    differences[std::size_t(i)] = difference(own.spots(R), other.spots(R));
  });
  SpotDifference result;
  double sum = 0;
  for (const SpotDifference& one : differences) {
    if (one.largest > result.largest) {
      result.largest = one.largest;
      result.where = one.where;
    }
    sum += one.rms * one.rms;
  }
  if (!differences.empty()) result.rms = std::sqrt(sum / double(differences.size()));
  return result;
}

}  // namespace pendel

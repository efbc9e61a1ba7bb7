#include "acom/library.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "crystal/point_group.hpp"

namespace pendel {

PhaseLibrary kinematical_library(const std::string& name, const Crystal& crystal, double energy_keV,
                                 const SpotOptions& options, const std::vector<Mat3>& orientations,
                                 double faintest) {
  PhaseLibrary library;
  library.name = name;
  library.crystal = crystal;
  library.energy_keV = energy_keV;
  library.g_max = options.g_max;
  library.symmetry = laue_group(point_group(crystal)).operations;  // Friedel
  library.recipe = options;
  library.faintest = faintest;
  library.templates.resize(orientations.size());
  const SpotPatterns patterns(crystal, energy_keV, options);
  parallel_for(long(orientations.size()), [&](long i, int) {
    Template& made = library.templates[std::size_t(i)];
    made.R_lab_crystal = orientations[std::size_t(i)];
    const std::vector<Spot> spots = patterns.spots(made.R_lab_crystal);
    double brightest = 0;
    for (const Spot& spot : spots)
      if (spot.hkl != Hkl{}) brightest = std::max(brightest, spot.intensity);
    for (const Spot& spot : spots) {
      if (spot.hkl == Hkl{} || spot.forbidden || spot.intensity < faintest * brightest) continue;
      made.hkl.push_back(spot.hkl);
      made.q.push_back(spot.g.head<2>());
      made.intensity.push_back(float(spot.intensity));
    }
  });
  return library;
}

}  // namespace pendel

#include "sim/powder.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

using electron::pi;

namespace {

/// The ring of reflections [first, last).
Ring ring_of(const Reflection* first, const Reflection* last, double K) {
  Ring ring;
  ring.forbidden = true;
  for (const Reflection* r = first; r != last; ++r) ring.forbidden = ring.forbidden && r->forbidden;
  double strongest = -1;
  for (const Reflection* r = first; r != last; ++r) {
    ring.g += r->g.norm() / double(last - first);
    if (r->forbidden != ring.forbidden) continue;
    const double squared = std::norm(r->U_g);
    ++ring.multiplicity;
    ring.U_squared += squared;
    ring.intensity += pi * pi * squared / (2 * r->g.norm() * K * K);
    // Equivalent reflections differ by rounding; what is left of forbidden ones is nothing else.
    const bool stronger = !ring.forbidden && squared > strongest * (1 + 1e-9);
    const bool equal = ring.forbidden || squared >= strongest * (1 - 1e-9);
    if (stronger || (equal && ring.hkl < r->hkl)) ring.hkl = r->hkl;
    strongest = std::max(strongest, squared);
  }
  return ring;
}

}  // namespace

std::vector<Ring> powder_rings(const Crystal& crystal, double energy_keV,
                               const PowderOptions& options) {
  if (!(options.merge_tolerance >= 0))
    throw Error(ErrorKind::study, "merge_tolerance of powder rings is " +
                                      std::to_string(options.merge_tolerance) +
                                      " 1/A; it must not be negative");
  const double K = 1 / electron::wavelength(energy_keV);
  const std::vector<Reflection> all =
      reflections(crystal, energy_keV, options.g_max, options.table);
  std::vector<Ring> rings;
  for (std::size_t first = 1, last = 1; first < all.size(); first = last) {  // [0] is (0,0,0)
    do ++last;
    while (last < all.size() &&
           all[last].g.norm() <= all[last - 1].g.norm() + options.merge_tolerance);
    rings.push_back(ring_of(&all[first], &all[0] + last, K));
  }
  return rings;
}

std::vector<double> radial_profile(const std::vector<Ring>& rings, const std::vector<double>& grid,
                                   const LineShape& line) {
  if (!(line.width > 0 && line.mixing >= 0 && line.mixing <= 1))
    throw Error(ErrorKind::study, "a powder line has width " + std::to_string(line.width) +
                                      " 1/A and mixing " + std::to_string(line.mixing) +
                                      "; the width must be positive, mixing within 0 and 1");
  const double half = line.width / 2;
  const double lorentzian = line.mixing / (pi * half);
  const double gaussian = (1 - line.mixing) * std::sqrt(std::log(2) / pi) / half;
  std::vector<double> profile(grid.size(), 0);
  for (const Ring& ring : rings) {
    if (ring.forbidden) continue;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const double x2 = std::pow((grid[i] - ring.g) / half, 2);
      profile[i] +=
          ring.intensity * (lorentzian / (1 + x2) + gaussian * std::exp(-std::log(2) * x2));
    }
  }
  return profile;
}

}  // namespace pendel

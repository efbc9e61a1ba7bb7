#include "crystal/displacement.hpp"

#include <cmath>
#include <map>
#include <sstream>

#include "core/error.hpp"

namespace pendel {

namespace {

constexpr double farthest_A = 1;
constexpr double largest_strain = 0.1;

// The shortest Cartesian vector between two positions and their lattice translations.
Vec3 shortest(const Cell& cell, const Vec3& difference) {
  const Vec3 centred = difference - difference.array().round().matrix();
  Vec3 best = cell.cartesian({centred}).v;
  for (int h = -1; h <= 1; ++h)
    for (int k = -1; k <= 1; ++k)
      for (int l = -1; l <= 1; ++l) {
        const Vec3 d = cell.cartesian({centred + Hkl{h, k, l}.vec()}).v;
        // By more than rounding, so that a tie is decided the same way everywhere.
        if (d.norm() < best.norm() - 1e-9) best = d;
      }
  return best;
}

std::string name_of(const Site& site) {
  std::ostringstream text;
  text << site.label << " (" << element_symbol(site.Z) << " at " << site.position.v.transpose()
       << ")";
  return text.str();
}

void require_similar(const Crystal& nonpolar, const Crystal& polar) {
  const Mat3 strain =
      polar.cell.orthogonalization() * nonpolar.cell.reciprocal_basis().transpose() -
      Mat3::Identity();
  std::ostringstream text;
  text << "crystals " << nonpolar.name << " and " << polar.name;
  if (strain.cwiseAbs().maxCoeff() > largest_strain) {
    text << " have cells " << nonpolar.cell.edges().transpose() << " A and "
         << polar.cell.edges().transpose() << " A (or angles) that differ by more than 10 %";
    throw Error(ErrorKind::input, text.str());
  }
  if (nonpolar.sites.size() != polar.sites.size()) {
    text << " have " << nonpolar.sites.size() << " and " << polar.sites.size()
         << " sites; a displacement needs the same atoms in both";
    throw Error(ErrorKind::input, text.str());
  }
}

}  // namespace

CrystalTangent displacement_between(const Crystal& nonpolar, const Crystal& polar) {
  require_similar(nonpolar, polar);
  CrystalTangent direction;
  std::map<const Site*, const Site*> partner;
  for (const Site& site : nonpolar.sites) {
    const Site* nearest = nullptr;
    Vec3 shift = Vec3::Zero();
    for (const Site& other : polar.sites) {
      if (other.Z != site.Z) continue;
      const Vec3 d = shortest(nonpolar.cell, other.position.v - site.position.v);
      if (!nearest || d.norm() < shift.norm()) nearest = &other, shift = d;
    }
    if (!nearest || shift.norm() > farthest_A)
      throw Error(ErrorKind::input, "no atom of " + polar.name + " lies within 1 A of " +
                                        name_of(site) + " of " + nonpolar.name);
    const auto [taken, is_new] = partner.emplace(nearest, &site);
    if (!is_new)
      throw Error(ErrorKind::input, name_of(*nearest) + " of " + polar.name +
                                        " is the nearest to " + name_of(*taken->second) +
                                        " and to " + name_of(site) + " of " + nonpolar.name +
                                        "; the sites do not match one to one");
    direction.displacement.push_back(shift);
  }
  return direction;
}

CrystalTangent displacement_of_sites(const Crystal& crystal,
                                     const std::vector<std::pair<std::string, Vec3>>& list) {
  CrystalTangent direction;
  direction.displacement.assign(crystal.sites.size(), Vec3::Zero());
  std::vector<std::string> moved_by(crystal.sites.size());
  for (const auto& [name, shift] : list)
    for (const int j : sites_named(crystal, name)) {
      if (!moved_by[j].empty())
        throw Error(ErrorKind::study, "site " + crystal.sites[j].label + " of " + crystal.name +
                                          " is displaced by '" + moved_by[j] + "' and by '" + name +
                                          "'; name it once");
      moved_by[j] = name;
      direction.displacement[j] = shift;
    }
  return direction;
}

Vec3 polarization(const Crystal& crystal, const CrystalTangent& displacements,
                  const std::map<std::string, Vec3>& born_charges) {
  constexpr double e_per_A2 = 1602.176634;  // µC/cm²
  constexpr double neutral = 0.1;           // e
  std::vector<const Vec3*> charge(crystal.sites.size(), nullptr);
  for (const auto& [label, value] : born_charges)
    for (const int j : sites_named(crystal, label)) charge[j] = &value;
  Vec3 sum = Vec3::Zero(), dipole = Vec3::Zero();
  for (std::size_t j = 0; j < charge.size(); ++j) {
    if (!charge[j])
      throw Error(ErrorKind::study, "site " + crystal.sites[j].label + " of " + crystal.name +
                                        " has no Born charge; every site needs one");
    sum += *charge[j];
    if (!displacements.displacement.empty())
      dipole += charge[j]->cwiseProduct(displacements.displacement[j]);
  }
  if (sum.cwiseAbs().maxCoeff() > neutral) {
    std::ostringstream text;
    text << "the Born charges of " << crystal.name << " add up to [" << sum.transpose()
         << "] e in a cell; they must add up to 0";
    throw Error(ErrorKind::study, text.str());
  }
  return e_per_A2 / crystal.volume() * dipole;
}

}  // namespace pendel

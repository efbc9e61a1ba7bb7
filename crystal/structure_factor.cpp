#include "crystal/structure_factor.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

using electron::pi;

namespace {

// Lengths that differ by rounding only belong to the same shell.
constexpr double same_length = 1e-10;

// The order of reflections by length, and for each place in that order the number of its shell.
struct Shells {
  std::vector<int> order, number;
};

Shells shells_of(const std::vector<double>& lengths) {
  Shells shells;
  shells.order.resize(lengths.size());
  shells.number.resize(lengths.size());
  std::iota(shells.order.begin(), shells.order.end(), 0);
  std::sort(shells.order.begin(), shells.order.end(),
            [&](int i, int j) { return lengths[i] < lengths[j]; });
  for (std::size_t n = 1; n < lengths.size(); ++n) {
    const double last = lengths[shells.order[n - 1]], next = lengths[shells.order[n]];
    shells.number[n] = shells.number[n - 1] + (next > last * (1 + same_length));
  }
  return shells;
}

std::string described(const Crystal& crystal) {
  return crystal.name.empty() ? "crystal" : "crystal " + crystal.name;
}

}  // namespace

StructureFactors::StructureFactors(const Crystal& crystal, const std::vector<Hkl>& reflections,
                                   double energy_keV, const PotentialOptions& options)
    : cell_(crystal.cell), reflections_(reflections), energy_keV_(energy_keV), options_(options) {
  std::vector<double> lengths;
  for (const Hkl& hkl : reflections) {
    g_.push_back(cell_.g(hkl).v);
    lengths.push_back(g_.back().norm());
    lowest_ = {std::min(lowest_.h, hkl.h), std::min(lowest_.k, hkl.k), std::min(lowest_.l, hkl.l)};
    highest_ = {std::max(highest_.h, hkl.h), std::max(highest_.k, hkl.k),
                std::max(highest_.l, hkl.l)};
  }
  const Shells shells = shells_of(lengths);
  shell_.resize(reflections.size());
  for (std::size_t n = 0; n < reflections.size(); ++n) {
    const int i = shells.order[n];
    if (shells.number[n] == int(shells_.size())) shells_.push_back(lengths[i]);
    shell_[i] = shells.number[n];
  }
  factors_ = factors_of(crystal);
}

StructureFactors::Factors StructureFactors::factors_of(const Crystal& crystal) const {
  Factors factors;
  for (const Site& site : crystal.sites) {
    const Kind kind{site.Z, site.occupancy, site.U};
    const auto known = std::find(factors.kinds.begin(), factors.kinds.end(), kind);
    factors.kind_of_site.push_back(int(known - factors.kinds.begin()));
    if (known == factors.kinds.end()) factors.kinds.push_back(kind);
  }
  const bool absorbing = options_.absorption == Absorption::weickenmeier_kohl;
  const double elastic_scale = electron::gamma(energy_keV_) / (pi * cell_.volume());
  for (const Kind& kind : factors.kinds) {
    // What depends on |g| only is computed once per shell.
    std::vector<double> f_e;
    std::vector<AbsorptiveFactor> absorption;
    for (double g : shells_) {
      f_e.push_back(scattering_factor(options_.table, kind.Z, g));
      if (absorbing)
        absorption.push_back(
            weickenmeier_kohl_absorption(kind.Z, g, kind.U.trace() / 3, energy_keV_));
    }
    std::vector<double> elastic, absorptive, absorptive_dB;
    for (std::size_t i = 0; i < reflections_.size(); ++i) {
      const double T = std::exp(-2 * pi * pi * g_[i].dot(kind.U * g_[i]));
      elastic.push_back(elastic_scale * kind.occupancy * f_e[shell_[i]] * T);
      if (!absorbing) continue;
      const AbsorptiveFactor& f = absorption[shell_[i]];
      const double scale = kind.occupancy / cell_.volume();
      absorptive.push_back(scale * (options_.core * f.core + options_.phonon * f.phonon));
      // Not a product with `phonon`: the derivative may be infinite, and 0·∞ is not 0.
      absorptive_dB.push_back(
          scale * ((options_.core ? f.core_dB : 0) + (options_.phonon ? f.phonon_dB : 0)));
    }
    factors.elastic.push_back(std::move(elastic));
    factors.absorptive.push_back(std::move(absorptive));
    factors.absorptive_dB.push_back(std::move(absorptive_dB));
  }
  return factors;
}

template <class Use>
void StructureFactors::with_factors(const Crystal& crystal, Use use) const {
  bool comparable = crystal.sites.size() == factors_.kind_of_site.size() &&
                    crystal.cell.orthogonalization() == cell_.orthogonalization();
  bool same_U = true;
  for (std::size_t j = 0; comparable && j < crystal.sites.size(); ++j) {
    const Site& site = crystal.sites[j];
    const Kind& kind = factors_.kinds[factors_.kind_of_site[j]];
    comparable = kind.Z == site.Z && kind.occupancy == site.occupancy;
    same_U = same_U && kind.U == site.U;
  }
  if (!comparable)
    throw Error(ErrorKind::study, described(crystal) +
                                      " differs in cell, elements or occupancies "
                                      "from the one its structure factors were prepared for");
  if (same_U)
    use(factors_);
  else
    use(factors_of(crystal));
}

void StructureFactors::phases(const Fractional& position, std::vector<complex>& values) const {
  // exp(−2πi(hx+ky+lz)) is a product of three table entries, each exact to rounding.
  std::vector<complex> table[3];
  const Vec3 low = lowest_.vec(), high = highest_.vec();
  for (int axis = 0; axis < 3; ++axis)
    for (int n = int(low[axis]); n <= int(high[axis]); ++n)
      table[axis].push_back(phase(-std::remainder(n * position.v[axis], 1.0)));
  values.resize(reflections_.size());
  for (std::size_t i = 0; i < reflections_.size(); ++i) {
    const Hkl n = reflections_[i] - lowest_;
    values[i] = table[0][n.h] * table[1][n.k] * table[2][n.l];
  }
}

void StructureFactors::evaluate(const Crystal& crystal, std::vector<Ug>& values) const {
  values.assign(size(), Ug{});
  with_factors(crystal, [&](const Factors& factors) {
    std::vector<complex> phase_of;
    for (std::size_t j = 0; j < crystal.sites.size(); ++j) {
      phases(crystal.sites[j].position, phase_of);
      const int kind = factors.kind_of_site[j];
      for (std::size_t i = 0; i < size(); ++i)
        values[i].elastic += factors.elastic[kind][i] * phase_of[i];
      if (options_.absorption == Absorption::weickenmeier_kohl)
        for (std::size_t i = 0; i < size(); ++i)
          values[i].absorptive += factors.absorptive[kind][i] * phase_of[i];
    }
  });
  if (options_.absorption == Absorption::proportional)
    for (Ug& U_g : values) U_g.absorptive = options_.proportional_absorption * U_g.elastic;
}

void StructureFactors::derivative(const Crystal& crystal, const CrystalTangent& direction,
                                  std::vector<Ug>& values) const {
  values.assign(size(), Ug{});
  const bool absorbing = options_.absorption == Absorption::weickenmeier_kohl;
  with_factors(crystal, [&](const Factors& factors) {
    std::vector<complex> phase_of;
    for (std::size_t j = 0; j < crystal.sites.size(); ++j) {
      const Vec3 dr = direction.displacement.empty() ? Vec3::Zero() : direction.displacement[j];
      const double dB = direction.B.empty() ? 0 : direction.B[j];
      if (dr.isZero(0) && dB == 0) continue;
      const int kind = factors.kind_of_site[j];
      if (absorbing && options_.phonon && dB != 0 && !(factors.kinds[kind].U.trace() > 0))
        throw Error(ErrorKind::study, "site " + crystal.sites[j].label + " of " +
                                          described(crystal) +
                                          " has B = 0, where phonon absorption has no derivative "
                                          "with respect to B; start from a B > 0");
      phases(crystal.sites[j].position, phase_of);
      for (std::size_t i = 0; i < size(); ++i) {
        // d/dp of (factor × phase): −2πi g·δr from the phase, −g²/4 dB from T.
        const complex shift(0, -2 * pi * g_[i].dot(dr));
        values[i].elastic +=
            factors.elastic[kind][i] * phase_of[i] * (shift - 0.25 * g_[i].squaredNorm() * dB);
        if (absorbing) {
          values[i].absorptive += factors.absorptive[kind][i] * phase_of[i] * shift;
          if (dB != 0) values[i].absorptive += factors.absorptive_dB[kind][i] * phase_of[i] * dB;
        }
      }
    }
  });
  if (options_.absorption == Absorption::proportional)
    for (Ug& U_g : values) U_g.absorptive = options_.proportional_absorption * U_g.elastic;
}

std::vector<Ug> structure_factors(const Crystal& crystal, const std::vector<Hkl>& reflections,
                                  double energy_keV, const PotentialOptions& options) {
  std::vector<Ug> values;
  StructureFactors(crystal, reflections, energy_keV, options).evaluate(crystal, values);
  return values;
}

std::vector<Hkl> reflections_within(const Cell& cell, double g_max) {
  if (!(g_max >= 0))
    throw Error(ErrorKind::study, "g_max is " + std::to_string(g_max) +
                                      " 1/A; it must not be "
                                      "negative");
  // h = g·a, so abs(h) <= g_max |a|, in any cell.
  const double limit = g_max * (1 + same_length);  // keeps or drops equivalent reflections together
  const Vec3 bound = (limit * cell.edges()).array().ceil();
  std::vector<Hkl> found;
  std::vector<double> lengths;
  for (int h = -int(bound[0]); h <= int(bound[0]); ++h)
    for (int k = -int(bound[1]); k <= int(bound[1]); ++k)
      for (int l = -int(bound[2]); l <= int(bound[2]); ++l) {
        const double g = cell.g({h, k, l}).v.norm();
        if (g > limit) continue;
        found.push_back({h, k, l});
        lengths.push_back(g);
      }
  // By shell rather than by length: rounding must not order equivalent reflections.
  const Shells shells = shells_of(lengths);
  std::vector<std::pair<int, Hkl>> sorted;
  for (std::size_t n = 0; n < found.size(); ++n)
    sorted.push_back({shells.number[n], found[shells.order[n]]});
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t n = 0; n < found.size(); ++n) found[n] = sorted[n].second;
  return found;
}

}  // namespace pendel

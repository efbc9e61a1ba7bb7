#include "crystal/structure_factor.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"

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
  for (const Hkl& hkl : reflections) {
    lowest_ = {std::min(lowest_.h, hkl.h), std::min(lowest_.k, hkl.k), std::min(lowest_.l, hkl.l)};
    highest_ = {std::max(highest_.h, hkl.h), std::max(highest_.k, hkl.k),
                std::max(highest_.l, hkl.l)};
  }
  factors_ = factors_of(crystal);
}

StructureFactors::Factors StructureFactors::factors_of(const Crystal& crystal) const {
  Factors factors;
  factors.strain = crystal.strain;
  factors.volume = crystal.volume();
  std::vector<double> lengths;
  for (const Hkl& hkl : reflections_) {
    factors.g.push_back(crystal.g(hkl).v);
    lengths.push_back(factors.g.back().norm());
  }
  // What depends on |g| only is computed once per shell.
  const Shells shells = shells_of(lengths);
  std::vector<double> radius;
  std::vector<int> shell(lengths.size());  // of each reflection
  for (std::size_t n = 0; n < lengths.size(); ++n) {
    const int i = shells.order[n];
    if (shells.number[n] == int(radius.size())) radius.push_back(lengths[i]);
    shell[i] = shells.number[n];
  }
  for (const Site& site : crystal.sites) {
    const Kind kind{site.Z, site.U};
    const auto known = std::find(factors.kinds.begin(), factors.kinds.end(), kind);
    factors.kind_of_site.push_back(int(known - factors.kinds.begin()));
    if (known == factors.kinds.end()) factors.kinds.push_back(kind);
  }
  const bool absorbing = options_.absorption == Absorption::weickenmeier_kohl;
  const double elastic_scale = electron::gamma(energy_keV_) / (pi * factors.volume);
  for (const Kind& kind : factors.kinds) {
    std::vector<double> f_e;
    std::vector<AbsorptiveFactor> absorption;
    for (double g : radius) {
      stop_if_interrupted();
      f_e.push_back(scattering_factor(options_.table, kind.Z, g));
      if (absorbing)
        absorption.push_back(
            weickenmeier_kohl_absorption(kind.Z, g, kind.U.trace() / 3, energy_keV_));
    }
    std::vector<double> elastic, absorptive, absorptive_dB;
    for (std::size_t i = 0; i < reflections_.size(); ++i) {
      const double T = std::exp(-2 * pi * pi * factors.g[i].dot(kind.U * factors.g[i]));
      elastic.push_back(elastic_scale * f_e[shell[i]] * T);
      if (!absorbing) continue;
      const AbsorptiveFactor& f = absorption[shell[i]];
      absorptive.push_back((options_.core * f.core + options_.phonon * f.phonon) / factors.volume);
      // Not a product with `phonon`: the derivative may be infinite, and 0·∞ is not 0.
      absorptive_dB.push_back(
          ((options_.core ? f.core_dB : 0) + (options_.phonon ? f.phonon_dB : 0)) / factors.volume);
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
  bool same = crystal.strain == factors_.strain;
  for (std::size_t j = 0; comparable && j < crystal.sites.size(); ++j) {
    const Site& site = crystal.sites[j];
    const Kind& kind = factors_.kinds[factors_.kind_of_site[j]];
    comparable = kind.Z == site.Z;
    same = same && kind.U == site.U;
  }
  if (!comparable)
    throw Error(ErrorKind::study, described(crystal) +
                                      " differs in cell or elements from the one its structure "
                                      "factors were prepared for");
  if (same)
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

void StructureFactors::add_change(const FourierChange& change, std::vector<Ug>& values) const {
  if (change.empty()) return;
  for (std::size_t i = 0; i < size(); ++i)
    if (const auto found = change.find(reflections_[i]); found != change.end())
      values[i].elastic += found->second;
}

void StructureFactors::evaluate(const Crystal& crystal, std::vector<Ug>& values) const {
  values.assign(size(), Ug{});
  with_factors(crystal, [&](const Factors& factors) {
    std::vector<complex> phase_of;
    for (std::size_t j = 0; j < crystal.sites.size(); ++j) {
      stop_if_interrupted();
      phases(crystal.sites[j].position, phase_of);
      const int kind = factors.kind_of_site[j];
      for (complex& e : phase_of) e *= crystal.sites[j].occupancy;
      for (std::size_t i = 0; i < size(); ++i)
        values[i].elastic += factors.elastic[kind][i] * phase_of[i];
      if (options_.absorption == Absorption::weickenmeier_kohl)
        for (std::size_t i = 0; i < size(); ++i)
          values[i].absorptive += factors.absorptive[kind][i] * phase_of[i];
    }
  });
  add_change(crystal.U_g_change, values);
  if (options_.absorption == Absorption::proportional)
    for (Ug& U_g : values) U_g.absorptive = options_.proportional_absorption * U_g.elastic;
}

std::vector<double> StructureFactors::elastic_slope(const Factors& factors, const Kind& kind,
                                                    const CrystalTangent& direction,
                                                    const Mat3& dU) const {
  std::vector<double> slope(size(), 0.0);
  if (!dU.isZero(0))  // d ln T = −2π² g·dU·g
    for (std::size_t i = 0; i < size(); ++i)
      slope[i] -= 2 * pi * pi * factors.g[i].dot(dU * factors.g[i]);
  if (direction.strain.isZero(0)) return slope;
  // With L = 1 + strain: dg = −L⁻ᵀ dLᵀ g, d ln Ω = tr(L⁻¹ dL).
  const Mat3 inverse = (Mat3::Identity() + factors.strain).inverse();
  const Mat3 turn = -inverse.transpose() * direction.strain.transpose();
  const double dlog_volume = (inverse * direction.strain).trace();
  for (std::size_t i = 0; i < size(); ++i) {
    const Vec3 g = factors.g[i], dg = turn * g;
    const double length = g.norm();
    slope[i] += 2 * g.dot(dg) * scattering_factor_slope(options_.table, kind.Z, length) /
                    scattering_factor(options_.table, kind.Z, length) -
                4 * pi * pi * dg.dot(kind.U * g) - dlog_volume;
  }
  return slope;
}

void StructureFactors::derivative(const Crystal& crystal, const CrystalTangent& direction,
                                  std::vector<Ug>& values) const {
  values.assign(size(), Ug{});
  const bool absorbing = options_.absorption == Absorption::weickenmeier_kohl;
  const bool strained = !direction.strain.isZero(0);
  if (absorbing && strained)
    throw Error(ErrorKind::study, "strain of " + described(crystal) +
                                      ": weickenmeier-kohl absorption has no derivative along it; "
                                      "use proportional absorption or none");
  with_factors(crystal, [&](const Factors& factors) {
    std::vector<complex> phase_of;
    for (std::size_t j = 0; j < crystal.sites.size(); ++j) {
      stop_if_interrupted();
      const Vec3 dr = direction.displacement.empty() ? Vec3::Zero() : direction.displacement[j];
      const Mat3 dU = direction.U.empty() ? Mat3::Zero() : direction.U[j];
      const double docc = direction.occupancy.empty() ? 0 : direction.occupancy[j];
      if (dr.isZero(0) && dU.isZero(0) && docc == 0 && !strained) continue;
      const int kind = factors.kind_of_site[j];
      if (absorbing && options_.phonon && !dU.isZero(0) && !(factors.kinds[kind].U.trace() > 0))
        throw Error(ErrorKind::study, "site " + crystal.sites[j].label + " of " +
                                          described(crystal) +
                                          " has B = 0, where phonon absorption has no derivative "
                                          "with respect to B; start from a B > 0");
      phases(crystal.sites[j].position, phase_of);
      const double occ = crystal.sites[j].occupancy;
      const double dB = 8 * pi * pi * dU.trace() / 3;
      const Vec3 dx = cell_.fractional({dr}).v;
      const std::vector<double> slope = elastic_slope(factors, factors.kinds[kind], direction, dU);
      for (std::size_t i = 0; i < size(); ++i) {
        // d/dp of (occupancy × factor × phase); the phase −2πi (hx+ky+lz) knows no strain.
        const complex moving(docc, -2 * pi * occ * reflections_[i].vec().dot(dx));
        values[i].elastic += factors.elastic[kind][i] * phase_of[i] * (moving + slope[i] * occ);
        if (absorbing) {
          values[i].absorptive += factors.absorptive[kind][i] * phase_of[i] * moving;
          if (dB != 0)
            values[i].absorptive += factors.absorptive_dB[kind][i] * phase_of[i] * dB * occ;
        }
      }
    }
  });
  add_change(direction.U_g_change, values);
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
  for (int h = -int(bound[0]); h <= int(bound[0]); ++h) {
    stop_if_interrupted();
    for (int k = -int(bound[1]); k <= int(bound[1]); ++k)
      for (int l = -int(bound[2]); l <= int(bound[2]); ++l) {
        const double g = cell.g({h, k, l}).v.norm();
        if (g > limit) continue;
        found.push_back({h, k, l});
        lengths.push_back(g);
      }
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

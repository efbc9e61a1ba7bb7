#include "sim/slice_potential.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cassert>
#include <cmath>

#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "sim/optical_potential.hpp"

namespace pendel {

namespace {

// Fourier components along z beyond it are negligible in a slice's mean: f_e < 1 % of f_e(0) there.
constexpr double g_z_max = 8;  // 1/Å

Eigen::Vector3i integers(const Hkl& hkl) { return {hkl.h, hkl.k, hkl.l}; }

/// The smallest hkl with hu + kv + lw = 1.
Hkl first_order(const Eigen::Vector3i& uvw) {
  for (int range = 0; range <= uvw.cwiseAbs().maxCoeff(); ++range)
    for (int h = -range; h <= range; ++h)
      for (int k = -range; k <= range; ++k)
        for (int l = -range; l <= range; ++l)
          if (Eigen::Vector3i(h, k, l).dot(uvw) == 1) return {h, k, l};
  throw Error(ErrorKind::study, "the beam direction is not a primitive lattice vector");
}

PotentialOptions elastic_only(PotentialOptions options) {
  options.absorption = Absorption::none;
  return options;
}

}  // namespace

int PlaneWaveGrid::pixel(int h, int k) const {
  const auto wrapped = [](int i, int n) { return i >= 0 ? i : i + n; };
  const int i = wrapped(h, n1), j = wrapped(k, n2);
  if (i < 0 || i >= n1 || j < 0 || j >= n2) return -1;
  if (frequency(i, n1) != h || frequency(j, n2) != k) return -1;
  return i * n2 + j;
}

SlicePotential::SlicePotential(const OrientedCrystal& oriented,
                               const std::array<Hkl, 2>& zone_basis,
                               const Eigen::Matrix2i& refinement, const PlaneWaveGrid& grid,
                               double energy_keV, const PotentialOptions& options, double slice_A,
                               bool zero_order_only)
    : grid_(grid),
      reference_(oriented),
      options_(options),
      energy_keV_(energy_keV),
      mean_(oriented.crystal, {Hkl{}}, energy_keV, elastic_only(options)) {
  const Cell& cell = oriented.crystal.cell;
  const Mat3& R = oriented.R_lab_crystal;
  Eigen::Vector3i uvw = integers(zone_basis[0]).cross(integers(zone_basis[1]));
  Vec3 along = R * cell.orthogonalization() * uvw.cast<double>();
  if (along.z() < 0) {
    uvw = -uvw;
    along = -along;
  }
  period_ = along.z();
  slices_ = std::max(1, int(std::ceil(period(oriented.crystal) / slice_A - 1e-9)));

  // This crystal's own b1, b2 of the grid: zone basis = b * refinement.
  Eigen::Matrix2d zone;
  for (int i = 0; i < 2; ++i) zone.col(i) = (R * cell.g(zone_basis[i]).v).head<2>();
  grid_.b = zone * refinement.cast<double>().inverse();
  for (int p = 0; p < grid_.size(); ++p)
    grid_g_.push_back(grid_.b * Vec2(PlaneWaveGrid::frequency(p / grid_.n2, grid_.n1),
                                     PlaneWaveGrid::frequency(p % grid_.n2, grid_.n2)));

  // Every reflection whose in-plane part the grid holds, by its order along z.
  const Hkl up = first_order(uvw);
  const Vec2 offset = grid_.b.inverse() * (R * cell.g(up).v).head<2>();  // integer on the grid
  orders_ = zero_order_only ? 0 : int(g_z_max * period_);
  const Eigen::Matrix2d per_zone = refinement.cast<double>().inverse();
  for (int order = -orders_; order <= orders_; ++order) {
    stop_if_interrupted();
    for (int p = 0; p < grid_.size(); ++p) {
      const Vec2 hk(PlaneWaveGrid::frequency(p / grid_.n2, grid_.n1),
                    PlaneWaveGrid::frequency(p % grid_.n2, grid_.n2));
      const Vec2 ab = per_zone * (hk - order * offset);  // in the zone basis
      const Vec2 whole = ab.array().round();
      if ((ab - whole).cwiseAbs().maxCoeff() > 1e-3) continue;
      const int a = int(whole[0]), b = int(whole[1]);
      const Eigen::Vector3i hkl =
          order * integers(up) + a * integers(zone_basis[0]) + b * integers(zone_basis[1]);
      reflections_.push_back({hkl[0], hkl[1], hkl[2]});
      waves_.push_back({p, order});
    }
  }
  absorbing_ = options.absorption != Absorption::none;

  for (const Hkl& hkl : reflections_) {
    stop_if_interrupted();
    listed_.insert(hkl);
  }
  for (const Site& site : oriented.crystal.sites)
    sites_.push_back(fold(amplitudes(site, oriented.crystal.strain), lab(site).z(), false));
}

double SlicePotential::period(const Crystal& crystal) const {
  const Mat3 strain = strain_along_beam(reference_, crystal.strain, "the split-step engine",
                                        "use the Bloch engine");
  return period_ * (1 + strain(2, 2));
}

Vec3 SlicePotential::lab(const Site& site) const {
  return reference_.R_lab_crystal * reference_.crystal.cell.cartesian(site.position).v;
}

std::vector<Ug> SlicePotential::amplitudes(const Site& site, const Mat3& strain) const {
  Crystal single{reference_.crystal.name, reference_.crystal.cell, {site}, strain};
  single.sites[0].position = {};
  single.sites[0].occupancy = 1;
  std::vector<Ug> values;
  StructureFactors(single, reflections_, energy_keV_, options_).evaluate(single, values);
  return values;
}

std::vector<Ug> SlicePotential::amplitudes_derivative(const Site& site, const Mat3& strain,
                                                      const Mat3& dU, const Mat3& dstrain) const {
  Crystal single{reference_.crystal.name, reference_.crystal.cell, {site}, strain};
  single.sites[0].position = {};
  single.sites[0].occupancy = 1;
  CrystalTangent direction;
  direction.U = {dU};
  direction.strain = dstrain;
  std::vector<Ug> values;
  StructureFactors(single, reflections_, energy_keV_, options_)
      .derivative(single, direction, values);
  return values;
}

void SlicePotential::add_change(const FourierChange& change, Columns& elastic,
                                Columns& absorptive) const {
  if (change.empty()) return;
  std::vector<Ug> amplitude(reflections_.size());
  for (std::size_t i = 0; i < reflections_.size(); ++i)
    if (const auto found = change.find(reflections_[i]); found != change.end()) {
      amplitude[i].elastic = found->second;
      if (options_.absorption == Absorption::proportional)
        amplitude[i].absorptive = options_.proportional_absorption * found->second;
    }
  const SiteSlices slices = fold(amplitude, 0, false);
  for (int j = 0; j < slices_; ++j) {
    elastic[j] += slices.elastic[j];
    if (absorbing_) absorptive[j] += slices.absorptive[j];
  }
}

SlicePotential::SiteSlices SlicePotential::fold(const std::vector<Ug>& amplitude, double z,
                                                bool derivative_z) const {
  // mean of exp(2πi l z'/c) over slice j, times exp(−2πi l z/c)
  Eigen::ArrayXXcd factor(2 * orders_ + 1, slices_);
  for (int order = -orders_; order <= orders_; ++order)
    for (int j = 0; j < slices_; ++j) {
      const double turns = order * ((j + 0.5) / slices_ - z / period_);
      factor(order + orders_, j) = phase(turns) * sinc(double(order) / slices_);
      if (derivative_z)
        factor(order + orders_, j) *= complex(0, -2 * electron::pi * order / period_);
    }
  SiteSlices result;
  result.elastic.assign(slices_, Eigen::ArrayXcd::Zero(grid_.size()));
  if (absorbing_) result.absorptive = result.elastic;
  for (std::size_t i = 0; i < waves_.size(); ++i)
    for (int j = 0; j < slices_; ++j) {
      const complex f = factor(waves_[i].order + orders_, j);
      result.elastic[j][waves_[i].pixel] += f * amplitude[i].elastic;
      if (absorbing_) result.absorptive[j][waves_[i].pixel] += f * amplitude[i].absorptive;
    }
  return result;
}

bool SlicePotential::as_built(const Crystal& crystal, std::size_t index) const {
  const Site &site = crystal.sites[index], &built = reference_.crystal.sites[index];
  return lab(site).z() == lab(built).z() && site.U == built.U &&
         crystal.strain == reference_.crystal.strain;
}

Eigen::ArrayXcd SlicePotential::in_plane_phase(const Vec3& r) const {
  // exp(−2πi g·r) = E1[h] E2[k]
  Eigen::ArrayXcd E1(grid_.n1), E2(grid_.n2), result(grid_.size());
  for (int i = 0; i < grid_.n1; ++i)
    E1[i] = phase(-PlaneWaveGrid::frequency(i, grid_.n1) * grid_.b.col(0).dot(r.head<2>()));
  for (int j = 0; j < grid_.n2; ++j)
    E2[j] = phase(-PlaneWaveGrid::frequency(j, grid_.n2) * grid_.b.col(1).dot(r.head<2>()));
  for (int i = 0; i < grid_.n1; ++i) result.segment(i * grid_.n2, grid_.n2) = E1[i] * E2;
  return result;
}

void SlicePotential::to_real_space(const Columns& columns, const Fft2& fft,
                                   std::vector<Eigen::ArrayXd>& out) const {
  FftArray work(grid_.size());
  out.resize(columns.size());
  for (std::size_t j = 0; j < columns.size(); ++j) {
    std::copy(columns[j].data(), columns[j].data() + grid_.size(), work.begin());
    fft.backward(work.data());
    // U is real in real space; taking the real part also halves the unpaired highest frequency.
    out[j] = Eigen::Map<const Eigen::ArrayXcd>(work.data(), grid_.size()).real();
  }
}

void SlicePotential::evaluate(const Crystal& crystal, const Fft2& fft, SliceArrays& arrays) const {
  assert(crystal.sites.size() == sites_.size());
  Columns elastic(slices_, Eigen::ArrayXcd::Zero(grid_.size()));
  Columns absorptive(absorbing_ ? elastic : Columns());
  for (std::size_t s = 0; s < crystal.sites.size(); ++s) {
    const Site& site = crystal.sites[s];
    const Vec3 r = lab(site);
    SiteSlices moved;
    if (!as_built(crystal, s)) moved = fold(amplitudes(site, crystal.strain), r.z(), false);
    const SiteSlices& slices = moved.elastic.empty() ? sites_[s] : moved;
    const Eigen::ArrayXcd E = site.occupancy * in_plane_phase(r);
    for (int j = 0; j < slices_; ++j) {
      elastic[j] += slices.elastic[j] * E;
      if (absorbing_) absorptive[j] += slices.absorptive[j] * E;
    }
  }
  add_change(crystal.U_g_change, elastic, absorptive);
  std::vector<Ug> mean;
  mean_.evaluate(crystal, mean);
  arrays.mean_U = mean[0].elastic.real();
  arrays.period = period(crystal);
  to_real_space(elastic, fft, arrays.elastic);
  to_real_space(absorptive, fft, arrays.absorptive);
}

void SlicePotential::derivative(const Crystal& crystal, const CrystalTangent& direction,
                                const Fft2& fft, SliceArrays& arrays) const {
  Columns elastic(slices_, Eigen::ArrayXcd::Zero(grid_.size()));
  Columns absorptive(absorbing_ ? elastic : Columns());
  const auto add = [&](const SiteSlices& slices, const Eigen::ArrayXcd& factor) {
    for (int j = 0; j < slices_; ++j) {
      elastic[j] += slices.elastic[j] * factor;
      if (absorbing_) absorptive[j] += slices.absorptive[j] * factor;
    }
  };
  for (std::size_t s = 0; s < crystal.sites.size(); ++s) {
    const Site& site = crystal.sites[s];
    const Vec3 r = lab(site);
    const Eigen::ArrayXcd E = in_plane_phase(r);
    // What the in-plane part of a displacement and the occupancy multiply the site's slices with.
    Eigen::ArrayXcd factor = Eigen::ArrayXcd::Zero(grid_.size());
    if (!direction.displacement.empty() && !direction.displacement[s].isZero(0)) {
      const Vec3 d = reference_.R_lab_crystal * direction.displacement[s];
      for (int p = 0; p < grid_.size() && !d.head<2>().isZero(0); ++p)
        factor[p] =
            site.occupancy * E[p] * complex(0, -2 * electron::pi * grid_g_[p].dot(d.head<2>()));
      if (d.z() != 0)
        add(fold(amplitudes(site, crystal.strain), r.z(), true), E * (site.occupancy * d.z()));
    }
    if (!direction.occupancy.empty()) factor += direction.occupancy[s] * E;
    if (!factor.isZero(0)) {
      if (as_built(crystal, s))
        add(sites_[s], factor);
      else
        add(fold(amplitudes(site, crystal.strain), r.z(), false), factor);
    }
    const Mat3 dU = direction.U.empty() ? Mat3::Zero() : direction.U[s];
    if (!dU.isZero(0) || !direction.strain.isZero(0))
      add(fold(amplitudes_derivative(site, crystal.strain, dU, direction.strain), r.z(), false),
          E * site.occupancy);
  }
  require_reflections(direction.U_g_change, listed_, crystal);
  add_change(direction.U_g_change, elastic, absorptive);
  std::vector<Ug> mean;
  mean_.derivative(crystal, direction, mean);
  arrays.mean_U = mean[0].elastic.real();
  to_real_space(elastic, fft, arrays.elastic);
  to_real_space(absorptive, fft, arrays.absorptive);
}

}  // namespace pendel

#include "sim/mean_zones.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// Reflections beyond it are left out of χ: smeared atoms have U_g below 1e-3 U_0 there.
constexpr double reach = 6;  // 1/Å

Vec3 lab_g(const OrientedCrystal& oriented, const Hkl& hkl) {
  return oriented.R_lab_crystal * oriented.crystal.cell.g(hkl).v;
}

bool in_zone(const Vec3& g) { return std::abs(g.z()) < 1e-6; }

/// A strain in the lab frame.
Mat3 lab_strain(const OrientedCrystal& oriented, const Mat3& strain) {
  return strain_along_beam(oriented, strain, "the mean effect of higher-order zones",
                           "list the zones' beams instead");
}

/// exp(L) psi by its Taylor series, L small: apply(psi) is L psi.
template <class Apply>
void exponential(MatrixXcd& psi, Apply apply) {
  MatrixXcd term = psi;
  for (int k = 1; k < 100; ++k) {
    term = apply(term) / k;
    psi += term;
    if (!(term.norm() > 1e-17 * psi.norm())) return;
  }
  throw Error(ErrorKind::numerical, "the phase of the higher-order zones at a face is too large");
}

/// The same with tangents: derivative(p, psi) is dL_p psi, added to dpsi.
template <class Apply, class Derivative>
void exponential(VectorXcd& psi, MatrixXcd& dpsi, Apply apply, Derivative derivative) {
  MatrixXcd term = psi, dterm = dpsi;
  for (int k = 1; k < 100; ++k) {
    dterm = apply(dterm);
    for (Index p = 0; p < dpsi.cols(); ++p) derivative(p, term, dterm);
    dterm /= k;
    term = apply(term) / k;
    psi += term.col(0);
    dpsi += dterm;
    if (!(term.norm() > 1e-17 * psi.norm()) && !(dterm.norm() > 1e-17 * dpsi.norm())) return;
  }
  throw Error(ErrorKind::numerical, "the phase of the higher-order zones at a face is too large");
}

MatrixXcd product(const MatrixXcd& A, const MatrixXcd& psi) {
  MatrixXcd result;
  gemm(1, A, false, psi, 0, result);
  return result;
}

/// [T, Y2] psi, every column with its own T or all with one.
MatrixXcd commutator(const MatrixXd& T, const MatrixXcd& Y2, const MatrixXcd& psi) {
  const Index m = psi.cols();
  MatrixXcd t = T.cast<complex>(), both(psi.rows(), 2 * m);
  if (T.cols() == 1 && m != 1) t = t.col(0).replicate(1, m).eval();
  both << psi, t.cwiseProduct(psi);
  const MatrixXcd image = product(Y2, both);
  return t.cwiseProduct(image.leftCols(m)) - image.rightCols(m);
}

/// exp(sign Y) and exp(sign [T, Y2]) with tangents.
void phase_step(double sign, const ZoneFace& face, const ZoneFace::Tangents& tangents,
                VectorXcd& psi, MatrixXcd& dpsi) {
  exponential(
      psi, dpsi, [&](const MatrixXcd& v) -> MatrixXcd { return sign * product(face.Y, v); },
      [&](Index p, const MatrixXcd& v, MatrixXcd& dv) {
        if (tangents.dY[p].size() > 0) dv.col(p) += sign * (tangents.dY[p] * v);
      });
}

void kinetic_step(double sign, const ZoneFace& face, const VectorXd& T,
                  const ZoneFace::Tangents& tangents, VectorXcd& psi, MatrixXcd& dpsi) {
  exponential(
      psi, dpsi, [&](const MatrixXcd& v) -> MatrixXcd { return sign * commutator(T, face.Y2, v); },
      [&](Index p, const MatrixXcd& v, MatrixXcd& dv) {
        if (!tangents.dT.col(p).isZero(0))
          dv.col(p) += sign * commutator(tangents.dT.col(p), face.Y2, v);
        if (tangents.dY2[p].size() > 0) dv.col(p) += sign * commutator(T, tangents.dY2[p], v);
      });
}

}  // namespace

void MeanZones::append_reflections(const State& state, std::vector<std::vector<Hkl>>& reflections) {
  for (std::size_t c = 0; c < state.crystals.size(); ++c)
    for (const Hkl& hkl : reflections_within(state.crystals[c].crystal.cell, reach))
      if (!in_zone(lab_g(state.crystals[c], hkl))) reflections[c].push_back(hkl);
}

MeanZones::MeanZones(const State& state, const std::vector<std::vector<Hkl>>& reflections,
                     const OpticalPotential& potential)
    : k0_(1 / electron::wavelength(state.energy_keV)) {
  const ZoneNet net = zone_net(state);
  for (std::size_t c = 0; c < state.crystals.size(); ++c) {
    const OrientedCrystal& oriented = state.crystals[c];
    Part part;
    for (int i = 0; i < 2; ++i) part.grid.b.col(i) = lab_g(oriented, net.basis[c][i]).head<2>();
    const Eigen::Matrix2d real_space = part.grid.b.inverse();

    // From zone to zone, and the shortest vector there.
    double spacing = INFINITY;
    for (const Hkl& hkl : reflections[c])
      if (const Vec3 g = lab_g(oriented, hkl); !in_zone(g))
        spacing = std::min(spacing, std::abs(g.z()));
    const double volume =
        std::abs(part.grid.b.determinant()) * spacing * oriented.crystal.cell.volume();
    Vec3 g_up(0, 0, INFINITY);
    for (const Hkl& hkl : reflections[c])
      if (const Vec3 g = lab_g(oriented, hkl);
          std::abs(g.z() - spacing) < 1e-6 && g.norm() < g_up.norm() - 1e-9)
        g_up = g;
    if (!g_up.allFinite() || std::abs(volume - 1) > 1e-3)
      throw Error(ErrorKind::study,
                  "the mean effect of higher-order zones needs a zone axis of low order: the "
                  "first-order zone has no reflection within " +
                      std::to_string(reach) + " 1/A");
    const Vec2 offset = real_space * g_up.head<2>();

    // h, k on the grid and the order along z.
    std::vector<Eigen::Vector3i> places;
    int most[3] = {0, 0, 0}, wanted[2] = {0, 0};
    for (const Hkl& hkl : reflections[c]) {
      const Vec3 g = lab_g(oriented, hkl);
      const int order = in_zone(g) ? 0 : int(std::lround(g.z() / spacing));
      const Vec2 exact = real_space * (g - order * g_up).head<2>();
      places.emplace_back(int(std::lround(exact[0])), int(std::lround(exact[1])), order);
      for (int i = 0; i < (order ? 3 : 2); ++i) {
        int& largest = order ? most[i] : wanted[i];
        largest = std::max(largest, std::abs(places.back()[i]));
      }
    }
    // Products reach twice as far: what wraps round must miss what is wanted.
    const auto size = [&](int i) {
      return Fft2::good_size(2 * most[i] + std::min(wanted[i], 2 * most[i]) + 1);
    };
    part.grid.n1 = size(0);
    part.grid.n2 = size(1);
    part.orders = most[2];
    part.of_order.resize(2 * part.orders + 1);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const int order = places[i][2], pixel = part.grid.pixel(places[i][0], places[i][1]);
      part.wanted.push_back(order ? -1 : pixel);
      if (order == 0) continue;
      Wave wave{int(i), pixel, lab_g(oriented, reflections[c][i]), -1};
      const Vec2 shift = double(order) * offset, whole = shift.array().round();
      if ((shift - whole).norm() < 1e-4)
        wave.face = part.grid.pixel(places[i][0] + int(whole[0]), places[i][1] + int(whole[1]));
      part.of_order[order + part.orders].push_back(int(part.waves.size()));
      part.waves.push_back(wave);
    }
    part.P = phase_of(part, lab_strain(oriented, oriented.crystal.strain),
                      potential.coefficients(state, int(c)).U)
                 .P;
    part.correction = -mean_product(part, part.P, part.P);
    parts_.push_back(std::move(part));
  }
}

MeanZones::Phase MeanZones::phase_of(const Part& part, const Mat3& strain,
                                     const VectorXcd& U) const {
  const Mat3 turn = (Mat3::Identity() + strain).transpose().inverse();
  const Index count = Index(part.waves.size());
  Phase result{VectorXcd(count), VectorXcd(count), Eigen::MatrixX2cd(count, 2)};
  for (Index i = 0; i < count; ++i) {
    const Vec3 g = turn * part.waves[i].g;
    result.X[i] = U[part.waves[i].reflection] / (2 * k0_ * g.z());
    result.X2[i] = result.X[i] / (2 * k0_ * g.z());
    result.P.row(i) = result.X[i] * g.head<2>().transpose().cast<complex>();
  }
  return result;
}

MeanZones::Phase MeanZones::phase_derivative(const Part& part, const Mat3& strain,
                                             const Mat3& dstrain, const VectorXcd& U,
                                             const VectorXcd& dU) const {
  const Mat3 turn = (Mat3::Identity() + strain).transpose().inverse();
  const Index count = Index(part.waves.size());
  const Phase at = phase_of(part, strain, U);
  Phase result = phase_of(part, strain, dU);  // linear in U; then the change of g
  if (dstrain.isZero(0)) return result;
  for (Index i = 0; i < count; ++i) {
    const Vec3 g = turn * part.waves[i].g, dg = -turn * dstrain.transpose() * g;
    const double dlog_g_z = dg.z() / g.z();
    result.X[i] -= dlog_g_z * at.X[i];
    result.X2[i] -= 2 * dlog_g_z * at.X2[i];
    result.P.row(i) += at.X[i] * dg.head<2>().transpose().cast<complex>() - dlog_g_z * at.P.row(i);
  }
  return result;
}

// The mean over depth leaves products of opposite orders: <P·P'> = Σ_n P_n·P'_-n.
VectorXcd MeanZones::mean_product(const Part& part, const Eigen::MatrixX2cd& P,
                                  const Eigen::MatrixX2cd& Q) const {
  const Fft2 fft(part.grid.n1, part.grid.n2);
  FftArray sum(part.grid.size(), 0), p, q;
  const auto in_real_space = [&](const Eigen::MatrixX2cd& values, int order, int axis,
                                 FftArray& out) {
    out.assign(part.grid.size(), 0);
    for (int i : part.of_order[order + part.orders]) out[part.waves[i].pixel] = values(i, axis);
    fft.backward(out.data());
  };
  const bool same = &P == &Q;  // then n and −n give the same
  for (int order = same ? 1 : -part.orders; order <= part.orders; ++order) {
    if (order == 0) continue;
    for (int axis = 0; axis < 2; ++axis) {
      in_real_space(P, order, axis, p);
      in_real_space(Q, -order, axis, q);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += (same ? 2.0 : 1.0) * (p[i] * q[i]);
    }
  }
  fft.forward(sum.data());
  VectorXcd result = VectorXcd::Zero(part.wanted.size());
  for (std::size_t d = 0; d < part.wanted.size(); ++d)
    if (part.wanted[d] >= 0) result[d] = sum[part.wanted[d]] / double(part.grid.size());
  return result;
}

void MeanZones::faces(const Part& part, const Phase& phase, Coefficients& result) const {
  VectorXcd Y = VectorXcd::Zero(part.grid.size()), Y2 = Y;
  for (std::size_t i = 0; i < part.waves.size(); ++i)
    if (const int face = part.waves[i].face; face >= 0) {
      Y[face] += phase.X[Index(i)];
      Y2[face] += phase.X2[Index(i)];
    }
  result.Y = result.Y2 = VectorXcd::Zero(part.wanted.size());
  for (std::size_t d = 0; d < part.wanted.size(); ++d)
    if (part.wanted[d] >= 0) {
      result.Y[d] = Y[part.wanted[d]];
      result.Y2[d] = Y2[part.wanted[d]];
    }
}

MeanZones::Coefficients MeanZones::coefficients(const State& state, int crystal,
                                                const VectorXcd& U) const {
  const Part& part = parts_[crystal];
  const OrientedCrystal& oriented = state.crystals[crystal];
  const Phase phase = phase_of(part, lab_strain(oriented, oriented.crystal.strain), U);
  Coefficients result;
  result.U = phase.P == part.P ? part.correction : VectorXcd(-mean_product(part, phase.P, phase.P));
  faces(part, phase, result);
  return result;
}

MeanZones::Coefficients MeanZones::derivative(const State& state, int crystal,
                                              const StateTangent& tangent, const VectorXcd& U,
                                              const VectorXcd& dU) const {
  const Part& part = parts_[crystal];
  const OrientedCrystal& oriented = state.crystals[crystal];
  const Mat3 strain = lab_strain(oriented, oriented.crystal.strain);
  const Mat3 dstrain = tangent.crystals.empty()
                           ? Mat3::Zero()
                           : lab_strain(oriented, tangent.crystals[crystal].strain);
  const Phase change = phase_derivative(part, strain, dstrain, U, dU);
  Coefficients result;
  result.U = -2.0 * mean_product(part, phase_of(part, strain, U).P, change.P);
  faces(part, change, result);
  return result;
}

MatrixXcd ZoneFace::out(const MatrixXd& T, MatrixXcd psi) const {
  exponential(psi, [&](const MatrixXcd& v) { return commutator(T, Y2, v); });
  exponential(psi, [&](const MatrixXcd& v) -> MatrixXcd { return product(Y, v); });
  return psi;
}

MatrixXcd ZoneFace::in(const MatrixXd& T, MatrixXcd psi) const {
  exponential(psi, [&](const MatrixXcd& v) -> MatrixXcd { return -product(Y, v); });
  exponential(psi, [&](const MatrixXcd& v) -> MatrixXcd { return -commutator(T, Y2, v); });
  return psi;
}

void ZoneFace::out(const VectorXd& T, const Tangents& tangents, VectorXcd& psi,
                   MatrixXcd& dpsi) const {
  kinetic_step(1, *this, T, tangents, psi, dpsi);
  phase_step(1, *this, tangents, psi, dpsi);
}

void ZoneFace::in(const VectorXd& T, const Tangents& tangents, VectorXcd& psi,
                  MatrixXcd& dpsi) const {
  phase_step(-1, *this, tangents, psi, dpsi);
  kinetic_step(-1, *this, T, tangents, psi, dpsi);
}

}  // namespace pendel

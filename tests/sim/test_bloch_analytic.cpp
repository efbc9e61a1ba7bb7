// What must hold exactly: the two-beam closed form, flux, reciprocity, time reversal, invariance.
#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "derivative_check.hpp"
#include "sim/bloch.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double pi = electron::pi;

State slab(const Crystal& crystal, const Vec3& beam, const Vec3& x, double thickness) {
  State state;
  state.energy_keV = 200;
  state.crystals = {oriented(crystal, beam, x)};
  state.layers = {{0, thickness}};
  return state;
}

VectorXcd exit_wave(const Bloch& engine, const State& state) {
  ExitWaves waves;
  engine.exit_waves(state, {{0, 0}}, {}, waves);
  return waves.psi.col(0);
}

BlochOptions with(Absorption absorption) {
  BlochOptions options;
  options.potential.absorption = absorption;
  return options;
}

/// Transverse wavevector as a tilt.
Vec2 tilt_of(const State& state, const Vec2& K_t) {
  return (K_t * electron::wavelength(state.energy_keV)).array().asin();
}

}  // namespace

// Howie & Whelan with any surface: the normal components of K and K+g differ, γ = (K+g)_n/K_n.
// With w = 2K s_g/(2 (K+g)_n) and q² = w²/4 + |U_g|²/(4 K_n (K+g)_n), beats of depth:
//   I_g = |U_g|²/(4 K_n (K+g)_n q²) sin²(2π q t/... ), flux-normalised.
BOOST_AUTO_TEST_CASE(two_beams_with_inclined_surface_and_higher_order_zones) {
  for (const Vec3& normal : {Vec3(0, 0, 1), Vec3(0.4, -0.3, 1), Vec3(-0.6, 0.1, 1)})
    for (const Hkl& hkl : {Hkl{1, 0, 0}, Hkl{2, 2, 0}, Hkl{1, 0, -1}, Hkl{3, 1, 1}}) {
      State state = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 0);
      state.surface_normal = normal;
      state.beam_tilt = {5e-3, -3e-3};
      const Bloch engine(state, beams_from_hkl(state, {Hkl{}, hkl}), {});
      const auto U = structure_factors(state.crystals[0].crystal, {Hkl{}, hkl}, 200, {});
      // geometry anew
      const double k = 1 / electron::wavelength(200);
      const Vec2 t = state.beam_tilt.array().sin();
      const Vec3 n = normal.normalized(),
                 vacuum = k * Vec3(t[0], t[1], std::sqrt(1 - t.squaredNorm()));
      const double K_n = std::sqrt(std::pow(vacuum.dot(n), 2) + U[0].elastic.real());
      const Vec3 K = vacuum + (K_n - vacuum.dot(n)) * n;
      const Vec3 g = state.crystals[0].R_lab_crystal * state.crystals[0].crystal.cell.g(hkl).v;
      const double Kg_n = (K + g).dot(n);
      const double w = (K.squaredNorm() - (K + g).squaredNorm()) / (2 * Kg_n);
      const double coupling2 = std::norm(U[1].elastic) / (4 * K_n * Kg_n);
      const double q = std::sqrt(w * w / 4 + coupling2);
      for (double thickness : {10.0, 133.0, 700.0}) {
        state.layers[0].thickness = thickness;
        const VectorXcd psi = exit_wave(engine, state);
        const double I_g = coupling2 / (q * q) * std::pow(std::sin(2 * pi * q * thickness), 2);
        record("Bloch waves", "two beams, inclined surfaces, higher-order zones: intensity",
               "closed form", std::abs(std::norm(psi[1]) - I_g), at_most(1e-10));
        BOOST_TEST(std::abs(std::norm(psi[0]) - (1 - I_g)) < 1e-10);
      }
    }
}

// At the exact Bragg condition I_g = sin²(π t/ξ_g), ξ_g = K_n/|U_g|.
BOOST_AUTO_TEST_CASE(extinction_length) {
  State state = slab(strontium_titanate(), {0, 0, 1}, {1, 0, 0}, 0);
  const double g = 2 / 3.905;
  state.beam_tilt = tilt_of(state, Vec2(-g / 2, 0.3));
  const Bloch engine(state, beams_from_hkl(state, {Hkl{}, {2, 0, 0}}), {});
  const auto U = structure_factors(state.crystals[0].crystal, {Hkl{}, {2, 0, 0}}, 200, {});
  const double k = 1 / electron::wavelength(200);
  const double K_n = std::sqrt(k * k - g * g / 4 - 0.09 + U[0].elastic.real());
  state.layers[0].thickness = 0.5 * K_n / std::abs(U[1].elastic);
  BOOST_TEST(std::abs(std::norm(exit_wave(engine, state)[1]) - 1) < 1e-10);
}

BOOST_AUTO_TEST_CASE(scattering_matrix_is_unitary_without_absorption) {
  for (const Vec3& normal : {Vec3(0, 0, 1), Vec3(0.4, -0.3, 1)}) {
    State state = slab(lead_titanate(), {1, 0, 0}, {0, 1, 0}, 400);
    state.surface_normal = normal;
    const Beams beams = zone_beams(state, 1);
    const MatrixXcd one = MatrixXcd::Identity(beams.size(), beams.size());
    const MatrixXcd S = Bloch(state, beams, {}).scattering_matrix(state, {4e-3, 1e-3});
    record("Bloch waves", "S†S of 400 Å without absorption", "identity",
           (S.adjoint() * S - one).norm(), at_most(1e-10));
    const MatrixXcd lossy = Bloch(state, beams, with(Absorption::weickenmeier_kohl))
                                .scattering_matrix(state, {4e-3, 1e-3});
    BOOST_TEST((lossy.adjoint() * lossy - one).norm() > 0.1);
  }
}

// Source and detector exchanged: a beam that comes in along −(K+g) leaves along −K with the
// amplitude with which K leaves along K+g, absorption or not. In the zero-order zone the slab looks
// the same from behind, so that this is the beam g for the transverse wavevector −(K_t+g); both
// directions are on the Ewald sphere where g is at the Bragg condition. Beam h then plays the part
// of g−h. Without absorption time reversal follows: the conjugate of what comes out goes back to
// what went in.
BOOST_AUTO_TEST_CASE(reciprocity_and_time_reversal) {
  for (Absorption absorption : {Absorption::none, Absorption::weickenmeier_kohl}) {
    const State state = slab(lead_titanate(), {1, 0, 0}, {0, 1, 0}, 300);
    const Hkl g{0, 1, 1};
    const Beams all = zone_beams(state, 2);
    const Vec2 G = all.g[all.index(g)].head<2>();
    std::vector<Hkl> around;  // the same about g/2
    for (std::size_t i = 0; i < all.size(); ++i)
      if ((all.g[i].head<2>() - G / 2).norm() < 0.9) around.push_back(all.hkl[i]);
    const Beams beams = beams_from_hkl(state, around);
    const Bloch engine(state, beams, with(absorption));
    const Vec2 across = 0.15 * Vec2(-G[1], G[0]).normalized();
    const MatrixXcd S = engine.scattering_matrix(state, tilt_of(state, -G / 2 + across));
    const MatrixXcd back = engine.scattering_matrix(state, tilt_of(state, -G / 2 - across));
    MatrixXcd reversed(S.rows(), S.cols());  // back, on the beams g−h
    for (std::size_t i = 0; i < beams.size(); ++i)
      for (std::size_t j = 0; j < beams.size(); ++j)
        reversed(i, j) = back(beams.index(g - beams.hkl[i]), beams.index(g - beams.hkl[j]));
    record("Bloch waves", "source and detector exchanged: scattering matrix", "reciprocity",
           (S.transpose() - reversed).norm(), at_most(1e-10));
    BOOST_TEST((S - reversed).norm() > 0.1);
    const bool reversible =
        (reversed.conjugate() * S - MatrixXcd::Identity(S.rows(), S.cols())).norm() < 1e-10;
    BOOST_TEST(reversible == (absorption == Absorption::none));
  }
}

BOOST_AUTO_TEST_CASE(rotation_of_everything_changes_nothing) {
  State state = slab(lead_titanate(), {1, 0, 0}, {0, 1, 0}, 300);
  state.surface_normal = {0.3, 0.1, 1};
  const Vec2 K_t(0.2, -0.05);
  state.beam_tilt = tilt_of(state, K_t);
  const BlochOptions options = with(Absorption::weickenmeier_kohl);
  BeamSelection selection;
  selection.g_max = 2.5;
  selection.sg_max = 0.02;
  const std::vector<Hkl> hkl = select_beams(state, {}, selection).hkl;
  const VectorXcd psi = exit_wave(Bloch(state, beams_from_hkl(state, hkl), options), state);
  const Mat3 R = Eigen::AngleAxisd(0.7, Vec3::UnitZ()).toRotationMatrix();
  State turned = state;
  turned.crystals[0].R_lab_crystal = R * state.crystals[0].R_lab_crystal;
  turned.surface_normal = R * state.surface_normal;
  turned.beam_tilt = tilt_of(state, R.topLeftCorner<2, 2>() * K_t);
  const VectorXcd after = exit_wave(Bloch(turned, beams_from_hkl(turned, hkl), options), turned);
  record("Bloch waves", "crystal, surface and beam turned: amplitudes", "invariance",
         (after - psi).norm(), at_most(1e-10));
}

BOOST_AUTO_TEST_CASE(shift_of_the_origin_changes_phases_only) {
  const State state = slab(lead_titanate(), {1, 0, 0}, {0, 1, 0}, 300);
  const Vec3 shift(.13, .21, .37);
  State shifted = state;
  for (Site& atom : shifted.crystals[0].crystal.sites) atom.position.v += shift;
  const Beams beams = zone_beams(state, 1.2);
  const BlochOptions options = with(Absorption::weickenmeier_kohl);
  const VectorXcd psi = exit_wave(Bloch(state, beams, options), state);
  const VectorXcd after = exit_wave(Bloch(shifted, beams, options), shifted);
  for (std::size_t g = 0; g < beams.size(); ++g)
    BOOST_TEST(std::abs(after[g] - psi[g] * phase(-beams.hkl[g].vec().dot(shift))) < 1e-11);
}

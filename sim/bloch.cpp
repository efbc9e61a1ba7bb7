#include "sim/bloch.hpp"

#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "sim/bloch_layer.hpp"

namespace pendel {

namespace {

using Eigen::VectorXd;
const complex i_pi(0, electron::pi);

/// One layer: takes the wave and its tangents from its entrance to its exit face. With
/// X = iπ H t = C diag(x) C⁻¹, y = C⁻¹ψ and M = C diag(y) Φᵀ,
///   dψ(t) = C [ e^x ∘ C⁻¹ dψ(0) + w ],  w_i = Σ_kl C⁻¹_ik dX_kl M_li.
class LayerStep {
 public:
  LayerStep(const CrystalWave& crystal, const EigenDecomposition& eigen, double thickness)
      : crystal_(crystal),
        eigen_(eigen),
        t_(thickness),
        x_(i_pi * thickness * eigen.values),
        exp_x_(x_.array().exp()) {}

  void propagate(const State& state, const Beams& beams, const Beams& weak, int layer,
                 const BeamPairs& pairs, const std::vector<StateTangent>& tangents,
                 const std::vector<OpticalPotential::Coefficients>& dU, VectorXcd& psi,
                 MatrixXcd& dpsi) {
    y_ = eigen_.inverse * psi;
    const IncidentWave& wave = crystal_.wave;
    const complex refraction = phase((wave.K_n - wave.k0_n) * t_);
    psi = refraction * (eigen_.vectors * exp_x_.cwiseProduct(y_));
    if (tangents.empty()) return;

    MatrixXcd hat = exp_x_.asDiagonal() * (eigen_.inverse * dpsi);
    VectorXcd dlog_refraction = VectorXcd::Zero(tangents.size());
    for (std::size_t p = 0; p < tangents.size(); ++p) {
      const StateTangent& tangent = tangents[p];
      const Mat3 strain = strain_of_beams(state, tangent);
      if (tangent.beam_tilt != Vec2::Zero() || dU[p].refraction_U_0 != 0 || !strain.isZero(0)) {
        const WaveTangent dwave =
            wave_tangent(wave, state.surface_normal, tangent.beam_tilt, dU[p].refraction_U_0);
        hat.col(p) += wave_part(beams, weak, state.surface_normal.normalized(), dwave, strain);
        dlog_refraction[p] += 2.0 * i_pi * t_ * (dwave.dK_n - dwave.dk0_n);
      }
      if (!tangent.thickness.empty() && tangent.thickness[layer] != 0) {
        hat.col(p) +=
            tangent.thickness[layer] * i_pi * eigen_.values.cwiseProduct(exp_x_).cwiseProduct(y_);
        dlog_refraction[p] += 2.0 * i_pi * tangent.thickness[layer] * (wave.K_n - wave.k0_n);
      }
      if (dU[p].U.size() > 0) hat.col(p) += potential_part(pairs, dU[p].U);
    }
    dpsi = refraction * (eigen_.vectors * hat) + psi * dlog_refraction.transpose();
  }

 private:
  /// M, computed for the first tangent that needs it.
  const MatrixXcd& M() {
    if (M_.size() == 0) {
      phi_ = exp_divided_differences(x_);
      gemm(1, eigen_.vectors, false, y_.asDiagonal() * phi_, 0, M_);  // Φ is symmetric
      // Σ_k C⁻¹_ik v_k M_ki is W^T v
      W_ = eigen_.inverse.transpose().cwiseProduct(M_);
    }
    return M_;
  }

  /// w for dX = iπ t [ diag(d(K²−|K+g|²)/κ) + E H + H E ], E = −½ dκ/κ, dg = strain g. The part
  /// −½ dK_n/K_n of E commutes with H; what is left, E', is 0 unless beams have components along
  /// the normal.
  VectorXcd wave_part(const Beams& beams, const Beams& weak, const Vec3& n,
                      const WaveTangent& dwave, const Mat3& strain) {
    M();
    const IncidentWave& wave = crystal_.wave;
    const double dK_n = dwave.dK_n;
    VectorXcd diagonal(beams.size()), rest(beams.size());
    for (std::size_t g = 0; g < beams.size(); ++g) {
      const double kappa = crystal_.kappa[g];
      const Vec3 dg = strain * beams.g[g];
      diagonal[g] = excitation_derivative(wave, dwave, beams.g[g], dg) / kappa;
      rest[g] = 0.5 * (dK_n * beams.g[g].dot(n) / wave.K_n - dg.dot(n)) / kappa;
    }
    const VectorXcd& h = eigen_.values;
    VectorXcd w =
        W_.transpose() * diagonal - (dK_n / wave.K_n) * h.cwiseProduct(exp_x_).cwiseProduct(y_);
    if ((crystal_.inclined && dK_n != 0) || !strain.isZero(0)) {
      if (W_H_.size() == 0) {
        MatrixXcd HM;  // H M = C diag(h y) Φᵀ
        gemm(1, eigen_.vectors, false, h.cwiseProduct(y_).asDiagonal() * phi_, 0, HM);
        W_H_ = eigen_.inverse.transpose().cwiseProduct(HM);
      }
      w += W_H_.transpose() * rest + h.cwiseProduct(W_.transpose() * rest);
    }
    if (weak.size() == 0) return i_pi * t_ * w;
    // weak beams: d(−1/e_w) = de_w/e_w²
    VectorXd scale(weak.size());
    for (std::size_t v = 0; v < weak.size(); ++v)
      scale[v] = excitation_derivative(wave, dwave, weak.g[v], strain * weak.g[v]) /
                 (crystal_.e_w[v] * crystal_.e_w[v]);
    MatrixXcd dU;
    gemm(1, crystal_.U_sw * scale.cast<complex>().asDiagonal(), false, crystal_.U_ws, 0, dU);
    return i_pi * t_ * w + coupling_part(dU);
  }

  /// w for dX = iπ t dU_{g−h}/sqrt(κ_g κ_h), the change of weak beams' couplings included.
  VectorXcd potential_part(const BeamPairs& pairs, const VectorXcd& dU) {
    MatrixXcd total = coupling_matrix(pairs.strong, dU);
    if (crystal_.e_w.size() > 0) {
      fold_weak_beams(coupling_matrix(pairs.strong_weak, dU), crystal_.e_w, crystal_.U_ws, total);
      fold_weak_beams(crystal_.U_sw, crystal_.e_w, coupling_matrix(pairs.weak_strong, dU), total);
    }
    return coupling_part(total);
  }

  /// w for dX = iπ t dU_gh/sqrt(κ_g κ_h), dU a matrix.
  VectorXcd coupling_part(const MatrixXcd& dU) {
    const VectorXd scale = crystal_.kappa.array().rsqrt();
    MatrixXcd dH_M;
    gemm(1, scale.asDiagonal() * dU * scale.asDiagonal(), false, M(), 0, dH_M);
    return i_pi * t_ * eigen_.inverse.transpose().cwiseProduct(dH_M).colwise().sum().transpose();
  }

  const CrystalWave& crystal_;
  const EigenDecomposition& eigen_;
  double t_;
  VectorXcd x_, exp_x_, y_;
  MatrixXcd phi_, M_, W_, W_H_;
};

void require_zero_order_zone(const State& state, const Beams& beams) {
  if ((state.surface_normal.normalized() - Vec3::UnitZ()).norm() > 1e-9)
    throw Error(ErrorKind::study,
                "higher-order zones in the mean or by slices need a surface normal to the beam's "
                "zone axis; it is inclined");
  for (const Vec3& g : beams.g)
    if (std::abs(g.z()) > 1e-6)
      throw Error(ErrorKind::study,
                  "higher-order zones in the mean or by slices need beams of the zero-order zone "
                  "only; one has " +
                      std::to_string(g.z()) + " 1/A along the beam");
}

}  // namespace

Bloch::Bloch(const State& state, Beams beams, BlochOptions options)
    : beams_(std::move(beams)),
      weak_(std::move(options.weak_beams)),
      zero_beam_(beams_.index(Hkl{})),
      potential_([&] {
        Differences differences = distinct_differences(beams_, weak_, options.coupling_g_max);
        pairs_ = std::move(differences.pairs);
        const auto potential = [&] {
          return OpticalPotential(state, differences.distinct, options.potential,
                                  options.refraction);
        };
        if (options.zones == HigherZones::listed) return potential();
        require_zero_order_zone(state, beams_);
        require_zero_order_zone(state, weak_);
        if (options.zones == HigherZones::sliced) {
          if (weak_.size() > 0)
            throw Error(ErrorKind::study,
                        "a crystal in slices has no weak beams by perturbation; list them among "
                        "the beams, or take zones in the mean");
          slices_.emplace(state, options.slice_A, differences.distinct);
          return potential();
        }
        MeanZones::append_reflections(state, differences.distinct);
        OpticalPotential result = potential();
        zones_.emplace(state, differences.distinct, result);
        return result;
      }()) {
  if (zero_beam_ < 0)
    throw Error(ErrorKind::study, "the beam list of " + std::to_string(beams_.size()) +
                                      " beams lacks (0 0 0), the incident beam");
}

Bloch::LayerPart Bloch::layer_part(const State& state, int crystal) const {
  LayerPart result{potential_.coefficients(state, crystal), {}};
  if (!zones_) return result;
  const MeanZones::Coefficients zones = zones_->coefficients(state, crystal, result.potential.U);
  const Eigen::MatrixXi& pair = pairs_[crystal].strong;
  result.potential.U += zones.U;
  result.face = {coupling_matrix(pair, zones.Y), coupling_matrix(pair, zones.Y2)};
  return result;
}

Bloch::LayerPart Bloch::layer_part_derivative(const State& state, int crystal,
                                              const StateTangent& tangent) const {
  LayerPart result{potential_.derivative(state, crystal, tangent), {}};
  if (!zones_ || result.potential.U.size() == 0) return result;
  const MeanZones::Coefficients zones = zones_->derivative(
      state, crystal, tangent, potential_.coefficients(state, crystal).U, result.potential.U);
  const Eigen::MatrixXi& pair = pairs_[crystal].strong;
  result.potential.U += zones.U;
  result.face = {coupling_matrix(pair, zones.Y), coupling_matrix(pair, zones.Y2)};
  return result;
}

MatrixXcd Bloch::structure_matrix(const State& state, int layer, const Vec2& tilt) const {
  if (slices_)
    throw Error(
        ErrorKind::study,
        "the structure matrix of a crystal in slices changes along the beam; its scattering "
        "matrix is there");
  const int c = state.layers.at(layer).crystal;
  const CrystalWave crystal = crystal_wave(state, strained(beams_, state), strained(weak_, state),
                                           pairs_[c], layer_part(state, c).potential, tilt);
  return crystal.wave.K_n * crystal.H;
}

std::vector<MatrixXcd> Bloch::scattering_matrices(const State& state, int layer, const Vec2& tilt,
                                                  const std::vector<double>& thicknesses) const {
  if (slices_) return scattering_matrices_by_slices(state, layer, tilt, thicknesses);
  const int c = state.layers.at(layer).crystal;
  const Beams beams = strained(beams_, state);
  const LayerPart part = layer_part(state, c);
  const CrystalWave crystal =
      crystal_wave(state, beams, strained(weak_, state), pairs_[c], part.potential, tilt);
  const EigenDecomposition eigen = decompose(crystal.H, potential_.absorbing(state));
  std::vector<MatrixXcd> result(thicknesses.size());
  for (std::size_t i = 0; i < thicknesses.size(); ++i) {
    const double t = thicknesses[i];
    const VectorXcd exp_x = (i_pi * t * eigen.values).array().exp();
    const complex refraction = phase((crystal.wave.K_n - crystal.wave.k0_n) * t);
    gemm(refraction, eigen.vectors * exp_x.asDiagonal(), false, eigen.inverse, 0, result[i]);
  }
  if (zones_) {
    const VectorXd T = excitations(crystal.wave, beams.g);
    const MatrixXcd in = part.face.in(T, MatrixXcd::Identity(beams.size(), beams.size()));
    for (MatrixXcd& S : result) S = part.face.out(T, S * in);
  }
  return result;
}

MatrixXcd Bloch::scattering_matrix(const State& state, const Vec2& tilt) const {
  MatrixXcd result = MatrixXcd::Identity(beams_.size(), beams_.size()), next;
  for (int layer = 0; layer < int(state.layers.size()); ++layer) {
    const auto S = scattering_matrices(state, layer, tilt, {state.layers[layer].thickness});
    gemm(1, S[0], false, result, 0, next);
    std::swap(result, next);
  }
  return result;
}

void Bloch::exit_waves(const State& state, const std::vector<Vec2>& incidence,
                       const std::vector<StateTangent>& tangents, ExitWaves& waves) const {
  if (slices_) return exit_waves_by_slices(state, incidence, tangents, waves);
  const Eigen::Index n = beams_.size();
  waves.psi.resize(n, incidence.size());
  waves.dpsi.assign(tangents.size(), MatrixXcd(n, incidence.size()));

  // What does not depend on the direction of incidence, per crystal that a layer is made of.
  const Beams beams = strained(beams_, state), weak = strained(weak_, state);
  const std::size_t crystals = state.crystals.size();
  std::vector<bool> used(crystals, false);
  for (const Layer& layer : state.layers) used.at(layer.crystal) = true;
  std::vector<LayerPart> part(crystals);
  std::vector<std::vector<OpticalPotential::Coefficients>> dU(crystals);
  std::vector<ZoneFace::Tangents> dface(crystals);
  for (std::size_t c = 0; c < crystals; ++c) {
    if (!used[c]) continue;
    part[c] = layer_part(state, int(c));
    for (const StateTangent& tangent : tangents) {
      LayerPart change = layer_part_derivative(state, int(c), tangent);
      dU[c].push_back(std::move(change.potential));
      dface[c].dY.push_back(std::move(change.face.Y));
      dface[c].dY2.push_back(std::move(change.face.Y2));
    }
  }

  for (std::size_t direction = 0; direction < incidence.size(); ++direction) {
    const Vec2 tilt = state.beam_tilt + incidence[direction];
    std::vector<CrystalWave> wave(crystals);
    std::vector<EigenDecomposition> eigen(crystals);
    for (std::size_t c = 0; c < crystals; ++c) {
      if (!used[c]) continue;
      wave[c] = crystal_wave(state, beams, weak, pairs_[c], part[c].potential, tilt);
      eigen[c] = decompose(wave[c].H, potential_.absorbing(state));
    }
    VectorXcd psi = VectorXcd::Unit(n, zero_beam_);
    MatrixXcd dpsi = MatrixXcd::Zero(n, tangents.size());
    for (int layer = 0; layer < int(state.layers.size()); ++layer) {
      const int c = state.layers[layer].crystal;
      VectorXd T;
      if (zones_) {
        T = excitations(wave[c].wave, beams.g);
        dface[c].dT.resize(n, tangents.size());
        for (std::size_t p = 0; p < tangents.size(); ++p)
          dface[c].dT.col(p) = excitation_derivatives(state, tangents[p], wave[c].wave, beams.g,
                                                      dU[c][p].refraction_U_0);
        part[c].face.in(T, dface[c], psi, dpsi);
      }
      LayerStep(wave[c], eigen[c], state.layers[layer].thickness)
          .propagate(state, beams, weak, layer, pairs_[c], tangents, dU[c], psi, dpsi);
      if (zones_) part[c].face.out(T, dface[c], psi, dpsi);
    }
    waves.psi.col(direction) = psi;
    for (std::size_t p = 0; p < tangents.size(); ++p) waves.dpsi[p].col(direction) = dpsi.col(p);
  }
}

}  // namespace pendel

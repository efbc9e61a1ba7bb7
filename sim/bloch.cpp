#include "sim/bloch.hpp"

#include <cmath>
#include <map>
#include <utility>

#include "core/error.hpp"
#include "sim/ewald.hpp"

namespace pendel {

namespace {

using VectorXd = Eigen::VectorXd;
const complex i_pi(0, electron::pi);

struct Differences {
  std::vector<std::vector<Hkl>> distinct;  // per crystal, (0,0,0) first
  std::vector<Eigen::MatrixXi> pair;
};

Differences distinct_differences(const Beams& beams, double g_max) {
  const int n = int(beams.size());
  Differences result;
  for (const std::vector<Hkl>& hkl : beams.hkl_of_crystal) {
    std::vector<Hkl> distinct = {Hkl{}};
    std::map<Hkl, int> number = {{Hkl{}, 0}};
    Eigen::MatrixXi pair = Eigen::MatrixXi::Constant(n, n, -1);
    for (int h = 0; h < n; ++h)
      for (int g = 0; g < n; ++g) {
        if (g_max > 0 && (beams.g[g] - beams.g[h]).norm() > g_max * (1 + 1e-9)) continue;
        const auto [entry, is_new] = number.emplace(hkl[g] - hkl[h], int(distinct.size()));
        if (is_new) distinct.push_back(entry->first);
        pair(g, h) = entry->second;
      }
    result.distinct.push_back(std::move(distinct));
    result.pair.push_back(std::move(pair));
  }
  return result;
}

/// U_{g−h}/sqrt(κ_g κ_h).
MatrixXcd couplings(const Eigen::MatrixXi& pair, const VectorXcd& U, const VectorXd& kappa) {
  const VectorXd scale = kappa.array().rsqrt();
  MatrixXcd result(pair.rows(), pair.cols());
  for (Eigen::Index h = 0; h < pair.cols(); ++h)
    for (Eigen::Index g = 0; g < pair.rows(); ++g)
      result(g, h) = pair(g, h) < 0 ? complex(0) : U[pair(g, h)] * (scale[g] * scale[h]);
  return result;
}

/// The structure matrix as H = A/K_n, so that ψ(t) = exp(iπ H t) ψ(0). With κ_g = K_n + g_n:
///   H_gg = (K² − |K+g|² + U_0)/κ_g,  H_gh = U_{g−h}/sqrt(κ_g κ_h).
struct CrystalWave {
  IncidentWave wave;
  VectorXd kappa;
  bool inclined = false;  // some g_n ≠ 0
  MatrixXcd H;
};

CrystalWave crystal_wave(const State& state, const Beams& beams, const Eigen::MatrixXi& pair,
                         const OpticalPotential::Coefficients& potential, const Vec2& tilt) {
  CrystalWave result;
  result.wave = incident_wave(state, tilt, potential.refraction_U_0);
  const Vec3 n = state.surface_normal.normalized();
  const double K_n = result.wave.K_n;
  result.kappa.resize(beams.size());
  for (std::size_t g = 0; g < beams.size(); ++g) {
    const double g_n = beams.g[g].dot(n);
    result.kappa[g] = K_n + g_n;
    if (std::abs(g_n) > 1e-12 * K_n) result.inclined = true;
    if (!(result.kappa[g] > 0))
      throw Error(ErrorKind::study,
                  "a beam of the list leaves through the entrance face: (K+g)·n = " +
                      std::to_string(result.kappa[g]) + " 1/A");
  }
  result.H = couplings(pair, potential.U, result.kappa);
  for (std::size_t g = 0; g < beams.size(); ++g)
    result.H(g, g) += excitation(result.wave, beams.g[g]) / result.kappa[g];
  return result;
}

EigenDecomposition decompose(const MatrixXcd& H, bool absorbing) {
  if (absorbing) return general_eigen(H);
  // A centrosymmetric crystal with its centre at the origin has real U_g.
  const double largest = H.cwiseAbs().maxCoeff();
  if (H.imag().cwiseAbs().maxCoeff() < 1e-14 * largest) return symmetric_eigen(H.real());
  return hermitian_eigen(H);
}

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

  void propagate(const State& state, const Beams& beams, int layer, const Eigen::MatrixXi& pair,
                 const std::vector<StateTangent>& tangents, const std::vector<VectorXcd>& dU,
                 VectorXcd& psi, MatrixXcd& dpsi) {
    y_ = eigen_.inverse * psi;
    const IncidentWave& wave = crystal_.wave;
    const complex refraction = phase((wave.K_n - wave.k0_n) * t_);
    psi = refraction * (eigen_.vectors * exp_x_.cwiseProduct(y_));
    if (tangents.empty()) return;

    MatrixXcd hat = exp_x_.asDiagonal() * (eigen_.inverse * dpsi);
    VectorXcd dlog_refraction = VectorXcd::Zero(tangents.size());
    for (std::size_t p = 0; p < tangents.size(); ++p) {
      const StateTangent& tangent = tangents[p];
      const Vec2& tilt = tangent.beam_tilt;
      if (tilt != Vec2::Zero()) {
        hat.col(p) += tilt_part(beams, state.surface_normal.normalized(), tilt);
        for (int axis = 0; axis < 2; ++axis)
          dlog_refraction[p] += 2.0 * i_pi * t_ * tilt[axis] * (wave.dK_n[axis] - wave.dk0_n[axis]);
      }
      if (!tangent.thickness.empty() && tangent.thickness[layer] != 0) {
        hat.col(p) +=
            tangent.thickness[layer] * i_pi * eigen_.values.cwiseProduct(exp_x_).cwiseProduct(y_);
        dlog_refraction[p] += 2.0 * i_pi * tangent.thickness[layer] * (wave.K_n - wave.k0_n);
      }
      if (dU[p].size() > 0) hat.col(p) += potential_part(pair, dU[p]);
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

  /// w for dX = iπ t [ diag(d(K²−|K+g|²)/κ) + E H + H E ], E = −½ dK_n/κ. The part −½ dK_n/K_n of E
  /// commutes with H; what is left, E', is 0 unless beams have components along the normal.
  VectorXcd tilt_part(const Beams& beams, const Vec3& n, const Vec2& tilt) {
    M();
    const IncidentWave& wave = crystal_.wave;
    const double dK_n = tilt[0] * wave.dK_n[0] + tilt[1] * wave.dK_n[1];
    VectorXcd diagonal(beams.size()), rest(beams.size());
    for (std::size_t g = 0; g < beams.size(); ++g) {
      const double kappa = crystal_.kappa[g];
      diagonal[g] = (tilt[0] * excitation_derivative(wave, beams.g[g], 0) +
                     tilt[1] * excitation_derivative(wave, beams.g[g], 1)) /
                    kappa;
      rest[g] = 0.5 * dK_n * beams.g[g].dot(n) / (kappa * wave.K_n);
    }
    const VectorXcd& h = eigen_.values;
    VectorXcd w =
        W_.transpose() * diagonal - (dK_n / wave.K_n) * h.cwiseProduct(exp_x_).cwiseProduct(y_);
    if (crystal_.inclined && dK_n != 0) {
      if (W_H_.size() == 0) {
        MatrixXcd HM;  // H M = C diag(h y) Φᵀ
        gemm(1, eigen_.vectors, false, h.cwiseProduct(y_).asDiagonal() * phi_, 0, HM);
        W_H_ = eigen_.inverse.transpose().cwiseProduct(HM);
      }
      w += W_H_.transpose() * rest + h.cwiseProduct(W_.transpose() * rest);
    }
    return i_pi * t_ * w;
  }

  /// w for dX = iπ t dU_{g−h}/sqrt(κ_g κ_h).
  VectorXcd potential_part(const Eigen::MatrixXi& pair, const VectorXcd& dU) {
    MatrixXcd dH_M;
    gemm(1, couplings(pair, dU, crystal_.kappa), false, M(), 0, dH_M);
    return i_pi * t_ * eigen_.inverse.transpose().cwiseProduct(dH_M).colwise().sum().transpose();
  }

  const CrystalWave& crystal_;
  const EigenDecomposition& eigen_;
  double t_;
  VectorXcd x_, exp_x_, y_;
  MatrixXcd phi_, M_, W_, W_H_;
};

}  // namespace

Bloch::Bloch(const State& state, Beams beams, BlochOptions options)
    : beams_(std::move(beams)), zero_beam_(beams_.index(Hkl{})), potential_([&] {
        Differences differences = distinct_differences(beams_, options.coupling_g_max);
        pair_ = std::move(differences.pair);
        return OpticalPotential(state, differences.distinct, options.potential, options.refraction);
      }()) {
  if (zero_beam_ < 0)
    throw Error(ErrorKind::study, "the beam list of " + std::to_string(beams_.size()) +
                                      " beams lacks (0 0 0), the incident beam");
}

MatrixXcd Bloch::structure_matrix(const State& state, int layer, const Vec2& tilt) const {
  const int c = state.layers.at(layer).crystal;
  const CrystalWave crystal =
      crystal_wave(state, beams_, pair_[c], potential_.coefficients(state, c), tilt);
  return crystal.wave.K_n * crystal.H;
}

void Bloch::exit_waves(const State& state, const std::vector<Vec2>& incidence,
                       const std::vector<StateTangent>& tangents, ExitWaves& waves) const {
  const Eigen::Index n = beams_.size();
  waves.psi.resize(n, incidence.size());
  waves.dpsi.assign(tangents.size(), MatrixXcd(n, incidence.size()));

  // What does not depend on the direction of incidence, per crystal that a layer is made of.
  const std::size_t crystals = state.crystals.size();
  std::vector<bool> used(crystals, false);
  for (const Layer& layer : state.layers) used.at(layer.crystal) = true;
  std::vector<OpticalPotential::Coefficients> potential(crystals);
  std::vector<std::vector<VectorXcd>> dU(crystals);
  for (std::size_t c = 0; c < crystals; ++c) {
    if (!used[c]) continue;
    potential[c] = potential_.coefficients(state, int(c));
    for (const StateTangent& tangent : tangents)
      dU[c].push_back(potential_.derivative(state, int(c), tangent));
  }

  for (std::size_t direction = 0; direction < incidence.size(); ++direction) {
    const Vec2 tilt = state.beam_tilt + incidence[direction];
    std::vector<CrystalWave> wave(crystals);
    std::vector<EigenDecomposition> eigen(crystals);
    for (std::size_t c = 0; c < crystals; ++c) {
      if (!used[c]) continue;
      wave[c] = crystal_wave(state, beams_, pair_[c], potential[c], tilt);
      eigen[c] = decompose(wave[c].H, potential_.absorbing(state));
    }
    VectorXcd psi = VectorXcd::Unit(n, zero_beam_);
    MatrixXcd dpsi = MatrixXcd::Zero(n, tangents.size());
    for (int layer = 0; layer < int(state.layers.size()); ++layer) {
      const int c = state.layers[layer].crystal;
      LayerStep(wave[c], eigen[c], state.layers[layer].thickness)
          .propagate(state, beams_, layer, pair_[c], tangents, dU[c], psi, dpsi);
    }
    waves.psi.col(direction) = psi;
    for (std::size_t p = 0; p < tangents.size(); ++p) waves.dpsi[p].col(direction) = dpsi.col(p);
  }
}

}  // namespace pendel

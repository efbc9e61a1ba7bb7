#include "sim/bloch_layer.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/interrupt.hpp"

namespace pendel {

using Eigen::MatrixXi;
using Eigen::VectorXd;

namespace {

/// Numbers distinct differences by a table over their index box, which is small: no search.
class DifferenceTable {
 public:
  DifferenceTable(const std::vector<Hkl>& a, const std::vector<Hkl>& b) {
    Hkl low, high;
    for (const auto* list : {&a, &b})
      for (const Hkl& g : *list) {
        low = {std::min(low.h, g.h), std::min(low.k, g.k), std::min(low.l, g.l)};
        high = {std::max(high.h, g.h), std::max(high.k, g.k), std::max(high.l, g.l)};
      }
    reach_ = high - low;
    number_.assign(std::size_t(2 * reach_.h + 1) * (2 * reach_.k + 1) * (2 * reach_.l + 1), -1);
  }
  int operator()(const Hkl& d, std::vector<Hkl>& distinct) {
    int& number = number_[(std::size_t(d.h + reach_.h) * (2 * reach_.k + 1) + (d.k + reach_.k)) *
                              (2 * reach_.l + 1) +
                          (d.l + reach_.l)];
    if (number < 0) {
      number = int(distinct.size());
      distinct.push_back(d);
    }
    return number;
  }

 private:
  Hkl reach_;
  std::vector<int> number_;
};

}  // namespace

Differences distinct_differences(const Beams& beams, const Beams& weak, double g_max) {
  Differences result;
  for (std::size_t c = 0; c < beams.hkl_of_crystal.size(); ++c) {
    static const std::vector<Hkl> none;
    const std::vector<Hkl>& strong_hkl = beams.hkl_of_crystal[c];
    const std::vector<Hkl>& weak_hkl = weak.size() > 0 ? weak.hkl_of_crystal.at(c) : none;
    DifferenceTable number(strong_hkl, weak_hkl);
    std::vector<Hkl> distinct;
    number(Hkl{}, distinct);
    const auto pairs = [&](const Beams& rows, const std::vector<Hkl>& row_hkl, const Beams& columns,
                           const std::vector<Hkl>& column_hkl) {
      MatrixXi pair = MatrixXi::Constant(row_hkl.size(), column_hkl.size(), -1);
      for (std::size_t h = 0; h < column_hkl.size(); ++h) {
        stop_if_interrupted();
        for (std::size_t g = 0; g < row_hkl.size(); ++g)
          if (!(g_max > 0 && (rows.g[g] - columns.g[h]).norm() > g_max * (1 + 1e-9)))
            pair(g, h) = number(row_hkl[g] - column_hkl[h], distinct);
      }
      return pair;
    };
    BeamPairs all;
    all.strong = pairs(beams, strong_hkl, beams, strong_hkl);
    all.strong_weak = pairs(beams, strong_hkl, weak, weak_hkl);
    all.weak_strong = pairs(weak, weak_hkl, beams, strong_hkl);
    result.pairs.push_back(std::move(all));
    result.distinct.push_back(std::move(distinct));
  }
  return result;
}

MatrixXcd coupling_matrix(const MatrixXi& pair, const VectorXcd& U) {
  MatrixXcd result(pair.rows(), pair.cols());
  for (Eigen::Index h = 0; h < pair.cols(); ++h)
    for (Eigen::Index g = 0; g < pair.rows(); ++g)
      result(g, h) = pair(g, h) < 0 ? complex(0) : U[pair(g, h)];
  return result;
}

VectorXd flux_factors(const IncidentWave& wave, const Vec3& surface_normal, const Beams& beams) {
  const Vec3 n = surface_normal.normalized();
  VectorXd kappa(beams.size());
  for (std::size_t g = 0; g < beams.size(); ++g) {
    kappa[g] = wave.K_n + beams.g[g].dot(n);
    if (!(kappa[g] > 0))
      throw Error(ErrorKind::study,
                  "a beam of the list leaves through the entrance face: (K+g)·n = " +
                      std::to_string(kappa[g]) + " 1/A");
  }
  return kappa;
}

void fold_weak_beams(const MatrixXcd& U_sw, const VectorXd& e_w, const MatrixXcd& U_ws,
                     MatrixXcd& U) {
  gemm(-1, U_sw * e_w.cwiseInverse().cast<complex>().asDiagonal(), false, U_ws, 1, U);
}

CrystalWave crystal_wave(const State& state, const Beams& beams, const Beams& weak,
                         const BeamPairs& pairs, const OpticalPotential::Coefficients& potential,
                         const Vec2& tilt) {
  CrystalWave result;
  result.wave = incident_wave(state, tilt, potential.refraction_U_0);
  result.kappa = flux_factors(result.wave, state.surface_normal, beams);
  result.inclined =
      (result.kappa.array() - result.wave.K_n).abs().maxCoeff() > 1e-12 * result.wave.K_n;
  result.H = coupling_matrix(pairs.strong, potential.U);
  if (weak.size() > 0) {
    result.U_sw = coupling_matrix(pairs.strong_weak, potential.U);
    result.U_ws = coupling_matrix(pairs.weak_strong, potential.U);
    result.e_w.resize(weak.size());
    for (std::size_t w = 0; w < weak.size(); ++w) {
      result.e_w[w] = excitation(result.wave, weak.g[w]);
      const double coupling = result.U_sw.col(w).cwiseAbs().maxCoeff();
      if (!(std::abs(result.e_w[w]) > coupling))
        throw Error(ErrorKind::study,
                    "weak beam (" + std::to_string(weak.hkl[w].h) + " " +
                        std::to_string(weak.hkl[w].k) + " " + std::to_string(weak.hkl[w].l) +
                        ") has 2K s = " + std::to_string(result.e_w[w]) +
                        " 1/A^2, less than its coupling " + std::to_string(coupling) +
                        "; list it among the strong beams");
    }
    fold_weak_beams(result.U_sw, result.e_w, result.U_ws, result.H);
  }
  const VectorXd scale = result.kappa.array().rsqrt();
  result.H = scale.asDiagonal() * result.H * scale.asDiagonal();
  for (std::size_t g = 0; g < beams.size(); ++g)
    result.H(g, g) += excitation(result.wave, beams.g[g]) / result.kappa[g];
  return result;
}

VectorXd excitations(const IncidentWave& wave, const std::vector<Vec3>& g) {
  VectorXd T(g.size());
  for (std::size_t i = 0; i < g.size(); ++i) T[i] = excitation(wave, g[i]);
  return T;
}

VectorXd excitation_derivatives(const State& state, const StateTangent& tangent,
                                const IncidentWave& wave, const std::vector<Vec3>& g, double dU_0) {
  const WaveTangent dwave = wave_tangent(wave, state.surface_normal, tangent.beam_tilt, dU_0);
  const Mat3 strain = strain_of_beams(state, tangent);
  VectorXd dT(g.size());
  for (std::size_t i = 0; i < g.size(); ++i)
    dT[i] = excitation_derivative(wave, dwave, g[i], strain * g[i]);
  return dT;
}

EigenDecomposition decompose(const MatrixXcd& H, bool absorbing) {
  if (absorbing) return general_eigen(H);
  // A centrosymmetric crystal with its centre at the origin has real U_g.
  const double largest = H.cwiseAbs().maxCoeff();
  if (H.imag().cwiseAbs().maxCoeff() < 1e-14 * largest) return symmetric_eigen(H.real());
  return hermitian_eigen(H);
}

}  // namespace pendel

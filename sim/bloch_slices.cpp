// Bloch waves of a crystal in slices, other than Bloch::thickness_series: derivatives and whole
// scattering matrices. The exponential of every half slice acts by its Taylor series.
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "sim/bloch.hpp"

namespace pendel {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Matrices = std::vector<MatrixXcd>;

/// The couplings that cross one cell, per half slice, and how they change along tangents.
struct CellCouplings {
  std::vector<MatrixXcd> U;   // the different ones
  std::vector<int> sequence;  // of them
  std::vector<Matrices> dU;   // per tangent: per half slice; empty: no change
  double norm = 0;            // a bound
};

/// What belongs to the directions: columns.
struct Waves {
  MatrixXd T;                // excitations (beams, directions)
  Eigen::RowVectorXd tau;    // π h/K_n
  std::vector<MatrixXd> dT;  // per tangent
  std::vector<Eigen::RowVectorXd> dtau;
};

/// psi <- exp(X) psi, X = iτ(T + U), and its tangents, side by side in `both` as (beams,
/// (1 + tangents) × directions).
void cross(const CellCouplings& cell, int half_slice, const Waves& waves, MatrixXcd& both) {
  const Index m = waves.T.cols();
  const std::size_t tangents = waves.dT.size();
  // short steps, for the terms of long ones cancel
  const double length =
      waves.tau.cwiseAbs().maxCoeff() * (waves.T.cwiseAbs().maxCoeff() + cell.norm);
  const int steps = std::max(1, int(std::ceil(length / 3)));
  const complex i(0, 1.0 / steps);
  const MatrixXcd& U = cell.U[cell.sequence[half_slice]];
  MatrixXcd T(waves.T.rows(), both.cols()), term, next;
  for (std::size_t p = 0; p <= tangents; ++p)
    T.middleCols(Index(p) * m, m) = waves.T.cast<complex>();
  const auto scale = [&](auto&& columns, const Eigen::RowVectorXd& factor) {
    return (columns.array().rowwise() * factor.cast<complex>().array()).matrix() * i;
  };
  for (int step = 0; step < steps; ++step) {
    term = both;
    for (int k = 1;; ++k) {
      if (k > 60) throw Error(ErrorKind::numerical, "the exponential of a slice does not converge");
      gemm(1, U, false, term, 0, next);
      next += T.cwiseProduct(term);
      const MatrixXcd H_psi = next.leftCols(m), psi = term.leftCols(m);
      for (std::size_t p = 0; p <= tangents; ++p)
        next.middleCols(Index(p) * m, m) = scale(next.middleCols(Index(p) * m, m), waves.tau);
      for (std::size_t p = 0; p < tangents; ++p) {
        MatrixXcd change = waves.dT[p].cast<complex>().cwiseProduct(psi);
        if (!cell.dU[p].empty()) change += cell.dU[p][half_slice] * psi;
        next.middleCols(Index(p + 1) * m, m) +=
            scale(change, waves.tau) + scale(H_psi, waves.dtau[p]);
      }
      term = next / double(k);
      both += term;
      bool small = true;
      for (std::size_t p = 0; p <= tangents; ++p)
        small = small && !(term.middleCols(Index(p) * m, m).norm() >
                           1e-17 * both.middleCols(Index(p) * m, m).norm());
      if (small) break;
    }
  }
}

CellCouplings couplings(const Eigen::MatrixXi& pair, const std::vector<VectorXcd>& potentials,
                        const std::vector<int>& sequence) {
  CellCouplings result{{}, sequence, {}, 0};
  for (const VectorXcd& U : potentials) {
    result.U.push_back(coupling_matrix(pair, U));
    result.norm = std::max(result.norm, result.U.back().cwiseAbs().rowwise().sum().maxCoeff());
  }
  return result;
}

}  // namespace

Bloch::SlicedCell Bloch::sliced_cell(int crystal, const VectorXcd& U) const {
  SlicedCell result;
  const double same = 1e-14 * U.cwiseAbs().maxCoeff();
  for (VectorXcd& potential : slices_->potentials(crystal, U)) {
    // mirrors and translations along the beam make slices equal
    const auto found = std::find_if(
        result.potentials.begin(), result.potentials.end(),
        [&](const VectorXcd& other) { return (other - potential).cwiseAbs().maxCoeff() <= same; });
    result.sequence.push_back(int(found - result.potentials.begin()));
    if (found == result.potentials.end()) result.potentials.push_back(std::move(potential));
  }
  return result;
}

void Bloch::exit_waves_by_slices(const State& state, const std::vector<Vec2>& incidence,
                                 const std::vector<StateTangent>& tangents,
                                 ExitWaves& waves) const {
  waves.dpsi.assign(tangents.size(), MatrixXcd(beams_.size(), incidence.size()));
  if (tangents.empty()) {
    waves.psi = thickness_series(state, incidence, 0, {state.layers.at(0).thickness}).at(0);
    return;
  }
  const Index n = Index(beams_.size()), m = Index(incidence.size());
  const Beams beams = strained(beams_, state);
  MatrixXcd both = MatrixXcd::Zero(n, m * Index(1 + tangents.size()));
  both.row(zero_beam_).head(m).setOnes();
  for (std::size_t l = 0; l < state.layers.size(); ++l) {
    const int c = state.layers[l].crystal;
    const double thickness = state.layers[l].thickness;
    const ZoneSlices::Cut cut = slices_->cut(state, c, thickness);
    const OpticalPotential::Coefficients potential = potential_.coefficients(state, c);
    const SlicedCell constant = sliced_cell(c, potential.U);
    CellCouplings cell_couplings =
        couplings(pairs_[c].strong, constant.potentials, constant.sequence);

    Waves directions{MatrixXd(n, m), Eigen::RowVectorXd(m), {}, {}};
    std::vector<IncidentWave> wave;
    for (Index d = 0; d < m; ++d) {
      wave.push_back(
          incident_wave(state, state.beam_tilt + incidence[d], potential.refraction_U_0));
      directions.T.col(d) = excitations(wave[d], beams.g);
      directions.tau[d] = electron::pi * cut.depth / wave[d].K_n;
    }
    MatrixXcd dphase(m, Index(tangents.size()));
    for (std::size_t p = 0; p < tangents.size(); ++p) {
      const StateTangent& tangent = tangents[p];
      if (!tangent.crystals.empty())
        strain_along_beam(state.crystals[c], tangent.crystals[c].strain, "a crystal in slices",
                          "list the zones' beams instead");
      const OpticalPotential::Coefficients change = potential_.derivative(state, c, tangent);
      cell_couplings.dU.emplace_back();
      if (change.U.size() > 0)
        for (const VectorXcd& dU : slices_->potentials(c, change.U))
          cell_couplings.dU[p].push_back(coupling_matrix(pairs_[c].strong, dU));
      const double dt = tangent.thickness.empty() ? 0 : tangent.thickness[l];
      directions.dT.emplace_back(n, m);
      directions.dtau.emplace_back(m);
      for (Index d = 0; d < m; ++d) {
        const WaveTangent dwave =
            wave_tangent(wave[d], state.surface_normal, tangent.beam_tilt, change.refraction_U_0);
        directions.dT[p].col(d) =
            excitation_derivatives(state, tangent, wave[d], beams.g, change.refraction_U_0);
        const double ddepth = dt / (cut.cells * double(constant.sequence.size()));
        directions.dtau[p][d] =
            (electron::pi * ddepth - directions.tau[d] * dwave.dK_n) / wave[d].K_n;
        dphase(d, Index(p)) =
            complex(0, 2 * electron::pi) *
            ((wave[d].K_n - wave[d].k0_n) * dt + (dwave.dK_n - dwave.dk0_n) * thickness);
      }
    }
    for (int k = 0; k < cut.cells; ++k)
      for (int j = 0; j < int(constant.sequence.size()); ++j)
        cross(cell_couplings, j, directions, both);
    for (Index d = 0; d < m; ++d) {
      const complex refraction = phase((wave[d].K_n - wave[d].k0_n) * thickness);
      for (Index p = 0; p <= Index(tangents.size()); ++p) both.col(p * m + d) *= refraction;
      for (Index p = 0; p < Index(tangents.size()); ++p)
        both.col((p + 1) * m + d) += dphase(d, p) * both.col(d);
    }
  }
  waves.psi = both.leftCols(m);
  for (std::size_t p = 0; p < tangents.size(); ++p)
    waves.dpsi[p] = both.middleCols(Index(p + 1) * m, m);
}

std::vector<MatrixXcd> Bloch::scattering_matrices_by_slices(
    const State& state, int layer, const Vec2& tilt, const std::vector<double>& thicknesses) const {
  const int c = state.layers.at(layer).crystal;
  const Index n = Index(beams_.size());
  const OpticalPotential::Coefficients potential = potential_.coefficients(state, c);
  const SlicedCell constant = sliced_cell(c, potential.U);
  const CellCouplings cell_couplings =
      couplings(pairs_[c].strong, constant.potentials, constant.sequence);
  const IncidentWave wave = incident_wave(state, tilt, potential.refraction_U_0);
  const VectorXd T = excitations(wave, strained(beams_, state).g);
  std::vector<MatrixXcd> result;
  MatrixXcd one_cell, next;
  double depth = -1;
  for (const double t : thicknesses) {
    const ZoneSlices::Cut cut = slices_->cut(state, c, t);
    if (std::abs(cut.depth - depth) > 1e-14 * cut.depth) {
      depth = cut.depth;
      const Waves directions{T.replicate(1, n),
                             Eigen::RowVectorXd::Constant(n, electron::pi * depth / wave.K_n),
                             {},
                             {}};
      one_cell = MatrixXcd::Identity(n, n);
      for (int j = 0; j < int(constant.sequence.size()); ++j)
        cross(cell_couplings, j, directions, one_cell);
    }
    // one_cell to the power of the number of cells
    MatrixXcd S = phase((wave.K_n - wave.k0_n) * t) * MatrixXcd::Identity(n, n), square = one_cell;
    for (int left = cut.cells; left > 0; left /= 2) {
      if (left % 2 == 1) {
        gemm(1, square, false, S, 0, next);
        std::swap(S, next);
      }
      if (left > 1) {
        gemm(1, square, false, square, 0, next);
        std::swap(square, next);
      }
    }
    result.push_back(std::move(S));
  }
  return result;
}

}  // namespace pendel

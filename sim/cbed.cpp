#include "sim/cbed.hpp"

#include <Eigen/LU>
#include <cassert>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/phase.hpp"
#include "sim/ewald.hpp"

namespace pendel {

Eigen::Matrix2d net_step(const Eigen::Matrix2d& b, double pixel) {
  assert(pixel > 0);
  Eigen::Matrix2d step;
  for (int i = 0; i < 2; ++i)
    step.col(i) = b.col(i) / std::ceil(b.col(i).norm() / pixel * (1 - 1e-12));
  return step;
}

ConvergentGrid convergent_grid(const Probe& probe, const Eigen::Matrix2d& step) {
  ConvergentGrid grid;
  grid.step = step;
  const double k_max = outer_semiangle(probe) / electron::wavelength(probe.energy_keV);
  // |index_i| <= k_max times the length of row i of the inverse
  const Eigen::Matrix2d inverse = step.inverse();
  const int m = int(k_max * inverse.row(0).norm() + 1e-6),
            n = int(k_max * inverse.row(1).norm() + 1e-6);
  for (int j = -n; j <= n; ++j)
    for (int i = -m; i <= m; ++i) {
      const Vec2 k = step * Vec2(i, j);
      if (aperture_amplitude(probe, k) == 0) continue;
      grid.index.emplace_back(i, j);
      grid.k.push_back(k);
    }
  return grid;
}

std::vector<Vec2> incidence(const ConvergentGrid& grid, const State& state) {
  const double lambda = electron::wavelength(state.energy_keV);
  std::vector<Vec2> offsets;
  for (const Vec2& k : grid.k) {
    const Vec2 sine = state.beam_tilt.array().sin().matrix() + lambda * k;
    if (sine.norm() >= 1)
      throw Error(ErrorKind::study, "an incident wave of " + std::to_string(sine.norm() / lambda) +
                                        " 1/A across the beam; it must be below 1/lambda = " +
                                        std::to_string(1 / lambda) + " 1/A");
    offsets.push_back(sine.array().asin().matrix() - state.beam_tilt);
  }
  return offsets;
}

ConvergentPattern::ConvergentPattern(const ConvergentGrid& grid, const std::vector<Vec3>& g,
                                     const State& state)
    : grid_(grid), point_(int(g.size()), int(grid.k.size())) {
  const double k_n0 = incident_wave(state, state.beam_tilt, 0).k0_n;
  for (const Vec2& offset : incidence(grid, state))
    k_n_.push_back(incident_wave(state, state.beam_tilt + offset, 0).k0_n - k_n0);

  // g in steps: integers and what is left; beams with the same rest form a family
  constexpr double same = 1e-6;
  const Eigen::Matrix2d inverse = grid.step.inverse();
  std::vector<Vec2> rests;
  std::vector<std::map<std::pair<int, int>, int>> points;
  for (std::size_t beam = 0; beam < g.size(); ++beam) {
    const Vec2 steps = inverse * g[beam].head<2>();
    std::size_t family = 0;
    Vec2 whole;
    for (; family < rests.size(); ++family) {
      whole = (steps - rests[family]).array().round();
      if ((steps - rests[family] - whole).norm() < same) break;
    }
    if (family == rests.size()) {
      whole = steps.array().round();
      rests.push_back(steps - whole);
      points.emplace_back();
    }
    for (std::size_t d = 0; d < grid.k.size(); ++d) {
      const Eigen::Vector2i place = grid.index[d] + whole.cast<int>();
      const auto [found, is_new] = points[family].try_emplace({place[0], place[1]}, int(k_.size()));
      if (is_new) k_.push_back(grid.step * (place.cast<double>() + rests[family]));
      point_(int(beam), int(d)) = found->second;
    }
  }
}

std::vector<double> ConvergentPattern::apertures(const Probe& probe) const {
  std::vector<double> amplitudes;
  double sum = 0;
  for (const Vec2& k : grid_.k) {
    amplitudes.push_back(aperture_amplitude(probe, k));
    sum += amplitudes.back() * amplitudes.back();
  }
  for (double& amplitude : amplitudes) amplitude /= std::sqrt(sum);
  return amplitudes;
}

std::vector<double> ConvergentPattern::coherent(const MatrixXcd& psi, double thickness,
                                                const Probe& probe, const Vec2& position) const {
  assert(psi.rows() == point_.rows() && psi.cols() == point_.cols());
  const std::vector<double> aperture = apertures(probe);
  std::vector<complex> amplitude(k_.size(), 0);
  for (int d = 0; d < psi.cols(); ++d) {
    const Vec2& k = grid_.k[d];
    const complex incident = aperture[d] * std::polar(1.0, -aberration_phase(probe, k)) *
                             phase(thickness * k_n_[d] - k.dot(position));
    for (int beam = 0; beam < psi.rows(); ++beam)
      amplitude[point_(beam, d)] += psi(beam, d) * incident;
  }
  std::vector<double> intensity(k_.size());
  for (std::size_t i = 0; i < k_.size(); ++i) intensity[i] = std::norm(amplitude[i]);
  return intensity;
}

std::vector<double> ConvergentPattern::incoherent(const MatrixXcd& psi, const Probe& probe) const {
  assert(psi.rows() == point_.rows() && psi.cols() == point_.cols());
  const std::vector<double> aperture = apertures(probe);
  std::vector<double> intensity(k_.size(), 0);
  for (int d = 0; d < psi.cols(); ++d)
    for (int beam = 0; beam < psi.rows(); ++beam)
      intensity[point_(beam, d)] += aperture[d] * aperture[d] * std::norm(psi(beam, d));
  return intensity;
}

}  // namespace pendel

#include "sim/cbed.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
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
    : grid_(grid) {
  const double k_n0 = incident_wave(state, state.beam_tilt, 0).k0_n;
  for (const Vec2& offset : incidence(grid, state))
    k_n_.push_back(incident_wave(state, state.beam_tilt + offset, 0).k0_n - k_n0);
  for (const Vec3& beam : g) {
    g_.push_back(beam.head<2>());
    g_n_.push_back(beam.dot(state.surface_normal.normalized()));
  }

  // g in steps: integers and what is left; beams with the same rest form a family
  constexpr double same = 1e-6;
  const Eigen::Matrix2d inverse = grid.step.inverse();
  std::vector<Vec2> rests;
  std::vector<std::map<std::pair<int, int>, int>> points;
  std::vector<std::size_t> point;  // (beams, directions)
  for (const Vec2& beam : g_) {
    stop_if_interrupted();
    const Vec2 steps = inverse * beam;
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
    for (const Eigen::Vector2i& index : grid.index) {
      const Eigen::Vector2i place = index + whole.cast<int>();
      const auto [found, is_new] = points[family].try_emplace({place[0], place[1]}, int(k_.size()));
      if (is_new) k_.push_back(grid.step * (place.cast<double>() + rests[family]));
      point.push_back(std::size_t(found->second));
    }
  }
  // the waves, point by point
  first_.assign(k_.size() + 1, 0);
  for (const std::size_t p : point) ++first_[p + 1];
  for (std::size_t p = 0; p < k_.size(); ++p) first_[p + 1] += first_[p];
  waves_.resize(point.size());
  std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
  for (std::size_t i = 0; i < point.size(); ++i)
    waves_[next[point[i]]++] = {int(i / grid.k.size()), int(i % grid.k.size())};
}

std::vector<double> ConvergentPattern::intensity(const MatrixXcd& psi, double thickness,
                                                 const Probe& probe,
                                                 const ProbeSource& source) const {
  assert(psi.rows() == long(g_.size()) && psi.cols() == long(grid_.k.size()));
  std::vector<complex> incident, lag;  // of directions, of beams
  std::vector<double> defocus;         // of directions: the phase that 1 Å of it gives
  double norm = 0;
  for (std::size_t d = 0; d < grid_.k.size(); ++d) {
    const Vec2& k = grid_.k[d];
    const double aperture = aperture_amplitude(probe, k);
    norm += aperture * aperture;
    incident.push_back(aperture * std::polar(1.0, -aberration_phase(probe, k)) *
                       phase(thickness * k_n_[d] - k.dot(source.position)));
    defocus.push_back(electron::pi * electron::wavelength(probe.energy_keV) * k.squaredNorm());
  }
  for (const double g_n : g_n_) lag.push_back(phase(thickness * g_n));
  const auto interference = [&](const Wave& a, const Wave& b) {
    const double apart = (g_[std::size_t(a.beam)] - g_[std::size_t(b.beam)]).squaredNorm();
    if (apart < 1e-12) return 1.0;  // 1/Å²: one disk, from several Laue zones
    const double focus = source.focal_spread *
                         (defocus[std::size_t(a.direction)] - defocus[std::size_t(b.direction)]);
    return std::exp(-2 * electron::pi * electron::pi * source.size * source.size * apart -
                    0.5 * focus * focus);
  };
  const bool point_source = source.size == 0 && source.focal_spread == 0;
  std::vector<double> intensity(k_.size());
  constexpr std::size_t block = 256;
  parallel_for(long((k_.size() + block - 1) / block), [&](long job, int) {
    std::vector<complex> amplitude;
    for (std::size_t p = std::size_t(job) * block;
         p < std::min(k_.size(), std::size_t(job + 1) * block); ++p) {
      const Wave* waves = waves_.data() + first_[p];
      amplitude.resize(first_[p + 1] - first_[p]);
      complex together = 0;
      for (std::size_t i = 0; i < amplitude.size(); ++i) {
        const auto [beam, direction] = waves[i];
        amplitude[i] =
            psi(beam, direction) * lag[std::size_t(beam)] * incident[std::size_t(direction)];
        together += amplitude[i];
      }
      double sum = point_source ? std::norm(together) : 0;
      for (std::size_t i = 0; !point_source && i < amplitude.size(); ++i) {
        sum += std::norm(amplitude[i]);
        for (std::size_t j = 0; j < i; ++j)
          sum += 2 * interference(waves[i], waves[j]) *
                 (amplitude[i] * std::conj(amplitude[j])).real();
      }
      intensity[p] = sum / norm;
    }
  });
  return intensity;
}

}  // namespace pendel

#include "sim/prism_layout.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/decomposition.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

/// The smallest even size >= n without prime factors above 7, which FFTW transforms fast.
int smooth_size(int n) {
  for (n += n % 2;; n += 2) {
    int rest = n;
    for (const int p : {2, 3, 5, 7})
      while (rest % p == 0) rest /= p;
    if (rest == 1) return n;
  }
}

/// The beams nearest to evenly spaced places on rings, each once.
std::vector<int> nearest_to_rings(const std::vector<Vec2>& beams, int rings) {
  double rim = 0;
  for (const Vec2& k : beams) rim = std::max(rim, k.norm());
  std::vector<int> parents;
  for (int ring = 0; ring <= rings; ++ring)
    for (int i = 0; i < std::max(1, 6 * ring); ++i) {
      const double angle = 2 * electron::pi * i / std::max(1, 6 * ring), r = rim * ring / rings;
      const Vec2 place(r * std::cos(angle), r * std::sin(angle));
      const auto nearer = [&](const Vec2& a, const Vec2& b) {
        return (a - place).squaredNorm() < (b - place).squaredNorm();
      };
      const int nearest = int(std::min_element(beams.begin(), beams.end(), nearer) - beams.begin());
      if (std::find(parents.begin(), parents.end(), nearest) == parents.end())
        parents.push_back(nearest);
    }
  std::sort(parents.begin(), parents.end());
  return parents;
}

/// Interpolation by a Gaussian kernel and a constant; of smooth functions its error falls faster
/// than any power of the parents' distance, that of natural neighbours as its square. Narrower
/// kernels interpolate worse, wider ones are decided by rounding.
Eigen::MatrixXd gaussian_weights(const std::vector<Vec2>& beams, const std::vector<int>& parents,
                                 double width) {
  const Eigen::Index n = Eigen::Index(parents.size());
  const auto kernel = [&](const Vec2& a, const Vec2& b) {
    return std::exp(-0.5 * (a - b).squaredNorm() / (width * width));
  };
  Eigen::MatrixXd K(n, n);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < n; ++j) K(i, j) = kernel(beams[parents[i]], beams[parents[j]]);
  const EigenDecomposition eigen = symmetric_eigen(K);
  // Parents nearer to each other than the width are no news: what they alone would decide is left
  // to rounding.
  const Eigen::VectorXd values = eigen.values.real();
  const Eigen::MatrixXd V = eigen.vectors.real();
  const Eigen::VectorXd inverse =
      (values.array() > 1e-10 * values.maxCoeff()).select(values.cwiseInverse(), 0.0);
  const auto solved = [&](const Eigen::VectorXd& right) {
    return Eigen::VectorXd(V * (inverse.asDiagonal() * (V.transpose() * right)));
  };
  const Eigen::VectorXd constant = solved(Eigen::VectorXd::Ones(n));
  Eigen::MatrixXd weights(Eigen::Index(beams.size()), n);
  for (Eigen::Index b = 0; b < weights.rows(); ++b) {
    Eigen::VectorXd right(n);
    for (Eigen::Index i = 0; i < n; ++i) right[i] = kernel(beams[b], beams[parents[i]]);
    const Eigen::VectorXd w = solved(right);
    weights.row(b) = w + constant * ((1 - w.sum()) / constant.sum());
  }
  // A parent stands for itself, however near others are.
  for (Eigen::Index i = 0; i < n; ++i)
    weights.row(parents[i]) = Eigen::VectorXd::Unit(n, i).transpose();
  return weights;
}

}  // namespace

PrismLayout::PrismLayout(const WaveGrid& grid, double energy_keV,
                         const MultisliceOptions& multislice, const PrismOptions& options,
                         std::size_t wave_bytes)
    : options(options),
      grid(grid),
      energy_keV(energy_keV),
      beam_tilt(multislice.beam_tilt),
      thicknesses(multislice.thicknesses),
      wave_bytes(wave_bytes) {
  const int fx = options.fx, fy = options.fy;
  if (fx < 1 || fy < 1 || grid.nx % fx != 0 || grid.ny % fy != 0)
    throw Error(ErrorKind::study, "PRISM interpolation " + std::to_string(fx) + " x " +
                                      std::to_string(fy) + " does not divide the grid of " +
                                      std::to_string(grid.nx) + " x " + std::to_string(grid.ny) +
                                      " pixels");
  const double radius = options.semiangle / electron::wavelength(energy_keV);
  const double k_max =
      options.k_max > 0 ? std::min(options.k_max, grid.band_limit()) : grid.band_limit();
  if (radius > k_max)
    throw Error(ErrorKind::study, "the aperture reaches to " + std::to_string(radius) +
                                      " 1/A, beyond the " + std::to_string(k_max) +
                                      " 1/A that PRISM keeps");

  // Plane waves within k_max, on a grid whose windows have whole pixels. What a parent lends to
  // others is shifted by their distance, of which those beyond a radius hardly count.
  const double margin = partitioned() ? radius : 0;
  const auto pixels = [&](double length, int f, int n) {
    const int needed = 2 * int((k_max + margin) * length) + 1;
    return std::min(n, f * smooth_size((needed + f - 1) / f));
  };
  compact = {pixels(grid.lx, fx, grid.nx), pixels(grid.ly, fy, grid.ny), grid.lx, grid.ly};
  window = {compact.nx / fx, compact.ny / fy, grid.lx / fx, grid.ly / fy};

  const int i_max = int(radius * window.lx + 1e-6), j_max = int(radius * window.ly + 1e-6);
  for (int j = -j_max; j <= j_max; ++j)
    for (int i = -i_max; i <= i_max; ++i) {
      const Vec2 k(i / window.lx, j / window.ly);
      if (k.norm() <= radius * (1 + 1e-9)) beams.push_back(k);
    }
  if (partitioned()) {
    parents = nearest_to_rings(beams, options.partition_rings);
    weights = gaussian_weights(beams, parents, 2 * radius / options.partition_rings);
  } else {
    for (std::size_t b = 0; b < beams.size(); ++b) parents.push_back(int(b));
  }

  if (options.memory_GB < gigabytes() + wave_gigabytes())
    throw Error(
        ErrorKind::study,
        "the PRISM matrix of " + std::to_string(parents.size()) + " plane waves at " +
            std::to_string(thicknesses.size()) + " thicknesses takes " +
            std::to_string(gigabytes() + wave_gigabytes()) + " GB, more than the " +
            std::to_string(options.memory_GB) +
            " GB that it may have; fewer thicknesses, a larger interpolation, fewer parents "
            "or multislice take less");
}

complex PrismLayout::halfway(const Vec2& k, int thickness) const {
  const double lambda = electron::wavelength(energy_keV);
  const Vec2 K_t = beam_tilt.array().sin() / lambda;
  return phase(-0.25 * lambda * thicknesses[std::size_t(thickness)] *
               (k.squaredNorm() + 2 * k.dot(K_t)));
}

}  // namespace pendel

// A scattering matrix before it is made: its plane waves, grids and size.
//
// Partitioned, it holds some plane waves of the aperture, the parents p, and gives the others by
//   Q_k(r) = sum_p w_p(k) Q_p(r),   sum_p w_p(k) = 1,                                 [Pelz2021]
// where Q_k exp(2 pi i k.r) exp(-i pi lambda t/2 (k^2 + 2 k.K_t)) is S_k in the plane t/2 in front
// of the exit face. There Q is 1 in vacuum, and the shadows of what scatters at any depth are
// displaced by no more than half the thickness times an angle as k changes.
#pragma once
#include <vector>

#include <Eigen/Core>

#include "core/phase.hpp"
#include "sim/multislice.hpp"

namespace pendel {

struct PrismOptions {
  double semiangle = 0;  ///< rad: the widest aperture, soft edge included, that probes will have
  int fx = 1, fy = 1;    ///< interpolation factors
  double k_max = 0;      ///< 1/Å: |kx| and |ky| that patterns show at least; 0: the band limit
  /// Parents in the centre and on so many rings, 6 j on ring j, the last at the rim of the
  /// aperture; 0: no partition, every plane wave goes through the specimen.
  int partition_rings = 0;
  double memory_GB = 4;  ///< for the scattering matrix and the waves that make it
};

struct PrismLayout {
  /// multislice: its beam tilt and thicknesses count. wave_bytes: of a complex number. Error
  /// (study) if fx, fy do not divide the grid, the aperture is not within k_max or the band limit,
  /// or the memory does not suffice (the message says how much would).
  PrismLayout(const WaveGrid& grid, double energy_keV, const MultisliceOptions& multislice,
              const PrismOptions& options, std::size_t wave_bytes);

  PrismOptions options;
  WaveGrid grid;     ///< of multislice
  WaveGrid compact;  ///< of the matrix: no finer than k_max needs
  WaveGrid window;   ///< of a pattern: of compact, one of fx x fy
  double energy_keV;
  Vec2 beam_tilt;                   ///< rad
  std::vector<double> thicknesses;  ///< Å
  std::vector<Vec2> beams;          ///< 1/Å: plane waves of the aperture
  std::vector<int> parents;         ///< those that go through the specimen: all, or some
  Eigen::MatrixXd weights;          ///< w; (beams, parents); empty without partition
  std::size_t wave_bytes;

  bool partitioned() const { return options.partition_rings > 0; }
  /// Complex numbers of the matrix at one thickness; (y, parent, x) of compact.
  std::size_t size() const { return parents.size() * compact.size(); }
  double gigabytes() const { return 1e-9 * double(wave_bytes * size() * thicknesses.size()); }
  double wave_gigabytes() const { return 1e-9 * double(wave_bytes * grid.size()); }
  /// exp(-i pi lambda t/2 (k^2 + 2 k.K_t)).
  complex halfway(const Vec2& k, int thickness) const;
};

}  // namespace pendel

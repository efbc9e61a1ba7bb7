// The convergent probe: an aperture with aberrations.
//   psi_k = A(k) exp(-i chi(k)) exp(-2 pi i k.r0) / norm,
//   chi = (2 pi / lambda) sum_nm C_nm theta^(n+1)/(n+1) cos(m (phi - phi_nm)),  theta = lambda |k|
// C10 > 0 is overfocus: C10 = -defocus (defocus > 0 is underfocus). [Krivanek1999]
#pragma once
#include <complex>
#include <vector>

#include "sim/wave_grid.hpp"

namespace pendel {

struct Aberration {
  int n = 1, m = 0;
  double C = 0;    ///< Å
  double phi = 0;  ///< rad
};

struct Probe {
  double energy_keV = 300;
  double semiangle = 0;  ///< rad
  double edge = 0;       ///< rad: width of a soft edge; 0: sharp, each pixel by its centre
  std::vector<Aberration> aberrations;
};

/// chi [rad] at the transverse wavevector k [1/Å].
double aberration_phase(const Probe& probe, const Vec2& k);
/// A(k), 0 to 1.
double aperture_amplitude(const Probe& probe, const Vec2& k);

/// Plane-wave amplitudes of the probe at `position` [Å], sum |psi_k|^2 = 1; (ny, nx) in FFT order.
template <class Real>
void probe_wave(const Probe& probe, const WaveGrid& grid, const Vec2& position,
                std::complex<Real>* wave);

}  // namespace pendel

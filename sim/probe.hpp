// The convergent probe: an aperture with aberrations.
//   psi_k = A(k) exp(-i chi(k)) exp(-2 pi i k.r0) / norm,
//   chi = (2 pi / lambda) sum_nm C_nm theta^(n+1)/(n+1) cos(m (phi - phi_nm)),  theta = lambda |k|
// C10 > 0 is overfocus: C10 = -defocus (defocus > 0 is underfocus, the crossover lies at z =
// defocus behind the entrance face). phi is counted from lab +x to lab +y. [Krivanek1999]
#pragma once
#include <complex>
#include <vector>

#include "sim/wave_grid.hpp"

namespace pendel {

/// C_nm with n >= 1, 0 <= m <= n + 1 and n + 1 - m even: C10 defocus, C12 twofold astigmatism, C21
/// coma, C23 threefold astigmatism, C30 spherical, C32, C34, C41, C43, C45, C50, ...
struct Aberration {
  int n = 1, m = 0;
  double C = 0;    ///< Å
  double phi = 0;  ///< rad
};

/// Error (study) if there is no aberration C_nm; it names those of order n.
void check_aberration(int n, int m);

struct Probe {
  double energy_keV = 300;
  double semiangle = 0;  ///< rad
  double edge = 0;       ///< rad: width of a soft edge; 0: sharp, each pixel by its centre
  std::vector<Aberration> aberrations;
};

/// Of its aperture, soft edge included [rad].
double outer_semiangle(const Probe& probe);
/// chi [rad] at the transverse wavevector k [1/Å].
double aberration_phase(const Probe& probe, const Vec2& k);
/// A(k), 0 to 1; across a soft edge A² falls linearly from semiangle - edge/2 to semiangle +
/// edge/2, which leaves the area of the aperture as it is.
double aperture_amplitude(const Probe& probe, const Vec2& k);

/// Plane-wave amplitudes of the probe at `position` [Å], sum |psi_k|^2 = 1; (ny, nx) in FFT order.
/// Error (study) if the aperture reaches beyond the grid's band limit.
template <class Real>
void probe_wave(const Probe& probe, const WaveGrid& grid, const Vec2& position,
                std::complex<Real>* wave);

/// About how far [Å] the probe reaches from its position at the entrance face: diffraction, 0.61
/// lambda/semiangle, and the largest displacement of a ray, |grad chi|/2 pi. Inside the specimen
/// it spreads by semiangle x thickness more. A periodic box must be wider than twice that.
double probe_radius(const Probe& probe);

/// Partial coherence: the recorded intensity is the weighted sum of the intensities at these
/// offsets of C10 [Å] or of the probe's position [Å]; weights sum to 1.
struct DefocusOffset {
  double C10, weight;
};
struct PositionOffset {
  Vec2 position;
  double weight;
};

/// Standard deviation of the focus [Å] by chromatic aberration Cc [Å] and the standard deviation of
/// the energy [eV]: Cc dE/E (1 + E/E0)/(1 + E/2E0), E0 = m0 c². [Kirkland2010, 3.42]
double focal_spread(double Cc, double energy_spread_eV, double energy_keV);
/// Gauss-Hermite quadrature of a Gaussian, `count` points, exact for polynomials of degree
/// 2 count - 1; one point (0, weight 1) for a standard deviation of 0. [GolubWelsch1969]
std::vector<DefocusOffset> defocus_offsets(double standard_deviation, int count);
/// Its product along x and y: a round Gaussian source; count² points.
std::vector<PositionOffset> source_offsets(double standard_deviation, int count);

}  // namespace pendel

// Incident directions of a convergent beam: a cubature over the aperture's disk.
#pragma once
#include <vector>

#include "core/space.hpp"

namespace pendel {

struct Aperture {
  std::vector<Vec2> offsets;    ///< rad, from the beam's axis
  std::vector<double> weights;  ///< sum 1
};

/// Mean over a disk of radius semiangle [rad], exact for polynomials of the tilt up to `degree`:
/// 1 (1 direction), 3 (4), 5 (7), 7 (12), beyond: a product rule of Gauss rings. [Stroud1971, S2]
Aperture disk_aperture(double semiangle, int degree);

/// The degree that a disk's mean intensity needs: the phase 2π g α t by which a beam at g [1/Å]
/// turns from the centre of the aperture to its edge, through a specimen of thickness t [Å],
/// decides. Each degree is taken as far as it leaves Σ|ΔI|/ΣI below about 2.5e-3
/// (docs/accuracy.md).
int disk_aperture_degree(double semiangle, double g, double thickness);

/// Mean over a Gaussian of this standard deviation along each axis [rad], exact for polynomials of
/// the tilt up to `degree`: rings by Gauss-Laguerre quadrature. [GolubWelsch1969]
Aperture gaussian_spread(double sigma, int degree);

/// The degree that the mean over a Gaussian spread needs, as for a disk with its second moment, and
/// two more for the tails.
int gaussian_spread_degree(double sigma, double g, double thickness);

/// Mean over the azimuth of a cone of this semi-angle [rad] (precession): evenly spaced directions,
/// whose error falls exponentially; their number follows from the phase 2π g φ t as above.
Aperture hollow_cone(double semiangle, double g, double thickness);

/// Mean over both: every sum of an offset of each.
Aperture combined(const Aperture& a, const Aperture& b);

}  // namespace pendel

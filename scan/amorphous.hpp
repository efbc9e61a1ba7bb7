// What the halos of amorphous matter say: their place and width, their fluctuation over a scan, and
// the distances between atoms.
#pragma once
#include <map>
#include <vector>

#include "crystal/scattering_factor.hpp"
#include "scan/datacube.hpp"
#include "scan/radial.hpp"

namespace pendel {

/// A halo in a radial mean: Gauss over a straight line.
struct HaloFit {
  double position = 0, width = 0, height = 0;  ///< width: standard deviation; units of the bins
  double position_error = 0, width_error = 0, height_error = 0;
};
/// Weighted least squares between two radii; each bin's error is that of its mean of pixels, and
/// the scatter of the residuals raises the errors where it is larger. Error (numerical) without a
/// halo.
HaloFit fit_halo(const RadialProfile& profile, double from, double to);

/// Fluctuation electron microscopy: V = <I²>/<I>² − 1, counting noise taken off. [Treacy2005]
struct Fluctuation {
  Bins bins;
  /// Of every pixel over the positions; the mean over a ring of what belongs to either average.
  std::vector<double> over_scan, over_scan_error;
  /// Of the pixels within a ring of one pattern; then the mean over positions.
  std::vector<double> within_rings, within_rings_error;
};
/// gain: what one electron adds to the stored numbers; gain/<I> is taken off. Errors from the
/// scatter between 12 sectors (over_scan) and between positions (within_rings). One origin for all
/// positions. Error (input) for fewer than three positions with a pattern.
Fluctuation fluctuation(const DataCube& cube, const Calibration& calibration, const Bins& bins,
                        double gain, const std::vector<float>& mask = {});

struct PairOptions {
  std::map<int, double> composition;  ///< atomic number -> share of the atoms
  double from_invA = 0, to_invA = 0;  ///< q = 1/d in use
  /// exp(−damping q²) [Å²] on the structure function.
  double damping_A2 = 0;
  double r_max_A = 10, r_step_A = 0.02;
  ScatteringTable table = ScatteringTable::lobato;
};
struct PairDistribution {
  std::vector<double> q;          ///< [1/Å]
  std::vector<double> structure;  ///< F(s) = s (I − N <f²> − c)/(N <f>²), s = 2πq [1/Å]
  std::vector<double> smooth;     ///< N <f²> + c
  std::vector<double> r, G;       ///< [Å]; 4πr(ρ(r) − ρ0) [1/Å²]
};
/// G(r) = 2/π ∫ F(s) sin(s r) exp(−damping q²) ds by the trapezium rule, with F in proportion to s
/// below the first q. N and c, the same at every q (noise of the detector, background), by least
/// squares of I = N <f²> + c with weights that grow as q⁴: there F has died away. Error (study) if
/// the composition is empty, (input) if the profile, whose radii are in 1/Å, does not reach.
/// [Cockayne2007]
PairDistribution pair_distribution(const RadialProfile& profile, const PairOptions& options);

}  // namespace pendel

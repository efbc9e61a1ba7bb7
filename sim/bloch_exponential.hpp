// Inside the Bloch-wave engine: exp(iτ M) applied to a block of directions at once, for several τ,
// by the Chebyshev series of the exponential on the interval of M's spectrum. Every direction d has
// its own matrix M_d = S_d U S_d + diag(D_d), the couplings U are common: matrix products.
//   exp(iτM) = e^{iτc} Σ_n (2−δ_n0) i^n J_n(ρτ) T_n((M−c)/ρ)        [TalEzerKosloff1984]
// The polynomials T_n ψ are common to all τ; the number of terms is about ρτ.
#pragma once
#include <vector>

#include "core/decomposition.hpp"
#include "sim/bloch_parity.hpp"

namespace pendel {

/// U = real + i imaginary among combinations of beams, transposed; imaginary and sum empty where U
/// is real.
struct CouplingBlocks {
  ParityBasis basis;
  std::vector<Eigen::MatrixXd> real, imaginary;  // per block of the basis
  std::vector<Eigen::MatrixXd> sum;  // real + imaginary: three products make a complex one
  /// U (beams, beams).
  CouplingBlocks(const MatrixXcd& U, ParityBasis basis, bool is_real);
};

/// The directions of one block. S_d is a number per direction (scale empty), its square `factor`,
/// or a diagonal matrix (`scale`, equal for beams that symmetry relates, and factor all 1).
struct DirectionBlock {
  Eigen::MatrixXd diagonal;  // D_d: (beams, directions)
  Eigen::VectorXd factor;    // (directions)
  Eigen::MatrixXd scale;     // (beams, directions) or empty
};

/// Bounds: M = A + iW, A in [lowest, highest], W in [least_loss, most_loss] as hermitian matrices,
/// for all directions of the block.
struct Spectrum {
  double lowest = 0, highest = 0, least_loss = 0, most_loss = 0;
  double half_width() const { return 0.5 * (highest - lowest); }
};

/// Extreme eigenvalues of the hermitian `matrix` + diag(diagonal) by Lanczos iteration, the
/// interval widened by the residuals; {lowest, highest}.
std::pair<double, double> extreme_eigenvalues(const MatrixXcd& matrix,
                                              const Eigen::VectorXd& diagonal);

/// exp(iτ_k M) psi for each τ_k >= 0, ascending; each (beams, directions), to 1e-11 or better.
/// Error (numerical) if the bounds do not hold. Adds to `flop` the operations of products with the
/// couplings, if wanted.
std::vector<MatrixXcd> exponentials(const CouplingBlocks& couplings, const DirectionBlock& block,
                                    const Spectrum& spectrum, const MatrixXcd& psi,
                                    const std::vector<double>& tau, double* flop = nullptr);

/// Number of products with U that `exponentials` takes for ρτ = x.
int chebyshev_terms(double x);

}  // namespace pendel

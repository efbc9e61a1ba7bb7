// Bloch waves: eigen-decomposition of the structure matrix of every layer.
//   A_gg = (K² − |K+g|²)/(1 + g_n/K_n),  A_gh = (U+iU')_{g−h}/sqrt((1+g_n/K_n)(1+h_n/K_n)),
//   ψ(t) = exp(iπ A t/K_n) ψ(0).
// Amplitudes are flux-normalised: |ψ_g|² is the flux of beam g through the surface, so their sum is
// 1 without absorption. (The amplitude of the plane wave g is ψ_g/sqrt(1+g_n/K_n).) Phases are
// relative to the incident wave continued as in vacuum: refraction multiplies a layer by
// exp(2πi (K_n − k0_n) t).
#pragma once
#include <optional>

#include "sim/beams.hpp"
#include "sim/bloch_layer.hpp"
#include "sim/exit_wave.hpp"
#include "sim/mean_zones.hpp"
#include "sim/optical_potential.hpp"
#include "sim/zone_slices.hpp"

namespace pendel {

/// What higher-order Laue zones do: their beams are listed; or they act on the mean over depth, to
/// finite order and without rings and lines of their own (mean_zones.hpp); or the crystal is
/// resolved along the beam by slices, which converges to everything (zone_slices.hpp).
enum class HigherZones { listed, mean, sliced };

struct BlochOptions {
  PotentialOptions potential;
  bool refraction = true;     ///< K² = k0² + U_0; without it U_0 is on the diagonal of A
  double coupling_g_max = 0;  ///< couplings with |g−h| beyond it are 0 [1/Å]; 0 = keep all
  /// Beams that enter by second-order perturbation (Bethe): U_gh − Σ_w U_gw U_wh/(2K s_w). They get
  /// no amplitude of their own; `split_beams` chooses them. [Bethe1928]
  Beams weak_beams = {};
  /// Other than by beams of their own, zones act on beams of the zero-order zone only. Faces are
  /// where z = 0 in a cell: thicknesses are those of whole cells, or of cells stretched a little.
  /// Needs a zone axis along z, normal to the surface.
  HigherZones zones = HigherZones::listed;
  double slice_A = 0.25;  ///< sliced: thickest slice
};

/// How a layer is crossed in `thickness_series`. Both are exact; `automatic` takes the faster.
enum class BlochMethod { automatic, eigen, exponential };

struct SeriesOptions {
  BlochMethod method = BlochMethod::automatic;
  /// Directions that the crystal's symmetry relates are computed once, couplings by parity.
  bool symmetry = true;
  double memory_MB = 32;  ///< bound on the amplitudes a thread holds; below it blocks shrink
};

/// How a thickness series was computed.
struct SeriesReport {
  std::size_t beams = 0;        ///< reached by scattering; the others are exactly dark
  std::size_t directions = 0;   ///< computed; the others follow by symmetry
  bool real = false;            ///< couplings are real (elastic and absorptive part each)
  double eigen_directions = 0;  ///< how many of `directions` went by eigen-decomposition
  double flop = 0;              ///< of the exponentials' matrix products
};

class Bloch {
 public:
  /// Error (study) if (0,0,0) is not among the beams, or if zones cannot act as wanted: weak beams
  /// and slices exclude each other.
  Bloch(const State& state, Beams beams, BlochOptions options);

  const Beams& beams() const { return beams_; }
  /// See exit_wave.hpp. Derivatives are exact (Najfeld & Havel, applied to the incoming wave),
  /// however close eigenvalues come. [NajfeldHavel1995]
  void exit_waves(const State& state, const std::vector<Vec2>& incidence,
                  const std::vector<StateTangent>& tangents, ExitWaves& waves) const;

  /// Exit amplitudes of many incident directions (offsets to state.beam_tilt) with layer `layer` as
  /// thick as each of `thicknesses` [Å] in turn, the other layers as in the state. Blocks of
  /// directions are shared among threads: `sink` is called by any of them, at any time, for each
  /// direction and thickness once. Directions and thicknesses share all they can: couplings,
  /// decompositions, polynomials, symmetry. The result does not depend on the number of threads.
  /// Error (study) if weak beams are to go with BlochMethod::exponential, or slices by eigen. With
  /// slices, thicknesses of whole cells share one way through the layer.
  SeriesReport thickness_series(const State& state, const std::vector<Vec2>& incidence, int layer,
                                const std::vector<double>& thicknesses, const SeriesSink& sink,
                                const SeriesOptions& options = {}) const;
  /// The same, collected: per thickness (beams, directions).
  std::vector<MatrixXcd> thickness_series(const State& state, const std::vector<Vec2>& incidence,
                                          int layer, const std::vector<double>& thicknesses,
                                          const SeriesOptions& options = {}) const;

  /// A [1/Å²] of one layer for one (whole) tilt; (beams, beams). Error (study) with slices.
  MatrixXcd structure_matrix(const State& state, int layer, const Vec2& tilt) const;
  /// S of one layer for each thickness [Å], from one decomposition, and S of the stack: amplitudes
  /// out of beam g (row) for amplitude 1 in beam h (column); (beams, beams), whole tilt.
  std::vector<MatrixXcd> scattering_matrices(const State& state, int layer, const Vec2& tilt,
                                             const std::vector<double>& thicknesses) const;
  MatrixXcd scattering_matrix(const State& state, const Vec2& tilt) const;

 private:
  Beams beams_, weak_;
  int zero_beam_;
  std::vector<BeamPairs> pairs_;  // per crystal
  std::optional<MeanZones> zones_;
  std::optional<ZoneSlices> slices_;
  OpticalPotential potential_;

  /// One crystal's couplings, and what its faces do if other zones act on the mean; or how both
  /// change along a tangent, empty where they do not.
  struct LayerPart {
    OpticalPotential::Coefficients potential;
    ZoneFace face;
  };
  LayerPart layer_part(const State& state, int crystal) const;
  LayerPart layer_part_derivative(const State& state, int crystal,
                                  const StateTangent& tangent) const;
  /// A crystal in slices: the different constant potentials, and which of them cross a cell.
  struct SlicedCell {
    std::vector<VectorXcd> potentials;
    std::vector<int> sequence;
  };
  SlicedCell sliced_cell(int crystal, const VectorXcd& U) const;
  void exit_waves_by_slices(const State& state, const std::vector<Vec2>& incidence,
                            const std::vector<StateTangent>& tangents, ExitWaves& waves) const;
  std::vector<MatrixXcd> scattering_matrices_by_slices(
      const State& state, int layer, const Vec2& tilt,
      const std::vector<double>& thicknesses) const;
};

}  // namespace pendel

// Split-step (multislice) propagation of one periodic cell per layer, on the plane waves of the
// in-plane reciprocal net, without a band limit. Derivatives are exact for the discrete scheme.
//   psi <- sqrt(P) V_j sqrt(P) psi per slice,  P_g = exp(i pi dz (K^2 - |K+g|^2)/K_n),
//   V_j = exp(i pi dz (U_j + i U'_j)/K_n)
// A layer of thickness t takes N = round(t/c) cells of slices dz = t/(N m): whole cells are exact,
// in between the cells are stretched. Higher-order Laue zones enter through the slices' depth.
#pragma once
#include "sim/exit_wave.hpp"
#include "sim/slice_potential.hpp"

namespace pendel {

struct SplitStepOptions {
  PotentialOptions potential;
  bool refraction = true;        ///< K^2 = k0^2 + U_0; without it U_0 stays in the slices
  double g_max = 4;              ///< 1/A: the grid holds at least every |g| <= g_max
  double slice_A = 2;            ///< thickest slice
  bool zero_order_only = false;  ///< slices hold the mean over the cell: no HOLZ
};

/// One way a layer can be: which thickness, which atoms (as the potential they make).
struct LayerVariant {
  double thickness;
  SliceArrays slices;
};

class SplitStep {
 public:
  /// Error (study) unless the surface normal is lab z and lab z is a zone axis of every crystal.
  SplitStep(const State& state, Beams beams, SplitStepOptions options);

  const Beams& beams() const { return beams_; }
  const PlaneWaveGrid& grid() const { return grid_; }
  void exit_waves(const State& state, const std::vector<Vec2>& incidence,
                  const std::vector<StateTangent>& tangents, ExitWaves& waves) const;

  /// As Bloch::thickness_series. Thicknesses that cut the layer into slices of one thickness (whole
  /// cells do) are read out on one way through it; layers before it are crossed once for all.
  void thickness_series(const State& state, const std::vector<Vec2>& incidence, int layer,
                        const std::vector<double>& thicknesses, const SeriesSink& sink) const;

  /// A layer of the state as it is there.
  LayerVariant layer_variant(const State& state, int layer) const;
  /// Exit amplitudes of every combination of layer variants for one incident direction, each layer
  /// computed once per variant of the layers before it (or, from the exit face, per beam):
  /// (beams, n_1 n_2 ... n_L), variants of the last layer fastest.
  MatrixXcd exit_waves_of_variants(const State& state, const Vec2& incidence,
                                   const std::vector<std::vector<LayerVariant>>& variants) const;

 private:
  struct Fields;
  struct LayerStep;
  struct Sources;
  /// g: of the grid's pixels in this state.
  LayerStep layer_step(const Vec2& tilt, const State& state, const std::vector<Vec3>& g,
                       int crystal, double thickness, const SliceArrays& slices) const;
  std::vector<Vec3> pixel_g(const State& state) const;

  Beams beams_;
  SplitStepOptions options_;
  PlaneWaveGrid grid_;
  Fft2 fft_;
  Beams pixels_;  // the grid's plane waves as beams: their g follows the first crystal's strain
  std::vector<int> beam_pixel_;
  std::vector<SlicePotential> potentials_;  // per crystal
};

}  // namespace pendel

// The potential of one cell of a layer, cut into slices along the beam, on the in-plane net of
// plane waves: what split-step propagation multiplies the wave with, and its derivatives.
#pragma once
#include <vector>

#include "core/fft.hpp"
#include "sim/beams.hpp"

namespace pendel {

/// The plane waves of a split-step calculation: g = h b1 + k b2, h and k in FFT order.
struct PlaneWaveGrid {
  Eigen::Matrix2d b;  ///< columns b1, b2 [1/Å], lab x, y
  int n1 = 0, n2 = 0;
  int size() const { return n1 * n2; }
  static int frequency(int i, int n) { return i < (n + 1) / 2 ? i : i - n; }
  /// Index into an (n1, n2) row-major array; -1 if the grid does not hold it.
  int pixel(int h, int k) const;
};

/// U and U' [1/Å²] averaged over the depth of each slice, in real space; (slices, n1*n2).
struct SliceArrays {
  std::vector<Eigen::ArrayXd> elastic, absorptive;  // absorptive is empty without absorption
};

class SlicePotential {
 public:
  /// zone_basis: Miller indices of this crystal's b1, b2 of the zone net; refinement: (integer)
  /// columns say where they lie on the grid. slice_A: thickest slice [Å]. zero_order_only: every
  /// slice is the mean over the cell.
  SlicePotential(const OrientedCrystal& oriented, const std::array<Hkl, 2>& zone_basis,
                 const Eigen::Matrix2i& refinement, const PlaneWaveGrid& grid, double energy_keV,
                 const PotentialOptions& options, double slice_A, bool zero_order_only);

  double period() const { return period_; }  ///< of the lattice along z [Å]
  int slices() const { return slices_; }     ///< per period
  double mean_U() const { return mean_U_; }  ///< elastic U_0 [1/Å²]
  bool absorbing() const { return absorbing_; }

  void evaluate(const Crystal& crystal, const Fft2& fft, SliceArrays& arrays) const;
  void derivative(const Crystal& crystal, const CrystalTangent& direction, const Fft2& fft,
                  SliceArrays& arrays) const;

 private:
  struct Wave {  // one reflection: its place on the grid and its order along z
    int pixel, order;
  };
  using Columns = std::vector<Eigen::ArrayXcd>;  // per slice: (n1*n2)
  struct SiteSlices {
    Columns elastic, absorptive;
  };
  /// γ/(πΩ) occ f T of every reflection, or its derivative with respect to B.
  std::vector<Ug> amplitudes(const Site& site, bool derivative_B) const;
  /// The mean over each slice of an atom at height z, or its derivative with respect to z.
  SiteSlices fold(const std::vector<Ug>& amplitude, double z, bool derivative_z) const;
  bool as_built(const Site& site, std::size_t index) const;
  Vec3 lab(const Site& site) const;
  Eigen::ArrayXcd in_plane_phase(const Vec3& r) const;
  void to_real_space(const Columns& columns, const Fft2& fft,
                     std::vector<Eigen::ArrayXd>& out) const;

  PlaneWaveGrid grid_;  // with the b of this crystal
  OrientedCrystal reference_;
  PotentialOptions options_;
  double energy_keV_, period_, mean_U_;
  int slices_, orders_;
  bool absorbing_;
  std::vector<Hkl> reflections_;
  std::vector<Wave> waves_;
  std::vector<Vec2> grid_g_;  // of this crystal, per pixel
  std::vector<SiteSlices> sites_;
};

}  // namespace pendel

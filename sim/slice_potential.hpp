// The potential of one cell of a layer, cut into slices along the beam, on the in-plane net of
// plane waves: what split-step propagation multiplies the wave with, and its derivatives.
#pragma once
#include <set>
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

/// The potential of one cell, or its derivative along a direction.
struct SliceArrays {
  /// U and U' [1/Å²] averaged over the depth of each slice, in real space; (slices, n1*n2). No U'
  /// without absorption.
  std::vector<Eigen::ArrayXd> elastic, absorptive;
  double mean_U = 0;  ///< elastic U_0 [1/Å²]
  double period = 0;  ///< of the lattice along z [Å]; not in derivatives, which keep the cells
};

class SlicePotential {
 public:
  /// zone_basis: Miller indices of this crystal's b1, b2 of the zone net; refinement: (integer)
  /// columns say where they lie on the grid. slice_A: thickest slice [Å]. zero_order_only: every
  /// slice is the mean over the cell.
  SlicePotential(const OrientedCrystal& oriented, const std::array<Hkl, 2>& zone_basis,
                 const Eigen::Matrix2i& refinement, const PlaneWaveGrid& grid, double energy_keV,
                 const PotentialOptions& options, double slice_A, bool zero_order_only);

  int slices() const { return slices_; }  ///< per period
  bool absorbing() const { return absorbing_; }

  /// Error (study) if the crystal is sheared out of the plane.
  void evaluate(const Crystal& crystal, const Fft2& fft, SliceArrays& arrays) const;
  void derivative(const Crystal& crystal, const CrystalTangent& direction, const Fft2& fft,
                  SliceArrays& arrays) const;

 private:
  double period(const Crystal& crystal) const;
  struct Wave {  // one reflection: its place on the grid and its order along z
    int pixel, order;
  };
  using Columns = std::vector<Eigen::ArrayXcd>;  // per slice: (n1*n2)
  struct SiteSlices {
    Columns elastic, absorptive;
  };
  /// γ/(πΩ) f T of every reflection for a site of a crystal, or its derivative along changes of U
  /// and of the strain.
  std::vector<Ug> amplitudes(const Site& site, const Mat3& strain) const;
  std::vector<Ug> amplitudes_derivative(const Site& site, const Mat3& strain, const Mat3& dU,
                                        const Mat3& dstrain) const;
  /// Adds changed structure factors to the slices.
  void add_change(const FourierChange& change, Columns& elastic, Columns& absorptive) const;
  /// The mean over each slice of an atom at height z, or its derivative with respect to z.
  SiteSlices fold(const std::vector<Ug>& amplitude, double z, bool derivative_z) const;
  bool as_built(const Crystal& crystal, std::size_t site) const;
  Vec3 lab(const Site& site) const;  // of the unstrained lattice
  Eigen::ArrayXcd in_plane_phase(const Vec3& r) const;
  void to_real_space(const Columns& columns, const Fft2& fft,
                     std::vector<Eigen::ArrayXd>& out) const;

  PlaneWaveGrid grid_;  // with the b of this crystal, unstrained: phases g·r know no strain
  OrientedCrystal reference_;
  PotentialOptions options_;
  double energy_keV_, period_;  // unstrained
  int slices_, orders_;
  bool absorbing_;
  std::vector<Hkl> reflections_;
  std::vector<Wave> waves_;
  std::set<Hkl> listed_;           // the same
  std::vector<Vec2> grid_g_;       // of this crystal, per pixel
  StructureFactors mean_;          // of (0,0,0)
  std::vector<SiteSlices> sites_;  // of occupancy 1
};

}  // namespace pendel

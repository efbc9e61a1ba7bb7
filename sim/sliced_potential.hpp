// The potential of an atomic model, cut into slices and projected along the beam.
//   phase(x, y) = sigma * integral over the slice of V dz
//               = (gamma lambda / A) Σ_k exp(+2πi k·r) Σ_j occ_j f_e,j(k) T_j(k) exp(−2πi k·r_j)
// [rad], from the atoms' form factors by Fourier synthesis: exact for the grid's plane waves with
// |k| up to the band limit, nothing above it. The mean inner potential (k = 0) is in it.
#pragma once
#include <optional>
#include <vector>

#include "core/fft.hpp"
#include "crystal/structure_factor.hpp"
#include "sim/atomic_model.hpp"
#include "sim/depth_profile.hpp"
#include "sim/wave_grid.hpp"

namespace pendel {

/// How an atom is shared among slices.
enum class Projection {
  infinite,  ///< its whole potential acts in the slice where its centre is
  /// Every slice gets the part of the elastic potential that lies in it; what sticks out of the box
  /// is in the first or last slice, so that the sum over slices is the same. The absorptive
  /// potential of Weickenmeier and Kohl, much narrower than a slice, stays with the centre.
  finite
};

struct SlicedPotentialOptions {
  PotentialOptions potential;
  double slice_A = 1;  ///< thickest slice
  Projection projection = Projection::infinite;
  double absorption_strength = 1;
};

/// How many equal slices no thicker than `slice_A` a depth [Å] needs, a millionth of a slice being
/// rounded away.
int slice_count(double depth, double slice_A);

class SlicedPotential {
 public:
  /// Slices are equal: slice_count(box.z, slice_A) of them.
  /// An atom is in slice floor(z / slice_thickness), those within a millionth of a slice below a
  /// boundary being above it; outside the box it is in the first or last slice. Error (study) if
  /// the grid is not the model's box, (input) if an element is not in the table.
  SlicedPotential(const AtomicModel& model, const WaveGrid& grid, double energy_keV,
                  const SlicedPotentialOptions& options);

  const WaveGrid& grid() const { return grid_; }
  double energy_keV() const { return energy_keV_; }
  int slices() const { return int(first_.size()); }
  double slice_thickness() const { return dz_; }  ///< Å
  bool absorbing() const { return absorbing_; }
  /// The first slice with the same potential (repeated cells): transmission can be kept per kind.
  int same_as(int slice) const { return first_[slice]; }

  /// Real-space phase [rad] of one slice, and the absorptive one; (ny, nx). The absorptive array is
  /// left empty without absorption. Thread-safe.
  void evaluate(int slice, std::vector<double>& elastic, std::vector<double>& absorptive) const;

 private:
  /// Atoms of one element and B. Factors are the phase [rad] that one of them adds to a plane wave;
  /// (kx >= 0, ky >= 0), both below the band limit.
  struct Kind {
    int Z;
    double B;
    Eigen::ArrayXXd elastic, absorptive;  // absorptive: of Weickenmeier and Kohl only
    std::optional<DepthProfile> profile;  // of finite projection only
    std::vector<Eigen::ArrayXXd> profile_factors;
  };
  void sort_atoms(const AtomicModel& model);
  void make_factors(const SlicedPotentialOptions& options);
  void find_repetitions();
  /// Whether two slices hold the same atoms, in any order; at the same depth too, if that counts.
  bool same_atoms(int slice, int other) const;
  /// Σ_j occ_j times {cos, sin}(2π kx x) {cos, sin}(2π ky y) of the first nx, ny frequencies; four
  /// blocks of (nx, ny).
  Eigen::MatrixXd structure_sums(const Atom* begin, const Atom* end, int nx, int ny) const;
  /// Adds what atoms of a kind have on the other side of the faces of a slice.
  void add_across_faces(int slice, int kind, Eigen::ArrayXXd& sum) const;
  void synthesize(const Eigen::ArrayXXd& sums, std::vector<double>& field) const;

  WaveGrid grid_;
  double energy_keV_ = 0, dz_ = 0;
  bool absorbing_ = false;
  double proportional_ = 0;  // absorptive over elastic, where it is that simple
  int reach_ = 0;            // how many slices further than its own an atom is felt
  int count_x_ = 0, count_y_ = 0;
  std::vector<Kind> kinds_;
  std::vector<Atom> atoms_;  // by slice, then kind, then x
  std::vector<int> start_;   // into atoms_; (slices * kinds + 1)
  std::vector<int> first_;
  RealFft2 fft_;
};

}  // namespace pendel

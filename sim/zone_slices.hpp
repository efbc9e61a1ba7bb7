// Inside the Bloch-wave engine: the crystal resolved along the beam, so that all higher-order zones
// act, rings and all, on the beams of the zero-order zone. A cell is cut into slices of depth h;
// with
//   m = <U>, s = <U (z − z_m)/h> over a slice around z_m,
// T the excitations K² − |K+g|², a slice is crossed by two constant structure matrices,
//   exp(½ iπ h/K_n (T + m + 4s)) exp(½ iπ h/K_n (T + m − 4s)),
// a commutator-free Magnus integrator: its error is of fourth order in h. [BlanesMoan2006]
#pragma once
#include <vector>

#include "sim/beams.hpp"
#include "sim/optical_potential.hpp"

namespace pendel {

class ZoneSlices {
 public:
  /// Appends to lists of reflections of the zero-order zone, per crystal, those of other zones with
  /// the same transverse vectors. slice_A: the thickest slice [Å]. Error (study) if lab z is not a
  /// zone axis of every crystal.
  ZoneSlices(const State& state, double slice_A, std::vector<std::vector<Hkl>>& reflections);

  /// U [1/Å²] of the zero-order reflections for every half slice of a cell, entrance first, from
  /// those of all reflections; linear: also for derivatives. Error (study) if other reflections,
  /// which lead off the zero-order zone's net, do not vanish.
  std::vector<VectorXcd> potentials(int crystal, const VectorXcd& U) const;

  /// A layer takes round(thickness/period) cells, at least one, stretched a little to fill it.
  /// Error (study) if the crystal is sheared out of the plane.
  struct Cut {
    int cells;
    double depth;  ///< of half a slice [Å]
  };
  Cut cut(const State& state, int crystal, double thickness) const;

 private:
  struct Wave {                         // a reflection of another zone
    int reflection, transverse, order;  // transverse: the zero-order reflection's number, or −1
  };
  struct Part {  // of one crystal
    int slices, zero_order;
    std::vector<Wave> waves;
  };
  std::vector<Part> parts_;
};

}  // namespace pendel

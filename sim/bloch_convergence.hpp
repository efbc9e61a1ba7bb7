// How many beams a Bloch-wave calculation needs: raised until intensities stand still.
#pragma once
#include "sim/bloch.hpp"

namespace pendel {

struct ConvergenceOptions {
  double tolerance = 1e-3;    ///< largest change of an intensity, fraction of the incident beam
  std::size_t compared = 50;  ///< of so many strongest beams
  double g_max = 6;           ///< 1/Å: candidates; sg_max likewise
  double sg_max = 1;          ///< 1/Å
  bool zero_order_only = false;
  std::size_t max_beams = 3000;                ///< give up here
  std::vector<Vec2> incidence = {Vec2(0, 0)};  ///< where intensities are compared
};

/// A beam list by weight (`beam_weights`, the largest over `incidence`) >= weight_min, and by how
/// much its intensities differ from those of the list before it, of about two thirds as many beams.
/// Not converged is a result.
struct ConvergedBeams {
  Beams beams;
  double weight_min = 0;
  double g_max = 0, sg_max = 0;  ///< the largest |g| and |s_g| of the list [1/Å]
  double last_change = 0;        ///< largest |ΔI| over the beams compared and `incidence`
  bool converged = false;
};

/// Adds beams in the order of their weight until the change is below the tolerance, and the change
/// before it was below five times that (below it, if there are beams of higher-order zones). Lists
/// of such beams can stand still too early; HigherZones::mean, where possible, does not.
/// Error (study) as of `select_beams`.
ConvergedBeams converged_beams(const State& state, const BlochOptions& options,
                               const ConvergenceOptions& wanted);

/// What second-order perturbation leaves out, estimated: the largest change of an intensity of a
/// strong beam if the half of the weak beams with the larger weights become strong.
double weak_beam_error(const State& state, const BeamSplit& split, const BlochOptions& options,
                       const std::vector<Vec2>& incidence);

}  // namespace pendel

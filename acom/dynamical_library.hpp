// Libraries of dynamical templates: Bloch waves in every orientation, with thickness as an axis.
#pragma once
#include <functional>

#include "acom/library.hpp"

namespace pendel {

/// How a long build goes on.
struct LibraryBuild {
  double faintest = 1e-4;  ///< as of kinematical_library, of the brightest at any thickness
  /// What an interrupted build of the same library had finished: its first templates are taken
  /// over. Error (input) if it is another library's.
  const PhaseLibrary* begun = nullptr;
  std::size_t block = 64;  ///< orientations from one checkpoint to the next
  /// After every block but the last: the library so far.
  std::function<void(const PhaseLibrary&)> checkpoint;
  /// After every template, by any thread.
  std::function<void()> progress;
};

/// Of every orientation given, for every thickness [Å], shared among threads; the result does not
/// depend on their number, nor on interruptions. Errors as of DynamicalPatterns.
PhaseLibrary dynamical_library(const std::string& name, const Crystal& crystal, double energy_keV,
                               const DynamicalOptions& options,
                               const std::vector<Mat3>& orientations,
                               const std::vector<double>& thickness_A,
                               const LibraryBuild& build = {});

/// What the beams left out mean: the largest difference of an intensity of the patterns that
/// these templates of a library are made of, and the rms, to those of the beams of other limits,
/// which should be far wider. Without precession, whose mean has its own test. Error (study) for a
/// kinematical library.
SpotDifference beam_error(const PhaseLibrary& library, const std::vector<std::size_t>& sample,
                          const BeamLimits& reference);

/// Whether two libraries are of the same crystal and made in the same way, templates apart.
bool same_recipe(const PhaseLibrary& a, const PhaseLibrary& b);

}  // namespace pendel

// From the crystals, specimen and beam of a study to the State that simulators take.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/options_reader.hpp"
#include "sim/state.hpp"
#include "studies/options.hpp"

namespace pendel {

using CrystalsOptions = std::map<std::string, CrystalOptions>;

struct Specimen {
  State state;
  /// Per crystal of the state: its name in the study. Layers of one crystal whose modes have
  /// different amplitudes hold different crystals of one name.
  std::vector<std::string> names;
  /// Per layer of the study: its layers in the state; several where it is cut into sublayers.
  std::vector<std::vector<int>> layers;
  /// Displacement modes by crystal and mode.
  std::map<std::string, std::map<std::string, CrystalTangent>> modes;
  std::vector<std::string> notes;  ///< what was assumed when reading CIFs
  std::vector<std::string> files;  ///< read
};

/// Names that do not exist, and directions that are none.
void check_specimen(const CrystalsOptions& crystals, const SpecimenOptions& specimen,
                    Problems& problems);

/// Error (input) for a file that cannot be used, Error (study) for directions that do not fit.
Specimen build_specimen(const CrystalsOptions& crystals, const SpecimenOptions& specimen,
                        const BeamOptions& beam, const EngineOptions& engine);

/// Gives a layer (of the study, from 0) a crystal of its own, or cuts it into sublayers of whole
/// cells with one each.
void own_crystal(Specimen& specimen, int layer);
void split_layer(Specimen& specimen, int layer, int parts);

/// "3 layers along [0 0 1]: 16 cells of STO (62.5 Å), ..." and the notes, one per line.
std::string specimen_summary(const Specimen& specimen);

}  // namespace pendel

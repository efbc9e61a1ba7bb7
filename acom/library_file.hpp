// Template libraries in HDF5 files, several phases in one: EMD 1.0, flat arrays read at once, with
// all that the templates were made of.
#pragma once
#include <string>
#include <vector>

#include "acom/library.hpp"
#include "io/emd.hpp"

namespace pendel {

/// Adds the libraries of several phases, as "library/0", "library/1", ..., with their options as
/// metadata "library_0", ...: who reads them has the same numbers, to the last bit.
void write_libraries(EmdWriter& file, const std::vector<PhaseLibrary>& libraries);

/// A file of nothing else; it appears whole or not at all. What a checkpoint of a build needs.
void save_libraries(const std::string& path, const std::vector<PhaseLibrary>& libraries);

/// Error (input) if the file holds none, or parts that do not belong together.
std::vector<PhaseLibrary> read_libraries(const std::string& path);

}  // namespace pendel

// Template libraries in result files: everything that matching needs, in arrays that load at once.
#pragma once
#include "acom/library.hpp"
#include "io/emd.hpp"

namespace pendel {

/// Adds the libraries of several phases, as "library/0", "library/1", ...
void write_libraries(EmdWriter& file, const std::vector<PhaseLibrary>& phases);

/// Numbers as they were written. Error (input) if the file holds no libraries.
std::vector<PhaseLibrary> read_libraries(const std::string& path);

}  // namespace pendel

// A crystal as a CIF file in P1, with every digit and its displacement parameters.
#pragma once
#include <string>

#include "crystal/crystal.hpp"

namespace pendel {

/// read_cif gives the same crystal back (labels that repeat get a number). Error (input) if the
/// file cannot be written.
void write_cif(const Crystal& crystal, const std::string& path);

}  // namespace pendel

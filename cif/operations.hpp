// The symmetry operations of a CIF block. Internal to cif/.
#pragma once
#include <vector>

#include "cif/document.hpp"
#include "crystal/cell.hpp"

namespace pendel {

/// x → R x + t in fractions of the cell.
struct Operation {
  Mat3 R = Mat3::Identity();
  Vec3 t = Vec3::Zero();
};

/// The operators that the block lists, otherwise those of its Hall symbol, Hermann-Mauguin symbol
/// or number, otherwise P1. Notes disagreements and every guess; Error (input) if a symbol or
/// operator cannot be understood.
std::vector<Operation> symmetry_operations(const CifBlock& block, const Cell& cell);

}  // namespace pendel

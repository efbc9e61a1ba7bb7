// How a crystal lies in the lab frame (x along detector columns, y along rows, z along the beam).
#pragma once
#include "crystal/cell.hpp"

namespace pendel {

/// R_lab_crystal (v_lab = R v_crystal) with the lattice direction [uvw] = beam_direction along +z
/// and the lattice direction x_axis, made orthogonal to it, along +x. Error (study) if parallel.
Mat3 orientation(const Cell& cell, const Vec3& beam_direction_uvw, const Vec3& x_axis_uvw);

}  // namespace pendel

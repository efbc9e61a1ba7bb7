#include "sim/direction_symmetry.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "core/phase.hpp"
#include "crystal/symmetry.hpp"

namespace pendel {

namespace {

// Positions that agree so well make intensities that agree to 1e-5 and better.
constexpr double tolerance_A = 1e-6;

}  // namespace

Hkl DirectionSymmetry::image(const Hkl& hkl) const {
  const Eigen::Vector3i v = W_hkl * Eigen::Vector3i(hkl.h, hkl.k, hkl.l);
  return {v[0], v[1], v[2]};
}

Hkl DirectionSymmetry::before(const Hkl& image) const {
  const Eigen::Vector3d v = W_hkl.cast<double>().inverse() * Vec3(image.h, image.k, image.l);
  return {int(std::lround(v[0])), int(std::lround(v[1])), int(std::lround(v[2]))};
}

std::complex<double> DirectionSymmetry::phase(const Hkl& hkl) const {
  const Hkl to = image(hkl);
  return pendel::phase(-(to.h * w[0] + to.k * w[1] + to.l * w[2]));
}

std::vector<DirectionSymmetry> direction_symmetries(const State& state, bool whole_cells) {
  std::vector<DirectionSymmetry> result = {
      {Eigen::Matrix2d::Identity(), Eigen::Matrix3i::Identity(), Vec3::Zero()}};
  const int first = state.layers.at(0).crystal;
  for (const Layer& layer : state.layers)
    if (layer.crystal != first) return result;
  const OrientedCrystal& oriented = state.crystals[first];
  const Crystal& crystal = oriented.crystal;
  if (!crystal.U_g_change.empty()) return result;
  const Mat3 L = oriented.R_lab_crystal * (Mat3::Identity() + crystal.strain) *
                 crystal.cell.orthogonalization();
  for (const SymmetryOperation& operation : symmetry_operations(crystal, tolerance_A)) {
    const Mat3 W = operation.W.cast<double>(), R = L * W * L.inverse();
    const Vec3 normal = state.surface_normal.normalized();
    if (std::abs(R(2, 2) - 1) > 1e-9 || (R * normal - normal).norm() > 1e-9) continue;
    if (whole_cells && std::abs((L * operation.w).z()) > tolerance_A) continue;
    const Eigen::Matrix2d in_plane = R.topLeftCorner<2, 2>();
    const bool known = std::any_of(result.begin(), result.end(), [&](const DirectionSymmetry& s) {
      return (s.R - in_plane).norm() < 1e-9;
    });
    if (known) continue;
    const Mat3 of_hkl = W.inverse().transpose();
    result.push_back({in_plane, of_hkl.array().round().cast<int>(), operation.w});
  }
  return result;
}

}  // namespace pendel

#include "crystal/symmetry.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <map>
#include <sstream>

#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/phase.hpp"

namespace pendel {

namespace {

constexpr double relative_tolerance = 1e-6;

Mat3 lattice(const Crystal& crystal) {
  return (Mat3::Identity() + crystal.strain) * crystal.cell.orthogonalization();
}

/// The operation in the crystal's Cartesian frame.
Mat3 cartesian(const Crystal& crystal, const Eigen::Matrix3i& W) {
  const Mat3 L = lattice(crystal);
  return L * W.cast<double>() * L.inverse();
}

/// Integer matrices that keep the metric of the cell: |L W x| = |L x|.
std::vector<Eigen::Matrix3i> lattice_rotations(const Crystal& crystal) {
  const Mat3 L = lattice(crystal), G = L.transpose() * L;
  // Images of the basis vectors are lattice vectors of their lengths. A reduced cell needs indices
  // up to 1, others a few more.
  constexpr int reach = 2;
  std::vector<Eigen::Vector3i> candidates[3];
  for (int h = -reach; h <= reach; ++h)
    for (int k = -reach; k <= reach; ++k)
      for (int l = -reach; l <= reach; ++l) {
        const Vec3 v(h, k, l);
        for (int i = 0; i < 3; ++i)
          if (std::abs(v.dot(G * v) - G(i, i)) < relative_tolerance * G(i, i))
            candidates[i].push_back({h, k, l});
      }
  std::vector<Eigen::Matrix3i> result;
  for (const auto& a : candidates[0])
    for (const auto& b : candidates[1])
      for (const auto& c : candidates[2]) {
        Eigen::Matrix3i W;
        W << a, b, c;
        const Mat3 turned = W.cast<double>().transpose() * G * W.cast<double>();
        if ((turned - G).cwiseAbs().maxCoeff() < relative_tolerance * G.cwiseAbs().maxCoeff())
          result.push_back(W);
      }
  return result;
}

/// Where the operation takes every site; empty if one finds no partner.
std::vector<int> images(const Crystal& crystal, const Eigen::Matrix3i& W, const Vec3& w,
                        double tolerance_A) {
  const Mat3 L = lattice(crystal), R = cartesian(crystal, W);
  std::vector<int> image;
  for (const Site& site : crystal.sites) {
    const Vec3 x = W.cast<double>() * site.position.v + w;
    const Mat3 U = R * site.U * R.transpose();
    const auto partner =
        std::find_if(crystal.sites.begin(), crystal.sites.end(), [&](const Site& other) {
          Vec3 d = x - other.position.v;
          d -= d.array().round().matrix();
          return other.Z == site.Z && std::abs(other.occupancy - site.occupancy) < 1e-6 &&
                 (L * d).norm() < tolerance_A && (other.U - U).cwiseAbs().maxCoeff() < 1e-6;
        });
    if (partner == crystal.sites.end()) return {};
    image.push_back(int(partner - crystal.sites.begin()));
  }
  return image;
}

std::string text(const Hkl& hkl) {
  std::ostringstream out;
  out << "(" << hkl.h << " " << hkl.k << " " << hkl.l << ")";
  return out.str();
}

/// With `first_only` one operation of each W, whatever its translation: of supercells there are
/// many.
std::vector<SymmetryOperation> operations_found(const Crystal& crystal, double tolerance_A,
                                                bool first_only) {
  std::vector<SymmetryOperation> operations;
  if (crystal.sites.empty()) return operations;
  // The rarest kind of site gives the fewest translations to try.
  std::map<std::pair<int, double>, int> count;
  for (const Site& site : crystal.sites) ++count[{site.Z, site.occupancy}];
  const auto rarer = [&](const Site& a, const Site& b) {
    return count.at({a.Z, a.occupancy}) < count.at({b.Z, b.occupancy});
  };
  const Site& rare = *std::min_element(crystal.sites.begin(), crystal.sites.end(), rarer);
  for (const Eigen::Matrix3i& W : lattice_rotations(crystal))
    for (const Site& target : crystal.sites) {
      if (target.Z != rare.Z) continue;
      stop_if_interrupted();
      Vec3 w = target.position.v - W.cast<double>() * rare.position.v;
      w -= w.array().floor().matrix();
      std::vector<int> image = images(crystal, W, w, tolerance_A);
      if (image.empty()) continue;
      operations.push_back({W, w, std::move(image)});
      if (first_only) break;
    }
  return operations;
}

}  // namespace

std::vector<SymmetryOperation> symmetry_operations(const Crystal& crystal, double tolerance_A) {
  return operations_found(crystal, tolerance_A, false);
}

std::vector<Mat3> point_operations(const Crystal& crystal, double tolerance_A) {
  std::vector<Mat3> result;
  for (const SymmetryOperation& operation : operations_found(crystal, tolerance_A, true))
    result.push_back(cartesian(crystal, operation.W));
  return result;
}

CrystalTangent symmetric_displacement(const Crystal& crystal, int site, const Vec3& shift) {
  CrystalTangent direction;
  direction.displacement.assign(crystal.sites.size(), Vec3::Zero());
  std::vector<int> count(crystal.sites.size(), 0);
  for (const SymmetryOperation& operation : symmetry_operations(crystal)) {
    const int to = operation.image[std::size_t(site)];
    direction.displacement[to] += cartesian(crystal, operation.W) * shift;
    ++count[to];
  }
  for (std::size_t j = 0; j < count.size(); ++j)
    if (count[j] > 0) direction.displacement[j] /= count[j];
  const Vec3 allowed = direction.displacement[site];
  if ((allowed - shift).norm() > relative_tolerance * shift.norm()) {
    std::ostringstream message;
    message << "site " << crystal.sites[site].label << " of " << crystal.name << " cannot move by ("
            << shift.transpose() << ") A and keep the symmetry of the crystal: of it only ("
            << allowed.transpose() << ") A is free";
    throw Error(ErrorKind::study, message.str());
  }
  return direction;
}

CrystalTangent symmetric_U(const Crystal& crystal, int site, int row, int column) {
  Mat3 component = Mat3::Zero();
  component(row, column) = component(column, row) = 1;
  CrystalTangent direction;
  direction.U.assign(crystal.sites.size(), Mat3::Zero());
  std::vector<int> count(crystal.sites.size(), 0);
  for (const SymmetryOperation& operation : symmetry_operations(crystal)) {
    const int to = operation.image[std::size_t(site)];
    const Mat3 R = cartesian(crystal, operation.W);
    direction.U[to] += R * component * R.transpose();
    ++count[to];
  }
  const double kept = direction.U[site](row, column) / count[site];
  if (kept < relative_tolerance)
    throw Error(ErrorKind::study, std::string("U_") + "xyz"[row] + "xyz"[column] + " of site " +
                                      crystal.sites[site].label + " of " + crystal.name +
                                      " is 0 by the symmetry of the crystal");
  for (std::size_t j = 0; j < count.size(); ++j)
    if (count[j] > 0) direction.U[j] /= count[j] * kept;
  return direction;
}

CrystalTangent symmetric_U_g(const Crystal& crystal, const Hkl& hkl, std::complex<double> change) {
  if (hkl == Hkl{})
    throw Error(ErrorKind::study,
                "structure factor (0 0 0): the mean potential has no effect on intensities");
  // ρ(Wx + w) = ρ(x) means U(hW) = U(h) exp(2πi h·w).
  std::map<Hkl, std::pair<std::complex<double>, int>> sum;
  const auto add = [&](const Vec3& h, std::complex<double> value) {
    auto& entry = sum[{int(std::lround(h[0])), int(std::lround(h[1])), int(std::lround(h[2]))}];
    entry.first += value;
    ++entry.second;
  };
  const Vec3 h = hkl.vec();
  for (const SymmetryOperation& operation : symmetry_operations(crystal)) {
    const Vec3 image = operation.W.cast<double>().transpose() * h;
    const std::complex<double> value = change * phase(h.dot(operation.w));
    add(image, value);
    add(-image, std::conj(value));
  }
  CrystalTangent direction;
  for (const auto& [equivalent, entry] : sum)
    direction.U_g_change[equivalent] = entry.first / double(entry.second);
  // Positions found to 1e-3 Å turn phases by as much.
  if (std::abs(direction.U_g_change.at(hkl) - change) > 0.05 * std::abs(change))
    throw Error(ErrorKind::study, "structure factor " + text(hkl) + " of " + crystal.name +
                                      " cannot change so: the symmetry of the crystal makes it 0 "
                                      "or fixes its phase");
  return direction;
}

}  // namespace pendel

// Orientations in the languages of other programs, and angles between them. The only place where
// the frame of orientation files meets the lab frame.
//
// R_lab_crystal: v_lab = R v_crystal, lab x along detector columns (right), y along rows (down),
// z along the beam. Files use the map frame: x right, y up, z to the source; v_map = D v_lab with
// D = diag(1, -1, -1).
#pragma once
#include <vector>

#include "core/space.hpp"

namespace pendel {

/// Bunge's passive matrix g: v_crystal = g v_map.
Mat3 bunge_matrix(const Mat3& R_lab_crystal);
Mat3 from_bunge_matrix(const Mat3& g);

/// Bunge angles (phi1, PHI, phi2) [rad] of g = Z(phi2) X(PHI) Z(phi1): phi1 and phi2 in [0, 2π),
/// PHI in [0, π]. Where only phi1 + phi2 (PHI = 0) or phi1 - phi2 (PHI = π) is defined, phi2 = 0.
Vec3 bunge_angles(const Mat3& R_lab_crystal);
Mat3 from_bunge_angles(const Vec3& phi1_PHI_phi2);

/// Unit quaternion (w, x, y, z), w >= 0, whose active matrix is g: orix's convention.
Eigen::Vector4d quaternion(const Mat3& R_lab_crystal);
/// Of any length but 0.
Mat3 from_quaternion(const Eigen::Vector4d& wxyz);

/// Rotation by `angle` [rad] about `axis` (of any length but 0), right-handed.
Mat3 rotation_about(const Vec3& axis, double angle);

/// Angle [rad], 0 to π, of the rotation between two orientations; exact to rounding near 0.
double angle_between(const Mat3& A, const Mat3& B);

/// Of the orientations R S, S a rotation among `operations` of the crystal (improper ones are
/// passed over), the one nearest `to`. Among equally near ones the first operation's.
Mat3 nearest_equivalent(const Mat3& R_lab_crystal, const Mat3& to,
                        const std::vector<Mat3>& operations);

/// The equivalent orientation nearest to g = 1: the one with the greatest quaternion w.
Mat3 reduced_orientation(const Mat3& R_lab_crystal, const std::vector<Mat3>& operations);

/// Least angle [rad] between two orientations of one crystal under its rotations (improper
/// operations are passed over).
double misorientation(const Mat3& R1, const Mat3& R2, const std::vector<Mat3>& operations);

}  // namespace pendel

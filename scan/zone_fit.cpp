#include "scan/zone_fit.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/median.hpp"

namespace pendel {

namespace {

using Matrix2 = Eigen::Matrix2d;

struct Pair {
  Vec2 offset;  // of the peak from its position's origin [pixels]
  Vec2 vector;  // of its reflection [1/Å]
  Vec2 weight;  // 1/variance along columns and rows
};

Matrix2 turn(double degrees) {
  return Eigen::Rotation2Dd(degrees * electron::pi / 180).toRotationMatrix();
}

/// Every peak that is within reach of a reflection, with its nearest.
std::vector<Pair> indexed(const BraggPeaks& peaks, const ZoneOptions& options, const Matrix2& A,
                          const Vec2& shift, std::size_t most) {
  const Matrix2 back = A.inverse();
  std::vector<Pair> pairs;
  for (std::size_t position = 0; position < peaks.positions(); ++position) {
    const Vec2 origin = options.start.origin[options.start.origin.size() > 1 ? position : 0];
    if (!origin.allFinite()) continue;
    for (const BraggPeak& peak : peaks.at[position]) {
      const Vec2 v = back * (peak.position - origin - shift);
      double least = options.reach_invA * options.reach_invA;
      Pair pair{peak.position - origin, Vec2(0, 0), Vec2(1, 1)};
      bool found = v.squaredNorm() < least;  // the beam itself
      if (found) least = v.squaredNorm();
      for (const Vec2& g : options.vectors_invA)
        if ((v - g).squaredNorm() < least) {
          least = (v - g).squaredNorm();
          pair.vector = g;
          found = true;
        }
      if (!found) continue;
      if (peak.error.allFinite() && peak.error.minCoeff() > 0)
        pair.weight = peak.error.cwiseAbs2().cwiseInverse();
      pairs.push_back(pair);
      if (pairs.size() == most) return pairs;
    }
  }
  return pairs;
}

/// p = shift + A v; unknowns (shift, A by columns) for columns and rows apart.
struct Linear {
  Matrix2 A;
  Vec2 shift;
  Eigen::Matrix3d covariance[2];  // of (shift, A_i0, A_i1), i = column, row
  double residual = 0;
  std::size_t used = 0;
  bool solved = false;
};

Linear solve(const std::vector<Pair>& pairs) {
  Linear result;
  std::vector<double> share(pairs.size(), 0);  // of the length at which a peak's weight is 0
  for (int round = 0; round < 20; ++round) {
    Eigen::Matrix3d plain[2];
    for (const int i : {0, 1}) {
      Eigen::Matrix3d H = Eigen::Matrix3d::Zero();
      Vec3 b(0, 0, 0);
      plain[i].setZero();
      for (std::size_t k = 0; k < pairs.size(); ++k) {
        const Vec3 row(1, pairs[k].vector.x(), pairs[k].vector.y());
        const double robust = std::pow(std::max(0.0, 1 - share[k] * share[k]), 2);
        H += robust * pairs[k].weight[i] * row * row.transpose();
        b += robust * pairs[k].weight[i] * pairs[k].offset[i] * row;
        if (share[k] < 1) plain[i] += pairs[k].weight[i] * row * row.transpose();
      }
      const Eigen::FullPivLU<Eigen::Matrix3d> lu(H);
      if (lu.rank() < 3) return result;
      const Vec3 x = lu.solve(b);
      result.shift[i] = x[0];
      result.A(i, 0) = x[1];
      result.A(i, 1) = x[2];
    }
    std::vector<double> lengths;
    double squares = 0, influence = 0, slope = 0;
    result.used = 0;
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      const Vec2 rest = pairs[k].offset - result.shift - result.A * pairs[k].vector;
      lengths.push_back(std::sqrt(rest.cwiseAbs2().dot(pairs[k].weight)));
      const double u2 = share[k] * share[k];
      if (u2 >= 1) continue;
      ++result.used;
      squares += rest.squaredNorm();
      influence += std::pow(1 - u2, 4) * lengths.back() * lengths.back();
      slope += (1 - u2) * (1 - 3 * u2);
    }
    const double used = double(result.used);
    result.residual = std::sqrt(squares / used);
    // variance of an estimate by such weights: <psi²>/<psi'>², two values a peak, six unknowns
    const double scale =
        influence / (2 * used) / std::pow(slope / used, 2) * 2 * used / std::max(1.0, 2 * used - 6);
    for (const int i : {0, 1}) result.covariance[i] = scale * plain[i].inverse();
    const double spread = std::max(median(lengths) / 1.1774, 1e-12);
    for (std::size_t k = 0; k < pairs.size(); ++k) share[k] = lengths[k] / (4.685 * spread);
  }
  result.solved = true;
  return result;
}

/// (ratio, ellipse angle [deg], pixel, lattice turn [deg]) of A.
Eigen::Vector4d parts(const Matrix2& A) {
  // A = stretch · turn, stretch² = A Aᵀ
  const Eigen::SelfAdjointEigenSolver<Matrix2> eigen(A * A.transpose());
  const Vec2 lengths = eigen.eigenvalues().cwiseSqrt();
  const Vec2 axis = eigen.eigenvectors().col(1);
  const Matrix2 stretch =
      eigen.eigenvectors() * lengths.asDiagonal() * eigen.eigenvectors().transpose();
  const Matrix2 R = stretch.inverse() * A;
  const double degrees = 180 / electron::pi;
  return {lengths[1] / lengths[0], std::atan2(axis.y(), axis.x()) * degrees,
          1 / std::sqrt(lengths[0] * lengths[1]), std::atan2(R(1, 0), R(0, 0)) * degrees};
}

}  // namespace

ZoneFit fit_zone(const BraggPeaks& peaks, const ZoneOptions& options) {
  Calibration flat = options.start;  // rotation and flip are not this fit's
  flat.rotation_deg = 0;
  flat.flip = false;
  const Matrix2 stretch = flat.matrix().inverse();
  // the turn that indexes the most, in the sense of the least distances
  double best_turn = 0, best = -1;
  for (int degrees = 0; degrees < 360; ++degrees) {
    const Matrix2 A = stretch * turn(degrees);
    const Matrix2 back = A.inverse();
    double score = 0;
    for (const Pair& pair : indexed(peaks, options, A, Vec2(0, 0), 20000)) {
      const double distance = (back * pair.offset - pair.vector).norm() / options.reach_invA;
      score += pair.vector.isZero(0) ? 0 : 1 - distance * distance;
    }
    if (score > best * (1 + 1e-9)) {
      best = score;
      best_turn = degrees;
    }
  }
  Linear fit;
  fit.A = stretch * turn(best_turn);
  fit.shift = Vec2(0, 0);
  std::size_t count = 0;
  for (int round = 0; round < 5; ++round) {
    const std::vector<Pair> pairs =
        indexed(peaks, options, fit.A, fit.shift, std::numeric_limits<std::size_t>::max());
    count = pairs.size();
    const Linear next = count >= 5 ? solve(pairs) : Linear{};
    if (!next.solved || next.A.determinant() <= 0)
      throw Error(ErrorKind::numerical,
                  std::to_string(count) +
                      " peaks lie at reflections of the crystal; a fit needs five that are not on "
                      "a line: give the pixel size, the origin or the crystal's zone better");
    fit = next;
  }

  ZoneFit result;
  result.calibration = options.start;
  result.shift = fit.shift;
  for (Vec2& origin : result.calibration.origin) origin += fit.shift;
  result.calibration.origin_error =
      Vec2(std::sqrt(fit.covariance[0](0, 0)), std::sqrt(fit.covariance[1](0, 0)));
  const Eigen::Vector4d value = parts(fit.A);
  // errors by the slopes of the parts; an ellipse's angle is no smooth function at ratio 1
  Eigen::Vector4d variance = Eigen::Vector4d::Zero();
  for (const int i : {0, 1}) {
    Eigen::Matrix<double, 4, 2> slopes;
    for (const int j : {0, 1}) {
      const double step = 1e-6 * fit.A.norm();
      Matrix2 up = fit.A, down = fit.A;
      up(i, j) += step;
      down(i, j) -= step;
      Eigen::Vector4d difference = parts(up) - parts(down);
      difference[1] = std::remainder(difference[1], 180.0);
      difference[3] = std::remainder(difference[3], 360.0);
      slopes.col(j) = difference / (2 * step);
    }
    variance +=
        (slopes * fit.covariance[i].bottomRightCorner<2, 2>() * slopes.transpose()).diagonal();
  }
  const Eigen::Vector4d error = variance.cwiseSqrt();
  result.calibration.ellipse_ratio = value[0];
  result.calibration.ellipse_angle_deg = std::remainder(value[1], 180.0);
  result.calibration.pixel_invA = value[2];
  result.calibration.ellipse_ratio_error = error[0];
  result.calibration.ellipse_angle_error_deg = std::min(error[1], 45.0);
  result.calibration.pixel_error_invA = error[2];
  result.lattice_deg = value[3];
  result.lattice_error_deg = error[3];
  result.peaks = fit.used;
  result.residual_px = fit.residual;
  return result;
}

}  // namespace pendel

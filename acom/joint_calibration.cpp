#include "acom/joint_calibration.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/median.hpp"
#include "core/parallel.hpp"

namespace pendel {

namespace {

using Vector5 = Eigen::Matrix<double, 5, 1>;  // matrix xx, yy, xy less 1; shift x, y
using Matrix5 = Eigen::Matrix<double, 5, 5>;

struct Pair {
  std::size_t position;
  Vec2 q, s;  // peak, reflection
};

/// d(corrected q)/d(unknowns).
Eigen::Matrix<double, 2, 5> derivative(const Vec2& q) {
  Eigen::Matrix<double, 2, 5> J;
  J << q.x(), 0, q.y(), 1, 0,  //
      0, q.y(), q.x(), 0, 1;
  return J;
}

/// Every peak with the nearest reflection that its crystal shows in its orientation.
std::vector<Pair> pairs_of(const OrientationMap& map, const std::vector<PhaseLibrary>& phases,
                           const std::vector<std::vector<PeakVector>>& peaks,
                           const JointCalibrationOptions& options) {
  std::vector<SpotPatterns> patterns;
  for (const PhaseLibrary& phase : phases) {
    SpotOptions spots;
    spots.g_max = phase.g_max;
    patterns.emplace_back(phase.crystal, phase.energy_keV, spots);
  }
  std::vector<std::vector<Pair>> found(map.positions());
  parallel_for(long(map.positions()), [&](long index, int) {
    const std::size_t i = std::size_t(index);
    if (!map.at[i].indexed() || map.at[i].solutions[0].score < options.least_score) return;
    const OrientationSolution& solution = map.at[i].solutions[0];
    const auto spots = patterns[std::size_t(solution.phase)].spots(solution.R_lab_crystal);
    double brightest = 0;
    for (const Spot& spot : spots)
      if (spot.hkl != Hkl{}) brightest = std::max(brightest, spot.intensity);
    for (const PeakVector& peak : peaks[i]) {
      double nearest = options.reach;
      const Spot* its = nullptr;
      for (const Spot& spot : spots)
        if (!spot.forbidden && (spot.hkl == Hkl{} || spot.intensity > 1e-3 * brightest) &&
            (spot.g.head<2>() - peak.q).norm() < nearest) {
          nearest = (spot.g.head<2>() - peak.q).norm();
          its = &spot;
        }
      // the undiffracted beam says where the origin is only if it was not put there
      if (its && its->hkl != Hkl{}) found[i].push_back({i, peak.q, its->g.head<2>()});
    }
  });
  std::vector<Pair> pairs;
  for (const auto& some : found) pairs.insert(pairs.end(), some.begin(), some.end());
  return pairs;
}

/// From the unknowns looked for to all five; a scale alone is one number in two places.
Eigen::MatrixXd unknowns_of(const JointCalibrationOptions& options) {
  Eigen::MatrixXd all = Eigen::MatrixXd::Zero(5, 5);
  int count = 0;
  if (options.scale) all(0, count) = all(1, count) = 1, ++count;
  if (options.ellipse) {
    all(0, count) = 1, all(1, count) = -1, ++count;
    all(2, count) = 1, ++count;
  }
  if (options.origin) all(3, count) = 1, ++count, all(4, count) = 1, ++count;
  return all.leftCols(count);
}

Eigen::SelfAdjointEigenSolver<Eigen::Matrix2d> axes_of(const Eigen::Matrix2d& matrix) {
  return Eigen::SelfAdjointEigenSolver<Eigen::Matrix2d>(matrix.inverse());
}

}  // namespace

double JointCalibration::scale() const { return std::sqrt(matrix.determinant()); }

double JointCalibration::ellipse_ratio() const {
  const Vec2 stretch = axes_of(matrix).eigenvalues();
  return stretch[1] / stretch[0];
}

double JointCalibration::ellipse_angle_deg() const {
  const Vec2 longest = axes_of(matrix).eigenvectors().col(1);
  const double angle = std::atan2(longest.y(), longest.x()) * 180 / electron::pi;
  return angle < 0 ? angle + 180 : angle;
}

JointCalibration joint_calibration(const OrientationMap& map,
                                   const std::vector<PhaseLibrary>& phases,
                                   const std::vector<std::vector<PeakVector>>& peaks,
                                   const JointCalibrationOptions& options) {
  const std::vector<Pair> pairs = pairs_of(map, phases, peaks, options);
  if (pairs.size() < 20)
    throw Error(ErrorKind::numerical,
                "only " + std::to_string(pairs.size()) +
                    " peaks lie near a reflection of a matched crystal; a joint calibration needs "
                    "20 or more");
  const Eigen::MatrixXd P = unknowns_of(options);
  // each position's orientation has taken the best turn in its plane, which is therefore taken off
  // the residuals and derivatives of its peaks
  Vector5 x = Vector5::Zero();
  JointCalibration result;
  result.peaks = pairs.size();
  double width = options.reach;  // of Tukey's weights
  Eigen::MatrixXd information, scatter;
  for (int round = 0; round < 20; ++round) {
    information = Eigen::MatrixXd::Zero(P.cols(), P.cols());
    scatter = information;
    Eigen::VectorXd gradient = Eigen::VectorXd::Zero(P.cols());
    std::vector<double> distances;
    result.positions = 0;
    for (std::size_t first = 0, next; first < pairs.size(); first = next) {
      next = first;
      Eigen::MatrixXd H = Eigen::MatrixXd::Zero(P.cols() + 1, P.cols() + 1);
      Eigen::VectorXd b = Eigen::VectorXd::Zero(P.cols() + 1);
      for (; next < pairs.size() && pairs[next].position == pairs[first].position; ++next) {
        const Pair& pair = pairs[next];
        const Eigen::Matrix<double, 2, 5> J = derivative(pair.q);
        const Vec2 residual = pair.s - pair.q - J * x;
        distances.push_back(residual.norm());
        const double u = residual.norm() / width;
        if (u >= 1) continue;
        const double weight = (1 - u * u) * (1 - u * u);
        Eigen::MatrixXd all(2, P.cols() + 1);
        all.leftCols(P.cols()) = J * P;
        all.col(P.cols()) = Vec2(-pair.q.y(), pair.q.x());
        H += weight * all.transpose() * all;
        b += weight * all.transpose() * residual;
      }
      const long n = P.cols();
      if (!(H(n, n) > 0)) continue;
      ++result.positions;
      const Eigen::VectorXd own = H.col(n).head(n) / H(n, n);
      const Eigen::VectorXd there = b.head(n) - own * b(n);
      information += H.topLeftCorner(n, n) - own * H.row(n).head(n);
      gradient += there;
      scatter += there * there.transpose();
    }
    result.residual_after = median(distances);
    if (round == 0) result.residual_before = result.residual_after;
    const Eigen::VectorXd step = information.fullPivLu().solve(gradient);
    x += P * step;
    // 1.18 sigma is the median distance in a plane; what is beyond six of these is no pair
    width = std::min(width, std::max(6 * result.residual_after / 1.1774, 1e-6));
    if (step.norm() < 1e-10) break;
  }
  result.matrix << 1 + x[0], x[2], x[2], 1 + x[1];
  result.origin = -result.matrix.inverse() * x.tail<2>();
  const Eigen::MatrixXd inverse = P * information.fullPivLu().inverse();
  result.error = (inverse * scatter * inverse.transpose()).diagonal().cwiseMax(0).cwiseSqrt();
  return result;
}

std::vector<PeakVector> corrected(const JointCalibration& calibration,
                                  std::vector<PeakVector> peaks) {
  for (PeakVector& peak : peaks) {
    peak.q = calibration.matrix * (peak.q - calibration.origin);
    peak.covariance = calibration.matrix * peak.covariance * calibration.matrix.transpose();
  }
  return peaks;
}

}  // namespace pendel

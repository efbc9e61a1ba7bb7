// A calibration's error found from the crystals of a scan: patterns of gold in random orientations,
// their peaks scaled, stretched and shifted by known amounts.
#include "acom/joint_calibration.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <boost/test/unit_test.hpp>
#include <random>

#include "cif/read.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

struct Made {
  OrientationMap map;
  std::vector<PhaseLibrary> phases;
  std::vector<std::vector<PeakVector>> peaks;
};

/// q measured = inverse(matrix) q + origin + noise, the orientations wrong by 0.3°.
Made made(const Eigen::Matrix2d& matrix, const Vec2& origin, double noise) {
  Made result;
  PhaseLibrary gold;
  gold.crystal = read_cif(PENDEL_SOURCE_DIR "/data/cif/Au.cif");
  gold.energy_keV = 200;
  gold.g_max = 1.5;
  result.phases = {gold};
  result.map.rows = 5;
  result.map.columns = 8;
  result.map.phases.resize(1);
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  SpotOptions options;
  options.g_max = 1.5;
  options.sg_max = 0.03;
  const SpotPatterns patterns(gold.crystal, 200, options);
  for (std::size_t i = 0; i < result.map.rows * result.map.columns; ++i) {
    const Eigen::Quaterniond q(normal(random), normal(random), normal(random), normal(random));
    const Mat3 R = q.normalized().toRotationMatrix();
    OrientationSolution solution;
    solution.R_lab_crystal =
        Eigen::AngleAxisd(0.005, Vec3(normal(random), normal(random), normal(random)).normalized())
            .toRotationMatrix() *
        R;
    solution.score = 0.9;
    result.map.at.push_back({});
    result.map.at.back().solutions.push_back(solution);
    result.peaks.emplace_back();
    for (const Spot& spot : patterns.spots(R)) {
      if (spot.forbidden || spot.hkl == Hkl{}) continue;
      PeakVector peak;
      peak.q = matrix.inverse() * spot.g.head<2>() + origin +
               noise * Vec2(normal(random), normal(random));
      result.peaks.back().push_back(peak);
    }
    PeakVector stray;  // of no reflection
    stray.q = Vec2(normal(random), normal(random)) * 0.4;
    result.peaks.back().push_back(stray);
  }
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(scale_ellipse_and_origin_are_found_within_their_errors) {
  // 2 % of scale, 3.5 % of ellipse at 30°, a shift by a pixel of 0.01 1/Å
  const Eigen::Matrix2d axes = Eigen::Rotation2Dd(0.5236).toRotationMatrix();
  const Eigen::Matrix2d matrix =
      1.02 * axes * Vec2(1 / std::sqrt(1.035), std::sqrt(1.035)).asDiagonal() * axes.transpose();
  const Vec2 origin(0.007, -0.006);
  const Made scan = made(matrix, origin, 0.003);
  const JointCalibration found = joint_calibration(scan.map, scan.phases, scan.peaks);
  BOOST_TEST(found.positions == 40u);
  const Eigen::Matrix2d off = found.matrix - matrix;
  const double differences[] = {off(0, 0), off(1, 1), off(0, 1), found.origin.x() - origin.x(),
                                found.origin.y() - origin.y()};
  for (int k = 0; k < 5; ++k) {
    record("Orientations", "calibration from crystals: errors over their error bars", "truth",
           std::abs(differences[k]) / found.error[k], at_most(4));
    BOOST_TEST(found.error[k] < 1e-3);
    BOOST_TEST(found.error[k] > 1e-5);
  }
  BOOST_TEST(found.scale() == 1.02, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(found.ellipse_ratio() == 1.035, boost::test_tools::tolerance(2e-3));
  BOOST_TEST(std::abs(found.ellipse_angle_deg() - 30) < 2);
  BOOST_TEST(found.residual_after < 0.4 * found.residual_before);
  // corrected peaks need no further correction
  std::vector<std::vector<PeakVector>> again;
  for (const auto& some : scan.peaks) again.push_back(corrected(found, some));
  const JointCalibration second = joint_calibration(scan.map, scan.phases, again);
  BOOST_TEST((second.matrix - Eigen::Matrix2d::Identity()).norm() < 3e-4);
  BOOST_TEST(second.origin.norm() < 2e-4);
}

BOOST_AUTO_TEST_CASE(only_what_is_asked_for_changes) {
  const Made scan = made(Vec2(1.03, 1.01).asDiagonal(), Vec2(0.004, 0), 0.002);
  JointCalibrationOptions options;
  options.ellipse = options.origin = false;
  const JointCalibration scale = joint_calibration(scan.map, scan.phases, scan.peaks, options);
  BOOST_TEST(scale.matrix(0, 0) == scale.matrix(1, 1));
  BOOST_TEST(scale.matrix(0, 1) == 0);
  BOOST_TEST(scale.origin.norm() == 0);
  BOOST_TEST(scale.scale() == 1.02, boost::test_tools::tolerance(3e-3));
  options.scale = false;
  options.ellipse = true;
  const JointCalibration ellipse = joint_calibration(scan.map, scan.phases, scan.peaks, options);
  BOOST_TEST(ellipse.matrix.trace() == 2, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(ellipse.matrix(0, 0) - ellipse.matrix(1, 1) > 0.015);
}

BOOST_AUTO_TEST_CASE(a_map_that_says_nothing_is_refused) {
  Made scan = made(Eigen::Matrix2d::Identity(), Vec2::Zero(), 0.002);
  for (auto& at : scan.map.at) at.solutions.clear();
  BOOST_CHECK_THROW(joint_calibration(scan.map, scan.phases, scan.peaks), std::exception);
}

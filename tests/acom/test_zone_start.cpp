// The start of a fit against orientations that are made of one, and the sign of its tilt against
// excitation errors.
#include "acom/zone_start.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <boost/test/unit_test.hpp>
#include <map>

#include "cif/read.hpp"
#include "crystal/orientation.hpp"
#include "sim/kinematical_pattern.hpp"

using namespace pendel;

namespace {
const Crystal crystal = read_cif(PENDEL_SOURCE_DIR "/data/cif/PbTiO3.cif");  // not centrosymmetric

/// The crystal of a study with these axes, turned so that the beam comes from its tilt.
Mat3 lying(const Vec3& zone, const Vec3& x_axis, const Vec2& tilt, double turn) {
  const Vec3 beam(std::sin(tilt.x()), std::sin(tilt.y()),
                  std::sqrt(1 - std::pow(std::sin(tilt.x()), 2) - std::pow(std::sin(tilt.y()), 2)));
  return Eigen::AngleAxisd(turn, Vec3::UnitZ()).toRotationMatrix() *
         Eigen::Quaterniond::FromTwoVectors(beam, Vec3::UnitZ()).toRotationMatrix() *
         orientation(crystal.cell, -zone, x_axis);
}
}  // namespace

BOOST_AUTO_TEST_CASE(axes_and_tilt_of_a_study_come_back) {
  const Vec3 zone(1, 0, 2), x_axis(0, 1, 0);
  for (const Vec2& tilt : {Vec2(0, 0), Vec2(0.01, -0.004), Vec2(-0.02, 0.015)})
    for (const double turn : {0.0, 0.03, -0.05}) {
      const ZoneStart start = zone_start(crystal.cell, lying(zone, x_axis, tilt, turn));
      BOOST_TEST((start.zone_axis.cast<double>() == zone));
      BOOST_TEST((start.x_axis.cast<double>() == x_axis));
      BOOST_TEST((start.beam_tilt - tilt).norm() < 1e-12);
      BOOST_TEST(std::abs(start.turn - turn) < 1e-12);
    }
  // far from every zone of small indices the nearest is taken and what is left is said
  const ZoneStart far = zone_start(crystal.cell, lying({0, 0, 1}, {1, 0, 0}, {0.2, 0}, 0), 0.01, 1);
  BOOST_TEST((far.zone_axis == Eigen::Vector3i(0, 0, 1)));
  BOOST_TEST(std::abs(far.zone_off - 0.2) < 1e-12);
  BOOST_TEST(std::abs(far.beam_tilt.x() - 0.2) < 1e-12);
}

BOOST_AUTO_TEST_CASE(the_tilt_has_the_sign_of_a_fits_tilt) {
  const Vec2 tilt(0.012, -0.007);
  const Mat3 R = lying({1, 0, 2}, {0, 1, 0}, tilt, 0);
  const ZoneStart start = zone_start(crystal.cell, R);
  SpotOptions options;
  options.g_max = 1;
  options.sg_max = 0.1;
  const SpotPatterns patterns(crystal, 300, options);
  const Mat3 aligned =
      orientation(crystal.cell, -start.zone_axis.cast<double>(), start.x_axis.cast<double>());
  std::map<Hkl, double> mapped;
  for (const Spot& spot : patterns.spots(R)) mapped[spot.hkl] = spot.excitation_error;
  int compared = 0;
  double largest = 0;
  for (const Spot& spot : patterns.spots(aligned, Vec3::UnitZ(), start.beam_tilt))
    if (const auto same = mapped.find(spot.hkl); same != mapped.end()) {
      ++compared;
      largest = std::max(largest, std::abs(spot.excitation_error));
      // the surface normals, along which s is measured, differ by the tilt
      BOOST_TEST(std::abs(spot.excitation_error - same->second) <
                 1e-3 * (0.01 + std::abs(same->second)));
    }
  BOOST_TEST(compared > 20);
  BOOST_TEST(largest > 0.01);
}

// Rings of a made polycrystal with an ellipse, and radial means against sums over fine points.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "core/error.hpp"
#include "scan/rings.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr std::size_t q_rows = 100, q_columns = 112;
const double pi = std::acos(-1.0);

Calibration truth() {
  Calibration c;
  c.origin = {Vec2(56.3, 48.8)};
  c.ellipse_ratio = 1.05;
  c.ellipse_angle_deg = 33;
  c.pixel_invA = 0.02;
  return c;
}

Crystal gold() {
  Crystal crystal;
  crystal.cell = Cell(4.08, 4.08, 4.08, 90, 90, 90);
  for (const Vec3& at : {Vec3(0, 0, 0), Vec3(0, .5, .5), Vec3(.5, 0, .5), Vec3(.5, .5, 0)}) {
    Site site;
    site.Z = 79;
    site.position = {at};
    site.set_B(0.6);
    crystal.sites.push_back(site);
  }
  return crystal;
}

/// Counts expected of a beam, a falling background and rings; radii by the definition of
/// Calibration, rings wider outwards.
std::vector<double> expected(const Calibration& calibration, double scale) {
  std::vector<double> result;
  for (std::size_t i = 0; i < q_rows * q_columns; ++i) {
    const double g =
        calibration.vector(0, Vec2(double(i % q_columns), double(i / q_columns))).norm();
    const double r = g / calibration.pixel_invA;
    double value = 3e4 * std::exp(-r * r / 18) + 400 * std::exp(-r / 12);
    for (const auto& [N, height] : {std::pair(3, 100.0), {4, 45.}, {8, 25.}, {11, 25.}, {12, 8.}}) {
      const double R = std::sqrt(N) / 4.08 / calibration.pixel_invA;
      value += height * std::exp(-0.5 * std::pow((r - R) / 1.6, 2));
    }
    result.push_back(scale * value);
  }
  return result;
}

std::vector<double> counted(const std::vector<double>& expected, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<double> result;
  for (const double mean : expected)
    result.push_back(double(std::poisson_distribution<long>(mean)(random)));
  return result;
}

RingOptions options() {
  RingOptions options;
  options.centre = Vec2(55, 50);
  options.lines = powder_lines(gold(), 1.2);
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(lines_of_a_face_centred_crystal) {
  const auto lines = powder_lines(gold(), 1.0);
  const int expected[] = {3, 4, 8, 11, 12, 16};
  BOOST_REQUIRE_EQUAL(lines.size(), 6u);
  for (std::size_t i = 0; i < lines.size(); ++i)
    BOOST_TEST(lines[i].g_invA == std::sqrt(expected[i]) / 4.08,
               boost::test_tools::tolerance(1e-9));
  // 8 reflections of 111 and 6 of 200, which scatter less
  BOOST_TEST(lines[1].height < 0.75 * lines[0].height);
}

BOOST_AUTO_TEST_CASE(rings_give_centre_ellipse_and_pixel_within_errors) {
  const Calibration c = truth();
  double squares = 0;
  int count = 0;
  for (const unsigned seed : {1u, 2u, 3u}) {
    const RingFit fit = fit_rings(counted(expected(c, 1), seed), q_rows, q_columns, options());
    const Calibration& f = fit.calibration;
    // Poisson noise of this many counts allows 0.02 pixels, 5e-4 and 1e-4
    record("Calibration and strain", "rings of a made polycrystal: origin, pixels", "truth",
           (f.origin[0] - c.origin[0]).norm(), at_most(0.1));
    record("Calibration and strain", "the same: ratio of axes", "truth",
           std::abs(f.ellipse_ratio - 1.05), at_most(0.003));
    record("Calibration and strain", "the same: pixel size, relative error", "truth",
           std::abs(f.pixel_invA / 0.02 - 1), at_most(1e-3));
    for (const double u : {(f.origin[0] - c.origin[0]).x() / f.origin_error.x(),
                           (f.origin[0] - c.origin[0]).y() / f.origin_error.y(),
                           (f.ellipse_ratio - 1.05) / f.ellipse_ratio_error,
                           (f.ellipse_angle_deg - 33) / f.ellipse_angle_error_deg,
                           (f.pixel_invA - 0.02) / f.pixel_error_invA}) {
      BOOST_TEST(std::abs(u) < 4);
      squares += u * u;
      ++count;
    }
  }
  // 15 values: the spread of a right error bar lies between these in 998 of 1000 cases
  BOOST_TEST(std::sqrt(squares / count) > 0.45);
  BOOST_TEST(std::sqrt(squares / count) < 1.6);
}

BOOST_AUTO_TEST_CASE(a_beam_stop_and_an_unknown_crystal_do_not_matter_to_the_ellipse) {
  const Calibration c = truth();
  std::vector<double> pattern = counted(expected(c, 1), 7);
  for (std::size_t row = 44; row < 52; ++row)
    for (std::size_t column = 0; column < 60; ++column) pattern[row * q_columns + column] = 0;
  RingOptions free = options();
  free.lines.clear();
  free.from = 14;
  const RingFit fit = fit_rings(pattern, q_rows, q_columns, free);
  BOOST_TEST(fit.dark_pixels > 100u);
  BOOST_TEST(std::abs(fit.calibration.ellipse_ratio - 1.05) <
             4 * fit.calibration.ellipse_ratio_error);
  BOOST_TEST(fit.calibration.ellipse_ratio_error < 0.01);
  BOOST_TEST((fit.calibration.origin[0] - c.origin[0]).norm() < 0.3);
  BOOST_TEST(!std::isfinite(fit.calibration.pixel_invA));
  BOOST_TEST(fit.rings.size() >= 3u);
}

BOOST_AUTO_TEST_CASE(what_has_no_rings_is_refused) {
  std::vector<double> pattern(q_rows * q_columns);
  const auto refused = [](const Error& e) { return e.kind() == ErrorKind::numerical; };
  BOOST_CHECK_EXCEPTION(fit_rings(pattern, q_rows, q_columns, options()), Error, refused);
  for (std::size_t i = 0; i < pattern.size(); ++i)
    pattern[i] =
        1e4 * std::exp(-Vec2(double(i % q_columns) - 56, double(i / q_columns) - 49).norm() / 8);
  BOOST_CHECK_EXCEPTION(fit_rings(pattern, q_rows, q_columns, options()), Error, refused);
}

BOOST_AUTO_TEST_CASE(radial_mean_shares_pixels_by_their_area) {
  Calibration c = truth();
  c.pixel_invA = Calibration::not_known;
  c.flip = true;
  c.rotation_deg = 20;  // neither changes a radius
  std::mt19937 random(3);
  std::vector<double> pattern(q_rows * q_columns);
  for (double& value : pattern) value = std::uniform_real_distribution<>(0, 10)(random);
  std::vector<float> mask(pattern.size(), 1);
  for (std::size_t i = 0; i < 2000; ++i) mask[i] = 0;
  const Bins bins{3, 0.7, 40};
  const RadialProfile found =
      RadialMap(c, 0, bins, q_rows, q_columns, mask).profile(pattern.data());
  constexpr int fine = 20;
  std::vector<double> sum(bins.count), area(bins.count);
  for (std::size_t i = 2000; i < pattern.size(); ++i)
    for (int k = 0; k < fine * fine; ++k) {
      const Vec2 at(double(i % q_columns) + (k % fine + 0.5) / fine - 0.5,
                    double(i / q_columns) + (k / fine + 0.5) / fine - 0.5);
      const double bin = (c.vector(0, at).norm() - bins.from) / bins.step;
      if (bin < 0 || bin >= double(bins.count)) continue;
      sum[std::size_t(bin)] += pattern[i] / (fine * fine);
      area[std::size_t(bin)] += 1.0 / (fine * fine);
    }
  for (std::size_t i = 0; i < bins.count; ++i) {
    // edges that are bent: 1/(24 r) of a pixel; and the points are 1/20 apart
    BOOST_TEST(std::abs(found.pixels[i] / area[i] - 1) < 0.012);
    BOOST_TEST(std::abs(found.mean[i] - sum[i] / area[i]) < 0.05);
  }
  // a pattern of the radius alone has no other variance than that within a ring
  for (std::size_t i = 0; i < pattern.size(); ++i)
    pattern[i] = c.vector(0, Vec2(double(i % q_columns), double(i / q_columns))).norm();
  const RadialProfile radii = RadialMap(c, 0, bins, q_rows, q_columns).profile(pattern.data());
  for (std::size_t i = 5; i < bins.count; ++i) {
    BOOST_TEST(std::abs(radii.mean[i] - bins.centre(i)) < 0.05);
    BOOST_TEST(radii.variance[i] < 0.3);
  }
}

BOOST_AUTO_TEST_CASE(polar_pattern_follows_the_convention_of_angles) {
  const Calibration c = truth();
  std::vector<double> pattern(q_rows * q_columns);
  const auto value = [](const Vec2& v) { return 3 + 2 * v.x() - 5 * v.y(); };
  for (std::size_t i = 0; i < pattern.size(); ++i)
    pattern[i] = value(c.vector(0, Vec2(double(i % q_columns), double(i / q_columns))));
  const Bins radii{0, 0.05, 24}, angles{0, 30, 12};
  const auto polar = polar_pattern(pattern.data(), q_rows, q_columns, c, 0, radii, angles);
  int outside = 0;
  for (std::size_t k = 0; k < angles.count; ++k)
    for (std::size_t i = 0; i < radii.count; ++i) {
      const double angle = angles.centre(k) * pi / 180;
      const double found = polar[k * radii.count + i];
      if (std::isnan(found)) {
        ++outside;
        continue;
      }
      // a plane is interpolated exactly
      BOOST_TEST(found == value(radii.centre(i) * Vec2(std::cos(angle), std::sin(angle))),
                 boost::test_tools::tolerance(1e-9));
    }
  BOOST_TEST(outside > 0);
  BOOST_TEST(outside < 100);
}

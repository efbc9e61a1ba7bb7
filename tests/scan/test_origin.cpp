// Origins, the rotation of the scan and the fit to a zone on made data whose truth is known.
#include <unistd.h>

#include <Eigen/Geometry>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "core/error.hpp"
#include "scan/origin.hpp"
#include "scan/scan_rotation.hpp"
#include "scan/zone_fit.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
namespace fs = std::filesystem;

namespace {

const double pi = std::acos(-1.0);

Vec2 descan(std::size_t row, std::size_t column) {
  const double x = double(column), y = double(row);
  return Vec2(20 + 0.11 * x - 0.05 * y + 0.004 * x * y, 17 - 0.02 * x + 0.13 * y - 0.003 * x * x);
}

MeasuredOrigins made(std::size_t rows, std::size_t columns, double noise, int outliers,
                     unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<> normal(0, noise);
  MeasuredOrigins origins{rows, columns, {}};
  for (std::size_t i = 0; i < rows * columns; ++i)
    origins.at.push_back(descan(i / columns, i % columns) + Vec2(normal(random), normal(random)));
  for (int k = 0; k < outliers; ++k)
    origins.at[random() % origins.at.size()] = Vec2(45 + k % 3, 2);  // all to one side
  origins.at[1] = Vec2::Constant(std::nan(""));
  return origins;
}

/// Deflection of a potential without any symmetry, as the detector sees it.
std::vector<Vec2> deflections(std::size_t rows, std::size_t columns, double rotation_deg, bool flip,
                              double noise, std::vector<double>& potential) {
  std::mt19937 random(11);
  std::normal_distribution<> normal(0, noise);
  const double atoms[][4] = {{8, 6, 1, 2}, {20, 9, 2, 3}, {12, 19, 1.5, 2.5}, {27, 22, 0.7, 2}};
  const double angle = rotation_deg * pi / 180;
  std::vector<Vec2> result;
  potential.clear();
  for (std::size_t i = 0; i < rows * columns; ++i) {
    const double x = double(i % columns), y = double(i / columns);
    Vec2 slope(0, 0);
    double value = 0;
    for (const auto& atom : atoms) {
      const Vec2 d(x - atom[0], y - atom[1]);
      const double V = atom[2] * std::exp(-d.squaredNorm() / (2 * atom[3] * atom[3]));
      value += V;
      slope -= V * d / (atom[3] * atom[3]);  // beams are bent to where the potential is high
    }
    potential.push_back(value);
    // the inverse of turning by -angle after the mirror
    Vec2 seen(std::cos(angle) * slope.x() - std::sin(angle) * slope.y(),
              std::sin(angle) * slope.x() + std::cos(angle) * slope.y());
    if (flip) seen.y() = -seen.y();
    result.push_back(seen + Vec2(3, -2) + Vec2(normal(random), normal(random)));
  }
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(origins_with_outliers_are_fitted_within_errors) {
  double squares = 0;
  int count = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    const MeasuredOrigins origins = made(12, 15, 0.1, 25, seed);
    const OriginFit fit = fit_origins(origins, OriginShape::parabola);
    BOOST_TEST(fit.outlier[1]);
    // a few of the normal ones, too, lie further than 4.685 spreads, one of 60 000
    int outliers = 0;
    for (std::size_t i = 0; i < origins.at.size(); ++i) {
      outliers += fit.outlier[i];
      if (origins.at[i].allFinite() && origins.at[i].x() > 30) BOOST_TEST(fit.outlier[i]);
      const Vec2 u = (fit.at[i] - descan(i / 15, i % 15)).cwiseQuotient(fit.error);
      squares += 0.5 * u.squaredNorm();
      ++count;
    }
    BOOST_TEST(outliers <= 28);
    BOOST_TEST(std::abs(fit.scatter.x() - 0.1) < 0.03);
  }
  // 12 coefficients of 30 draws
  BOOST_TEST(std::sqrt(squares / count) > 0.9);
  BOOST_TEST(std::sqrt(squares / count) < 1.2);
  // a plane does not describe a parabola: the scatter says so
  const OriginFit plane = fit_origins(made(12, 15, 0.001, 0, 1), OriginShape::plane);
  BOOST_TEST(plane.scatter.norm() > 0.05);
}

BOOST_AUTO_TEST_CASE(too_few_origins_are_refused) {
  MeasuredOrigins origins = made(5, 5, 0.1, 0, 1);
  for (std::size_t i = 0; i < 20; ++i) origins.at[i] = Vec2::Constant(std::nan(""));
  BOOST_CHECK_THROW(fit_origins(origins, OriginShape::parabola), Error);
  BOOST_CHECK_NO_THROW(fit_origins(origins, OriginShape::constant));
  const OriginFit none = fit_origins(origins, OriginShape::none);
  BOOST_TEST(none.at[24] == origins.at[24]);
  BOOST_TEST(std::isnan(none.at[0].x()));
}

BOOST_AUTO_TEST_CASE(beams_are_found_in_patterns_beside_bright_disks) {
  constexpr std::size_t rows = 4, columns = 5, n = 48;
  const fs::path path = fs::temp_directory_path() / ("pendel_origin_" + std::to_string(getpid()));
  std::mt19937 random(5);
  std::vector<std::uint16_t> counts;
  for (std::size_t i = 0; i < rows * columns; ++i) {
    const Vec2 at = descan(i / columns, i % columns);
    for (std::size_t p = 0; p < n * n; ++p) {
      const Vec2 pixel{double(p % n), double(p / n)};
      const auto disk = [&](const Vec2& centre) {
        return 1 / (1 + std::exp(((pixel - centre).norm() - 4) / 0.4));
      };
      // the empty pattern is position 7
      const double mean = i == 7 ? 0 : 1 + 100 * disk(at) + 160 * disk(at + Vec2(18, 9));
      counts.push_back(std::uint16_t(mean > 0 ? std::poisson_distribution<int>(mean)(random) : 0));
    }
  }
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(counts.data()), std::streamsize(2 * counts.size()));
  RawLayout layout;
  layout.path = path.string();
  layout.count = rows * columns;
  layout.q_rows = layout.q_columns = n;
  layout.number = Number::uint16;
  Recording recording;
  recording.rows = rows;
  recording.columns = columns;
  recording.frames = std::make_shared<RawFrames>(layout);
  const DataCube cube(recording);
  const MeasuredOrigins found = measured_origins(cube, Vec2(21, 16), 7);
  for (std::size_t i = 0; i < rows * columns; ++i)
    if (i == 7)
      BOOST_TEST(std::isnan(found.at[i].x()));
    else
      // 50 pixels above the threshold, 50 ± 10 above it: 0.06 pixels along either axis
      BOOST_TEST((found.at[i] - descan(i / columns, i % columns)).norm() < 0.25);
  // of the mean, the brighter disk is the brightest
  BOOST_TEST((mean_origin(cube) - descan(1, 2) - Vec2(18, 9)).norm() < 1);
  fs::remove(path);
}

BOOST_AUTO_TEST_CASE(rotation_flip_and_sign_of_a_made_field) {
  std::vector<double> potential;
  for (const bool flip : {false, true})
    for (const double angle : {-150.0, -63.0, 12.0, 100.0, 171.0}) {
      const auto field = deflections(28, 34, angle, flip, 0.01, potential);
      const ScanRotation found = scan_rotation(field, 28, 34, potential);
      BOOST_TEST(found.flip == flip);
      BOOST_TEST(found.flip_known);
      BOOST_TEST(std::abs(std::remainder(found.rotation_deg - angle, 360)) <
                 4 * found.rotation_error_deg);
      BOOST_TEST(found.rotation_error_deg < 1.5);
      BOOST_TEST(found.curl < 0.1);
      BOOST_TEST(found.curl_other > 0.3);
      // by Calibration the field is then the slope of the potential
      Calibration c;
      c.origin = {Vec2(3, -2)};
      c.rotation_deg = found.rotation_deg;
      c.flip = found.flip;
      const std::size_t at = 9 * 34 + 17;  // left of an atom: the potential grows to the right
      BOOST_TEST(c.vector(0, field[at]).x() > 0);
      // without the image: the same but for 180°
      const double half = scan_rotation(field, 28, 34).rotation_deg;
      BOOST_TEST(std::abs(half) <= 90);
      BOOST_TEST(std::abs(std::remainder(half - found.rotation_deg, 180)) < 1e-9);
    }
  BOOST_CHECK_THROW(scan_rotation(std::vector<Vec2>(36, Vec2(1, 2)), 6, 6), Error);
}

BOOST_AUTO_TEST_CASE(an_error_of_the_rotation_is_its_spread) {
  std::vector<double> potential;
  double squares = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    auto field = deflections(28, 34, 40, true, 0, potential);
    std::mt19937 random(seed);
    std::normal_distribution<> normal(0, 0.05);
    for (Vec2& d : field) d += Vec2(normal(random), normal(random));
    const ScanRotation found = scan_rotation(field, 28, 34);
    squares += std::pow((found.rotation_deg - 40) / found.rotation_error_deg, 2) / 60;
  }
  // 60 values: 0.09 by chance, and the jackknife of 36 unequal blocks
  BOOST_TEST(std::sqrt(squares) > 0.7);
  BOOST_TEST(std::sqrt(squares) < 1.3);
}

BOOST_AUTO_TEST_CASE(a_zone_gives_origin_ellipse_pixel_and_turn_within_errors) {
  // an oblique lattice: only one turn of 360° indexes it, but for 180° by its two signs
  ZoneOptions options;
  for (int h = -4; h <= 4; ++h)
    for (int k = -4; k <= 4; ++k)
      if (h || k) options.vectors_invA.push_back(Vec2(0.25 * h + 0.07 * k, 0.31 * k));
  Calibration truth;
  truth.ellipse_ratio = 1.03;
  truth.ellipse_angle_deg = -50;
  truth.pixel_invA = 0.0203;
  double squares = 0;
  constexpr int draws = 40;
  for (unsigned seed = 0; seed < draws; ++seed) {
    std::mt19937 random(seed);
    std::normal_distribution<> normal;
    BraggPeaks peaks;
    peaks.rows = 2;
    peaks.columns = 3;
    options.start = truth;
    options.start.origin.clear();
    options.start.ellipse_ratio = 1;
    options.start.pixel_invA = 0.02;
    const Eigen::Rotation2Dd lattice(33.4 * pi / 180);
    for (std::size_t position = 0; position < 6; ++position) {
      options.start.origin.push_back(Vec2(60 + double(position), 66));
      truth.origin.assign(1, Vec2(60.8 + double(position), 65.5));
      peaks.at.emplace_back();
      for (const Vec2& g : options.vectors_invA) {
        if (g.norm() > 0.8 || random() % 4 == 0) continue;
        BraggPeak peak;
        peak.error = random() % 2 ? Vec2(0.05, 0.07) : Vec2(0.2, 0.15);
        peak.position = truth.pixel(0, lattice.toRotationMatrix() * g) +
                        Vec2(peak.error.x() * normal(random), peak.error.y() * normal(random));
        if (random() % 25 == 0) peak.position += Vec2(2, -1.5);
        peaks.at.back().push_back(peak);
      }
    }
    const ZoneFit fit = fit_zone(peaks, options);
    const double turn = std::remainder(fit.lattice_deg - 33.4, 180.0);
    BOOST_TEST(std::abs(turn) < 0.5);
    const double u[] = {
        (fit.shift.x() - 0.8) / fit.calibration.origin_error.x(),
        (fit.shift.y() + 0.5) / fit.calibration.origin_error.y(),
        (fit.calibration.ellipse_ratio - 1.03) / fit.calibration.ellipse_ratio_error,
        std::remainder(fit.calibration.ellipse_angle_deg + 50, 180.0) /
            fit.calibration.ellipse_angle_error_deg,
        (fit.calibration.pixel_invA - 0.0203) / fit.calibration.pixel_error_invA,
        turn / fit.lattice_error_deg};
    for (const double each : u) squares += each * each / (6 * draws);
  }
  // 240 values; Tukey's weights lose 5 %
  record("Calibration and strain", "spots of a zone: spread of 240 normalised residuals", "1",
         std::sqrt(squares), between(0.9, 1.2));
  BraggPeaks empty;
  empty.rows = empty.columns = 1;
  empty.at.resize(1);
  options.start.origin.resize(1);
  BOOST_CHECK_THROW(fit_zone(empty, options), Error);
}

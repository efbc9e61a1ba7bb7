// The Bragg-vector map, radial maxima and features of peaks made here; the real peaks' maxima.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <random>

#include "core/error.hpp"
#include "scan/bragg_file.hpp"
#include "scan/bragg_map.hpp"
#include "scan/features.hpp"

using namespace pendel;

namespace {

constexpr double pixel = 0.02;  // 1/Å

// A pattern of three peaks in the scan's frame, without a centre of symmetry.
const std::vector<Vec2> places{{0.31, 0.12}, {-0.2, 0.4}, {0.55, -0.33}};
const std::vector<double> heights{5, 3, 2};

// On a turned, mirrored and stretched detector; position 2 is empty, 3 lacks the first peak.
BraggPeaks measured(double spread) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal(0, spread);
  BraggPeaks peaks;
  peaks.rows = 4;
  peaks.columns = 25;
  peaks.calibration.pixel_invA = pixel;
  peaks.calibration.rotation_deg = 25;
  peaks.calibration.flip = true;
  peaks.calibration.ellipse_ratio = 1.1;
  peaks.calibration.ellipse_angle_deg = 20;
  peaks.at.resize(100);
  for (std::size_t i = 0; i < 100; ++i)
    peaks.calibration.origin.push_back({64 + 0.1 * double(i), 60});
  for (std::size_t i = 0; i < 100; ++i)
    for (std::size_t k = 0; k < 3 && i != 2; ++k) {
      if (i == 3 && k == 0) continue;
      const Vec2 q = places[k] + Vec2(normal(random), normal(random));
      BraggPeak peak;
      peak.position = peaks.calibration.pixel(i, q);
      peak.intensity = heights[k];
      peaks.at[i].push_back(peak);
    }
  return peaks;
}

}  // namespace

BOOST_AUTO_TEST_CASE(map_and_its_maxima) {
  const BraggPeaks peaks = measured(0.004);
  const BraggVectorMap map = bragg_vector_map(peaks, 1, 0.01);
  BOOST_TEST(map.edge() == 201);
  double sum = 0, x = 0;
  for (long r = 0; r < map.edge(); ++r)
    for (long c = 0; c < map.edge(); ++c) {
      sum += map.values[std::size_t(r * map.edge() + c)];
      x += map.values[std::size_t(r * map.edge() + c)] * double(c - map.half) * map.step;
    }
  double expected = 0, expected_x = 0;
  for (std::size_t i = 0; i < 100; ++i)
    for (const BraggPeak& peak : peaks.at[i]) {
      expected += peak.intensity;
      expected_x += peak.intensity * peaks.calibration.vector(i, peak.position).x();
    }
  BOOST_TEST(sum == expected, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(x == expected_x, boost::test_tools::tolerance(1e-9));  // shared bilinearly
  MaximumOptions options;
  options.from = 0.1;
  options.to = 1;
  options.smoothing = 0.01;
  options.spacing = 0.05;
  options.least = 0.01;
  const std::vector<MapMaximum> maxima = map_maxima(map, options);
  BOOST_TEST_REQUIRE(maxima.size() == 3u);
  // mean of 98 to 99 peaks to 0.004/√98, and the sampling of the map
  for (std::size_t k = 0; k < 3; ++k) BOOST_TEST((maxima[k].q - places[k]).norm() < 0.002);
  options.most = 2;
  BOOST_TEST(map_maxima(map, options).size() == 2u);
  options.most = 0;
  options.least = 0.5;
  BOOST_TEST(map_maxima(map, options).size() == 2u);
  options.least = 0;
  options.from = 0.5;
  BOOST_TEST(map_maxima(map, options).size() == 1u);
}

BOOST_AUTO_TEST_CASE(features_of_places_and_rings) {
  const BraggPeaks peaks = measured(0);
  const Eigen::MatrixXd near = place_features(peaks, places, 0.02, {true, 2});
  BOOST_TEST(near.rows() == 100);
  for (int i = 0; i < 100; ++i)
    for (int k = 0; k < 3; ++k) {
      const bool there = i != 2 && !(i == 3 && k == 0);
      BOOST_TEST(near(i, k) == (there ? std::pow(heights[std::size_t(k)], 2) : 0),
                 boost::test_tools::tolerance(1e-12));
    }
  // the nearer of two places has it, and nobody what is out of reach
  const Eigen::MatrixXd other = place_features(
      peaks, {places[0] + Vec2(0.03, 0), places[0] - Vec2(0.02, 0), {0.9, 0.9}}, 0.05, {false, 1});
  BOOST_TEST(other(0, 0) == 0);
  BOOST_TEST(other(0, 1) == 1);
  BOOST_TEST(other.col(2).sum() == 0);
  const Eigen::MatrixXd rings = ring_features(peaks, 0.1, 0.01, 80);
  for (std::size_t k = 0; k < 3; ++k) {
    const double at = (places[k].norm() - 0.1) / 0.01;
    const int below = int(at);
    BOOST_TEST(rings(0, below) == heights[k] * (1 - at + below),
               boost::test_tools::tolerance(1e-9));
    BOOST_TEST(rings(0, below + 1) == heights[k] * (at - below),
               boost::test_tools::tolerance(1e-9));
  }
  BOOST_TEST(rings.row(2).sum() == 0);
  BraggPeaks unknown = peaks;
  unknown.calibration.origin.clear();
  BOOST_CHECK_THROW(ring_features(unknown, 0.1, 0.01, 80), Error);
  BOOST_CHECK_THROW(bragg_vector_map(unknown, 1, 0.01), Error);
}

BOOST_AUTO_TEST_CASE(maxima_of_lengths) {
  const std::vector<double> histogram = radial_histogram(measured(0), 1, 0.01);
  BOOST_TEST(histogram.size() == 100u);
  // 0.332, 0.447, 0.641
  const std::vector<double> expected{0.335, 0.445, 0.645};
  BOOST_TEST(radial_maxima(histogram, 0.01, 0.1, 1, 10) == expected,
             boost::test_tools::tolerance(1e-9) << boost::test_tools::per_element());
  BOOST_TEST(radial_maxima(histogram, 0.01, 0.1, 1, 1).size() == 1u);
  BOOST_TEST(radial_maxima({0, 1, 1, 0, 2, 0}, 1, 0, 9, 5) == (std::vector<double>{1.5, 4.5}),
             boost::test_tools::per_element());
}

// The whole scan, of which a ninth ships; numbers as an independent program found them.
BOOST_AUTO_TEST_CASE(maxima_of_the_real_scan) {
  const std::string path =
      std::string(PENDEL_SOURCE_DIR) + "/../shared/data/fourdstem/py4dstem/braggdisks_cali.h5";
  if (!std::filesystem::exists(path)) {
    BOOST_TEST_MESSAGE("skipped: " << path << " is not there");
    return;
  }
  const BraggPeaks peaks = read_bragg_peaks(path);
  const std::vector<double> expected{0.225, 0.295, 0.405, 0.685, 0.715,
                                     0.805, 0.835, 1.085, 1.255, 1.435};
  BOOST_TEST(radial_maxima(radial_histogram(peaks, 2, 0.01), 0.01, 0.1, 2, 10) == expected,
             boost::test_tools::tolerance(1e-9) << boost::test_tools::per_element());
}

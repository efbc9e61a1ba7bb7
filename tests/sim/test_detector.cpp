// Intensity is conserved, directions are those of the conventions, equal pixels are copied.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <random>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "sim/detector.hpp"

using namespace pendel;

namespace {

constexpr double pi = electron::pi;

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

std::vector<double> some_intensity(std::size_t count) {
  std::mt19937 random(7);
  std::vector<double> values(count);
  for (double& value : values) value = double(random()) / 4294967296.0;
  return values;
}

Detector detector_of(int rows, int columns, double pixel) {
  Detector detector;
  detector.rows = rows;
  detector.columns = columns;
  detector.pixel = pixel;
  return detector;
}

// The image of one source of intensity 1 and negligible area.
std::vector<double> image_of(const Detector& detector, const Vec2& k) {
  const DetectorMap map(detector, {k}, 1e-7 * Eigen::Matrix2d::Identity());
  std::vector<double> image(detector.pixels(), 0);
  const double one = 1;
  map.add(&one, 1, image.data());
  return image;
}

}  // namespace

BOOST_AUTO_TEST_CASE(equal_pixels_are_copied_bit_by_bit) {
  const WaveGrid grid{12, 9, 7.3, 7.3};
  const Detector detector = detector_of(9, 12, 1 / 7.3);
  const std::vector<double> intensity = some_intensity(grid.size());
  std::vector<double> image(detector.pixels(), 0);
  DetectorMap(detector, grid).add(intensity.data(), 1, image.data());
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 12; ++x) {
      const int row = WaveGrid::frequency(y, 9) + 4, column = WaveGrid::frequency(x, 12) + 6;
      BOOST_TEST(image[row * 12 + column] == intensity[y * 12 + x]);
    }
  // amplitudes, a weight, and what is there already
  std::vector<std::complex<float>> wave(grid.size());
  for (std::size_t i = 0; i < wave.size(); ++i) wave[i] = {0.5f * i, -1};
  std::vector<double> twice(detector.pixels(), 3);
  DetectorMap(detector, grid).add(wave.data(), 2, twice.data());
  BOOST_TEST(twice[4 * 12 + 6] == 3 + 2 * std::norm(wave[0]));
  BOOST_TEST(twice[4 * 12 + 7] == 3 + 2 * std::norm(wave[1]));
}

BOOST_AUTO_TEST_CASE(every_map_conserves_what_it_holds) {
  const WaveGrid grid{20, 16, 5, 4.4};  // 0.2 and 0.227 1/Å
  const std::vector<double> intensity = some_intensity(grid.size());
  for (const double pixel : {0.07, 0.2, 0.31, 1.3})
    for (const double rotation : {0.0, 0.4, 2.9}) {
      const int size = int(12 / pixel);
      Detector detector = detector_of(size, size, pixel);
      detector.centre = Vec2(size / 2 + 0.3, size / 2 - 0.4);
      detector.rotation = rotation;
      detector.ellipse_ratio = 1.2;
      detector.ellipse_angle = 1;
      std::vector<double> image(detector.pixels(), 0);
      DetectorMap(detector, grid).add(intensity.data(), 1, image.data());
      BOOST_TEST(std::abs(sum(image) / sum(intensity) - 1) < 1e-12);
    }
  // half of a source beyond the rim is lost, not moved
  const DetectorMap rim(detector_of(4, 4, 1), {Vec2(1.5, 0)}, Eigen::Matrix2d::Identity());
  std::vector<double> image(16, 0);
  const double one = 1;
  rim.add(&one, 1, image.data());
  BOOST_TEST(std::abs(sum(image) - 0.5) < 1e-12);
  BOOST_TEST(std::abs(image[2 * 4 + 3] - 0.5) < 1e-12);
}

// A square turned by 45 degrees on four pixels, and pixels half as large: by hand.
BOOST_AUTO_TEST_CASE(overlaps_are_exact) {
  Detector detector = detector_of(5, 5, 1);
  detector.rotation = pi / 4;
  std::vector<double> image(25, 0);
  const double one = 1;
  DetectorMap(detector, {Vec2(0, 0)}, Eigen::Matrix2d::Identity()).add(&one, 1, image.data());
  // the corners of the unit square reach sqrt(1/2): a triangle of height 0.2071 in each neighbour
  const double height = std::sqrt(0.5) - 0.5;
  BOOST_TEST(std::abs(image[2 * 5 + 3] - height * height) < 1e-12);
  BOOST_TEST(std::abs(image[3 * 5 + 2] - height * height) < 1e-12);
  BOOST_TEST(std::abs(image[2 * 5 + 2] - (1 - 4 * height * height)) < 1e-12);
  BOOST_TEST(image[3 * 5 + 3] == 0);
  std::fill(image.begin(), image.end(), 0);
  Eigen::Matrix2d cell;
  cell << 1, 0.5, 0, 1;  // a parallelogram of area 1: its upper edge is displaced by 0.5
  DetectorMap(detector_of(5, 5, 1), {Vec2(0, 0)}, cell).add(&one, 1, image.data());
  BOOST_TEST(std::abs(image[2 * 5 + 3] - 0.0625) < 1e-12);
  BOOST_TEST(std::abs(image[2 * 5 + 1] - 0.0625) < 1e-12);
  BOOST_TEST(std::abs(image[2 * 5 + 2] - 0.875) < 1e-12);
}

BOOST_AUTO_TEST_CASE(directions) {
  Detector detector = detector_of(64, 100, 0.1);
  BOOST_TEST((detector.position(Vec2(0, 0)) == Vec2(50, 32)));
  BOOST_TEST(image_of(detector, Vec2(1, 0))[32 * 100 + 60] == 1);  // +x: columns grow
  BOOST_TEST(image_of(detector, Vec2(0, 1))[42 * 100 + 50] == 1);  // +y: rows grow
  detector.rotation = pi / 2;  // from columns to rows: +x shows along +row
  BOOST_TEST(image_of(detector, Vec2(1, 0))[42 * 100 + 50] == 1);
  BOOST_TEST(image_of(detector, Vec2(0, 1))[32 * 100 + 40] == 1);
  detector.rotation = 0;
  detector.ellipse_ratio = 4;
  detector.ellipse_angle = pi / 2;  // long axis along rows: twice there, half across
  BOOST_TEST(image_of(detector, Vec2(0, 1))[52 * 100 + 50] == 1);
  BOOST_TEST(image_of(detector, Vec2(1, 0))[32 * 100 + 55] == 1);
  // rotation first: the ellipse is the detector's
  detector.rotation = pi / 2;
  BOOST_TEST(image_of(detector, Vec2(1, 0))[52 * 100 + 50] == 1);
  detector.rotation = 0.3;
  detector.ellipse_angle = 0.7;
  detector.centre = Vec2(3.25, 70);
  const Vec2 k(0.31, -0.82);
  BOOST_TEST((detector.wavevector(detector.position(k)) - k).norm() < 1e-14);
  // the ellipse conserves areas, and its axes have the stated ratio
  Detector plain = detector_of(64, 64, 1);
  plain.ellipse_ratio = 1.7;
  plain.ellipse_angle = 0.4;
  const Vec2 centre = plain.position(Vec2(0, 0));
  const double longest = (plain.position(Vec2(std::cos(0.4), std::sin(0.4))) - centre).norm();
  const double shortest = (plain.position(Vec2(-std::sin(0.4), std::cos(0.4))) - centre).norm();
  BOOST_TEST(std::abs(longest / shortest - 1.7) < 1e-12);
  BOOST_TEST(std::abs(longest * shortest - 1) < 1e-12);
}

BOOST_AUTO_TEST_CASE(blur_is_a_gaussian_that_keeps_the_sum) {
  Detector detector = detector_of(40, 50, 1);
  detector.blur = 1.5;
  const DetectorMap map(detector, WaveGrid{8, 8, 1, 1});
  std::vector<double> image(detector.pixels(), 0);
  image[20 * 50 + 25] = 1;
  map.blur(image.data());
  BOOST_TEST(std::abs(sum(image) - 1) < 1e-12);
  for (const auto& [y, x] : {std::pair(0, 0), std::pair(2, 1), std::pair(-3, 4)}) {
    const double s2 = 1.5 * 1.5;
    const double gaussian = std::exp(-0.5 * (x * x + y * y) / s2) / (2 * pi * s2);
    // sampled beyond its band limit by exp(-2 pi² sigma² / 4) = 1.5e-5 of the peak
    BOOST_TEST(std::abs(image[(20 + y) * 50 + 25 + x] - gaussian) < 3e-6);
  }
  std::fill(image.begin(), image.end(), 0);
  image[0] = 1;
  map.blur(image.data());
  BOOST_TEST(std::abs(sum(image) - 1) < 1e-12);  // reflected at the rim
  BOOST_TEST(image[39 * 50 + 49] < 1e-15);       // and not carried to the other side
  // an MTF by numbers: 1 everywhere is no blur; that of a Gaussian is the Gaussian
  Detector table = detector_of(40, 50, 1);
  table.mtf = {{0, 1}, {1, 1}};
  std::vector<double> same = some_intensity(2000), before = same;
  DetectorMap(table, WaveGrid{8, 8, 1, 1}).blur(same.data());
  for (std::size_t i = 0; i < same.size(); ++i) BOOST_TEST(std::abs(same[i] - before[i]) < 1e-13);
  table.mtf.clear();
  for (int i = 0; i <= 800; ++i) {
    const double f = i / 1000.0, x = pi * 1.5 * f;
    table.mtf.push_back({f, std::exp(-2 * x * x)});
  }
  std::vector<double> one = before, two = before;
  map.blur(one.data());
  DetectorMap(table, WaveGrid{8, 8, 1, 1}).blur(two.data());
  for (std::size_t i = 0; i < one.size(); ++i) BOOST_TEST(std::abs(one[i] - two[i]) < 1e-5);
  table.mtf = {{0.2, 1}, {0.1, 1}};
  BOOST_CHECK_THROW(DetectorMap(table, WaveGrid{8, 8, 1, 1}), Error);
}

BOOST_AUTO_TEST_CASE(virtual_detectors) {
  const double lambda = electron::wavelength(200);
  const VirtualDetector ring{10e-3, 20e-3};
  BOOST_TEST(!accepts(ring, 200, Vec2(9.99e-3 / lambda, 0)));
  BOOST_TEST(accepts(ring, 200, Vec2(0, -10.01e-3 / lambda)));
  BOOST_TEST(!accepts(ring, 200, Vec2(0, 20e-3 / lambda)));
  // quadrants tile the ring; the first lies between lab +x and +y
  const VirtualDetector first{0, 20e-3, 0, pi / 2};
  BOOST_TEST(accepts(first, 200, Vec2(0.1, 0.1)));
  BOOST_TEST(!accepts(first, 200, Vec2(-0.1, 0.1)));
  const Detector detector = detector_of(41, 37, 1e-3 / lambda);
  std::vector<double> total(detector.pixels(), 0);
  for (int quadrant = -2; quadrant < 2; ++quadrant) {
    const std::vector<double> part =
        mask({5e-3, 17e-3, quadrant * pi / 2, (quadrant + 1) * pi / 2}, 200, detector);
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += part[i];
  }
  BOOST_TEST((total == mask({5e-3, 17e-3}, 200, detector)));
  BOOST_TEST(std::abs(sum(total) / (pi * (17 * 17 - 25)) - 1) < 0.02);
  const WaveGrid grid{64, 48, 20, 20};
  const std::vector<double> bright = mask({0, 10e-3}, 200, grid);
  BOOST_TEST(bright[0] == 1);
  BOOST_TEST(std::abs(sum(bright) / (pi * std::pow(10e-3 / lambda * 20, 2)) - 1) < 0.05);
}

BOOST_AUTO_TEST_CASE(centre_of_mass_is_a_wavevector) {
  Detector detector = detector_of(30, 40, 0.05);
  detector.rotation = 0.6;
  detector.ellipse_ratio = 1.1;
  std::vector<double> image(detector.pixels(), 0);
  BOOST_TEST(std::isnan(centre_of_mass(detector, image.data())[0]));
  const Vec2 k(0.2, -0.11);
  DetectorMap(detector, {k}, 0.08 * Eigen::Matrix2d::Identity())
      .add(std::vector<double>{2.0}.data(), 1, image.data());
  // a parallelogram shared by area over pixels has their mean at its centre only nearly
  BOOST_TEST((centre_of_mass(detector, image.data()) - k).norm() < 0.1 * detector.pixel);
}

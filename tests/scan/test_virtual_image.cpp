// Prepared scans and their images against plain loops; integration of slopes.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "scan/virtual_image.hpp"

using namespace pendel;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t rows = 5, columns = 7, q_rows = 12, q_columns = 10;

// A raw file of random counts, the last `missing` patterns not recorded.
struct Scan {
  fs::path path = fs::temp_directory_path() / ("pendel_images_" + std::to_string(getpid()));
  std::vector<std::uint16_t> numbers;
  Recording recording;

  explicit Scan(std::size_t missing = 0) {
    std::mt19937 random(5);
    for (std::size_t i = 0; i < rows * columns * q_rows * q_columns; ++i)
      numbers.push_back(std::uint16_t(random() % 1000));
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(numbers.data()), std::streamsize(2 * numbers.size()));
    RawLayout layout;
    layout.path = path.string();
    layout.count = rows * columns - missing;
    layout.q_rows = q_rows;
    layout.q_columns = q_columns;
    layout.number = Number::uint16;
    recording.path = layout.path;
    recording.rows = rows;
    recording.columns = columns;
    recording.frames = std::make_shared<RawFrames>(layout);
    recording.scale.q_pixel = {0.1, 0.1};
    recording.scale.scan_step_A = {2, 2};
  }
  ~Scan() { fs::remove(path); }
  double at(std::size_t r, std::size_t c, std::size_t y, std::size_t x) const {
    return numbers[((r * columns + c) * q_rows + y) * q_columns + x];
  }
};

std::vector<float> all(const DataCube& cube) {
  std::vector<float> values(cube.positions() * cube.pixels());
  cube.read(0, cube.positions(), values.data());
  return values;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_part_corrected_and_binned) {
  const Scan scan;
  Preparation p;
  p.rows = {1, 4};
  p.columns = {2, 5};
  p.q_rows = {3, 8};
  p.q_columns = {1, 0};
  p.bin_scan = 2;
  p.bin_q = 3;
  p.dark.assign(q_rows * q_columns, 5);
  p.gain.assign(q_rows * q_columns, 2);
  p.bad_pixels = {4 * q_columns + 4};
  const DataCube cube(scan.recording, p);
  BOOST_TEST(cube.rows() == 2u);
  BOOST_TEST(cube.columns() == 2u);
  BOOST_TEST(cube.q_rows() == 2u);
  BOOST_TEST(cube.q_columns() == 3u);
  BOOST_TEST(cube.scale().q_pixel[0] == 0.3, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(cube.scale().scan_step_A[1] == 4, boost::test_tools::tolerance(1e-12));
  const std::vector<float> values = all(cube);
  const auto corrected = [&](std::size_t r, std::size_t c, std::size_t y, std::size_t x) {
    return 2 * (scan.at(r, c, y, x) - 5);
  };
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t c = 0; c < 2; ++c)
      for (std::size_t y = 0; y < 2; ++y)
        for (std::size_t x = 0; x < 3; ++x) {
          double expected = 0;
          for (std::size_t i = 0; i < 4; ++i)
            for (std::size_t j = 0; j < 9; ++j) {
              const std::size_t R = 1 + 2 * r + i / 2, C = 2 + 2 * c + i % 2;
              const std::size_t Y = 3 + 3 * y + j / 3, X = 1 + 3 * x + j % 3;
              if (Y == 4 && X == 4) {  // the mean of the eight around it
                for (std::size_t k = 0; k < 9; ++k)
                  if (k != 4) expected += corrected(R, C, 3 + k / 3, 3 + k % 3) / 8;
              } else {
                expected += corrected(R, C, Y, X);
              }
            }
          BOOST_TEST(values[((r * 2 + c) * 2 + y) * 3 + x] == expected,
                     boost::test_tools::tolerance(1e-6));
        }
  Preparation wrong;
  wrong.rows = {3, 4};
  BOOST_CHECK_THROW(DataCube(scan.recording, wrong), Error);
  wrong = {};
  wrong.bin_q = 11;
  BOOST_CHECK_THROW(DataCube(scan.recording, wrong), Error);
  wrong = {};
  wrong.gain.assign(3, 1);
  BOOST_CHECK_THROW(DataCube(scan.recording, wrong), Error);
  wrong = {};
  wrong.bad_pixels = {q_rows * q_columns};
  BOOST_CHECK_THROW(DataCube(scan.recording, wrong), Error);
}

BOOST_AUTO_TEST_CASE(images_are_sums) {
  const Scan scan(3);
  const DataCube cube(scan.recording);
  const std::vector<VirtualDetector> detectors{
      {"disk", annulus_weights({Vec2(4.5, 6), 0, 3}, q_rows, q_columns)},
      {"ring", annulus_weights({Vec2(4.5, 6), 3, 5}, q_rows, q_columns)},
      {"rest", std::vector<float>(q_rows * q_columns, 1)}};
  std::vector<float> mask(q_rows * q_columns, 1);
  mask[17] = 0;
  ScanImages one, two;
  set_threads(1);
  one = scan_images(cube, detectors, mask);
  set_threads(2);
  std::size_t done = 0;
  two = scan_images(cube, detectors, mask, [&](std::size_t n) { done = n; });
  BOOST_TEST(done == rows * columns);
  BOOST_TEST(one.mean == two.mean, boost::test_tools::per_element());
  BOOST_TEST(one.variance == two.variance, boost::test_tools::per_element());
  const std::size_t recorded = rows * columns - 3;
  for (std::size_t p = 0; p < rows * columns; ++p) {
    if (p >= recorded) {
      BOOST_TEST(std::isnan(two.images[0][p]));
      BOOST_TEST(std::isnan(two.centre_of_mass[p].x()));
      continue;
    }
    std::vector<double> expected(3, 0.0);
    double sum = 0;
    Vec2 centre(0, 0);
    for (std::size_t y = 0; y < q_rows; ++y)
      for (std::size_t x = 0; x < q_columns; ++x) {
        const std::size_t i = y * q_columns + x;
        const double value = scan.at(p / columns, p % columns, y, x);
        for (std::size_t d = 0; d < 3; ++d) expected[d] += value * double(detectors[d].weights[i]);
        sum += value * double(mask[i]);
        centre += value * double(mask[i]) * Vec2(double(x), double(y));
      }
    for (std::size_t d = 0; d < 3; ++d)
      BOOST_TEST(two.images[d][p] == expected[d], boost::test_tools::tolerance(1e-6));
    BOOST_TEST((two.centre_of_mass[p] - centre / sum).norm() < 1e-9);
  }
  double mean = 0, squares = 0, most = 0;
  for (std::size_t p = 0; p < recorded; ++p) {
    const double value = scan.at(p / columns, p % columns, 4, 7);
    mean += value / double(recorded);
    squares += value * value / double(recorded);
    most = std::max(most, value);
  }
  const std::size_t pixel = 4 * q_columns + 7;
  BOOST_TEST(two.mean[pixel] == mean, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(two.maximum[pixel] == most);
  BOOST_TEST(two.variance[pixel] == squares - mean * mean, boost::test_tools::tolerance(1e-9));
}

// Areas of disks, rings and sectors to the accuracy of soft edges; neighbours share their edge.
BOOST_AUTO_TEST_CASE(shapes) {
  const auto area = [](const Annulus& annulus) {
    double sum = 0;
    for (const float weight : annulus_weights(annulus, 101, 101)) sum += double(weight);
    return sum;
  };
  const double pi = std::acos(-1.0);
  const Vec2 centre(50.2, 49.7);
  BOOST_TEST(area({centre, 0, 20}) == pi * 400, boost::test_tools::tolerance(2e-3));
  BOOST_TEST(area({centre, 10, 20}) == pi * 300, boost::test_tools::tolerance(2e-3));
  for (const double width : {40.0, 90.0, 200.0, 300.0})
    for (const double from : {0.0, 75.0, 350.0, -120.0})
      BOOST_TEST(area({centre, 5, 30, from, from + width}) == pi * 875 * width / 360,
                 boost::test_tools::tolerance(0.01));
  // a sector around the columns' axis looks to larger columns; from 0 to 90°, to larger rows
  const auto weights = annulus_weights({centre, 5, 30, 10, 80}, 101, 101);
  BOOST_TEST(weights[64 * 101 + 64] == 1);
  BOOST_TEST(weights[36 * 101 + 64] == 0);
  BOOST_TEST(weights[64 * 101 + 36] == 0);
}

// Slopes of a quadratic map are linear, so their means between neighbours are its differences.
BOOST_AUTO_TEST_CASE(integration_is_exact_for_quadratic_maps) {
  const std::size_t R = 9, C = 14;
  std::vector<double> f, x, y;
  double mean = 0;
  for (std::size_t r = 0; r < R; ++r)
    for (std::size_t c = 0; c < C; ++c) {
      const double u = double(c), v = double(r);
      f.push_back(0.3 * u * u - 0.2 * u * v + 0.1 * v * v - 2 * u + v);
      x.push_back(0.6 * u - 0.2 * v - 2);
      y.push_back(-0.2 * u + 0.2 * v + 1);
      mean += f.back() / double(R * C);
    }
  const std::vector<double> found = integrated(x, y, R, C);
  for (std::size_t i = 0; i < f.size(); ++i) BOOST_TEST(std::abs(found[i] - f[i] + mean) < 1e-10);
  x[3] = NAN;
  BOOST_CHECK_THROW(integrated(x, y, R, C), Error);
}

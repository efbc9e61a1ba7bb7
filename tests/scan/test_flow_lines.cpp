// Arcs of simulated counts against their truth and error bars, in the scan's frame on a turned and
// mirrored detector; lines along analytic fields.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "core/error.hpp"
#include "scan/flow_lines.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double pi = 3.14159265358979323846;
constexpr std::size_t Q = 64;
constexpr double pixel = 0.01, rotation = 35;  // 1/Å, degrees
const Vec2 origin(30.3, 33.8);

// From a pixel to the scan's frame, written out: the detector's rows are reversed, then its columns
// lie at `rotation` to the scan's.
Vec2 vector_of(double column, double row) {
  const double x = pixel * (column - origin.x()), y = -pixel * (row - origin.y());
  const double c = std::cos(rotation * pi / 180), s = std::sin(rotation * pi / 180);
  return {c * x + s * y, -s * x + c * y};
}

Calibration calibration() {
  Calibration result;
  result.origin = {origin};
  result.pixel_invA = pixel;
  result.rotation_deg = rotation;
  result.flip = true;
  return result;
}

struct Truth {
  double angle_deg, width_deg, height;
};

// A halo falling with |q| and arcs on a ring at 0.2 1/Å; counts.
std::vector<float> pattern(const std::vector<Truth>& arcs, double halo, std::mt19937_64& random) {
  std::vector<float> counts;
  for (std::size_t row = 0; row < Q; ++row)
    for (std::size_t column = 0; column < Q; ++column) {
      const Vec2 q = vector_of(double(column), double(row));
      double mean = halo * std::exp(-q.norm() / 0.1);
      for (const Truth& arc : arcs) {
        const double t = std::remainder(std::atan2(q.y(), q.x()) * 180 / pi - arc.angle_deg, 180) /
                         arc.width_deg;
        const double r = (q.norm() - 0.2) / 0.02;
        mean += arc.height * std::exp(-0.5 * (t * t + r * r));
      }
      counts.push_back(float(std::poisson_distribution<int>(mean)(random)));
    }
  return counts;
}

ArcOptions ring() {
  ArcOptions options;
  options.from = 0.16;
  options.to = 0.24;
  return options;
}

// One orientation at each position; lines along it.
template <class Angle>
ArcMap field(std::size_t rows, std::size_t columns, const Angle& angle) {
  ArcMap map;
  map.rows = rows;
  map.columns = columns;
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) {
      Arc arc;
      arc.angle_deg = angle(double(c), double(r));
      arc.strength = 1;
      map.at.push_back({arc});
    }
  return map;
}

HistogramOptions along() {
  HistogramOptions options;
  options.offset_deg = 0;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(arcs_have_their_angle_and_error) {
  std::mt19937_64 random(3);
  const ArcFinder finder(calibration(), 0, Q, Q, ring());
  double sum = 0, squares = 0, width = 0, strength = 0, strengths = 0;
  int found = 0;
  const int trials = 400;
  std::uniform_real_distribution<double> any(0, 180);
  for (int i = 0; i < trials; ++i) {
    const double angle = any(random);
    const std::vector<Arc> arcs = finder.find(pattern({{angle, 9, 2.5}}, 20, random).data());
    if (arcs.empty()) continue;
    ++found;
    const double pull = orientation_difference(arcs[0].angle_deg - angle) / arcs[0].angle_error_deg;
    sum += pull;
    squares += pull * pull;
    width += arcs[0].width_deg;
    strength += arcs[0].strength;
    strengths += arcs[0].strength_error;
  }
  BOOST_TEST(found > 0.99 * trials);
  const double mean = sum / found, spread = std::sqrt(squares / found - mean * mean);
  BOOST_TEST_MESSAGE("pull of the angle: mean " << mean << ", spread " << spread);
  BOOST_TEST(std::abs(mean) < 4 / std::sqrt(found));
  record("Calibration and strain", "angle of arcs: spread of normalised residuals", "1", spread,
         between(0.9, 1.2));
  BOOST_TEST(width / found == 9, boost::test_tools::tolerance(0.05));
  // sum of the arc's pixels within the ring, both halves
  double expected = 0;
  for (std::size_t row = 0; row < Q; ++row)
    for (std::size_t column = 0; column < Q; ++column) {
      const Vec2 q = vector_of(double(column), double(row));
      const double t = std::remainder(std::atan2(q.y(), q.x()) * 180 / pi - 50, 180) / 9;
      const double r = (q.norm() - 0.2) / 0.02;
      if (q.norm() >= 0.16 && q.norm() < 0.24) expected += 2.5 * std::exp(-0.5 * (t * t + r * r));
    }
  BOOST_TEST(strength / found == expected, boost::test_tools::tolerance(0.05));
  BOOST_TEST(strengths / found < 0.2 * expected);
}

BOOST_AUTO_TEST_CASE(several_arcs_and_none) {
  std::mt19937_64 random(5);
  const ArcFinder finder(calibration(), 0, Q, Q, ring());
  int both = 0, false_ones = 0;
  for (int i = 0; i < 100; ++i) {
    const std::vector<Arc> two = finder.find(pattern({{20, 8, 6}, {65, 8, 4}}, 20, random).data());
    both += two.size() == 2 && std::abs(orientation_difference(two[0].angle_deg - 20)) < 5 &&
            std::abs(orientation_difference(two[1].angle_deg - 65)) < 6;
    false_ones += int(finder.find(pattern({}, 20, random).data()).size());
  }
  BOOST_TEST(both >= 90);
  BOOST_TEST(false_ones <= 2);  // 4 standard deviations at some 10 independent angles
  BOOST_TEST(finder.find(std::vector<float>(Q * Q).data()).empty());
  BOOST_TEST(finder.find(std::vector<float>(Q * Q, NAN).data()).empty());
  // half of the ring behind a mask is enough, thanks to Friedel
  std::vector<float> mask(Q * Q, 1);
  std::fill_n(mask.begin(), Q * Q / 2, 0.0f);
  const ArcFinder masked(calibration(), 0, Q, Q, ring(), mask);
  const std::vector<Arc> seen = masked.find(pattern({{110, 8, 6}}, 20, random).data());
  BOOST_TEST_REQUIRE(seen.size() == 1u);
  BOOST_TEST(std::abs(orientation_difference(seen[0].angle_deg - 110)) <
             4 * seen[0].angle_error_deg);
  ArcOptions tiny = ring();
  tiny.to = 0.161;
  tiny.step_deg = 30;
  BOOST_CHECK_THROW(ArcFinder(calibration(), 0, Q, Q, tiny), Error);
}

BOOST_AUTO_TEST_CASE(peaks_are_arcs) {
  BraggPeaks peaks;
  peaks.rows = peaks.columns = 1;
  peaks.calibration = calibration();
  BraggPeak near, far;
  near.position = {45, 33.8};
  near.intensity = 7;
  near.error = {0.1, 0.3};
  far.position = {30.3, 60};
  far.intensity = 9;
  BraggPeak none = near;
  none.intensity = 0;
  peaks.at = {{far, none, near}};
  const ArcMap map = arcs_of_peaks(peaks, 0.1, 0.2);
  BOOST_TEST_REQUIRE(map.at[0].size() == 1u);
  const Vec2 q = vector_of(45, 33.8);
  BOOST_TEST(map.at[0][0].angle_deg == orientation_of(std::atan2(q.y(), q.x()) * 180 / pi),
             boost::test_tools::tolerance(1e-9));
  // along the columns from the beam, only the error along the rows turns it
  BOOST_TEST(map.at[0][0].angle_error_deg == 0.3 / 14.7 * 180 / pi,
             boost::test_tools::tolerance(1e-9));
  BOOST_TEST(map.at[0][0].strength == 7);
  peaks.calibration.origin.clear();
  BOOST_CHECK_THROW(arcs_of_peaks(peaks, 0.1, 0.2), Error);
}

BOOST_AUTO_TEST_CASE(histogram_by_position_and_angle) {
  ArcMap map = field(3, 4, [](double, double) { return 10; });
  map.at[5][0].angle_deg = 170.3;
  map.recorded.assign(12, true);
  map.recorded[2] = false;
  HistogramOptions options;
  options.smooth_positions = 0;
  const OrientationHistogram histogram = orientation_histogram(map, options);
  const auto at = [&](std::size_t position, double angle) {
    return histogram.values[position * 90 + std::size_t(orientation_of(angle) / 2)];
  };
  BOOST_TEST(at(0, 100) == 1, boost::test_tools::tolerance(1e-12));  // across q
  BOOST_TEST(at(0, 104) == std::exp(-0.5), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(at(5, 80) == std::exp(-0.5 * std::pow(0.3 / 4, 2)),
             boost::test_tools::tolerance(1e-9));
  BOOST_TEST(std::isnan(at(2, 0)));
  // smoothing goes around what was not recorded, and keeps what is the same everywhere
  options.smooth_positions = 1;
  const OrientationHistogram smooth = orientation_histogram(map, options);
  BOOST_TEST(std::isnan(smooth.values[2 * 90]));
  for (const std::size_t position : {std::size_t(1), std::size_t(3)})
    BOOST_TEST(smooth.values[position * 90 + 50] > 0.5);
}

// Circles about a point: a line comes back to its start, at the same radius all around.
BOOST_AUTO_TEST_CASE(lines_around_a_point) {
  const Vec2 centre(15.3, 14.6);
  const ArcMap map = field(31, 31, [&](double c, double r) {
    return std::atan2(r - centre.y(), c - centre.x()) * 180 / pi;  // q along the radius
  });
  FlowLineOptions options;
  options.max_turn_deg = 40;
  const auto lines = flow_lines(orientation_histogram(map), options);
  int closed = 0;
  for (const auto& line : lines) {
    double least = 1e9, most = 0, length = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const Vec2 d = Vec2(line[i].column, line[i].row) - centre;
      least = std::min(least, d.norm());
      most = std::max(most, d.norm());
      if (i)
        length += std::hypot(line[i].column - line[i - 1].column, line[i].row - line[i - 1].row);
    }
    // nearer in, it turns by more than 10° from one position to the next
    if (least < 6) continue;
    BOOST_TEST(most - least < 0.05);
    closed += length > 0.98 * 2 * pi * least;
    BOOST_TEST(length < 1.1 * 2 * pi * most);
  }
  BOOST_TEST(closed >= 5);
}

// dy/dx = x/12: lines y = x²/24 + constant bend down (to larger rows), to the right and the left.
BOOST_AUTO_TEST_CASE(lines_bend_the_right_way) {
  const ArcMap map =
      field(30, 25, [](double c, double) { return std::atan((c - 12) / 12) * 180 / pi; });
  const auto lines = flow_lines(orientation_histogram(map, along()));
  BOOST_TEST(lines.size() > 10u);
  double longest = 0;
  for (const auto& line : lines) {
    const auto constant = [](const LinePoint& p) {
      return p.row - (p.column - 12) * (p.column - 12) / 24;
    };
    double least = 1e9, most = -1e9;
    for (const LinePoint& point : line) {
      if (point.column < 1 || point.column > 23) continue;  // smoothing is one-sided at an edge
      least = std::min(least, constant(point));
      most = std::max(most, constant(point));
    }
    BOOST_TEST(most - least < 0.1);
    longest = std::max(longest, std::abs(line.back().column - line.front().column));
  }
  BOOST_TEST(longest > 22);
}

BOOST_AUTO_TEST_CASE(lines_cross_and_keep_their_distance) {
  ArcMap map = field(20, 20, [](double, double) { return 0; });
  for (auto& arcs : map.at) {
    Arc other = arcs[0];
    other.angle_deg = 60;
    other.strength = 0.5;
    arcs.push_back(other);
  }
  FlowLineOptions options;
  options.spacing = 1.5;
  const auto lines = flow_lines(orientation_histogram(map, along()), options);
  int flat = 0, steep = 0;
  for (std::size_t a = 0; a < lines.size(); ++a) {
    (std::abs(orientation_difference(lines[a][0].angle_deg)) < 5 ? flat : steep) += 1;
    for (std::size_t b = 0; b < a; ++b)
      for (const LinePoint& p : lines[a])
        for (const LinePoint& q : lines[b])
          if (std::abs(orientation_difference(p.angle_deg - q.angle_deg)) < options.spacing_deg)
            BOOST_TEST_REQUIRE(std::hypot(p.column - q.column, p.row - q.row) >=
                               options.spacing - 1e-9);
  }
  BOOST_TEST(flat >= 7);  // 19 positions at distances from 1.5 to 3
  BOOST_TEST(steep >= 7);
  // the same for a seed, other ones for another
  const auto again = flow_lines(orientation_histogram(map, along()), options);
  BOOST_TEST(again.size() == lines.size());
  BOOST_TEST(again[3][2].column == lines[3][2].column);
  options.seed = 2;
  const auto other = flow_lines(orientation_histogram(map, along()), options);
  BOOST_TEST((other.size() != lines.size() || other[0][0].row != lines[0][0].row));
}

BOOST_AUTO_TEST_CASE(lines_end_where_they_must) {
  // a kink of 60° between columns 9 and 10
  const ArcMap kink = field(20, 20, [](double c, double) { return c < 9.5 ? 0 : 60; });
  for (const auto& line : flow_lines(orientation_histogram(kink, along())))
    for (const LinePoint& point : line)
      BOOST_TEST(std::abs(orientation_difference(point.angle_deg - line.front().angle_deg)) < 10);
  // nothing on the right half; nothing at all
  ArcMap half = field(20, 20, [](double, double) { return 30; });
  for (std::size_t i = 0; i < half.at.size(); ++i)
    if (i % 20 >= 10) half.at[i].clear();
  HistogramOptions sharp = along();
  sharp.smooth_positions = 0;
  for (const auto& line : flow_lines(orientation_histogram(half, sharp)))
    for (const LinePoint& point : line) BOOST_TEST(point.column < 10);
  for (auto& arcs : half.at) arcs.clear();
  BOOST_TEST(flow_lines(orientation_histogram(half, along())).empty());
}

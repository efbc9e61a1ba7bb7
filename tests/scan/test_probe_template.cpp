// Templates against the formulas that their images are made of.
#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "disk_patterns.hpp"
#include "scan/probe_template.hpp"
#include "scan/shifted_template.hpp"

using namespace pendel;
using namespace disk_patterns;

namespace {

struct Patch {
  ShiftedTemplate shape;
  int side;
  std::vector<ShiftedTemplate::Run> rows;
  std::vector<float> value, by_column, by_row, work;
  explicit Patch(const DiskTemplate& t) : shape(t), side(shape.side()) {
    for (int y = 0; y < side; ++y) rows.push_back({y, 0, side});
    for (auto* v : {&value, &by_column, &by_row}) v->resize(std::size_t(side * side));
    work.resize(shape.work_size());
  }
  void place(const Vec2& at) {
    shape.place(at, rows, value.data(), by_column.data(), by_row.data(), work.data());
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(measured_in_a_vacuum) {
  std::mt19937 random(1);
  for (const double radius : {3.0, 7.3, 13.0}) {
    Scene scene{64, 72, radius, 1.6, 0.3, 1e9, {}};
    scene.disks.push_back({{33.37, 30.81}, 2e6});
    const DiskTemplate t = measured_template(scene.counted(random), 64, 72);
    BOOST_TEST_CONTEXT("radius " << radius) {
      BOOST_TEST((t.centre - scene.disks[0].at).norm() < 0.01);
      BOOST_TEST(std::abs(t.radius - radius) < 0.05);
      BOOST_TEST(std::abs(t.edge_width - 1.6) < 0.25);
      Patch patch(t);
      double worst = 0;
      for (const Vec2& at : {Vec2(0, 0), Vec2(0.4, -0.3), Vec2(-0.9, 0.7)}) {
        patch.place(at);
        for (int y = 0; y < patch.side; ++y)
          for (int x = 0; x < patch.side; ++x) {
            const double h = patch.shape.half();
            const double r = (Vec2(x - h, y - h) - at).norm();
            if (r > radius + 3) continue;
            worst = std::max(worst, std::abs(double(patch.value[std::size_t(y * patch.side + x)]) *
                                                 scene.area() -
                                             scene.shape(r)));
          }
      }
      // of a height of 1: counts are known to 0.4 % (radius 3) to 1.6 % a pixel, and the middle is
      // sampled by few; a spline of half-pixel knots follows an edge of 1.6 pixels to 2 %
      BOOST_TEST(worst < 0.08);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_round) {
  // an aperture of axes 8 and 7: between pixels it is as known as on them
  const auto ellipse = [](double x, double y) {
    return 1 / (1 + std::exp(4 * (std::hypot(x / 8, y / 7) - 1) * 7.5 / 2));
  };
  std::vector<float> image;
  for (int y = 0; y < 50; ++y)
    for (int x = 0; x < 50; ++x) image.push_back(float(100 * ellipse(x - 24.3, y - 25.6)));
  const DiskTemplate t = measured_template(image, 50, 50);
  BOOST_TEST(std::abs(t.radius - 7.5) < 0.1);
  Patch patch(t);
  double worst = 0, sum = 0;
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 60; ++x) sum += ellipse(x - 30, y - 30);
  patch.place({0.5, 0.5});
  for (int y = 0; y < patch.side; ++y)
    for (int x = 0; x < patch.side; ++x)
      worst = std::max(
          worst, std::abs(double(patch.value[std::size_t(y * patch.side + x)]) * sum -
                          ellipse(x - patch.shape.half() - 0.5, y - patch.shape.half() - 0.5)));
  // deviations from round are interpolated between pixels, the edge is 2 pixels wide
  BOOST_TEST(worst < 0.1);
}

BOOST_AUTO_TEST_CASE(bullseye_measured) {
  const Bullseye b{10, 1.5, {{{4, 6}}}, 0, 0};
  const DiskTemplate made = bullseye_template(b);
  std::vector<float> image(60 * 60);
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 60; ++x) {
      const double r = std::hypot(x - 29.6, y - 30.2);
      const auto edge = [&](double at) { return 1 / (1 + std::exp(4 * (r - at) / 1.5)); };
      image[std::size_t(y * 60 + x)] = float(edge(10) * (1 - edge(6) * (1 - edge(4))));
    }
  const DiskTemplate t = measured_template(image, 60, 60);
  BOOST_TEST((t.centre - Vec2(29.6, 30.2)).norm() < 0.02);
  BOOST_TEST(std::abs(t.radius - 10) < 0.1);
  Patch measured(t), exact(made);
  measured.place({0.3, 0.1});
  exact.place({0.3, 0.1});
  double worst = 0, most = 0;
  for (int y = -9; y <= 9; ++y)
    for (int x = -9; x <= 9; ++x) {
      const auto value = [&](const Patch& p) {
        return double(p.value[std::size_t((y + p.shape.half()) * p.side + x + p.shape.half())]);
      };
      worst = std::max(worst, std::abs(value(measured) - value(exact)));
      most = std::max(most, value(exact));
    }
  BOOST_TEST(worst < 0.05 * most);
}

BOOST_AUTO_TEST_CASE(derivatives_by_the_place) {
  Patch patch(disk_template(6, 1.5)), more = patch, less = patch;
  const double h = 1e-2;
  for (const Vec2& step : {Vec2(h, 0), Vec2(0, h)}) {
    const Vec2 at(0.13, -0.42);
    patch.place(at);
    more.place(at + step);
    less.place(at - step);
    double sum = 0;
    for (std::size_t i = 0; i < patch.value.size(); ++i) {
      const double slope = double(more.value[i] - less.value[i]) / (2 * h);
      const double exact = double(step.x() > 0 ? patch.by_column[i] : patch.by_row[i]);
      BOOST_TEST(std::abs(slope - exact) < 2e-5);  // slopes are up to 6e-3
      sum += std::abs(exact);
    }
    BOOST_TEST(sum > 0.1);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_disk) {
  std::vector<float> image(40 * 40, 1.0f);
  BOOST_CHECK_THROW(measured_template(image, 40, 40), Error);
  Scene scene{40, 40, 6, 1.5, 0, 1e9, {}};
  scene.disks.push_back({{3, 20}, 1e4});
  const std::vector<double> cut = scene.mean();
  BOOST_CHECK_THROW(measured_template({cut.begin(), cut.end()}, 40, 40), Error);
  BOOST_CHECK_THROW(disk_template(0.1, 1), Error);
}

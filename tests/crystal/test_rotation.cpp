// Conversions of orientations against independent numbers and against pictures one can draw.
#include "crystal/rotation.hpp"

#include <Eigen/LU>
#include <boost/test/unit_test.hpp>
#include <random>

#include "core/electron.hpp"
#include "crystal/orientation.hpp"
#include "crystal/point_group.hpp"
#include "reference.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

using electron::pi;

Mat3 random_rotation(std::mt19937& random) {
  std::normal_distribution<double> normal;
  return from_quaternion({normal(random), normal(random), normal(random), normal(random)});
}

double turn_between(double a, double b) { return std::remainder(a - b, 2 * pi); }

}  // namespace

BOOST_AUTO_TEST_CASE(golden_orientations) {
  const auto rows = reference::rows(PENDEL_SOURCE_DIR "/tests/data/orientations/golden_m3m.csv");
  BOOST_TEST(rows.size() == 30u);
  for (const auto& row : rows) {
    std::vector<double> v;
    for (const std::string& field : row) v.push_back(std::stod(field));
    Mat3 g;
    g << v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11];
    const Vec3 bunge(v[0], v[1], v[2]);
    const Eigen::Vector4d q(v[12], v[13], v[14], v[15]);
    const Mat3 R = from_bunge_matrix(g);
    BOOST_TEST((bunge_matrix(R) - g).norm() < 1e-15);
    for (const double error :
         {(from_bunge_angles(bunge) - R).norm(), (from_quaternion(q) - R).norm(),
          (bunge_angles(R) - bunge).norm(), (quaternion(R) - q).norm()})
      record("Orientations", "Bunge angles, matrices, quaternions of 30 orientations",
             "numpy program (tests/data/orientations)", error, at_most(1e-10));
  }
}

BOOST_AUTO_TEST_CASE(euler_angles_where_they_are_not_unique) {
  // scipy: the transpose is the active matrix of extrinsic zxz angles 0.2, 0.8, 1.1
  Mat3 g;
  g << .321198595, .936226717, .142516655, -.698648921, .132668462, .703056729, .639313028,
      -.325389941, .696706709;
  BOOST_TEST((bunge_angles(from_bunge_matrix(g)) - Vec3(1.1, 0.8, 0.2)).norm() < 1e-8);
  BOOST_TEST(bunge_angles(from_bunge_matrix(Mat3::Identity())).isZero(0));
  const Vec3 about_z = bunge_angles(from_bunge_angles({0.7, 0, 0.3}));
  BOOST_TEST((about_z - Vec3(1, 0, 0)).norm() < 1e-12);
  const Vec3 upside_down = bunge_angles(from_bunge_angles({-0.1, pi, 0.3}));
  BOOST_TEST(std::abs(turn_between(upside_down[0], -0.4)) < 1e-12);
  BOOST_TEST(upside_down[1] == pi);
  BOOST_TEST(upside_down[2] == 0);
  // close to both: the matrix comes back however small PHI is
  std::mt19937 random(1);
  std::uniform_real_distribution<double> angle(0, 2 * pi);
  for (const double off : {1e-3, 1e-6, 1e-7, 3e-8, 1e-8, 1e-9, 1e-12})
    for (const double PHI : {off, pi - off}) {
      const Mat3 R = from_bunge_angles({angle(random), PHI, angle(random)});
      BOOST_TEST((from_bunge_angles(bunge_angles(R)) - R).norm() < 3e-8);
    }
}

BOOST_AUTO_TEST_CASE(any_orientation_comes_back) {
  std::mt19937 random(2);
  for (int i = 0; i < 1000; ++i) {
    const Mat3 R = random_rotation(random);
    BOOST_REQUIRE(std::abs(R.determinant() - 1) < 1e-12);
    BOOST_TEST((from_bunge_angles(bunge_angles(R)) - R).norm() < 1e-13);
    BOOST_TEST((from_quaternion(quaternion(R)) - R).norm() < 1e-13);
    BOOST_TEST(quaternion(R)[0] >= 0);
  }
}

// [001] points to the source, a to the right, so b points up the image: g = 1. Turned
// counterclockwise as one sees it from the source by alpha: phi1 = alpha.
BOOST_AUTO_TEST_CASE(what_one_sees) {
  const Mat3 R = orientation(Cell(4, 4, 5, 90, 90, 90), {0, 0, -1}, {1, 0, 0});
  BOOST_TEST((R * Vec3::UnitY() - Vec3(0, -1, 0)).norm() < 1e-15);  // rows count downwards
  BOOST_TEST((bunge_matrix(R) - Mat3::Identity()).norm() < 1e-15);
  const double alpha = 0.3;
  Mat3 turn;  // counterclockwise in an image whose y points down
  turn << std::cos(alpha), std::sin(alpha), 0, -std::sin(alpha), std::cos(alpha), 0, 0, 0, 1;
  BOOST_TEST((bunge_angles(turn * R) - Vec3(alpha, 0, 0)).norm() < 1e-12);
  // tilted so that [011] points to the source: c leans down the image (away from +y) by 45 degrees
  const Mat3 tilted = orientation(Cell(4, 4, 4, 90, 90, 90), {0, -1, -1}, {1, 0, 0});
  BOOST_TEST((bunge_matrix(tilted) * Vec3::UnitZ() - Vec3(0, 1, 1).normalized()).norm() < 1e-15);
  BOOST_TEST((bunge_angles(tilted) - Vec3(0, pi / 4, 0)).norm() < 1e-12);
}

BOOST_AUTO_TEST_CASE(misorientations_are_minimal_under_the_group) {
  const std::vector<Mat3> cubic = point_group("m-3m").operations;
  const Mat3 one = Mat3::Identity();
  // turns about a cube's axes that every textbook lists
  BOOST_TEST(std::abs(misorientation(one, rotation_about({0, 0, 1}, pi / 2), cubic)) < 1e-12);
  BOOST_TEST(std::abs(misorientation(one, rotation_about({0, 0, 1}, 1.0), cubic) - (pi / 2 - 1)) <
             1e-12);
  BOOST_TEST(std::abs(misorientation(one, rotation_about({1, 1, 1}, pi), cubic) - pi / 3) < 1e-12);
  // and the greatest that two cubes can have, 62.8 degrees
  std::mt19937 random(3);
  double greatest = 0;
  for (int i = 0; i < 2000; ++i) {
    const Mat3 A = random_rotation(random), B = random_rotation(random);
    const double angle = misorientation(A, B, cubic);
    greatest = std::max(greatest, angle);
    const Mat3& S = cubic[std::size_t(i) % cubic.size()];
    if (S.determinant() > 0) {
      BOOST_TEST(std::abs(misorientation(A * S, B, cubic) - angle) < 1e-7);
      BOOST_TEST((reduced_orientation(A * S, cubic) - reduced_orientation(A, cubic)).norm() < 1e-9);
    }
    BOOST_TEST(std::abs(misorientation(B, A, cubic) - angle) < 1e-7);
    BOOST_TEST(quaternion(reduced_orientation(A, cubic))[0] > quaternion(A)[0] - 1e-12);
  }
  BOOST_TEST(greatest < 62.8 * pi / 180);
  BOOST_TEST(greatest > 58 * pi / 180);
  // mirrors are no rotations: of 4mm only the four turns count
  const Mat3 half_turn = rotation_about({1, 0, 0}, pi);
  BOOST_TEST(std::abs(misorientation(one, half_turn, point_group("4mm").operations) - pi) < 1e-7);
  BOOST_TEST(misorientation(one, half_turn, point_group("4/mmm").operations) < 1e-7);
}

BOOST_AUTO_TEST_CASE(small_angles_are_exact) {
  for (const double angle : {1e-12, 1e-8, 1e-4, 0.1, 3.0})
    BOOST_TEST(std::abs(angle_between(Mat3::Identity(), rotation_about({1, 2, 3}, angle)) - angle) <
               1e-15 + 1e-14 * angle);
}

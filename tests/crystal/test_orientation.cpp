#include "crystal/orientation.hpp"

#include <Eigen/LU>
#include <boost/test/unit_test.hpp>

#include "core/error.hpp"

using namespace pendel;

BOOST_AUTO_TEST_CASE(axes_of_the_lab) {
  const Cell cell(7.1, 8.3, 11.2, 81.5, 97.3, 113.9);
  const Vec3 beam(1, 2, -1), x_axis(1, 0, 1);
  const Mat3 R = orientation(cell, beam, x_axis);
  BOOST_TEST((R * R.transpose() - Mat3::Identity()).norm() < 1e-14);
  BOOST_TEST(std::abs(R.determinant() - 1) < 1e-14);
  // The lattice direction runs along +z; the x axis lies in the half plane of +x and z.
  const Vec3 z = R * cell.cartesian({beam}).v.normalized();
  BOOST_TEST((z - Vec3::UnitZ()).norm() < 1e-14);
  const Vec3 x = R * cell.cartesian({x_axis}).v;
  BOOST_TEST(std::abs(x[1]) < 1e-14);
  BOOST_TEST(x[0] > 0);
}

BOOST_AUTO_TEST_CASE(cubic_identity) {
  const Mat3 R = orientation(Cell(4, 4, 4, 90, 90, 90), {0, 0, 1}, {1, 0, 0});
  BOOST_TEST((R - Mat3::Identity()).norm() < 1e-15);
}

BOOST_AUTO_TEST_CASE(parallel_axes_are_refused) {
  const Cell cell(4, 4, 4, 90, 90, 90);
  const Vec3 zero = Vec3::Zero();
  for (const auto& [beam, x] : {std::pair<Vec3, Vec3>{{0, 0, 1}, {0, 0, -2}},
                                {{1, 1, 0}, {2, 2, 0}},
                                {zero, {1, 0, 0}},
                                {{0, 0, 1}, zero}})
    BOOST_CHECK_EXCEPTION(orientation(cell, beam, x), Error,
                          [](const Error& e) { return e.kind() == ErrorKind::study; });
}

#include "crystal/cell.hpp"

#include <Eigen/LU>
#include <boost/test/unit_test.hpp>
#include <gemmi/unitcell.hpp>

#include "core/error.hpp"

using namespace pendel;

BOOST_AUTO_TEST_CASE(orthogonalization_is_that_of_gemmi) {
  const double cells[][6] = {{7.1, 8.3, 11.2, 81.5, 97.3, 113.9},  // triclinic, all angles oblique
                             {5.1505, 5.2116, 5.3173, 90, 99.23, 90},
                             {3.189, 3.189, 5.185, 90, 90, 120},
                             {3.84, 3.84, 3.84, 60, 60, 60}};
  for (const auto& p : cells) {
    const Cell cell(p[0], p[1], p[2], p[3], p[4], p[5]);
    const gemmi::UnitCell other(p[0], p[1], p[2], p[3], p[4], p[5]);
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j)
        BOOST_TEST(std::abs(cell.orthogonalization()(i, j) - other.orth.mat[i][j]) < 1e-12 * p[2]);
    BOOST_TEST(std::abs(cell.volume() - other.volume) < 1e-12 * other.volume);
    BOOST_TEST(std::abs(cell.orthogonalization().determinant() - cell.volume()) <
               1e-12 * cell.volume());
    // gemmi's 1/d² of a general reflection
    const double g2 = cell.g({2, -3, 5}).v.squaredNorm();
    BOOST_TEST(std::abs(g2 - other.calculate_1_d2({{2, -3, 5}})) < 1e-12 * g2);
  }
}

BOOST_AUTO_TEST_CASE(fractional_and_cartesian_are_inverse) {
  const Cell cell(7.1, 8.3, 11.2, 81.5, 97.3, 113.9);
  const Vec3 x(0.13, -0.71, 2.4);
  BOOST_TEST((cell.fractional(cell.cartesian({x})).v - x).norm() < 1e-14);
  // g · r = hx + ky + lz in any frame
  const double product = cell.g({1, -2, 3}).v.dot(cell.cartesian({x}).v);
  BOOST_TEST(std::abs(product - (x[0] - 2 * x[1] + 3 * x[2])) < 1e-13);
}

BOOST_AUTO_TEST_CASE(right_angles_are_exact) {
  const Cell cell(3, 4, 5, 90, 90, 90);
  const Mat3 expected = Vec3(3, 4, 5).asDiagonal();
  BOOST_TEST((cell.orthogonalization() == expected));
}

BOOST_AUTO_TEST_CASE(impossible_cells_are_refused) {
  const double nan = std::nan("");
  const double cells[][6] = {{0, 4, 5, 90, 90, 90},   {3, -4, 5, 90, 90, 90},
                             {3, 4, 5, 30, 30, 90},   {3, 4, 5, 90, 180, 90},
                             {3, 4, nan, 90, 90, 90}, {3, 4, 5, 120, 120, 120}};
  for (const auto& p : cells)
    BOOST_CHECK_EXCEPTION(Cell(p[0], p[1], p[2], p[3], p[4], p[5]), Error,
                          [](const Error& e) { return e.kind() == ErrorKind::input; });
}

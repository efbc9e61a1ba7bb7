#include <Eigen/Dense>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "core/decomposition.hpp"
#include "core/error.hpp"

using namespace pendel;

namespace {

std::mt19937 generator(7);

double uniform(double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(generator);
}

MatrixXcd random_matrix(int n) {
  return MatrixXcd::NullaryExpr(n, n, [] { return complex(uniform(-1, 1), uniform(-1, 1)); });
}

double misfit(const EigenDecomposition& eigen, const MatrixXcd& A) {
  return (eigen.vectors * eigen.values.asDiagonal() * eigen.inverse - A).norm() / A.norm();
}

double identity_misfit(const MatrixXcd& A) {
  return (A - MatrixXcd::Identity(A.rows(), A.cols())).norm();
}

// (e^x − e^y)/(x − y) in extended precision: series of the difference where it would cancel.
complex reference_divided_difference(complex x, complex y) {
  using Long = std::complex<long double>;
  const Long X(x), Y(y), z = X - Y;
  if (std::abs(z) > 1) return complex((std::exp(X) - std::exp(Y)) / z);
  Long sum = 0, term = 1;  // Σ z^n/(n+1)!
  for (int n = 0; n < 30; ++n) {
    sum += term;
    term *= z / (long double)(n + 2);
  }
  return complex(std::exp(Y) * sum);
}

// Rounding of x and y by eps |x| changes the exponentials by as much: the best that double can do.
double allowed(complex x, complex y) {
  const double eps = std::numeric_limits<double>::epsilon();
  const double size = std::exp(std::max(x.real(), y.real())) / std::max(1.0, std::abs(x - y));
  return 4 * eps * (1 + std::abs(x) + std::abs(y)) * size;
}

}  // namespace

BOOST_AUTO_TEST_CASE(hermitian_and_symmetric) {
  for (int n : {1, 5, 60}) {
    const MatrixXcd R = random_matrix(n), A = R + R.adjoint();
    const EigenDecomposition hermitian = hermitian_eigen(A);
    BOOST_TEST(misfit(hermitian, A) < 1e-13);
    BOOST_TEST(identity_misfit(hermitian.inverse * hermitian.vectors) < 1e-12);
    BOOST_TEST(hermitian.values.imag().norm() == 0);
    // only the lower triangle is read
    MatrixXcd lower = A;
    lower.triangularView<Eigen::StrictlyUpper>().setZero();
    BOOST_TEST(misfit(hermitian_eigen(lower), A) < 1e-13);

    const Eigen::MatrixXd S = A.real();
    BOOST_TEST(misfit(symmetric_eigen(S), S.cast<complex>()) < 1e-13);
  }
}

BOOST_AUTO_TEST_CASE(hermitian_with_equal_eigenvalues) {
  const MatrixXcd U = hermitian_eigen(random_matrix(6)).vectors;
  VectorXcd values(6);
  values << 1, 2, 2, 2, 2, -3;
  const MatrixXcd A = U * values.asDiagonal() * U.adjoint();
  const EigenDecomposition eigen = hermitian_eigen(A);
  BOOST_TEST(misfit(eigen, A) < 1e-13);
  BOOST_TEST(identity_misfit(eigen.inverse * eigen.vectors) < 1e-12);
}

BOOST_AUTO_TEST_CASE(general) {
  for (int n : {1, 5, 60}) {
    const MatrixXcd A = random_matrix(n);
    const EigenDecomposition eigen = general_eigen(A);
    // 1e-11: errors grow with the condition of the eigenvectors, here up to some hundreds
    BOOST_TEST(misfit(eigen, A) < 1e-11);
    BOOST_TEST(identity_misfit(eigen.inverse * eigen.vectors) < 1e-10);
  }
}

BOOST_AUTO_TEST_CASE(impossible_matrices_are_errors) {
  MatrixXcd jordan(2, 2);
  jordan << 1, 1, 0, 1;
  const auto numerical = [](const Error& error) { return error.kind() == ErrorKind::numerical; };
  BOOST_CHECK_EXCEPTION(general_eigen(jordan), Error, numerical);
  MatrixXcd not_finite = random_matrix(3);
  not_finite(2, 1) = std::numeric_limits<double>::quiet_NaN();
  BOOST_CHECK_EXCEPTION(hermitian_eigen(not_finite), Error, numerical);
  BOOST_CHECK_EXCEPTION(symmetric_eigen(not_finite.real()), Error, numerical);
  BOOST_CHECK_EXCEPTION(general_eigen(not_finite), Error, numerical);
}

BOOST_AUTO_TEST_CASE(divided_difference_of_exp) {
  // every separation from 1e-17 to 1e3, every direction, large real and imaginary parts
  for (int trial = 0; trial < 20000; ++trial) {
    const complex y(uniform(-300, 300), uniform(-2000, 2000));
    const complex x = y + std::polar(std::pow(10.0, uniform(-17, 2.5)), uniform(0, 7));
    const complex difference = exp_divided_difference(x, y);
    BOOST_REQUIRE(std::abs(difference - reference_divided_difference(x, y)) <= allowed(x, y));
    BOOST_REQUIRE(std::abs(difference - exp_divided_difference(y, x)) <= allowed(x, y));
  }
  // near 0 nothing is lost to the arguments: rounding of the result alone
  for (int trial = 0; trial < 2000; ++trial) {
    const complex x = std::polar(std::pow(10.0, uniform(-20, 0)), uniform(0, 7));
    const complex expected = reference_divided_difference(x, 0);
    BOOST_REQUIRE(std::abs(exp_divided_difference(x, 0) - expected) < 2e-15 * std::abs(expected));
  }
  const complex z(0.3, 2);
  BOOST_TEST(std::abs(exp_divided_difference(z, z) - std::exp(z)) < 1e-15);
  // far apart in the real part: (e^{-1400} − 1)/(-1400), no overflow on the way
  BOOST_TEST(std::abs(exp_divided_difference(-1400, 0) - 1 / 1400.0) < 1e-18);
}

BOOST_AUTO_TEST_CASE(matrix_of_divided_differences) {
  VectorXcd x(60);
  for (int i = 0; i < 60; ++i) x[i] = {uniform(-8, 0), uniform(-300, 300)};
  for (int i = 0; i < 20; ++i) x[3 * i + 1] = x[3 * i] + std::pow(10.0, -i) * complex(-0.3, 1.2);
  const MatrixXcd phi = exp_divided_differences(x);
  for (int i = 0; i < 60; ++i)
    for (int j = 0; j < 60; ++j)
      BOOST_REQUIRE(std::abs(phi(i, j) - reference_divided_difference(x[i], x[j])) <=
                    allowed(x[i], x[j]));
}

BOOST_AUTO_TEST_CASE(matrix_product) {
  const MatrixXcd A = random_matrix(7).leftCols(4), B = random_matrix(4), D = random_matrix(7);
  MatrixXcd C;
  gemm(2, A, false, B, 0, C);
  BOOST_TEST((C - 2.0 * A * B).norm() < 1e-14);
  gemm(complex(0, 1), A, true, D, 0, C);
  BOOST_TEST((C - complex(0, 1) * A.adjoint() * D).norm() < 1e-13);
  const MatrixXcd before = C;
  gemm(1, A, true, D, -1, C);
  BOOST_TEST((C - (A.adjoint() * D - before)).norm() < 1e-13);
}

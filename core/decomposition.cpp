#include "core/decomposition.hpp"

#include <cblas.h>
#define lapack_complex_float std::complex<float>
#define lapack_complex_double std::complex<double>
#include <lapacke.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/interrupt.hpp"

namespace pendel {

namespace {

// Before what takes long. Outer loops are parallel, and a result must not depend on the number of
// threads.
void begin() {
  stop_if_interrupted();
  static const bool done = (openblas_set_num_threads(1), true);
  (void)done;
}

void require_success(lapack_int info, const char* routine, Eigen::Index size) {
  if (info == 0) return;
  throw Error(ErrorKind::numerical,
              std::string("eigenvalues of a matrix of size ") + std::to_string(size) + ": LAPACK " +
                  routine +
                  (info < 0 ? " met an illegal value (not a finite number?) in argument "
                            : " did not converge, info = ") +
                  std::to_string(std::abs(info)));
}

/// sinh(z)/z; sinh is accurate in real and imaginary part, so only z = 0 needs care.
complex sinhc(complex z) {
  if (std::norm(z) < 1e-6) {
    const complex z2 = z * z;
    return 1.0 + z2 / 6.0 * (1.0 + z2 / 20.0 * (1.0 + z2 / 42.0));
  }
  return std::sinh(z) / z;
}

}  // namespace

EigenDecomposition hermitian_eigen(const MatrixXcd& A) {
  begin();
  const lapack_int n = lapack_int(A.rows());
  EigenDecomposition result;
  result.vectors = A;
  Eigen::VectorXd values(n);
  require_success(LAPACKE_zheevd(LAPACK_COL_MAJOR, 'V', 'L', n, result.vectors.data(),
                                 std::max(n, 1), values.data()),
                  "zheevd", n);
  result.values = values.cast<complex>();
  result.inverse = result.vectors.adjoint();
  return result;
}

EigenDecomposition symmetric_eigen(const Eigen::MatrixXd& A) {
  begin();
  const lapack_int n = lapack_int(A.rows());
  EigenDecomposition result;
  Eigen::MatrixXd vectors = A;
  Eigen::VectorXd values(n);
  require_success(
      LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', n, vectors.data(), std::max(n, 1), values.data()),
      "dsyevd", n);
  result.values = values.cast<complex>();
  result.vectors = vectors.cast<complex>();
  result.inverse = vectors.transpose().cast<complex>();
  return result;
}

EigenDecomposition general_eigen(const MatrixXcd& A) {
  begin();
  const lapack_int n = lapack_int(A.rows()), ld = std::max(n, 1);
  EigenDecomposition result;
  result.values.resize(n);
  result.vectors.resize(n, n);
  MatrixXcd work = A;
  complex unused;
  require_success(LAPACKE_zgeev(LAPACK_COL_MAJOR, 'N', 'V', n, work.data(), ld,
                                result.values.data(), &unused, 1, result.vectors.data(), ld),
                  "zgeev", n);

  // C⁻¹ by LU; the columns of C have norm 1, so its condition tells how far A is from defective.
  result.inverse = result.vectors;
  std::vector<lapack_int> pivots(ld);
  const double norm = LAPACKE_zlange(LAPACK_COL_MAJOR, '1', n, n, result.vectors.data(), ld);
  double reciprocal_condition = 1;
  const lapack_int singular =
      LAPACKE_zgetrf(LAPACK_COL_MAJOR, n, n, result.inverse.data(), ld, pivots.data());
  if (singular == 0 && n > 0)
    LAPACKE_zgecon(LAPACK_COL_MAJOR, '1', n, result.inverse.data(), ld, norm,
                   &reciprocal_condition);
  const double least = 1e3 * n * std::numeric_limits<double>::epsilon();
  if (singular != 0 || reciprocal_condition < least)
    throw Error(ErrorKind::numerical,
                "a matrix of size " + std::to_string(n) +
                    " has no complete set of eigenvectors: their reciprocal condition is " +
                    std::to_string(singular ? 0.0 : reciprocal_condition) + ", at least " +
                    std::to_string(least) + " is needed");
  require_success(LAPACKE_zgetri(LAPACK_COL_MAJOR, n, result.inverse.data(), ld, pivots.data()),
                  "zgetri", n);
  return result;
}

complex exp_divided_difference(complex x, complex y) {
  // Where |e^x| and |e^y| differ by e² or more nothing cancels, and sinh might overflow.
  if (std::abs(x.real() - y.real()) > 2) return (std::exp(x) - std::exp(y)) / (x - y);
  return std::exp(0.5 * (x + y)) * sinhc(0.5 * (x - y));
}

MatrixXcd exp_divided_differences(const VectorXcd& x) {
  const Eigen::Index n = x.size();
  const VectorXcd exp_x = x.array().exp();
  MatrixXcd phi(n, n);
  for (Eigen::Index j = 0; j < n; ++j) {
    phi(j, j) = exp_x[j];
    for (Eigen::Index i = j + 1; i < n; ++i) {
      const complex difference = x[i] - x[j];
      phi(i, j) = phi(j, i) = std::norm(difference) > 1 ? (exp_x[i] - exp_x[j]) / difference
                                                        : exp_divided_difference(x[i], x[j]);
    }
  }
  return phi;
}

void gemm(complex alpha, const MatrixXcd& A, bool conjugate_A, const MatrixXcd& B, complex beta,
          MatrixXcd& C) {
  begin();
  const Eigen::Index rows = conjugate_A ? A.cols() : A.rows();
  const Eigen::Index inner = conjugate_A ? A.rows() : A.cols();
  if (beta == complex(0)) C.resize(rows, B.cols());
  if (rows == 0 || B.cols() == 0) return;
  cblas_zgemm(CblasColMajor, conjugate_A ? CblasConjTrans : CblasNoTrans, CblasNoTrans, int(rows),
              int(B.cols()), int(inner), &alpha, A.data(), int(std::max<Eigen::Index>(A.rows(), 1)),
              B.data(), int(std::max<Eigen::Index>(B.rows(), 1)), &beta, C.data(), int(rows));
}

namespace {

void real_gemm(const double* A, Eigen::Index rows, const double* B, Eigen::Index inner,
               Eigen::Index columns, double beta, double* C) {
  begin();
  if (rows == 0 || inner == 0 || columns == 0) return;
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, int(rows), int(columns), int(inner), 1, A,
              int(rows), B, int(inner), beta, C, int(rows));
}

}  // namespace

void gemm(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B, Eigen::MatrixXd& C, double beta) {
  if (beta == 0) C.resize(A.rows(), B.cols());
  real_gemm(A.data(), A.rows(), B.data(), B.rows(), B.cols(), beta, C.data());
}

void gemm(const double* A, Eigen::Index rows, const Eigen::MatrixXd& B, double* C) {
  real_gemm(A, rows, B.data(), B.rows(), B.cols(), 0, C);
}

}  // namespace pendel

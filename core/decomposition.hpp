// Dense eigen-decompositions (LAPACK) and the divided differences of exp that derivatives of a
// matrix exponential need.
#pragma once
#include <Eigen/Core>

#include "core/phase.hpp"

namespace pendel {

using MatrixXcd = Eigen::MatrixXcd;
using VectorXcd = Eigen::VectorXcd;

/// A = C diag(values) C⁻¹. For a Hermitian A, values are real (imaginary part 0), C is unitary
/// and inverse = C^†.
struct EigenDecomposition {
  VectorXcd values;
  MatrixXcd vectors;
  MatrixXcd inverse;
};

/// zheevd; only the lower triangle is read. Error (numerical) if LAPACK does not converge.
EigenDecomposition hermitian_eigen(const MatrixXcd& A);
/// dsyevd for a real symmetric A.
EigenDecomposition symmetric_eigen(const Eigen::MatrixXd& A);
/// zgeev with the explicit inverse of the eigenvectors; Error (numerical) if A is defective to
/// working precision.
EigenDecomposition general_eigen(const MatrixXcd& A);

/// First divided difference of exp: (e^x − e^y)/(x − y), e^x where x = y. Written as
/// e^{(x+y)/2} sinhc((x−y)/2), exact to rounding however close x and y are. [NajfeldHavel1995]
complex exp_divided_difference(complex x, complex y);
/// Φ_ij = exp_divided_difference(x_i, x_j) for every pair; accurate to rounding relative to
/// max(|e^{x_i}|, |e^{x_j}|), and faster than one by one.
MatrixXcd exp_divided_differences(const VectorXcd& x);

/// C = alpha op(A) B + beta C by BLAS; A^† B if conjugate_A.
void gemm(complex alpha, const MatrixXcd& A, bool conjugate_A, const MatrixXcd& B, complex beta,
          MatrixXcd& C);

/// C = A B + beta C by BLAS.
void gemm(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B, Eigen::MatrixXd& C, double beta = 0);
/// C = A B with A (rows, B.rows()) and C (rows, B.cols()) where they lie, column by column.
void gemm(const double* A, Eigen::Index rows, const Eigen::MatrixXd& B, double* C);

}  // namespace pendel

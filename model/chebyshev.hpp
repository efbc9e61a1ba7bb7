// Chebyshev polynomials of the first kind: nodes, values, coefficients.
#pragma once
#include <Eigen/Core>

namespace pendel {

/// Node k of n: cos(π (k + 1/2)/n), from near 1 to near −1.
double chebyshev_node(int k, int n);

/// T_0..T_{n-1} at x in [−1, 1] and, unless dT is null, their derivatives; (n).
void chebyshev(double x, int n, double* T, double* dT);

/// The matrix that takes values at the n nodes to the n coefficients of the series; (n, n).
Eigen::MatrixXd chebyshev_coefficients(int n);

}  // namespace pendel

#include "model/chebyshev.hpp"

#include <cmath>

#include "core/electron.hpp"

namespace pendel {

double chebyshev_node(int k, int n) { return std::cos(electron::pi * (k + 0.5) / n); }

void chebyshev(double x, int n, double* T, double* dT) {
  double U_before = 0, U = 1;  // T_i' = i U_{i-1}
  for (int i = 0; i < n; ++i) {
    T[i] = i == 0 ? 1 : i == 1 ? x : 2 * x * T[i - 1] - T[i - 2];
    if (!dT) continue;
    dT[i] = 0;
    if (i > 0) {
      dT[i] = i * U;
      const double next = 2 * x * U - U_before;
      U_before = U;
      U = next;
    }
  }
}

Eigen::MatrixXd chebyshev_coefficients(int n) {
  Eigen::MatrixXd D(n, n);
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < n; ++k)
      D(i, k) = (i == 0 ? 1.0 : 2.0) / n * std::cos(electron::pi * i * (k + 0.5) / n);
  return D;
}

}  // namespace pendel

// How the potential of an atom is spread along the beam: of its plane wave k, the part
//   P(k; z) = ∫_z^∞ v(k; z') dz',   v(k; z) = ∫ f(sqrt(k² + k_z²)) exp(2πi k_z z) dk_z,
// lies beyond a plane at distance z >= 0 from the nucleus (P(k; 0) = f(k)/2), as a short sum of
// products P = Σ_r f(k) factor_r(k) share_r(z), so that atoms at all depths share their plane
// waves.
#pragma once
#include <functional>

#include "sim/graded_nodes.hpp"

namespace pendel {

class DepthProfile {
 public:
  /// `f` is the form factor as a function of |g| [1/Å], Debye-Waller factor included; k_nodes are
  /// where the factors are wanted. P is right to `tolerance` of f(k), and 0 from reach() on, where
  /// it is at most ten times that (up to 12 Å).
  DepthProfile(const std::function<double(double)>& f, const GradedNodes& k_nodes,
               double tolerance = 1e-5);

  int rank() const { return int(factors_.cols()); }
  double reach() const { return reach_; }                      ///< Å
  const Eigen::MatrixXd& factors() const { return factors_; }  ///< (k nodes, rank)
  /// share_r(z); (rank).
  Eigen::VectorXd shares(double z) const;
  /// Plane waves above it [1/Å] have less than the tolerance beyond z.
  double highest_k(double z) const;

 private:
  GradedNodes z_nodes_;
  double reach_;
  Eigen::MatrixXd factors_, shares_;  // (k nodes, rank), (rank, z nodes)
  Eigen::VectorXd highest_k_;         // at the z nodes, which descend
};

}  // namespace pendel

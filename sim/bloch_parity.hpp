// Inside the Bloch-wave engine: combinations of symmetry-related beams, even or odd under up to two
// commuting rotations or mirrors. Those of different parity are not coupled: the couplings' matrix
// falls into up to four blocks, while an incident direction's excitation errors mix the
// combinations of one orbit only.
#pragma once
#include <array>
#include <vector>

#include "sim/bloch_symmetry.hpp"

namespace pendel {

class ParityBasis {
 public:
  /// By those symmetries of the couplings that are their own inverse, commute, and have real phases
  /// in the beams' gauge.
  explicit ParityBasis(const ReachedBeams& reached);

  Eigen::Index size() const { return Eigen::Index(combinations_.size()); }
  int blocks() const { return int(first_.size()) - 1; }
  /// Combinations of one parity stand together: block k is [first(k), first(k + 1)).
  Eigen::Index first(int k) const { return first_[k]; }
  /// Operations of one product with the couplings, real vector.
  double flop() const;

  /// The couplings U (beams, beams) among the combinations of block k.
  Eigen::MatrixXd block(const Eigen::MatrixXd& U, int k) const;
  /// x (beams, directions) in this basis, (directions, combinations), and back.
  Eigen::MatrixXd combine(const Eigen::MatrixXd& x) const;
  Eigen::MatrixXd beams(const Eigen::Ref<const Eigen::MatrixXd>& x) const;
  /// A diagonal matrix that is the same for all beams of an orbit stays diagonal in this basis:
  /// x (beams, directions) as (directions, combinations).
  Eigen::MatrixXd even(const Eigen::MatrixXd& x) const;
  /// What diagonal matrices D (beams, directions) are made of in this basis, one per column of D:
  /// combination c is mixed with each partner by the coefficients in the partner's column;
  /// (directions, combinations).
  Eigen::MatrixXd mixing(const Eigen::MatrixXd& D) const;
  /// The first partner of a combination is itself.
  struct Partner {
    Eigen::Index combination, column;
  };
  const std::vector<Partner>& partners(Eigen::Index c) const { return combinations_[c].partners; }

 private:
  struct Part {
    int beam;
    double weight;
  };
  struct Combination {
    std::vector<Part> parts;
    std::vector<Partner> partners;
  };
  /// The mixing coefficient Σ sign_i D(beam_i)/orbit.size().
  struct Mixing {
    std::vector<int> orbit;
    std::vector<int> sign;
  };
  std::vector<Combination> combinations_;
  std::vector<Mixing> mixing_;
  std::vector<Eigen::Index> first_;
};

}  // namespace pendel

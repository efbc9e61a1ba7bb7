#include "sim/bloch_parity.hpp"

#include <cmath>

namespace pendel {

using Eigen::Index;
using Eigen::MatrixXd;

namespace {

/// A symmetry of order two with real phases.
struct Involution {
  Eigen::Matrix2d R;
  std::vector<int> image, sign;
};

std::vector<Involution> involutions(const ReachedBeams& reached) {
  std::vector<Involution> result;
  for (const BeamSymmetry& symmetry : reached.symmetries) {
    Involution found{symmetry.R, symmetry.image, {}};
    bool good = true;
    for (std::size_t g = 0; g < found.image.size() && good; ++g) {
      const int image = found.image[g];
      const complex phase = std::conj(reached.gauge[image]) * symmetry.phase[g] * reached.gauge[g];
      good = found.image[image] == int(g) && std::abs(phase.imag()) < 1e-9;
      found.sign.push_back(phase.real() > 0 ? 1 : -1);
    }
    // two of them generate all that commute in the plane
    if (good && (result.empty() || (found.R * result[0].R - result[0].R * found.R).norm() < 1e-9))
      result.push_back(std::move(found));
    if (result.size() == 2) break;
  }
  return result;
}

int character(int parity, int element) {
  const int common = parity & element;
  return common == 1 || common == 2 ? -1 : 1;
}

}  // namespace

ParityBasis::ParityBasis(const ReachedBeams& reached) {
  const std::vector<Involution> generators = involutions(reached);
  const int n = int(reached.kept.size()), order = 1 << generators.size();
  // Every orbit: beam and sign that each element of the group makes of its first beam.
  struct Orbit {
    std::vector<int> beam, sign;
    std::vector<Index> combination;  // per parity, -1 if that vanishes
  };
  std::vector<Orbit> orbits;
  std::vector<bool> known(n, false);
  for (int g = 0; g < n; ++g) {
    if (known[g]) continue;
    Orbit orbit{{g}, {1}, std::vector<Index>(order, -1)};
    for (const Involution& generator : generators)
      for (std::size_t i = 0, size = orbit.beam.size(); i < size; ++i) {
        orbit.sign.push_back(orbit.sign[i] * generator.sign[orbit.beam[i]]);
        orbit.beam.push_back(generator.image[orbit.beam[i]]);
      }
    for (int beam : orbit.beam) known[beam] = true;
    orbits.push_back(std::move(orbit));
  }
  for (int parity = 0; parity < order; ++parity) {
    first_.push_back(size());
    for (Orbit& orbit : orbits) {
      Combination combination;
      double norm = 0;
      for (int i = 0; i < order; ++i) {
        // elements that make the same beam add up, or cancel
        int weight = 0;
        bool seen = false;
        for (int j = 0; j < order; ++j) {
          if (orbit.beam[j] != orbit.beam[i]) continue;
          seen = seen || j < i;
          weight += character(parity, j) * orbit.sign[j];
        }
        if (seen || weight == 0) continue;
        combination.parts.push_back({orbit.beam[i], double(weight)});
        norm += weight * weight;
      }
      if (combination.parts.empty()) continue;
      for (Part& part : combination.parts) part.weight /= std::sqrt(norm);
      orbit.combination[parity] = size();
      combinations_.push_back(std::move(combination));
    }
  }
  first_.push_back(size());
  for (const Orbit& orbit : orbits) {
    // D mixes parities k and l by the part of D that has parity k xor l
    std::vector<Index> column(order, -1);
    for (int k = 0; k < order; ++k)
      for (int j = 0; j < order; ++j) {
        const Index from = orbit.combination[k], to = orbit.combination[k ^ j];
        if (from < 0 || to < 0) continue;
        if (column[j] < 0) {
          column[j] = Index(mixing_.size());
          Mixing mixing{orbit.beam, {}};
          for (int i = 0; i < order; ++i) mixing.sign.push_back(character(j, i));
          mixing_.push_back(std::move(mixing));
        }
        combinations_[from].partners.push_back({to, column[j]});
      }
  }
}

double ParityBasis::flop() const {
  double sum = 0;
  for (int k = 0; k < blocks(); ++k) sum += 2 * std::pow(double(first(k + 1) - first(k)), 2);
  return sum;
}

MatrixXd ParityBasis::block(const MatrixXd& U, int k) const {
  const Index begin = first(k), n = first(k + 1) - begin;
  MatrixXd result = MatrixXd::Zero(n, n);
  for (Index d = 0; d < n; ++d)
    for (Index c = 0; c < n; ++c)
      for (const Part& h : combinations_[begin + d].parts)
        for (const Part& g : combinations_[begin + c].parts)
          result(c, d) += g.weight * h.weight * U(g.beam, h.beam);
  return result;
}

MatrixXd ParityBasis::combine(const MatrixXd& x) const {
  MatrixXd result = MatrixXd::Zero(x.cols(), size());
  for (Index c = 0; c < size(); ++c)
    for (const Part& part : combinations_[c].parts)
      result.col(c) += part.weight * x.row(part.beam).transpose();
  return result;
}

MatrixXd ParityBasis::beams(const Eigen::Ref<const MatrixXd>& x) const {
  MatrixXd result = MatrixXd::Zero(size(), x.rows());
  for (Index c = 0; c < size(); ++c)
    for (const Part& part : combinations_[c].parts)
      result.row(part.beam) += part.weight * x.col(c).transpose();
  return result;
}

MatrixXd ParityBasis::even(const MatrixXd& x) const {
  MatrixXd result(x.cols(), size());
  for (Index c = 0; c < size(); ++c)
    result.col(c) = x.row(combinations_[c].parts[0].beam).transpose();
  return result;
}

MatrixXd ParityBasis::mixing(const MatrixXd& D) const {
  MatrixXd result = MatrixXd::Zero(D.cols(), Index(mixing_.size()));
  for (std::size_t m = 0; m < mixing_.size(); ++m) {
    for (std::size_t i = 0; i < mixing_[m].orbit.size(); ++i)
      result.col(Index(m)) += mixing_[m].sign[i] * D.row(mixing_[m].orbit[i]).transpose();
    result.col(Index(m)) /= double(mixing_[m].orbit.size());
  }
  return result;
}

}  // namespace pendel

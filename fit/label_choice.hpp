// One of several candidates for every position of a scan, so that all of them together cost least.
#pragma once
#include <vector>

namespace pendel {

/// A cost of the candidates of a few positions together: table[(a · n_2 + b) · n_3 + c] for
/// candidates a, b, c of positions 1, 2, 3, which have n_1, n_2, n_3 of them.
struct LabelCost {
  std::vector<int> positions;  ///< distinct
  std::vector<double> table;
};

double total_cost(const std::vector<std::vector<double>>& own, const std::vector<LabelCost>& costs,
                  const std::vector<int>& choice);

/// The candidate of every position. own: (position, candidate) costs of their own, at least one
/// candidate each. Min-sum belief propagation over the costs in a fixed order [Kschischang2001],
/// then single changes while one lowers the total. Exact where the costs form a tree; never worse
/// than where such changes lead from each position's own best.
std::vector<int> choose_labels(const std::vector<std::vector<double>>& own,
                               const std::vector<LabelCost>& costs);

}  // namespace pendel

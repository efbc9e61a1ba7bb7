#include "fit/label_choice.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace pendel {

namespace {

using Costs = std::vector<std::vector<double>>;

/// Calls body(entry, labels) for every entry of a cost's table.
template <class Body>
void for_each_entry(const LabelCost& cost, const Costs& own, Body body) {
  std::vector<int> labels(cost.positions.size(), 0);
  for (std::size_t entry = 0; entry < cost.table.size(); ++entry) {
    body(entry, labels);
    for (std::size_t j = labels.size(); j-- > 0;) {
      if (++labels[j] < int(own[std::size_t(cost.positions[j])].size())) break;
      labels[j] = 0;
    }
  }
}

double value_at(const LabelCost& cost, const Costs& own, const std::vector<int>& choice) {
  std::size_t entry = 0;
  for (const int position : cost.positions)
    entry = entry * own[std::size_t(position)].size() + std::size_t(choice[std::size_t(position)]);
  return cost.table[entry];
}

std::vector<int> lowest(const Costs& beliefs) {
  std::vector<int> choice;
  for (const std::vector<double>& belief : beliefs)
    choice.push_back(int(std::min_element(belief.begin(), belief.end()) - belief.begin()));
  return choice;
}

/// Changes of one position at a time, in their order, until none lowers the total.
void descend(const Costs& own, const std::vector<LabelCost>& costs,
             const std::vector<std::vector<int>>& costs_of, std::vector<int>& choice) {
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (own[i].size() == 1) continue;
      const int before = choice[i];
      int best = before;
      double least = std::numeric_limits<double>::infinity(), now = 0;
      for (int label = 0; label < int(own[i].size()); ++label) {
        choice[i] = label;
        double total = own[i][std::size_t(label)];
        for (const int c : costs_of[i]) total += value_at(costs[std::size_t(c)], own, choice);
        if (label == before) now = total;
        if (total < least) {
          least = total;
          best = label;
        }
      }
      // by more than rounding, or two candidates of one cost would take turns for ever
      choice[i] = least < now - 1e-12 * (1 + std::abs(now)) ? best : before;
      changed = changed || choice[i] != before;
    }
  }
}

/// One pass of messages: those of every cost to its positions, one cost after the other.
void pass(const LabelCost& cost, const Costs& own, Costs& beliefs, Costs& messages) {
  const std::size_t members = cost.positions.size();
  for (std::size_t to = 0; to < members; ++to) {
    std::vector<double> message(messages[to].size(), std::numeric_limits<double>::infinity());
    for_each_entry(cost, own, [&](std::size_t entry, const std::vector<int>& labels) {
      double total = cost.table[entry];
      for (std::size_t j = 0; j < members; ++j) {
        const std::size_t label = std::size_t(labels[j]);
        if (j != to) total += beliefs[std::size_t(cost.positions[j])][label] - messages[j][label];
      }
      double& least = message[std::size_t(labels[to])];
      least = std::min(least, total);
    });
    const double offset = *std::min_element(message.begin(), message.end());
    std::vector<double>& belief = beliefs[std::size_t(cost.positions[to])];
    for (std::size_t label = 0; label < message.size(); ++label) {
      belief[label] += message[label] - offset - messages[to][label];
      messages[to][label] = message[label] - offset;
    }
  }
}

}  // namespace

double total_cost(const Costs& own, const std::vector<LabelCost>& costs,
                  const std::vector<int>& choice) {
  double total = 0;
  for (std::size_t i = 0; i < own.size(); ++i) total += own[i][std::size_t(choice[i])];
  for (const LabelCost& cost : costs) total += value_at(cost, own, choice);
  return total;
}

std::vector<int> choose_labels(const Costs& own, const std::vector<LabelCost>& costs) {
  constexpr int passes = 20;  // of a chain or tree one, there and back, is exact
  std::vector<std::vector<int>> costs_of(own.size());
  std::vector<Costs> messages(costs.size());
  for (std::size_t c = 0; c < costs.size(); ++c)
    for (const int position : costs[c].positions) {
      costs_of[std::size_t(position)].push_back(int(c));
      messages[c].emplace_back(own[std::size_t(position)].size(), 0.0);
    }
  std::vector<int> best = lowest(own);
  descend(own, costs, costs_of, best);
  double least = total_cost(own, costs, best);
  Costs beliefs = own;
  for (int p = 0; p < passes; ++p) {
    for (std::size_t c = 0; c < costs.size(); ++c) pass(costs[c], own, beliefs, messages[c]);
    for (std::size_t c = costs.size(); c-- > 0;) pass(costs[c], own, beliefs, messages[c]);
    std::vector<int> choice = lowest(beliefs);
    descend(own, costs, costs_of, choice);
    const double total = total_cost(own, costs, choice);
    if (total < least) {
      least = total;
      best = choice;
    }
  }
  return best;
}

}  // namespace pendel

// Choice among candidates: exact on chains and trees, as good as trying everything on small grids.
#include <boost/test/unit_test.hpp>
#include <limits>
#include <random>

#include "fit/label_choice.hpp"

using namespace pendel;

namespace {

using Costs = std::vector<std::vector<double>>;

double least_of_all(const Costs& own, const std::vector<LabelCost>& costs) {
  std::vector<int> choice(own.size(), 0);
  double least = std::numeric_limits<double>::infinity();
  while (true) {
    least = std::min(least, total_cost(own, costs, choice));
    std::size_t i = 0;
    while (i < own.size() && ++choice[i] == int(own[i].size())) choice[i++] = 0;
    if (i == own.size()) return least;
  }
}

struct Made {
  Costs own;
  std::vector<LabelCost> costs;
};

/// Values of candidates on a grid; neighbours cost their squared difference, and with `triples` so
/// do the second differences, which tie three positions.
Made grid(int rows, int columns, int labels, bool triples, std::mt19937& random) {
  std::normal_distribution<double> normal;
  Made made;
  std::vector<std::vector<double>> values;
  for (int i = 0; i < rows * columns; ++i) {
    values.emplace_back();
    made.own.emplace_back();
    // one position in four has no choice
    const int count = random() % 4 == 0 ? 1 : labels;
    for (int l = 0; l < count; ++l) {
      values.back().push_back(normal(random));
      made.own.back().push_back(2 * std::abs(normal(random)));
    }
  }
  const auto tie = [&](const std::vector<int>& positions, const std::vector<double>& stencil) {
    LabelCost cost{positions, {}};
    std::vector<int> l(positions.size(), 0);
    while (true) {
      double d = 0;
      for (std::size_t j = 0; j < l.size(); ++j) d += stencil[j] * values[positions[j]][l[j]];
      cost.table.push_back(d * d);
      int j = int(l.size()) - 1;
      while (j >= 0 && ++l[j] == int(values[positions[j]].size())) l[j--] = 0;
      if (j < 0) break;
    }
    made.costs.push_back(cost);
  };
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      const int i = r * columns + c;
      if (c + 1 < columns) tie({i, i + 1}, {-1, 1});
      if (r + 1 < rows) tie({i, i + columns}, {-1, 1});
      if (triples && c + 2 < columns) tie({i, i + 1, i + 2}, {1, -2, 1});
      if (triples && r + 2 < rows) tie({i, i + columns, i + 2 * columns}, {1, -2, 1});
    }
  return made;
}

}  // namespace

BOOST_AUTO_TEST_CASE(chains_are_exact) {
  std::mt19937 random(1);
  for (int repeat = 0; repeat < 50; ++repeat) {
    const Made made = grid(1, 9, 3, false, random);
    const double found = total_cost(made.own, made.costs, choose_labels(made.own, made.costs));
    BOOST_TEST(std::abs(found - least_of_all(made.own, made.costs)) < 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(grids_with_pairs_and_triples) {
  std::mt19937 random(2);
  int exact = 0, own_best_exact = 0;
  for (int repeat = 0; repeat < 60; ++repeat) {
    const Made made = grid(3, 3, 3, true, random);
    const double found = total_cost(made.own, made.costs, choose_labels(made.own, made.costs));
    const double least = least_of_all(made.own, made.costs);
    exact += found <= least + 1e-9;
    std::vector<int> alone;
    for (const auto& own : made.own)
      alone.push_back(int(std::min_element(own.begin(), own.end()) - own.begin()));
    const double without = total_cost(made.own, made.costs, alone);
    own_best_exact += without <= least + 1e-9;
    BOOST_TEST(found <= without);
  }
  BOOST_TEST_MESSAGE("exact on " << exact << " of 60 grids; each position alone "
                                 << own_best_exact);
  // Random tables are harder than maps, where most neighbours agree.
  BOOST_TEST(exact >= 54);
  BOOST_TEST(own_best_exact < 20);
}

BOOST_AUTO_TEST_CASE(without_ties_every_position_takes_its_own_best) {
  const Costs own = {{3, 1, 2}, {0}, {5, 4}};
  BOOST_TEST(choose_labels(own, {}) == (std::vector<int>{1, 0, 1}),
             boost::test_tools::per_element());
}

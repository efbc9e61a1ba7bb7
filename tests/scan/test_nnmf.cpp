// Factorisation of planted parts, stationarity of what is found, stability figures against plain
// loops, and input that cannot be factorised.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <random>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "scan/consensus.hpp"
#include "scan/nnmf.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
using Eigen::MatrixXd;

namespace {

struct Planted {
  MatrixXd W, H;  // (positions, parts), (parts, features)
  FeatureMatrix X;
};

// Parts of 8 of 40 features each, two of them shared with the next part; positions mix two parts in
// smooth regions, and every part is somewhere alone. counts: Poisson numbers of this sum per
// position; 0: exact.
Planted planted(double counts, int parts = 3) {
  std::mt19937_64 random(7);
  const int positions = 300, features = 40;
  Planted result{MatrixXd::Zero(positions, parts), MatrixXd::Zero(parts, features), {}};
  for (int k = 0; k < parts; ++k) {
    for (int j = 0; j < 8; ++j)
      result.H(k, (6 * k + j) % features) = 1 + double(random() % 1000) / 250;
    result.H.row(k) /= result.H.row(k).sum();
  }
  for (int i = 0; i < positions; ++i) {
    const double at = double(parts) * i / positions;
    const int k = int(at);
    const double part = std::max(0.0, 2 * (at - k) - 1);
    result.W(i, k) = 1 - part;
    result.W(i, (k + 1) % parts) += part;
    result.W.row(i) *= 0.5 + double(random() % 1000) / 1000;
  }
  MatrixXd X = result.W * result.H;
  if (counts > 0) {
    X *= counts;
    result.W *= counts;
    for (double& x : X.reshaped())
      if (x > 0) x = double(std::poisson_distribution<int>(x)(random));
  }
  result.X = X.sparseView();
  return result;
}

double cosine(const MatrixXd& a, const MatrixXd& b) {
  return a.cwiseProduct(b).sum() / (a.norm() * b.norm());
}

// Least cosine over the parts, each with its best partner.
double recovered(const Planted& truth, const Nnmf& found, bool weights) {
  double least = 1;
  for (int k = 0; k < truth.H.rows(); ++k) {
    double best = 0, of_weights = 0;
    for (int j = 0; j < found.patterns.rows(); ++j) {
      const double c = cosine(truth.H.row(k), found.patterns.row(j));
      if (c > best) best = c, of_weights = cosine(truth.W.col(k), found.weights.col(j));
    }
    least = std::min(least, weights ? of_weights : best);
  }
  return least;
}

NnmfOptions options(int components, int restarts, NnmfOptions::Objective objective) {
  NnmfOptions result;
  result.components = components;
  result.restarts = restarts;
  result.objective = objective;
  return result;
}

constexpr auto squares = NnmfOptions::Objective::squares, poisson = NnmfOptions::Objective::poisson;

}  // namespace

BOOST_AUTO_TEST_CASE(planted_parts_are_found) {
  for (const auto objective : {squares, poisson}) {
    const Planted exact = planted(0);
    NnmfOptions o = options(3, 5, objective);
    o.tolerance = 1e-9;
    const NnmfRuns runs = nnmf_restarts(exact.X, o);
    BOOST_TEST(runs.unexplained < 1e-6);
    BOOST_TEST(recovered(exact, runs.best, false) > 0.9999);
    BOOST_TEST(recovered(exact, runs.best, true) > 0.9999);
    // weights are parts of the positions' sums
    for (int k = 0; k < 3; ++k)
      BOOST_TEST(runs.best.patterns.row(k).sum() == 1, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(runs.best.weights.sum() == exact.X.sum(), boost::test_tools::tolerance(1e-3));
    for (int k = 1; k < 3; ++k)
      BOOST_TEST(runs.best.weights.col(k).sum() <= runs.best.weights.col(k - 1).sum());
    for (const double similarity : runs.similarity) BOOST_TEST(similarity > 0.999);
    BOOST_TEST(runs.cophenetic > 0.99);

    // 60 counts at a position: a weight's own noise is about 1/√60 of it
    const Planted noisy = planted(60);
    const NnmfRuns found = nnmf_restarts(noisy.X, options(3, 3, objective));
    record("Calibration and strain", "classes, 60 counts a position: likeness of patterns",
           "planted", recovered(noisy, found.best, false), at_least(0.985));
    record("Calibration and strain", "classes, 60 counts a position: likeness of weights",
           "planted", recovered(noisy, found.best, true), at_least(0.97));
    const std::vector<int> classes = classes_of(found.best);
    int right = 0, sure = 0;
    for (int i = 0; i < 300; ++i) {
      Eigen::Index k, j;
      noisy.W.row(i).maxCoeff(&k);
      if (noisy.W(i, k) < 0.8 * noisy.W.row(i).sum()) continue;
      (found.best.patterns * noisy.H.row(k).transpose()).maxCoeff(&j);
      right += classes[std::size_t(i)] == j;
      ++sure;
    }
    BOOST_TEST(sure > 150);
    BOOST_TEST(right > 0.97 * sure);
  }
}

// At a minimum the derivative by every element is 0, or above 0 where the element is 0.
BOOST_AUTO_TEST_CASE(minima_are_stationary) {
  const Planted data = planted(60);
  const MatrixXd X(data.X);
  for (const auto objective : {squares, poisson}) {
    NnmfOptions o = options(3, 1, objective);
    o.tolerance = 1e-11;
    o.max_sweeps = 20000;
    const Nnmf found = nnmf(data.X, o, 1);
    BOOST_TEST(found.converged);
    const MatrixXd model = found.weights * found.patterns;
    double value;
    MatrixXd slope;  // by the model
    if (objective == squares) {
      value = (X - model).squaredNorm();
      slope = 2 * (model - X);
    } else {
      value = 0;
      slope = MatrixXd::Ones(X.rows(), X.cols());
      for (int i = 0; i < X.rows(); ++i)
        for (int j = 0; j < X.cols(); ++j) {
          value += model(i, j) - X(i, j);
          if (X(i, j) > 0) {
            value += X(i, j) * std::log(X(i, j) / model(i, j));
            slope(i, j) -= X(i, j) / model(i, j);
          }
        }
    }
    BOOST_TEST(found.objective == value, boost::test_tools::tolerance(1e-9));
    const MatrixXd by_H = found.weights.transpose() * slope;
    // what an element of H gains by going to 0, or by growing by a thousandth of its pattern
    double gain = 0, below = 0;
    for (int k = 0; k < by_H.rows(); ++k)
      for (int j = 0; j < by_H.cols(); ++j) {
        gain = std::max(gain, std::abs(by_H(k, j) * found.patterns(k, j)));
        below = std::min(below, by_H(k, j) * 1e-3);
      }
    BOOST_TEST(gain < 1e-3 * value);
    BOOST_TEST(below > -1e-3 * value);
  }
}

BOOST_AUTO_TEST_CASE(the_same_for_a_seed_and_any_threads) {
  const Planted data = planted(60);
  NnmfOptions o = options(4, 6, squares);
  set_threads(1);
  const NnmfRuns one = nnmf_restarts(data.X, o);
  set_threads(2);
  int done = 0;
  const NnmfRuns two = nnmf_restarts(data.X, o);
  BOOST_TEST(one.objectives == two.objectives, boost::test_tools::per_element());
  BOOST_TEST((one.best.weights == two.best.weights));
  BOOST_TEST((one.best.patterns == two.best.patterns));
  BOOST_TEST(one.agreement == two.agreement, boost::test_tools::per_element());
  o.seed = 2;
  set_threads(1);
  const NnmfRuns other = nnmf_restarts(data.X, o, [&] { ++done; });
  set_threads(2);
  BOOST_TEST(done == 6);
  BOOST_TEST(other.objectives[1] != one.objectives[1]);
}

// More components than parts split noise, differently from each start.
BOOST_AUTO_TEST_CASE(too_many_components_are_not_stable) {
  const Planted data = planted(200);
  const auto least = [&](int components) {
    const NnmfRuns runs = nnmf_restarts(data.X, options(components, 8, squares));
    for (std::size_t k = 0; k < runs.similarity.size(); ++k)
      BOOST_TEST(runs.least_similarity[k] <= runs.similarity[k] + 1e-12);
    return *std::min_element(runs.similarity.begin(), runs.similarity.end());
  };
  BOOST_TEST(least(3) > 0.999);
  BOOST_TEST(least(6) < 0.9);
}

BOOST_AUTO_TEST_CASE(assignment_is_the_best_of_all) {
  std::mt19937 random(3);
  for (int n = 1; n <= 6; ++n)
    for (int trial = 0; trial < 20; ++trial) {
      MatrixXd values(n, n);
      for (double& value : values.reshaped()) value = double(random() % 100) - 50;
      std::vector<int> order(static_cast<std::size_t>(n));
      std::iota(order.begin(), order.end(), 0);
      const auto sum = [&](const std::vector<int>& partner) {
        double total = 0;
        for (int i = 0; i < n; ++i) total += values(i, partner[std::size_t(i)]);
        return total;
      };
      double best = -1e9;
      do best = std::max(best, sum(order));
      while (std::next_permutation(order.begin(), order.end()));
      std::vector<int> found = best_assignment(values);
      BOOST_TEST(sum(found) == best);
      std::sort(found.begin(), found.end());
      for (int i = 0; i < n; ++i) BOOST_TEST(found[std::size_t(i)] == i);
    }
}

// Mean linkage done in the plainest way: the two nearest clusters of all are joined.
BOOST_AUTO_TEST_CASE(cophenetic_correlation_against_plain_clustering) {
  std::mt19937 random(11);
  const std::size_t things = 30;
  std::vector<std::vector<int>> divisions(5, std::vector<int>(things));
  for (auto& division : divisions)
    for (std::size_t i = 0; i < things; ++i)
      division[i] = random() % 3 == 0 ? int(random() % 4) : int(i / 8);
  std::vector<std::vector<double>> d(things, std::vector<double>(things)), h = d;
  for (std::size_t i = 0; i < things; ++i)
    for (std::size_t j = 0; j < things; ++j)
      for (const auto& division : divisions) d[i][j] += (division[i] != division[j]) / 5.0;
  std::vector<std::vector<std::size_t>> clusters;
  for (std::size_t i = 0; i < things; ++i) clusters.push_back({i});
  while (clusters.size() > 1) {
    std::size_t a = 0, b = 1;
    double least = 2;
    for (std::size_t i = 0; i < clusters.size(); ++i)
      for (std::size_t j = i + 1; j < clusters.size(); ++j) {
        double mean = 0;
        for (const std::size_t p : clusters[i])
          for (const std::size_t q : clusters[j])
            mean += d[p][q] / double(clusters[i].size() * clusters[j].size());
        if (mean < least - 1e-12) least = mean, a = i, b = j;
      }
    for (const std::size_t p : clusters[a])
      for (const std::size_t q : clusters[b]) h[p][q] = least;
    clusters[a].insert(clusters[a].end(), clusters[b].begin(), clusters[b].end());
    clusters.erase(clusters.begin() + long(b));
  }
  std::vector<double> x, y;
  for (std::size_t i = 0; i < things; ++i)
    for (std::size_t j = i + 1; j < things; ++j) {
      x.push_back(d[i][j]);
      y.push_back(std::max(h[i][j], h[j][i]));
    }
  const auto mean = [](const std::vector<double>& v) {
    return std::accumulate(v.begin(), v.end(), 0.0) / double(v.size());
  };
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += std::pow(x[i] - mean(x), 2);
    yy += std::pow(y[i] - mean(y), 2);
    xy += (x[i] - mean(x)) * (y[i] - mean(y));
  }
  // ties may be joined in another order
  BOOST_TEST(std::abs(cophenetic_correlation(divisions, 1000) - xy / std::sqrt(xx * yy)) < 0.02);
  BOOST_TEST(cophenetic_correlation({divisions[0], divisions[0]}, 1000) == 1,
             boost::test_tools::tolerance(1e-12));
  BOOST_TEST(cophenetic_correlation({std::vector<int>(5), std::vector<int>(5)}, 1000) == 1);
  divisions[0][4] = -1;  // is left out
  BOOST_TEST(std::isfinite(cophenetic_correlation(divisions, 10)));
}

BOOST_AUTO_TEST_CASE(empty_positions_and_what_cannot_be) {
  Planted data = planted(60);
  MatrixXd X(data.X);
  X.row(5).setZero();
  X.col(3).setZero();
  for (const auto objective : {squares, poisson}) {
    const NnmfRuns runs = nnmf_restarts(X.sparseView(), options(3, 2, objective));
    BOOST_TEST(classes_of(runs.best)[5] == -1);
    BOOST_TEST(std::isnan(runs.agreement[5]));
    BOOST_TEST(std::isnan(residuals_of(X.sparseView(), runs.best)[5]));
    BOOST_TEST(runs.best.weights.allFinite());
    BOOST_TEST(runs.best.patterns.allFinite());
    BOOST_TEST(runs.best.patterns.col(3).maxCoeff() < 1e-12);
    const double left = (X.row(9) - runs.best.weights.row(9) * runs.best.patterns).norm();
    BOOST_TEST(residuals_of(X.sparseView(), runs.best)[9] == left / X.row(9).norm(),
               boost::test_tools::tolerance(1e-9));
  }
  const auto kind = [&](const MatrixXd& values, int components) {
    try {
      nnmf(values.sparseView(), options(components, 1, squares), 0);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::interrupted;
  };
  BOOST_TEST((kind(MatrixXd::Zero(4, 4), 1) == ErrorKind::input));
  BOOST_TEST((kind(MatrixXd::Identity(4, 4), 5) == ErrorKind::study));
  BOOST_TEST((kind(MatrixXd::Identity(4, 4), 0) == ErrorKind::study));
  BOOST_TEST((kind(-MatrixXd::Identity(4, 4), 1) == ErrorKind::input));
  BOOST_TEST((kind(NAN * MatrixXd::Identity(4, 4), 1) == ErrorKind::input));
  // as many as there can be: everything is explained
  BOOST_TEST(
      nnmf(MatrixXd(MatrixXd::Identity(4, 4)).sparseView(), options(4, 1, squares), 0).objective <
      1e-12);
}

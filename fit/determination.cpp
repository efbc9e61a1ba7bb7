#include "fit/determination.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>

namespace pendel {

namespace {

// A parameter belongs to a combination if its share of the unit vector is at least this.
constexpr double takes_part = 0.2;

std::string joined_with_and(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t k = 0; k < names.size(); ++k)
    text += (k == 0 ? "" : k + 1 < names.size() ? ", " : " and ") + names[k];
  return text;
}

/// "0.8 a - 0.6 b"
std::string sum_text(const Eigen::VectorXd& coefficients, const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const double c = coefficients[long(k)];
    char part[40];
    std::snprintf(part, sizeof part, "%s%.2g ",
                  k == 0  ? (c < 0 ? "-" : "")
                  : c < 0 ? " - "
                          : " + ",
                  std::abs(c));
    text += part + names[k];
  }
  return text;
}

}  // namespace

Determination determination(const Eigen::MatrixXd& J, const std::vector<int>& free,
                            const std::vector<Parameter>& parameters, double factor) {
  const int n = int(parameters.size());
  std::vector<int> own, nuisance;
  for (const int k : free) (k < n ? own : nuisance).push_back(k);
  Determination result;
  result.worst = Eigen::VectorXd::Zero(n);
  if (own.empty()) return result;

  Eigen::MatrixXd A(J.rows(), long(own.size()));
  for (std::size_t c = 0; c < own.size(); ++c)
    A.col(long(c)) = J.col(own[c]) * (parameters[own[c]].upper - parameters[own[c]].lower);
  const double scale = std::max(A.norm(), 1e-300);
  if (!nuisance.empty()) {
    const Eigen::MatrixXd B = J(Eigen::all, nuisance);
    A -= B * B.completeOrthogonalDecomposition().solve(A);
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(A.transpose() * A);
  const double least = 1e-13 * scale * scale;  // rounding of the projection
  std::vector<Eigen::VectorXd> open;
  for (long i = 0; i < A.cols(); ++i) {  // increasing: the worst is the first
    const double value = eigen.eigenvalues()[i];
    const double sigma =
        value > least ? std::sqrt(factor / value) : std::numeric_limits<double>::infinity();
    Eigen::VectorXd v = Eigen::VectorXd::Zero(n);
    for (std::size_t c = 0; c < own.size(); ++c) v[own[c]] = eigen.eigenvectors()(long(c), i);
    if (i == 0) {
      result.worst = v;
      result.worst_sigma = sigma;
    }
    if (sigma < 1 / std::sqrt(12.0))
      ++result.rank;
    else
      open.push_back(v);
  }
  result.open.resize(n, long(open.size()));
  for (std::size_t i = 0; i < open.size(); ++i) result.open.col(long(i)) = open[i];
  return result;
}

std::vector<std::string> open_combinations(const std::vector<Determination>& positions,
                                           const std::vector<Parameter>& parameters) {
  struct Group {
    int count = 0;
    Eigen::VectorXd sum;
  };
  std::map<std::vector<int>, Group> groups;  // by the parameters that take part
  for (const Determination& position : positions) {
    std::map<std::vector<int>, std::vector<Eigen::VectorXd>> open;
    for (long i = 0; i < position.open.cols(); ++i) {
      std::vector<int> members;
      for (int k = 0; k < position.open.rows(); ++k)
        if (std::abs(position.open(k, i)) >= takes_part) members.push_back(k);
      open[members].push_back(position.open.col(i));
    }
    for (const auto& [members, vectors] : open) {
      if (members.size() > 1 && vectors.size() == members.size()) {  // nothing of them is known
        for (const int k : members) {
          Group& alone = groups[{k}];
          if (alone.count == 0) alone.sum = Eigen::VectorXd::Zero(position.open.rows());
          alone.sum[k] += 1;
          ++alone.count;
        }
        continue;
      }
      Group& group = groups[members];
      if (group.count == 0) group.sum = Eigen::VectorXd::Zero(position.open.rows());
      for (Eigen::VectorXd v : vectors) {
        if (group.sum.dot(v) < 0 || (group.sum.isZero(0) && v[members.front()] < 0)) v = -v;
        group.sum += v;
      }
      ++group.count;
    }
  }

  std::vector<std::pair<int, std::string>> lines;
  for (const auto& [members, group] : groups) {
    std::vector<std::string> names;
    for (const int k : members) names.push_back(parameters[std::size_t(k)].name);
    const Eigen::VectorXd v = group.sum(members).normalized();
    std::string text;
    if (members.size() == 1) {
      text = names[0] + " is not determined";
    } else if (members.size() == 2) {  // what is known is at right angles to what is not
      Eigen::Vector2d known(std::abs(v[1]), std::abs(v[0]));
      if (v[0] * v[1] > 0) known[1] = -known[1];
      text = joined_with_and(names) + " are determined only in the combination " +
             sum_text(known, names) + " (in units of their ranges)";
    } else {
      text = "of " + joined_with_and(names) + " the combination " + sum_text(v, names) +
             " (in units of their ranges) is not determined";
    }
    text += " at " + std::to_string(group.count) + " of " + std::to_string(positions.size()) +
            " positions";
    lines.emplace_back(group.count, text);
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> texts;
  for (const auto& line : lines) texts.push_back(line.second);
  return texts;
}

}  // namespace pendel

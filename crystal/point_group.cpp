#include "crystal/point_group.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/rotation.hpp"
#include "crystal/symmetry.hpp"

namespace pendel {

namespace {

/// Symbol, and generators: order (negative: with inversion) and axis; t is [111] of a cube.
const std::vector<std::pair<std::string, std::string>> standard_groups = {
    {"1", ""},          {"-1", "-1z"},         {"2", "2y"},
    {"m", "-2y"},       {"2/m", "2y -1z"},     {"222", "2z 2x"},
    {"mm2", "2z -2x"},  {"mmm", "2z 2x -1z"},  {"4", "4z"},
    {"-4", "-4z"},      {"4/m", "4z -1z"},     {"422", "4z 2x"},
    {"4mm", "4z -2x"},  {"-42m", "-4z 2x"},    {"4/mmm", "4z 2x -1z"},
    {"3", "3z"},        {"-3", "3z -1z"},      {"32", "3z 2x"},
    {"3m", "3z -2x"},   {"-3m", "3z 2x -1z"},  {"6", "6z"},
    {"-6", "-6z"},      {"6/m", "6z -1z"},     {"622", "6z 2x"},
    {"6mm", "6z -2x"},  {"-6m2", "-6z -2x"},   {"6/mmm", "6z 2x -1z"},
    {"23", "2z 3t"},    {"m-3", "2z 3t -1z"},  {"432", "4z 3t"},
    {"-43m", "-4z 3t"}, {"m-3m", "4z 3t -1z"},
};

bool contains(const std::vector<Mat3>& operations, const Mat3& R) {
  return std::any_of(operations.begin(), operations.end(),
                     [&](const Mat3& known) { return (known - R).norm() < 1e-3; });
}

/// 1 and the products of the generators.
std::vector<Mat3> generated(const std::vector<Mat3>& generators) {
  std::vector<Mat3> operations = {Mat3::Identity()};
  for (std::size_t i = 0; i < operations.size(); ++i)
    for (const Mat3& generator : generators) {
      const Mat3 product = operations[i] * generator;
      if (!contains(operations, product)) operations.push_back(product);
    }
  return operations;
}

std::vector<Mat3> parsed_generators(const std::string& text) {
  const std::map<char, Vec3> axes = {
      {'x', Vec3::UnitX()}, {'y', Vec3::UnitY()}, {'z', Vec3::UnitZ()}, {'t', Vec3(1, 1, 1)}};
  std::vector<Mat3> generators;
  std::istringstream words(text);
  int order;
  char axis;
  while (words >> order >> axis)
    generators.push_back((order < 0 ? -1 : 1) *
                         rotation_about(axes.at(axis), 2 * electron::pi / std::abs(order)));
  return generators;
}

/// How many operations of each kind: rotations of order 1, 2, 3, 4, 6, then the same with
/// inversion. No two of the 32 classes agree in it.
std::array<int, 10> kinds(const std::vector<Mat3>& operations) {
  std::array<int, 10> count = {};
  for (const Mat3& R : operations) {
    const bool improper = R.determinant() < 0;
    const long trace = std::lround(improper ? -R.trace() : R.trace());
    const int order_of_trace[] = {1, 2, 3, 4, 0};  // trace -1, 0, 1, 2, 3 -> order 2, 3, 4, 6, 1
    ++count[std::size_t(order_of_trace[trace + 1] + (improper ? 5 : 0))];
  }
  return count;
}

PointGroup named(std::vector<Mat3> operations) {
  static const auto names = [] {
    std::map<std::array<int, 10>, std::string> result;
    for (const auto& [name, generators] : standard_groups)
      result[kinds(generated(parsed_generators(generators)))] = name;
    return result;
  }();
  const auto found = names.find(kinds(operations));
  if (found == names.end())
    throw Error(ErrorKind::numerical,
                std::to_string(operations.size()) +
                    " operations found that are no crystallographic point group; the atoms are "
                    "symmetric only within a part of the tolerance");
  return {found->second, std::move(operations)};
}

}  // namespace

PointGroup point_group(const Crystal& crystal, double tolerance_A) {
  if (crystal.sites.empty())
    throw Error(ErrorKind::study,
                "crystal " + crystal.name + " has no atoms that its point group could be found of");
  std::vector<Mat3> operations = {Mat3::Identity()};
  for (Mat3 R : point_operations(crystal, tolerance_A)) {
    // Cells are symmetric within their figures; Newton's iteration to the nearest orthogonal
    // matrix.
    for (int i = 0; i < 3; ++i) R = (0.5 * (R + R.inverse().transpose())).eval();
    if (!contains(operations, R)) operations.push_back(R);
  }
  return named(std::move(operations));
}

PointGroup point_group(const std::string& name) {
  for (const auto& [symbol, generators] : standard_groups)
    if (symbol == name) return {name, generated(parsed_generators(generators))};
  std::string known;
  for (const std::string& symbol : point_group_names()) known += " " + symbol;
  throw Error(ErrorKind::study, "point group '" + name + "'; there are" + known);
}

const std::vector<std::string>& point_group_names() {
  static const auto names = [] {
    std::vector<std::string> result;
    for (const auto& group : standard_groups) result.push_back(group.first);
    return result;
  }();
  return names;
}

PointGroup laue_group(const PointGroup& group) {
  std::vector<Mat3> operations = group.operations;
  for (const Mat3& R : group.operations)
    if (!contains(operations, -R)) operations.push_back(-R);
  return named(std::move(operations));
}

bool contains(const PointGroup& group, const Mat3& R) { return contains(group.operations, R); }

PointGroup rotation_group(const PointGroup& group) {
  std::vector<Mat3> rotations;
  for (const Mat3& R : group.operations)
    if (R.determinant() > 0) rotations.push_back(R);
  return named(std::move(rotations));
}

}  // namespace pendel

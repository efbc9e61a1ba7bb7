#include "scan/origin.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/median.hpp"
#include "core/parallel.hpp"

namespace pendel {

namespace {

const Vec2 nothing = Vec2::Constant(std::nan(""));

/// Centre of mass of what is above half the maximum within `radius` of `about`.
template <class Real>
Vec2 bright_centre(const Real* pattern, std::size_t q_rows, std::size_t q_columns,
                   const std::vector<float>& mask, const Vec2& about, double radius) {
  const auto low = [&](double c) { return std::size_t(std::max(0.0, std::ceil(c - radius))); };
  const auto high = [&](double c, std::size_t n) {
    return std::size_t(std::clamp(std::floor(c + radius) + 1, 0.0, double(n)));
  };
  const auto visit = [&](const auto& use) {
    for (std::size_t row = low(about.y()); row < high(about.y(), q_rows); ++row)
      for (std::size_t column = low(about.x()); column < high(about.x(), q_columns); ++column) {
        const Vec2 at = Vec2(double(column), double(row));
        const std::size_t pixel = row * q_columns + column;
        if ((at - about).norm() > radius || (!mask.empty() && mask[pixel] == 0)) continue;
        const double value = double(pattern[pixel]);
        if (std::isfinite(value)) use(at, value);
      }
  };
  double most = 0, sum = 0;
  visit([&](const Vec2&, double value) { most = std::max(most, value); });
  if (!(most > 0)) return nothing;
  Vec2 centre(0, 0);
  visit([&](const Vec2& at, double value) {
    // less the threshold: a pixel that passes it changes nothing at once
    const double weight = value - 0.5 * most;
    if (weight <= 0) return;
    sum += weight;
    centre += weight * at;
  });
  return centre / sum;
}

}  // namespace

Vec2 mean_origin(const DataCube& cube, const std::vector<float>& mask) {
  std::vector<double> mean(cube.pixels());
  std::vector<float> pattern(cube.pixels());
  const std::size_t count = std::min<std::size_t>(64, cube.positions());
  for (std::size_t i = 0; i < count; ++i) {
    cube.read(i * cube.positions() / count, 1, pattern.data());
    for (std::size_t p = 0; p < pattern.size(); ++p)
      if (std::isfinite(pattern[p]) && (mask.empty() || mask[p] != 0))
        mean[p] += double(pattern[p]);
  }
  const std::size_t columns = cube.q_columns(), rows = cube.q_rows();
  const auto brightest = std::size_t(std::max_element(mean.begin(), mean.end()) - mean.begin());
  const double half = 0.5 * mean[brightest];
  if (!(half > 0))
    throw Error(ErrorKind::input, cube.recording().path +
                                      ": the patterns are empty, no beam is found in them; give "
                                      "its place");
  std::vector<std::size_t> todo{brightest};
  std::vector<bool> seen(mean.size());
  seen[brightest] = true;
  Vec2 centre(0, 0);
  double sum = 0;
  while (!todo.empty()) {
    const std::size_t p = todo.back(), row = p / columns, column = p % columns;
    todo.pop_back();
    sum += mean[p];
    centre += mean[p] * Vec2(double(column), double(row));
    const auto visit = [&](bool inside, std::size_t next) {
      if (!inside || seen[next] || !(mean[next] > half)) return;
      seen[next] = true;
      todo.push_back(next);
    };
    visit(column > 0, p - 1);
    visit(column + 1 < columns, p + 1);
    visit(row > 0, p - columns);
    visit(row + 1 < rows, p + columns);
  }
  return centre / sum;
}

MeasuredOrigins measured_origins(const DataCube& cube, const Vec2& about, double radius,
                                 const std::vector<float>& mask,
                                 const std::function<void(std::size_t)>& progress) {
  MeasuredOrigins result{cube.rows(), cube.columns(), std::vector<Vec2>(cube.positions())};
  for (std::size_t row = 0; row < cube.rows(); ++row) {
    parallel_for(long(cube.columns()), [&](long column, int) {
      const std::size_t position = row * cube.columns() + std::size_t(column);
      std::vector<float> pattern(cube.pixels());
      cube.read(position, 1, pattern.data());
      Vec2 at = about;
      for (int step = 0; step < 3 && at.allFinite(); ++step)
        at = bright_centre(pattern.data(), cube.q_rows(), cube.q_columns(), mask, at, radius);
      result.at[position] = at;
    });
    if (progress) progress((row + 1) * cube.columns());
  }
  return result;
}

MeasuredOrigins measured_origins(const BraggPeaks& peaks, const Vec2& about, double radius) {
  MeasuredOrigins result{peaks.rows, peaks.columns, std::vector<Vec2>(peaks.positions(), nothing)};
  for (std::size_t position = 0; position < peaks.positions(); ++position) {
    double most = 0;
    for (const BraggPeak& peak : peaks.at[position])
      if ((peak.position - about).norm() <= radius && peak.intensity > most) {
        most = peak.intensity;
        result.at[position] = peak.position;
      }
  }
  return result;
}

OriginFit fit_origins(const MeasuredOrigins& measured, OriginShape shape) {
  const std::size_t count = measured.at.size();
  OriginFit fit;
  fit.at.assign(count, nothing);
  fit.outlier.assign(count, true);
  if (shape == OriginShape::none) {
    fit.at = measured.at;
    for (std::size_t i = 0; i < count; ++i) fit.outlier[i] = !measured.at[i].allFinite();
    fit.error = fit.scatter = nothing;
    return fit;
  }
  const int terms = shape == OriginShape::constant ? 1 : shape == OriginShape::plane ? 3 : 6;
  Eigen::MatrixXd A(long(count), terms);
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = 2 * (double(i % measured.columns) + 0.5) / double(measured.columns) - 1;
    const double y = 2 * (double(i / measured.columns) + 0.5) / double(measured.rows) - 1;
    const double row[] = {1, x, y, x * x, x * y, y * y};
    for (int k = 0; k < terms; ++k) A(long(i), k) = row[k];
    if (measured.at[i].allFinite()) found.push_back(i);
  }
  const auto too_few = [&](std::size_t left) {
    if (left < 2 * std::size_t(terms) && count >= 2 * std::size_t(terms))
      throw Error(ErrorKind::numerical, "the beam is found at " + std::to_string(left) + " of " +
                                            std::to_string(count) + " positions; a fit needs " +
                                            std::to_string(2 * terms) +
                                            ": give a simpler shape or the beam's place");
    if (left < std::size_t(terms))
      throw Error(ErrorKind::numerical, "a scan of " + std::to_string(count) +
                                            " positions cannot tell the shape of the origin; "
                                            "take constant");
  };
  too_few(found.size());

  Eigen::VectorXd weight = Eigen::VectorXd::Zero(long(count));
  for (const std::size_t i : found) weight[long(i)] = 1;
  Eigen::MatrixXd coefficients(terms, 2);
  const auto solve = [&] {
    Eigen::MatrixXd wA(long(found.size()), terms), b(long(found.size()), 2);
    for (std::size_t k = 0; k < found.size(); ++k) {
      const long i = long(found[k]);
      const double root = std::sqrt(weight[i]);
      wA.row(long(k)) = root * A.row(i);
      b.row(long(k)) = root * measured.at[found[k]].transpose();
    }
    coefficients = wA.completeOrthogonalDecomposition().solve(b);
  };
  // least absolute residuals first: outliers must not draw the start to them
  for (int round = 0; round < 60; ++round) {
    solve();
    std::vector<double> lengths;
    for (const std::size_t i : found)
      lengths.push_back((measured.at[i] - (A.row(long(i)) * coefficients).transpose()).norm());
    // median of the length of a normal pair: 1.1774 standard deviations
    const double spread = std::max(median(lengths) / 1.1774, 1e-9);
    for (std::size_t k = 0; k < found.size(); ++k) {
      const double u = lengths[k] / (4.685 * spread);
      weight[long(found[k])] = round < 30 ? spread / std::max(lengths[k], 0.1 * spread)
                               : u < 1    ? std::pow(1 - u * u, 2)
                                          : 0;
    }
  }
  std::size_t left = 0;
  for (const std::size_t i : found) left += weight[long(i)] > 0;
  too_few(left);
  solve();

  Vec2 squares(0, 0);
  Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(terms, terms);
  for (const std::size_t i : found) {
    fit.outlier[i] = weight[long(i)] == 0;
    if (fit.outlier[i]) continue;
    squares += (measured.at[i] - (A.row(long(i)) * coefficients).transpose()).cwiseAbs2();
    normal += A.row(long(i)).transpose() * A.row(long(i));
  }
  fit.scatter = (squares / std::max(1.0, double(left) - double(terms))).cwiseSqrt();
  const Eigen::MatrixXd inverse = normal.completeOrthogonalDecomposition().pseudoInverse();
  double leverage = 0;
  for (std::size_t i = 0; i < count; ++i) {
    fit.at[i] = (A.row(long(i)) * coefficients).transpose();
    leverage += (A.row(long(i)) * inverse * A.row(long(i)).transpose())(0, 0) / double(count);
  }
  // Tukey's weights use 95 % of what normal noise tells
  fit.error = fit.scatter * std::sqrt(leverage / 0.95);
  return fit;
}

}  // namespace pendel

#include "scan/amorphous.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/least_squares.hpp"
#include "core/parallel.hpp"
#include "scan/virtual_image.hpp"

namespace pendel {

namespace {

constexpr int sectors = 12;

/// Mean and its standard error of the finite ones.
void mean_of(const std::vector<double>& values, double& mean, double& error) {
  double sum = 0, squares = 0, count = 0;
  for (const double value : values)
    if (std::isfinite(value)) sum += value, ++count;
  mean = sum / count;
  for (const double value : values)
    if (std::isfinite(value)) squares += (value - mean) * (value - mean);
  error = std::sqrt(squares / ((count - 1) * count));
}

}  // namespace

HaloFit fit_halo(const RadialProfile& profile, double from, double to) {
  std::vector<double> r, value, weight;
  for (std::size_t i = 0; i < profile.bins.count; ++i) {
    const double radius = profile.bins.centre(i);
    if (radius < from || radius > to || !(profile.pixels[i] > 1)) continue;
    r.push_back(radius);
    value.push_back(profile.mean[i]);
    // no bin is known better than to a ten-thousandth of its value
    weight.push_back(1 / std::sqrt(profile.variance[i] / profile.pixels[i] +
                                   std::pow(1e-4 * profile.mean[i], 2) + 1e-300));
  }
  const auto none = [&](const std::string& why) {
    return Error(ErrorKind::numerical, "no halo between " + std::to_string(from) + " and " +
                                           std::to_string(to) + ": " + why);
  };
  if (r.size() < 6) throw none(std::to_string(r.size()) + " radii are too few for five unknowns");
  const double span = r.back() - r.front(), middle = 0.5 * (r.front() + r.back());
  const auto line = [&](double at) {
    return value.front() + (value.back() - value.front()) * (at - r.front()) / span;
  };
  std::size_t top = 0;
  for (std::size_t k = 0; k < r.size(); ++k)
    if (value[k] - line(r[k]) > value[top] - line(r[top])) top = k;
  // position, width, height, background at the middle, its slope
  Eigen::VectorXd x(5);
  x << r[top], span / 6, value[top] - line(r[top]), line(middle),
      (value.back() - value.front()) / span;
  const double inf = std::numeric_limits<double>::infinity();
  Eigen::VectorXd lower = Eigen::VectorXd::Constant(5, -inf), upper = -lower;
  lower[0] = r.front(), upper[0] = r.back();
  lower[1] = 0.2 * profile.bins.step, upper[1] = 2 * span;
  const auto residuals = [&](const double* p, double* rest, double* J) {
    for (std::size_t k = 0; k < r.size(); ++k) {
      const double t = (r[k] - p[0]) / p[1], gauss = std::exp(-0.5 * t * t), w = weight[k];
      rest[k] = (p[2] * gauss + p[3] + p[4] * (r[k] - middle) - value[k]) * w;
      if (!J) continue;
      double* row = J + 5 * k;
      row[0] = p[2] * gauss * t / p[1] * w;
      row[1] = p[2] * gauss * t * t / p[1] * w;
      row[2] = gauss * w;
      row[3] = w;
      row[4] = (r[k] - middle) * w;
    }
    return true;
  };
  const Minimum minimum = minimise(residuals, int(r.size()), x, lower, upper, 200, 1e-10);
  Eigen::VectorXd rest(long(r.size()));
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> J(long(r.size()), 5);
  residuals(x.data(), rest.data(), J.data());
  const Eigen::FullPivLU<Eigen::MatrixXd> lu(J.transpose() * J);
  if (!minimum.converged || !lu.isInvertible() || x[0] <= lower[0] || x[0] >= upper[0])
    throw none("the fit of a Gauss on a line ends nowhere in it");
  const double scatter = minimum.chi2 / (double(r.size()) - 5);
  const Eigen::VectorXd error = (lu.inverse().diagonal() * std::max(1.0, scatter)).cwiseSqrt();
  if (!(x[2] > 3 * error[2]))
    throw none("what is there is " + std::to_string(x[2] / error[2]) +
               " standard errors high; 3 are needed");
  return {x[0], x[1], x[2], error[0], error[1], error[2]};
}

Fluctuation fluctuation(const DataCube& cube, const Calibration& calibration, const Bins& bins,
                        double gain, const std::vector<float>& mask) {
  const std::size_t rows = cube.q_rows(), columns = cube.q_columns();
  Fluctuation result{bins, {}, {}, {}, {}};
  const RadialMap rings(calibration, 0, bins, rows, columns, mask);
  std::vector<std::vector<double>> within(bins.count, std::vector<double>(cube.positions()));
  std::vector<char> recorded(cube.positions());
  parallel_for(long(cube.positions()), [&](long position, int) {
    std::vector<float> pattern(cube.pixels());
    cube.read(std::size_t(position), 1, pattern.data());
    recorded[std::size_t(position)] = !std::isnan(pattern[0]);
    const RadialProfile profile = rings.profile(pattern.data());
    for (std::size_t i = 0; i < bins.count; ++i) {
      const double mean = profile.mean[i], n = profile.pixels[i];
      const double variance = profile.variance[i] * n / (n - 1);
      within[i][std::size_t(position)] =
          n > 1 && mean != 0 ? (variance - gain * mean) / (mean * mean - variance / n)
                             : std::nan("");
    }
  });
  const auto n = double(std::count(recorded.begin(), recorded.end(), char(1)));
  if (n < 3)
    throw Error(ErrorKind::input, cube.recording().path + ": has " + std::to_string(long(n)) +
                                      " patterns; fluctuations need three");
  result.within_rings.resize(bins.count);
  result.within_rings_error.resize(bins.count);
  for (std::size_t i = 0; i < bins.count; ++i)
    mean_of(within[i], result.within_rings[i], result.within_rings_error[i]);

  // per pixel: unbiased variance less counting noise, and the square of the expected value
  const ScanImages images = scan_images(cube, {});
  std::vector<double> excess(cube.pixels()), square(cube.pixels());
  for (std::size_t p = 0; p < cube.pixels(); ++p) {
    const double variance = images.variance[p] * n / (n - 1);
    excess[p] = variance - gain * images.mean[p];
    square[p] = images.mean[p] * images.mean[p] - variance / n;
  }
  const auto ratio = [&](const std::vector<float>& used) {
    const RadialMap map(calibration, 0, bins, rows, columns, used);
    const RadialProfile above = map.profile(excess.data()), below = map.profile(square.data());
    std::vector<double> values(bins.count);
    for (std::size_t i = 0; i < bins.count; ++i) values[i] = above.mean[i] / below.mean[i];
    return values;
  };
  result.over_scan = ratio(mask);
  const Eigen::Matrix2d M = calibration.matrix();
  std::vector<std::vector<double>> parts(bins.count);
  for (int sector = 0; sector < sectors; ++sector) {
    std::vector<float> used(cube.pixels());
    for (std::size_t p = 0; p < used.size(); ++p) {
      const Vec2 v = M * (Vec2(double(p % columns), double(p / columns)) - calibration.origin[0]);
      const double turn = std::atan2(v.y(), v.x()) / (2 * electron::pi);
      const int own = std::min(int((turn - std::floor(turn)) * sectors), sectors - 1);
      used[p] = own == sector && (mask.empty() || mask[p] != 0) ? 1 : 0;
    }
    const std::vector<double> values = ratio(used);
    for (std::size_t i = 0; i < bins.count; ++i) parts[i].push_back(values[i]);
  }
  result.over_scan_error.resize(bins.count);
  for (std::size_t i = 0; i < bins.count; ++i) {
    double mean;
    mean_of(parts[i], mean, result.over_scan_error[i]);
  }
  return result;
}

PairDistribution pair_distribution(const RadialProfile& profile, const PairOptions& options) {
  double atoms = 0;
  for (const auto& [Z, share] : options.composition) atoms += share;
  if (!(atoms > 0))
    throw Error(ErrorKind::study, "the composition of the pair distribution holds no atoms");
  PairDistribution result;
  std::vector<double> mean_f, mean_f2, intensity;
  for (std::size_t i = 0; i < profile.bins.count; ++i) {
    const double q = profile.bins.centre(i);
    if (q < options.from_invA || q > options.to_invA || !std::isfinite(profile.mean[i])) continue;
    double f1 = 0, f2 = 0;
    for (const auto& [Z, share] : options.composition) {
      const double f = scattering_factor(options.table, Z, q);
      f1 += share / atoms * f;
      f2 += share / atoms * f * f;
    }
    result.q.push_back(q);
    mean_f.push_back(f1);
    mean_f2.push_back(f2);
    intensity.push_back(profile.mean[i]);
  }
  if (result.q.size() < 10 || result.q.back() < options.to_invA - 2 * profile.bins.step)
    throw Error(ErrorKind::input, "the radial mean has " + std::to_string(result.q.size()) +
                                      " values between " + std::to_string(options.from_invA) +
                                      " and " + std::to_string(options.to_invA) +
                                      " 1/Å, and must reach the second");
  // relative weights: I falls as steeply as f²
  Eigen::Matrix2d H = Eigen::Matrix2d::Zero();
  Vec2 b(0, 0);
  for (std::size_t k = 0; k < result.q.size(); ++k) {
    const double weight = std::pow(result.q[k] / result.q.back(), 4) / mean_f2[k];
    const Vec2 row = Vec2(mean_f2[k], 1) * weight;
    H += row * row.transpose();
    b += row * intensity[k] * weight;
  }
  const Vec2 x = H.ldlt().solve(b);
  for (std::size_t k = 0; k < result.q.size(); ++k) {
    result.smooth.push_back(x[0] * mean_f2[k] + x[1]);
    result.structure.push_back(2 * electron::pi * result.q[k] * (intensity[k] - result.smooth[k]) /
                               (x[0] * mean_f[k] * mean_f[k]));
  }
  const auto steps = std::size_t(std::floor(options.r_max_A / options.r_step_A)) + 1;
  for (std::size_t j = 0; j < steps; ++j) {
    const double r = double(j) * options.r_step_A;
    const auto term = [&](double q, double F) {
      return F * std::sin(2 * electron::pi * q * r) * std::exp(-options.damping_A2 * q * q);
    };
    double sum = 0;
    for (std::size_t k = 0; k < result.q.size(); ++k)
      sum += (k + 1 == result.q.size() ? 0.5 : 1) * term(result.q[k], result.structure[k]);
    // below the first q, F goes to 0 with q
    for (double q = result.q[0] - profile.bins.step; q > 0; q -= profile.bins.step)
      sum += term(q, result.structure[0] * q / result.q[0]);
    // ds = 2π dq
    result.r.push_back(r);
    result.G.push_back(2 / electron::pi * sum * 2 * electron::pi * profile.bins.step);
  }
  return result;
}

}  // namespace pendel

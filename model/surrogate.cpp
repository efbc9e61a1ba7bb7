#include "model/surrogate.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace pendel {

using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// Surrogates in the tilts average over the aperture exactly: what they are compared with must do so
// better than the model that they stand for, whose cubature may be wrong by as much as they.
ForwardModel reference(const ForwardModel& exact) {
  const bool tilted =
      std::any_of(exact.parameters().begin(), exact.parameters().end(),
                  [](const Parameter& p) { return !p.direction.beam_tilt.isZero(0); });
  if (!tilted || exact.semiangle() == 0) return exact;
  std::vector<Hkl> disks;
  for (const int row : exact.rows()) disks.push_back(beams(exact.engine()).hkl[std::size_t(row)]);
  return ForwardModel(exact.base(), exact.shared_engine(), disks, exact.parameters(),
                      exact.semiangle(), exact.aperture_degree() + 2);
}

}  // namespace

Surrogate::Surrogate(const ForwardModel& exact, const SurrogateOptions& options)
    : parameters_(exact.parameters()) {
  // Lines through random points say how many nodes are needed (sums of coefficients, which exceed
  // the error); if the certificate disagrees, more.
  for (double tail : {1.4, 0.5, 0.15}) {
    build(exact, options, tail * options.tolerance);
    certify(exact, options);
    if (certificate_.r1_max <= options.tolerance) return;
  }
  throw Error(ErrorKind::numerical,
              "the surrogate misses its tolerance: R1 = " + std::to_string(certificate_.r1_max) +
                  " at a random point, allowed " + std::to_string(options.tolerance) +
                  "; narrow the ranges or use search: multistart");
}

void Surrogate::certify(const ForwardModel& exact, const SurrogateOptions& options) {
  std::mt19937 random(577215664);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<VectorXd> points(options.certificate_points, VectorXd(parameters_.size()));
  for (VectorXd& point : points)
    for (long k = 0; k < point.size(); ++k)
      point[k] =
          parameters_[k].lower + uniform(random) * (parameters_[k].upper - parameters_[k].lower);
  const ForwardModel truth = reference(exact);
  std::vector<double> r1(points.size());
  parallel_for(long(points.size()), [&](long i, int) {
    VectorXd expected, value;
    truth.evaluate(points[i].data(), expected, nullptr);
    evaluate(points[i].data(), value, nullptr);
    r1[i] = (value - expected).cwiseAbs().sum() / expected.sum();
  });
  certificate_.points = options.certificate_points;
  certificate_.r1_mean = std::accumulate(r1.begin(), r1.end(), 0.0) / double(r1.size());
  certificate_.r1_max = *std::max_element(r1.begin(), r1.end());
}

void Surrogate::evaluate(const double* values, VectorXd& intensity, MatrixXd* jacobian) const {
  const long n = long(order_.size());
  VectorXd x(n);
  for (long k = 0; k < n; ++k) {
    const Parameter& p = parameters_[order_[k]];
    x[k] = 2 * (values[order_[k]] - p.lower) / (p.upper - p.lower) - 1;
  }
  if (!jacobian) return series_.evaluate(x.data(), intensity, nullptr);
  MatrixXd derivatives;
  series_.evaluate(x.data(), intensity, &derivatives);
  jacobian->resize(disks_, n);
  for (long k = 0; k < n; ++k) {
    const Parameter& p = parameters_[order_[k]];
    jacobian->col(order_[k]) = 2 / (p.upper - p.lower) * derivatives.col(k);
  }
}

}  // namespace pendel

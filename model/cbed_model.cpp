#include "model/cbed_model.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

CbedModel::CbedModel(std::shared_ptr<const RockingCurves> curves,
                     std::shared_ptr<const DiskPixels> pixels)
    : curves_(std::move(curves)), pixels_(std::move(pixels)) {}

void CbedModel::evaluate(const double* values, Eigen::VectorXd& intensity,
                         Eigen::MatrixXd* jacobian) const {
  Eigen::MatrixXd curves;
  std::vector<Eigen::MatrixXd> derivatives;
  curves_->evaluate(values, pixels_->nodes, curves, jacobian ? &derivatives : nullptr);
  intensity.resize(disks());
  if (jacobian) jacobian->resize(disks(), long(derivatives.size()));
  for (long d = 0; d < curves.rows(); ++d) {
    const Eigen::MatrixXd& map = pixels_->map[std::size_t(d)];
    const long first = pixels_->first[std::size_t(d)];
    intensity.segment(first, map.rows()) = map * curves.row(d).transpose();
    if (!jacobian) continue;
    for (std::size_t k = 0; k < derivatives.size(); ++k)
      jacobian->col(long(k)).segment(first, map.rows()) = map * derivatives[k].row(d).transpose();
  }
}

InterpolationDegree interpolation_degree(const RockingCurves& curves, double radius,
                                         double tolerance, int most_directions) {
  constexpr int points = 3, directions = 60;
  std::mt19937 random(20240917);
  std::uniform_real_distribution<double> uniform;
  std::vector<Vec2> tested;
  for (int i = 0; i < directions; ++i) {
    const double r = radius * std::sqrt(uniform(random)), phi = 2 * electron::pi * uniform(random);
    tested.emplace_back(r * std::cos(phi), r * std::sin(phi));
  }
  std::vector<Eigen::VectorXd> values;
  std::vector<Eigen::MatrixXd> truth;
  for (int p = 0; p < points; ++p) {
    Eigen::VectorXd at(long(curves.parameters().size()));
    for (long k = 0; k < at.size(); ++k) {
      const Parameter& parameter = curves.parameters()[std::size_t(k)];
      at[k] =
          parameter.lower + (p == 0 ? 0.5 : uniform(random)) * (parameter.upper - parameter.lower);
    }
    values.push_back(at);
    truth.emplace_back();
    curves.evaluate(at.data(), tested, truth.back(), nullptr);
  }
  InterpolationDegree result;
  for (int degree = 2;; degree += 2) {
    if ((degree + 1) * (degree + 2) / 2 > most_directions)
      throw Error(
          ErrorKind::numerical,
          "rocking curves need more than most_directions = " + std::to_string(most_directions) +
              " directions in the aperture: " + std::to_string(degree * (degree - 1) / 2) +
              " leave an error of " + std::to_string(result.error) +
              " (wanted: " + std::to_string(tolerance) + ")");
    const Eigen::MatrixXd map = disk_interpolation(degree, radius, tested);
    const std::vector<Vec2> nodes = disk_nodes(degree, radius);
    result = {degree, 0};
    for (int p = 0; p < points; ++p) {
      Eigen::MatrixXd at_nodes;
      curves.evaluate(values[std::size_t(p)].data(), nodes, at_nodes, nullptr);
      const Eigen::MatrixXd& I = truth[std::size_t(p)];
      result.error =
          std::max(result.error, (at_nodes * map.transpose() - I).cwiseAbs().sum() / I.sum());
    }
    if (result.error <= tolerance) return result;
  }
}

}  // namespace pendel

#include "model/forward_model.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.hpp"

namespace pendel {

namespace {

bool moves_directions(const StateTangent& tangent) {
  return tangent.semiangle != 0 || tangent.tilt_spread != 0;
}

}  // namespace

ForwardModel::ForwardModel(State base, std::shared_ptr<const Engine> engine,
                           const std::vector<Hkl>& disks, std::vector<Parameter> parameters,
                           double semiangle, int aperture_degree)
    : base_(std::move(base)),
      engine_(std::move(engine)),
      parameters_(std::move(parameters)),
      semiangle_(semiangle),
      aperture_degree_(aperture_degree) {
  base_.semiangle = semiangle;
  for (const Hkl& hkl : disks) {
    rows_.push_back(beams(*engine_).index(hkl));
    if (rows_.back() < 0)
      throw Error(ErrorKind::study, "disk (" + std::to_string(hkl.h) + " " + std::to_string(hkl.k) +
                                        " " + std::to_string(hkl.l) +
                                        ") is not among the beams of the engine");
  }
  double spread = base_.tilt_spread;
  for (const Parameter& parameter : parameters_) {
    tangents_.push_back(parameter.direction);
    if (parameter.direction.tilt_spread > 0)
      spread = std::max(spread, parameter.upper * parameter.direction.tilt_spread);
    if (parameter.direction.semiangle == 0) continue;
    if (std::abs(parameter.nominal * parameter.direction.semiangle - semiangle) > 1e-9)
      throw Error(ErrorKind::study, "parameter " + parameter.name + " starts from " +
                                        std::to_string(parameter.nominal) + " " + parameter.unit +
                                        ", the model from a semi-angle of " +
                                        std::to_string(semiangle * 1e3) + " mrad; they must agree");
    if (aperture_degree < 3)
      throw Error(ErrorKind::study, "parameter " + parameter.name +
                                        " needs an aperture of several directions; degree " +
                                        std::to_string(aperture_degree) + " has one");
  }

  double g = 0;
  for (int row : rows_) g = std::max(g, beams(*engine_).g[std::size_t(row)].norm());
  const Aperture disk = disk_aperture(aperture_degree < 3 ? 0 : 1, aperture_degree),
                 gauss =
                     gaussian_spread(1, gaussian_spread_degree(spread, g, total_thickness(base_)));
  for (std::size_t i = 0; i < disk.offsets.size(); ++i)
    for (std::size_t j = 0; j < gauss.offsets.size(); ++j) {
      unit_aperture_.push_back(disk.offsets[i]);
      unit_spread_.push_back(gauss.offsets[j]);
      aperture_.weights.push_back(disk.weights[i] * gauss.weights[j]);
    }
  aperture_.offsets = offsets(base_);
}

std::vector<Vec2> ForwardModel::offsets(const State& state) const {
  std::vector<Vec2> result(unit_aperture_.size());
  for (std::size_t q = 0; q < result.size(); ++q)
    result[q] = state.semiangle * unit_aperture_[q] + state.tilt_spread * unit_spread_[q];
  return result;
}

void ForwardModel::evaluate(const double* values, Eigen::VectorXd& intensity,
                            Eigen::MatrixXd* jacobian) const {
  // The engine's tangents: of the parameters and, where one moves the directions, of the tilt.
  const State state = state_at(base_, parameters_, values);
  std::vector<StateTangent> tangents;
  if (jacobian) tangents = tangents_;
  const bool moving = std::any_of(tangents.begin(), tangents.end(), moves_directions);
  for (int axis = 0; moving && axis < 2; ++axis) tangents.push_back(tilt_direction(axis));
  ExitWaves waves;
  exit_waves(*engine_, state, offsets(state), tangents, waves);
  const Eigen::Map<const Eigen::VectorXd> weights(aperture_.weights.data(),
                                                  long(aperture_.weights.size()));
  const auto disks = [&](const MatrixXcd& amplitudes) { return amplitudes(rows_, Eigen::all); };
  const MatrixXcd psi = disks(waves.psi);
  intensity = psi.cwiseAbs2() * weights;
  if (!jacobian) return;
  jacobian->resize(intensity.size(), long(tangents_.size()));
  const auto derivative = [&](std::size_t k) {  // 2 Re(ψ* dψ): (disks, directions)
    return Eigen::MatrixXd(2 * psi.conjugate().cwiseProduct(disks(waves.dpsi[k])).real());
  };
  const std::size_t n = tangents_.size();
  for (std::size_t k = 0; k < n; ++k) {
    jacobian->col(long(k)) = derivative(k) * weights;
    const StateTangent& tangent = tangents_[k];
    for (int axis = 0; moves_directions(tangent) && axis < 2; ++axis) {
      Eigen::VectorXd turned(weights.size());
      for (long q = 0; q < turned.size(); ++q)
        turned[q] = weights[q] * (tangent.semiangle * unit_aperture_[std::size_t(q)][axis] +
                                  tangent.tilt_spread * unit_spread_[std::size_t(q)][axis]);
      jacobian->col(long(k)) += derivative(n + std::size_t(axis)) * turned;
    }
  }
}

}  // namespace pendel

#include "model/forward_model.hpp"

#include <string>

#include "core/error.hpp"

namespace pendel {

ForwardModel::ForwardModel(State base, std::shared_ptr<const Engine> engine,
                           const std::vector<Hkl>& disks, std::vector<Parameter> parameters,
                           double semiangle, int aperture_degree)
    : base_(std::move(base)),
      engine_(std::move(engine)),
      parameters_(std::move(parameters)),
      semiangle_(semiangle),
      aperture_degree_(aperture_degree),
      aperture_(disk_aperture(semiangle, aperture_degree)) {
  for (const Hkl& hkl : disks) {
    rows_.push_back(beams(*engine_).index(hkl));
    if (rows_.back() < 0)
      throw Error(ErrorKind::study, "disk (" + std::to_string(hkl.h) + " " + std::to_string(hkl.k) +
                                        " " + std::to_string(hkl.l) +
                                        ") is not among the beams of the engine");
  }
  for (const Parameter& parameter : parameters_) tangents_.push_back(parameter.direction);
}

void ForwardModel::evaluate(const double* values, Eigen::VectorXd& intensity,
                            Eigen::MatrixXd* jacobian) const {
  ExitWaves waves;
  exit_waves(*engine_, state_at(base_, parameters_, values), aperture_.offsets,
             jacobian ? tangents_ : std::vector<StateTangent>(), waves);
  const Eigen::Map<const Eigen::VectorXd> weights(aperture_.weights.data(),
                                                  long(aperture_.weights.size()));
  const auto disks = [&](const MatrixXcd& amplitudes) { return amplitudes(rows_, Eigen::all); };
  const MatrixXcd psi = disks(waves.psi);
  intensity = psi.cwiseAbs2() * weights;
  if (!jacobian) return;
  jacobian->resize(intensity.size(), long(tangents_.size()));
  for (std::size_t k = 0; k < tangents_.size(); ++k)
    jacobian->col(long(k)) =
        2 * (psi.conjugate().cwiseProduct(disks(waves.dpsi[k])).real() * weights);
}

}  // namespace pendel

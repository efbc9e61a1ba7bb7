#include "model/rocking_curves.hpp"

#include "core/error.hpp"

namespace pendel {

namespace {

/// The place of the parameter that is the tilt along one axis and nothing else; -1: none.
int tilt_place(const std::vector<Parameter>& parameters, int axis) {
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const Vec2& tilt = parameters[k].direction.beam_tilt;
    if (tilt[axis] > 0 && tilt[1 - axis] == 0) return int(k);
  }
  return -1;
}

/// Tilts by `radius` wider on all sides, and no aperture.
ForwardModel widened(const ForwardModel& model, double radius) {
  std::vector<Parameter> parameters = model.parameters();
  for (int axis = 0; axis < 2; ++axis) {
    const int k = tilt_place(parameters, axis);
    if (k < 0)
      throw Error(ErrorKind::study,
                  "a surrogate of rocking curves needs both tilts among the fitted parameters");
    const double width = radius / parameters[std::size_t(k)].direction.beam_tilt[axis];
    parameters[std::size_t(k)].lower -= width;
    parameters[std::size_t(k)].upper += width;
  }
  std::vector<Hkl> disks;
  for (const int row : model.rows()) disks.push_back(beams(model.engine()).hkl[std::size_t(row)]);
  return ForwardModel(model.base(), model.shared_engine(), disks, parameters, 0, 1);
}

}  // namespace

EngineCurves::EngineCurves(ForwardModel model) : model_(std::move(model)) {
  for (const Parameter& parameter : model_.parameters()) tangents_.push_back(parameter.direction);
}

// I = |ψ|², dI = 2 Re(ψ* dψ).
void EngineCurves::evaluate(const double* values, const std::vector<Vec2>& offsets,
                            Eigen::MatrixXd& intensity,
                            std::vector<Eigen::MatrixXd>* derivatives) const {
  ExitWaves waves;
  exit_waves(model_.engine(), state_at(model_.base(), model_.parameters(), values), offsets,
             derivatives ? tangents_ : std::vector<StateTangent>(), waves);
  const MatrixXcd psi = waves.psi(model_.rows(), Eigen::all);
  intensity = psi.cwiseAbs2();
  if (!derivatives) return;
  derivatives->clear();
  for (const MatrixXcd& dpsi : waves.dpsi)
    derivatives->push_back(2 *
                           psi.conjugate().cwiseProduct(dpsi(model_.rows(), Eigen::all)).real());
}

SurrogateCurves::SurrogateCurves(const ForwardModel& model, double radius,
                                 const SurrogateOptions& options)
    : parameters_(model.parameters()),
      surrogate_(std::make_unique<Surrogate>(widened(model, radius), options)) {
  for (int axis = 0; axis < 2; ++axis) {
    tilt_[axis] = tilt_place(parameters_, axis);
    per_rad_[axis] = 1 / parameters_[std::size_t(tilt_[axis])].direction.beam_tilt[axis];
  }
}

bool SurrogateCurves::can_hold(const ForwardModel& model) {
  return tilt_place(model.parameters(), 0) >= 0 && tilt_place(model.parameters(), 1) >= 0 &&
         Surrogate::can_hold(model);
}

void SurrogateCurves::evaluate(const double* values, const std::vector<Vec2>& offsets,
                               Eigen::MatrixXd& intensity,
                               std::vector<Eigen::MatrixXd>* derivatives) const {
  const long count = long(offsets.size()), n = long(parameters_.size());
  intensity.resize(disks(), count);
  if (derivatives) derivatives->assign(std::size_t(n), Eigen::MatrixXd(disks(), count));
  Eigen::VectorXd at = Eigen::Map<const Eigen::VectorXd>(values, n), column;
  Eigen::MatrixXd jacobian;
  for (long q = 0; q < count; ++q) {
    for (int axis = 0; axis < 2; ++axis)
      at[tilt_[axis]] = values[tilt_[axis]] + offsets[std::size_t(q)][axis] * per_rad_[axis];
    surrogate_->evaluate(at.data(), column, derivatives ? &jacobian : nullptr);
    intensity.col(q) = column;
    if (derivatives)
      for (long k = 0; k < n; ++k) (*derivatives)[std::size_t(k)].col(q) = jacobian.col(k);
  }
}

}  // namespace pendel

// Intensities of the disks for single directions in the aperture, by an engine or by a surrogate.
#pragma once
#include <memory>

#include "model/surrogate.hpp"

namespace pendel {

/// Thread-safe.
class RockingCurves {
 public:
  virtual ~RockingCurves() = default;
  virtual const std::vector<Parameter>& parameters() const = 0;
  virtual int disks() const = 0;
  /// offsets: directions [rad] added to the beam's tilt. intensity: (disks, directions), fractions
  /// of the incident beam; derivatives: one such matrix per parameter, null if not wanted.
  virtual void evaluate(const double* values, const std::vector<Vec2>& offsets,
                        Eigen::MatrixXd& intensity,
                        std::vector<Eigen::MatrixXd>* derivatives) const = 0;
};

/// By the engine of a forward model, whose aperture plays no part.
class EngineCurves : public RockingCurves {
 public:
  explicit EngineCurves(ForwardModel model);

  const std::vector<Parameter>& parameters() const override { return model_.parameters(); }
  int disks() const override { return model_.disks(); }
  void evaluate(const double* values, const std::vector<Vec2>& offsets, Eigen::MatrixXd& intensity,
                std::vector<Eigen::MatrixXd>* derivatives) const override;

 private:
  ForwardModel model_;
  std::vector<StateTangent> tangents_;
};

/// By a surrogate over tilts that reach `radius` [rad] beyond the ranges of the model: a direction
/// in the aperture is another tilt.
class SurrogateCurves : public RockingCurves {
 public:
  /// Error as of Surrogate, or (study) if the model has no parameters of tilt along x and y.
  SurrogateCurves(const ForwardModel& model, double radius, const SurrogateOptions& options);
  static bool can_hold(const ForwardModel& model);

  const std::vector<Parameter>& parameters() const override { return parameters_; }
  int disks() const override { return surrogate_->disks(); }
  void evaluate(const double* values, const std::vector<Vec2>& offsets, Eigen::MatrixXd& intensity,
                std::vector<Eigen::MatrixXd>* derivatives) const override;
  const SurrogateCertificate& certificate() const { return surrogate_->certificate(); }

 private:
  std::vector<Parameter> parameters_;
  int tilt_[2] = {-1, -1};  // places of the tilts among the parameters
  double per_rad_[2] = {0, 0};
  std::unique_ptr<Surrogate> surrogate_;
};

}  // namespace pendel

// From parameter values to disk intensities and their Jacobian.
#pragma once
#include <Eigen/Core>
#include <memory>
#include <vector>

#include "model/aperture.hpp"
#include "model/parameter.hpp"
#include "sim/engine.hpp"

namespace pendel {

/// What a fit asks: disk intensities at parameter values. Thread-safe.
class DiskModel {
 public:
  virtual ~DiskModel() = default;
  virtual const std::vector<Parameter>& parameters() const = 0;
  virtual int disks() const = 0;
  /// intensity: (disks), fractions of the incident beam; jacobian: (disks, parameters), null if not
  /// wanted.
  virtual void evaluate(const double* values, Eigen::VectorXd& intensity,
                        Eigen::MatrixXd* jacobian) const = 0;
};

/// A model with other ranges or priors of its parameters.
class WithParameters : public DiskModel {
 public:
  WithParameters(const DiskModel& model, std::vector<Parameter> parameters)
      : model_(model), parameters_(std::move(parameters)) {}
  const std::vector<Parameter>& parameters() const override { return parameters_; }
  int disks() const override { return model_.disks(); }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override {
    model_.evaluate(values, intensity, jacobian);
  }

 private:
  const DiskModel& model_;
  std::vector<Parameter> parameters_;
};

/// The mean of |ψ_g|² over the aperture and the spread of the tilt, by an engine, at directions
/// κ_q = α u_q + σ v_q with α the state's semiangle and σ its tilt_spread:
///   I_g = Σ_q w_q |ψ_g(θ + κ_q)|²,  dI_g = 2 Σ_q w_q Re(ψ_g* dψ_g), dψ_g/dα = u_q·∂ψ_g/∂θ.
class ForwardModel : public DiskModel {
 public:
  /// disks: Miller indices in the first layer's crystal, among the engine's beams. Error (study) if
  /// one is not. The mean over the aperture is exact to aperture_degree in the tilt
  /// (disk_aperture). semiangle [rad] becomes the base state's; a parameter that moves it has that
  /// as its nominal value.
  ForwardModel(State base, std::shared_ptr<const Engine> engine, const std::vector<Hkl>& disks,
               std::vector<Parameter> parameters, double semiangle, int aperture_degree);

  const std::vector<Parameter>& parameters() const override { return parameters_; }
  int disks() const override { return int(rows_.size()); }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override;

  const State& base() const { return base_; }
  const Engine& engine() const { return *engine_; }
  const std::shared_ptr<const Engine>& shared_engine() const { return engine_; }
  const std::vector<int>& rows() const { return rows_; }  ///< of the disks among the engine's beams
  const Aperture& aperture() const { return aperture_; }  ///< of the base state, spread included
  double semiangle() const { return semiangle_; }         ///< rad
  int aperture_degree() const { return aperture_degree_; }

 private:
  /// κ_q of a state.
  std::vector<Vec2> offsets(const State& state) const;

  State base_;
  std::shared_ptr<const Engine> engine_;
  std::vector<int> rows_;
  std::vector<Parameter> parameters_;
  std::vector<StateTangent> tangents_;
  double semiangle_;
  int aperture_degree_;
  std::vector<Vec2> unit_aperture_, unit_spread_;  // u_q, v_q
  Aperture aperture_;
};

}  // namespace pendel

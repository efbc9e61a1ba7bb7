// A disk model in closed form: fast, and with more than one basin.
#pragma once
#include <cmath>
#include <random>

#include "fit/disk_data.hpp"
#include "model/forward_model.hpp"

namespace pendel::test {

/// I_i = (1 + 0.8 cos(a_i·p + c_i))/disks with random a_i, c_i.
class ToyModel : public DiskModel {
 public:
  ToyModel(int disks, int parameters, double range = 2, unsigned seed = 3)
      : a_(disks, parameters), c_(disks) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    for (int i = 0; i < disks; ++i) {
      for (int k = 0; k < parameters; ++k) a_(i, k) = 1.5 * normal(random);
      c_[i] = 3 * normal(random);
    }
    for (int k = 0; k < parameters; ++k) {
      Parameter p;
      p.name = std::string(1, char('p' + k));
      p.lower = -range;
      p.upper = range;
      parameters_.push_back(p);
    }
  }
  const std::vector<Parameter>& parameters() const override { return parameters_; }
  std::vector<Parameter>& parameters() { return parameters_; }
  int disks() const override { return int(c_.size()); }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override {
    const Eigen::Map<const Eigen::VectorXd> p(values, a_.cols());
    const Eigen::ArrayXd angle = (a_ * p + c_).array();
    intensity = (1 + 0.8 * angle.cos()) / double(c_.size());
    if (jacobian) *jacobian = (-0.8 / double(c_.size()) * angle.sin()).matrix().asDiagonal() * a_;
  }

 private:
  Eigen::MatrixXd a_;
  Eigen::VectorXd c_;
  std::vector<Parameter> parameters_;
};

inline DiskData toy_counts(const DiskModel& model, const Eigen::VectorXd& truth, double dose,
                           double scale, double background, std::mt19937* noise = nullptr) {
  DiskData data;
  data.dose = dose;
  Eigen::VectorXd intensity;
  model.evaluate(truth.data(), intensity, nullptr);
  data.intensity = scale * dose * intensity.array() + background;
  if (noise)
    for (double& d : data.intensity) d = std::poisson_distribution<int>(d)(*noise);
  return data;
}

}  // namespace pendel::test

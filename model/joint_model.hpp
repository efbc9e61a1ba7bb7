// Several sets of data of one region (other tilts, thicknesses, energies) as one model: the disks
// of all sets behind each other, the parameters of all sets together. Scales of single sets and
// background levels are parameters like the others.
//   I_i = dose_k s_k I_ki + w_i b_l(i)
#pragma once
#include <memory>
#include <optional>

#include "model/forward_model.hpp"

namespace pendel {

/// What a background level adds to a disk: weight times its value.
struct DiskLevel {
  int level = -1;  ///< -1: none
  double weight = 1;
};

struct ModelSet {
  std::shared_ptr<const DiskModel> model;
  double dose = 1;                     ///< factor on the intensities
  std::optional<Parameter> scale;      ///< another factor, fitted
  std::vector<DiskLevel> levels = {};  ///< per disk; empty: no levels
};

class JointModel : public DiskModel {
 public:
  /// Parameters of one name are one parameter; their order is that of their first appearance, then
  /// the scales, then the levels. `level_unit`: intensity per unit of a level's value.
  JointModel(std::vector<ModelSet> sets, const std::vector<Parameter>& levels, double level_unit);

  const std::vector<Parameter>& parameters() const override { return parameters_; }
  int disks() const override { return disks_; }
  void evaluate(const double* values, Eigen::VectorXd& intensity,
                Eigen::MatrixXd* jacobian) const override;

 private:
  std::vector<ModelSet> sets_;
  std::vector<std::vector<int>> columns_;  // per set: where its model's parameters are
  std::vector<int> scale_column_;          // per set; -1: none
  std::vector<int> first_row_;             // per set
  int first_level_ = 0, disks_ = 0;
  double level_unit_;
  std::vector<Parameter> parameters_;
};

}  // namespace pendel

#include "model/joint_model.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace pendel {

JointModel::JointModel(std::vector<ModelSet> sets, const std::vector<Parameter>& levels,
                       double level_unit)
    : sets_(std::move(sets)), level_unit_(level_unit) {
  for (const ModelSet& set : sets_) {
    columns_.emplace_back();
    for (const Parameter& parameter : set.model->parameters()) {
      const auto same = std::find_if(parameters_.begin(), parameters_.end(),
                                     [&](const auto& p) { return p.name == parameter.name; });
      columns_.back().push_back(int(same - parameters_.begin()));
      if (same == parameters_.end()) parameters_.push_back(parameter);
    }
    first_row_.push_back(disks_);
    disks_ += set.model->disks();
  }
  for (const ModelSet& set : sets_) {
    scale_column_.push_back(set.scale ? int(parameters_.size()) : -1);
    if (set.scale) parameters_.push_back(*set.scale);
  }
  first_level_ = int(parameters_.size());
  parameters_.insert(parameters_.end(), levels.begin(), levels.end());
}

void JointModel::evaluate(const double* values, Eigen::VectorXd& intensity,
                          Eigen::MatrixXd* jacobian) const {
  intensity.resize(disks_);
  if (jacobian) *jacobian = Eigen::MatrixXd::Zero(disks_, long(parameters_.size()));
  parallel_for(long(sets_.size()), [&](long index, int) {
    const std::size_t k = std::size_t(index);
    const ModelSet& set = sets_[k];
    const long row = first_row_[k];
    Eigen::VectorXd part;
    Eigen::MatrixXd d_part;
    std::vector<double> own;
    for (const int column : columns_[k]) own.push_back(values[column]);
    set.model->evaluate(own.data(), part, jacobian ? &d_part : nullptr);
    const long n = part.size();
    const double scale = scale_column_[k] < 0 ? 1 : values[scale_column_[k]];
    intensity.segment(row, n) = set.dose * scale * part;
    if (jacobian) {
      for (std::size_t c = 0; c < own.size(); ++c)
        jacobian->col(columns_[k][c]).segment(row, n) = set.dose * scale * d_part.col(long(c));
      if (scale_column_[k] >= 0) jacobian->col(scale_column_[k]).segment(row, n) = set.dose * part;
    }
    for (long i = 0; i < long(set.levels.size()); ++i) {
      const DiskLevel& of_disk = set.levels[std::size_t(i)];
      if (of_disk.level < 0) continue;
      const int column = first_level_ + of_disk.level;
      const double slope = level_unit_ * of_disk.weight;
      intensity[row + i] += slope * values[column];
      if (jacobian) (*jacobian)(row + i, column) = slope;
    }
  });
}

}  // namespace pendel

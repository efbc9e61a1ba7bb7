// Starts that know only the ranges: intensities at quasi-random points of the parameter box are
// computed once and every position is compared with all of them.
#pragma once
#include "fit/solve.hpp"

namespace pendel {

class StartTable {
 public:
  /// `samples` points of a low-discrepancy sequence in the box of the model's ranges. [Roberts2018]
  StartTable(const DiskModel& model, int samples);

  /// Up to `count` starts in order of increasing misfit (scale and background fitted, weights
  /// softened by a relative error, since a sample is near the truth at best), no two within
  /// `distance` of each other (fraction of the ranges, largest component).
  std::vector<Eigen::VectorXd> best(const DiskData& data, const Nuisance& nuisance, int count,
                                    double distance) const;

 private:
  std::vector<Parameter> parameters_;
  Eigen::MatrixXd points_;                 // (parameters, samples)
  Eigen::MatrixXd intensities_, squares_;  // (disks, samples)
};

}  // namespace pendel

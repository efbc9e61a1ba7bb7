// Starts that know only the ranges: intensities at quasi-random points of the parameter box are
// computed once and every position is compared with all of them.
#pragma once
#include "fit/solve.hpp"

namespace pendel {

class StartTable {
 public:
  /// `samples` points of a low-discrepancy sequence in the box of the model's ranges; linear
  /// parameters stay at their nominal values. Of a parameter with a prior, the box holds three
  /// standard deviations around its mean. [Roberts2018]
  StartTable(const DiskModel& model, int samples);

  /// Of every position up to `count` starts in order of increasing misfit (scale and background
  /// fitted, weights softened by a relative error, since a sample is near the truth at best), no
  /// two within `distance` of each other (fraction of the ranges, largest component). A position's
  /// starts do not depend on the others, which only share the reading of the table.
  std::vector<std::vector<Eigen::VectorXd>> best(const DiskData* data, int positions,
                                                 const Nuisance& nuisance, int count,
                                                 double distance) const;
  /// Those of one position.
  std::vector<Eigen::VectorXd> best(const DiskData& data, const Nuisance& nuisance, int count,
                                    double distance) const {
    return best(&data, 1, nuisance, count, distance).front();
  }

 private:
  std::vector<Eigen::VectorXd> distinct(const float* misfit, int count, double distance) const;

  std::vector<Parameter> parameters_;
  Eigen::MatrixXd points_;  // (parameters, samples)
  int disks_ = 0;
  std::vector<float> intensities_;  // (block of samples, disk, sample of the block)
};

}  // namespace pendel

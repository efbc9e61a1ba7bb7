// Fits to many data that are searched with few: pixels of disks, whose integrals find the basin.
#pragma once
#include "fit/scan_fit.hpp"

namespace pendel {

/// A model with the same parameters and data that are cheap to compare with many starts.
struct CoarseStage {
  const DiskModel& model;
  const StartTable& table;
  const std::vector<DiskData>& data;
  Nuisance nuisance;
};

/// The best distinct solutions of the coarse stage at a position, from the table's starts.
std::vector<Eigen::VectorXd> coarse_starts(const CoarseStage& coarse, long position,
                                           const FitOptions& options);

/// As the other fit_scan. Every position's starts are the best distinct solutions of the coarse
/// stage.
std::vector<PositionFit> fit_scan(const DiskModel& model, const CoarseStage& coarse,
                                  const std::vector<DiskData>& data, const FitOptions& options,
                                  const ScanHooks& hooks = {}, const DiskModel* engine = nullptr);

}  // namespace pendel

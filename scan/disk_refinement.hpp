// Places of disks by maximum likelihood on the counts: background, every disk its template, those
// that overlap together, and where the counts ask for it an interior that is not uniform.
#pragma once
#include "scan/bragg_peaks.hpp"
#include "scan/disk_background.hpp"
#include "scan/disk_likelihood.hpp"

namespace pendel {

struct RefinementOptions {
  /// The amplitude within a disk may be a polynomial to this order (0 to 4), whose coefficients are
  /// of interior_width before they are measured. Orders are weighed by their evidence: the
  /// probability of the counts by each, with all its parameters integrated over.
  int max_order = 4;
  double interior_width = 0.5;
  double min_significance = 4.5;  ///< √(2 Δ log likelihood) of a disk against none
  double min_spacing = 0;         ///< as in DetectionOptions
  double border = 0;              ///< likewise
};

class DiskRefiner {
 public:
  DiskRefiner(const DiskTemplate& shape, std::size_t q_rows, std::size_t q_columns,
              const RefinementOptions& options, const std::vector<std::uint8_t>& valid = {});

  struct Disk {
    int column = 0, row = 0;  // middle of its patch
    Vec2 start, position;
    DiskLikelihood::Coefficients c;
    bool fringes = false;  // what c belongs to, and their direction, about one of a few [rad]
    double direction = 0, about = 0;
    DiskBackground::Local background;
    Vec2 background_at;
    std::vector<ShiftedTemplate::Run> runs;
    std::vector<float> value;  // at the pixels of the runs
    Eigen::Matrix2d covariance;
    Vec2 mean_position;  // over the orders
    double significance = 0;
    std::vector<std::size_t> neighbours;
    bool lost = false;
  };
  /// What a thread needs for its work, made once.
  struct Workspace {
    DiskLikelihood likelihood;
    std::vector<float> disks;  // all of them, (q_rows, q_columns)
    std::vector<Disk> found;
  };
  Workspace workspace() const;

  /// Refines what DiskFinder has found, on the same background; peaks that turn out to be no disks
  /// are left out. Intensities are counts, errors standard deviations. Counts must be those of
  /// single electrons.
  void refine(const float* pattern, const DiskBackground& background, Workspace& work,
              std::vector<BraggPeak>& peaks) const;

 private:
  double value(Workspace& work, const Disk& disk) const;
  double maximise(const float* pattern, Workspace& work, Disk& disk, int terms) const;
  double stands_out(Workspace& work, const Disk& disk) const;
  struct Fitted;
  void climb(const float* pattern, Workspace& work, Disk disk, int terms, int most,
             std::vector<Fitted>& fitted) const;
  void open_window(const float* pattern, Workspace& work, const Disk& disk) const;
  void put(Workspace& work, Disk& disk) const;
  void add(Workspace& work, const Disk& disk, float sign) const;
  void interior(const float* pattern, Workspace& work, Disk& disk) const;
  void settle(const float* pattern, Workspace& work) const;
  void remove_lost(Workspace& work) const;
  void find_neighbours(Workspace& work) const;
  /// Adds to the errors of disks what their overlapping neighbours add, whose places are not known.
  void widen_errors(const float* pattern, Workspace& work) const;

  int rows_, columns_;
  double radius_, spacing_, overlap_;
  RefinementOptions options_;
  std::vector<std::uint8_t> valid_;
  ShiftedTemplate shape_;
};

}  // namespace pendel

// Finds the disks of a pattern: maxima of its correlation with a template, which must be
// significant against the counts beside them. Their places to a fraction of the noise:
// disk_refinement.hpp.
#pragma once
#include <memory>

#include "core/fft.hpp"
#include "scan/bragg_peaks.hpp"
#include "scan/disk_background.hpp"
#include "scan/probe_template.hpp"

namespace pendel {

struct DetectionOptions {
  /// The correlation's plane waves keep their phases and have their magnitudes to this power: 1
  /// cross-correlation, 0 phase correlation, hybrid between.
  double power = 1;
  /// What is taken off around the template, so that the kernel sums to 0 and a smooth background
  /// does not correlate.
  enum class Trench { none, gaussian, sigmoid };
  Trench trench = Trench::sigmoid;
  double trench_width = 0;  ///< [pixels]; 0: 0.4 radii, at least 3 pixels
  double smoothing = 0;  ///< of the correlation by a Gaussian of this standard deviation [pixels]
  bool subpixel = true;
  double min_spacing = 0;  ///< [pixels]; of two nearer ones the weaker is left out; 0: 1.3 radii
  double min_significance = 4.5;  ///< standard deviations above the background [LiMa1983]
  double min_counts = 0;
  double min_relative = 0;     ///< of the counts of the strongest
  double border = 0;           ///< centres nearer to an edge are left out [pixels]
  std::size_t max_number = 0;  ///< the strongest; 0: all
};

class DiskFinder {
 public:
  /// `valid`, (q_rows, q_columns): 0 where a pixel does not count (a beam stop); empty: all do.
  DiskFinder(const DiskTemplate& shape, std::size_t q_rows, std::size_t q_columns,
             const DetectionOptions& options, const std::vector<std::uint8_t>& valid = {});

  /// What a thread needs for its work, made once.
  struct Workspace {
    std::vector<float, FftAllocator<float>> padded, correlation;
    FftVector<float> waves;
    DiskBackground background;  ///< of the last pattern, its disks covered
    struct Candidate {
      float height;
      int column, row;
      DiskBackground::Aperture aperture;
      bool covers = false;
      double significance = 0, counts = 0;
    };
    std::vector<Candidate> candidates;
  };
  Workspace workspace() const;

  /// Disks of a pattern of counts, (q_rows, q_columns), the strongest first. Their intensity is
  /// the counts above the background within the radius, made up for what lies beyond; errors are
  /// those of a uniform disk found by correlation: not known.
  void find(const float* pattern, Workspace& work, std::vector<BraggPeak>& peaks) const;

 private:
  void correlate(const float* pattern, Workspace& work) const;
  void maxima(Workspace& work) const;
  void weigh(Workspace& work) const;
  Vec2 between_pixels(const Workspace& work, int column, int row) const;

  int rows_, columns_, padded_rows_, padded_columns_;
  double radius_, end_, spacing_;
  double aperture_pixels_ = 0, within_ = 1;  // share of the template in the aperture
  DetectionOptions options_;
  std::vector<std::uint8_t> valid_;
  BasicRealFft2<float> fft_;
  FftVector<float> kernel_;
};

}  // namespace pendel

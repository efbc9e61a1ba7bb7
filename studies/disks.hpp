// Study `disks`: Bragg disks of every pattern of a measured scan.
#pragma once
#include <memory>

#include "scan/disk_refinement.hpp"
#include "scan/disks.hpp"
#include "scan/lattice_prior.hpp"
#include "studies/measured_scan.hpp"

namespace pendel {

struct DarkRingOptions {
  std::array<double, 2> radii_px{0, 0};

  template <class Visitor>
  void describe(Visitor& v) {
    v("radii_px", radii_px, help("inner and outer radius").required().increasing().at_least(0));
  }
};

struct DiskTemplateOptions {
  std::optional<ReferenceOptions> vacuum;
  std::optional<double> radius_px;
  double edge_px = 1.5;
  std::vector<DarkRingOptions> dark_rings;
  int bars = 0;
  double bar_width_px = 2;

  template <class Visitor>
  void describe(Visitor& v) {
    v("vacuum", vacuum,
      help(
          "the probe in a vacuum, prepared as the scan's patterns are; of several patterns the sum")
          .word("file"));
    v("radius_px", radius_px,
      help(
          "or a disk of this radius; without either the scan's own disks that stand alone make the "
          "template")
          .at_least(0.5));
    v("edge_px", edge_px, help("width of that disk's edge: height over slope").above(0));
    v("dark_rings", dark_rings, help("of that disk: the rings of a bullseye"));
    v("bars", bars, help("across that disk, at equal angles").range(0, 20));
    v("bar_width_px", bar_width_px, help("of the bars").above(0));
  }
};

inline Choices<DetectionOptions::Trench> choices(DetectionOptions::Trench) {
  using Trench = DetectionOptions::Trench;
  return {{"none", Trench::none}, {"gaussian", Trench::gaussian}, {"sigmoid", Trench::sigmoid}};
}

struct DiskDetectionOptions {
  double power = 1, smoothing_px = 0;
  DetectionOptions::Trench trench = DetectionOptions::Trench::sigmoid;
  std::optional<double> trench_width_px, min_spacing_px;
  double min_significance = 4.5, min_counts = 0, min_relative = 0, border_px = 0;
  std::optional<int> max_number;

  template <class Visitor>
  void describe(Visitor& v) {
    v("power", power,
      help("of the correlation's magnitudes: 1 cross, 0 phase, between hybrid correlation")
          .range(0, 1));
    v("smoothing_px", smoothing_px,
      help("of the correlation; phase correlation needs some 1").range(0, 100));
    v("trench", trench, help("what is taken off around the template"));
    v("trench_width_px", trench_width_px, help("default: 0.4 radii, at least 3").above(0));
    v("min_spacing_px", min_spacing_px,
      help("of two nearer disks the weaker is left out; default: 1.3 radii").above(0));
    v("min_significance", min_significance,
      help("standard deviations above what is beside it").range(1, 100));
    v("min_counts", min_counts, help("of a disk").at_least(0));
    v("min_relative", min_relative, help("likewise, as part of the strongest's").range(0, 1));
    v("border_px", border_px, help("centres nearer to an edge are left out").at_least(0));
    v("max_number", max_number, help("in a pattern: the strongest; default: all").at_least(1));
  }
};

struct DiskRefinementOptions {
  int max_order = 4;
  bool lattice = false;

  template <class Visitor>
  void describe(Visitor& v) {
    v("max_order", max_order,
      help("of polynomials that a disk's interior may be where the counts ask for it; 0: all disks "
           "are uniform")
          .range(0, 4));
    v("lattice", lattice,
      help("where a pattern's disks form one lattice, the place of each is joined with what the "
           "others say of it; for one crystal at a time, and where strain is not to differ between "
           "the disks of a pattern"));
  }
};

/// Finds the disks of many patterns as the keys say.
class DiskSearch {
 public:
  DiskSearch(const DiskTemplate& shape, std::size_t q_rows, std::size_t q_columns,
             const DiskDetectionOptions& detection,
             const std::optional<DiskRefinementOptions>& refinement,
             const std::vector<std::uint8_t>& valid = {});

  /// Of a pattern of counts of single electrons, (q_rows, q_columns), the strongest disk first.
  /// Returns what joined them if they form a lattice and that was asked for. Threads, as of
  /// parallel_for, do not disturb each other.
  std::optional<LatticePrior> find(const float* pattern, int thread, std::vector<BraggPeak>& peaks);

 private:
  struct Room {
    DiskFinder::Workspace finding;
    DiskRefiner::Workspace refining;
  };
  DiskFinder finder_;
  DiskRefiner refiner_;
  std::optional<DiskRefinementOptions> refinement_;
  std::vector<std::unique_ptr<Room>> rooms_;  // per thread, when it is needed
};

struct DisksOptions {
  DiskTemplateOptions shape;
  DiskDetectionOptions detection;
  std::optional<DiskRefinementOptions> refinement = DiskRefinementOptions{};
  double counts_per_electron = 1;
  std::optional<ReferenceOptions> mask;

  template <class Visitor>
  void describe(Visitor& v) {
    v("template", shape, help("the undiffracted disk"));
    v("detection", detection, help("by correlation with the template"));
    v("refinement", refinement,
      help("of places by maximum likelihood, with errors; none: places are maxima of the "
           "correlation")
          .off("none"));
    v("counts_per_electron", counts_per_electron,
      help("of the detector: noise is that of counted electrons").above(0));
    v("mask", mask, help("where this is 0, pixels are not used (beam stop)").word("file"));
  }
};

struct DisksStudy {
  std::string study = "disks";
  std::optional<File> output;
  MeasuredScanOptions scan;
  DisksOptions disks;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("scan", scan, help("the measurement").required());
    v("disks", disks, help("how disks are found"));
  }

  static constexpr const char* summary =
      "Bragg disks of every pattern of a measured scan: places to the limit that counting noise "
      "sets, "
      "counts and errors, from a template that is measured, synthetic or made of the scan itself.";
  static DisksStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel

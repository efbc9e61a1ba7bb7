// Study `flow`: which way layers or chains lie at every position of a scan, from weak arcs of its
// patterns or from Bragg peaks, and lines that follow them.
#pragma once
#include "scan/flow_lines.hpp"
#include "studies/measured_peaks.hpp"
#include "studies/measured_scan.hpp"

namespace pendel {

enum class LineDirection { along_planes, along_vectors };
inline Choices<LineDirection> choices(LineDirection) {
  return {{"along_planes", LineDirection::along_planes},
          {"along_vectors", LineDirection::along_vectors}};
}

/// What a scan's own file cannot say of its detector.
struct FlowCalibrationOptions {
  std::optional<File> file;
  std::optional<Vec2> origin_px;
  std::optional<double> rotation_deg;
  std::optional<bool> flip;
  std::optional<ReferenceOptions> mask;

  template <class Visitor>
  void describe(Visitor& v) {
    v("file", file, help("of the whole scan and whole patterns: a result of study `calibrate`"));
    v("origin_px", origin_px,
      help("column, row of the undiffracted beam in the patterns as they are used"));
    v("rotation_deg", rotation_deg,
      help("of the detector's columns against the scan's").range(-360, 360));
    v("flip", flip, help("the detector is a mirror image: its rows are reversed before"));
    v("mask", mask, help("pixels that do not count are 0, as of a beam stop").word("file"));
  }
};

struct FlowOptions {
  std::vector<std::array<double, 2>> rings_invA;
  ArcOptions arcs;
  LineDirection direction = LineDirection::along_planes;
  HistogramOptions histogram;
  FlowLineOptions lines;
  int most = 3, angles = 90, seed = 1;

  template <class Visitor>
  void describe(Visitor& v) {
    v("rings_invA", rings_invA,
      help("lengths of the vectors, from and to: one map for each")
          .required()
          .increasing()
          .at_least(0));
    v("step_deg", arcs.step_deg, help("of patterns' azimuth").range(0.2, 20));
    v("width_deg", arcs.width_deg, help("about, of an arc: its standard deviation").range(0.5, 45));
    v("min_significance", arcs.min_significance,
      help("of an arc: its height over the error").above(0));
    v("most", most, help("arcs at a position").range(1, 10));
    v("direction", direction,
      help("of lines: along the planes that scatter (across the vectors), or along the vectors"));
    v("angles", angles, help("of the histogram, over 180 degrees").range(18, 720));
    v("smooth_deg", histogram.smooth_deg,
      help("standard deviation in the histogram's angle").range(0.5, 30));
    v("smooth_positions", histogram.smooth_positions,
      help("and over the scan, in positions").range(0, 20));
    v("seed_strength", lines.seed_strength,
      help("where a line may start, as part of the histogram's greatest value").range(0, 1));
    v("least_strength", lines.least_strength, help("where it ends").range(0, 1));
    v("spacing", lines.spacing, help("of lines in positions").range(0.1, 100));
    v("spacing_deg", lines.spacing_deg,
      help("lines whose angles differ by more may cross").range(1, 90));
    v("max_turn_deg", lines.max_turn_deg, help("of a line per position").above(0));
    v("min_length", lines.min_length, help("of a line in positions").at_least(0));
    v("seed", seed, help("of the order in which lines start").at_least(0));
  }
};

struct FlowStudy {
  std::string study = "flow";
  std::optional<File> output;
  std::optional<MeasuredScanOptions> scan;
  std::optional<MeasuredPeaksOptions> peaks;
  FlowCalibrationOptions calibration;
  FlowOptions flow;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("scan", scan, help("the measurement: patterns"));
    v("peaks", peaks, help("or Bragg peaks"));
    v.exactly_one({"scan", "peaks"});
    v("calibration", calibration, help("of a scan"));
    v("flow", flow, help("arcs and lines").required());
  }

  static constexpr const char* summary =
      "Orientation maps of soft or textured materials: weak arcs of the patterns, or Bragg peaks, "
      "as "
      "a histogram over position and angle, and lines that follow it.";
  static FlowStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel

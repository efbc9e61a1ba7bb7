// Maps of orientation as lines: a histogram over position and angle, and lines that follow its
// maxima. Several orientations may lie at one position, and lines of different angle cross.
#pragma once
#include <cstdint>

#include "scan/arcs.hpp"

namespace pendel {

struct OrientationHistogram {
  std::size_t rows = 0, columns = 0, angles = 0;  ///< angle j is j · 180 / angles degrees
  std::vector<double> values;                     ///< (rows, columns, angles), NaN: not recorded
  double step_deg() const { return 180 / double(angles); }
};
struct HistogramOptions {
  std::size_t angles = 90;
  /// Standard deviations of Gaussians; over the scan, positions that were not recorded do not
  /// count.
  double smooth_deg = 4, smooth_positions = 0.7;
  /// Added to the arcs' angles: 90 makes lines along the planes that scatter.
  double offset_deg = 90;
};
/// Strengths by position and angle, divided by the greatest.
OrientationHistogram orientation_histogram(const ArcMap& arcs,
                                           const HistogramOptions& options = {});

struct LinePoint {
  double column = 0, row = 0;  ///< of the scan, in positions
  double angle_deg = 0;        ///< of the orientation there, 0 to 180
  double strength = 0;         ///< of the histogram
};
struct FlowLineOptions {
  double seed_strength = 0.1, least_strength = 0.03;  ///< lines start, and end
  double spacing = 0.8;  ///< [positions] of lines whose angles are nearer than this:
  double spacing_deg = 20;
  double step = 0.2;         ///< [positions]
  double max_turn_deg = 30;  ///< per position along the line
  double min_length = 2;     ///< [positions]
  std::uint64_t seed = 1;    ///< of the order and places where lines start
};
/// Lines from places in random order, the strongest angles there first, to both sides, with steps
/// of second order; they end where the histogram is weak, where they would turn too sharply, at the
/// edge, or beside another line.
std::vector<std::vector<LinePoint>> flow_lines(const OrientationHistogram& histogram,
                                               const FlowLineOptions& options = {});

}  // namespace pendel

#include "studies/series.hpp"

namespace pendel {

std::vector<Vec2> tilts_of(const std::optional<std::vector<Vec2>>& tilts_mrad,
                           const std::optional<TiltGridOptions>& grid,
                           const std::optional<TiltLineOptions>& line) {
  std::vector<Vec2> tilts;
  if (tilts_mrad)
    for (const Vec2& tilt : *tilts_mrad) tilts.push_back(tilt * 1e-3);
  if (line)
    for (int i = 0; i < line->points; ++i)
      tilts.push_back(
          (line->from_mrad + (line->to_mrad - line->from_mrad) * i / (line->points - 1)) * 1e-3);
  if (grid) {
    const int n = grid->points;
    const double half = grid->half_width_mrad * 1e-3;
    for (int row = 0; row < n; ++row)
      for (int column = 0; column < n; ++column)
        tilts.emplace_back(half * (2.0 * column / (n - 1) - 1), half * (2.0 * row / (n - 1) - 1));
  }
  if (tilts.empty()) tilts.push_back(Vec2::Zero());
  return tilts;
}

std::vector<double> thicknesses_of(const std::vector<double>& thicknesses_A,
                                   const std::optional<ThicknessSeriesOptions>& series) {
  std::vector<double> thicknesses = thicknesses_A;
  if (series)
    for (int i = 0; i < series->points; ++i)
      thicknesses.push_back(series->from_A +
                            (series->to_A - series->from_A) * i / (series->points - 1));
  return thicknesses;
}

void check_series(const std::string& group, const std::vector<double>& thicknesses_A,
                  const std::optional<ThicknessSeriesOptions>& series,
                  const std::optional<std::vector<Vec2>>& tilts_mrad,
                  const std::optional<TiltGridOptions>& grid,
                  const std::optional<TiltLineOptions>& line, Problems& problems) {
  if (bool(tilts_mrad) + bool(grid) + bool(line) > 1)
    problems.add(group, "of tilts_mrad, tilt_line and tilt_grid only one can be given");
  if (!thicknesses_A.empty() && series)
    problems.add(group, "thicknesses_A and thickness_series are both given; give one of them");
  if (tilts_mrad && tilts_mrad->empty())
    problems.add(group + ".tilts_mrad", "is empty; at least one tilt is needed");
}

}  // namespace pendel

// The series of thicknesses and tilts that several kinds of study run over.
#pragma once
#include <optional>
#include <vector>

#include "core/options_reader.hpp"
#include "core/space.hpp"

namespace pendel {

struct TiltGridOptions {
  double half_width_mrad = 5;
  int points = 21;

  template <class Visitor>
  void describe(Visitor& v) {
    v("half_width_mrad", half_width_mrad,
      help("from -half_width to +half_width along x and y").above(0));
    v("points", points, help("number of tilts along each of x and y").range(2, 2000));
  }
};

struct TiltLineOptions {
  Vec2 from_mrad = Vec2::Zero(), to_mrad = Vec2::Zero();
  int points = 51;

  template <class Visitor>
  void describe(Visitor& v) {
    v("from_mrad", from_mrad, help("first tilt [x, y]").required());
    v("to_mrad", to_mrad, help("last tilt").required());
    v("points", points, help("number of tilts").range(2, 1000000));
  }
};

struct ThicknessSeriesOptions {
  double from_A = 10, to_A = 1000;
  int points = 100;

  template <class Visitor>
  void describe(Visitor& v) {
    v("from_A", from_A, help("first thickness").required().above(0));
    v("to_A", to_A, help("last thickness").required().above(0));
    v("points", points, help("number of thicknesses").range(2, 100000));
  }
};

/// The keys tilts_mrad, tilt_grid and tilt_line of a group (at most one is given) as tilts [rad];
/// without any, one tilt of 0. A grid has x fastest.
std::vector<Vec2> tilts_of(const std::optional<std::vector<Vec2>>& tilts_mrad,
                           const std::optional<TiltGridOptions>& grid,
                           const std::optional<TiltLineOptions>& line);
/// The keys thicknesses_A and thickness_series [Å]; empty if neither is given.
std::vector<double> thicknesses_of(const std::vector<double>& thicknesses_A,
                                   const std::optional<ThicknessSeriesOptions>& series);
/// More than one way of giving a series, or an empty one; `group` is the path of the keys.
void check_series(const std::string& group, const std::vector<double>& thicknesses_A,
                  const std::optional<ThicknessSeriesOptions>& series,
                  const std::optional<std::vector<Vec2>>& tilts_mrad,
                  const std::optional<TiltGridOptions>& grid,
                  const std::optional<TiltLineOptions>& line, Problems& problems);

}  // namespace pendel

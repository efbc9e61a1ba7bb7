#include "studies/match_result.hpp"

#include <algorithm>
#include <cmath>

#include "acom/ipf.hpp"
#include "acom/zone_start.hpp"
#include "core/median.hpp"
#include "core/text.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

constexpr double nothing = OrientationSolution::not_known;

EmdAxis scan_axis(const std::string& name, std::size_t count, double step) {
  EmdAxis axis = index_axis(name, count);
  if (!std::isfinite(step)) return axis;
  axis.units = "Å";
  for (double& value : axis.values) value *= step;
  return axis;
}

/// Arrays whose first two axes are the scan's.
class MapWriter {
 public:
  MapWriter(EmdWriter& result, const OrientationMap& map)
      : result_(result),
        map_(map),
        axes_{scan_axis("row", map.rows, map.step_A),
              scan_axis("column", map.columns, map.step_A)} {}

  /// value(i) of position i.
  template <class Value>
  void scalar(const std::string& name, const std::string& units, const std::string& note,
              Value value, hdf5::Stored stored = hdf5::Stored::float64) {
    several(
        name, units, note, {}, [&](std::size_t i, double* at) { *at = value(i); }, stored);
  }
  /// fill(i, numbers of position i), which are NaN before.
  template <class Fill>
  void several(const std::string& name, const std::string& units, const std::string& note,
               const std::vector<EmdAxis>& more, Fill fill,
               hdf5::Stored stored = hdf5::Stored::float64) {
    std::vector<EmdAxis> axes = axes_;
    axes.insert(axes.end(), more.begin(), more.end());
    std::vector<std::size_t> shape;
    for (const EmdAxis& axis : axes) shape.push_back(axis.values.size());
    Array array(shape, nothing);
    const std::size_t each = array.size() / std::max<std::size_t>(1, map_.positions());
    for (std::size_t i = 0; i < map_.positions(); ++i) fill(i, &array.values[i * each]);
    result_.array(name, array, units, axes, note, stored);
  }

 private:
  EmdWriter& result_;
  const OrientationMap& map_;
  std::vector<EmdAxis> axes_;
};

}  // namespace

void write_orientation_map(EmdWriter& result, const OrientationMap& map) {
  MapWriter write(result, map);
  const auto first = [&](std::size_t i) {
    return map.at[i].indexed() ? &map.at[i].solutions.front() : nullptr;
  };
  const auto of_first = [&](auto member) {
    return [&, member](std::size_t i) { return first(i) ? double(first(i)->*member) : nothing; };
  };
  std::size_t most = 1;
  for (const MapPosition& at : map.at) most = std::max(most, at.solutions.size());
  const EmdAxis solution = index_axis("solution", most);
  const auto integer = hdf5::Stored::int32;

  write.scalar(
      "phase_id", "", "index of the phase, from 0; -1: not indexed",
      [&](std::size_t i) { return first(i) ? double(first(i)->phase) : -1; }, integer);
  write.several("euler_bunge", "rad", "phi1, PHI, phi2; map frame: x right, y up, z to the source",
                {index_axis("phi1, PHI, phi2", 3)}, [&](std::size_t i, double* at) {
                  if (!first(i)) return;
                  const Vec3 angles = bunge_angles(first(i)->R_lab_crystal);
                  std::copy(angles.data(), angles.data() + 3, at);
                });
  write.several("quaternion", "", "w, x, y, z as orix has it, of the map frame; the best first",
                {solution, index_axis("w, x, y, z", 4)}, [&](std::size_t i, double* at) {
                  for (const OrientationSolution& s : map.at[i].solutions) {
                    const Eigen::Vector4d q = quaternion(s.R_lab_crystal);
                    at = std::copy(q.data(), q.data() + 4, at);
                  }
                });
  write.several("orientation_matrix", "",
                "v_lab = R v_crystal; lab: x along columns, y along rows, z along the beam",
                {solution, index_axis("lab x, y, z", 3), index_axis("crystal x, y, z", 3)},
                [&](std::size_t i, double* at) {
                  for (const OrientationSolution& s : map.at[i].solutions) {
                    const Mat3 transposed = s.R_lab_crystal.transpose();  // to rows
                    at = std::copy(transposed.data(), transposed.data() + 9, at);
                  }
                });
  write.several(
      "solution_phase", "", "phase of every solution; -1: there are no more", {solution},
      [&](std::size_t i, double* at) {
        std::fill(at, at + most, -1);
        for (const OrientationSolution& s : map.at[i].solutions) *at++ = s.phase;
      },
      integer);
  write.several("solution_score", "", "score of every solution", {solution},
                [&](std::size_t i, double* at) {
                  for (const OrientationSolution& s : map.at[i].solutions) *at++ = s.score;
                });
  write.scalar("score", "", "likeness of peaks and template, 0 to 1",
               of_first(&OrientationSolution::score));
  write.scalar("score_second", "", "of the next solution", [&](std::size_t i) {
    return map.at[i].solutions.size() > 1 ? map.at[i].solutions[1].score : nothing;
  });
  write.scalar("reliability", "", "1 - (score of the next orientation of the phase)/score",
               [&](std::size_t i) { return map.at[i].reliability; });
  write.scalar("phase_reliability", "", "1 - (score of the next phase)/score",
               [&](std::size_t i) { return map.at[i].phase_reliability; });
  std::vector<std::string> names, groups;
  for (const MapPhase& phase : map.phases) {
    names.push_back(phase.name);
    groups.push_back(phase.point_group);
  }
  write.several("phase_probability", "", "of every phase", {index_axis("phase", names.size())},
                [&](std::size_t i, double* at) {
                  const auto& p = map.at[i].phase_probability;
                  std::copy(p.begin(), p.end(), at);
                });
  write.scalar(
      "flags", "",
      "sum of 1: fits as well turned by 180 deg about the beam, 2: so does another "
      "orientation, 4: so does another phase, 8: not indexed, too few peaks, 16: not "
      "indexed, unexplained, 32: chosen by the neighbours, 64: by multiple scattering",
      [&](std::size_t i) { return double(map.at[i].flags); }, integer);
  write.scalar(
      "n_peaks", "", "measured, without the undiffracted beam",
      [&](std::size_t i) { return double(map.at[i].peaks); }, integer);
  write.scalar(
      "n_peaks_used", "", "that lie on spots of the solution",
      [&](std::size_t i) { return first(i) ? double(first(i)->peaks_used) : 0; }, integer);
  write.scalar("residual", "1/Å", "root mean square distance of these from the spots",
               of_first(&OrientationSolution::residual_invA));
  write.scalar("orientation_error", "deg", "standard error: root of the sum over three axes",
               of_first(&OrientationSolution::error_deg));
  const bool thick = std::any_of(map.at.begin(), map.at.end(), [](const MapPosition& at) {
    return at.indexed() && std::isfinite(at.solutions.front().thickness_A);
  });
  const bool ranked = std::any_of(map.at.begin(), map.at.end(), [](const MapPosition& at) {
    return at.indexed() && std::isfinite(at.solutions.front().dynamical_misfit);
  });
  if (thick)
    write.scalar("thickness", "Å",
                 ranked ? "that the intensities fit best" : "of the best template",
                 of_first(&OrientationSolution::thickness_A));
  if (ranked) {
    write.scalar("thickness_error", "Å", "standard error, the tilt being free",
                 of_first(&OrientationSolution::thickness_error_A));
    write.several("dynamical_misfit", "",
                  "of every solution that was ranked by multiple scattering: -2 ln of the "
                  "likelihood of positions and intensities",
                  {solution}, [&](std::size_t i, double* at) {
                    for (const OrientationSolution& s : map.at[i].solutions)
                      *at++ = s.dynamical_misfit;
                  });
  }

  std::size_t above = 0;
  for (const MapPosition& at : map.at) above = std::max(above, at.overlapping.size());
  if (above > 0) {
    const EmdAxis crystal = index_axis("crystal", above);
    write.several(
        "overlapping/phase", "", "of crystals above each other; -1: there are no more", {crystal},
        [&](std::size_t i, double* at) {
          std::fill(at, at + above, -1);
          for (const OrientationSolution& s : map.at[i].overlapping) *at++ = s.phase;
        },
        integer);
    write.several("overlapping/share", "", "of the intensity that they explain", {crystal},
                  [&](std::size_t i, double* at) {
                    for (const OrientationSolution& s : map.at[i].overlapping) *at++ = s.share;
                  });
    write.several("overlapping/score", "", "of each alone", {crystal},
                  [&](std::size_t i, double* at) {
                    for (const OrientationSolution& s : map.at[i].overlapping) *at++ = s.score;
                  });
    write.several("overlapping/quaternion", "", "as quaternion has it",
                  {crystal, index_axis("w, x, y, z", 4)}, [&](std::size_t i, double* at) {
                    for (const OrientationSolution& s : map.at[i].overlapping) {
                      const Eigen::Vector4d q = quaternion(s.R_lab_crystal);
                      at = std::copy(q.data(), q.data() + 4, at);
                    }
                  });
  }

  result.metadata("phases", {{"names", names}, {"point_groups", groups}});
  for (std::size_t p = 0; p < map.phases.size(); ++p) {
    const Cell& cell = map.phases[p].crystal.cell;
    Array edges({3}), angles({3});
    for (int k = 0; k < 3; ++k) {
      edges.values[std::size_t(k)] = cell.edges()[k];
      angles.values[std::size_t(k)] = cell.angles_deg()[k];
    }
    result.metadata(
        "phase_" + std::to_string(p),
        {{"name", names[p]}, {"point_group", groups[p]}, {"cell_A", edges}, {"cell_deg", angles}});
  }
}

void write_statistics(EmdWriter& result, const OrientationMap& map,
                      const MapStatistics& statistics) {
  MapWriter write(result, map);
  const auto integer = hdf5::Stored::int32;
  const auto& grains = statistics.grains;
  write.scalar(
      "grain_id", "", "from 0, the largest; -1: in none",
      [&](std::size_t i) { return double(grains.id[i]); }, integer);
  write.scalar("from_grain_mean", "deg", "angle to the mean orientation of the grain",
               [&](std::size_t i) { return grains.from_mean_deg[i]; });
  const auto kernel = kernel_average(map, statistics.pairs, statistics.threshold_deg);
  write.scalar(
      "kernel_average_misorientation", "deg",
      formatted("mean angle to neighbours that are nearer than %g deg", statistics.threshold_deg),
      [&](std::size_t i) { return kernel[i]; });
  for (const bool down : {false, true}) {
    std::vector<double> angle(map.positions(), nothing), twin(map.positions(), -1);
    for (const NeighbourPair& pair : statistics.pairs)
      if ((pair.second == pair.first + 1) != down || map.columns == 1) {
        angle[pair.first] = pair.angle_deg;
        twin[pair.first] = pair.twin;
      }
    const std::string to = down ? "down" : "right";
    write.scalar("misorientation/" + to, "deg",
                 "smallest angle to the neighbour of the same phase in the next " +
                     std::string(down ? "row" : "column"),
                 [&](std::size_t i) { return angle[i]; });
    if (!statistics.twins.empty())
      write.scalar(
          "misorientation/twin_" + to, "", "relation to it; -1: none of those looked for",
          [&](std::size_t i) { return twin[i]; }, integer);
  }
  std::vector<std::string> twins;
  for (const Twin& twin : statistics.twins) twins.push_back(twin.name);
  result.metadata("misorientation",
                  {{"grain_threshold_deg", statistics.threshold_deg}, {"twins", twins}});
  if (grains.grains.empty()) return;
  const std::size_t count = grains.grains.size();
  Array number({count}), phase({count}), mean({count, 4}), spread({count}), centre({count, 2});
  Array zone({count, 3}), x_axis({count, 3}), tilt({count, 2});
  for (std::size_t g = 0; g < count; ++g) {
    const MapGrain& grain = grains.grains[g];
    number.values[g] = double(grain.positions);
    phase.values[g] = grain.phase;
    const Eigen::Vector4d q = quaternion(grain.R_lab_crystal);
    std::copy(q.data(), q.data() + 4, &mean.values[4 * g]);
    spread.values[g] = grain.spread_deg;
    centre.values[2 * g] = grain.centre.y();
    centre.values[2 * g + 1] = grain.centre.x();
    const ZoneStart start =
        zone_start(map.phases[std::size_t(grain.phase)].crystal.cell, grain.R_lab_crystal);
    for (std::size_t k = 0; k < 3; ++k) {
      zone.values[3 * g + k] = start.zone_axis[long(k)];
      x_axis.values[3 * g + k] = start.x_axis[long(k)];
    }
    for (std::size_t k = 0; k < 2; ++k) tilt.values[2 * g + k] = 1000 * start.beam_tilt[long(k)];
  }
  const EmdAxis grain = index_axis("grain", count);
  result.array("grains/positions", number, "", {grain}, "the largest grain first", integer);
  result.array("grains/phase", phase, "", {grain}, "index of the phase", integer);
  result.array("grains/quaternion", mean, "", {grain, index_axis("w, x, y, z", 4)},
               "mean orientation, as quaternion has it");
  result.array("grains/spread", spread, "deg", {grain}, "mean angle to that");
  result.array("grains/centre", centre, "positions", {grain, index_axis("row, column", 2)}, "");
  const EmdAxis uvw = index_axis("u, v, w", 3);
  result.array("grains/zone_axis", zone, "", {grain, uvw}, "next to the source", integer);
  result.array("grains/x_axis", x_axis, "", {grain, uvw}, "next to lab x", integer);
  result.array("grains/beam_tilt", tilt, "mrad", {grain, index_axis("x, y", 2)},
               "left of the mean orientation, in the frame of these axes");
}

void write_pole_figure_colours(EmdWriter& result, const OrientationMap& map) {
  std::vector<IpfKey> keys;
  for (const MapPhase& phase : map.phases) keys.emplace_back(point_group(phase.crystal));
  MapWriter write(result, map);
  const EmdAxis rgb = index_axis("red, green, blue", 3);
  const std::pair<const char*, Vec3> directions[] = {
      {"x", Vec3::UnitX()}, {"y", Vec3::UnitY()}, {"z", Vec3::UnitZ()}};
  for (const auto& [name, direction] : directions)
    write.several(
        std::string("ipf/") + name, "",
        std::string("colour of the crystal direction along ") + name +
            " of the map frame: x right, y up, z to the source",
        {rgb},
        [&, axis = direction](std::size_t i, double* at) {
          if (!map.at[i].indexed()) return;
          const OrientationSolution& s = map.at[i].solutions.front();
          const Vec3 colour =
              keys[std::size_t(s.phase)].colour(crystal_direction(s.R_lab_crystal, axis));
          std::copy(colour.data(), colour.data() + 3, at);
        },
        hdf5::Stored::float32);
  for (std::size_t p = 0; p < keys.size(); ++p) {
    const IpfLegend legend = ipf_legend(keys[p], map.phases[p].crystal.cell, 200);
    Array image({legend.rows, legend.columns, 3});
    image.values.assign(legend.rgb.begin(), legend.rgb.end());
    result.array("ipf_key/" + std::to_string(p), image, "",
                 {index_axis("row", legend.rows), index_axis("column", legend.columns), rgb},
                 "colours of crystal directions, in stereographic projection",
                 hdf5::Stored::float32);
    Array corners({legend.corners.size(), 2}), outline({legend.outline.size(), 2});
    std::vector<std::string> labels;
    for (std::size_t k = 0; k < legend.corners.size(); ++k) {
      corners.values[2 * k] = legend.corners[k].column;
      corners.values[2 * k + 1] = legend.corners[k].row;
      labels.push_back(legend.corners[k].indices);
    }
    for (std::size_t k = 0; k < legend.outline.size(); ++k)
      for (std::size_t c = 0; c < 2; ++c) outline.values[2 * k + c] = legend.outline[k][long(c)];
    EmdDictionary told{{"laue_group", keys[p].zone().group().name}, {"labels", labels}};
    if (!labels.empty()) told.push_back({"corners", corners});
    if (!legend.outline.empty()) told.push_back({"outline", outline});
    result.metadata("ipf_key_" + std::to_string(p), told);
  }
}

std::vector<std::string> map_summary(const OrientationMap& map, const MapStatistics& statistics) {
  std::size_t indexed = 0, few = 0, unexplained_ones = 0, turned = 0, others = 0, phases = 0,
              chosen = 0;
  for (const MapPosition& at : map.at) {
    indexed += at.indexed();
    few += (at.flags & few_peaks) != 0;
    unexplained_ones += (at.flags & unexplained) != 0;
    turned += at.indexed() && (at.flags & turned_180);
    others += at.indexed() && (at.flags & ambiguous);
    phases += at.indexed() && (at.flags & phase_uncertain);
    chosen += (at.flags & by_neighbours) != 0;
  }
  std::vector<std::string> lines;
  lines.push_back(
      formatted("indexed: %zu of %zu positions (%.1f %%); too few peaks: %zu, "
                "unexplained: %zu",
                indexed, map.positions(), 100 * double(indexed) / double(map.positions()), few,
                unexplained_ones));
  for (std::size_t p = 0; p < map.phases.size(); ++p) {
    std::vector<double> score, residual, error;
    for (const MapPosition& at : map.at)
      if (at.indexed() && at.solutions.front().phase == int(p)) {
        score.push_back(at.solutions.front().score);
        residual.push_back(at.solutions.front().residual_invA);
        if (std::isfinite(at.solutions.front().error_deg))
          error.push_back(at.solutions.front().error_deg);
      }
    std::string line =
        formatted("%s: %.1f %% of them", map.phases[p].name.c_str(),
                  100 * double(score.size()) / double(std::max<std::size_t>(1, indexed)));
    if (!score.empty())
      line += formatted("; medians: score %.3f, distance of peaks %.4f 1/Å", median(score),
                        median(residual));
    if (!error.empty()) line += formatted(", error of orientations %.2f°", median(error));
    lines.push_back(line);
  }
  lines.push_back(
      formatted("fit as well: turned by 180° about the beam %zu, in another "
                "orientation %zu, as another phase %zu; chosen by neighbours: %zu",
                turned, others, phases, chosen));
  std::size_t several = 0, looked = 0;
  for (const MapPosition& at : map.at) {
    looked += !at.overlapping.empty();
    several += at.overlapping.size() > 1;
  }
  if (looked > 0)
    lines.push_back(formatted("several crystals above each other: at %zu positions", several));
  std::size_t boundaries = 0, in_grains = 0;
  std::vector<std::size_t> twins(statistics.twins.size(), 0);
  for (const NeighbourPair& pair : statistics.pairs) {
    if (pair.angle_deg > statistics.threshold_deg) ++boundaries;
    if (pair.twin >= 0) ++twins[std::size_t(pair.twin)];
  }
  for (const int id : statistics.grains.id) in_grains += id >= 0;
  std::string line = formatted(
      "grains: %zu with %.1f %% of the positions; %zu of %zu pairs of "
      "neighbours are turned by more than %g°",
      statistics.grains.grains.size(), 100 * double(in_grains) / double(map.positions()),
      boundaries, statistics.pairs.size(), statistics.threshold_deg);
  for (std::size_t t = 0; t < twins.size(); ++t)
    line += formatted("; %s: %zu", statistics.twins[t].name.c_str(), twins[t]);
  lines.push_back(line);
  for (std::size_t g = 0; g < std::min<std::size_t>(3, statistics.grains.grains.size()); ++g) {
    const MapGrain& grain = statistics.grains.grains[g];
    const MapPhase& phase = map.phases[std::size_t(grain.phase)];
    const ZoneStart start = zone_start(phase.crystal.cell, grain.R_lab_crystal);
    lines.push_back(formatted(
        "grain %zu: %s, %zu positions, spread %.2f°, zone_axis [%d, %d, %d], x_axis [%d, %d, %d], "
        "beam tilt (%.1f, %.1f) mrad",
        g, phase.name.c_str(), grain.positions, grain.spread_deg, start.zone_axis[0],
        start.zone_axis[1], start.zone_axis[2], start.x_axis[0], start.x_axis[1], start.x_axis[2],
        1000 * start.beam_tilt.x(), 1000 * start.beam_tilt.y()));
  }
  return lines;
}

}  // namespace pendel

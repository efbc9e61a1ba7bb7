#include "studies/hand_over.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "acom/zone_start.hpp"
#include "core/median.hpp"
#include "core/options_print.hpp"
#include "core/text.hpp"
#include "crystal/rotation.hpp"

namespace pendel {

namespace {

namespace fs = std::filesystem;
constexpr double nothing = OrientationSolution::not_known;

struct Disks {
  std::vector<Hkl> hkl;
  std::vector<std::vector<double>> intensity;  // by disk: (positions)
};

/// The peaks of a grain's positions that are next to reflections of its zone, and these to them.
Disks disks_of(const std::vector<std::size_t>& positions, const MapGrain& grain,
               const MapPhase& phase, const ZoneStart& start, double g_max, double tolerance,
               const OrientationMap& map, const std::vector<std::vector<PeakVector>>& patterns) {
  const Crystal& crystal = phase.crystal;
  const Vec3 edges = crystal.cell.edges();
  const Eigen::Vector3i box = (edges * g_max).array().ceil().cast<int>();
  std::vector<Hkl> hkl;
  for (int h = -box[0]; h <= box[0]; ++h)
    for (int k = -box[1]; k <= box[1]; ++k)
      for (int l = -box[2]; l <= box[2]; ++l)
        if (start.zone_axis.dot(Eigen::Vector3i(h, k, l)) == 0 &&
            crystal.g({h, k, l}).v.norm() <= g_max)
          hkl.push_back({h, k, l});
  std::vector<std::vector<double>> intensity(hkl.size(),
                                             std::vector<double>(map.positions(), nothing));
  for (const std::size_t i : positions) {
    const Mat3 R = nearest_equivalent(map.at[i].solutions.front().R_lab_crystal,
                                      grain.R_lab_crystal, phase.symmetry);
    for (const PeakVector& peak : patterns[i]) {
      std::size_t nearest = 0;
      double least = tolerance;
      for (std::size_t j = 0; j < hkl.size(); ++j) {
        const double distance = ((R * crystal.g(hkl[j]).v).head<2>() - peak.q).norm();
        if (distance < least) {
          least = distance;
          nearest = j;
        }
      }
      double& sum = intensity[nearest][i];
      if (least < tolerance) sum = (std::isfinite(sum) ? sum : 0) + peak.intensity;
    }
  }
  Disks result;
  for (std::size_t j = 0; j < hkl.size(); ++j) {
    const auto seen = std::count_if(positions.begin(), positions.end(),
                                    [&](std::size_t i) { return std::isfinite(intensity[j][i]); });
    if (2 * std::size_t(seen) < positions.size()) continue;
    result.hkl.push_back(hkl[j]);
    result.intensity.push_back(std::move(intensity[j]));
  }
  return result;
}

std::string uvw(const Eigen::Vector3i& v) { return formatted("[%d, %d, %d]", v[0], v[1], v[2]); }

/// Where the library's structure is; of a library from a file that is not known.
std::string structure_file(const MatchStudy& study, const std::string& phase) {
  return study.library.templates
             ? fs::absolute(study.library.templates->phases.at(phase).cif.path).string()
             : phase + ".cif";
}

/// That the thickness was told by.
PotentialOptions potential_of(const MatchStudy& study, const PhaseLibrary& library) {
  PotentialOptions result;
  if (const auto* dynamical = std::get_if<DynamicalRecipe>(&library.recipe))
    result = dynamical->options.potential;
  else
    result.table = std::get<SpotOptions>(library.recipe).table;
  if (study.match.dynamical) {
    result.absorption = study.match.dynamical->absorption;
    result.proportional_absorption = study.match.dynamical->proportional_absorption;
  }
  return result;
}

std::string fit_study(const MatchStudy& study, const std::string& file, std::size_t g,
                      const PhaseLibrary& library, const ZoneStart& start, double thickness_A,
                      double thickness_error_A) {
  const PotentialOptions potential = potential_of(study, library);
  const Vec2 tilt = 1000 * start.beam_tilt;
  constexpr double around = 10;  // mrad: what is left open, by single scattering too
  const double reach = std::isfinite(thickness_error_A)
                           ? std::max(3 * thickness_error_A, 0.1 * thickness_A)
                           : 0.5 * thickness_A;
  std::string text = "study: fit\n";
  text +=
      "data: {file: " + fs::path(file).filename().string() +
      formatted(", intensity: pendel/hand_over/%zu/intensity, beams: pendel/hand_over/%zu/hkl}\n",
                g, g);
  text += "crystals:\n  " + library.name + ": {cif: " + structure_file(study, library.name);
  if (study.library.templates)
    text += formatted(", default_B_A2: %g",
                      study.library.templates->phases.at(library.name).default_B_A2);
  text += "}\n";
  text += "specimen:\n  zone_axis: " + uvw(start.zone_axis) + "\n  x_axis: " + uvw(start.x_axis) +
          "\n  layers:\n    - {crystal: " + library.name +
          formatted(", thickness_A: %.6g}\n", thickness_A);
  text += formatted("beam: {energy_keV: %g, tilt_mrad: [%.3f, %.3f]}\n", library.energy_keV,
                    tilt.x(), tilt.y());
  text += "engine: {scattering: " + choice_name(potential.table) +
          ", absorption: " + choice_name(potential.absorption) +
          formatted(", proportional_absorption: %g}\n", potential.proportional_absorption);
  text += formatted("fit:\n  beam_tilt_mrad: {range: [%.1f, %.1f]}\n", tilt.minCoeff() - around,
                    tilt.maxCoeff() + around);
  return text + formatted("  thickness_A:\n    - {layer: 1, range: [%.4g, %.4g]}\n",
                          std::max(0.1 * thickness_A, thickness_A - reach), thickness_A + reach);
}

/// Of the rows and columns that the grain covers.
std::string strain_study(const MatchStudy& study, const std::string& phase, const ZoneStart& start,
                         const std::vector<std::size_t>& positions, std::size_t columns) {
  MeasuredPeaksOptions peaks = study.peaks;
  peaks.file.given = fs::absolute(peaks.file.path).string();
  const auto part = [&](const std::optional<std::array<int, 2>>& used, auto place) {
    const int first = used ? (*used)[0] : 0;
    std::array<int, 2> ends{int(place(positions.front())), int(place(positions.front()))};
    for (const std::size_t i : positions)
      ends = {std::min(ends[0], int(place(i))), std::max(ends[1], int(place(i)))};
    return std::array<int, 2>{ends[0] + first, ends[1] + first};
  };
  peaks.rows = part(study.peaks.rows, [&](std::size_t i) { return i / columns; });
  peaks.columns = part(study.peaks.columns, [&](std::size_t i) { return i % columns; });
  std::string indented;
  const std::string group = yaml_text(describe(peaks));
  for (std::size_t from = 0; from < group.size();) {
    const std::size_t end = std::min(group.find('\n', from), group.size() - 1) + 1;
    indented += "  " + group.substr(from, end - from);
    from = end;
  }
  return "study: strain\npeaks:\n" + indented +
         "strain:\n  reference:\n    crystal: {cif: " + structure_file(study, phase) +
         ", zone_axis: " + uvw(start.zone_axis) + "}\n";
}

}  // namespace

void write_hand_over(EmdWriter& result, const MatchStudy& study, const std::string& file,
                     const OrientationMap& map, const Grains& grains,
                     const std::vector<PhaseLibrary>& libraries,
                     const std::vector<std::vector<PeakVector>>& patterns) {
  EmdDictionary studies;
  for (std::size_t g = 0; g < std::min<std::size_t>(3, grains.grains.size()); ++g) {
    const MapGrain& grain = grains.grains[g];
    const PhaseLibrary& library = libraries[std::size_t(grain.phase)];
    const ZoneStart start = zone_start(library.crystal.cell, grain.R_lab_crystal);
    std::vector<std::size_t> positions;
    std::vector<double> thickness, error;
    for (std::size_t i = 0; i < map.positions(); ++i)
      if (grains.id[i] == int(g)) {
        positions.push_back(i);
        const OrientationSolution& first = map.at[i].solutions.front();
        if (std::isfinite(first.thickness_A)) thickness.push_back(first.thickness_A);
        if (std::isfinite(first.thickness_error_A)) error.push_back(first.thickness_error_A);
      }
    const std::string number = std::to_string(g);
    const Disks disks =
        disks_of(positions, grain, map.phases[std::size_t(grain.phase)], start, library.g_max,
                 2 * study.match.position_tolerance_invA, map, patterns);
    if (disks.hkl.empty()) continue;
    const std::size_t count = disks.hkl.size();
    Array intensity({map.rows, map.columns, count}), hkl({count, 3});
    for (std::size_t j = 0; j < count; ++j) {
      for (std::size_t i = 0; i < map.positions(); ++i)
        intensity.values[i * count + j] = disks.intensity[j][i];
      hkl.values[3 * j] = disks.hkl[j].h;
      hkl.values[3 * j + 1] = disks.hkl[j].k;
      hkl.values[3 * j + 2] = disks.hkl[j].l;
    }
    const EmdAxis disk = index_axis("disk", count);
    result.array("hand_over/" + number + "/intensity", intensity, "",
                 {index_axis("row", map.rows), index_axis("column", map.columns), disk},
                 "of the grain's peaks; NaN: none, or another grain");
    result.array("hand_over/" + number + "/hkl", hkl, "", {disk, index_axis("h, k, l", 3)},
                 "as the grain's zone_axis has them", hdf5::Stored::int32);
    const double t = median(thickness);
    if (std::isfinite(t))
      studies.emplace_back("fit_" + number,
                           fit_study(study, file, g, library, start, t, median(error)));
    studies.emplace_back("strain_" + number,
                         strain_study(study, library.name, start, positions, map.columns));
  }
  if (!studies.empty()) result.metadata("hand_over", studies);
}

}  // namespace pendel

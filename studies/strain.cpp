#include "studies/strain.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <set>

#include "cif/read.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/median.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/text.hpp"
#include "crystal/orientation.hpp"
#include "crystal/structure_factor.hpp"
#include "scan/lattice.hpp"
#include "scan/strain.hpp"

namespace pendel {

namespace {

using Eigen::Matrix2d;

constexpr double nothing = Calibration::not_known;

Matrix2d columns_of(const BasisOptions& options) {
  Matrix2d basis;
  basis << options.g1, options.g2;
  return basis;
}

/// Positions of a region. Error (study) if it is not in the scan.
std::vector<std::size_t> positions_of(const ScanRegionOptions& region, const BraggPeaks& peaks,
                                      const std::string& key) {
  const auto ends = [&](const std::optional<std::array<int, 2>>& given, std::size_t count,
                        const char* name) {
    if (!given) return std::array<std::size_t, 2>{0, count};
    if ((*given)[1] < (*given)[0] || std::size_t((*given)[1]) >= count)
      throw Error(ErrorKind::study, key + "." + name + ": [" + std::to_string((*given)[0]) + ", " +
                                        std::to_string((*given)[1]) +
                                        "] is no first and last one of the " +
                                        std::to_string(count) + " that are used");
    return std::array<std::size_t, 2>{std::size_t((*given)[0]), std::size_t((*given)[1]) + 1};
  };
  const auto rows = ends(region.rows, peaks.rows, "rows"),
             columns = ends(region.columns, peaks.columns, "columns");
  std::vector<std::size_t> positions;
  for (std::size_t r = rows[0]; r < rows[1]; ++r)
    for (std::size_t c = columns[0]; c < columns[1]; ++c)
      positions.push_back(r * peaks.columns + c);
  return positions;
}

/// Of the strain alone, whatever its axes.
double size_of(const Strain& e) { return std::hypot(e.xx, e.yy, std::sqrt(2.0) * e.xy); }

/// Median of the vectors; none if no lattice was found there.
std::optional<Matrix2d> median_basis(const std::vector<std::optional<LatticeFit>>& fits,
                                     const std::vector<std::size_t>& positions) {
  Matrix2d result;
  for (int i = 0; i < 4; ++i) {
    std::vector<double> values;
    for (const std::size_t p : positions)
      if (fits[p]) values.push_back(fits[p]->basis(i % 2, i / 2));
    if (values.empty()) return std::nullopt;
    result(i % 2, i / 2) = median(values);
  }
  return result;
}

/// The crystal's lattice of reflections in the zone, turned and set as the measured one is.
Matrix2d crystal_basis(const ReferenceCrystalOptions& options, const Matrix2d& measured,
                       RunContext& context) {
  const std::string key = "strain.reference.crystal";
  const Crystal crystal = read_cif(options.cif.path);
  context.provenance.add_input(options.cif.path);
  const Vec3 zone = options.zone_axis;
  // any axis that is not along the zone will do
  const Vec3 across =
      std::abs(zone.x()) > 0.5 * zone.cwiseAbs().maxCoeff() ? Vec3(0, 1, 0) : Vec3(1, 0, 0);
  const Mat3 lab = orientation(crystal.cell, -zone, across);
  const double longest = 3 * std::max(measured.col(0).norm(), measured.col(1).norm());
  const Vec3 edges = crystal.cell.edges();
  std::vector<Hkl> reflections;
  std::vector<Vec2> places;
  const Vec3 most = (edges * longest).array().ceil();
  for (int h = -int(most.x()); h <= int(most.x()); ++h)
    for (int k = -int(most.y()); k <= int(most.y()); ++k)
      for (int l = -int(most.z()); l <= int(most.z()); ++l) {
        const Hkl hkl{h, k, l};
        const Vec3 g = lab * crystal.cell.g(hkl).v;
        if (std::abs(hkl.vec().dot(zone)) > 1e-9 || g.norm() > longest) continue;
        reflections.push_back(hkl);
        places.push_back(g.head<2>());
      }
  std::vector<Ug> factors;
  StructureFactors(crystal, reflections, 300, {}).evaluate(crystal, factors);
  double strongest = 0;
  for (std::size_t i = 0; i < factors.size(); ++i)
    if (places[i].norm() > 1e-9) strongest = std::max(strongest, std::abs(factors[i].elastic));
  std::vector<PeakVector> pattern;
  for (std::size_t i = 0; i < factors.size(); ++i)
    if (std::abs(factors[i].elastic) > 0.01 * strongest) {
      PeakVector peak;
      peak.q = places[i];
      pattern.push_back(peak);
    }
  const auto ideal = find_basis({pattern});
  if (!ideal)
    throw Error(ErrorKind::study, key + ": within " + formatted("%.3g", longest) +
                                      " 1/Å the crystal has no two reflections in the zone [" +
                                      formatted("%g %g %g", zone.x(), zone.y(), zone.z()) +
                                      "] that span it");
  // of all settings, and their mirror images (the zone seen from behind), the nearest to the
  // measured lattice; the rotation is the measured one
  Matrix2d best;
  double least = std::numeric_limits<double>::infinity();
  for (const double mirror : {1.0, -1.0}) {
    Matrix2d seen = Vec2(1, mirror).asDiagonal() * *ideal;
    if (seen.determinant() < 0) seen.col(1) *= -1;
    for (int turns = 0; turns < 36; ++turns) {
      const Matrix2d turned =
          Eigen::Rotation2Dd(turns * 10 * electron::pi / 180).toRotationMatrix() * seen;
      const Matrix2d setting = nearest_setting(turned, measured);
      const Strain strain = strain_of(measured, setting).strain;
      const double size = size_of(strain);
      if (size < least - 1e-12) {
        least = size;
        best = Eigen::Rotation2Dd(strain.rotation).toRotationMatrix() * setting;
      }
    }
  }
  if (least > 0.15)
    throw Error(ErrorKind::input,
                options.cif.path +
                    ": no setting of its zone is nearer to the measured lattice than " +
                    formatted("a strain of %.0f %%; is the zone right, and the size of a pixel?",
                              100 * least));
  return best;
}

/// Mean, standard deviation and number of what is known.
struct Mean {
  double value = nothing, deviation = nothing;
  std::size_t count = 0;
};
Mean mean_of(const std::vector<double>& values, const std::vector<std::size_t>& positions) {
  double sum = 0, squares = 0;
  Mean mean;
  for (const std::size_t p : positions)
    if (std::isfinite(values[p])) sum += values[p], ++mean.count;
  if (mean.count == 0) return mean;
  mean.value = sum / double(mean.count);
  for (const std::size_t p : positions)
    if (std::isfinite(values[p])) squares += (values[p] - mean.value) * (values[p] - mean.value);
  if (mean.count > 1) mean.deviation = std::sqrt(squares / double(mean.count - 1));
  return mean;
}

struct Map {
  const char* name;
  const char* units;
  std::vector<double> values, errors;
};

}  // namespace

StrainStudy StrainStudy::example(const std::string& data) {
  StrainStudy study;
  study.peaks.file = {data + "/scans/cathode_peaks.h5", data + "/scans/cathode_peaks.h5"};
  return study;
}

void StrainStudy::check(Problems& problems) const {
  if (lattice.basis && std::abs(columns_of(*lattice.basis).determinant()) <
                           1e-3 * lattice.basis->g1.norm() * lattice.basis->g2.norm())
    problems.add("lattice.basis.g2", "is parallel to g1");
  if (strain.reference && strain.reference->crystal &&
      strain.reference->crystal->zone_axis.norm() == 0)
    problems.add("strain.reference.crystal.zone_axis", "is [0, 0, 0]");
  std::set<std::string> names;
  for (std::size_t i = 0; i < strain.regions.size(); ++i) {
    const std::string& name = strain.regions[i].name;
    const std::string key = "strain.regions." + std::to_string(i) + ".name";
    if (!names.insert(name).second) problems.add(key, "'" + name + "' is the name of another one");
    if (name.empty() || name.find('/') != std::string::npos)
      problems.add(key, "'" + name + "' is no name; letters, digits and _ make one");
  }
}

void StrainStudy::run(RunContext& context) const {
  const BraggPeaks measured = open_peaks(peaks, context, false);
  context.say(peaks_summary(measured));
  const bool scaled = std::isfinite(measured.calibration.pixel_invA);
  const std::string units = scaled ? "1/Å" : "pixels";
  if (strain.reference && strain.reference->crystal && !scaled)
    throw Error(ErrorKind::study,
                "strain.reference.crystal: needs the size of a pixel; the study `calibrate` finds "
                "it, or give peaks.pixel_invA");
  const std::size_t count = measured.positions();
  std::vector<std::size_t> reference_positions;
  if (strain.reference && strain.reference->region)
    reference_positions =
        positions_of(*strain.reference->region, measured, "strain.reference.region");
  else
    for (std::size_t i = 0; i < count; ++i) reference_positions.push_back(i);
  std::vector<std::vector<std::size_t>> regions;
  for (std::size_t i = 0; i < strain.regions.size(); ++i)
    regions.push_back(
        positions_of(strain.regions[i], measured, "strain.regions." + std::to_string(i)));
  if (!context.begin()) return;

  std::vector<std::vector<PeakVector>> vectors(count);
  for (std::size_t i = 0; i < count; ++i)
    vectors[i] = peak_vectors(measured, measured.calibration, i);
  Matrix2d start;
  if (lattice.basis) {
    start = columns_of(*lattice.basis);
  } else {
    // a thousand positions of the reference say what the lattice is
    std::vector<std::vector<PeakVector>> some;
    const std::size_t used = std::min<std::size_t>(1000, reference_positions.size());
    for (std::size_t i = 0; i < used; ++i)
      some.push_back(vectors[reference_positions[i * reference_positions.size() / used]]);
    const auto found = find_basis(some);
    if (!found)
      throw Error(ErrorKind::input, peaks.file.path +
                                        ": its peaks lie on no lattice that could be found; give "
                                        "lattice.basis or, of several grains, a part of the scan");
    start = *found;
  }
  const auto told = [&](const char* what, const Matrix2d& basis) {
    context.say(formatted("%s: g1 (%.5f, %.5f), g2 (%.5f, %.5f) ", what, basis(0, 0), basis(1, 0),
                          basis(0, 1), basis(1, 1)) +
                units);
  };
  told(lattice.basis ? "lattice, given" : "lattice, found", start);

  std::vector<std::optional<LatticeFit>> fits(count);
  {
    Progress progress("lattices", long(count), context.quiet);
    const LatticeFitOptions options{lattice.reach, lattice.least_peaks};
    parallel_for(long(count), [&](long i, int) {
      const auto& there = vectors[std::size_t(i)];
      auto& fit = fits[std::size_t(i)];
      fit = fit_lattice(there, start, options);
      if (fit && (fit->peaks < lattice.least_part * double(there.size()) ||
                  size_of(strain_of(fit->basis, start).strain) > lattice.most_strain))
        fit.reset();
      progress.advance();
    });
  }
  const auto lattices =
      std::count_if(fits.begin(), fits.end(), [](const auto& f) { return bool(f); });
  if (lattices == 0)
    throw Error(ErrorKind::numerical, "at no position do " + std::to_string(lattice.least_peaks) +
                                          " peaks lie on the lattice");
  const auto typical = median_basis(fits, reference_positions);
  if (!typical)
    throw Error(ErrorKind::numerical, "strain.reference.region: no lattice was found in it");
  Matrix2d reference = *typical;
  if (strain.reference && strain.reference->basis)
    reference = nearest_setting(columns_of(*strain.reference->basis), *typical);
  if (strain.reference && strain.reference->crystal)
    reference = crystal_basis(*strain.reference->crystal, *typical, context);
  told("reference", reference);

  const Matrix2d axes =
      Eigen::Rotation2Dd(-strain.axes_deg * electron::pi / 180).toRotationMatrix();
  Eigen::Matrix4d turn = Eigen::Matrix4d::Zero();
  turn << axes, Matrix2d::Zero(), Matrix2d::Zero(), axes;
  const std::vector<double> unknown(count, nothing);
  std::vector<Map> maps{{"e_xx", "", unknown, unknown},
                        {"e_yy", "", unknown, unknown},
                        {"e_xy", "", unknown, unknown},
                        {"rotation", "deg", unknown, unknown}};
  Array basis({measured.rows, measured.columns, 2, 2}),
      origin({measured.rows, measured.columns, 2});
  std::fill(basis.values.begin(), basis.values.end(), nothing);
  std::fill(origin.values.begin(), origin.values.end(), nothing);
  std::vector<double> used(count, 0), residual = unknown;
  for (std::size_t i = 0; i < count; ++i) {
    if (!measured.recorded.empty() && !measured.recorded[i]) used[i] = nothing;
    if (!fits[i]) continue;
    const StrainOfLattice found =
        strain_of(axes * fits[i]->basis, axes * reference, strain.linearised);
    const Eigen::Matrix4d derivative = found.derivative * turn;
    const Eigen::Vector4d errors =
        (derivative * fits[i]->covariance.bottomRightCorner<4, 4>() * derivative.transpose())
            .diagonal()
            .cwiseSqrt();
    const double degrees = 180 / electron::pi;
    const Strain& e = found.strain;
    const double values[] = {e.xx, e.yy, e.xy, e.rotation * degrees};
    for (std::size_t m = 0; m < 4; ++m) {
      maps[m].values[i] = values[m];
      maps[m].errors[i] = errors[long(m)] * (m == 3 ? degrees : 1);
    }
    for (std::size_t k = 0; k < 2; ++k) {
      origin.values[2 * i + k] = fits[i]->origin[long(k)];
      for (std::size_t g = 0; g < 2; ++g)
        basis.values[4 * i + 2 * g + k] = fits[i]->basis(long(k), long(g));
    }
    used[i] = fits[i]->peaks;
    residual[i] = fits[i]->residual;
  }

  EmdWriter result("pendel");
  const EmdAxis row = index_axis("row", measured.rows),
                column = index_axis("column", measured.columns);
  const auto save = [&](const std::string& name, const std::vector<double>& values,
                        const std::string& unit, const std::string& note) {
    Array array({measured.rows, measured.columns});
    array.values = values;
    result.array(name, array, unit, {row, column}, note);
  };
  const std::string kind =
      strain.linearised ? "first-order strain" : "strain before the rotation (exact)";
  for (const Map& map : maps) {
    const bool turned = std::string(map.name) == "rotation";
    save(std::string("strain/") + map.name, map.values, map.units,
         turned ? "of the lattice in real space, from x to y" : kind + ", expansion positive");
    save(std::string("strain/") + map.name + "_error", map.errors, map.units, "standard error");
  }
  result.array("lattice/basis", basis, units,
               {row, column, index_axis("g1, g2", 2), index_axis("x, y", 2)},
               "reciprocal basis, x along the scan's columns");
  result.array("lattice/origin", origin, units, {row, column, index_axis("x, y", 2)},
               "undiffracted beam, from where the calibration has it");
  save("lattice/peaks", used, "", "peaks on the lattice");
  save("lattice/residual", residual, units, "root mean square distance of peaks from it");

  // means along and across the scan, for layers that lie along its rows or columns
  for (const bool along_rows : {true, false}) {
    const std::size_t lines = along_rows ? measured.rows : measured.columns;
    for (const Map& map : maps) {
      Array profile({lines, 3});
      for (std::size_t line = 0; line < lines; ++line) {
        std::vector<std::size_t> positions;
        for (std::size_t k = 0; k < (along_rows ? measured.columns : measured.rows); ++k)
          positions.push_back(along_rows ? line * measured.columns + k
                                         : k * measured.columns + line);
        const Mean mean = mean_of(map.values, positions);
        profile(line, 0) = mean.value;
        profile(line, 1) = mean.deviation;
        profile(line, 2) = double(mean.count);
      }
      result.array(std::string("profiles/") + map.name + (along_rows ? "_of_rows" : "_of_columns"),
                   profile, map.units,
                   {along_rows ? row : column, index_axis("mean, deviation, positions", 3)},
                   "over the positions with a lattice");
    }
  }
  for (std::size_t r = 0; r < regions.size(); ++r) {
    EmdDictionary items;
    std::string line = strain.regions[r].name + ":";
    for (const Map& map : maps) {
      const Mean mean = mean_of(map.values, regions[r]);
      items.push_back({map.name, mean.value});
      items.push_back({std::string(map.name) + "_deviation", mean.deviation});
      line += formatted(" %s %.5f ± %.5f%s", map.name, mean.value, mean.deviation,
                        map.units[0] ? "°," : ",");
      if (&map == &maps.back()) {
        items.push_back({"positions", double(mean.count)});
        line += formatted(" %zu positions", mean.count);
      }
    }
    result.metadata("region_" + strain.regions[r].name, items);
    context.say(line);
  }
  result.metadata("strain_reference", {{"g1_x", reference(0, 0)},
                                       {"g1_y", reference(1, 0)},
                                       {"g2_x", reference(0, 1)},
                                       {"g2_y", reference(1, 1)},
                                       {"units", units},
                                       {"axes_deg", strain.axes_deg}});
  context.save(result);
  std::vector<double> errors;
  for (const double error : maps[0].errors)
    if (std::isfinite(error)) errors.push_back(error);
  context.say(
      formatted("%ld of %zu positions have a lattice; median error of e_xx %.2g; %.2f s CPU",
                long(lattices), count, median(errors), context.provenance.cpu_seconds()));
}

}  // namespace pendel

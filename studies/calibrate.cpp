#include "studies/calibrate.hpp"

#include <Eigen/Geometry>
#include <algorithm>
#include <cmath>

#include "cif/read.hpp"
#include "core/progress.hpp"
#include "core/text.hpp"
#include "crystal/structure_factor.hpp"
#include "scan/bragg_file.hpp"
#include "scan/rings.hpp"
#include "scan/scan_rotation.hpp"
#include "scan/virtual_image.hpp"
#include "scan/zone_fit.hpp"

namespace pendel {

namespace {

constexpr double farthest_ring_invA = 3;

/// "1.0366 ± 0.0002"; the value alone where its error is not known.
std::string with_error(double value, double error, int digits) {
  return std::isfinite(error) ? formatted("%.*f ± %.*f", digits, value, digits, error)
                              : formatted("%.*f, error not known", digits, value);
}

struct Known {
  std::size_t rows = 0, columns = 0;
  Calibration calibration;
  MeasuredOrigins origins;
  OriginFit fit;
  std::optional<RingFit> rings;
  std::vector<double> pattern;  // mean of the scan
  std::size_t q_rows = 0, q_columns = 0;
};

Crystal crystal_of(const File& cif, RunContext& context) {
  std::vector<std::string> notes;
  const Crystal crystal = read_cif(cif.path, {}, &notes);
  context.provenance.add_input(cif.path);
  for (const std::string& note : notes) context.say("note: " + note);
  return crystal;
}

/// Reflections of a zone [1/Å], x along the first of them; z, away from the source, is −zone axis.
std::vector<Vec2> zone_vectors(const Crystal& crystal, const std::array<int, 3>& zone, double g_max,
                               Hkl& first) {
  const Vec3 uvw(zone[0], zone[1], zone[2]);
  std::vector<Hkl> in_zone;
  for (const Hkl& hkl : reflections_within(crystal.cell, g_max))
    if (hkl.vec().dot(uvw) == 0 && !hkl.vec().isZero(0)) in_zone.push_back(hkl);
  const std::vector<Ug> U = structure_factors(crystal, in_zone, 200, {});
  double most = 0;
  for (const Ug& u : U) most = std::max(most, std::abs(u.elastic));
  std::vector<Vec2> result;
  const Vec3 z = -(crystal.cell.orthogonalization() * uvw).normalized();
  Vec3 x(0, 0, 0);
  for (std::size_t i = 0; i < in_zone.size(); ++i) {
    if (std::abs(U[i].elastic) < 1e-3 * most) continue;
    const Vec3 g = crystal.g(in_zone[i]).v;
    if (x.isZero(0)) {
      x = g.normalized();
      first = in_zone[i];
    }
    result.push_back({g.dot(x), g.dot(z.cross(x))});
  }
  return result;
}

void say_rings(const RingFit& fit, RunContext& context) {
  context.say(formatted(
      "rings: fitted between %.1f and %.1f pixels, residual %.1f %% of the mean%s", fit.from,
      fit.to, 100 * fit.residual,
      fit.dark_pixels ? formatted("; %zu dark pixels left out", fit.dark_pixels).c_str() : ""));
  for (const RingFit::Ring& ring : fit.rings)
    if (ring.line.g_invA == 0)
      context.say(formatted("  ring at %.3f ± %.3f pixels", ring.radius, ring.radius_error));
    else if (ring.radius < fit.to && ring.height > 3 * ring.height_error)
      context.say(formatted("  %d%d%d: %.3f pixels; alone it would be %+.3f ± %.3f further out",
                            ring.line.hkl.h, ring.line.hkl.k, ring.line.hkl.l, ring.radius,
                            ring.deviation, ring.deviation_error));
}

void say_values(const Known& known, RunContext& context) {
  const Calibration& c = known.calibration;
  const auto from = [&](const char* what) {
    for (const auto& [name, source] : c.sources)
      if (name == what) return " (" + source + ")";
    return std::string();
  };
  if (!c.origin.empty()) {
    Vec2 mean(0, 0);
    double count = 0;
    for (const Vec2& origin : c.origin)
      if (origin.allFinite()) mean += origin, ++count;
    mean /= count;
    context.say("origin: column " + with_error(mean.x(), c.origin_error.x(), 3) + ", row " +
                with_error(mean.y(), c.origin_error.y(), 3) + from("origin"));
  }
  if (std::isfinite(c.ellipse_ratio_error))
    context.say("ellipse: ratio " + with_error(c.ellipse_ratio, c.ellipse_ratio_error, 5) +
                ", long axis at " + with_error(c.ellipse_angle_deg, c.ellipse_angle_error_deg, 2) +
                "°" + from("ellipse"));
  if (std::isfinite(c.pixel_invA))
    context.say("pixel: " + with_error(c.pixel_invA, c.pixel_error_invA, 7) +
                " 1/Å of the round pattern" + from("pixel"));
  if (!from("rotation").empty())
    context.say("rotation: " + with_error(c.rotation_deg, c.rotation_error_deg, 2) + "°, " +
                (c.flip ? "flipped" : "not flipped") + from("rotation"));
}

void write_result(const Known& known, RunContext& context) {
  EmdWriter result("pendel");
  write_calibration(result, known.calibration, known.rows, known.columns);
  const auto map = [&](const std::string& name, const auto& value, const std::string& units,
                       const std::string& note) {
    Array array({known.rows, known.columns});
    for (std::size_t i = 0; i < array.values.size(); ++i) array.values[i] = value(i);
    result.array(name, array, units,
                 {index_axis("row", known.rows), index_axis("column", known.columns)}, note);
  };
  if (!known.origins.at.empty())
    for (const int k : {0, 1}) {
      const std::string axis = k == 0 ? "column" : "row";
      map(
          "origin/measured_" + axis, [&](std::size_t i) { return known.origins.at[i][k]; },
          "pixels", "of the beam as found");
      map(
          "origin/" + axis,
          [&](std::size_t i) {
            return known.calibration.origin[known.calibration.origin.size() > 1 ? i : 0][k];
          },
          "pixels", "of the beam as calibrated");
    }
  if (!known.origins.at.empty())
    map(
        "origin/outlier", [&](std::size_t i) { return double(known.fit.outlier[i]); }, "",
        "1: left out of the fit, or none found");
  if (known.rings) {
    const RingFit& fit = *known.rings;
    EmdAxis radius = index_axis("radius", fit.profile.bins.count);
    radius.units = "pixels";
    for (std::size_t i = 0; i < fit.profile.bins.count; ++i)
      radius.values[i] = fit.profile.bins.centre(i);
    const auto curve = [&](const std::string& name, const std::vector<double>& values,
                           const std::string& note) {
      Array array({values.size()});
      array.values = values;
      result.array("rings/" + name, array, "", {radius}, note);
    };
    curve("mean", fit.profile.mean, "radial mean of the pattern made round");
    curve("model", fit.model_mean, "the fit");
    curve("background", fit.background, "of the fit");
    const EmdAxis ring = index_axis("ring", fit.rings.size());
    const auto list = [&](const std::string& name, const auto& value, const std::string& units,
                          const std::string& note) {
      Array array({fit.rings.size()});
      for (std::size_t i = 0; i < fit.rings.size(); ++i) array.values[i] = value(fit.rings[i]);
      result.array("rings/" + name, array, units, {ring}, note);
    };
    using Ring = RingFit::Ring;
    list(
        "radius", [](const Ring& r) { return r.radius; }, "pixels", "of the round pattern");
    list(
        "radius_error", [](const Ring& r) { return r.radius_error; }, "pixels", "");
    list(
        "width", [](const Ring& r) { return r.width; }, "pixels", "standard deviation");
    list(
        "height", [](const Ring& r) { return r.height; }, "", "over the background");
    list(
        "height_error", [](const Ring& r) { return r.height_error; }, "", "");
    list(
        "g", [](const Ring& r) { return r.line.g_invA; }, "1/Å", "of the crystal; 0: not known");
    list(
        "deviation", [](const Ring& r) { return r.deviation; }, "pixels",
        "what a radius of its own would add");
    list(
        "deviation_error", [](const Ring& r) { return r.deviation_error; }, "pixels", "");
    Array hkl({fit.rings.size(), 3});
    for (std::size_t i = 0; i < fit.rings.size(); ++i)
      for (const int k : {0, 1, 2})
        hkl.values[3 * i + std::size_t(k)] = fit.rings[i].line.hkl.vec()[k];
    result.array("rings/hkl", hkl, "", {ring, index_axis("index", 3)}, "Miller indices");
    Array pattern({known.q_rows, known.q_columns});
    pattern.values = known.pattern;
    result.array("rings/pattern", pattern, "",
                 {index_axis("q_row", known.q_rows), index_axis("q_column", known.q_columns)},
                 "mean of the scan");
    const Calibration& c = fit.calibration;
    result.metadata("ellipse", {{"column", c.origin[0].x()},
                                {"row", c.origin[0].y()},
                                {"ratio", c.ellipse_ratio},
                                {"angle_deg", c.ellipse_angle_deg},
                                {"statistical_ratio_error", fit.statistical.ratio},
                                {"model_ratio_error", fit.model.ratio},
                                {"statistical_pixel_error_invA", fit.statistical.pixel_invA},
                                {"model_pixel_error_invA", fit.model.pixel_invA}});
  }
  context.save(result);
}

}  // namespace

CalibrateStudy CalibrateStudy::example(const std::string& data) {
  CalibrateStudy study;
  study.scan.emplace();
  study.scan->file = {data + "/scans/au_xgrating_20cm.tif", data + "/scans/au_xgrating_20cm.tif"};
  study.rings.emplace();
  study.rings->cif = File{data + "/cif/Au.cif", data + "/cif/Au.cif"};
  return study;
}

void CalibrateStudy::check(Problems& problems) const {
  if (rings && peaks) problems.add("rings", "needs patterns: give scan, not peaks");
  if (zone && scan) problems.add("zone", "needs Bragg peaks: give peaks, not scan");
  if (zone && zone->zone_axis == std::array<int, 3>{{0, 0, 0}})
    problems.add("zone.zone_axis", "[0, 0, 0] is no direction");
  if (rotation.from_deflection && rotation.pair)
    problems.add("rotation.pair", "is given beside from_deflection; one of them is right");
  if (rotation.from_deflection && peaks)
    problems.add("rotation.from_deflection", "needs patterns: give scan, not peaks");
  if (rotation.towards_dark_field && !rotation.from_deflection)
    problems.add("rotation.towards_dark_field", "means nothing without from_deflection");
}

void CalibrateStudy::run(RunContext& context) const {
  Known known;
  Calibration& calibration = known.calibration;
  const auto source = [&](const char* what, const std::string& text) {
    calibration.sources.push_back({what, text});
  };
  std::optional<DataCube> cube;
  std::optional<BraggPeaks> found;
  Vec2 about(0, 0);
  std::vector<float> mask_values;
  if (scan) {
    cube.emplace(open_scan(*scan, context));
    for (const std::string& line : scan_summary(*cube)) context.say(line);
    known.rows = cube->rows();
    known.columns = cube->columns();
    known.q_rows = cube->q_rows();
    known.q_columns = cube->q_columns();
  } else {
    found = read_bragg_peaks(peaks->path);
    context.provenance.add_input(peaks->path);
    known.rows = found->rows;
    known.columns = found->columns;
    known.q_rows = found->q_rows;
    known.q_columns = found->q_columns;
  }
  if (mask) {
    const Recording recording = open_reference(*mask, context);
    if (recording.frames->count() != 1 || recording.frames->q_rows() != known.q_rows ||
        recording.frames->q_columns() != known.q_columns)
      throw Error(ErrorKind::input, mask->file.path + ": is not one image of " +
                                        std::to_string(known.q_rows) + " x " +
                                        std::to_string(known.q_columns) +
                                        " pixels, as the patterns that are used");
    mask_values.resize(known.q_rows * known.q_columns);
    recording.frames->read(0, 1, mask_values.data());
  }
  std::vector<PowderLine> lines;
  if (rings && rings->cif) {
    lines = powder_lines(crystal_of(*rings->cif, context), farthest_ring_invA);
    if (lines.empty())
      throw Error(ErrorKind::input, rings->cif->path + ": has no reflection within " +
                                        std::to_string(farthest_ring_invA) + " 1/Å");
  }
  std::vector<Vec2> vectors;
  Hkl first;
  if (zone) {
    const double g_max = 0.75 * zone->pixel_invA * double(std::max(known.q_rows, known.q_columns));
    vectors = zone_vectors(crystal_of(zone->cif, context), zone->zone_axis, g_max, first);
    if (vectors.empty())
      throw Error(ErrorKind::study, "zone.zone_axis: no reflection within " +
                                        formatted("%.3f", g_max) + " 1/Å belongs to it");
  }
  if (origin.centre_px)
    about = *origin.centre_px;
  else if (cube)
    about = mean_origin(*cube, mask_values);
  else if (!found->calibration.origin.empty() && found->calibration.origin[0].allFinite())
    about = found->calibration.origin[found->calibration.origin.size() / 2];
  else
    about = Vec2(0.5 * double(known.q_columns - 1), 0.5 * double(known.q_rows - 1));
  if (!context.begin()) return;

  // origins
  if (cube) {
    Progress progress("origins", long(cube->positions()), context.quiet);
    std::size_t before = 0;
    known.origins =
        measured_origins(*cube, about, origin.radius_px, mask_values, [&](std::size_t done) {
          progress.advance(long(done - before));
          before = done;
        });
  } else {
    known.origins = measured_origins(*found, about, origin.radius_px);
  }
  const std::size_t positions = known.rows * known.columns;
  const bool single = positions == 1;
  known.fit = fit_origins(known.origins, single ? OriginShape::none : origin.shape);
  const auto outliers =
      std::size_t(std::count(known.fit.outlier.begin(), known.fit.outlier.end(), true));
  calibration.origin = known.fit.at;
  calibration.origin_error = known.fit.error;
  static const char* const shapes[] = {"one place", "plane", "parabola", "as found"};
  const std::string shape =
      single ? "found in the one pattern" : std::string(shapes[int(origin.shape)]);
  source("origin", shape + (cube ? ", from the bright disk's centre of mass"
                                 : ", from the strongest peak near the beam"));
  if (outliers == positions)
    throw Error(ErrorKind::input, "no beam is found within " + formatted("%g", origin.radius_px) +
                                      " pixels of column " + formatted("%.1f", about.x()) +
                                      ", row " + formatted("%.1f", about.y()) +
                                      "; give origin.centre_px and origin.radius_px");
  if (!single && origin.shape != OriginShape::none)
    context.say(
        formatted("origins: %zu of %zu positions left out, the others scatter by %.3f and "
                  "%.3f pixels (column, row)",
                  outliers, positions, known.fit.scatter.x(), known.fit.scatter.y()));

  // the scan's mean, its deflections and its dark field
  if (cube && (rings || rotation.from_deflection)) {
    std::vector<VirtualDetector> detectors;
    const double reach = std::hypot(double(known.q_rows), double(known.q_columns));
    if (rotation.towards_dark_field)
      detectors.push_back({"dark field", annulus_weights({about, 2 * origin.radius_px, reach},
                                                         known.q_rows, known.q_columns)});
    const ScanImages images = scan_images(*cube, detectors, mask_values);
    known.pattern = images.mean;
    if (rotation.from_deflection) {
      const ScanRotation turn =
          scan_rotation(images.centre_of_mass, known.rows, known.columns,
                        detectors.empty() ? std::vector<double>{} : images.images[0]);
      calibration.rotation_deg = turn.rotation_deg;
      calibration.rotation_error_deg = turn.rotation_error_deg;
      calibration.flip = turn.flip;
      source("rotation", std::string("least curl of the centre of mass") +
                             (detectors.empty() ? "; the opposite, 180° more, fits as well"
                                                : ", bent towards the bright dark field"));
      context.say(
          formatted("rotation: curl is %.1f %% of curl² + divergence², %.1f %% with the "
                    "other flip%s",
                    100 * turn.curl, 100 * turn.curl_other,
                    turn.flip_known ? "" : ": the flip is not certain"));
    }
  }
  if (rotation.pair) {
    const double seen =
        rotation.pair->flip ? -rotation.pair->pattern_deg : rotation.pair->pattern_deg;
    calibration.rotation_deg = std::remainder(seen - rotation.pair->scan_deg, 360.0);
    calibration.flip = rotation.pair->flip;
    source("rotation", "a direction in image and pattern, as given");
  }

  if (rings) {
    RingOptions options;
    options.centre = about;
    options.lines = lines;
    if (rings->pixel_invA) options.pixel_invA = *rings->pixel_invA;
    if (rings->radii_px) {
      options.from = (*rings->radii_px)[0];
      options.to = (*rings->radii_px)[1];
    }
    options.mask = mask_values;
    known.rings = fit_rings(known.pattern, known.q_rows, known.q_columns, options);
    say_rings(*known.rings, context);
    const Calibration& c = known.rings->calibration;
    // the mean pattern's centre, moved with the beam
    Vec2 mean(0, 0);
    double count = 0;
    for (const Vec2& at : calibration.origin)
      if (at.allFinite()) mean += at, ++count;
    for (Vec2& at : calibration.origin) at += c.origin[0] - mean / count;
    calibration.origin_error = c.origin_error;
    calibration.ellipse_ratio = c.ellipse_ratio;
    calibration.ellipse_ratio_error = c.ellipse_ratio_error;
    calibration.ellipse_angle_deg = c.ellipse_angle_deg;
    calibration.ellipse_angle_error_deg = c.ellipse_angle_error_deg;
    calibration.pixel_invA = c.pixel_invA;
    calibration.pixel_error_invA = c.pixel_error_invA;
    calibration.sources[0] = {"origin", single
                                            ? "centre of the rings"
                                            : "centre of the rings, moved with the beam: " + shape};
    source("ellipse", "rings");
    if (rings->cif) source("pixel", "rings of " + rings->cif->path);
  } else if (zone) {
    ZoneOptions options;
    options.vectors_invA = vectors;
    options.reach_invA = zone->reach_invA;
    options.start = calibration;
    options.start.pixel_invA = zone->pixel_invA;
    const ZoneFit fit = fit_zone(*found, options);
    const auto sources = calibration.sources;
    calibration = fit.calibration;
    calibration.sources = sources;
    calibration.sources[0] = {"origin", "spots of a known crystal, moved with the beam: " + shape};
    source("ellipse", "spots of " + zone->cif.path);
    source("pixel", "spots of " + zone->cif.path);
    context.say(
        formatted("zone: %zu peaks indexed, residual %.3f pixels; %d%d%d at %.2f ± %.2f° "
                  "from the detector's columns",
                  fit.peaks, fit.residual_px, first.h, first.k, first.l, fit.lattice_deg,
                  fit.lattice_error_deg));
  } else if (cube && cube->scale().q_units == "1/Å" && std::isfinite(cube->scale().q_pixel[0])) {
    calibration.pixel_invA = std::sqrt(cube->scale().q_pixel[0] * cube->scale().q_pixel[1]);
    source("pixel", "the scan's file or the study");
  } else if (found && std::isfinite(found->calibration.pixel_invA)) {
    calibration.pixel_invA = found->calibration.pixel_invA;
    calibration.pixel_error_invA = found->calibration.pixel_error_invA;
    source("pixel", "the peaks' file");
  }
  say_values(known, context);
  write_result(known, context);
  context.say(formatted("%zu positions; %.2f s CPU", positions, context.provenance.cpu_seconds()));
}

}  // namespace pendel

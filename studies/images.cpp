#include "studies/images.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "cif/read.hpp"
#include "core/electron.hpp"
#include "core/progress.hpp"
#include "core/text.hpp"
#include "scan/amorphous.hpp"
#include "scan/bragg_file.hpp"
#include "scan/virtual_image.hpp"

namespace pendel {

namespace {

/// Centre of mass of what is above half the maximum in the mean of up to 64 patterns.
Vec2 beam_centre(const DataCube& cube) {
  std::vector<double> mean(cube.pixels());
  std::vector<float> pattern(cube.pixels());
  const std::size_t count = std::min<std::size_t>(64, cube.positions());
  for (std::size_t i = 0; i < count; ++i) {
    cube.read(i * cube.positions() / count, 1, pattern.data());
    for (std::size_t p = 0; p < pattern.size(); ++p)
      if (std::isfinite(pattern[p])) mean[p] += double(pattern[p]);
  }
  const double half = 0.5 * *std::max_element(mean.begin(), mean.end());
  double sum = 0;
  Vec2 centre(0, 0);
  for (std::size_t p = 0; p < mean.size(); ++p)
    if (mean[p] > half) {
      sum += mean[p];
      centre += mean[p] * Vec2(double(p % cube.q_columns()), double(p / cube.q_columns()));
    }
  if (sum == 0)
    throw Error(ErrorKind::input, cube.recording().path +
                                      ": the patterns are empty, no beam is found in them; give "
                                      "images.centre_px");
  return centre / sum;
}

/// Pixels per mrad or per 1/Å.
double pixels_per(const std::string& units, const DataCube& cube, const std::string& detector) {
  const RecordedScale scale = cube.scale();
  const double pixel = std::sqrt(scale.q_pixel[0] * scale.q_pixel[1]);
  if (!std::isfinite(pixel))
    throw Error(ErrorKind::study,
                "images.detectors: " + detector + " has radii in " + units +
                    ", but the file does not say how large a pixel is; give scan.pixel_mrad or "
                    "scan.pixel_invA, or radii_px");
  if (scale.q_units == units) return 1 / pixel;
  if (!std::isfinite(cube.recording().energy_keV))
    throw Error(ErrorKind::study, "images.detectors: " + detector + " has radii in " + units +
                                      ", the pixel is in " + scale.q_units +
                                      "; give scan.energy_keV to convert them");
  const double invA_per_mrad = 1e-3 / electron::wavelength(cube.recording().energy_keV);
  return (units == "mrad" ? invA_per_mrad : 1 / invA_per_mrad) / pixel;
}

VirtualDetector detector_of(const ImageDetectorOptions& options, const DataCube& cube,
                            const Vec2& centre, RunContext& context) {
  if (options.mask) {
    const Recording mask = open_reference(*options.mask, context);
    if (mask.frames->count() != 1 || mask.frames->q_rows() != cube.q_rows() ||
        mask.frames->q_columns() != cube.q_columns())
      throw Error(ErrorKind::input, options.mask->file.path + ": is not one image of " +
                                        std::to_string(cube.q_rows()) + " x " +
                                        std::to_string(cube.q_columns()) +
                                        " pixels, as the patterns that are used");
    VirtualDetector detector{options.name, std::vector<float>(cube.pixels())};
    mask.frames->read(0, 1, detector.weights.data());
    return detector;
  }
  Annulus annulus;
  annulus.centre = options.centre_px.value_or(centre);
  const auto& radii = options.radii_px     ? options.radii_px
                      : options.radii_mrad ? options.radii_mrad
                                           : options.radii_invA;
  const double scale = options.radii_px     ? 1
                       : options.radii_mrad ? pixels_per("mrad", cube, options.name)
                                            : pixels_per("1/Å", cube, options.name);
  annulus.inner = (*radii)[0] * scale;
  annulus.outer = (*radii)[1] * scale;
  if (options.angles_deg) {
    annulus.from_deg = (*options.angles_deg)[0];
    annulus.to_deg = (*options.angles_deg)[1];
  }
  VirtualDetector detector{options.name, annulus_weights(annulus, cube.q_rows(), cube.q_columns())};
  if (std::all_of(detector.weights.begin(), detector.weights.end(), [](float w) { return w == 0; }))
    throw Error(ErrorKind::study, "images.detectors: " + options.name + " covers no pixel of the " +
                                      std::to_string(cube.q_rows()) + " x " +
                                      std::to_string(cube.q_columns()) + " of a pattern");
  return detector;
}

/// What the files say of the detector, as a calibration with one origin.
Calibration radial_calibration(const DataCube& cube, const Vec2& centre,
                               const std::optional<Calibration>& given) {
  Calibration result;
  if (given)
    result = *given;
  else if (cube.scale().q_units == "1/Å")
    result.pixel_invA = std::sqrt(cube.scale().q_pixel[0] * cube.scale().q_pixel[1]);
  result.origin = {centre};
  return result;
}

/// Mean of the origins that are known.
Vec2 mean_origin(const Calibration& calibration) {
  Vec2 sum(0, 0);
  double count = 0;
  for (const Vec2& origin : calibration.origin)
    if (origin.allFinite()) sum += origin, ++count;
  return sum / count;
}

void write_radial(const RadialOptions& options, const DataCube& cube, const ScanImages& images,
                  const Calibration& calibration, const std::vector<float>& mask,
                  const std::optional<Crystal>& crystal, EmdWriter& result, RunContext& context) {
  const Bins bins = whole_rings(calibration, cube.q_rows(), cube.q_columns());
  const bool known = std::isfinite(calibration.pixel_invA);
  const std::string units = known ? "1/Å" : "pixels";
  const auto curve = [&](const std::string& name, const std::vector<double>& values,
                         const std::vector<double>& at, const std::string& axis,
                         const std::string& axis_units, const std::string& value_units,
                         const std::string& note) {
    EmdAxis x = index_axis(axis, values.size());
    x.units = axis_units;
    x.values = at;
    Array array({values.size()});
    array.values = values;
    result.array("radial/" + name, array, value_units, {x}, note);
  };
  std::vector<double> q;
  for (std::size_t i = 0; i < bins.count; ++i) q.push_back(bins.centre(i));
  const RadialProfile profile =
      RadialMap(calibration, 0, bins, cube.q_rows(), cube.q_columns(), mask)
          .profile(images.mean.data());
  curve("mean", profile.mean, q, "q", units, "", "of the mean pattern");
  curve("variance", profile.variance, q, "q", units, "", "of its pixels within a ring");
  if (options.halo) {
    const HaloFit halo = fit_halo(profile, (*options.halo)[0], (*options.halo)[1]);
    context.say(formatted("halo: %.5f ± %.5f %s, standard deviation %.5f ± %.5f", halo.position,
                          halo.position_error, units.c_str(), halo.width, halo.width_error));
    result.metadata("halo", {{"position", halo.position},
                             {"position_error", halo.position_error},
                             {"width", halo.width},
                             {"width_error", halo.width_error},
                             {"height", halo.height},
                             {"height_error", halo.height_error},
                             {"units", units}});
  }
  if (options.counts_per_electron) {
    const Fluctuation found =
        fluctuation(cube, calibration, bins, *options.counts_per_electron, mask);
    const auto V = [&](const std::string& name, const std::vector<double>& values,
                       const std::string& note) { curve(name, values, q, "q", units, "", note); };
    V("fluctuation", found.over_scan, "<I²>/<I>² − 1 over the positions, without counting noise");
    V("fluctuation_error", found.over_scan_error, "from 12 sectors");
    V("fluctuation_within", found.within_rings, "within the rings of single patterns");
    V("fluctuation_within_error", found.within_rings_error, "from the positions");
  }
  if (options.pair_distribution) {
    PairOptions pair;
    for (const Site& site : crystal->sites) pair.composition[site.Z] += site.occupancy;
    pair.from_invA = options.pair_distribution->q_invA[0];
    pair.to_invA = options.pair_distribution->q_invA[1];
    pair.damping_A2 = options.pair_distribution->damping_A2;
    pair.r_max_A = options.pair_distribution->r_max_A;
    const PairDistribution found = pair_distribution(profile, pair);
    curve("structure", found.structure, found.q, "q", units, "1/Å", "reduced structure function");
    curve("smooth", found.smooth, found.q, "q", units, "", "scattering of single atoms");
    curve("pair_distribution", found.G, found.r, "r", "Å", "1/Å²", "4πr(ρ − ρ0)");
  }
}

}  // namespace

ImagesStudy ImagesStudy::example(const std::string& data) {
  ImagesStudy study;
  study.scan.file = {data + "/scans/ped_3x2.blo", data + "/scans/ped_3x2.blo"};
  ImageDetectorOptions bright, dark;
  bright.name = "bright_field";
  bright.radii_mrad = {{0, 5}};
  dark.name = "annular_dark_field";
  dark.radii_mrad = {{10, 50}};
  study.images.detectors = {bright, dark};
  return study;
}

void ImagesStudy::check(Problems& problems) const {
  std::set<std::string> names;
  for (std::size_t i = 0; i < images.detectors.size(); ++i) {
    const std::string& name = images.detectors[i].name;
    const std::string key = "images.detectors." + std::to_string(i) + ".name";
    if (!names.insert(name).second) problems.add(key, "'" + name + "' is the name of another one");
    if (name.empty() || name.find('/') != std::string::npos)
      problems.add(key, "'" + name + "' is no name; letters, digits and _ make one");
  }
  if (scan.pixel_mrad && scan.pixel_invA)
    problems.add("scan.pixel_invA", "is given twice: as pixel_mrad, too");
  if (images.calibration && images.centre_px)
    problems.add("images.centre_px", "is given twice: by images.calibration, too");
  if (images.calibration && (images.centre_of_mass.rotation_deg != 0 || images.centre_of_mass.flip))
    problems.add("images.centre_of_mass", "is turned twice: by images.calibration, too");
}

void ImagesStudy::run(RunContext& context) const {
  std::optional<Calibration> calibration;
  MeasuredScanOptions as_calibrated = scan;
  if (images.calibration) {
    calibration = read_calibration(images.calibration->path);
    context.provenance.add_input(images.calibration->path);
    if (calibration->origin.empty())
      throw Error(ErrorKind::input, images.calibration->path + ": does not say where the beam is");
    if (std::isfinite(calibration->pixel_invA)) {
      as_calibrated.pixel_mrad.reset();
      as_calibrated.pixel_invA = calibration->pixel_invA;
      // a calibration is of the patterns as they are used
      *as_calibrated.pixel_invA /= double(scan.bin_pattern);
    }
  }
  const DataCube cube = open_scan(as_calibrated, context);
  for (const std::string& line : scan_summary(cube)) context.say(line);
  if (calibration && calibration->origin.size() > 1 &&
      calibration->origin.size() != cube.positions())
    throw Error(ErrorKind::input, images.calibration->path + ": has origins of " +
                                      std::to_string(calibration->origin.size()) +
                                      " positions, the scan in use has " +
                                      std::to_string(cube.positions()));
  const Vec2 centre = images.centre_px ? *images.centre_px
                      : calibration    ? mean_origin(*calibration)
                                       : beam_centre(cube);
  std::vector<VirtualDetector> detectors;
  for (const ImageDetectorOptions& options : images.detectors)
    detectors.push_back(detector_of(options, cube, centre, context));
  context.say(formatted("beam: column %.2f, row %.2f%s", centre.x(), centre.y(),
                        images.centre_px ? ""
                        : calibration    ? " (of the calibration)"
                                         : " (found in the mean pattern)"));
  std::vector<float> mask;
  if (images.centre_of_mass.radius_px)
    mask = annulus_weights({centre, 0, *images.centre_of_mass.radius_px}, cube.q_rows(),
                           cube.q_columns());
  std::vector<float> radial_mask;
  std::optional<Crystal> crystal;
  if (images.radial) {
    if (images.radial->mask) {
      radial_mask = detector_of({"radial.mask", {}, {}, {}, images.radial->mask, {}, {}}, cube,
                                centre, context)
                        .weights;
    }
    if (images.radial->pair_distribution) {
      crystal = read_cif(images.radial->pair_distribution->cif.path);
      context.provenance.add_input(images.radial->pair_distribution->cif.path);
      if (!std::isfinite(radial_calibration(cube, centre, calibration).pixel_invA))
        throw Error(ErrorKind::study,
                    "images.radial.pair_distribution: the pixel is not known in 1/Å; give "
                    "images.calibration or scan.pixel_invA");
    }
  }
  if (!context.begin()) return;

  ScanImages found;
  {
    Progress progress("images", long(cube.positions()), context.quiet);
    std::size_t before = 0;
    found = scan_images(cube, detectors, mask, [&](std::size_t done) {
      progress.advance(long(done - before));
      before = done;
    });
  }

  const auto axes = scan_axes(cube, centre);
  const RecordedScale scale = cube.scale();
  EmdWriter result("pendel");
  const auto map = [&](const std::string& name, const std::vector<double>& values,
                       const std::string& units, const std::string& note) {
    Array array({cube.rows(), cube.columns()});
    array.values = values;
    result.array(name, array, units, {axes[0], axes[1]}, note);
  };
  for (std::size_t d = 0; d < detectors.size(); ++d)
    map("virtual_images/" + detectors[d].name, found.images[d], "",
        "sum of the pattern times the virtual detector");

  // pixels to angles, turned into the scan's frame; the mean deflection is descan
  const bool calibrated = std::isfinite(scale.q_pixel[0]) && std::isfinite(scale.q_pixel[1]);
  const double degrees =
      calibration ? calibration->rotation_deg : images.centre_of_mass.rotation_deg;
  const bool flip = calibration ? calibration->flip : images.centre_of_mass.flip;
  const double angle = degrees * electron::pi / 180;
  std::vector<double> x, y;
  for (std::size_t i = 0; i < found.centre_of_mass.size(); ++i) {
    const bool each = calibration && calibration->origin.size() > 1;
    Vec2 d = found.centre_of_mass[i] - (each ? calibration->origin[i] : centre);
    if (calibrated) d = Vec2(d.x() * scale.q_pixel[1], d.y() * scale.q_pixel[0]);
    if (flip) d.y() = -d.y();
    x.push_back(std::cos(angle) * d.x() + std::sin(angle) * d.y());
    y.push_back(-std::sin(angle) * d.x() + std::cos(angle) * d.y());
  }
  const std::string units = calibrated ? scale.q_units : "pixels";
  map("centre_of_mass/x", x, units, "along the scan's columns' axis, from the beam's centre");
  map("centre_of_mass/y", y, units, "along the scan's rows' axis (down)");
  const bool whole =
      std::all_of(x.begin(), x.end(), [](double value) { return std::isfinite(value); });
  if (whole && cube.rows() > 1 && cube.columns() > 1) {
    // slope of the phase per position: 2π q step, where q and the step are known
    const auto slopes = [&](std::vector<double> values, double step) {
      double mean = 0;
      for (const double value : values) mean += value / double(values.size());
      double factor = std::isfinite(step) ? 2 * electron::pi * step : 1;
      if (units == "mrad" && std::isfinite(cube.recording().energy_keV))
        factor *= 1e-3 / electron::wavelength(cube.recording().energy_keV);
      for (double& value : values) value = (value - mean) * factor;
      return values;
    };
    const bool phase =
        std::isfinite(scale.scan_step_A[0]) && std::isfinite(scale.scan_step_A[1]) &&
        (units == "1/Å" || (units == "mrad" && std::isfinite(cube.recording().energy_keV)));
    map("integrated_centre_of_mass",
        integrated(slopes(x, scale.scan_step_A[1]), slopes(y, scale.scan_step_A[0]), cube.rows(),
                   cube.columns()),
        phase ? "rad" : "",
        phase ? "phase from the deflection less its mean"
              : "integral of the deflection less its mean, in its units times positions");
  }
  const auto image = [&](const std::string& name, const std::vector<double>& values) {
    Array array({cube.q_rows(), cube.q_columns()});
    array.values = values;
    result.array("patterns/" + name, array, "", {axes[2], axes[3]}, "over the positions");
  };
  image("mean", found.mean);
  image("maximum", found.maximum);
  image("variance", found.variance);
  if (images.median_positions > 0)
    image("median", median_pattern(cube, std::size_t(images.median_positions)));
  if (images.radial)
    write_radial(*images.radial, cube, found, radial_calibration(cube, centre, calibration),
                 radial_mask, crystal, result, context);
  result.metadata("beam", {{"column", centre.x()}, {"row", centre.y()}});
  context.save(result);

  for (std::size_t d = 0; d < detectors.size(); ++d) {
    std::vector<double> values;
    for (const double value : found.images[d])
      if (std::isfinite(value)) values.push_back(value);
    if (values.empty()) continue;
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    context.say(formatted("%s: %.6g to %.6g", detectors[d].name.c_str(), *least, *most));
  }
  context.say(
      formatted("%zu positions; %.2f s CPU", cube.positions(), context.provenance.cpu_seconds()));
}

}  // namespace pendel

#include "studies/pattern_image.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <set>

#include "core/electron.hpp"
#include "core/progress.hpp"
#include "sim/cbed.hpp"
#include "sim/counts.hpp"
#include "sim/powder.hpp"

namespace pendel {

namespace {

// Steps of the incident plane waves: half a pixel at most, so that none is missed, and such that
// overlapping disks share them where they interfere.
Eigen::Matrix2d incident_step(const CbedOptions& options, const State& state, double pixel) {
  if (!options.coherent) return Eigen::Matrix2d::Identity() * pixel;
  try {
    return net_step(zone_net(state).b, pixel);
  } catch (const Error& error) {
    throw Error(ErrorKind::study, std::string("pattern.cbed: ") + error.what() +
                                      "; disks that interfere need a zone axis: give coherent: "
                                      "false, or simulate with the study `stem`");
  }
}

// Layers of one crystal with other mode amplitudes have one name.
std::vector<std::string> distinct_names(const Specimen& specimen) {
  std::set<std::string> seen;
  std::vector<std::string> names = specimen.names;
  for (std::string& name : names) {
    const std::string given = name;
    for (int n = 2; !seen.insert(name).second; ++n) name = given + "_" + std::to_string(n);
  }
  return names;
}

}  // namespace

SpotOptions spot_options(const SpotsOptions& options, ScatteringTable table, double precession,
                         double thickness) {
  SpotOptions result;
  result.table = table;
  result.g_max = options.g_max_invA;
  result.sg_max = options.sg_max_invA;
  result.precession = precession;
  if (options.shape == SpotShape::slab)
    result.shape = SlabShape{thickness};
  else
    result.shape = GaussianShape{options.sigma_invA};
  return result;
}

void check_cbed(const CbedOptions& options, const BeamOptions& beam, Problems& problems) {
  check_probe("pattern.cbed.probe", options.probe, problems);
  if (beam.semiangle_mrad == 0)
    problems.add("beam.semiangle_mrad", "is 0; pattern.cbed needs a convergent beam");
  if (!options.coherent && (options.probe.source_size_A > 0 || options.probe.focal_spread_A > 0))
    problems.add("pattern.cbed.probe",
                 "source_size_A and focal_spread_A act where disks interfere; coherent is false");
}

Array cbed_images(const CbedOptions& options, const State& state, const BeamOptions& beam,
                  const DirectionEngines& engines, int layer,
                  const std::vector<double>& thicknesses, const RunContext& context) {
  const Probe probe = probe_of(beam, options.probe);
  const Detector detector = detector_of(options.detector, beam.energy_keV);
  const ConvergentGrid grid =
      convergent_grid(probe, incident_step(options, state, 0.5 * detector.pixel));
  const std::vector<Vec3>& g = engines.beams().g;
  const ConvergentPattern pattern(grid, g, state);
  const DetectorMap map(detector, pattern.k(), pattern.cell());

  ProbeSource source;
  source.position = options.position_A;
  source.size =
      options.coherent ? options.probe.source_size_A : std::numeric_limits<double>::infinity();
  source.focal_spread = options.probe.focal_spread_A;

  const std::vector<Vec2> directions = incidence(grid, state);
  char line[160];
  std::snprintf(line, sizeof line, "cbed: %zu incident directions, %zu disks, %s overlap",
                directions.size(), g.size(), options.coherent ? "coherent" : "incoherent");
  context.say(line);
  std::vector<MatrixXcd> psi(thicknesses.size(),
                             MatrixXcd(long(g.size()), long(directions.size())));
  {
    Progress progress("cbed", long(directions.size() * thicknesses.size()), context.quiet);
    engines.of(directions)
        .thickness_series(
            state, directions, layer, thicknesses,
            [&](std::size_t t, const std::vector<std::size_t>& some, const MatrixXcd& waves) {
              for (std::size_t d = 0; d < some.size(); ++d)
                psi[t].col(long(some[d])) = waves.col(long(d));
              progress.advance(long(some.size()));
            });
  }

  Array image({thicknesses.size(), std::size_t(detector.rows), std::size_t(detector.columns)});
  for (std::size_t t = 0; t < thicknesses.size(); ++t) {
    State thick = state;
    thick.layers[std::size_t(layer)].thickness = thicknesses[t];
    const std::vector<double> intensity =
        pattern.intensity(psi[t], total_thickness(thick), probe, source);
    double* pixels = image.values.data() + t * detector.pixels();
    map.add(intensity.data(), 1, pixels);
    map.blur(pixels);
    if (options.detector.dose)
      count_electrons(pixels, detector.pixels(), *options.detector.dose,
                      std::uint64_t(options.detector.seed), t);
  }
  return image;
}

void add_cbed(const CbedOptions& options, const State& state, const BeamOptions& beam,
              const DirectionEngines& engines, int layer, const std::vector<double>& thicknesses,
              RunContext& context, EmdWriter& result) {
  const Array image = cbed_images(options, state, beam, engines, layer, thicknesses, context);
  std::vector<EmdAxis> axes = detector_axes(options.detector);
  axes.insert(axes.begin(), {"thickness", "Å", thicknesses});
  result.array("cbed", image, options.detector.dose ? "electrons" : "", axes,
               options.detector.dose ? "convergent-beam pattern, counts with Poisson noise"
                                     : "convergent-beam pattern, fractions of the incident beam",
               options.detector.dose ? hdf5::Stored::uint32 : hdf5::Stored::float32);
}

void add_spots(const SpotsOptions& options, const Specimen& specimen, double precession,
               ScatteringTable table, EmdWriter& result) {
  const State& state = specimen.state;
  const std::vector<std::string> names = distinct_names(specimen);
  for (std::size_t c = 0; c < names.size(); ++c) {
    double thickness = 0;
    for (const Layer& layer : state.layers)
      if (std::size_t(layer.crystal) == c) thickness += layer.thickness;
    const OrientedCrystal& oriented = state.crystals[c];
    const std::vector<Spot> spots =
        SpotPatterns(oriented.crystal, state.energy_keV,
                     spot_options(options, table, precession, thickness))
            .spots(oriented.R_lab_crystal, state.surface_normal, state.beam_tilt);
    const std::size_t count = spots.size();
    Array error({count}), intensity({count}), forbidden({count});
    std::vector<Hkl> hkl;
    std::vector<Vec3> g;
    for (std::size_t i = 0; i < count; ++i) {
      hkl.push_back(spots[i].hkl);
      g.push_back(spots[i].g);
      error.values[i] = spots[i].excitation_error;
      intensity.values[i] = spots[i].intensity;
      forbidden.values[i] = spots[i].forbidden;
    }
    const std::string group = "spots/" + names[c] + "/";
    const EmdAxis spot = index_axis("spot", count);
    result.array(group + "hkl", array_of(hkl), "", {spot, index_axis("index", 3)}, "Miller indices",
                 hdf5::Stored::int32);
    result.array(group + "g", array_of(g), "1/Å", {spot, index_axis("component", 3)},
                 "scattering vector, lab x (columns), y (rows), z (along the beam)");
    result.array(group + "excitation_error", error, "1/Å", {spot}, "along the surface normal");
    const bool slab = options.shape == SpotShape::slab;
    result.array(group + "intensity", intensity, slab ? "" : "1/Å⁴", {spot},
                 slab ? "single scattering by a slab, fraction of the incident beam"
                      : "|U_g|² exp(-s²/2σ²)");
    result.array(group + "forbidden", forbidden, "", {spot}, "1: absent, the atoms' waves cancel",
                 hdf5::Stored::int32);
  }
}

void add_scattering_matrices(const Specimen& specimen, const EngineWithBeams& engine, int layer,
                             const std::vector<double>& thicknesses, EmdWriter& result) {
  const Bloch& bloch = std::get<Bloch>(engine.engine);
  const std::vector<MatrixXcd> matrices =
      bloch.scattering_matrices(specimen.state, layer, specimen.state.beam_tilt, thicknesses);
  const Beams& all = bloch.beams();
  Array real({thicknesses.size(), all.size(), all.size()});
  Array imaginary = real;
  for (std::size_t t = 0; t < thicknesses.size(); ++t)
    for (std::size_t out = 0; out < all.size(); ++out)
      for (std::size_t in = 0; in < all.size(); ++in) {
        const complex value = matrices[t](long(out), long(in));
        real(t * all.size() + out, in) = value.real();
        imaginary(t * all.size() + out, in) = value.imag();
      }
  const std::vector<EmdAxis> axes = {
      {"thickness", "Å", thicknesses}, index_axis("out", all.size()), index_axis("in", all.size())};
  const std::string note = "amplitude out of a beam (row) for amplitude 1 in another (column)";
  result.array("scattering_matrix/real", real, "", axes, note);
  result.array("scattering_matrix/imaginary", imaginary, "", axes, note);
  result.array("scattering_matrix/hkl", array_of(all.hkl), "",
               {index_axis("beam", all.size()), index_axis("index", 3)}, "of rows and columns",
               hdf5::Stored::int32);
}

void add_rings(const RingsOptions& options, const Specimen& specimen, ScatteringTable table,
               EmdWriter& result) {
  PowderOptions powder;
  powder.table = table;
  powder.g_max = options.g_max_invA;
  const std::vector<std::string> names = distinct_names(specimen);
  for (std::size_t c = 0; c < names.size(); ++c) {
    const std::vector<Ring> rings =
        powder_rings(specimen.state.crystals[c].crystal, specimen.state.energy_keV, powder);
    const std::size_t count = rings.size();
    Array g({count}), multiplicity({count}), intensity({count}), forbidden({count});
    std::vector<Hkl> hkl;
    for (std::size_t i = 0; i < count; ++i) {
      g.values[i] = rings[i].g;
      hkl.push_back(rings[i].hkl);
      multiplicity.values[i] = rings[i].multiplicity;
      intensity.values[i] = rings[i].intensity;
      forbidden.values[i] = rings[i].forbidden;
    }
    const std::string group = "rings/" + names[c] + "/";
    const EmdAxis ring = index_axis("ring", count);
    result.array(group + "g", g, "1/Å", {ring}, "1/d");
    result.array(group + "hkl", array_of(hkl), "", {ring, index_axis("index", 3)},
                 "Miller indices of the strongest reflection", hdf5::Stored::int32);
    result.array(group + "multiplicity", multiplicity, "", {ring}, "reflections of the ring",
                 hdf5::Stored::int32);
    result.array(group + "intensity", intensity, "1/Å", {ring},
                 "fraction of the incident beam per Å of thickness, single scattering");
    result.array(group + "forbidden", forbidden, "", {ring}, "1: every reflection is absent",
                 hdf5::Stored::int32);
    std::vector<double> grid(std::size_t(options.points));
    for (std::size_t i = 0; i < grid.size(); ++i)
      grid[i] = options.g_max_invA * double(i) / double(grid.size() - 1);
    Array profile({grid.size()});
    profile.values = radial_profile(rings, grid, {options.width_invA, options.lorentzian});
    result.array(group + "profile", profile, "", {{"g", "1/Å", grid}},
                 "intensity per 1/Å of g and per Å of thickness, summed around the ring");
  }
}

}  // namespace pendel

#include "studies/fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "io/checkpoint.hpp"
#include "studies/engine.hpp"
#include "studies/fit_result.hpp"
#include "studies/interrupt.hpp"

namespace pendel {

namespace {

std::vector<int> copies_of(const Specimen& specimen, const std::string& crystal) {
  std::vector<int> copies;
  for (std::size_t i = 0; i < specimen.names.size(); ++i)
    if (specimen.names[i] == crystal) copies.push_back(int(i));
  return copies;
}

// A parameter of a crystal moves every copy of it that the state holds.
template <class Make>
Parameter over_copies(const Specimen& specimen, const std::string& crystal, Make make) {
  const std::vector<int> copies = copies_of(specimen, crystal);
  Parameter parameter = make(copies.front());
  for (const int copy : copies) parameter.direction.crystals[copy] = make(copy).direction.crystals[copy];
  return parameter;
}

double base_amplitude(const SpecimenOptions& specimen, const ModeFitOptions& mode) {
  for (const LayerOptions& layer : specimen.layers)
    if (layer.crystal == mode.crystal && layer.modes.count(mode.mode)) return layer.modes.at(mode.mode);
  return 0;
}

// Fitted parameters by the side of what they are per.
struct Unknowns {
  std::vector<Parameter> parameters;
  std::vector<Per> per;

  void add(Parameter parameter, const std::string& name, Per parameter_per) {
    parameter.name = name;
    parameter.unit = unit_of_key(name.substr(0, name.find('.')));
    parameters.push_back(std::move(parameter));
    per.push_back(parameter_per);
  }
};

// Names are the keys of the study, so that they say their unit.
Unknowns unknowns_of(const FitStudy& study, const Specimen& specimen) {
  const ParameterOptions& fit = study.fit;
  const State& base = specimen.state;
  Unknowns all;
  if (fit.beam_tilt_mrad)
    for (int axis = 0; axis < 2; ++axis) {
      const auto [lower, upper] = fit.beam_tilt_mrad->range;
      all.add(tilt_parameter(base, axis, lower, upper), axis ? "beam_tilt_mrad.y" : "beam_tilt_mrad.x",
              Per::position);
    }
  for (const ModeFitOptions& mode : fit.modes) {
    const CrystalTangent& tangent = specimen.modes.at(mode.crystal).at(mode.mode);
    Parameter parameter = over_copies(specimen, mode.crystal, [&](int copy) {
      return mode_parameter(base, copy, tangent, mode.mode, mode.range[0], mode.range[1]);
    });
    parameter.nominal = base_amplitude(study.specimen, mode);
    all.add(parameter, "polarization." + mode.crystal + "." + mode.mode, mode.per);
  }
  for (const ThicknessFitOptions& thickness : fit.thickness_A)
    all.add(thickness_parameter(base, thickness.layer - 1, thickness.range[0], thickness.range[1]),
            "thickness_A." + std::to_string(thickness.layer), thickness.per);
  for (const DebyeWallerFitOptions& B : fit.debye_waller_B_A2)
    all.add(over_copies(specimen, B.crystal,
                        [&](int copy) {
                          return debye_waller_parameter(base, copy, atomic_number(B.element), B.range[0],
                                                        B.range[1]);
                        }),
            "debye_waller_B_A2." + B.crystal + "." + B.element, B.per);
  if (fit.absorption_strength)
    all.add(absorption_parameter(base, fit.absorption_strength->range[0], fit.absorption_strength->range[1]),
            "absorption_strength", fit.absorption_strength->per);
  return all;
}

int aperture_degree(double semiangle, const Specimen& specimen, const DiskScan& scan) {
  const State& state = specimen.state;
  const OrientedCrystal& first = state.crystals[state.layers[0].crystal];
  double g = 0, thickness = 0;
  for (const Hkl& hkl : scan.hkl) g = std::max(g, first.crystal.cell.g(hkl).v.norm());
  for (const Layer& layer : state.layers) thickness += layer.thickness;
  return disk_aperture_degree(semiangle, g, thickness);
}

// Median over positions of measured over calculated intensity, both summed over the disks that a
// position has. The calculation is of the base state, which moves intensity between disks but hardly
// changes the sum over many of them; the fitted scale does the rest.
double estimated_dose(const DiskScan& scan, const Eigen::VectorXd& intensity) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < scan.positions(); ++i) {
    double measured = 0, calculated = 0;
    for (std::size_t j = 0; j < scan.disks(); ++j)
      if (std::isfinite(scan.intensity(i, j))) {
        measured += scan.intensity(i, j);
        calculated += intensity[long(j)];
      }
    if (measured > 0 && calculated > 0) ratios.push_back(measured / calculated);
  }
  if (ratios.empty()) return 1;
  std::nth_element(ratios.begin(), ratios.begin() + long(ratios.size() / 2), ratios.end());
  return ratios[ratios.size() / 2];
}

void check_counts(const DiskScan& scan, const DataOptions& data) {
  for (const double value : scan.intensity.values)
    if (value < 0)
      throw Error(ErrorKind::input, data.file.path + ": " + data.intensity + ": holds " + number_text(value) +
                                        "; counts (fit.noise: poisson) are at least 0");
}

std::vector<DiskData> disk_data(const DiskScan& scan, Noise noise, double dose) {
  std::vector<DiskData> data(scan.positions());
  const long disks = long(scan.disks());
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i].intensity = Eigen::Map<const Eigen::VectorXd>(&scan.intensity.values[i * scan.disks()], disks);
    if (scan.variance.size() > 0)
      data[i].variance = Eigen::Map<const Eigen::VectorXd>(&scan.variance.values[i * scan.disks()], disks);
    data[i].noise = noise;
    data[i].dose = dose;
  }
  return data;
}

FitOptions fit_options(const ParameterOptions& options) {
  FitOptions fit = options.search.fit;
  Nuisance& nuisance = fit.nuisance;
  nuisance.scale_lower = options.scale ? options.scale->range[0] : 1;
  nuisance.scale_upper = options.scale ? options.scale->range[1] : 1;
  nuisance.background_lower = options.background ? options.background->range[0] : 0;
  nuisance.background_upper = options.background ? options.background->range[1] : 0;
  return fit;
}

std::string short_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string joined_names(const std::vector<Parameter>& parameters) {
  std::string text;
  for (const Parameter& p : parameters) text += (text.empty() ? "" : ", ") + p.name;
  return text;
}

// Joint fit of what the scan shares, to evenly chosen positions; the values become those of the base
// state, and the parameters that remain are fitted at every position.
std::vector<SharedValue> fit_shared_parameters(const DiskModel& model, const Unknowns& unknowns,
                                               const std::vector<DiskData>& data, const ParameterOptions& options,
                                               State& base, std::vector<Parameter>& remaining) {
  std::vector<int> shared;
  for (std::size_t i = 0; i < unknowns.per.size(); ++i)
    if (unknowns.per[i] == Per::scan)
      shared.push_back(int(i));
    else
      remaining.push_back(unknowns.parameters[i]);
  if (shared.empty()) return {};

  const std::size_t count = std::min<std::size_t>(data.size(), std::size_t(options.search.scan_positions));
  std::vector<DiskData> chosen;
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(data[(2 * i + 1) * data.size() / (2 * count)]);
  const StartTable table(model, options.search.samples);
  const SharedFit fit = fit_shared(model, table, shared, chosen, fit_options(options));
  std::vector<SharedValue> values;
  for (std::size_t k = 0; k < shared.size(); ++k) {
    const Parameter& parameter = unknowns.parameters[shared[k]];
    base = moved(base, parameter.direction, fit.values[long(k)] - parameter.nominal);
    values.push_back({parameter.name, parameter.unit, fit.values[long(k)], fit.errors[long(k)]});
  }
  return values;
}

// Null: the engine itself is used.
std::unique_ptr<Surrogate> make_surrogate(const ForwardModel& model, const SearchOptions& search,
                                          std::size_t positions) {
  constexpr std::size_t worth_building = 50;  // positions
  if (search.method == SearchMethod::multistart) return nullptr;
  if (search.method == SearchMethod::automatic &&
      (positions < worth_building || !Surrogate::can_hold(model)))
    return nullptr;
  return std::make_unique<Surrogate>(model, search.surrogate);
}

std::string surrogate_summary(const SurrogateCertificate& c) {
  char text[200];
  std::snprintf(text, sizeof text,
                "surrogate: %d terms, %d symmetries; Σ|ΔI|/ΣI at %d random points: mean %.2g, largest %.2g",
                c.terms, c.symmetries, c.points, c.r1_mean, c.r1_max);
  return text;
}

std::vector<PositionFit> fit_positions(const DiskModel& model, const std::vector<DiskData>& data,
                                       const ParameterOptions& options, const RunContext& context,
                                       long& done_here) {
  const std::size_t n = model.parameters().size(), disks = std::size_t(model.disks());
  if (!context.resume && Checkpoint::exists(context.partial()))
    context.say("an interrupted run left " + context.partial() +
                "; this run begins anew (--resume would continue it)");
  Checkpoint checkpoint(context.partial(), context.fingerprint(), fit_row_size(n, disks), context.resume);
  const auto& finished = checkpoint.rows();
  if (context.resume)
    context.say("resumed: " + std::to_string(finished.size()) + " positions are done already");

  const long total = long(data.size() - finished.size());
  Progress progress("fit", total, context.quiet);
  ScanHooks hooks;
  hooks.skip = [&](long i) { return finished.count(std::uint64_t(i)) > 0; };
  hooks.stop = interrupted;
  hooks.done = [&](long i, const PositionFit& fit) {
    checkpoint.append(std::uint64_t(i), fit_row(fit));
    progress.advance();
    ++done_here;
  };
  const StartTable table(model, options.search.samples);
  std::vector<PositionFit> fits = fit_scan(model, table, data, fit_options(options), hooks);
  if (done_here < total)
    throw Error(ErrorKind::interrupted,
                "interrupted: " + std::to_string(data.size() - std::size_t(total - done_here)) + " of " +
                    std::to_string(data.size()) + " positions are done and kept in " + context.partial() +
                    "; the same command with --resume continues");
  for (const auto& [index, row] : finished) fits[index] = fit_of_row(row, n, disks);
  return fits;
}

std::string summary_of(const std::vector<PositionFit>& fits, double cpu_per_position) {
  std::size_t converged = 0, no_data = 0;
  std::vector<double> chi2;
  for (const PositionFit& fit : fits) {
    converged += fit.status == FitStatus::converged;
    no_data += fit.status == FitStatus::no_data;
    if (fit.status != FitStatus::no_data) chi2.push_back(fit.reduced_chi2);
  }
  std::sort(chi2.begin(), chi2.end());
  char text[300];
  std::snprintf(text, sizeof text,
                "positions: %zu, converged %zu (%.1f %%), no data %zu; χ² per degree of freedom: median %.3g; "
                "%.1f ms CPU per position",
                fits.size(), converged, 100.0 * double(converged) / double(fits.size()), no_data,
                chi2.empty() ? std::nan("") : chi2[chi2.size() / 2], 1e3 * cpu_per_position);
  return text;
}

}  // namespace

FitStudy FitStudy::example(const std::string& data) {
  FitStudy study;
  study.data.file.given = data + "/scans/sto_pto_vortex.h5";
  study.data.intensity = "counts";
  study.data.truth = "truth";
  study.data.dose = 1e5;
  study.crystals["STO"].cif.given = data + "/cif/SrTiO3_stack.cif";
  study.crystals["PTO"].cif.given = data + "/cif/PbTiO3_stack.cif";
  for (const std::string axis : {"x", "y"})
    study.crystals["PTO"].modes[axis].polar_cif = File{data + "/cif/PbTiO3_stack_polar_" + axis + ".cif", ""};
  study.specimen.beam_direction = Vec3(0, 0, 1);
  for (const char* name : {"STO", "PTO", "STO"}) {
    LayerOptions layer;
    layer.crystal = name;
    layer.cells = 16;
    study.specimen.layers.push_back(layer);
  }
  study.beam.semiangle_mrad = 1.75;
  study.fit.beam_tilt_mrad = RangeOptions{{{-5, 5}}};
  study.fit.modes = {{"PTO", "x"}, {"PTO", "y"}};
  ThicknessFitOptions thickness;
  thickness.range = {54, 71};
  study.fit.thickness_A = {thickness};
  study.fit.background = RangeOptions{{{0, 20}}};
  return study;
}

void FitStudy::check(Problems& problems) const {
  check_specimen(crystals, specimen, problems);
  const auto in_a_layer = [&](const std::string& crystal, const std::string& path) {
    std::vector<std::string> names;
    for (const LayerOptions& layer : specimen.layers) names.push_back(layer.crystal);
    if (std::find(names.begin(), names.end(), crystal) != names.end()) return true;
    problems.add(path, "is '" + crystal + "'; allowed: a crystal of a layer: " + joined(names));
    return false;
  };
  for (std::size_t i = 0; i < fit.modes.size(); ++i) {
    const ModeFitOptions& mode = fit.modes[i];
    const std::string path = "fit.modes." + std::to_string(i);
    if (!in_a_layer(mode.crystal, path + ".crystal") || !crystals.count(mode.crystal)) continue;
    std::vector<std::string> names;
    for (const auto& entry : crystals.at(mode.crystal).modes) names.push_back(entry.first);
    if (!crystals.at(mode.crystal).modes.count(mode.mode))
      problems.add(path + ".mode", unknown_name(mode.mode, names));
    for (const LayerOptions& layer : specimen.layers) {
      const auto amplitude = layer.modes.find(mode.mode);
      if (layer.crystal == mode.crystal &&
          (amplitude == layer.modes.end() ? 0 : amplitude->second) != base_amplitude(specimen, mode))
        problems.add(path + ".mode", "its amplitudes in the layers of " + mode.crystal +
                                         " differ; a fitted mode has one amplitude");
    }
  }
  for (std::size_t i = 0; i < fit.thickness_A.size(); ++i)
    if (fit.thickness_A[i].layer > int(specimen.layers.size()))
      problems.add("fit.thickness_A." + std::to_string(i) + ".layer",
                   "is " + std::to_string(fit.thickness_A[i].layer) + "; allowed: 1 to " +
                       std::to_string(specimen.layers.size()) + ", the number of layers");
  for (std::size_t i = 0; i < fit.debye_waller_B_A2.size(); ++i) {
    const std::string path = "fit.debye_waller_B_A2." + std::to_string(i);
    in_a_layer(fit.debye_waller_B_A2[i].crystal, path + ".crystal");
    if (atomic_number(fit.debye_waller_B_A2[i].element) == 0)
      problems.add(path + ".element", "'" + fit.debye_waller_B_A2[i].element + "' is no element");
  }
  if (fit.absorption_strength && engine.absorption == Absorption::none)
    problems.add("fit.absorption_strength", "has no effect while engine.absorption is none");
  if (fit.noise == Noise::gaussian && !data.variance)
    problems.add("fit.noise", "gaussian noise needs data.variance, the name of a dataset");
  if (!fit.beam_tilt_mrad && fit.modes.empty() && fit.thickness_A.empty() &&
      fit.debye_waller_B_A2.empty() && !fit.absorption_strength)
    problems.add("fit", "names nothing to fit; for example beam_tilt_mrad: {range: [-5, 5]}");
}

void FitStudy::run(RunContext& context) const {
  const Specimen specimen = build_specimen(crystals, this->specimen, beam, engine);
  const bool zone_only =
      engine_kind(specimen.state, engine) == EngineKind::splitstep || specimen.state.crystals.size() > 1;
  const DiskScan scan = read_disk_scan(data, specimen.state, engine.g_max_invA, zone_only);
  if (fit.noise == Noise::poisson) check_counts(scan, data);
  const Unknowns unknowns = unknowns_of(*this, specimen);
  std::vector<std::string> names;
  for (const Parameter& parameter : unknowns.parameters) names.push_back(parameter.name);
  Truth truth;
  names.insert(names.end(), {"scale", "background"});
  if (data.truth) truth = read_truth(data, scan, names);
  for (const std::string& file : specimen.files) context.provenance.add_input(file);
  context.provenance.add_input(data.file.path);

  const auto simulator = std::make_shared<const Engine>(make_engine(specimen.state, scan.hkl, engine).engine);
  const double semiangle = beam.semiangle_mrad * 1e-3;
  const int degree = aperture_degree(semiangle, specimen, scan);
  const ForwardModel all_free(specimen.state, simulator, scan.hkl, unknowns.parameters, semiangle,
                              degree);
  double dose = data.dose.value_or(0);
  if (!data.dose) {
    Eigen::VectorXd nominal(long(unknowns.parameters.size())), intensity;
    for (long i = 0; i < nominal.size(); ++i) nominal[i] = unknowns.parameters[std::size_t(i)].nominal;
    all_free.evaluate(nominal.data(), intensity, nullptr);
    dose = estimated_dose(scan, intensity);
  }
  context.say(specimen_summary(specimen));
  context.say(engine_summary(specimen.state, engine) + ", " + std::to_string(all_free.aperture().offsets.size()) +
              " directions in the aperture");
  context.say("fit: " + std::to_string(scan.positions()) + " positions, " + std::to_string(scan.disks()) +
              " disks; " + joined_names(unknowns.parameters) + "; dose " + short_text(dose) +
              (data.dose ? "" : " (estimated)"));
  if (!truth.unused.empty()) context.say("note: true maps of no parameter: " + joined(truth.unused));
  if (!context.begin()) return;

  const std::vector<DiskData> positions = disk_data(scan, fit.noise, dose);
  State base = specimen.state;
  std::vector<Parameter> parameters;
  const std::vector<SharedValue> shared =
      fit_shared_parameters(all_free, unknowns, positions, fit, base, parameters);
  for (const SharedValue& value : shared) {
    char line[160];
    std::snprintf(line, sizeof line, "%s = %.5g ± %.2g %s for the scan", value.name.c_str(), value.value,
                  value.error, value.unit.c_str());
    context.say(line);
  }
  const ForwardModel model(base, simulator, scan.hkl, parameters, semiangle, degree);
  const double cpu_before = context.provenance.cpu_seconds();
  const std::unique_ptr<Surrogate> surrogate = make_surrogate(model, fit.search, positions.size());
  if (surrogate) context.say(surrogate_summary(surrogate->certificate()));
  const DiskModel& used = surrogate ? static_cast<const DiskModel&>(*surrogate) : model;
  long done_here = 0;
  const std::vector<PositionFit> fits = fit_positions(used, positions, fit, context, done_here);
  const double cpu = context.provenance.cpu_seconds() - cpu_before;

  EmdWriter result("pendel");
  write_fits(result, scan, parameters, fits, shared);
  write_truth(result, scan, truth);
  std::vector<std::string> unknown_names;
  for (const Parameter& parameter : parameters) unknown_names.push_back(parameter.name);
  unknown_names.insert(unknown_names.end(), {"scale", "background"});
  result.metadata("fit", {{"unknowns", unknown_names}, {"dose", dose}});
  if (surrogate) {
    const SurrogateCertificate& c = surrogate->certificate();
    result.metadata("surrogate", {{"terms", double(c.terms)},
                                  {"symmetries", double(c.symmetries)},
                                  {"certificate_points", double(c.points)},
                                  {"R1_mean", c.r1_mean},
                                  {"R1_max", c.r1_max}});
  }
  context.save(result);
  Checkpoint::remove(context.partial());
  context.say(summary_of(fits, done_here > 0 ? cpu / double(done_here) : 0));
  if (!truth.maps.empty()) context.say(truth_table(truth, parameters, fits));
}

}  // namespace pendel

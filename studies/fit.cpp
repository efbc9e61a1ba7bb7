#include "studies/fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "core/error.hpp"
#include "core/progress.hpp"
#include "fit/neighbour_scan.hpp"
#include "io/checkpoint.hpp"
#include "studies/engine.hpp"
#include "studies/fit_coupling.hpp"
#include "studies/fit_parameters.hpp"
#include "studies/fit_result.hpp"
#include "studies/fit_uncertainty.hpp"
#include "studies/interrupt.hpp"

namespace pendel {

namespace {

// Of the disks [1/Å].
double largest_g(const State& state, const DiskScan& scan) {
  const OrientedCrystal& first = state.crystals[state.layers[0].crystal];
  double g = 0;
  for (const Hkl& hkl : scan.hkl) g = std::max(g, first.crystal.g(hkl).v.norm());
  return g;
}

// Median over positions of measured over calculated intensity, both summed over the disks that a
// position has. The calculation is of the base state, which moves intensity between disks but
// hardly changes the sum over many of them; the fitted scale does the rest.
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
      throw Error(ErrorKind::input, data.file.path + ": " + data.intensity + ": holds " +
                                        number_text(value) +
                                        "; counts (fit.noise: poisson) are at least 0");
}

std::vector<DiskData> disk_data(const DiskScan& scan, Noise noise, double dose) {
  std::vector<DiskData> data(scan.positions());
  const long disks = long(scan.disks());
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i].intensity =
        Eigen::Map<const Eigen::VectorXd>(&scan.intensity.values[i * scan.disks()], disks);
    if (scan.variance.size() > 0)
      data[i].variance =
          Eigen::Map<const Eigen::VectorXd>(&scan.variance.values[i * scan.disks()], disks);
    data[i].noise.kind = noise;
    data[i].dose = dose;
  }
  return data;
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

struct SharedParameters {
  std::vector<SharedValue> values;
  Eigen::MatrixXd covariance;
};

// Joint fit of what the scan shares, to evenly chosen positions; the values become those of the
// base state, and the parameters that remain are fitted at every position.
SharedParameters fit_shared_parameters(const DiskModel& model, const Unknowns& unknowns,
                                       const std::vector<DiskData>& data,
                                       const ParameterOptions& options, State& base,
                                       std::vector<Parameter>& remaining) {
  std::vector<int> shared;
  for (std::size_t i = 0; i < unknowns.per.size(); ++i)
    if (unknowns.per[i] == Per::scan)
      shared.push_back(int(i));
    else
      remaining.push_back(unknowns.parameters[i]);
  if (shared.empty()) return {};

  const std::size_t count =
      std::min<std::size_t>(data.size(), std::size_t(options.search.scan_positions));
  std::vector<DiskData> chosen;
  for (std::size_t i = 0; i < count; ++i)
    chosen.push_back(data[(2 * i + 1) * data.size() / (2 * count)]);
  const StartTable table(model, options.search.samples);
  const SharedFit fit = fit_shared(model, table, shared, chosen, fit_options(options));
  SharedParameters found;
  found.covariance = fit.covariance;
  for (std::size_t k = 0; k < shared.size(); ++k) {
    const Parameter& parameter = unknowns.parameters[shared[k]];
    base = moved(base, parameter.direction, fit.values[long(k)] - parameter.nominal);
    found.values.push_back(
        {parameter.name, parameter.unit, fit.values[long(k)], fit.errors[long(k)]});
  }
  return found;
}

struct Search {
  SearchMethod method;
  std::string reason;  // empty: the study names the method
};

// The cheapest that can do it, by evaluations of the engine; those for a surrogate are shared by
// all positions.
Search choose_search(const ForwardModel& model, const SearchOptions& search, const DiskScan& scan) {
  constexpr std::size_t worth_preparing = 50;  // positions
  if (search.method != SearchMethod::automatic) return {search.method, ""};
  const std::size_t positions = scan.positions();
  if (positions < worth_preparing)
    return {SearchMethod::multistart, "fewer than " + std::to_string(worth_preparing) +
                                          " positions do not pay for preparations"};
  if (Surrogate::can_hold(model))
    return {SearchMethod::surrogate,
            "its engine and parameters are of the kind that a series holds, and " +
                std::to_string(positions) + " positions share it"};
  const std::string why = "a surrogate cannot hold this engine or these parameters";
  if (scan.shape.size() != 2)
    return {SearchMethod::multistart, why + ", and a list of positions has no neighbours"};
  // A polish takes about ten evaluations; one position in 64 is searched by itself.
  const double polish = 10, alone = search.fit.starts * search.fit.screening_iterations +
                                    search.fit.basins * polish;
  char text[120];
  std::snprintf(text, sizeof text,
                ", and starts from neighbours take about %.0f evaluations, not %.0f",
                double(positions) * (alone / 64 + 1.5 * polish), double(positions) * alone);
  return {SearchMethod::neighbours, why + text};
}

std::string surrogate_summary(const SurrogateCertificate& c) {
  long cells = 1;
  for (int along : c.cells) cells *= along;
  char text[240];
  std::snprintf(text, sizeof text,
                "surrogate: %ld cells of %d terms, %d symmetries; Σ|ΔI|/ΣI at %d random points: "
                "mean %.2g, largest %.2g",
                cells, c.terms, c.symmetries, c.points, c.r1_mean, c.r1_max);
  return text;
}

// engine: corrects what the model finds; null if the model is the engine.
std::vector<PositionFit> fit_positions(const DiskModel& model, const DiskModel* engine,
                                       const std::vector<DiskData>& data,
                                       const ParameterOptions& options, const ScanGrid& grid,
                                       bool from_neighbours, const RunContext& context,
                                       long& done_here) {
  const RowShape shape{model.parameters().size(), std::size_t(model.disks()),
                       std::size_t(options.search.fit.basins)};
  context.say_what_was_left(context.partial());
  Checkpoint checkpoint(context.partial(), context.fingerprint(), fit_row_size(shape),
                        context.resume);
  const auto& finished = checkpoint.rows();
  if (context.resume)
    context.say("resumed: " + std::to_string(finished.size()) + " positions are done already");

  const long total = long(data.size() - finished.size());
  Progress progress("fit", total, context.quiet);
  ScanHooks hooks;
  hooks.skip = [&](long i) { return finished.count(std::uint64_t(i)) > 0; };
  hooks.stop = interrupted;
  hooks.done = [&](long i, const PositionFit& fit) {
    checkpoint.append(std::uint64_t(i), fit_row(fit, shape));
    progress.advance();
    ++done_here;
  };
  const StartTable table(model, options.search.samples);
  std::map<long, PositionFit> known;
  for (const auto& [index, row] : finished) known[long(index)] = fit_of_row(row, shape);
  std::vector<PositionFit> fits =
      from_neighbours
          ? fit_scan_from_neighbours(model, table, data, grid, fit_options(options), hooks, known)
          : fit_scan(model, table, data, fit_options(options), hooks, engine);
  if (done_here < total)
    throw Error(ErrorKind::interrupted,
                "interrupted: " + std::to_string(data.size() - std::size_t(total - done_here)) +
                    " of " + std::to_string(data.size()) + " positions are done and kept in " +
                    context.partial() + "; the same command with --resume continues");
  for (auto& [index, fit] : known) fits[std::size_t(index)] = std::move(fit);
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
                "positions: %zu, converged %zu (%.1f %%), no data %zu; χ² per degree of freedom: "
                "median %.3g; "
                "%.1f ms CPU per position",
                fits.size(), converged, 100.0 * double(converged) / double(fits.size()), no_data,
                chi2.empty() ? std::nan("") : chi2[chi2.size() / 2], 1e3 * cpu_per_position);
  return text;
}

}  // namespace

void FitStudy::run(RunContext& context) const {
  Specimen specimen = build_specimen(crystals, this->specimen, beam, engine);
  prepare(*this, specimen);
  const bool zone_only = engine_kind(specimen.state, engine) == EngineKind::splitstep ||
                         specimen.state.crystals.size() > 1;
  const DiskScan scan = read_disk_scan(data, specimen.state, engine.g_max_invA, zone_only);
  if (fit.noise == Noise::poisson) check_counts(scan, data);
  const Unknowns unknowns = unknowns_of(*this, specimen);
  std::vector<std::string> names;
  for (const Parameter& parameter : unknowns.parameters) names.push_back(parameter.name);
  Truth truth;
  names.insert(names.end(), {"scale", "background"});
  if (data.truth) truth = read_truth(data, scan, names);
  check_priors(fit.priors, unknowns, scan);
  check_profile_names(fit.profile, unknowns);
  if (fit.search.method == SearchMethod::neighbours && scan.shape.size() != 2)
    throw Error(ErrorKind::study,
                "fit.search.method: is neighbours, and the data are a list of positions; it needs "
                "data (row, column, disk), or use multistart");
  for (const std::string& file : specimen.files) context.provenance.add_input(file);
  context.provenance.add_input(data.file.path);

  const auto simulator =
      std::make_shared<const Engine>(make_engine(specimen.state, scan.hkl, engine).engine);
  const double semiangle = specimen.state.semiangle;
  const int degree = fit_aperture_degree(fit, specimen.state, largest_g(specimen.state, scan));
  const ForwardModel all_free(specimen.state, simulator, scan.hkl, unknowns.parameters, semiangle,
                              degree);
  double dose = data.dose.value_or(0);
  if (!data.dose) {
    Eigen::VectorXd nominal(long(unknowns.parameters.size())), intensity;
    for (long i = 0; i < nominal.size(); ++i)
      nominal[i] = unknowns.parameters[std::size_t(i)].nominal;
    all_free.evaluate(nominal.data(), intensity, nullptr);
    dose = estimated_dose(scan, intensity);
  }
  context.say(specimen_summary(specimen));
  context.say(engine_summary(specimen.state, engine) + ", " +
              std::to_string(all_free.aperture().offsets.size()) + " directions in the aperture");
  context.say("fit: " + std::to_string(scan.positions()) + " positions, " +
              std::to_string(scan.disks()) + " disks; " + joined_names(unknowns.parameters) +
              "; dose " + short_text(dose) + (data.dose ? "" : " (estimated)"));
  if (!truth.unused.empty())
    context.say("note: true maps of no parameter: " + joined(truth.unused));
  if (!context.begin()) return;

  const std::vector<DiskData> positions = disk_data(scan, fit.noise, dose);
  const FitOptions options = fit_options(fit);
  State base = specimen.state;
  std::vector<Parameter> parameters;
  const SharedParameters shared =
      fit_shared_parameters(all_free, unknowns, positions, fit, base, parameters);
  for (const SharedValue& value : shared.values) {
    char line[160];
    std::snprintf(line, sizeof line, "%s = %.5g ± %.2g %s for the scan", value.name.c_str(),
                  value.value, value.error, value.unit.c_str());
    context.say(line);
  }
  const ForwardModel model(base, simulator, scan.hkl, parameters, base.semiangle, degree);
  const double cpu_before = context.provenance.cpu_seconds();
  const Search search = choose_search(model, fit.search, scan);
  context.say("search: " + choice_name(search.method) +
              (search.reason.empty() ? "" : " (auto: " + search.reason + ")"));
  std::unique_ptr<Surrogate> surrogate;
  if (search.method == SearchMethod::surrogate) {
    surrogate = std::make_unique<Surrogate>(model, fit.search.surrogate);
    context.say(surrogate_summary(surrogate->certificate()));
  }
  const DiskModel& used = surrogate ? static_cast<const DiskModel&>(*surrogate) : model;
  long done_here = 0;
  std::vector<PositionFit> alone =
      fit_positions(used, surrogate ? &model : nullptr, positions, fit, grid_of(scan),
                    search.method == SearchMethod::neighbours, context, done_here);
  const double cpu = context.provenance.cpu_seconds() - cpu_before;

  const std::vector<Determination> determined = determinations(used, positions, options, alone);
  const BootstrapCheck bootstrap = bootstrap_check(used, positions, options, fit.checks, alone);
  const std::vector<ParameterProfiles> profiles =
      parameter_profiles(used, positions, options, fit.checks, fit.profile, alone);
  const std::vector<std::string> profile_lines = profile_summary(profiles, parameters, alone);
  const std::vector<Prior> priors = priors_of(fit.priors, parameters, scan, alone);
  Coupling coupling;
  if (!priors.empty()) coupling = couple(used, positions, options, priors, alone);
  std::vector<PositionFit>& fits = priors.empty() ? alone : coupling.fits;

  // corrected fits are the engine's own: what finer engines change does not hold the surrogate's
  const DiskModel& found_by = fit.search.fit.corrections > 0 ? model : used;
  const Discretisation convergence =
      discretisation(found_by, model, engine, positions, options, fits);
  std::vector<Eigen::MatrixXd> of_shared;
  if (!shared.values.empty())
    of_shared = shared_errors(all_free, unknowns, shared.values, shared.covariance, positions,
                              options, fits);
  for (std::vector<PositionFit>* list : {&alone, &coupling.fits})
    for (std::size_t i = 0; i < list->size(); ++i) {
      Eigen::MatrixXd& covariance = (*list)[i].covariance;
      if (!convergence.refinements.empty()) covariance.diagonal() += convergence.rms.cwiseAbs2();
      if (!of_shared.empty()) covariance += of_shared[i];
    }

  EmdWriter result("pendel");
  write_fits(result, scan, parameters, fits, shared.values);
  const std::string derived = write_derived(result, scan, polarization_maps(*this, specimen),
                                            parameters, fits, shared.values);
  if (!derived.empty()) context.say(derived);
  write_truth(result, scan, truth);
  write_uncertainty(result, scan, parameters, convergence, determined, bootstrap, profiles);
  if (!priors.empty()) write_coupling(result, scan, parameters, alone, coupling, priors);
  std::vector<std::string> unknown_names;
  for (const Parameter& parameter : parameters) unknown_names.push_back(parameter.name);
  unknown_names.insert(unknown_names.end(), {"scale", "background"});
  result.metadata(
      "fit", {{"unknowns", unknown_names}, {"dose", dose}, {"search", choice_name(search.method)}});
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
  const auto say_all = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) context.say(line);
  };
  say_all(determination_summary(determined, parameters));
  if (!bootstrap.positions.empty()) context.say(bootstrap_summary(bootstrap, parameters));
  say_all(profile_lines);
  if (!priors.empty()) say_all(coupling_summary(coupling, priors));
  say_all(discretisation_summary(convergence, parameters));
  context.say(summary_of(fits, done_here > 0 ? cpu / double(done_here) : 0));
  if (!truth.maps.empty()) context.say(truth_table(truth, parameters, fits));
}

}  // namespace pendel

#include "studies/fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "core/error.hpp"
#include "core/progress.hpp"
#include "fit/model_error.hpp"
#include "fit/neighbour_scan.hpp"
#include "io/checkpoint.hpp"
#include "studies/engine.hpp"
#include "studies/fit_coupling.hpp"
#include "studies/fit_data.hpp"
#include "studies/fit_parameters.hpp"
#include "studies/fit_result.hpp"
#include "studies/fit_uncertainty.hpp"
#include "studies/interrupt.hpp"

namespace pendel {

namespace {

FitOptions fit_options(const FitData& data, const ParameterOptions& options) {
  FitOptions fit = pendel::fit_options(options);
  fit.nuisance = data.nuisance();
  return fit;
}

// Evenly chosen.
template <class Item>
std::vector<Item> some_of(const std::vector<Item>& data, int most) {
  const std::size_t count = std::min<std::size_t>(data.size(), std::size_t(most));
  std::vector<Item> chosen;
  for (std::size_t i = 0; i < count; ++i)
    chosen.push_back(data[(2 * i + 1) * data.size() / (2 * count)]);
  return chosen;
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
                                       const SearchOptions& search, const FitOptions& options,
                                       State& base, std::vector<Parameter>& remaining) {
  std::vector<int> shared;
  for (std::size_t i = 0; i < unknowns.per.size(); ++i)
    if (unknowns.per[i] == Per::scan)
      shared.push_back(int(i));
    else
      remaining.push_back(unknowns.parameters[i]);
  if (shared.empty()) return {};

  const StartTable table(model, search.samples);
  const SharedFit fit =
      fit_shared(model, table, shared, some_of(data, search.scan_positions), options);
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
Search choose_search(const FitData& data, const State& base,
                     const std::vector<Parameter>& parameters, const SearchOptions& search) {
  const DiskScan& scan = data.scan();
  constexpr std::size_t worth_preparing = 50;  // positions
  if (search.method != SearchMethod::automatic) return {search.method, ""};
  const std::size_t positions = scan.positions();
  if (positions < worth_preparing)
    return {SearchMethod::multistart, "fewer than " + std::to_string(worth_preparing) +
                                          " positions do not pay for preparations"};
  if (data.surrogate_can_hold(base, parameters))
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

// The table is of the coarse model where there is one.
std::vector<PositionFit> fit_everywhere(const FitModels& models, const StartTable& table,
                                        const std::vector<DiskData>& data,
                                        const std::vector<DiskData>& coarse,
                                        const FitOptions& options, const ScanHooks& hooks) {
  if (models.coarse)
    return fit_scan(*models.model, {*models.coarse, table, coarse, options.nuisance}, data, options,
                    hooks, models.engine.get());
  return fit_scan(*models.model, table, data, options, hooks, models.engine.get());
}

std::vector<PositionFit> fit_positions(const FitModels& models, const StartTable& table,
                                       const std::vector<DiskData>& data,
                                       const std::vector<DiskData>& coarse,
                                       const FitOptions& options, const ScanGrid& grid,
                                       bool from_neighbours, const RunContext& context,
                                       long& done_here) {
  const DiskModel& model = *models.model;
  const RowShape shape{model.parameters().size(), std::size_t(model.disks()),
                       std::size_t(options.basins)};
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
  std::map<long, PositionFit> known;
  for (const auto& [index, row] : finished) known[long(index)] = fit_of_row(row, shape);
  const StartsOf search = [&](long i) {
    return models.coarse
               ? coarse_starts({*models.coarse, table, coarse, options.nuisance}, i, options)
               : table.best(data[std::size_t(i)], options.nuisance, options.starts,
                            options.start_distance);
  };
  std::vector<PositionFit> fits =
      from_neighbours ? fit_scan_from_neighbours(model, search, data, grid, options, hooks, known)
                      : fit_everywhere(models, table, data, coarse, options, hooks);
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

// What parameters' priors were and what became of them, a line each.
std::vector<std::string> gaussian_summary(const std::vector<Parameter>& parameters,
                                          const std::vector<PositionFit>& fits) {
  std::vector<std::string> lines;
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const Parameter& p = parameters[k];
    if (!p.has_prior()) continue;
    std::vector<double> errors;
    double square = 0;
    for (const PositionFit& fit : fits) {
      if (fit.status == FitStatus::no_data) continue;
      errors.push_back(std::sqrt(fit.covariance(long(k), long(k))));
      square += std::pow((fit.solution.values[long(k)] - p.prior_mean) / p.prior_sigma, 2);
    }
    if (errors.empty()) continue;
    const double away = std::sqrt(square / double(errors.size()));
    std::nth_element(errors.begin(), errors.begin() + long(errors.size() / 2), errors.end());
    char text[240];
    std::snprintf(text, sizeof text,
                  "prior: %s %.5g ± %.2g %s; with the data ± %.2g (median), %.2g prior sigmas from "
                  "it (rms)%s",
                  p.name.c_str(), p.prior_mean, p.prior_sigma, p.unit.c_str(),
                  errors[errors.size() / 2], away,
                  away > 3 ? "; warning: data and prior contradict each other" : "");
    lines.push_back(text);
  }
  return lines;
}

}  // namespace

void FitStudy::run(RunContext& context) const {
  Specimen specimen = build_specimen(crystals, this->specimen, beam, engine);
  prepare(*this, specimen);
  const Unknowns unknowns = unknowns_of(*this, specimen);
  const FitData all(*this, specimen, unknowns.parameters);
  const DiskScan& scan = all.scan();
  check_priors(fit.priors, unknowns, scan);
  check_profile_names(fit.profile, unknowns);
  if (fit.search.method == SearchMethod::neighbours && scan.shape.size() != 2)
    throw Error(ErrorKind::study,
                "fit.search.method: is neighbours, and the data are a list of positions; it needs "
                "data (row, column, disk), or use multistart");
  for (const std::string& file : specimen.files) context.provenance.add_input(file);
  for (const DataOptions& set : data) {
    context.provenance.add_input(set.file.path);
    if (set.pixels && set.pixels->probe) context.provenance.add_input(set.pixels->probe->file.path);
  }
  const FitModels all_free = all.models(specimen.state, unknowns.parameters, false);
  std::vector<std::string> names;
  for (const Parameter& parameter : all_free.model->parameters()) names.push_back(parameter.name);
  names.insert(names.end(), {"scale", "background"});
  Truth truth;
  for (const DataOptions& set : data)
    if (set.truth && truth.maps.empty()) truth = read_truth(set, scan, names);
  context.say(specimen_summary(specimen));
  context.say(engine_summary(specimen.state, engine));
  for (const std::string& line : all.summary()) context.say(line);
  context.say("fit: " + std::to_string(scan.positions()) + " positions, " +
              std::to_string(scan.disks()) + (all.has_pixels() ? " pixels; " : " disks; ") +
              joined_names(all_free.model->parameters()));
  if (!truth.unused.empty())
    context.say("note: true maps of no parameter: " + joined(truth.unused));
  if (!context.begin()) return;

  std::vector<DiskData> positions = all.positions(), coarse = all.coarse_positions();
  const FitOptions options = fit_options(all, fit);
  State base = specimen.state;
  std::vector<Parameter> parameters;  // of the states of positions; models may have more
  const SharedParameters shared = fit_shared_parameters(
      all_free.coarse ? *all_free.coarse : *all_free.model, unknowns,
      all_free.coarse ? coarse : positions, fit.search, options, base, parameters);
  for (const SharedValue& value : shared.values) {
    char line[240];
    std::snprintf(line, sizeof line, "%s = %.5g ± %.2g %s for the scan", value.name.c_str(),
                  value.value, value.error, value.unit.c_str());
    std::string text = line;
    for (const Parameter& p : unknowns.parameters)
      if (p.name == value.name && p.has_prior()) {
        std::snprintf(line, sizeof line, " (prior %.5g ± %.2g)", p.prior_mean, p.prior_sigma);
        text += line;
      }
    context.say(text);
  }
  const double cpu_before = context.provenance.cpu_seconds();
  const Search search = choose_search(all, base, parameters, fit.search);
  context.say("search: " + choice_name(search.method) +
              (search.reason.empty() ? "" : " (auto: " + search.reason + ")"));
  const FitModels models = all.models(base, parameters, search.method == SearchMethod::surrogate);
  const DiskModel& used = *models.model;
  const std::vector<Parameter>& fitted = used.parameters();
  for (const SurrogateCertificate& certificate : models.certificates)
    context.say(surrogate_summary(certificate));
  const StartTable table(models.coarse ? *models.coarse : used, fit.search.samples);
  double model_error = fit.noise.model_error;
  if (fit.noise.estimate_model_error) {
    const std::vector<DiskData> some = some_of(positions, fit.search.scan_positions);
    model_error = estimated_model_error(
        used, some,
        fit_everywhere(models, table, some, some_of(coarse, fit.search.scan_positions), options,
                       {}),
        options);
    for (DiskData& position : positions) position.noise.model_error = model_error;
    char line[100];
    std::snprintf(line, sizeof line, "model error: %.2g %% of the intensity, from χ²",
                  100 * model_error);
    context.say(line);
  }
  long done_here = 0;
  std::vector<PositionFit> alone =
      fit_positions(models, table, positions, coarse, options, grid_of(scan),
                    search.method == SearchMethod::neighbours, context, done_here);
  const double cpu = context.provenance.cpu_seconds() - cpu_before;

  const std::vector<Determination> determined = determinations(used, positions, options, alone);
  const BootstrapCheck bootstrap = bootstrap_check(used, positions, options, fit.checks, alone);
  const std::vector<ParameterProfiles> profiles =
      parameter_profiles(used, positions, options, fit.checks, fit.profile, alone);
  const std::vector<std::string> profile_lines = profile_summary(profiles, fitted, alone);
  const std::vector<Prior> priors = priors_of(fit.priors, fitted, scan, alone);
  Coupling coupling;
  if (!priors.empty()) coupling = couple(used, positions, options, priors, alone);
  std::vector<PositionFit>& fits = priors.empty() ? alone : coupling.fits;

  // corrected fits are the engine's own: what finer engines change does not hold the surrogate's
  const DiskModel& found_by =
      models.engine && fit.search.fit.corrections > 0 ? *models.engine : used;
  const Discretisation convergence =
      discretisation(found_by, all, base, parameters, engine, positions, options, fits);
  std::vector<Eigen::MatrixXd> of_shared;
  if (!shared.values.empty()) {
    Unknowns with_levels{all_free.model->parameters(), unknowns.per};
    with_levels.per.resize(with_levels.parameters.size(), Per::position);
    of_shared = shared_errors(*all_free.model, with_levels, shared.values, shared.covariance,
                              positions, options, fits);
  }
  for (std::vector<PositionFit>* list : {&alone, &coupling.fits})
    for (std::size_t i = 0; i < list->size(); ++i) {
      Eigen::MatrixXd& covariance = (*list)[i].covariance;
      if (!convergence.refinements.empty()) covariance.diagonal() += convergence.rms.cwiseAbs2();
      if (!of_shared.empty()) covariance += of_shared[i];
    }

  EmdWriter result("pendel");
  write_fits(result, scan, positions, fitted, fits, shared.values);
  const std::string derived =
      write_derived(result, scan, polarization_maps(*this, specimen), fitted, fits, shared.values);
  if (!derived.empty()) context.say(derived);
  write_truth(result, scan, truth);
  write_uncertainty(result, scan, fitted, convergence, determined, bootstrap, profiles);
  if (!priors.empty()) write_coupling(result, scan, fitted, alone, coupling, priors);
  std::vector<std::string> unknown_names;
  for (const Parameter& parameter : fitted) unknown_names.push_back(parameter.name);
  unknown_names.insert(unknown_names.end(), {"scale", "background"});
  result.metadata("fit", {{"unknowns", unknown_names},
                          {"dose", all.dose()},
                          {"noise", choice_name(fit.noise.kind)},
                          {"loss", choice_name(fit.noise.loss)},
                          {"model_error", model_error},
                          {"search", choice_name(search.method)}});
  EmdDictionary known;
  for (const Parameter& p : unknowns.parameters)
    if (p.has_prior()) {
      known.emplace_back(p.name + ".mean", p.prior_mean);
      known.emplace_back(p.name + ".sigma", p.prior_sigma);
    }
  if (!known.empty()) result.metadata("parameter_priors", known);
  if (!models.certificates.empty()) {
    const SurrogateCertificate& c = models.certificates.back();
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
  say_all(gaussian_summary(fitted, fits));
  say_all(determination_summary(determined, fitted));
  if (!bootstrap.positions.empty()) context.say(bootstrap_summary(bootstrap, fitted));
  say_all(profile_lines);
  if (!priors.empty()) say_all(coupling_summary(coupling, priors));
  say_all(discretisation_summary(convergence, fitted));
  context.say(summary_of(fits, done_here > 0 ? cpu / double(done_here) : 0));
  if (!truth.maps.empty()) context.say(truth_table(truth, fitted, fits));
}

}  // namespace pendel

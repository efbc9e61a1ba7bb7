#include "studies/fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "core/error.hpp"
#include "core/median.hpp"
#include "studies/engine.hpp"
#include "studies/fit_part.hpp"
#include "studies/fit_regions.hpp"
#include "studies/fit_result.hpp"

namespace pendel {

namespace {

FitOptions fit_options(const FitData& data, const ParameterOptions& options) {
  FitOptions fit = pendel::fit_options(options);
  fit.nuisance = data.nuisance();
  return fit;
}

std::string joined_names(const std::vector<Parameter>& parameters) {
  std::string text;
  for (const Parameter& p : parameters) text += (text.empty() ? "" : ", ") + p.name;
  return text;
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
    char text[240];
    std::snprintf(text, sizeof text,
                  "prior: %s %.5g ± %.2g %s; with the data ± %.2g (median), %.2g prior sigmas from "
                  "it (rms)%s",
                  p.name.c_str(), p.prior_mean, p.prior_sigma, p.unit.c_str(), median(errors), away,
                  away > 3 ? "; warning: data and prior contradict each other" : "");
    lines.push_back(text);
  }
  return lines;
}

template <class T>
std::vector<T> those(const std::vector<T>& list, const std::vector<std::size_t>& index) {
  std::vector<T> result;
  for (const std::size_t i : index)
    if (i < list.size()) result.push_back(list[i]);
  return result;
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
  const Regions regions = regions_of(fit, unknowns, scan);
  if (fit.search.method == SearchMethod::neighbours && scan.shape.size() != 2)
    throw Error(ErrorKind::study,
                "fit.search.method: is neighbours, and the data are a list of positions; it needs "
                "data (row, column, disk), or use multistart");
  for (const std::string& file : specimen.files) context.provenance.add_input(file);
  if (fit.regions && fit.regions->map) context.provenance.add_input(fit.regions->map->file.path);
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

  const std::vector<DiskData> positions = all.positions(), coarse = all.coarse_positions();
  const FitOptions options = fit_options(all, fit);
  const double cpu_before = context.provenance.cpu_seconds();
  State base = specimen.state;
  const SharedParameters of_scan = fit_shared_parameters(
      all_free.coarse ? *all_free.coarse : *all_free.model, unknowns, Per::scan, {},
      all_free.coarse ? coarse : positions, fit.search, options, base);
  for (const std::string& line : shared_summary(of_scan, unknowns, "the scan")) context.say(line);
  std::vector<SharedValue> shared;
  for (std::size_t k = 0; k < of_scan.place.size(); ++k) {
    const Parameter& p = unknowns.parameters[std::size_t(of_scan.place[k])];
    shared.push_back({p.name, p.unit, Array({1}, of_scan.values[long(k)]),
                      Array({1}, std::sqrt(of_scan.covariance(long(k), long(k))))});
  }
  const std::size_t first_map = shared.size();
  for (std::size_t k = 0; k < unknowns.per.size(); ++k)
    if (unknowns.per[k] == Per::region)
      shared.push_back(
          {unknowns.parameters[k].name, unknowns.parameters[k].unit, scan.map(), scan.map()});

  Part whole;
  whole.data = positions;
  whole.alone.resize(positions.size());
  whole.determined.resize(positions.size());
  std::unique_ptr<Run> run;
  for (std::size_t r = 0; r < regions.names.size(); ++r) {
    Part part;
    part.index = regions.positions[r];
    part.data = those(positions, part.index);
    part.coarse = those(coarse, part.index);
    part.base = base;
    SharedParameters of_region;
    if (shared.size() > first_map) {
      const FitModels free = all.models(base, without(unknowns, of_scan.place), false);
      of_region = fit_shared_parameters(
          free.coarse ? *free.coarse : *free.model, unknowns, Per::region, of_scan.place,
          free.coarse ? part.coarse : part.data, fit.search, options, part.base);
      for (const std::string& line : shared_summary(of_region, unknowns, regions.names[r]))
        context.say(line + " (" + std::to_string(part.index.size()) + " positions)");
      for (std::size_t k = 0; k < of_region.place.size(); ++k)
        for (const std::size_t i : part.index) {
          shared[first_map + k].value.values[i] = of_region.values[long(k)];
          shared[first_map + k].error.values[i] = std::sqrt(of_region.covariance(long(k), long(k)));
        }
    }
    part.shared = together(of_scan, of_region);
    fit_part(*this, all, unknowns, *all_free.model, options, context, run, part);
    if (regions.names.size() == 1)
      whole = std::move(part);
    else
      add_part(std::move(part), whole);
  }
  const double cpu = context.provenance.cpu_seconds() - cpu_before;
  const std::vector<Parameter>& fitted = whole.models.model->parameters();
  const std::vector<PositionFit>& fits = whole.fits();

  EmdWriter result("pendel");
  write_fits(result, scan, whole.data, fitted, fits, shared);
  const std::string derived =
      write_derived(result, scan, polarization_maps(*this, specimen), fitted, fits, shared);
  if (!derived.empty()) context.say(derived);
  write_truth(result, scan, truth);
  write_uncertainty(result, scan, fitted, whole.convergence, whole.determined, whole.bootstrap,
                    whole.profiles);
  if (!whole.priors.empty())
    write_coupling(result, scan, fitted, whole.alone, whole.coupling, whole.priors);
  std::vector<std::string> unknown_names;
  for (const Parameter& parameter : fitted) unknown_names.push_back(parameter.name);
  unknown_names.insert(unknown_names.end(), {"scale", "background"});
  result.metadata("fit", {{"unknowns", unknown_names},
                          {"dose", all.dose()},
                          {"noise", choice_name(fit.noise.kind)},
                          {"loss", choice_name(fit.noise.loss)},
                          {"model_error", whole.model_error},
                          {"search", choice_name(whole.search)}});
  EmdDictionary known;
  for (const Parameter& p : unknowns.parameters)
    if (p.has_prior()) {
      known.emplace_back(p.name + ".mean", p.prior_mean);
      known.emplace_back(p.name + ".sigma", p.prior_sigma);
    }
  if (!known.empty()) result.metadata("parameter_priors", known);
  if (!whole.models.certificates.empty()) {
    const SurrogateCertificate& c = whole.models.certificates.back();
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
  say_all(determination_summary(whole.determined, fitted));
  if (!whole.bootstrap.positions.empty()) context.say(bootstrap_summary(whole.bootstrap, fitted));
  say_all(whole.profile_lines);
  if (!whole.priors.empty()) say_all(coupling_summary(whole.coupling, whole.priors));
  say_all(discretisation_summary(whole.convergence, fitted));
  context.say(summary_of(fits, run->done_here > 0 ? cpu / double(run->done_here) : 0));
  if (!truth.maps.empty()) context.say(truth_table(truth, fitted, fits));
}

}  // namespace pendel

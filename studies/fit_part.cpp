#include "studies/fit_part.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "core/error.hpp"
#include "fit/model_error.hpp"
#include "fit/neighbour_scan.hpp"

namespace pendel {

namespace {

struct Search {
  SearchMethod method;
  std::string reason;  // empty: the study names the method
};

// The cheapest that can do it, by evaluations of the engine; those for a surrogate are shared by
// all positions.
Search choose_search(const FitData& data, const State& base,
                     const std::vector<Parameter>& parameters, const SearchOptions& search,
                     std::size_t positions) {
  const DiskScan& scan = data.scan();
  constexpr std::size_t worth_preparing = 50;  // positions
  if (search.method != SearchMethod::automatic) return {search.method, ""};
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
  if (positions < scan.positions())
    return {SearchMethod::multistart, why + ", and neighbours may be of another region"};
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

// index: of the positions among all.
std::vector<PositionFit> fit_positions(const FitModels& models, const StartTable& table,
                                       const std::vector<DiskData>& data,
                                       const std::vector<DiskData>& coarse,
                                       const std::vector<std::size_t>& index,
                                       const FitOptions& options, const ScanGrid& grid,
                                       bool from_neighbours, Run& run) {
  const auto& finished = run.checkpoint.rows();
  std::map<long, PositionFit> known;
  for (std::size_t i = 0; i < index.size(); ++i) {
    const auto row = finished.find(index[i]);
    if (row != finished.end()) known[long(i)] = fit_of_row(row->second, run.shape);
  }
  ScanHooks hooks;
  hooks.skip = [&](long i) { return known.count(i) > 0; };
  hooks.done = [&](long i, const PositionFit& fit) {
    run.checkpoint.append(index[std::size_t(i)], fit_row(fit, run.shape));
    run.progress.advance();
    ++run.done_here;
  };
  const StartsOf search = [&](long i) {
    return models.coarse
               ? coarse_starts({*models.coarse, table, coarse, options.nuisance}, i, options)
               : table.best(data[std::size_t(i)], options.nuisance, options.starts,
                            options.start_distance);
  };
  std::vector<PositionFit> fits =
      from_neighbours
          ? fit_scan_from_neighbours(*models.model, search, data, grid, options, hooks, known)
          : fit_everywhere(models, table, data, coarse, options, hooks);
  for (auto& [i, fit] : known) fits[std::size_t(i)] = std::move(fit);
  return fits;
}

}  // namespace

Run::Run(const RunContext& context, const RowShape& row_shape, long positions)
    : shape(row_shape),
      checkpoint(context.partial(), context.fingerprint(), fit_row_size(shape), context.resume),
      progress("fit", positions - long(checkpoint.rows().size()), context.quiet) {}

void fit_part(const FitStudy& study, const FitData& all, const Unknowns& unknowns,
              const DiskModel& all_free, const FitOptions& options, const RunContext& context,
              std::unique_ptr<Run>& run, Part& part) {
  const ParameterOptions& fit = study.fit;
  const DiskScan& scan = all.scan();
  const std::vector<Parameter> parameters = without(unknowns, part.shared.place);
  const Search search = choose_search(all, part.base, parameters, fit.search, part.data.size());
  context.say("search: " + choice_name(search.method) +
              (search.reason.empty() ? "" : " (auto: " + search.reason + ")"));
  part.search = search.method;
  part.models = all.models(part.base, parameters, search.method == SearchMethod::surrogate);
  const FitModels& models = part.models;
  const DiskModel& used = *models.model;
  for (const SurrogateCertificate& certificate : models.certificates)
    context.say(surrogate_summary(certificate));
  const StartTable table(models.coarse ? *models.coarse : used, fit.search.samples);
  part.model_error = fit.noise.model_error;
  if (fit.noise.estimate_model_error) {
    const int most = fit.search.scan_positions;
    const std::vector<DiskData> some = some_of(part.data, most);
    part.model_error = estimated_model_error(
        used, some, fit_everywhere(models, table, some, some_of(part.coarse, most), options, {}),
        options);
    for (DiskData& position : part.data) position.noise.model_error = part.model_error;
    char line[100];
    std::snprintf(line, sizeof line, "model error: %.2g %% of the intensity, from χ²",
                  100 * part.model_error);
    context.say(line);
  }
  if (!run) {
    context.say_what_was_left(context.partial());
    run = std::make_unique<Run>(
        context,
        RowShape{used.parameters().size(), std::size_t(used.disks()), std::size_t(options.basins)},
        long(scan.positions()));
    if (context.resume)
      context.say("resumed: " + std::to_string(run->checkpoint.rows().size()) +
                  " positions are done already");
  }
  part.alone = fit_positions(models, table, part.data, part.coarse, part.index, options,
                             grid_of(scan), search.method == SearchMethod::neighbours, *run);

  part.determined = determinations(used, part.data, options, part.alone);
  part.bootstrap = bootstrap_check(used, part.data, options, fit.checks, part.alone);
  part.profiles = parameter_profiles(used, part.data, options, fit.checks, fit.profile, part.alone);
  part.profile_lines = profile_summary(part.profiles, used.parameters(), part.alone);
  part.priors = priors_of(fit.priors, used.parameters(), scan, part.alone);
  if (!part.priors.empty())
    part.coupling = couple(used, part.data, options, part.priors, part.alone);

  // corrected fits are the engine's own: what finer engines change does not hold the surrogate's
  const DiskModel& found_by =
      models.engine && fit.search.fit.corrections > 0 ? *models.engine : used;
  part.convergence = discretisation(found_by, all, part.base, parameters, study.engine, part.data,
                                    options, part.fits());
  std::vector<Eigen::MatrixXd> of_shared;
  if (!part.shared.place.empty()) {
    Unknowns with_levels{all_free.parameters(), unknowns.per};
    with_levels.per.resize(with_levels.parameters.size(), Per::position);
    of_shared = shared_errors(all_free, with_levels, part.shared.values, part.shared.covariance,
                              part.data, options, part.fits());
  }
  for (std::vector<PositionFit>* list : {&part.alone, &part.coupling.fits})
    for (std::size_t i = 0; i < list->size(); ++i) {
      Eigen::MatrixXd& covariance = (*list)[i].covariance;
      if (!part.convergence.refinements.empty())
        covariance.diagonal() += part.convergence.rms.cwiseAbs2();
      if (!of_shared.empty()) covariance += of_shared[i];
    }
}

void add_part(Part part, Part& whole) {
  const auto place = [&](std::vector<std::size_t>& positions) {
    for (std::size_t& i : positions) i = part.index[i];
  };
  place(part.bootstrap.positions);
  place(part.convergence.positions);
  for (ParameterProfiles& profiles : part.profiles) place(profiles.positions);
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  const auto below = [](Eigen::MatrixXd& to, const Eigen::MatrixXd& from) {
    const long rows = to.rows();
    to.conservativeResize(rows + from.rows(), from.cols());
    to.bottomRows(from.rows()) = from;
  };
  for (std::size_t i = 0; i < part.index.size(); ++i) {
    whole.data[part.index[i]] = std::move(part.data[i]);
    whole.alone[part.index[i]] = std::move(part.alone[i]);
    whole.determined[part.index[i]] = std::move(part.determined[i]);
  }
  whole.model_error = std::max(whole.model_error, part.model_error);
  whole.search = part.search;
  append(whole.profile_lines, part.profile_lines);
  append(whole.bootstrap.positions, part.bootstrap.positions);
  whole.bootstrap.samples = part.bootstrap.samples;
  below(whole.bootstrap.ratio, part.bootstrap.ratio);
  append(whole.convergence.positions, part.convergence.positions);
  whole.convergence.refinements = part.convergence.refinements;
  whole.convergence.shifts.resize(part.convergence.shifts.size());
  whole.convergence.rms = part.convergence.rms;
  if (!part.convergence.shifts.empty()) whole.convergence.rms.setZero();
  for (std::size_t r = 0; r < part.convergence.shifts.size(); ++r) {
    Eigen::MatrixXd& shifts = whole.convergence.shifts[r];
    below(shifts, part.convergence.shifts[r]);
    whole.convergence.rms +=
        (shifts.cwiseAbs2().colwise().sum() / double(shifts.rows())).transpose();
  }
  whole.convergence.rms = whole.convergence.rms.cwiseSqrt();
  whole.profiles.resize(part.profiles.size());
  for (std::size_t k = 0; k < part.profiles.size(); ++k) {
    whole.profiles[k].parameter = part.profiles[k].parameter;
    append(whole.profiles[k].positions, part.profiles[k].positions);
    append(whole.profiles[k].profiles, part.profiles[k].profiles);
  }
  whole.models = part.models;
}

}  // namespace pendel

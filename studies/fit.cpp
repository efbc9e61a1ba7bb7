#include "studies/fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "fit/uncertainty.hpp"
#include "io/checkpoint.hpp"
#include "studies/engine.hpp"
#include "studies/fit_parameters.hpp"
#include "studies/fit_result.hpp"
#include "studies/interrupt.hpp"

namespace pendel {

namespace {

int aperture_degree(double semiangle, const Specimen& specimen, const DiskScan& scan) {
  const State& state = specimen.state;
  const OrientedCrystal& first = state.crystals[state.layers[0].crystal];
  double g = 0;
  for (const Hkl& hkl : scan.hkl) g = std::max(g, first.crystal.cell.g(hkl).v.norm());
  return disk_aperture_degree(semiangle, g, total_thickness(state));
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

// Joint fit of what the scan shares, to evenly chosen positions; the values become those of the
// base state, and the parameters that remain are fitted at every position.
std::vector<SharedValue> fit_shared_parameters(const DiskModel& model, const Unknowns& unknowns,
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
  std::snprintf(
      text, sizeof text,
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
  Checkpoint checkpoint(context.partial(), context.fingerprint(), fit_row_size(n, disks),
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
    checkpoint.append(std::uint64_t(i), fit_row(fit));
    progress.advance();
    ++done_here;
  };
  const StartTable table(model, options.search.samples);
  std::vector<PositionFit> fits = fit_scan(model, table, data, fit_options(options), hooks);
  if (done_here < total)
    throw Error(ErrorKind::interrupted,
                "interrupted: " + std::to_string(data.size() - std::size_t(total - done_here)) +
                    " of " + std::to_string(data.size()) + " positions are done and kept in " +
                    context.partial() + "; the same command with --resume continues");
  for (const auto& [index, row] : finished) fits[index] = fit_of_row(row, n, disks);
  return fits;
}

// What finer engines would change, root mean square over a few positions, per unknown; NaN where
// the engine has no finer form. Added to the error bars.
Eigen::VectorXd discretisation(const DiskModel& used, const ForwardModel& model,
                               const EngineOptions& engine, const std::vector<DiskData>& data,
                               const FitOptions& options, std::vector<PositionFit>& fits) {
  constexpr std::size_t most_positions = 3;
  const long n = long(model.parameters().size());
  std::vector<std::size_t> usable;
  for (std::size_t i = 0; i < fits.size(); ++i)
    if (fits[i].status == FitStatus::converged) usable.push_back(i);
  const std::vector<Refinement> finer = refinements(model.base(), engine);
  if (finer.empty() || usable.empty()) return Eigen::VectorXd::Constant(n + 2, std::nan(""));

  std::vector<Hkl> disks;
  for (const int row : model.rows()) disks.push_back(beams(model.engine()).hkl[std::size_t(row)]);
  const std::size_t count = std::min(usable.size(), most_positions);
  Eigen::VectorXd square = Eigen::VectorXd::Zero(n + 2);
  for (const Refinement& fine : finer) {
    const auto simulator =
        std::make_shared<const Engine>(make_engine(model.base(), disks, fine.engine).engine);
    const ForwardModel finer_model(model.base(), simulator, disks, model.parameters(),
                                   model.semiangle(), model.aperture_degree());
    std::vector<Eigen::VectorXd> shifts(count);
    parallel_for(long(count), [&](long k, int) {
      const std::size_t i = usable[(2 * std::size_t(k) + 1) * usable.size() / (2 * count)];
      shifts[std::size_t(k)] =
          model_shift(used, finer_model, data[i], options.nuisance, fits[i].solution);
    });
    for (const Eigen::VectorXd& shift : shifts) square += shift.cwiseAbs2() / double(count);
  }
  for (PositionFit& fit : fits) fit.covariance.diagonal() += square;
  return square.cwiseSqrt();
}

std::string discretisation_summary(const Eigen::VectorXd& rms,
                                   const std::vector<Parameter>& parameters) {
  std::string text = "convergence: thinner slices and more beams would move";
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    char part[120];
    std::snprintf(part, sizeof part, "%s %s by %.2g", k ? "," : "", parameters[k].name.c_str(),
                  rms[long(k)]);
    text += part + (parameters[k].unit.empty() ? "" : " " + parameters[k].unit);
  }
  return text + " (rms; added to the error bars)";
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
  const Specimen specimen = build_specimen(crystals, this->specimen, beam, engine);
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
  for (const std::string& file : specimen.files) context.provenance.add_input(file);
  context.provenance.add_input(data.file.path);

  const auto simulator =
      std::make_shared<const Engine>(make_engine(specimen.state, scan.hkl, engine).engine);
  const double semiangle = beam.semiangle_mrad * 1e-3;
  const int degree = aperture_degree(semiangle, specimen, scan);
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
  State base = specimen.state;
  std::vector<Parameter> parameters;
  const std::vector<SharedValue> shared =
      fit_shared_parameters(all_free, unknowns, positions, fit, base, parameters);
  for (const SharedValue& value : shared) {
    char line[160];
    std::snprintf(line, sizeof line, "%s = %.5g ± %.2g %s for the scan", value.name.c_str(),
                  value.value, value.error, value.unit.c_str());
    context.say(line);
  }
  const ForwardModel model(base, simulator, scan.hkl, parameters, semiangle, degree);
  const double cpu_before = context.provenance.cpu_seconds();
  const std::unique_ptr<Surrogate> surrogate = make_surrogate(model, fit.search, positions.size());
  if (surrogate) context.say(surrogate_summary(surrogate->certificate()));
  const DiskModel& used = surrogate ? static_cast<const DiskModel&>(*surrogate) : model;
  long done_here = 0;
  std::vector<PositionFit> fits = fit_positions(used, positions, fit, context, done_here);
  const Eigen::VectorXd systematic =
      discretisation(used, model, engine, positions, fit_options(fit), fits);
  const double cpu = context.provenance.cpu_seconds() - cpu_before;

  EmdWriter result("pendel");
  write_fits(result, scan, parameters, fits, shared);
  write_truth(result, scan, truth);
  std::vector<std::string> unknown_names;
  for (const Parameter& parameter : parameters) unknown_names.push_back(parameter.name);
  unknown_names.insert(unknown_names.end(), {"scale", "background"});
  result.metadata("fit", {{"unknowns", unknown_names}, {"dose", dose}});
  EmdDictionary convergence;
  for (std::size_t k = 0; k < parameters.size(); ++k)
    convergence.emplace_back(parameters[k].name, systematic[long(k)]);
  result.metadata("convergence", convergence);
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
  if (systematic.allFinite()) context.say(discretisation_summary(systematic, parameters));
  context.say(summary_of(fits, done_here > 0 ? cpu / double(done_here) : 0));
  if (!truth.maps.empty()) context.say(truth_table(truth, parameters, fits));
}

}  // namespace pendel

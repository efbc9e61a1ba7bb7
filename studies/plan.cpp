#include "studies/plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

#include "core/median.hpp"
#include "core/options_print.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "fit/information.hpp"
#include "io/checkpoint.hpp"
#include "model/surrogate.hpp"
#include "studies/direction_engines.hpp"
#include "studies/fit_parameters.hpp"
#include "studies/yaml_reader.hpp"

namespace pendel {

namespace {

const double nan = std::numeric_limits<double>::quiet_NaN();

// This study with some settings changed. Error (study) if they cannot be.
PlanStudy changed(PlanStudy study, const std::vector<std::string>& settings) {
  const auto absolute = [](File& file) { file.given = file.path; };
  for (auto& [name, crystal] : study.crystals) {
    absolute(crystal.cif);
    for (auto& [mode_name, mode] : crystal.modes)
      if (mode.polar_cif) absolute(*mode.polar_cif);
  }
  study.plan.bias.clear();
  Node root = parse_yaml(yaml_text(describe(study)), "study");
  for (const std::string& setting : settings) apply_setting(root, setting);
  Problems problems(root);
  PlanStudy result;
  read_options(root, "", result, problems);
  if (problems.list().empty()) result.check(problems);
  problems.throw_if_any();
  return result;
}

std::vector<double> planned_thicknesses(const PlanStudy& study, const State& base) {
  std::vector<double> list = thicknesses_of(study.plan.thicknesses_A, study.plan.thickness_series);
  if (list.empty())
    list.push_back(base.layers[std::size_t(study.plan.thickness_layer - 1)].thickness);
  return list;
}

// What one thickness of the layer makes of a study.
struct Planned {
  std::vector<Parameter> parameters;
  std::unique_ptr<ForwardModel> model;
};

bool is_thickness(const Parameter& p) {
  // a strain along the beam moves thicknesses, too, and crystals with them
  return p.direction.crystals.empty() &&
         std::any_of(p.direction.thickness.begin(), p.direction.thickness.end(),
                     [](double t) { return t != 0; });
}

Planned planned(const PlanStudy& study, const Specimen& specimen, const std::vector<Hkl>& disks,
                double thickness) {
  const int layer = study.plan.thickness_layer - 1;
  Specimen here = specimen;
  double& nominal = here.state.layers[std::size_t(layer)].thickness;
  const double moved = thickness - nominal;
  nominal = thickness;
  prepare(study.planned_fit(), here);  // sublayers are whole cells of this thickness
  const std::size_t first = std::size_t(here.layers[std::size_t(layer)].front());
  Planned result;
  result.parameters = unknowns_of(study.planned_fit(), here).parameters;
  for (Parameter& p : result.parameters)
    if (is_thickness(p) && p.direction.thickness[first] != 0) {
      p.lower += moved;
      p.upper += moved;
      if (p.lower <= 0)
        throw Error(ErrorKind::study,
                    "plan: at a thickness of " + number_text(thickness) + " Å the range of " +
                        p.name + " moves to " + number_text(p.lower) +
                        " Å; a thickness is above 0, narrow fit.thickness_A.range");
    }
  const double semiangle = here.state.semiangle;
  const double g = *std::max_element(study.plan.g_max_invA.begin(), study.plan.g_max_invA.end());
  const auto engine =
      std::make_shared<const Engine>(make_engine(here.state, disks, study.engine).engine);
  result.model =
      std::make_unique<ForwardModel>(here.state, engine, disks, result.parameters, semiangle,
                                     fit_aperture_degree(study.fit, here.state, g));
  return result;
}

bool is_tilt(const Parameter& p) { return !p.direction.beam_tilt.isZero(0); }

// True values at a tilt (added to the beam's) for state number `s`: 0 has the specimen's own, the
// others random ones; tilt and thicknesses are not random, since they are axes of the plan.
Eigen::VectorXd true_values(const std::vector<Parameter>& parameters, const Vec2& tilt, int s,
                            int seed) {
  std::mt19937_64 random(std::uint64_t(seed) * 1000003u + std::uint64_t(s));
  Eigen::VectorXd values(long(parameters.size()));
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const Parameter& p = parameters[k];
    double& value = values[long(k)];
    value = p.nominal;
    if (is_tilt(p))
      value += 1e3 * tilt.dot(p.direction.beam_tilt.normalized());
    else if (s > 0 && !is_thickness(p))
      value = p.lower + (p.upper - p.lower) * double(random() >> 11) * 0x1p-53;
    if (!(value >= p.lower && value <= p.upper))
      throw Error(ErrorKind::study, "plan: the true " + p.name + " = " + number_text(value) + " " +
                                        p.unit + " is not in the range that is fitted, " +
                                        number_text(p.lower) + " to " + number_text(p.upper));
  }
  return values;
}

// Everything found for one true state: per (dose, set of disks) the errors, separation and values
// of the nearest other state; then the biases.
struct Row {
  long parameters, combinations, effects;
  std::vector<double> values;
  Row(long n, long c, long e)
      : parameters(n), combinations(c), effects(e), values(std::size_t(c * (2 * n + 1) + e * n)) {}
  double& error(long c, long k) { return values[std::size_t(c * (2 * parameters + 1) + k)]; }
  double& confusable(long c, long k) { return error(c, parameters + k); }
  double& separation(long c) { return error(c, 2 * parameters); }
  double& bias(long e, long k) {
    return values[std::size_t(combinations * (2 * parameters + 1) + e * parameters + k)];
  }
};

double median_known(std::vector<double> values) {
  values.erase(std::remove_if(values.begin(), values.end(), [](double x) { return std::isnan(x); }),
               values.end());
  return median(std::move(values));
}

}  // namespace

FitStudy PlanStudy::planned_fit() const {
  FitStudy result;
  result.crystals = crystals;
  result.specimen = specimen;
  result.beam = beam;
  result.engine = engine;
  result.fit = fit;
  return result;
}

PlanStudy PlanStudy::example(const std::string& data) {
  const FitStudy fitted = FitStudy::example(data);
  PlanStudy study;
  study.crystals = fitted.crystals;
  study.specimen = fitted.specimen;
  study.beam = fitted.beam;
  study.fit = fitted.fit;
  study.plan.doses = {1e4, 1e5};
  TiltLineOptions line;
  line.to_mrad = Vec2(4, 0);
  line.points = 5;
  study.plan.tilt_line = line;
  return study;
}

void PlanStudy::check(Problems& problems) const {
  planned_fit().check(problems);
  const NoiseOptions& noise = fit.noise;
  if (noise.loss != Loss::squares)
    problems.add("fit.noise.loss", "a plan predicts the errors of least squares: squares");
  if (noise.estimate_model_error)
    problems.add("fit.noise.estimate_model_error",
                 "a plan has no data to estimate from; give "
                 "model_error");
  if (noise.kind == Noise::gaussian && !plan.variance)
    problems.add("fit.noise", "gaussian noise of a plan needs plan.variance");
  if (noise.kind != Noise::gaussian && plan.variance)
    problems.add("plan.variance", "has no effect without fit.noise: gaussian");
  if (fit.background && fit.background->per_ring)
    problems.add("fit.background.per_ring", "a plan has one background level");
  if (plan.thickness_layer > int(specimen.layers.size()))
    problems.add("plan.thickness_layer",
                 "is " + std::to_string(plan.thickness_layer) + "; allowed: 1 to " +
                     std::to_string(specimen.layers.size()) + ", the number of layers");
  check_series("plan", plan.thicknesses_A, plan.thickness_series, plan.tilts_mrad, plan.tilt_grid,
               plan.tilt_line, problems);
  const bool tilted = plan.tilts_mrad || plan.tilt_grid || plan.tilt_line;
  if (tilted && !fit.beam_tilt_mrad)
    problems.add("plan", "true tilts are given, so fit.beam_tilt_mrad is needed");
  for (const double g : plan.g_max_invA)
    if (g > engine.g_max_invA)
      problems.add("plan.g_max_invA", "holds " + number_text(g) + "; the engine has beams up to " +
                                          number_text(engine.g_max_invA) +
                                          " 1/Å (engine.g_max_invA)");
  const Nuisance nuisance = fit_options(fit).nuisance;
  if (nuisance.scale_lower > 1 || nuisance.scale_upper < 1)
    problems.add("fit.scale.range", "does not hold 1, the true scale of a plan");
  if (plan.background < nuisance.background_lower || plan.background > nuisance.background_upper)
    problems.add("plan.background", "is " + number_text(plan.background) +
                                        "; fit.background allows " +
                                        number_text(nuisance.background_lower) + " to " +
                                        number_text(nuisance.background_upper));
  if (!problems.list().empty()) return;
  for (const auto& [name, settings] : plan.bias) try {
      if (settings.empty()) problems.add("plan.bias." + name, "changes nothing; name a key=value");
      changed(*this, settings);
    } catch (const Error& error) {
      problems.add("plan.bias." + name, error.what());
    }
}

void PlanStudy::run(RunContext& context) const {
  const Specimen specimen = build_specimen(crystals, this->specimen, beam, engine);
  for (const std::string& file : specimen.files) context.provenance.add_input(file);
  struct Effect {
    std::string name;
    PlanStudy study;
    Specimen specimen;
  };
  std::vector<Effect> effects;
  for (const auto& [name, settings] : plan.bias) {
    PlanStudy other = changed(*this, settings);
    Specimen its = build_specimen(other.crystals, other.specimen, other.beam, other.engine);
    for (const std::string& file : its.files)
      if (std::find(specimen.files.begin(), specimen.files.end(), file) == specimen.files.end())
        context.provenance.add_input(file);
    effects.push_back({name, std::move(other), std::move(its)});
  }
  const std::vector<double> thicknesses = planned_thicknesses(*this, specimen.state);
  const std::vector<Vec2> tilts = tilts_of(plan.tilts_mrad, plan.tilt_grid, plan.tilt_line);
  const double g_max = *std::max_element(plan.g_max_invA.begin(), plan.g_max_invA.end());
  const std::vector<Hkl> disks =
      DirectionEngines(specimen.state, engine, {Vec2::Zero()}, {g_max, {}}, true).beams().hkl;
  std::vector<double> g;  // 1/Å, of every disk
  const OrientedCrystal& first =
      specimen.state.crystals[std::size_t(specimen.state.layers[0].crystal)];
  for (const Hkl& hkl : disks) g.push_back(first.crystal.cell.g(hkl).v.norm());
  const std::vector<Parameter> parameters =
      planned(*this, specimen, disks, thicknesses[0]).parameters;
  const std::size_t n = parameters.size(), sets = plan.g_max_invA.size(),
                    combinations = plan.doses.size() * sets, states = std::size_t(plan.states);

  context.say(specimen_summary(specimen));
  context.say(engine_summary(specimen.state, engine));
  std::vector<std::string> names;
  for (const Parameter& p : parameters) names.push_back(p.name);
  context.say("plan: " + std::to_string(thicknesses.size()) + " thicknesses, " +
              std::to_string(tilts.size()) + " tilts, " + std::to_string(states) + " states, " +
              std::to_string(plan.doses.size()) + " doses, " + std::to_string(disks.size()) +
              " disks; " + joined(names));
  for (const Vec2& tilt : tilts) true_values(parameters, tilt, 0, plan.seed);
  if (!context.begin()) return;

  const std::size_t per_thickness = tilts.size() * states;
  std::vector<Row> rows(thicknesses.size() * per_thickness,
                        Row(long(n), long(combinations), long(effects.size())));
  Checkpoint checkpoint(context.partial(), context.fingerprint(), rows[0].values.size(),
                        context.resume);
  for (const auto& [index, values] : checkpoint.rows()) rows[index].values = values;
  const FitOptions options = fit_options(fit);
  const NoiseModel noise = noise_model(fit.noise);
  std::vector<Eigen::VectorXd> truths(rows.size());
  Progress progress("plan", long(rows.size()), context.quiet);
  for (std::size_t t = 0; t < thicknesses.size(); ++t) {
    const Planned here = planned(*this, specimen, disks, thicknesses[t]);
    std::vector<std::size_t> missing;
    for (std::size_t i = t * per_thickness; i < (t + 1) * per_thickness; ++i) {
      truths[i] = true_values(here.parameters, tilts[i % per_thickness / states], int(i % states),
                              plan.seed);
      if (!checkpoint.rows().count(i)) missing.push_back(i);
    }
    progress.advance(long(per_thickness - missing.size()));
    if (missing.empty()) continue;
    std::vector<Planned> others;
    for (const Effect& effect : effects) {
      // a thickness that the effect itself changes stays as different as it is
      const std::size_t layer = std::size_t(plan.thickness_layer - 1);
      const double moved =
          effect.specimen.state.layers[layer].thickness - specimen.state.layers[layer].thickness;
      others.push_back(planned(effect.study, effect.specimen, disks, thicknesses[t] + moved));
      if (others.back().parameters.size() != n)
        throw Error(ErrorKind::study, "plan.bias." + effect.name +
                                          ": changes what is fitted; a neglected effect may not");
    }
    std::unique_ptr<Surrogate> surrogate;
    std::unique_ptr<StartTable> table;
    const bool search = plan.ambiguity;
    if (search && fit.search.method != SearchMethod::multistart && Surrogate::can_hold(*here.model))
      surrogate = std::make_unique<Surrogate>(*here.model, fit.search.surrogate);
    const DiskModel& searched = surrogate ? static_cast<const DiskModel&>(*surrogate) : *here.model;
    if (search) table = std::make_unique<StartTable>(searched, fit.search.samples);

    parallel_for(long(missing.size()), [&](long m, int) {
      const std::size_t i = missing[std::size_t(m)];
      const Eigen::VectorXd& truth = truths[i];
      Row& row = rows[i];
      const auto measured = [&](const DiskModel& model, double electrons) {
        DiskData data = expected_data(model, truth, noise.gain * electrons, plan.background);
        data.noise = noise;
        if (plan.variance)
          data.variance = Eigen::VectorXd::Constant(data.intensity.size(), *plan.variance);
        return data;
      };
      for (std::size_t d = 0; d < plan.doses.size(); ++d)
        for (std::size_t s = 0; s < sets; ++s) {
          const long c = long(d * sets + s);
          const auto recorded = [&](DiskData data) {
            for (std::size_t j = 0; j < disks.size(); ++j)
              if (g[j] > plan.g_max_invA[s] + 1e-9) data.intensity[long(j)] = nan;
            return data;
          };
          const Eigen::VectorXd errors =
              predicted_errors(*here.model, recorded(measured(*here.model, plan.doses[d])), truth,
                               plan.background, options.nuisance);
          Confusable other{nan, Eigen::VectorXd::Constant(long(n), nan)};
          if (search)
            other = nearest_confusable(searched, *table,
                                       recorded(measured(searched, plan.doses[d])), truth, options);
          for (long k = 0; k < long(n); ++k) {
            row.error(c, k) = errors[k];
            row.confusable(c, k) = other.values[k];
          }
          row.separation(c) = other.separation;
        }
      for (std::size_t e = 0; e < effects.size(); ++e) {
        const Eigen::VectorXd shift =
            fitted_bias(*here.model, measured(*others[e].model, plan.doses.back()), truth, options);
        for (long k = 0; k < long(n); ++k) row.bias(long(e), k) = shift[k];
      }
      checkpoint.append(i, row.values);
      progress.advance();
    });
  }

  EmdWriter result("pendel");
  std::vector<EmdAxis> state_axes = {{"thickness", "Å", thicknesses},
                                     index_axis("tilt", tilts.size()),
                                     index_axis("state", states)},
                       all_axes = state_axes;
  all_axes.push_back({"dose", "electrons", plan.doses});
  all_axes.push_back({"g_max", "1/Å", plan.g_max_invA});
  const auto shape = [](const std::vector<EmdAxis>& axes) {
    std::vector<std::size_t> lengths;
    for (const EmdAxis& axis : axes) lengths.push_back(axis.values.size());
    return lengths;
  };
  const auto per_combination = [&](const std::string& name, const std::string& unit,
                                   const std::string& note, auto value) {
    Array array(shape(all_axes));
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::size_t c = 0; c < combinations; ++c)
        array.values[i * combinations + c] = value(rows[i], long(c));
    result.array(name, array, unit, all_axes, note);
  };
  for (long k = 0; k < long(n); ++k) {
    const Parameter& p = parameters[std::size_t(k)];
    per_combination("errors/" + p.name, p.unit,
                    "Cramér-Rao limit of the standard error; NaN: "
                    "not determined",
                    [k](Row& row, long c) { return row.error(c, k); });
    if (plan.ambiguity)
      per_combination("confusable/" + p.name, p.unit,
                      "value in the nearest other state that fits; NaN: none was found",
                      [k](Row& row, long c) { return row.confusable(c, k); });
    Array truth(shape(state_axes));
    for (std::size_t i = 0; i < rows.size(); ++i) truth.values[i] = truths[i][k];
    result.array("truth/" + p.name, truth, p.unit, state_axes, "true value");
    for (std::size_t e = 0; e < effects.size(); ++e) {
      Array bias(shape(state_axes));
      for (std::size_t i = 0; i < rows.size(); ++i) bias.values[i] = rows[i].bias(long(e), k);
      result.array("bias_" + effects[e].name + "/" + p.name, bias, p.unit, state_axes,
                   "fitted minus true value if this effect is neglected");
    }
  }
  if (plan.ambiguity)
    per_combination("separation", "",
                    "standard deviations between the true and the nearest other state that fits; "
                    "NaN: none was found",
                    [](Row& row, long c) { return row.separation(c); });
  Array tilt_table({tilts.size(), 2});
  for (std::size_t i = 0; i < tilts.size(); ++i)
    for (int axis = 0; axis < 2; ++axis)
      tilt_table(i, std::size_t(axis)) = (specimen.state.beam_tilt[axis] + tilts[i][axis]) * 1e3;
  result.array("beam_tilt", tilt_table, "mrad",
               {index_axis("tilt", tilts.size()), index_axis("component", 2)},
               "direction of the incident beam, lab x and y, the crystal fixed");
  EmdDictionary settings;
  for (const auto& [name, list] : plan.bias) settings.emplace_back(name, list);
  if (!settings.empty()) result.metadata("bias", settings);
  context.save(result);
  Checkpoint::remove(context.partial());

  for (std::size_t c = 0; c < combinations; ++c) {
    std::string line = number_text(plan.doses[c / sets]) +
                       " electrons, |g| <= " + number_text(plan.g_max_invA[c % sets]) +
                       " 1/Å: median error";
    char part[160];
    for (long k = 0; k < long(n); ++k) {
      std::vector<double> values;
      for (Row& row : rows) values.push_back(row.error(long(c), k));
      const Parameter& p = parameters[std::size_t(k)];
      std::snprintf(part, sizeof part, "%s %s %.2g", k ? "," : "", p.name.c_str(),
                    median_known(values));
      line += part + (p.unit.empty() ? "" : " " + p.unit);
    }
    if (plan.ambiguity) {
      constexpr double confused = 5;  // standard deviations
      std::size_t close = 0;
      for (Row& row : rows) close += row.separation(long(c)) < confused;
      std::snprintf(part, sizeof part, "; %zu of %zu states have another within 5 σ", close,
                    rows.size());
      line += part;
    }
    context.say(line);
  }
  for (std::size_t e = 0; e < effects.size(); ++e) {
    std::string line = "neglecting " + effects[e].name + " moves (rms)";
    for (long k = 0; k < long(n); ++k) {
      double square = 0;
      for (Row& row : rows) square += std::pow(row.bias(long(e), k), 2);
      char part[120];
      std::snprintf(part, sizeof part, "%s %s by %.2g", k ? "," : "",
                    parameters[std::size_t(k)].name.c_str(),
                    std::sqrt(square / double(rows.size())));
      const std::string& unit = parameters[std::size_t(k)].unit;
      line += part + (unit.empty() ? "" : " " + unit);
    }
    context.say(line);
  }
}

}  // namespace pendel

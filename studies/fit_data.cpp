#include "studies/fit_data.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.hpp"
#include "core/median.hpp"
#include "sim/beams.hpp"
#include "studies/engine.hpp"
#include "studies/fit_parameters.hpp"

namespace pendel {

namespace {

Vec3 lab_g(const State& state, const Hkl& hkl) {
  const OrientedCrystal& first = state.crystals[state.layers.front().crystal];
  return first.R_lab_crystal * first.crystal.g(hkl).v;
}

bool zone_only(const State& state, const EngineOptions& engine) {
  return engine_kind(state, engine) == EngineKind::splitstep || state.crystals.size() > 1;
}

/// All that the engine has within g_max [1/Å].
std::vector<Hkl> beams_within(const State& state, const EngineOptions& engine, double g_max) {
  std::vector<Hkl> found = engine_kind(state, engine) == EngineKind::splitstep
                               ? zone_beams(state, g_max).hkl
                               : beam_list(state, engine, {Vec2::Zero()}).hkl;
  const auto beyond = [&](const Hkl& hkl) { return lab_g(state, hkl).norm() > g_max; };
  found.erase(std::remove_if(found.begin(), found.end(), beyond), found.end());
  return found;
}

/// The ring of every disk: rings are numbered by increasing |g|.
std::vector<int> rings_of(const State& state, const std::vector<Hkl>& disks) {
  constexpr double same = 1e-3;  // 1/Å
  std::vector<double> radii, rings;
  for (const Hkl& hkl : disks) radii.push_back(lab_g(state, hkl).norm());
  std::vector<double> sorted = radii;
  std::sort(sorted.begin(), sorted.end());
  for (const double r : sorted)
    if (rings.empty() || r > rings.back() + same) rings.push_back(r);
  std::vector<int> result;
  for (const double r : radii)
    result.push_back(int(std::upper_bound(rings.begin(), rings.end(), r) - rings.begin()) - 1);
  return result;
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
  return median(std::move(ratios));
}

/// The models of the tilts of a series, behind each other; one is itself.
std::shared_ptr<const DiskModel> series_of(
    const std::vector<std::shared_ptr<const DiskModel>>& tilts) {
  if (tilts.size() == 1) return tilts.front();
  std::vector<ModelSet> sets;
  for (const auto& model : tilts) sets.push_back({model, 1, std::nullopt, {}});
  return std::make_shared<JointModel>(std::move(sets), std::vector<Parameter>(), 1);
}

std::shared_ptr<const DiskModel> series_of(const std::vector<ForwardModel>& tilts) {
  std::vector<std::shared_ptr<const DiskModel>> models;
  for (const ForwardModel& model : tilts) models.push_back(std::make_shared<ForwardModel>(model));
  return series_of(models);
}

void check_counts(const DiskScan& scan, const DataOptions& data) {
  for (const double value : scan.intensity.values)
    if (value < 0)
      throw Error(ErrorKind::input, data.file.path + ": " + data.intensity + ": holds " +
                                        number_text(value) +
                                        "; counts (fit.noise: poisson) are at least 0");
}

}  // namespace

FitData::FitData(const FitStudy& study, const Specimen& specimen,
                 const std::vector<Parameter>& parameters)
    : study_(study), layers_(specimen.layers) {
  const State& base = specimen.state;
  std::vector<DiskScan> scans;
  for (const DataOptions& options : study.data) {
    Set set;
    set.options = &options;
    set.energy_keV = options.energy_keV.value_or(study.beam.energy_keV);
    if (options.semiangle_mrad)
      set.semiangle_offset = (*options.semiangle_mrad - study.beam.semiangle_mrad) * 1e-3;
    const State state = state_of(set, base);
    for (const Layer& layer : state.layers)
      if (!(layer.thickness > 0))
        throw Error(ErrorKind::study, "data.thickness_offset_A: a layer would be " +
                                          number_text(layer.thickness) + " Å thick");
    if (options.pixels) {
      read_pixels(set, base, parameters);
    } else {
      set.scan =
          read_disk_scan(options, state, study.engine.g_max_invA, zone_only(state, study.engine));
      set.disks = set.scan.hkl;
      set.beams.assign(set.disks.begin(),
                       set.disks.begin() + long(set.disks.size() / set.scan.tilts));
      if (!set.scan.tilt_mrad.empty()) {
        set.tilts.clear();
        for (std::size_t t = 0; t < set.scan.tilts; ++t)
          set.tilts.push_back(set.scan.tilt_mrad[t * set.beams.size()] * 1e-3);
      }
      set.engines = engines_of(set, base, study.engine);
    }
    double g = 0;
    for (const Hkl& hkl : set.beams) g = std::max(g, lab_g(state, hkl).norm());
    set.degree = fit_aperture_degree(study.fit, state, g);
    if (study.fit.noise.kind == Noise::poisson) check_counts(set.scan, options);
    set.directions = forward(set, base, parameters, set.engines).front().aperture().offsets.size();
    estimate_dose(set, base, parameters);
    scans.push_back(set.scan);
    sets_.push_back(std::move(set));
  }
  scan_ = joined(scans, study.data);
  name_levels(base);
}

bool FitData::has_pixels() const {
  return std::any_of(sets_.begin(), sets_.end(), [](const Set& set) { return !!set.pixels; });
}

State FitData::state_of(const Set& set, const State& base, std::size_t tilt) const {
  State state = base;
  state.energy_keV = set.energy_keV;
  state.beam_tilt += set.tilts[tilt];
  if (set.options->tilt_offset_mrad) state.beam_tilt += *set.options->tilt_offset_mrad * 1e-3;
  state.semiangle += set.semiangle_offset;
  for (std::size_t i = 0; i < set.options->thickness_offset_A.size(); ++i) {
    double thickness = 0;
    for (const int layer : layers_[i]) thickness += state.layers[std::size_t(layer)].thickness;
    for (const int layer : layers_[i])  // sublayers share it in proportion
      state.layers[std::size_t(layer)].thickness *=
          1 + set.options->thickness_offset_A[i] / thickness;
  }
  return state;
}

std::vector<std::shared_ptr<const Engine>> FitData::engines_of(const Set& set, const State& base,
                                                               const EngineOptions& options) const {
  std::vector<std::shared_ptr<const Engine>> engines;
  for (std::size_t t = 0; t < set.tilts.size(); ++t)
    engines.push_back(std::make_shared<const Engine>(
        make_engine(state_of(set, base, t), set.beams, options).engine));
  return engines;
}

std::vector<ForwardModel> FitData::forward(
    const Set& set, const State& base, const std::vector<Parameter>& parameters,
    const std::vector<std::shared_ptr<const Engine>>& engines) const {
  // A parameter keeps its nominal value: what the set's state differs by from the base stays.
  std::vector<ForwardModel> models;
  for (std::size_t t = 0; t < set.tilts.size(); ++t) {
    const State state = state_of(set, base, t);
    models.emplace_back(state, engines[t], set.beams, parameters, state.semiangle, set.degree);
  }
  return models;
}

void FitData::read_pixels(Set& set, const State& base, const std::vector<Parameter>& parameters) {
  const DataOptions& options = *set.options;
  const DiskPixelOptions& pixels = *options.pixels;
  const State state = state_of(set, base);
  const Detector detector = read_detector(options, set.energy_keV);
  const ProbeTemplate probe = read_template(options, detector, state.semiangle);
  set.radius = template_radius(probe, detector, set.energy_keV);
  set.disks = beams_within(state, study_.engine, pixels.g_max_invA);
  if (set.disks.empty())
    throw Error(ErrorKind::study, "data.pixels.g_max_invA: there is no beam within " +
                                      number_text(pixels.g_max_invA) + " 1/Å");
  set.beams = set.disks;
  set.engines = engines_of(set, base, study_.engine);
  const EngineCurves curves(forward(set, base, parameters, set.engines).front());
  set.interpolation =
      interpolation_degree(curves, set.radius, pixels.tolerance, pixels.most_directions);

  const auto transverse = [&](const Hkl& hkl) { return Vec2(lab_g(state, hkl).head<2>()); };
  std::vector<Vec2> g, others;
  for (const Hkl& hkl : set.disks) g.push_back(transverse(hkl));
  const double reach = pixels.g_max_invA + 2 * set.radius / electron::wavelength(set.energy_keV);
  for (const Hkl& hkl :
       beams_within(state, study_.engine, std::min(reach, study_.engine.g_max_invA)))
    if (std::find(set.disks.begin(), set.disks.end(), hkl) == set.disks.end())
      others.push_back(transverse(hkl));
  set.pixels = std::make_shared<const DiskPixels>(
      disk_pixels(detector, set.energy_keV, probe, g, others, set.interpolation.degree));
  set.scan = read_pixel_scan(options, *set.pixels, set.disks);
}

void FitData::estimate_dose(Set& set, const State& base,
                            const std::vector<Parameter>& parameters) const {
  if (set.options->dose) {
    set.dose = *set.options->dose;
    return;
  }
  Eigen::VectorXd nominal(long(parameters.size())), intensity;
  for (long i = 0; i < nominal.size(); ++i) nominal[i] = parameters[std::size_t(i)].nominal;
  const std::vector<ForwardModel> models = forward(set, base, parameters, set.engines);
  if (set.pixels)
    CbedModel(std::make_shared<EngineCurves>(models.front()), set.pixels)
        .evaluate(nominal.data(), intensity, nullptr);
  else
    series_of(models)->evaluate(nominal.data(), intensity, nullptr);
  set.dose = estimated_dose(set.scan, intensity);
}

// One constant background of one set of disks is the fit's own; others are parameters.
void FitData::name_levels(const State& base) {
  const auto& background = study_.fit.background;
  if (!background || (sets_.size() == 1 && !background->per_ring && !has_pixels())) return;
  for (std::size_t k = 0; k < sets_.size(); ++k) {
    const Set& set = sets_[k];
    const std::vector<int> rings =
        background->per_ring ? rings_of(base, set.disks) : std::vector<int>(set.disks.size(), 0);
    const int first = int(levels_.size());
    const int count = *std::max_element(rings.begin(), rings.end()) + 1;
    for (int ring = 0; ring < count; ++ring) {
      Parameter level;
      level.name = "background";
      if (sets_.size() > 1) level.name += ".set" + std::to_string(k + 1);
      if (background->per_ring) level.name += ".ring" + std::to_string(ring + 1);
      level.unit = scan_.units;
      level.lower = background->range[0];
      level.upper = background->range[1];
      level.nominal = std::clamp(0.0, level.lower, level.upper);
      level.linear = true;
      levels_.push_back(level);
    }
    level_of_disk_.emplace_back();
    for (const int ring : rings) level_of_disk_.back().push_back(first + ring);
  }
}

std::vector<DiskData> FitData::positions() const {
  std::vector<DiskData> data(scan_.positions());
  const long width = long(scan_.disks());
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto row = [&](const Array& array) {
      return Eigen::Map<const Eigen::VectorXd>(&array.values[i * std::size_t(width)], width);
    };
    data[i].intensity = row(scan_.intensity);
    if (scan_.variance.size() > 0) data[i].variance = row(scan_.variance);
    data[i].noise = noise_model(study_.fit.noise);
    data[i].dose = dose();
  }
  return data;
}

// A disk's pixels, summed and divided by the share of the disk that they are: comparable with the
// mean over the whole aperture. A disk with a missing pixel is missing.
std::vector<DiskData> FitData::coarse_positions() const {
  if (!has_pixels()) return {};
  std::vector<DiskData> data = positions();
  for (DiskData& position : data) {
    std::vector<double> intensity, variance;
    const bool has_variance = position.variance.size() > 0;
    long at = 0;
    for (const Set& set : sets_)
      for (std::size_t d = 0; d < set.disks.size(); ++d) {
        const int count = set.pixels ? set.pixels->first[d + 1] - set.pixels->first[d] : 1;
        const double share = set.pixels ? set.pixels->share[d] : 1;
        intensity.push_back(position.intensity.segment(at, count).sum() / share);
        if (has_variance)
          variance.push_back(position.variance.segment(at, count).sum() / (share * share));
        at += count;
      }
    position.intensity = Eigen::Map<Eigen::VectorXd>(intensity.data(), long(intensity.size()));
    if (has_variance)
      position.variance = Eigen::Map<Eigen::VectorXd>(variance.data(), long(variance.size()));
  }
  return data;
}

Nuisance FitData::nuisance() const {
  Nuisance nuisance = fit_options(study_.fit).nuisance;
  if (!levels_.empty()) nuisance.background_lower = nuisance.background_upper = 0;
  return nuisance;
}

std::shared_ptr<const DiskModel> FitData::joint(
    const std::vector<std::shared_ptr<const DiskModel>>& models, bool coarse) const {
  if (models.size() == 1 && levels_.empty()) return models.front();
  std::vector<ModelSet> sets;
  for (std::size_t k = 0; k < sets_.size(); ++k) {
    const Set& set = sets_[k];
    ModelSet one;
    one.model = models[k];
    one.dose = set.dose / dose();
    if (k > 0 && study_.fit.scale) {
      Parameter scale;
      scale.name = "scale.set" + std::to_string(k + 1);
      scale.unit = "";
      scale.lower = study_.fit.scale->range[0];
      scale.upper = study_.fit.scale->range[1];
      scale.nominal = 1;
      scale.linear = true;
      one.scale = scale;
    }
    if (!levels_.empty())
      for (std::size_t d = 0; d < set.disks.size(); ++d) {
        const int level = level_of_disk_[k][d];
        const int pixels = set.pixels ? set.pixels->first[d + 1] - set.pixels->first[d] : 1;
        if (coarse)
          one.levels.push_back({level, set.pixels ? pixels / set.pixels->share[d] : 1});
        else
          one.levels.insert(one.levels.end(), std::size_t(pixels), {level, 1});
      }
    sets.push_back(std::move(one));
  }
  return std::make_shared<JointModel>(std::move(sets), levels_, 1 / dose());
}

FitModels FitData::models(const State& base, const std::vector<Parameter>& parameters,
                          bool surrogate) const {
  FitModels result;
  const SurrogateOptions& options = study_.fit.search.surrogate;
  const auto of_disks = [&](const ForwardModel& model) -> std::shared_ptr<const DiskModel> {
    if (!surrogate) return std::make_shared<ForwardModel>(model);
    const auto made = std::make_shared<Surrogate>(model, options);
    result.certificates.push_back(made->certificate());
    return made;
  };
  const auto curves = [&](const ForwardModel& model,
                          double radius) -> std::shared_ptr<const RockingCurves> {
    if (!surrogate || !SurrogateCurves::can_hold(model))
      return std::make_shared<EngineCurves>(model);
    const auto made = std::make_shared<SurrogateCurves>(model, radius, options);
    result.certificates.push_back(made->certificate());
    return made;
  };
  std::vector<std::shared_ptr<const DiskModel>> fine, coarse;
  if (surrogate) result.engine = models(base, parameters, false).model;
  for (const Set& set : sets_) {
    const std::vector<ForwardModel> tilts = forward(set, base, parameters, set.engines);
    std::vector<std::shared_ptr<const DiskModel>> of_tilts;
    for (const ForwardModel& model : tilts) of_tilts.push_back(of_disks(model));
    coarse.push_back(series_of(of_tilts));
    fine.push_back(set.pixels
                       ? std::make_shared<CbedModel>(curves(tilts.front(), set.radius), set.pixels)
                       : coarse.back());
  }
  result.model = joint(fine, false);
  if (has_pixels()) result.coarse = joint(coarse, true);
  return result;
}

bool FitData::surrogate_can_hold(const State& base,
                                 const std::vector<Parameter>& parameters) const {
  return std::all_of(sets_.begin(), sets_.end(), [&](const Set& set) {
    return Surrogate::can_hold(forward(set, base, parameters, set.engines).front());
  });
}

std::shared_ptr<const DiskModel> FitData::model_of(const State& base,
                                                   const std::vector<Parameter>& parameters,
                                                   const EngineOptions& engine) const {
  std::vector<std::shared_ptr<const DiskModel>> models;
  for (const Set& set : sets_) {
    const std::vector<ForwardModel> tilts =
        forward(set, base, parameters, engines_of(set, base, engine));
    if (set.pixels)
      models.push_back(
          std::make_shared<CbedModel>(std::make_shared<EngineCurves>(tilts.front()), set.pixels));
    else
      models.push_back(series_of(tilts));
  }
  return joint(models, false);
}

std::vector<std::string> FitData::summary() const {
  std::vector<std::string> lines;
  for (std::size_t k = 0; k < sets_.size(); ++k) {
    const Set& set = sets_[k];
    char text[200];
    std::string line = sets_.size() > 1 ? "set " + std::to_string(k + 1) + ": " : "data: ";
    line += std::to_string(set.beams.size()) + " disks";
    if (set.tilts.size() > 1) line += " at " + std::to_string(set.tilts.size()) + " tilts";
    if (set.pixels) {
      std::snprintf(text, sizeof text,
                    ", %zu pixels in them (%zu left out where disks overlap), interpolated between "
                    "%zu directions in the aperture: Σ|ΔI|/ΣI <= %.2g",
                    set.pixels->pixels.size(), set.pixels->overlapping, set.pixels->nodes.size(),
                    set.interpolation.error);
      line += text;
    } else {
      line += ", " + std::to_string(set.directions) + " directions in the aperture";
    }
    std::snprintf(text, sizeof text, "; dose %.4g%s", set.dose,
                  set.options->dose ? "" : " (estimated)");
    lines.push_back(line + text);
  }
  return lines;
}

}  // namespace pendel

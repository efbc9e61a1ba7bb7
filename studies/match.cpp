#include "studies/match.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <set>

#include "acom/ang.hpp"
#include "acom/ctf.hpp"
#include "acom/dynamical_ranking.hpp"
#include "acom/joint_calibration.hpp"
#include "acom/library_file.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/text.hpp"
#include "crystal/point_group.hpp"
#include "io/checkpoint.hpp"
#include "studies/hand_over.hpp"
#include "studies/match_result.hpp"

namespace pendel {

namespace {

constexpr double degree = electron::pi / 180;

/// Patterns to rank candidates by, of each phase.
class DynamicalRanking {
 public:
  DynamicalRanking(const MatchDynamicalOptions& keys, const std::vector<PhaseLibrary>& libraries,
                   double position_tolerance, const RunContext& context) {
    options_.reach = 2 * position_tolerance;
    options_.position_error = keys.position_error_invA;
    options_.intensity_error = keys.intensity_error;
    options_.tilted = keys.tilted;
    options_.farthest = keys.farthest_mrad * 1e-3;
    for (const PhaseLibrary& library : libraries) {
      DynamicalOptions waves;
      if (const auto* once = std::get_if<SpotOptions>(&library.recipe)) {
        waves.potential.table = once->table;
        waves.precession = once->precession;
      } else {
        waves = std::get<DynamicalRecipe>(library.recipe).options;
      }
      waves.potential.absorption = keys.absorption;
      waves.potential.proportional_absorption = keys.proportional_absorption;
      waves.g_max = library.g_max;
      waves.tolerance = keys.tolerance;
      std::vector<Mat3> orientations;
      for (const Template& made : library.templates) orientations.push_back(made.R_lab_crystal);
      patterns_.push_back(std::make_unique<DynamicalPatterns>(
          library.crystal, library.energy_keV, waves, keys.thicknesses(), orientations));
      each_.push_back(patterns_.back().get());
      const BeamLimits& limits = each_.back()->limits();
      context.say(
          formatted("ranking of %s by Bloch waves: reach %.3g and |g| below %.2f 1/Å for a "
                    "tolerance of %g",
                    library.name.c_str(), limits.strong, limits.g_max, keys.tolerance));
    }
  }

  PatternMatch ranked(const Matcher& matcher, PatternMatch match,
                      const std::vector<PeakVector>& peaks) const {
    return matcher.reranked(std::move(match), peaks, each_, options_);
  }

 private:
  DynamicalRankingOptions options_;
  std::vector<std::unique_ptr<DynamicalPatterns>> patterns_;
  std::vector<const DynamicalPatterns*> each_;
};

/// A position as a row of a checkpoint, and back.
class Rows {
 public:
  Rows(std::size_t solutions, std::size_t overlapping, std::size_t phases)
      : most_(solutions + overlapping), phases_(phases) {}
  std::size_t width() const { return head + phases_ + most_ * each; }

  std::vector<double> row(const MapPosition& at) const {
    std::vector<double> row{double(at.flags),
                            double(at.peaks),
                            at.reliability,
                            at.phase_reliability,
                            double(at.solutions.size()),
                            double(at.overlapping.size())};
    row.resize(width(), OrientationSolution::not_known);
    std::copy(at.phase_probability.begin(), at.phase_probability.end(), row.begin() + head);
    double* to = row.data() + head + phases_;
    for (const auto* list : {&at.solutions, &at.overlapping})
      for (const OrientationSolution& s : *list) {
        *to++ = s.phase;
        to = std::copy(s.R_lab_crystal.data(), s.R_lab_crystal.data() + 9, to);
        for (const double value : {s.score, double(s.peaks_used), s.residual_invA, s.error_deg,
                                   s.thickness_A, s.share, s.thickness_error_A, s.dynamical_misfit})
          *to++ = value;
      }
    return row;
  }
  MapPosition position(const std::vector<double>& row) const {
    MapPosition at;
    at.flags = unsigned(row[0]);
    at.peaks = int(row[1]);
    at.reliability = row[2];
    at.phase_reliability = row[3];
    at.solutions.resize(std::size_t(row[4]));
    at.overlapping.resize(std::size_t(row[5]));
    const double* from = row.data() + head;
    if (std::isfinite(*from)) at.phase_probability.assign(from, from + phases_);
    from += phases_;
    for (auto* list : {&at.solutions, &at.overlapping})
      for (OrientationSolution& s : *list) {
        s.phase = int(from[0]);
        std::copy(from + 1, from + 10, s.R_lab_crystal.data());
        s.score = from[10];
        s.peaks_used = int(from[11]);
        s.residual_invA = from[12];
        s.error_deg = from[13];
        s.thickness_A = from[14];
        s.share = from[15];
        s.thickness_error_A = from[16];
        s.dynamical_misfit = from[17];
        from += each;
      }
    return at;
  }

 private:
  static constexpr std::size_t head = 6, each = 18;
  std::size_t most_, phases_;
};

using Patterns = std::vector<std::vector<PeakVector>>;

/// What the crystals of some positions, evenly chosen, say of the calibration.
JointCalibration calibrated(const JointOptions& options, const OrientationMap& whole,
                            const std::vector<PhaseLibrary>& libraries, const Matcher& matcher,
                            const Patterns& patterns, RunContext& context) {
  OrientationMap some;
  some.phases = whole.phases;
  some.rows = 1;
  some.columns = std::min<std::size_t>(400, whole.positions());
  JointCalibrationOptions fit{options.scale, options.ellipse, options.origin,
                              2 * matcher.options().position_tolerance,
                              matcher.options().least_score};
  JointCalibration sum;
  for (int round = 0; round < options.rounds; ++round) {
    some.at.assign(some.columns, {});
    Patterns chosen(some.columns);
    for (std::size_t i = 0; i < some.columns; ++i)
      chosen[i] = corrected(sum, patterns[i * whole.positions() / some.columns]);
    parallel_for(long(some.columns), [&](long i, int) {
      some.at[std::size_t(i)] = map_position(matcher.match(chosen[std::size_t(i)]));
    });
    JointCalibration found = joint_calibration(some, libraries, chosen, fit);
    // the turn that a product of two stretches has in it is one of all crystals: it is left out
    const Eigen::Matrix2d product = found.matrix * sum.matrix;
    const Eigen::Matrix2d square = product.transpose() * product;
    const double root = std::sqrt(square.determinant());
    found.origin = sum.origin + sum.matrix.inverse() * found.origin;
    found.matrix =
        (square + root * Eigen::Matrix2d::Identity()) / std::sqrt(square.trace() + 2 * root);
    if (round > 0) found.residual_before = sum.residual_before;
    sum = found;
  }
  context.say(
      formatted("calibration, from %zu peaks at %zu positions: lengths × %.4f ± %.4f, "
                "ellipse %.4f along %.0f°, beam at (%.4f, %.4f) ± (%.4f, %.4f) 1/Å; median "
                "distance of peaks %.4f, before %.4f",
                sum.peaks, sum.positions, sum.scale(), 0.5 * std::hypot(sum.error[0], sum.error[1]),
                sum.ellipse_ratio(), sum.ellipse_angle_deg(), sum.origin.x(), sum.origin.y(),
                sum.error[3], sum.error[4], sum.residual_after, sum.residual_before));
  return sum;
}

void write_calibration(EmdWriter& result, const JointCalibration& c) {
  Array matrix({2, 2}), origin({2}), error({5});
  matrix.values = {c.matrix(0, 0), c.matrix(0, 1), c.matrix(1, 0), c.matrix(1, 1)};
  origin.values = {c.origin.x(), c.origin.y()};
  error.values.assign(c.error.data(), c.error.data() + 5);
  result.metadata("joint_calibration", {{"matrix", matrix},
                                        {"origin_invA", origin},
                                        {"error_xx_yy_xy_originx_originy", error},
                                        {"scale", c.scale()},
                                        {"ellipse_ratio", c.ellipse_ratio()},
                                        {"ellipse_angle_deg", c.ellipse_angle_deg()},
                                        {"positions", double(c.positions)},
                                        {"peaks", double(c.peaks)},
                                        {"median_distance_before_invA", c.residual_before},
                                        {"median_distance_after_invA", c.residual_after}});
}

int phase_named(const std::string& name, const std::vector<MapPhase>& phases) {
  std::vector<std::string> names;
  for (std::size_t p = 0; p < phases.size(); ++p) {
    if (phases[p].name == name) return int(p);
    names.push_back(phases[p].name);
  }
  throw Error(ErrorKind::study, "map.twins: phase " + unknown_name(name, names));
}

}  // namespace

MatchOptions match_options(const MatchingOptions& o) {
  MatchOptions result;
  result.position_tolerance = o.position_tolerance_invA;
  result.intensity_power = o.intensity_power;
  result.candidates = o.candidates;
  result.distinct = o.distinct_deg * degree;
  result.least_peaks = o.least_peaks;
  result.least_score = o.least_score;
  result.refine = o.refine;
  return result;
}

MatchStudy MatchStudy::example(const std::string& data) {
  MatchStudy study;
  const auto file = [&](const std::string& name) { return File{data + name, data + name}; };
  study.peaks.file = file("/scans/cathode_peaks.h5");
  TemplateLibraryOptions templates;
  templates.energy_keV = 300;
  for (const char* name : {"LiCoO2", "LiMn2O4", "Li2MnO3"})
    templates.phases[name].cif = file(std::string("/cif/") + name + ".cif");
  study.library.templates = templates;
  return study;
}

void MatchStudy::check(Problems& problems) const {
  if (library.templates) library.templates->check("library.templates", problems);
  for (std::size_t t = 0; t < map.twins.size(); ++t)
    if (map.twins[t].axis.norm() == 0)
      problems.add("map.twins." + std::to_string(t) + ".axis", "is [0, 0, 0]");
  if (match.dynamical) {
    const std::vector<double> t = match.dynamical->thicknesses();
    const std::string key =
        std::string("match.dynamical.thickness_") + (match.dynamical->thickness_A ? "A" : "series");
    if (t.size() < 2)
      problems.add(key, "has " + std::to_string(t.size()) +
                            "; to tell the thickness takes two or more, such as [100, 120, 140]");
    for (std::size_t k = 1; k < t.size(); ++k)
      if (!(t[k] > t[k - 1])) {
        problems.add(key, formatted("%g is not above %g, which is before it", t[k], t[k - 1]));
        break;
      }
  }
  if (calibration && !calibration->scale && !calibration->ellipse && !calibration->origin)
    problems.add("calibration", "nothing is to be corrected; leave it out");
}

void MatchStudy::run(RunContext& context) const {
  const BraggPeaks measured = open_peaks(peaks, context);
  context.say(peaks_summary(measured));
  std::vector<PhaseLibrary> libraries;
  std::vector<Crystal> crystals;
  if (library.file) {
    libraries = read_libraries(library.file->path);
    context.provenance.add_input(library.file->path);
    for (const PhaseLibrary& phase : libraries) crystals.push_back(phase.crystal);
  } else {
    crystals = read_phases(*library.templates, context);
  }
  OrientationMap found;
  found.rows = measured.rows;
  found.columns = measured.columns;
  if (map.step_A) found.step_A = *map.step_A;
  for (const Crystal& crystal : crystals)
    found.phases.push_back({crystal.name, crystal, point_group(crystal).name, {}});
  MapStatistics statistics;
  statistics.threshold_deg = map.grain_threshold_deg;
  for (const TwinOptions& twin : map.twins) {
    const int phase = phase_named(twin.phase, found.phases);
    statistics.twins.push_back(
        {twin.name, phase, twin_turn(crystals[std::size_t(phase)].cell, twin.axis, twin.angle_deg),
         twin.tolerance_deg});
  }
  if (!context.begin()) return;

  if (library.templates) libraries = make_libraries(*library.templates, crystals, context);
  for (std::size_t p = 0; p < libraries.size(); ++p)
    found.phases[p].symmetry =
        match.dynamical ? point_group(libraries[p].crystal).operations : libraries[p].symmetry;
  const Matcher matcher(libraries, match_options(match));
  Patterns patterns(found.positions());
  for (std::size_t i = 0; i < patterns.size(); ++i)
    patterns[i] = peak_vectors(measured, measured.calibration, i);
  std::optional<JointCalibration> joint;
  if (calibration) {
    joint = calibrated(*calibration, found, libraries, matcher, patterns, context);
    for (auto& pattern : patterns) pattern = corrected(*joint, std::move(pattern));
  }

  std::optional<DynamicalRanking> ranking;
  if (match.dynamical)
    ranking.emplace(*match.dynamical, libraries, match.position_tolerance_invA, context);

  const std::size_t above = match.overlapping > 1 ? std::size_t(match.overlapping) : 0;
  const std::size_t senses = ranking ? 2 : 1;  // of every candidate
  const Rows rows(senses * std::size_t(match.candidates) * found.phases.size(), above,
                  found.phases.size());
  context.say_what_was_left(context.partial());
  const double before = context.provenance.cpu_seconds();
  std::size_t here = 0;
  {
    Checkpoint checkpoint(context.partial(), context.fingerprint(), rows.width(), context.resume);
    found.at.resize(found.positions());
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < found.positions(); ++i) {
      const auto finished = checkpoint.rows().find(i);
      if (finished == checkpoint.rows().end())
        left.push_back(i);
      else
        found.at[i] = rows.position(finished->second);
    }
    here = left.size();
    if (here < found.positions())
      context.say("resumed: " + std::to_string(found.positions() - here) +
                  " positions were finished before");
    Progress progress("match", long(here), context.quiet);
    parallel_for(long(here), [&](long k, int) {
      const std::size_t i = left[std::size_t(k)];
      PatternMatch matched = matcher.match(patterns[i]);
      if (ranking) matched = ranking->ranked(matcher, std::move(matched), patterns[i]);
      found.at[i] = map_position(matched);
      if (above > 0 && found.at[i].indexed())
        for (const Overlapping& crystal : matcher.match_overlapping(patterns[i], int(above))) {
          found.at[i].overlapping.push_back(solution_of(crystal.match));
          found.at[i].overlapping.back().share = crystal.share;
        }
      checkpoint.append(i, rows.row(found.at[i]));
      progress.advance();
    });
  }
  const double cpu = context.provenance.cpu_seconds() - before;

  if (map.neighbours)
    choose_by_neighbours(found, {map.grain_threshold_deg, map.neighbours->most_loss});
  statistics.grains = find_grains(found, {map.grain_threshold_deg, map.least_positions});
  statistics.pairs = neighbour_pairs(found, statistics.twins, map.grain_threshold_deg);

  EmdWriter result("pendel");
  write_orientation_map(result, found);
  write_statistics(result, found, statistics);
  write_pole_figure_colours(result, found);
  write_hand_over(result, *this, context.output, found, statistics.grains, libraries, patterns);
  if (joint) write_calibration(result, *joint);
  context.save(result);
  if (map.orientation_files) {
    std::filesystem::path path(context.output);
    const CrystalFrame frame = map.orientation_files->crystal_frame;
    write_ang(path.replace_extension(".ang").string(), found, frame);
    write_ctf(path.replace_extension(".ctf").string(), found, frame);
    context.say("as .ang and .ctf, too: " + path.replace_extension("").string() + ".*");
  }
  Checkpoint::remove(context.partial());
  for (const std::string& line : map_summary(found, statistics)) context.say(line);
  context.say(formatted("%zu positions; %.2f ms CPU each, %.2f s CPU in all", found.positions(),
                        here > 0 ? 1000 * cpu / double(here) : 0,
                        context.provenance.cpu_seconds()));
}

}  // namespace pendel

#include "studies/engine.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "core/error.hpp"
#include "sim/bloch_convergence.hpp"
#include "sim/ewald.hpp"

namespace pendel {

namespace {

// Of beams beyond sg_max that are listed still: `beam_weights`.
constexpr double least_far_weight = 0.005;

bool along_a_zone(const State& state) {
  try {
    zone_net(state);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// With a tolerance they act in the mean where they can: lists of their beams do not converge to it.
// A tilt brings the rings of higher-order zones nearer, which the mean leaves out.
HigherZones higher_zones(const State& state, const EngineOptions& options,
                         const std::vector<Vec2>& incidence) {
  if (options.zones != HigherZones::listed && options.zero_order_only)
    throw Error(ErrorKind::study, "engine.zones: " + choice_name(options.zones) +
                                      " lets higher-order zones act, engine.zero_order_only: true "
                                      "leaves them out; give one of them");
  if (options.zones != HigherZones::listed || options.zero_order_only || !options.tolerance)
    return options.zones;
  constexpr double most_tilt = 0.02;  // rad
  const bool small = std::all_of(incidence.begin(), incidence.end(), [&](const Vec2& direction) {
    return (state.beam_tilt + direction).norm() <= most_tilt;
  });
  const bool normal_is_z = (state.surface_normal - Vec3::UnitZ()).norm() < 1e-9;
  return small && normal_is_z && along_a_zone(state) ? HigherZones::mean : HigherZones::listed;
}

// Whether the beams are those of the zero-order zone.
bool zero_order_beams(const State& state, const EngineOptions& options,
                      const std::vector<Vec2>& incidence) {
  return options.zero_order_only ||
         (engine_kind(state, options) == EngineKind::bloch &&
          higher_zones(state, options, incidence) != HigherZones::listed);
}

BlochOptions bloch_options(const State& state, const EngineOptions& options,
                           const std::vector<Vec2>& incidence) {
  BlochOptions bloch;
  bloch.zones = higher_zones(state, options, incidence);
  bloch.slice_A = options.slice_A;
  bloch.potential = options.potential();
  bloch.refraction = options.refraction;
  return bloch;
}

// The middle of some directions, and their four extremes.
std::vector<Vec2> extremes(const std::vector<Vec2>& incidence) {
  if (incidence.size() == 1) return incidence;
  std::vector<Vec2> ends(5, incidence[0]);
  Vec2 sum = Vec2::Zero();
  for (const Vec2& direction : incidence) {
    sum += direction;
    for (std::size_t k = 0; k < 4; ++k) {
      const double sign = k < 2 ? 1 : -1;
      if (sign * direction[k % 2] > sign * ends[k + 1][k % 2]) ends[k + 1] = direction;
    }
  }
  ends[0] = sum / double(incidence.size());
  return ends;
}

BeamList converged_list(const State& state, const EngineOptions& options,
                        const std::vector<Vec2>& incidence) {
  // candidates are those near the sphere for the middle of the directions
  const std::vector<Vec2> ends = extremes(incidence);
  State tilted = state;
  tilted.beam_tilt += ends[0];
  ConvergenceOptions wanted;
  wanted.tolerance = *options.tolerance;
  wanted.zero_order_only = zero_order_beams(state, options, incidence);
  wanted.incidence.clear();
  for (const Vec2& direction : ends) wanted.incidence.push_back(direction - ends[0]);
  // which beams matter, the mean shows as well as slices, and far faster
  BlochOptions engine = bloch_options(state, options, incidence);
  if (engine.zones == HigherZones::sliced) engine.zones = HigherZones::mean;
  const ConvergedBeams found = converged_beams(tilted, engine, wanted);
  char text[200];
  if (!found.converged) {
    std::snprintf(text, sizeof text,
                  "engine.tolerance: with %zu beams an intensity still changes by %.2g, more "
                  "than %.2g; the engine splitstep needs no list of beams",
                  found.beams.size(), found.last_change, *options.tolerance);
    throw Error(ErrorKind::numerical, text);
  }
  std::snprintf(text, sizeof text,
                ", |g| to %.3g, |s| to %.3g 1/Å: the last third of them "
                "changed an intensity by %.2g",
                found.g_max, found.sg_max, found.last_change);
  return {found.beams.hkl, text};
}

// What second-order perturbation by the beams g and −g together is, as a fraction of that by g
// alone: 1/e(g) + 1/e(−g) against 1/e(g), e = 2K s. Far from the sphere they lie on its two sides
// and nearly cancel, while one of them alone, or both, would widen the spectrum for nothing.
double left_by_opposite(const State& state, const std::vector<Vec2>& incidence, const Vec3& g) {
  double most = 0;
  for (const Vec2& offset : incidence) {
    const IncidentWave wave = incident_wave(state, state.beam_tilt + offset, 0);
    most = std::max(most, std::abs(1 + excitation(wave, g) / excitation(wave, -g)));
  }
  return most;
}

// The beams up to weak_g_max_invA that are weak and not among the strong ones.
Beams weak_beams(const State& state, const EngineOptions& options, const std::vector<Hkl>& strong,
                 const std::vector<Vec2>& incidence) {
  BeamSelection selection;
  selection.g_max = *options.weak_g_max_invA;
  selection.sg_max = 1e3;  // far from the Ewald sphere, too
  selection.zero_order_only = zero_order_beams(state, options, incidence);
  const Beams candidates = select_beams(state, options.potential(), selection);
  SplitLimits limits;
  const Beams weak = split_beams(state, options.potential(), candidates, limits, incidence).weak;
  std::vector<Hkl> others;
  for (const Hkl& hkl : weak.hkl)
    if (std::find(strong.begin(), strong.end(), hkl) == strong.end()) others.push_back(hkl);
  return beams_from_hkl(state, others);
}

}  // namespace

EngineKind engine_kind(const State& state, const EngineOptions& options) {
  if (options.kind != EngineKind::automatic) return options.kind;
  const bool normal_is_z = (state.surface_normal - Vec3::UnitZ()).norm() < 1e-9;
  return normal_is_z && along_a_zone(state) ? EngineKind::splitstep : EngineKind::bloch;
}

BeamList beam_list(const State& state, const EngineOptions& options,
                   const std::vector<Vec2>& incidence) {
  const EngineKind kind = engine_kind(state, options);
  if (kind == EngineKind::splitstep) return {};
  if (kind == EngineKind::bloch && options.tolerance)
    return converged_list(state, options, incidence);
  BeamSelection selection;
  selection.g_max = options.g_max_invA;
  selection.sg_max = options.sg_max_invA;
  selection.zero_order_only = zero_order_beams(state, options, incidence);
  BeamList list{select_beams(state, options.potential(), selection, incidence).hkl, ""};
  if (kind == EngineKind::kinematical) return list;
  // Far from a zone axis the strongest reflections are soon beyond sg_max, and count still.
  const std::set<Hkl> near(list.hkl.begin(), list.hkl.end());
  selection.sg_max = 1e3;
  selection.weight_min = least_far_weight;
  const Beams far = select_beams(state, options.potential(), selection, incidence);
  const std::vector<double> weights = beam_weights(state, options.potential(), far, incidence);
  for (std::size_t i = 0; i < far.size(); ++i) {
    if (near.count(far.hkl[i])) continue;
    const double left = near.count(-far.hkl[i]) ? 1 : left_by_opposite(state, incidence, far.g[i]);
    if (weights[i] * left >= least_far_weight) list.hkl.push_back(far.hkl[i]);
  }
  return list;
}

EngineWithBeams make_engine(const State& state, const std::vector<Hkl>& wanted,
                            const EngineOptions& options) {
  const std::vector<Vec2> along = {Vec2(0, 0)};
  const bool listed = engine_kind(state, options) == EngineKind::bloch;
  return make_engine(state, wanted, options, listed ? beam_list(state, options, along) : BeamList{},
                     along);
}

EngineWithBeams make_engine(const State& state, const std::vector<Hkl>& wanted,
                            const EngineOptions& options, const BeamList& list,
                            const std::vector<Vec2>& incidence) {
  const EngineKind kind = engine_kind(state, options);
  if (options.zones != HigherZones::listed && kind != EngineKind::bloch)
    throw Error(ErrorKind::study, "engine.zones: " + choice_name(options.zones) +
                                      " is of the engine bloch; the engine is " +
                                      choice_name(kind));
  // the wanted beams alone, or after the list; the incident one is always there
  std::vector<Hkl> all = kind == EngineKind::bloch ? list.hkl : std::vector<Hkl>{};
  std::map<Hkl, int> place;
  for (std::size_t i = 0; i < all.size(); ++i) place.emplace(all[i], int(i));
  std::vector<int> index;
  for (const Hkl& hkl : wanted) {
    const auto [found, is_new] = place.emplace(hkl, int(all.size()));
    index.push_back(found->second);
    if (is_new) all.push_back(hkl);
  }
  if (!place.count(Hkl{})) all.push_back(Hkl{});
  if (kind == EngineKind::splitstep) {
    SplitStepOptions splitstep;
    splitstep.potential = options.potential();
    splitstep.refraction = options.refraction;
    splitstep.g_max = options.g_max_invA;
    splitstep.slice_A = options.slice_A;
    splitstep.zero_order_only = options.zero_order_only;
    return {SplitStep(state, beams_from_hkl(state, all), splitstep), index, ""};
  }
  if (kind == EngineKind::kinematical) {
    KinematicalOptions kinematical;
    kinematical.potential = options.potential();
    kinematical.refraction = options.refraction;
    return {Kinematical(state, beams_from_hkl(state, all), kinematical), index, ""};
  }
  BlochOptions bloch = bloch_options(state, options, incidence);
  if (bloch.zones != HigherZones::listed) {
    const Beams beams = beams_from_hkl(state, wanted);
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (const Hkl& g = wanted[i]; std::abs(beams.g[i].z()) > 1e-6)
        throw Error(ErrorKind::study,
                    "beam [" + std::to_string(g.h) + ", " + std::to_string(g.k) + ", " +
                        std::to_string(g.l) +
                        "] is of a higher-order zone; these have no beams of their own with "
                        "engine.zones: mean or sliced, or a tolerance: give g_max_invA and "
                        "sg_max_invA alone");
  }
  if (options.weak_g_max_invA) bloch.weak_beams = weak_beams(state, options, all, incidence);
  std::string note = std::to_string(all.size()) + " beams" + list.note;
  if (bloch.zones == HigherZones::mean) note += ", higher-order zones in the mean";
  if (bloch.zones == HigherZones::sliced) note += ", higher-order zones by slices";
  if (bloch.weak_beams.size() > 0)
    note += ", " + std::to_string(bloch.weak_beams.size()) + " weak ones";
  return {Bloch(state, beams_from_hkl(state, all), bloch), index, note};
}

std::vector<Refinement> refinements(const State& state, const EngineOptions& options) {
  std::vector<Refinement> list;
  const auto refine = [&](const std::string& key, double EngineOptions::*member, double factor) {
    Refinement refined{"", options};
    refined.engine.*member *= factor;
    char text[80];
    std::snprintf(text, sizeof text, "%s %.4g -> %.4g", key.c_str(), options.*member,
                  refined.engine.*member);
    refined.what = text;
    list.push_back(refined);
  };
  const EngineKind kind = engine_kind(state, options);
  if (kind == EngineKind::kinematical) return list;
  if (kind == EngineKind::bloch && options.tolerance) return list;  // converged already
  refine("g_max_invA", &EngineOptions::g_max_invA, 1.25);
  if (kind == EngineKind::splitstep) refine("slice_A", &EngineOptions::slice_A, 0.125);
  if (kind == EngineKind::bloch && options.zones == HigherZones::sliced)
    refine("slice_A", &EngineOptions::slice_A, 0.5);
  if (kind == EngineKind::bloch) refine("sg_max_invA", &EngineOptions::sg_max_invA, 1.5);
  return list;
}

std::string engine_summary(const State& state, const EngineOptions& options) {
  const EngineKind kind = engine_kind(state, options);
  std::string text = "engine: " + choice_name(kind) + ", " + choice_name(options.scattering) +
                     ", absorption " + choice_name(options.absorption);
  if (kind == EngineKind::bloch && options.zones == HigherZones::mean)
    text += ", higher-order zones in the mean";
  if (kind == EngineKind::bloch && options.zones == HigherZones::sliced)
    text += ", higher-order zones by slices of " + number_text(options.slice_A) + " Å";
  if (kind == EngineKind::bloch && options.tolerance)
    return text + ", beams to a tolerance of " + number_text(*options.tolerance);
  text += ", |g| <= " + number_text(options.g_max_invA) + " 1/Å";
  if (kind == EngineKind::bloch) text += ", |s| <= " + number_text(options.sg_max_invA) + " 1/Å";
  if (kind == EngineKind::bloch && options.weak_g_max_invA)
    text += ", weak beams to " + number_text(*options.weak_g_max_invA) + " 1/Å";
  return text;
}

}  // namespace pendel

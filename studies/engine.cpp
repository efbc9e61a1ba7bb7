#include "studies/engine.hpp"

#include <algorithm>
#include <cstdio>

#include "core/error.hpp"
#include "sim/bloch_convergence.hpp"

namespace pendel {

namespace {

bool along_a_zone(const State& state) {
  try {
    zone_net(state);
    return true;
  } catch (const Error&) {
    return false;
  }
}

BlochOptions bloch_options(const EngineOptions& options) {
  BlochOptions bloch;
  bloch.potential = options.potential();
  bloch.refraction = options.refraction;
  return bloch;
}

Beams calculation_beams(const State& state, const EngineOptions& options,
                        const std::vector<Vec2>& incidence, std::string* note = nullptr) {
  if (options.tolerance && engine_kind(state, options) == EngineKind::bloch) {
    ConvergenceOptions wanted;
    wanted.tolerance = *options.tolerance;
    wanted.zero_order_only = options.zero_order_only;
    wanted.incidence = incidence;
    const ConvergedBeams found = converged_beams(state, bloch_options(options), wanted);
    if (!found.converged) {
      char text[200];
      std::snprintf(text, sizeof text,
                    "engine.tolerance: with %zu beams an intensity still changes by %.2g, more "
                    "than %.2g; zero_order_only: true or the engine splitstep converge sooner",
                    found.beams.size(), found.last_change, *options.tolerance);
      throw Error(ErrorKind::numerical, text);
    }
    if (note) {
      char text[160];
      std::snprintf(text, sizeof text,
                    ", |g| to %.3g, |s| to %.3g 1/Å: the last third of them "
                    "changed an intensity by %.2g",
                    found.g_max, found.sg_max, found.last_change);
      *note = text;
    }
    return found.beams;
  }
  BeamSelection selection;
  selection.g_max = options.g_max_invA;
  selection.sg_max = options.sg_max_invA;
  selection.zero_order_only = options.zero_order_only;
  return select_beams(state, options.potential(), selection);
}

// The beams up to weak_g_max_invA that are weak and not among the strong ones.
Beams weak_beams(const State& state, const EngineOptions& options, const std::vector<Hkl>& strong) {
  BeamSelection selection;
  selection.g_max = *options.weak_g_max_invA;
  selection.sg_max = 1e3;  // far from the Ewald sphere, too
  selection.zero_order_only = options.zero_order_only;
  const Beams candidates = select_beams(state, options.potential(), selection);
  SplitLimits limits;
  const Beams weak = split_beams(state, options.potential(), candidates, limits).weak;
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

std::vector<Hkl> available_beams(const State& state, const EngineOptions& options, double g_max,
                                 const std::vector<Vec2>& incidence) {
  const Beams all = engine_kind(state, options) == EngineKind::splitstep
                        ? zone_beams(state, g_max)
                        : calculation_beams(state, options, incidence);
  std::vector<Hkl> result;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all.g[i].norm() <= g_max) result.push_back(all.hkl[i]);
  return result;
}

EngineWithBeams make_engine(const State& state, const std::vector<Hkl>& wanted,
                            const EngineOptions& options, const std::vector<Vec2>& incidence) {
  std::vector<int> index(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) index[i] = int(i);
  const EngineKind kind = engine_kind(state, options);
  if (kind == EngineKind::splitstep) {
    SplitStepOptions splitstep;
    splitstep.potential = options.potential();
    splitstep.refraction = options.refraction;
    splitstep.g_max = options.g_max_invA;
    splitstep.slice_A = options.slice_A;
    splitstep.zero_order_only = options.zero_order_only;
    return {SplitStep(state, beams_from_hkl(state, wanted), splitstep), index, ""};
  }
  if (kind == EngineKind::kinematical) {
    KinematicalOptions kinematical;
    kinematical.potential = options.potential();
    kinematical.refraction = options.refraction;
    return {Kinematical(state, beams_from_hkl(state, wanted), kinematical), index, ""};
  }
  std::string note;
  std::vector<Hkl> all = calculation_beams(state, options, incidence, &note).hkl;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto found = std::find(all.begin(), all.end(), wanted[i]);
    index[i] = int(found - all.begin());
    if (found == all.end()) all.push_back(wanted[i]);
  }
  BlochOptions bloch = bloch_options(options);
  if (options.weak_g_max_invA) bloch.weak_beams = weak_beams(state, options, all);
  note = std::to_string(all.size()) + " beams" + note;
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
  if (kind == EngineKind::bloch) refine("sg_max_invA", &EngineOptions::sg_max_invA, 1.5);
  return list;
}

std::string engine_summary(const State& state, const EngineOptions& options) {
  const EngineKind kind = engine_kind(state, options);
  std::string text = "engine: " + choice_name(kind) + ", " + choice_name(options.scattering) +
                     ", absorption " + choice_name(options.absorption);
  if (kind == EngineKind::bloch && options.tolerance)
    return text + ", beams to a tolerance of " + number_text(*options.tolerance);
  text += ", |g| <= " + number_text(options.g_max_invA) + " 1/Å";
  if (kind == EngineKind::bloch) text += ", |s| <= " + number_text(options.sg_max_invA) + " 1/Å";
  if (kind == EngineKind::bloch && options.weak_g_max_invA)
    text += ", weak beams to " + number_text(*options.weak_g_max_invA) + " 1/Å";
  return text;
}

}  // namespace pendel

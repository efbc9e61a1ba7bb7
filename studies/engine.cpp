#include "studies/engine.hpp"

#include <algorithm>
#include <cstdio>

#include "core/error.hpp"

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

Beams calculation_beams(const State& state, const EngineOptions& options) {
  BeamSelection selection;
  selection.g_max = options.g_max_invA;
  selection.sg_max = options.sg_max_invA;
  selection.zero_order_only = options.zero_order_only;
  return select_beams(state, options.potential(), selection);
}

}  // namespace

EngineKind engine_kind(const State& state, const EngineOptions& options) {
  if (options.kind != EngineKind::automatic) return options.kind;
  const bool normal_is_z = (state.surface_normal - Vec3::UnitZ()).norm() < 1e-9;
  return normal_is_z && along_a_zone(state) ? EngineKind::splitstep : EngineKind::bloch;
}

std::vector<Hkl> available_beams(const State& state, const EngineOptions& options, double g_max) {
  const Beams all = engine_kind(state, options) == EngineKind::splitstep
                        ? zone_beams(state, g_max)
                        : calculation_beams(state, options);
  std::vector<Hkl> result;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all.g[i].norm() <= g_max) result.push_back(all.hkl[i]);
  return result;
}

EngineWithBeams make_engine(const State& state, const std::vector<Hkl>& wanted,
                            const EngineOptions& options) {
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
    return {SplitStep(state, beams_from_hkl(state, wanted), splitstep), index};
  }
  if (kind == EngineKind::kinematical) {
    KinematicalOptions kinematical;
    kinematical.potential = options.potential();
    kinematical.refraction = options.refraction;
    return {Kinematical(state, beams_from_hkl(state, wanted), kinematical), index};
  }
  std::vector<Hkl> all = calculation_beams(state, options).hkl;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto found = std::find(all.begin(), all.end(), wanted[i]);
    index[i] = int(found - all.begin());
    if (found == all.end()) all.push_back(wanted[i]);
  }
  BlochOptions bloch;
  bloch.potential = options.potential();
  bloch.refraction = options.refraction;
  return {Bloch(state, beams_from_hkl(state, all), bloch), index};
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
  refine("g_max_invA", &EngineOptions::g_max_invA, 1.25);
  if (kind == EngineKind::splitstep) refine("slice_A", &EngineOptions::slice_A, 0.125);
  if (kind == EngineKind::bloch) refine("sg_max_invA", &EngineOptions::sg_max_invA, 1.5);
  return list;
}

std::string engine_summary(const State& state, const EngineOptions& options) {
  return "engine: " + choice_name(engine_kind(state, options)) + ", " +
         choice_name(options.scattering) + ", absorption " + choice_name(options.absorption) +
         ", |g| <= " + number_text(options.g_max_invA) + " 1/Å";
}

}  // namespace pendel

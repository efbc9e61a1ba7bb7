#include "sim/zone_slices.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "core/error.hpp"
#include "core/phase.hpp"

namespace pendel {

namespace {

// Reflections beyond are left out: U_g is below 1e-4 U_0 there.
constexpr double along_beam = 8, reach = 10;  // 1/Å
// Whether a zone off the net scatters shows in its strong reflections.
constexpr double reach_off_net = 3;  // 1/Å

Vec3 lab_g(const OrientedCrystal& oriented, const Hkl& hkl) {
  return oriented.R_lab_crystal * oriented.crystal.cell.g(hkl).v;
}

/// <u exp(2πi x u)> for u in [−½, ½].
complex first_moment(double x) {
  const double y = electron::pi * x;
  // (sin y − y cos y)/(2 y²), cancelling where y is small
  if (std::abs(y) < 0.05) return complex(0, y / 6 * (1 - y * y / 10 * (1 - y * y / 28)));
  return complex(0, (std::sin(y) - y * std::cos(y)) / (2 * y * y));
}

}  // namespace

ZoneSlices::ZoneSlices(const State& state, double slice_A,
                       std::vector<std::vector<Hkl>>& reflections) {
  zone_net(state);  // its errors
  for (std::size_t c = 0; c < state.crystals.size(); ++c) {
    const OrientedCrystal& oriented = state.crystals[c];
    State unstrained = state;
    unstrained.crystals[c].crystal.strain.setZero();
    const double period = repeat_along_z(unstrained, int(c));
    std::vector<Hkl>& list = reflections[c];
    Part part;
    part.slices = std::max(1, int(std::ceil(period / slice_A - 1e-9)));
    part.zero_order = int(list.size());

    // Zones that lie above each other: those with a reflection along the beam.
    std::map<int, Hkl> above;
    const auto order = [&](const Vec3& g) { return int(std::lround(g.z() * period)); };
    for (const Hkl& hkl : reflections_within(oriented.crystal.cell, along_beam))
      if (const Vec3 g = lab_g(oriented, hkl); g.head<2>().norm() < 2e-5) above[order(g)] = hkl;
    for (const auto& [n, up] : above) {
      if (n == 0) continue;
      for (int d = 0; d < part.zero_order; ++d) {
        const Hkl hkl = list[d] + up;
        if (lab_g(oriented, hkl).norm() > reach) continue;
        part.waves.push_back({int(list.size()), d, n});
        list.push_back(hkl);
      }
    }
    for (const Hkl& hkl : reflections_within(oriented.crystal.cell, reach_off_net))
      if (const int n = order(lab_g(oriented, hkl)); above.count(n) == 0) {
        part.waves.push_back({int(list.size()), -1, n});
        list.push_back(hkl);
      }
    parts_.push_back(std::move(part));
  }
}

std::vector<VectorXcd> ZoneSlices::potentials(int crystal, const VectorXcd& U) const {
  const Part& part = parts_[crystal];
  const VectorXcd zero_order = U.head(part.zero_order);
  std::vector<VectorXcd> result(2 * part.slices, zero_order);
  const double largest = U.cwiseAbs().maxCoeff();
  int order = 0;
  std::vector<complex> first, second;  // of the order, per slice
  for (const Wave& wave : part.waves) {
    const complex value = U[wave.reflection];
    if (wave.transverse < 0) {
      if (std::abs(value) > 1e-9 * largest)
        throw Error(ErrorKind::study,
                    "the Laue zone of order " + std::to_string(wave.order) +
                        " scatters to beams beside the net of the zero-order zone, which slices "
                        "cannot hold; take another zone axis, or the engine splitstep");
      continue;
    }
    if (wave.order != order) {
      order = wave.order;
      first.clear();
      second.clear();
      const double turns = double(order) / part.slices;
      const complex mean = sinc(turns), slope = 4.0 * first_moment(turns);
      for (int j = 0; j < part.slices; ++j) {
        first.push_back(phase(turns * (j + 0.5)) * (mean - slope));
        second.push_back(phase(turns * (j + 0.5)) * (mean + slope));
      }
    }
    for (int j = 0; j < part.slices; ++j) {
      result[2 * j][wave.transverse] += value * first[j];
      result[2 * j + 1][wave.transverse] += value * second[j];
    }
  }
  return result;
}

ZoneSlices::Cut ZoneSlices::cut(const State& state, int crystal, double thickness) const {
  const OrientedCrystal& oriented = state.crystals[crystal];
  strain_along_beam(oriented, oriented.crystal.strain, "a crystal in slices",
                    "list the zones' beams instead");
  const double period = repeat_along_z(state, crystal);
  const int cells = std::max(1, int(std::lround(thickness / period)));
  return {cells, thickness / (2.0 * cells * parts_[crystal].slices)};
}

}  // namespace pendel

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "core/progress.hpp"
#include "studies/stem_plan.hpp"

namespace pendel {

namespace {

std::vector<std::pair<std::string, StemStudy>> refined_studies(const StemStudy& study,
                                                               const StemPlan& plan) {
  std::vector<std::pair<std::string, StemStudy>> list;
  const auto add = [&](const std::string& what, const auto& change) {
    StemStudy refined = study;
    change(refined.simulation);
    list.emplace_back(what, refined);
  };
  const SimulationOptions& s = study.simulation;
  const auto from_to = [](double from, double to) {
    char text[60];
    std::snprintf(text, sizeof text, " %.4g -> %.4g", from, to);
    return std::string(text);
  };
  const double pixel = std::max(plan.simulator.grid().dx(), plan.simulator.grid().dy());
  add("pixel_A" + from_to(pixel, pixel / 1.4),
      [&](SimulationOptions& o) { o.pixel_A = pixel / 1.4; });
  const double slice = plan.atoms.model.box.z() / plan.simulator.slices();
  add("slice_A" + from_to(slice, slice / 2), [&](SimulationOptions& o) {
    o.slice_A = slice / 2;
    o.projection = Projection::finite;
  });
  if (s.frozen_phonons && s.frozen_phonons->configurations) {
    const int count = *s.frozen_phonons->configurations;
    add("configurations" + from_to(count, 2 * count),
        [&](SimulationOptions& o) { o.frozen_phonons->configurations = 2 * count; });
  }
  return list;
}

std::vector<std::vector<double>> images_at(const StemPlan& plan, const std::vector<Vec2>& positions,
                                           MatrixStore* matrices = nullptr) {
  const std::size_t thicknesses = plan.simulator.thicknesses().size();
  std::vector<std::vector<double>> images(positions.size() * thicknesses);
  plan.simulator.run(
      positions,
      [&](std::size_t n, const float* intensity) {
        for (std::size_t t = 0; t < thicknesses; ++t)
          images[n * thicknesses + t] = plan.image(intensity + t * plan.simulator.k().size());
      },
      matrices);
  return images;
}

}  // namespace

std::vector<Refined> certify(const StemStudy& study, const StemPlan& plan,
                             const std::vector<Vec2>& positions, MatrixStore* matrices,
                             const RunContext& context) {
  const std::size_t count =
      std::min(positions.size(), std::size_t(study.simulation.certificate_positions));
  std::vector<Refined> certificate;
  if (count == 0) return certificate;
  std::vector<Vec2> sample;
  const auto place = [](double x, int size) { return int((x - std::floor(x)) * size); };
  for (std::size_t k = 0; k < count; ++k)  // the middle, then evenly all over [Roberts2018]
    sample.push_back(positions[std::size_t(
        place(0.5 + 0.7548776662466927 * double(k), study.scan.rows) * study.scan.columns +
        place(0.5 + 0.5698402909980532 * double(k), study.scan.columns))]);
  // A few positions are soonest done by multislice, which PRISM of every plane wave equals.
  StemStudy base = study;
  base.simulation.method = StemMethod::multislice;
  base.simulation.interpolation = {{1, 1}};
  base.simulation.partition_rings = 0;
  base.simulation.scattering_matrix.reset();
  std::optional<StemPlan> made;
  if (study.simulation.method != StemMethod::multislice) made.emplace(base, 1, plan.probe.edge);
  const StemPlan& exact = made ? *made : plan;
  const std::vector<std::vector<double>> images = images_at(exact, sample);
  const auto refined = refined_studies(base, exact);
  std::string fewer;  // plane waves
  if (study.simulation.interpolation != base.simulation.interpolation) fewer = "interpolation -> 1";
  if (study.simulation.partition_rings > 0)
    fewer += std::string(fewer.empty() ? "" : " and ") + "partition_rings -> none";
  const std::size_t snapshots = plan.atoms.snapshots.size();
  const bool resizable = !study.atoms;
  Progress progress("certificate",
                    long(refined.size() + resizable + !fewer.empty() + (snapshots > 1)),
                    context.quiet);
  // The finer calculation may need more memory than there is; that must not cost the result.
  const auto add = [&](const std::string& what, const auto& finer_images) {
    try {
      certificate.push_back(compare(what, images, finer_images(), true));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::study) throw;
      context.say("note: no convergence test of " + what + ": " + error.what());
    }
    progress.advance();
  };
  for (const auto& [what, finer] : refined)
    add(what,
        [&, &study = finer] { return images_at(StemPlan(study, 1, plan.probe.edge), sample); });
  if (!fewer.empty()) add(fewer, [&] { return images_at(plan, sample, matrices); });
  if (snapshots > 1)
    add("snapshots " + std::to_string(snapshots / 2) + " -> " + std::to_string(snapshots), [&] {
      const StemPlan half(base, 1, plan.probe.edge, snapshots / 2);
      return images_at(half, sample);
    });
  if (resizable) {
    add("box_A x 1.5", [&] {
      // A larger box holds more of the probe; the detector sees finer plane waves. Positions keep
      // their place in a crystal; a particle stays at the centre.
      const StemPlan larger(base, 1.5, plan.probe.edge);
      const Vec3 shift = study.particle ? Vec3((larger.atoms.model.box - plan.atoms.model.box) / 2)
                                        : Vec3(Vec3::Zero());
      std::vector<Vec2> moved = sample;
      for (Vec2& position : moved) position += shift.head<2>();
      return images_at(larger, moved);
    });
  }
  return certificate;
}

}  // namespace pendel

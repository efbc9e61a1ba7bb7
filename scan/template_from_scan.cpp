#include "scan/template_from_scan.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "scan/disk_refinement.hpp"
#include "scan/disks.hpp"

namespace pendel {

namespace {

constexpr int rounds = 2;          // of finding disks and measuring them
constexpr std::size_t most = 400;  // disks; the strongest

struct Alone {
  std::size_t pattern;
  Vec2 position;
  double counts, background;
};

}  // namespace

DiskTemplate template_from_scan(const DataCube& cube, std::size_t patterns,
                                const std::vector<std::uint8_t>& valid) {
  const int rows = int(cube.q_rows()), columns = int(cube.q_columns());
  const std::size_t count = std::min(patterns, cube.positions());
  std::vector<std::vector<float>> chosen;
  std::vector<float> sum(cube.pixels());
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<float> pattern(cube.pixels());
    cube.read(i * cube.positions() / count, 1, pattern.data());
    if (std::isnan(pattern[0])) continue;
    for (std::size_t k = 0; k < sum.size(); ++k)
      if (valid.empty() || valid[k]) sum[k] += pattern[k];
    chosen.push_back(std::move(pattern));
  }
  DiskTemplate shape = measured_template(sum, cube.q_rows(), cube.q_columns());
  for (int round = 0; round < rounds; ++round) {
    const DiskFinder finder(shape, cube.q_rows(), cube.q_columns(), {}, valid);
    RefinementOptions uniform;
    uniform.max_order = 0;
    const DiskRefiner refiner(shape, cube.q_rows(), cube.q_columns(), uniform, valid);
    auto finding = finder.workspace();
    auto refining = refiner.workspace();
    const double reach = shape.half + 1.5, apart = shape.radius + shape.edge_width + reach;
    std::vector<Alone> alone;
    for (std::size_t k = 0; k < chosen.size(); ++k) {
      std::vector<BraggPeak> peaks;
      finder.find(chosen[k].data(), finding, peaks);
      refiner.refine(chosen[k].data(), finding.background, refining, peaks);
      for (const BraggPeak& p : peaks) {
        const bool inside = p.position.x() > reach && p.position.y() > reach &&
                            p.position.x() < columns - 1 - reach &&
                            p.position.y() < rows - 1 - reach;
        const bool lonely = std::all_of(peaks.begin(), peaks.end(), [&](const BraggPeak& other) {
          return &other == &p || (other.position - p.position).norm() > apart;
        });
        if (inside && lonely)
          alone.push_back({k, p.position, p.intensity, finding.background.local(p.position).rate});
      }
    }
    if (alone.empty())
      throw Error(ErrorKind::input, cube.recording().path +
                                        ": no disk stands alone, from which a template could be "
                                        "made; give its radius or a recording in a vacuum");
    std::stable_sort(alone.begin(), alone.end(),
                     [](const Alone& a, const Alone& b) { return a.counts > b.counts; });
    if (alone.size() > most) alone.resize(most);
    std::vector<TemplateSample> samples;
    for (const Alone& disk : alone)
      for (int y = int(std::ceil(disk.position.y() - reach)); y <= disk.position.y() + reach; ++y)
        for (int x = int(std::ceil(disk.position.x() - reach)); x <= disk.position.x() + reach;
             ++x) {
          const auto i = std::size_t(y * columns + x);
          const Vec2 d = Vec2(x, y) - disk.position;
          if (d.norm() > reach || (!valid.empty() && !valid[i])) continue;
          samples.push_back(
              {float(d.x()), float(d.y()),
               float((double(chosen[disk.pattern][i]) - disk.background) / disk.counts),
               float(disk.counts)});
        }
    const Vec2 centre = shape.centre;
    shape = template_of_samples(samples, reach);
    shape.centre = centre;
  }
  return shape;
}

}  // namespace pendel

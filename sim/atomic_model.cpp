#include "sim/atomic_model.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

constexpr double on_face = 1e-6;  // Å: an atom so near below a face lies on it
constexpr std::size_t most_problems = 20;

/// Calls use(site, r) for every atom of the lattice `basis` (columns, Å) in the box [low, high).
void for_atoms(const Crystal& crystal, const Mat3& basis, const Vec3& low, const Vec3& high,
               const std::function<void(const Site&, const Vec3&)>& use) {
  const Mat3 to_fraction = basis.inverse();
  Vec3 least = Vec3::Constant(INFINITY), most = -least;
  for (int corner = 0; corner < 8; ++corner) {
    const Vec3 r((corner & 1 ? high : low).x(), (corner & 2 ? high : low).y(),
                 (corner & 4 ? high : low).z());
    least = least.cwiseMin(to_fraction * r);
    most = most.cwiseMax(to_fraction * r);
  }
  for (const Site& site : crystal.sites) {
    const Eigen::Vector3i from = (least - site.position.v).array().floor().cast<int>();
    const Eigen::Vector3i to = (most - site.position.v).array().ceil().cast<int>();
    Eigen::Vector3i n;
    for (n[2] = from[2]; n[2] <= to[2]; ++n[2])
      for (n[1] = from[1]; n[1] <= to[1]; ++n[1])
        for (n[0] = from[0]; n[0] <= to[0]; ++n[0]) {
          const Vec3 r = basis * (site.position.v + n.cast<double>());
          if ((r.array() >= low.array()).all() && (r.array() < high.array()).all()) use(site, r);
        }
  }
}

/// x in [0, length); a rounding error below 0 is 0.
double wrapped(double x, double length) {
  const double inside = x - length * std::floor(x / length);
  return inside < length * (1 - 1e-14) ? inside : 0;
}

/// Finalizer of splitmix64: a bijection without visible structure. [Steele2014]
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// Two independent normal numbers by Box and Muller from draws 2n and 2n + 1 of a stream.
Vec2 normal_pair(std::uint64_t stream, std::uint64_t n) {
  constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;
  const auto uniform = [&](std::uint64_t draw) {  // (0, 1]
    return (double(mixed(stream + golden * draw) >> 11) + 1) * 0x1p-53;
  };
  const double radius = std::sqrt(-2 * std::log(uniform(2 * n)));
  const double angle = 2 * electron::pi * uniform(2 * n + 1);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

std::string text(const Vec3& r) {
  return "(" + std::to_string(r.x()) + ", " + std::to_string(r.y()) + ", " + std::to_string(r.z()) +
         ")";
}

std::string name(const AtomicModel& model, std::size_t i) {
  return std::to_string(i) + " (" + element_symbol(model.atoms[i].Z) + ")";
}

/// Atoms in bins at least `edge` wide, periodic across the beam; atoms of a bin lie together.
class Bins {
 public:
  Bins(const AtomicModel& model, double edge) : box_(model.box) {
    // No more bins than atoms, roughly.
    const double atoms = std::max<double>(1, model.atoms.size());
    edge = std::max(edge, std::cbrt(box_.prod() / atoms));
    for (int axis = 0; axis < 3; ++axis)
      count_[axis] = std::max(1, int(std::min(box_[axis] / edge, 2 * atoms)));
    std::vector<std::size_t> bin_of;
    start_.assign(std::size_t(count_[0]) * count_[1] * count_[2] + 1, 0);
    for (const Atom& atom : model.atoms) {
      bin_of.push_back(index(place(atom.position)));
      ++start_[bin_of.back() + 1];
    }
    for (std::size_t bin = 1; bin < start_.size(); ++bin) start_[bin] += start_[bin - 1];
    order_.resize(model.atoms.size());
    std::vector<std::size_t> next(start_.begin(), start_.end() - 1);
    for (std::size_t i = 0; i < order_.size(); ++i) order_[next[bin_of[i]]++] = i;
    for (std::size_t i : order_) position_.push_back(model.atoms[i].position);
  }

  /// Calls use(i, j, distance) once for every pair of atoms nearer than `nearest` <= edge.
  template <class Use>
  void pairs(double nearest, Use use) const {
    for (std::size_t a = 0; a < order_.size(); ++a) {
      const Eigen::Vector3i centre = place(position_[a]);
      Eigen::Vector3i low = centre.array() - 1, high = centre.array() + 1;
      for (int axis = 0; axis < 2; ++axis)  // each bin once, where there are fewer than three
        high[axis] = std::min(high[axis], low[axis] + count_[axis] - 1);
      low[2] = std::max(low[2], 0);
      high[2] = std::min(high[2], count_[2] - 1);
      for (int z = low[2]; z <= high[2]; ++z)
        for (int y = low[1]; y <= high[1]; ++y)
          for (int x = low[0]; x <= high[0]; ++x) {
            const std::size_t bin =
                index({(x + count_[0]) % count_[0], (y + count_[1]) % count_[1], z});
            for (std::size_t b = std::max(start_[bin], a + 1); b < start_[bin + 1]; ++b) {
              const double distance = apart(position_[a], position_[b]);
              if (distance < nearest)
                use(std::min(order_[a], order_[b]), std::max(order_[a], order_[b]), distance);
            }
          }
    }
  }

 private:
  double apart(const Vec3& a, const Vec3& b) const {
    Vec3 d = b - a;
    for (int axis = 0; axis < 2; ++axis)
      if (std::abs(d[axis]) > 0.5 * box_[axis]) d[axis] = std::remainder(d[axis], box_[axis]);
    return d.norm();
  }
  Eigen::Vector3i place(const Vec3& r) const {
    Eigen::Vector3i bin;
    for (int axis = 0; axis < 3; ++axis) {
      const double x = axis < 2 ? wrapped(r[axis], box_[axis]) : r[axis];
      bin[axis] = int(std::clamp(x / box_[axis] * count_[axis], 0.0, count_[axis] - 1.0));
    }
    return bin;
  }
  std::size_t index(const Eigen::Vector3i& bin) const {
    return (std::size_t(bin[2]) * count_[1] + bin[1]) * count_[0] + bin[0];
  }

  Vec3 box_;
  Eigen::Vector3i count_;
  std::vector<std::size_t> start_, order_;  // of the bins; atoms in their order
  std::vector<Vec3> position_;
};

}  // namespace

AtomicModel slab(const State& state, const Vec2& minimum, double strain_max,
                 std::vector<double>* strains) {
  if (state.layers.empty()) throw Error(ErrorKind::study, "a slab needs at least one layer");
  if ((state.surface_normal.normalized() - Vec3::UnitZ()).norm() > 1e-6)
    throw Error(ErrorKind::study, "the surface normal is " + text(state.surface_normal) +
                                      "; a slab of atoms is cut across the beam, (0, 0, 1)");
  std::vector<int> indices;  // of the crystals in the layers, each once
  std::vector<const OrientedCrystal*> crystals;
  for (const Layer& layer : state.layers) {
    if (!(layer.thickness >= 0))
      throw Error(ErrorKind::study, "a layer is " + std::to_string(layer.thickness) +
                                        " A thick; it must not be negative");
    if (std::find(indices.begin(), indices.end(), layer.crystal) != indices.end()) continue;
    indices.push_back(layer.crystal);
    crystals.push_back(&state.crystals.at(layer.crystal));
  }
  const std::vector<OrthogonalCell> cells = common_cell(crystals, minimum, strain_max);

  AtomicModel model;
  model.box << cells[0].size, 0;
  if (strains) strains->clear();
  for (const Layer& layer : state.layers) {
    const auto i = std::find(indices.begin(), indices.end(), layer.crystal) - indices.begin();
    const Crystal& crystal = crystals[i]->crystal;
    if (strains) strains->push_back(cells[i].largest_strain);
    const Mat3 basis =
        cells[i].deformation * crystals[i]->R_lab_crystal * crystal.cell.orthogonalization();
    // Images of an atom on an edge of the box agree to rounding: one of them is above −on_face.
    const Vec3 low = Vec3::Constant(-on_face);
    const Vec3 high = Vec3(model.box.x(), model.box.y(), layer.thickness) + low;
    for_atoms(crystal, basis, low, high, [&](const Site& site, const Vec3& r) {
      const Vec3 in_box(wrapped(r.x(), model.box.x()), wrapped(r.y(), model.box.y()),
                        model.box.z() + std::max(r.z(), 0.0));
      model.atoms.push_back({site.Z, in_box, site.occupancy, site.B()});
    });
    model.box.z() += layer.thickness;
  }
  return model;
}

AtomicModel sphere(const OrientedCrystal& oriented, double radius, const Vec3& box) {
  if (!(radius > 0) || 2 * radius > box.minCoeff())
    throw Error(ErrorKind::study, "a sphere of radius " + std::to_string(radius) +
                                      " A does not fit into a box of " + text(box) + " A");
  AtomicModel model;
  model.box = box;
  const Mat3 basis = oriented.R_lab_crystal * oriented.crystal.cell.orthogonalization();
  const double limit = radius + on_face;
  for_atoms(oriented.crystal, basis, Vec3::Constant(-limit), Vec3::Constant(limit),
            [&](const Site& site, const Vec3& r) {
              if (r.norm() <= limit)
                model.atoms.push_back({site.Z, r + box / 2, site.occupancy, site.B()});
            });
  return model;
}

std::vector<std::string> model_problems(const AtomicModel& model, double nearest) {
  if (!(model.box.minCoeff() > 0))
    return {"the box is " + text(model.box) + " A; every edge must be above 0"};
  std::vector<std::string> problems;
  std::size_t found = 0;
  const auto listed = [&](bool problem) { return problem && ++found <= most_problems; };
  bool finite = true;
  for (std::size_t i = 0; i < model.atoms.size(); ++i) {
    const Atom& atom = model.atoms[i];
    const Vec3& r = atom.position;
    finite = finite && r.allFinite();
    if (listed(!r.allFinite()))
      problems.push_back("atom " + name(model, i) + " has a position that is not a number");
    if (listed(r.allFinite() && (r.minCoeff() < -on_face || (r - model.box).maxCoeff() > on_face)))
      problems.push_back("atom " + name(model, i) + " at " + text(r) + " A is outside the box of " +
                         text(model.box) + " A");
    if (listed(atom.Z < 1 || atom.Z > 118))
      problems.push_back("atom " + std::to_string(i) + " has atomic number " +
                         std::to_string(atom.Z) + ", which is no element");
    if (listed(!(atom.occupancy > 0 && atom.occupancy <= 1)))
      problems.push_back("atom " + name(model, i) + " has occupancy " +
                         std::to_string(atom.occupancy) + "; it must be above 0 and at most 1");
    if (listed(!(atom.B >= 0)))
      problems.push_back("atom " + name(model, i) + " has B = " + std::to_string(atom.B) +
                         " A^2; it must not be negative");
  }
  if (finite)
    Bins(model, nearest).pairs(nearest, [&](std::size_t i, std::size_t j, double distance) {
      const double occupancy = model.atoms[i].occupancy + model.atoms[j].occupancy;
      if (listed(occupancy > 1 + 1e-6))
        problems.push_back("atoms " + name(model, i) + " and " + name(model, j) + " at " +
                           text(model.atoms[i].position) + " A are " + std::to_string(distance) +
                           " A apart, less than " + std::to_string(nearest) +
                           " A, and their occupancies sum to " + std::to_string(occupancy));
    });
  if (found > most_problems)
    problems.push_back("and " + std::to_string(found - most_problems) + " more");
  return problems;
}

AtomicModel displaced(const AtomicModel& model, unsigned long seed, int configuration,
                      bool along_beam) {
  const std::uint64_t stream =
      mixed(mixed(std::uint64_t(seed) + 0x9e3779b97f4a7c15u) + std::uint64_t(configuration));
  AtomicModel result = model;
  for (std::size_t i = 0; i < result.atoms.size(); ++i) {
    Atom& atom = result.atoms[i];
    const double u = std::sqrt(atom.B / (8 * electron::pi * electron::pi));
    const Vec2 across = u * normal_pair(stream, 2 * i);
    atom.position.x() = wrapped(atom.position.x() + across.x(), model.box.x());
    atom.position.y() = wrapped(atom.position.y() + across.y(), model.box.y());
    if (along_beam) atom.position.z() += u * normal_pair(stream, 2 * i + 1).x();
    atom.B = 0;
  }
  return result;
}

}  // namespace pendel

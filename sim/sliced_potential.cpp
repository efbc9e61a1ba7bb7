#include "sim/sliced_potential.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/clones.hpp"
#include "core/decomposition.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

// Of a slice: positions that a computation put just below a boundary belong above it.
constexpr double boundary_tolerance = 1e-6;
// Å: slices whose atoms agree to it have one potential.
constexpr double same_position = 1e-7;
// Atoms that are multiplied out at once: bounds the work space.
constexpr int atoms_at_once = 512;
// Interpolation of form factors: inner-shell absorption varies from 5e-4 1/Å on.
constexpr int k_nodes = 128;
constexpr double k_scale = 1e-3;
constexpr int bands = 5;

/// Frequencies 0, 1/length, ... up to a limit [1/Å].
int frequencies(double limit, double length) { return int(std::floor(limit * length)) + 1; }

/// weight * cos and sin of 2π n turns, n < count.
PENDEL_CLONES void harmonics(double turns, double weight, int count, double* cosine, double* sine) {
  // Eight frequencies turn at once, by eight steps: independent, and rounding grows eight times
  // slower than from one to the next.
  constexpr int lanes = 8;
  double c[lanes], s[lanes];
  for (int i = 0; i < lanes; ++i) {
    const complex start = weight * phase(i * turns);
    c[i] = start.real();
    s[i] = start.imag();
  }
  const complex step = phase(lanes * turns);
  const double step_c = step.real(), step_s = step.imag();
  int n = 0;
  for (; n + lanes <= count; n += lanes)
    for (int i = 0; i < lanes; ++i) {
      cosine[n + i] = c[i];
      sine[n + i] = s[i];
      const double turned = c[i] * step_c - s[i] * step_s;
      s[i] = s[i] * step_c + c[i] * step_s;
      c[i] = turned;
    }
  for (int i = 0; n + i < count; ++i) {
    cosine[n + i] = c[i];
    sine[n + i] = s[i];
  }
}

/// to += factor * sums for each of the four blocks of `to`; sums has the first rows and columns.
void add_product(const Eigen::ArrayXXd& factor, const Eigen::MatrixXd& sums, Eigen::ArrayXXd& to) {
  const Eigen::Index nx = sums.rows() / 2, ny = sums.cols() / 2;
  for (int y : {0, 1})
    for (int x : {0, 1})
      to.block(x * factor.rows(), y * factor.cols(), nx, ny) +=
          factor.topLeftCorner(nx, ny) * sums.block(x * nx, y * ny, nx, ny).array();
}

}  // namespace

int slice_count(double depth, double slice_A) {
  return std::max(1, int(std::ceil(depth / slice_A - boundary_tolerance)));
}

SlicedPotential::SlicedPotential(const AtomicModel& model, const WaveGrid& grid, double energy_keV,
                                 const SlicedPotentialOptions& options)
    : grid_(grid),
      energy_keV_(energy_keV),
      count_x_(frequencies(grid.band_limit(), grid.lx)),
      count_y_(frequencies(grid.band_limit(), grid.ly)),
      fft_(grid.ny, grid.nx, count_x_) {
  if (std::abs(model.box.x() - grid.lx) > 1e-9 * grid.lx ||
      std::abs(model.box.y() - grid.ly) > 1e-9 * grid.ly)
    throw Error(ErrorKind::study, "the wave grid is " + std::to_string(grid.lx) + " x " +
                                      std::to_string(grid.ly) + " A, the box of the atoms " +
                                      std::to_string(model.box.x()) + " x " +
                                      std::to_string(model.box.y()) + " A; they must be the same");
  if (!(model.box.z() > 0) || !(options.slice_A > 0))
    throw Error(ErrorKind::study, "the box is " + std::to_string(model.box.z()) +
                                      " A deep and slices " + std::to_string(options.slice_A) +
                                      " A; both must be above 0");
  const int slices = slice_count(model.box.z(), options.slice_A);
  dz_ = model.box.z() / slices;
  first_.resize(slices);
  sort_atoms(model);
  make_factors(options);
  find_repetitions();
}

void SlicedPotential::sort_atoms(const AtomicModel& model) {
  std::map<std::pair<int, double>, int> kind_of;
  for (const Atom& atom : model.atoms) {
    if (!atom.position.allFinite())
      throw Error(ErrorKind::study, "an atom has a position that is not a number");
    if (kind_of.insert({{atom.Z, atom.B}, int(kinds_.size())}).second)
      kinds_.push_back({atom.Z, atom.B, {}, {}, {}, {}});
  }
  const int kinds = int(kinds_.size());
  struct Place {
    int bin;
    Atom atom;
  };
  std::vector<Place> places;
  places.reserve(model.atoms.size());
  for (const Atom& atom : model.atoms) {
    const double depth = std::floor(atom.position.z() / dz_ + boundary_tolerance);
    const int slice = int(std::clamp(depth, 0.0, slices() - 1.0));
    places.push_back({slice * kinds + kind_of.at({atom.Z, atom.B}), atom});
    Vec3& r = places.back().atom.position;
    r.x() -= grid_.lx * std::floor(r.x() / grid_.lx);
    r.y() -= grid_.ly * std::floor(r.y() / grid_.ly);
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.bin != b.bin ? a.bin < b.bin : a.atom.position.x() < b.atom.position.x();
  });
  start_.assign(std::size_t(slices()) * kinds + 1, 0);
  for (const Place& place : places) {
    ++start_[place.bin + 1];
    atoms_.push_back(place.atom);
  }
  for (std::size_t i = 1; i < start_.size(); ++i) start_[i] += start_[i - 1];
}

void SlicedPotential::find_repetitions() {
  std::vector<int> distinct, content(slices());
  for (int slice = 0; slice < slices(); ++slice) {
    const auto same = std::find_if(distinct.begin(), distinct.end(),
                                   [&](int other) { return same_atoms(slice, other); });
    content[slice] = same == distinct.end() ? slice : *same;
    if (same == distinct.end()) distinct.push_back(slice);
  }
  // Slices are the same if all are that lie within reach; what is outside is like nothing else, for
  // no potential crosses the faces of the specimen.
  std::map<std::vector<int>, int> seen;
  for (int slice = 0; slice < slices(); ++slice) {
    std::vector<int> around;
    for (int other = slice - reach_; other <= slice + reach_; ++other)
      around.push_back(other < 0 || other >= slices() ? -1 : content[other]);
    first_[slice] = seen.insert({around, slice}).first->second;
  }
}

bool SlicedPotential::same_atoms(int slice, int other) const {
  const int kinds = int(kinds_.size());
  const int *a = &start_[slice * kinds], *b = &start_[other * kinds];
  for (int kind = 0; kind < kinds; ++kind)
    if (a[kind + 1] - a[kind] != b[kind + 1] - b[kind]) return false;

  for (int kind = 0; kind < kinds; ++kind) {
    const auto begin = atoms_.begin() + b[kind], end = atoms_.begin() + b[kind + 1];
    std::vector<char> taken(end - begin, 0);
    // Takes the partner of an atom among those of `other`, whose x are ascending.
    const auto take = [&](const Atom& atom, double x) {
      auto partner = std::lower_bound(begin, end, x - same_position, [](const Atom& p, double low) {
        return p.position.x() < low;
      });
      for (; partner != end && partner->position.x() <= x + same_position; ++partner) {
        const Vec3 apart = partner->position - atom.position;
        const double dy = std::remainder(apart.y(), grid_.ly);
        const double dz = reach_ == 0 ? 0 : apart.z() - (other - slice) * dz_;
        if (taken[partner - begin] || std::max(std::abs(dy), std::abs(dz)) > same_position ||
            partner->occupancy != atom.occupancy)
          continue;
        taken[partner - begin] = 1;
        return true;
      }
      return false;
    };
    for (int i = a[kind]; i < a[kind + 1]; ++i) {
      const Atom& atom = atoms_[i];
      const double x = atom.position.x();
      const bool found = take(atom, x) || (x < same_position && take(atom, x + grid_.lx)) ||
                         (x > grid_.lx - same_position && take(atom, x - grid_.lx));
      if (!found) return false;
    }
  }
  return true;
}

void SlicedPotential::make_factors(const SlicedPotentialOptions& options) {
  const PotentialOptions& potential = options.potential;
  const double lambda = electron::wavelength(energy_keV_);
  const double area = grid_.lx * grid_.ly, pi = electron::pi;
  if (potential.absorption == Absorption::proportional)
    proportional_ = options.absorption_strength * potential.proportional_absorption;
  const bool weickenmeier_kohl =
      potential.absorption == Absorption::weickenmeier_kohl && options.absorption_strength != 0;
  absorbing_ = proportional_ != 0 || weickenmeier_kohl;
  // U = γ/(πΩ) f_e T becomes a phase πλU dz.
  const double elastic = electron::gamma(energy_keV_) * lambda / area;
  const double absorptive = options.absorption_strength * pi * lambda / area;
  const double limit = grid_.band_limit();

  // Functions of |k| that are expensive are interpolated; (k nodes, any number).
  const GradedNodes nodes(k_nodes, k_scale, limit);
  Eigen::MatrixXd radial(k_nodes, 0);
  std::vector<Eigen::ArrayXXd*> targets;
  const auto interpolate = [&](const Eigen::MatrixXd& columns, auto target_of) {
    radial.conservativeResize(Eigen::NoChange, radial.cols() + columns.cols());
    radial.rightCols(columns.cols()) = columns;
    for (int i = 0; i < columns.cols(); ++i) targets.push_back(target_of(i));
  };
  for (Kind& kind : kinds_) {
    const auto f = [&](double k) {
      return scattering_factor(potential.table, kind.Z, k) * std::exp(-kind.B * k * k / 4);
    };
    kind.elastic.setZero(count_x_, count_y_);
    for (int j = 0; j < count_y_; ++j)
      for (int i = 0; i < count_x_; ++i) {
        const double k = std::hypot(i / grid_.lx, j / grid_.ly);
        if (k > limit) break;
        kind.elastic(i, j) = elastic * f(k);
      }
    if (weickenmeier_kohl) {
      Eigen::VectorXd values(k_nodes);
      for (int i = 0; i < k_nodes; ++i) {
        const AbsorptiveFactor factor = weickenmeier_kohl_absorption(
            kind.Z, nodes.points()[i], kind.B / (8 * pi * pi), energy_keV_);
        values[i] = absorptive * (potential.core * factor.core + potential.phonon * factor.phonon);
      }
      interpolate(values, [&](int) { return &kind.absorptive; });
    }
    if (options.projection == Projection::finite) {
      kind.profile.emplace(f, nodes);
      kind.profile_factors.resize(kind.profile->rank());
      interpolate(kind.profile->factors(), [&](int r) { return &kind.profile_factors[r]; });
      reach_ = std::max(reach_, int(kind.profile->reach() / dz_) + 1);
    }
  }
  for (Eigen::ArrayXXd* target : targets) target->setZero(count_x_, count_y_);
  for (int j = 0; j < count_y_ && !targets.empty(); ++j)
    for (int i = 0; i < count_x_; ++i) {
      const double k = std::hypot(i / grid_.lx, j / grid_.ly);
      if (k > limit) break;
      const Eigen::RowVectorXd values = nodes.weights(k).transpose() * radial;
      for (std::size_t t = 0; t < targets.size(); ++t) (*targets[t])(i, j) = values[t];
    }
  for (Kind& kind : kinds_)
    for (Eigen::ArrayXXd& factor : kind.profile_factors) factor *= kind.elastic;
}

Eigen::MatrixXd SlicedPotential::structure_sums(const Atom* begin, const Atom* end, int nx,
                                                int ny) const {
  Eigen::MatrixXd sums = Eigen::MatrixXd::Zero(2 * nx, 2 * ny);
  Eigen::MatrixXd along_x, along_y;
  for (; begin != end; begin += along_x.cols()) {
    const int count = int(std::min<std::ptrdiff_t>(end - begin, atoms_at_once));
    along_x.resize(2 * nx, count);
    along_y.resize(2 * ny, count);
    for (int j = 0; j < count; ++j) {
      const Vec3& r = begin[j].position;
      double *x = along_x.col(j).data(), *y = along_y.col(j).data();
      harmonics(r.x() / grid_.lx, begin[j].occupancy, nx, x, x + nx);
      harmonics(r.y() / grid_.ly, 1, ny, y, y + ny);
    }
    gemm(along_x, along_y.transpose(), sums, 1);
  }
  return sums;
}

void SlicedPotential::add_across_faces(int slice, int kind, Eigen::ArrayXXd& sum) const {
  // Between the faces f and f + 1 lies all of the atoms there, plus D_{f+1} − D_f, where
  // D_f = Σ_j ± P(|z_j − z_f|), + for atoms behind the face f.
  // Far from a face only the lowest plane waves matter: atoms are put into halving bands by their
  // distance alone, so that what leaves one slice is what enters the next.
  const DepthProfile& profile = *kinds_[kind].profile;
  const int kinds = int(kinds_.size());
  struct Band {
    std::vector<Atom> atoms;
    std::vector<Eigen::VectorXd> shares;
  };
  std::array<Band, bands> band_of;
  for (int own = std::max(0, slice - reach_); own <= std::min(slices() - 1, slice + reach_); ++own)
    for (int i = start_[own * kinds + kind]; i < start_[own * kinds + kind + 1]; ++i)
      for (int face : {slice, slice + 1}) {
        const double distance = std::abs(atoms_[i].position.z() - face * dz_);
        if (face == 0 || face == slices() || distance >= profile.reach()) continue;
        const double sign = (own >= face) == (face == slice + 1) ? 1 : -1;
        const double halvings =
            std::floor(std::log2(grid_.band_limit() / profile.highest_k(distance)));
        Band& band = band_of[int(std::clamp(halvings, 0.0, bands - 1.0))];
        band.atoms.push_back(atoms_[i]);
        band.shares.push_back(sign * atoms_[i].occupancy * profile.shares(distance));
      }
  for (int b = 0; b < bands; ++b) {
    auto& [atoms, shares] = band_of[b];
    if (atoms.empty()) continue;
    const double limit = std::ldexp(grid_.band_limit(), -b);
    const int nx = frequencies(limit, grid_.lx), ny = frequencies(limit, grid_.ly);
    for (int r = 0; r < profile.rank(); ++r) {
      for (std::size_t i = 0; i < atoms.size(); ++i) atoms[i].occupancy = shares[i][r];
      add_product(kinds_[kind].profile_factors[r],
                  structure_sums(atoms.data(), atoms.data() + atoms.size(), nx, ny), sum);
    }
  }
}

void SlicedPotential::synthesize(const Eigen::ArrayXXd& sums, std::vector<double>& field) const {
  // exp(−2πi (kx x ± ky y)) = (cc ∓ ss) − i (sc ± cs)
  const int half = grid_.nx / 2 + 1;
  FftArray coefficients(std::size_t(grid_.ny) * half);
  for (int j = 0; j < count_y_; ++j) {
    const double *cc = &sums(0, j), *sc = cc + count_x_;
    const double *cs = &sums(0, count_y_ + j), *ss = cs + count_x_;
    complex* up = coefficients.data() + std::size_t(j) * half;
    complex* down = coefficients.data() + std::size_t(j == 0 ? 0 : grid_.ny - j) * half;
    for (int i = 0; i < count_x_; ++i) {
      down[i] = {cc[i] + ss[i], cs[i] - sc[i]};
      up[i] = {cc[i] - ss[i], -sc[i] - cs[i]};
    }
  }
  field.resize(grid_.size());
  fft_.backward(coefficients.data(), field.data());
}

void SlicedPotential::evaluate(int slice, std::vector<double>& elastic,
                               std::vector<double>& absorptive) const {
  const bool two = absorbing_ && proportional_ == 0;
  Eigen::ArrayXXd sum = Eigen::ArrayXXd::Zero(2 * count_x_, 2 * count_y_);
  Eigen::ArrayXXd sum_absorptive;
  if (two) sum_absorptive = sum;
  const int kinds = int(kinds_.size());
  for (int kind = 0; kind < kinds; ++kind) {
    const int* range = &start_[slice * kinds + kind];
    if (range[0] < range[1]) {
      const Eigen::MatrixXd sums =
          structure_sums(atoms_.data() + range[0], atoms_.data() + range[1], count_x_, count_y_);
      add_product(kinds_[kind].elastic, sums, sum);
      if (two) add_product(kinds_[kind].absorptive, sums, sum_absorptive);
    }
    if (kinds_[kind].profile) add_across_faces(slice, kind, sum);
  }
  synthesize(sum, elastic);
  absorptive.clear();
  if (two) synthesize(sum_absorptive, absorptive);
  if (proportional_ != 0)
    for (double value : elastic) absorptive.push_back(proportional_ * value);
}

}  // namespace pendel

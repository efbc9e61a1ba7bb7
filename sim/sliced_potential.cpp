#include "sim/sliced_potential.hpp"

#include <algorithm>
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

/// Frequencies 0, 1/length, ... within the band limit; rounding must not decide about the last.
int frequencies(const WaveGrid& grid, double length) {
  return int(std::floor(grid.band_limit() * length * (1 + 1e-9))) + 1;
}

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

}  // namespace

SlicedPotential::SlicedPotential(const AtomicModel& model, const WaveGrid& grid, double energy_keV,
                                 const SlicedPotentialOptions& options)
    : grid_(grid),
      energy_keV_(energy_keV),
      count_x_(frequencies(grid, grid.lx)),
      count_y_(frequencies(grid, grid.ly)),
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
  const int slices =
      std::max(1, int(std::ceil(model.box.z() / options.slice_A - boundary_tolerance)));
  dz_ = model.box.z() / slices;
  first_.resize(slices);
  sort_atoms(model);
  make_factors(options);
  std::vector<int> distinct;
  for (int slice = 0; slice < slices; ++slice) {
    const auto same = std::find_if(distinct.begin(), distinct.end(),
                                   [&](int other) { return same_atoms(slice, other); });
    first_[slice] = same == distinct.end() ? slice : *same;
    if (same == distinct.end()) distinct.push_back(slice);
  }
}

void SlicedPotential::sort_atoms(const AtomicModel& model) {
  std::map<std::pair<int, double>, int> kind_of;
  for (const Atom& atom : model.atoms) {
    if (!atom.position.allFinite())
      throw Error(ErrorKind::study, "an atom has a position that is not a number");
    if (kind_of.insert({{atom.Z, atom.B}, int(kinds_.size())}).second)
      kinds_.push_back({atom.Z, atom.B, {}, {}});
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
        const double dy = std::remainder(partner->position.y() - atom.position.y(), grid_.ly);
        if (taken[partner - begin] || std::abs(dy) > same_position ||
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
  const double limit2 = std::pow(grid_.band_limit() * (1 + 1e-9), 2);
  for (Kind& kind : kinds_) {
    kind.elastic.setZero(count_x_, count_y_);
    if (weickenmeier_kohl) kind.absorptive.setZero(count_x_, count_y_);
    for (int j = 0; j < count_y_; ++j)
      for (int i = 0; i < count_x_; ++i) {
        const double k2 = std::pow(i / grid_.lx, 2) + std::pow(j / grid_.ly, 2);
        if (k2 > limit2) break;
        const double k = std::sqrt(k2);
        kind.elastic(i, j) =
            elastic * scattering_factor(potential.table, kind.Z, k) * std::exp(-kind.B * k2 / 4);
        if (!weickenmeier_kohl) continue;
        const AbsorptiveFactor f =
            weickenmeier_kohl_absorption(kind.Z, k, kind.B / (8 * pi * pi), energy_keV_);
        kind.absorptive(i, j) =
            absorptive * (potential.core * f.core + potential.phonon * f.phonon);
      }
  }
}

void SlicedPotential::structure_sums(const Atom* begin, const Atom* end,
                                     Eigen::MatrixXd& sums) const {
  sums.setZero(2 * count_x_, 2 * count_y_);
  Eigen::MatrixXd along_x, along_y;
  for (; begin != end; begin += along_x.cols()) {
    const int count = int(std::min<std::ptrdiff_t>(end - begin, atoms_at_once));
    along_x.resize(2 * count_x_, count);
    along_y.resize(2 * count_y_, count);
    for (int j = 0; j < count; ++j) {
      const Vec3& r = begin[j].position;
      double *x = along_x.col(j).data(), *y = along_y.col(j).data();
      harmonics(r.x() / grid_.lx, begin[j].occupancy, count_x_, x, x + count_x_);
      harmonics(r.y() / grid_.ly, 1, count_y_, y, y + count_y_);
    }
    gemm(along_x, along_y.transpose(), sums, 1);
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
  Eigen::MatrixXd sums;
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    const int* range = &start_[slice * kinds_.size() + kind];
    if (range[0] == range[1]) continue;
    structure_sums(atoms_.data() + range[0], atoms_.data() + range[1], sums);
    sum += kinds_[kind].elastic.replicate(2, 2) * sums.array();
    if (two) sum_absorptive += kinds_[kind].absorptive.replicate(2, 2) * sums.array();
  }
  synthesize(sum, elastic);
  absorptive.clear();
  if (two) synthesize(sum_absorptive, absorptive);
  if (proportional_ != 0)
    for (double value : elastic) absorptive.push_back(proportional_ * value);
}

}  // namespace pendel

#include "sim/multislice.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
#include "sim/mixed_space.hpp"

namespace pendel {

template <class Real>
struct Multislice<Real>::Parts {
  using Waves = FftVector<Real>;
  using Lines = typename MixedSpace<Real>::Lines;

  std::shared_ptr<const SlicedPotential> potential;
  double band;  // 1/Å
  MixedSpace<Real> space;
  int entrance = 0;             // first slice
  std::vector<int> boundaries;  // slices in front of each thickness
  MultisliceOptions options;    // with the thicknesses that there are
  // (column, ky), 0 outside the band; the transforms' scale is in `full` and `leaving`
  Waves entering, full, leaving, limit;
  std::size_t in_memory = 0;  // transmission functions
  std::vector<Waves> kept;    // per kind of slice, if all fit

  Parts(std::shared_ptr<const SlicedPotential> given, const MultisliceOptions& options)
      : potential(std::move(given)),
        band(options.band_limit ? potential->grid().band_limit() : HUGE_VAL),
        space(potential->grid(), band),
        options(options) {
    find_boundaries();
    set_propagators();
    const std::size_t bytes = potential->grid().size() * sizeof(Wave);
    in_memory = std::max(std::size_t(1), std::size_t(options.memory_GB * 1e9 / double(bytes)));
    std::vector<int> kinds;
    for (int slice = 0; slice < potential->slices(); ++slice)
      if (potential->same_as(slice) == slice) kinds.push_back(slice);
    if (kinds.size() <= in_memory) {
      kept.resize(potential->slices());
      fill(kinds, kept);
    }
  }

  void find_boundaries() {
    const double dz = potential->slice_thickness();
    const int slices = potential->slices();
    const auto wrong = [&](const std::string& what, double value) {
      return Error(ErrorKind::study, what + " " + std::to_string(value) +
                                         " A: the entrance and the thicknesses behind it ascend "
                                         "from 0 to the depth of the specimen, " +
                                         std::to_string(slices * dz) + " A");
    };
    const double first = std::round(options.entrance / dz);
    if (!(first >= 0 && first <= slices)) throw wrong("entrance", options.entrance);
    entrance = int(first);
    if (options.thicknesses.empty()) boundaries = {slices};
    for (const double t : options.thicknesses) {
      const double boundary = first + std::round(t / dz);
      const int previous = boundaries.empty() ? entrance : boundaries.back();
      if (!(boundary >= previous && boundary <= slices)) throw wrong("thickness", t);
      boundaries.push_back(int(boundary));
    }
    options.thicknesses.clear();
    for (const int boundary : boundaries) options.thicknesses.push_back((boundary - entrance) * dz);
  }

  void set_propagators() {
    const WaveGrid& grid = potential->grid();
    const double lambda = electron::wavelength(potential->energy_keV()),
                 dz = potential->slice_thickness();
    const Vec2 K_t = options.beam_tilt.array().sin() / lambda;
    const auto along = [&](const Vec2& k) {
      return std::sqrt(1 / lambda / lambda - k.squaredNorm());
    };
    for (Waves* p : {&entering, &full, &leaving, &limit}) p->resize(space.size());
    for (int column = 0; column < space.columns(); ++column)
      for (int iy = 0; iy < grid.ny; ++iy) {
        const Vec2 k = grid.k(space.ix(column), iy);
        if (k.norm() > band) continue;
        if (options.exact_propagator && (k + K_t).norm() * lambda >= 1) continue;  // evanescent
        // half turns
        const double turns = options.exact_propagator
                                 ? 2 * dz * (along(k + K_t) - along(K_t))
                                 : -lambda * dz * (k.squaredNorm() + 2 * k.dot(K_t));
        const std::size_t i = std::size_t(column) * space.pitch() + iy;
        const double scale = 1.0 / double(grid.size());
        entering[i] = Wave(phase(turns / 4));
        full[i] = Wave(scale * phase(turns / 2));
        leaving[i] = Wave(scale * phase(turns / 4));
        limit[i] = Real(scale);
      }
  }

  /// Transmission functions exp(i phase - absorption), band limited; real space, (ny, nx).
  void fill(const std::vector<int>& kinds, std::vector<Waves>& transmission) const {
    const WaveGrid& grid = potential->grid();
    parallel_for(long(kinds.size()), [&](long i, int) {
      std::vector<double> elastic, absorptive;
      potential->evaluate(kinds[i], elastic, absorptive);
      Waves mixed(space.size()), &t = transmission[kinds[i]];
      t.resize(grid.size());
      Lines lines(space);
      const auto exponential = [&](int y, Wave* row) {
        const std::size_t first = std::size_t(y) * grid.nx;
        for (int x = 0; x < grid.nx; ++x)
          row[x] = Wave(std::polar(absorptive.empty() ? 1 : std::exp(-absorptive[first + x]),
                                   elastic[first + x]));
      };
      space.from_rows(exponential, mixed.data(), lines);
      space.multiply_columns(mixed.data(), limit.data(), lines);
      space.to_rows(mixed.data(), t.data(), lines);
    });
  }

  /// A wave through slices first to last - 1, from plane waves to plane waves.
  void advance(Wave* wave, int first, int last, const std::vector<Waves>& transmission) const {
    Waves mixed(space.size());
    Lines lines(space);
    space.from_plane_waves(wave, entering.data(), mixed.data(), lines);
    for (int slice = first; slice < last; ++slice) {
      stop_if_interrupted();
      if (slice > first) space.multiply_columns(mixed.data(), full.data(), lines);
      space.multiply_rows(mixed.data(), transmission[potential->same_as(slice)].data(), lines);
    }
    space.to_plane_waves(mixed.data(), leaving.data(), wave, lines);
  }
};

template <class Real>
Multislice<Real>::Multislice(std::shared_ptr<const SlicedPotential> potential,
                             const MultisliceOptions& options)
    : parts_(new Parts(std::move(potential), options)) {}

template <class Real>
Multislice<Real>::~Multislice() = default;

template <class Real>
const SlicedPotential& Multislice<Real>::potential() const {
  return *parts_->potential;
}

template <class Real>
const MultisliceOptions& Multislice<Real>::options() const {
  return parts_->options;
}

template <class Real>
void Multislice<Real>::propagate(Wave* waves, int count,
                                 const std::function<void(int)>& at_thickness) const {
  const auto advance = [&](int first, int last, const std::vector<FftVector<Real>>& transmission) {
    parallel_for(count, [&](long i, int) {
      parts_->advance(waves + std::size_t(i) * grid().size(), first, last, transmission);
    });
  };
  int slice = parts_->entrance;
  for (std::size_t i = 0; i < parts_->boundaries.size(); ++i) {
    const int boundary = parts_->boundaries[i];
    while (slice < boundary && parts_->kept.empty()) {
      // As many slices as memory holds the transmission functions of.
      std::vector<FftVector<Real>> transmission(potential().slices());
      std::vector<int> kinds;
      const int first = slice;
      for (; slice < boundary; ++slice) {
        const int kind = potential().same_as(slice);
        if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) continue;
        if (kinds.size() == parts_->in_memory) break;
        kinds.push_back(kind);
      }
      parts_->fill(kinds, transmission);
      advance(first, slice, transmission);
    }
    if (slice < boundary) advance(slice, boundary, parts_->kept);
    slice = boundary;
    at_thickness(int(i));
  }
}

template class Multislice<float>;
template class Multislice<double>;

}  // namespace pendel

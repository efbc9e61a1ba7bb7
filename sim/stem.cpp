#include "sim/stem.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/fft.hpp"
#include "core/parallel.hpp"
#include "sim/prism.hpp"

namespace pendel {

namespace {

// As coarse as `pixel` allows, a size that transforms fast, and a multiple of `factor`.
int grid_size(double length, double pixel, int factor) {
  const int least = std::max(8, int(std::ceil(length / pixel - 1e-9)));
  return factor * Fft2::good_size((least + factor - 1) / factor);
}

// Of the aperture, soft edge included [1/Å].
double outer_k(const Probe& probe) {
  return outer_semiangle(probe) / electron::wavelength(probe.energy_keV);
}

MultisliceOptions multislice_options(const StemOptions& options,
                                     const std::vector<double>& thicknesses) {
  MultisliceOptions result;
  result.beam_tilt = options.beam_tilt;
  result.exact_propagator = options.exact_propagator;
  result.thicknesses = thicknesses;
  result.memory_GB = options.memory_GB / 4;
  return result;
}

}  // namespace

// One configuration of the atoms, ready to take probes through it.
template <class Real>
class StemSimulator::Runner {
 public:
  using Wave = std::complex<Real>;

  Runner(const StemSimulator& s, int configuration, MatrixStore* store) : s_(s) {
    if (!s.matrix_) {
      make_multislice(configuration);
      find_pixels(s.grid_);
      return;
    }
    const std::size_t bytes = s.matrix_->size() * sizeof(Wave);
    if (store && store->has(configuration)) {
      matrix_ = std::make_unique<ScatteringMatrix<Real>>(
          *s.matrix_, [&](int t, Wave* values) { store->read(configuration, t, values, bytes); });
    } else {
      make_multislice(configuration);
      matrix_ = std::make_unique<ScatteringMatrix<Real>>(*multislice_, *s.matrix_);
      multislice_.reset();
      for (int t = 0; store && t < int(s.thicknesses_.size()); ++t)
        store->write(configuration, t, matrix_->values(t).data(), bytes);
    }
    find_pixels(matrix_->pattern_grid());
  }

  // Adds weight × intensity of every position to sums (position, thickness, pixel).
  void add(const Probe& probe, const std::vector<Vec2>& positions, double weight, float* sums) {
    if (matrix_)
      add_by_prism(probe, positions, weight, sums);
    else
      add_by_multislice(probe, positions, weight, sums);
  }

 private:
  void make_multislice(int configuration) {
    multislice_ = std::make_unique<Multislice<Real>>(
        std::make_shared<SlicedPotential>(s_.configuration(configuration), s_.grid_,
                                          s_.probe_.energy_keV, s_.options_.slicing),
        multislice_options(s_.options_, s_.thicknesses_));
  }

  void find_pixels(const WaveGrid& grid) {
    for (const auto& [x, y] : s_.frequency_)
      pixels_.push_back(std::size_t(y < 0 ? y + grid.ny : y) * std::size_t(grid.nx) +
                        std::size_t(x < 0 ? x + grid.nx : x));
    size_ = grid.size();
  }

  void add_by_multislice(const Probe& probe, const std::vector<Vec2>& positions, double weight,
                         float* sums) {
    const int count = int(positions.size());
    waves_.resize(size_ * positions.size());
    parallel_for(count, [&](long i, int) {
      probe_wave(probe, s_.grid_, positions[std::size_t(i)],
                 waves_.data() + std::size_t(i) * size_);
    });
    multislice_->propagate(waves_.data(), count, [&](int t) {
      parallel_for(count, [&](long i, int) {
        const Wave* wave = waves_.data() + std::size_t(i) * size_;
        float* sum =
            sums + (std::size_t(i) * s_.thicknesses_.size() + std::size_t(t)) * pixels_.size();
        for (std::size_t p = 0; p < pixels_.size(); ++p)
          sum[p] += float(weight * double(std::norm(wave[pixels_[p]])));
      });
    });
  }

  void add_by_prism(const Probe& probe, const std::vector<Vec2>& positions, double weight,
                    float* sums) {
    intensity_.resize(size_ * positions.size());
    for (std::size_t t = 0; t < s_.thicknesses_.size(); ++t) {
      matrix_->patterns(probe, positions, int(t), intensity_.data());
      parallel_for(long(positions.size()), [&](long i, int) {
        const Real* intensity = intensity_.data() + std::size_t(i) * size_;
        float* sum = sums + (std::size_t(i) * s_.thicknesses_.size() + t) * pixels_.size();
        for (std::size_t p = 0; p < pixels_.size(); ++p)
          sum[p] += float(weight * double(intensity[pixels_[p]]));
      });
    }
  }

  const StemSimulator& s_;
  std::unique_ptr<Multislice<Real>> multislice_;
  std::unique_ptr<ScatteringMatrix<Real>> matrix_;
  std::size_t size_ = 0;             // of one wave or pattern
  std::vector<std::size_t> pixels_;  // of s_.k_, in it
  std::vector<Wave, FftAllocator<Wave>> waves_;
  std::vector<Real> intensity_;
};

StemSimulator::StemSimulator(AtomicModel model, Probe probe, StemOptions options)
    : model_(std::move(model)), probe_(std::move(probe)), options_(std::move(options)) {
  const auto [fx, fy] = options_.interpolation;
  grid_ = {grid_size(model_.box.x(), options_.pixel, fx),
           grid_size(model_.box.y(), options_.pixel, fy), model_.box.x(), model_.box.y()};
  const WaveGrid pattern = {grid_.nx / fx, grid_.ny / fy, grid_.lx / fx, grid_.ly / fy};
  pixel_size_ = {1 / pattern.lx, 1 / pattern.ly};

  slices_ = slice_count(model_.box.z(), options_.slicing.slice_A);
  const double dz = model_.box.z() / slices_;
  for (const double thickness : options_.thicknesses)
    thicknesses_.push_back(dz * std::clamp(std::lround(thickness / dz), 1L, long(slices_)));
  if (thicknesses_.empty()) thicknesses_.push_back(model_.box.z());

  const double k_max =
      options_.k_max > 0 ? std::min(options_.k_max, grid_.band_limit()) : grid_.band_limit();
  for (int iy = 0; iy < pattern.ny; ++iy)
    for (int ix = 0; ix < pattern.nx; ++ix)
      if (pattern.k(ix, iy).norm() <= k_max) {
        k_.push_back(pattern.k(ix, iy));
        frequency_.push_back(
            {WaveGrid::frequency(ix, pattern.nx), WaveGrid::frequency(iy, pattern.ny)});
      }

  if (outer_k(probe_) > grid_.band_limit()) {
    char text[200];
    std::snprintf(text, sizeof text,
                  "the aperture reaches to %.3g mrad, pixels of %.3g Å carry waves to %.3g mrad; "
                  "smaller pixels are needed",
                  1e3 * outer_semiangle(probe_), grid_.dx(),
                  1e3 * grid_.band_limit() * electron::wavelength(probe_.energy_keV));
    throw Error(ErrorKind::study, text);
  }
  share_memory(pattern);
  if (options_.method == StemMethod::prism) plan_matrix();
}

void StemSimulator::plan_matrix() {
  PrismOptions prism;
  prism.semiangle = std::max(outer_semiangle(probe_), options_.matrix_semiangle);
  prism.fx = options_.interpolation[0];
  prism.fy = options_.interpolation[1];
  if (options_.k_max > 0)
    prism.k_max = std::max({options_.k_max, outer_k(probe_) * (1 + 1e-9), options_.matrix_k_max});
  prism.partition_rings = options_.partition_rings;
  prism.memory_GB = options_.memory_GB / 2;
  try {
    matrix_.emplace(grid_, probe_.energy_keV, multislice_options(options_, thicknesses_), prism,
                    2 * (options_.precision == Precision::single ? sizeof(float) : sizeof(double)));
  } catch (const Error& error) {
    throw Error(error.kind(), std::string(error.what()) + " (it has half of memory_GB)");
  }
}

int StemSimulator::configurations() const {
  return std::max({1, options_.phonon_configurations, int(options_.snapshots.size())});
}

AtomicModel StemSimulator::configuration(int number) const {
  if (!options_.snapshots.empty()) return {model_.box, options_.snapshots[std::size_t(number)]};
  return options_.phonon_configurations
             ? displaced(model_, options_.seed, number, options_.phonons_along_beam)
             : model_;
}

// A quarter of the memory is for transmission functions and half of it for PRISM's matrix. In the
// rest are each thread's work space, the waves of a batch and the patterns of a block.
void StemSimulator::share_memory(const WaveGrid& pattern) {
  const bool prism = options_.method == StemMethod::prism, phonons = configurations() > 1;
  const double real = options_.precision == Precision::single ? sizeof(float) : sizeof(double);
  // Bytes: a potential in the making and a wave; k_, frequency_ and pixels_.
  const double fixed =
      threads() * double(grid_.size()) * (40 + 2 * real) + 32.0 * double(k_.size());
  const double wave = prism ? 3 * real * double(pattern.size()) : 2 * real * double(grid_.size());
  const double position = sizeof(float) * double(k_.size() * thicknesses_.size());
  const double available = options_.memory_GB * (prism ? 0.25e9 : 0.75e9) - fixed;
  if (available < wave + position) {
    char text[200];
    std::snprintf(
        text, sizeof text,
        "memory_GB is %.3g; waves of %d x %d pixels on %d threads and the patterns of one "
        "position need at least %.3g",
        options_.memory_GB, grid_.nx, grid_.ny, threads(),
        (fixed + wave + position) / (prism ? 0.25e9 : 0.75e9));
    throw Error(ErrorKind::study, text);
  }
  // Enough that threads are busy. One more configuration of the atoms costs a new potential, and
  // with PRISM a new scattering matrix: then many positions share it, though all are lost if the
  // run is killed.
  const int most = 16 * threads();
  batch_ = int(std::min<double>(most, std::max(1.0, available / (wave + position))));
  block_ = int(std::min<double>(!phonons ? batch_
                                : prism  ? 4096
                                         : 256,
                                std::max(1.0, (available - batch_ * wave) / position)));
}

template <class Real>
void StemSimulator::run_as(const std::vector<Vec2>& positions, const Sink& sink,
                           MatrixStore* store) const {
  const std::size_t per_position = thicknesses_.size() * k_.size();
  const std::vector<DefocusOffset> foci = defocus_offsets(options_.focal_spread, 7);
  const std::vector<PositionOffset> sources = source_offsets(options_.source_size, 3);
  const int configurations = this->configurations();
  std::unique_ptr<Runner<Real>> runner;
  std::vector<float> sums;
  std::vector<Vec2> shifted;
  for (std::size_t first = 0; first < positions.size(); first += block_) {
    const std::size_t count = std::min(positions.size() - first, std::size_t(block_));
    sums.assign(count * per_position, 0);
    for (int configuration = 0; configuration < configurations; ++configuration) {
      if (!runner || configurations > 1) {
        runner.reset();  // frees its memory first
        runner = std::make_unique<Runner<Real>>(*this, configuration, store);
      }
      for (std::size_t done = 0; done < count; done += std::size_t(batch_)) {
        const auto begin = positions.begin() + long(first + done);
        const auto end = begin + long(std::min(count - done, std::size_t(batch_)));
        for (const DefocusOffset& focus : foci) {
          Probe probe = probe_;
          if (focus.C10 != 0) probe.aberrations.push_back({1, 0, focus.C10, 0});
          for (const PositionOffset& source : sources) {
            shifted.assign(begin, end);
            for (Vec2& position : shifted) position += source.position;
            runner->add(probe, shifted, focus.weight * source.weight / configurations,
                        sums.data() + done * per_position);
          }
        }
      }
    }
    parallel_for(long(count), [&](long i, int) {
      sink(first + std::size_t(i), sums.data() + std::size_t(i) * per_position);
    });
  }
}

void StemSimulator::run(const std::vector<Vec2>& positions, const Sink& sink,
                        MatrixStore* store) const {
  if (options_.precision == Precision::single)
    run_as<float>(positions, sink, store);
  else
    run_as<double>(positions, sink, store);
}

}  // namespace pendel

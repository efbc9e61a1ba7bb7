#include "sim/splitstep.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/clones.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/multiply.hpp"
#include "core/parallel.hpp"
#include "sim/ewald.hpp"

namespace pendel {

namespace {

using Array = Eigen::ArrayXcd;

/// x <- f (x + s y), on interleaved real and imaginary parts.
PENDEL_CLONES void multiply_add(double* x, const double* f, const double* s, const double* y,
                                int size) {
  for (int i = 0; i < 2 * size; i += 2) {
    const double a = x[i] + s[i] * y[i] - s[i + 1] * y[i + 1];
    const double b = x[i + 1] + s[i] * y[i + 1] + s[i + 1] * y[i];
    x[i] = a * f[i] - b * f[i + 1];
    x[i + 1] = a * f[i + 1] + b * f[i];
  }
}

double* raw(complex* x) { return reinterpret_cast<double*>(x); }
const double* raw(const complex* x) { return reinterpret_cast<const double*>(x); }

/// exp(i angle − damping), scaled.
Array exponential(const Eigen::ArrayXd& angle, const Eigen::ArrayXd* damping, double scale) {
  Array result(angle.size());
  for (int i = 0; i < angle.size(); ++i)
    result[i] = std::polar(damping ? scale * std::exp(-(*damping)[i]) : scale, angle[i]);
  return result;
}

/// The coarsest net that holds the zone net and every higher-order reflection's in-plane part: the
/// columns of F [units of b1, b2]. Offsets are those parts, in the same units.
Eigen::Matrix2d refined_net(const std::vector<Vec2>& offsets) {
  constexpr int q_max = 24;
  constexpr double tolerance = 1e-4;
  const auto whole = [](const Vec2& v) {
    return (v - Vec2(v.array().round())).cwiseAbs().maxCoeff() < tolerance;
  };
  int q = 1;
  while (!std::all_of(offsets.begin(), offsets.end(), [&](const Vec2& o) { return whole(q * o); }))
    if (++q > q_max)
      throw Error(ErrorKind::study,
                  "higher-order Laue zones do not repeat on a common in-plane net for this beam "
                  "direction; use engine.zero_order_only: true, or the Bloch engine");
  // Hermite normal form of the integer columns (q,0), (0,q), q o: Euclid on the first components
  // leaves one column (p, r), and what remains of the others generates (0, s).
  std::vector<Eigen::Vector2i> columns{{q, 0}, {0, q}};
  for (const Vec2& o : offsets) columns.push_back((q * o).array().round().matrix().cast<int>());
  Eigen::Vector2i first(0, 0);
  int s = 0;
  for (Eigen::Vector2i column : columns) {
    while (column[0] != 0) {
      first -= first[0] / column[0] * column;
      first.swap(column);
    }
    s = std::gcd(s, column[1]);
  }
  first *= first[0] < 0 ? -1 : 1;
  first[1] -= int(std::lround(double(first[1]) / s)) * s;
  Eigen::Matrix2d F;
  F << first[0], 0, first[1], s;
  return F / q;
}

}  // namespace

/// Everything one layer multiplies the wave with, for one incident direction.
struct SplitStep::LayerStep {
  IncidentWave wave;
  double U_0 = 0;  // taken out of the slices: it is in K
  int cells = 0;
  double dz = 0;
  std::vector<double> excitation;   // K² − |K+g|²
  Array half, full;                 // propagators
  std::vector<Array> transmission;  // per slice, 1/(n1 n2) of the transforms included
};

/// Logarithmic derivatives of a layer's propagators and transmissions along one tangent.
struct SplitStep::Sources {
  bool propagator = false, transmission = false;
  Array half, full;
  std::vector<Array> slice;
};

SplitStep::SplitStep(const State& state, Beams beams, SplitStepOptions options)
    : beams_(std::move(beams)), options_(options), fft_(1, 1) {
  if ((state.surface_normal.normalized() - Vec3::UnitZ()).norm() > 1e-9)
    throw Error(
        ErrorKind::study,
        "the split-step engine needs a surface perpendicular to the beam direction; use the "
        "Bloch engine for an inclined foil");
  const ZoneNet net = zone_net(state);

  std::vector<Vec2> offsets;
  if (!options_.zero_order_only)
    for (std::size_t c = 0; c < state.crystals.size(); ++c) {
      const OrientedCrystal& crystal = state.crystals[c];
      Eigen::Matrix2d zone;
      for (int i = 0; i < 2; ++i)
        zone.col(i) = (crystal.R_lab_crystal * crystal.crystal.g(net.basis[c][i]).v).head<2>();
      for (const Hkl& edge : {Hkl{1, 0, 0}, Hkl{0, 1, 0}, Hkl{0, 0, 1}})
        offsets.push_back(zone.inverse() *
                          (crystal.R_lab_crystal * crystal.crystal.g(edge).v).head<2>());
    }
  const Eigen::Matrix2d F = refined_net(offsets);
  const Eigen::Matrix2i refinement = F.inverse().array().round().matrix().cast<int>();

  grid_.b = net.b * F;
  const Eigen::Matrix2d real_space = grid_.b.inverse();
  const auto waves_along = [&](int axis) {
    return Fft2::good_size(2 * int(options_.g_max * real_space.row(axis).norm()) + 1);
  };
  grid_.n1 = waves_along(0);
  grid_.n2 = waves_along(1);
  fft_ = Fft2(grid_.n1, grid_.n2);
  for (int p = 0; p < grid_.size(); ++p) {
    const Vec2 g = grid_.b * Vec2(PlaneWaveGrid::frequency(p / grid_.n2, grid_.n1),
                                  PlaneWaveGrid::frequency(p % grid_.n2, grid_.n2));
    pixels_.g.emplace_back(g[0], g[1], 0);
  }
  pixels_.strain = beams_.strain;
  for (std::size_t i = 0; i < beams_.size(); ++i) {
    const Vec2 hk = real_space * beams_.g[i].head<2>();
    const int pixel = grid_.pixel(int(std::lround(hk[0])), int(std::lround(hk[1])));
    const Hkl& hkl = beams_.hkl[i];
    if (pixel < 0 || std::abs(beams_.g[i].z()) > 1e-6)
      throw Error(ErrorKind::study,
                  "beam (" + std::to_string(hkl.h) + " " + std::to_string(hkl.k) + " " +
                      std::to_string(hkl.l) + ") is not in the split-step model: " +
                      (pixel < 0 ? "beyond g_max_invA " + std::to_string(options_.g_max)
                                 : "not in the zero-order Laue zone of the beam direction"));
    beam_pixel_.push_back(pixel);
  }
  for (std::size_t c = 0; c < state.crystals.size(); ++c)
    potentials_.emplace_back(state.crystals[c], net.basis[c], refinement, grid_, state.energy_keV,
                             options_.potential, options_.slice_A, options_.zero_order_only);
}

std::vector<Vec3> SplitStep::pixel_g(const State& state) const {
  return strained(pixels_, state).g;
}

SplitStep::LayerStep SplitStep::layer_step(const Vec2& tilt, const State& state,
                                           const std::vector<Vec3>& g, int crystal,
                                           double thickness, const SliceArrays& slices) const {
  const SlicePotential& potential = potentials_[crystal];
  LayerStep step;
  step.U_0 = options_.refraction ? slices.mean_U : 0;
  step.wave = incident_wave(state, tilt, step.U_0);
  const double K_n = step.wave.K_n;
  step.cells = std::max(1, int(std::lround(thickness / slices.period)));
  step.dz = thickness / (step.cells * potential.slices());
  const int size = grid_.size();
  step.excitation.resize(size);
  Eigen::ArrayXd angle(size);
  for (int p = 0; p < size; ++p) {
    step.excitation[p] = excitation(step.wave, g[p]);
    angle[p] = electron::pi * step.dz / K_n * step.excitation[p] / 2;
  }
  step.half = exponential(angle, nullptr, 1);
  step.full = step.half * step.half;
  for (int j = 0; j < potential.slices(); ++j) {
    const double scale = electron::pi * step.dz / K_n;
    angle = scale * (slices.elastic[j] - step.U_0);
    if (potential.absorbing()) {
      const Eigen::ArrayXd damping = scale * state.absorption_strength * slices.absorptive[j];
      step.transmission.push_back(exponential(angle, &damping, 1.0 / size));
    } else {
      step.transmission.push_back(exponential(angle, nullptr, 1.0 / size));
    }
  }
  return step;
}

void SplitStep::exit_waves(const State& state, const std::vector<Vec2>& incidence,
                           const std::vector<StateTangent>& tangents, ExitWaves& waves) const {
  const int size = grid_.size(), count = int(tangents.size());
  const auto crystal_tangent = [&](int k, int c) -> const CrystalTangent* {
    if (tangents[k].crystals.empty() || tangents[k].crystals[c].zero()) return nullptr;
    return &tangents[k].crystals[c];
  };

  // Potentials and their derivatives: the same for every incident direction.
  const int crystals = int(potentials_.size());
  std::vector<SliceArrays> slices(crystals);
  std::vector<std::vector<SliceArrays>> dslices(crystals, std::vector<SliceArrays>(count));
  for (int c = 0; c < crystals; ++c) {
    const Crystal& crystal = state.crystals[c].crystal;
    potentials_[c].evaluate(crystal, fft_, slices[c]);
    for (int k = 0; k < count; ++k)
      if (const CrystalTangent* direction = crystal_tangent(k, c))
        potentials_[c].derivative(crystal, *direction, fft_, dslices[c][k]);
  }

  const std::vector<Vec3> g = pixel_g(state);
  std::vector<Mat3> strain(count);
  for (int k = 0; k < count; ++k) strain[k] = strain_of_beams(state, tangents[k]);

  waves.psi.resize(beams_.size(), incidence.size());
  waves.dpsi.assign(count, MatrixXcd(beams_.size(), incidence.size()));
  FftArray psi(size);
  std::vector<FftArray> dpsi(count, FftArray(size));
  std::vector<char> active(count);
  std::vector<Sources> sources(count);

  for (std::size_t direction = 0; direction < incidence.size(); ++direction) {
    std::fill(psi.begin(), psi.end(), complex(0));
    psi[0] = 1;
    for (FftArray& d : dpsi) std::fill(d.begin(), d.end(), complex(0));
    std::fill(active.begin(), active.end(), 0);
    double common = 0;  // 2π Σ (K_n − k0_n) t
    std::vector<double> dcommon(count, 0.0);

    for (std::size_t l = 0; l < state.layers.size(); ++l) {
      const Layer& layer = state.layers[l];
      const int c = layer.crystal;
      const LayerStep step = layer_step(state.beam_tilt + incidence[direction], state, g, c,
                                        layer.thickness, slices[c]);
      const IncidentWave& wave = step.wave;
      const double scale = electron::pi * step.dz / wave.K_n;
      common += 2 * electron::pi * (wave.K_n - wave.k0_n) * layer.thickness;

      for (int k = 0; k < count; ++k) {
        const StateTangent& tangent = tangents[k];
        const double dt = tangent.thickness.empty() ? 0 : tangent.thickness[l];
        const CrystalTangent* crystal = crystal_tangent(k, c);
        const double dU_0 = crystal && options_.refraction ? dslices[c][k].mean_U : 0;
        const WaveTangent dwave = wave_tangent(wave, state.surface_normal, tangent.beam_tilt, dU_0);
        dcommon[k] += 2 * electron::pi *
                      ((wave.K_n - wave.k0_n) * dt + (dwave.dK_n - dwave.dk0_n) * layer.thickness);
        // Beams with g_n = 0 keep their excitation errors while U_0 changes.
        const bool turned = !tangent.beam_tilt.isZero(0) || !strain[k].isZero(0);
        const double dslice = dt / (step.cells * potentials_[c].slices());
        // d(dz/K_n) in units of π
        const double dscale =
            electron::pi * (dslice / wave.K_n - step.dz * dwave.dK_n / (wave.K_n * wave.K_n));

        Sources& source = sources[k];
        source.propagator = turned || dscale != 0;
        if (source.propagator) {
          source.full.resize(size);
          for (int p = 0; p < size; ++p) {
            const double dexcitation =
                turned ? excitation_derivative(wave, dwave, g[p], strain[k] * g[p]) : 0;
            source.full[p] = complex(0, dscale * step.excitation[p] + scale * dexcitation);
          }
          source.half = source.full / 2;
        }
        const double strength = state.absorption_strength;
        const bool absorbing = potentials_[c].absorbing();
        source.transmission =
            crystal || dscale != 0 || (absorbing && tangent.absorption_strength != 0);
        if (source.transmission) {
          source.slice.assign(potentials_[c].slices(), Array::Zero(size));
          for (int j = 0; j < potentials_[c].slices(); ++j) {
            Array& s = source.slice[j];
            s.imag() = dscale * (slices[c].elastic[j] - step.U_0);
            if (crystal) s.imag() += scale * (dslices[c][k].elastic[j] - dU_0);
            if (!absorbing) continue;
            s.real() = -(dscale * strength + scale * tangent.absorption_strength) *
                       slices[c].absorptive[j];
            if (crystal) s.real() -= scale * strength * dslices[c][k].absorptive[j];
          }
        }
        if (source.propagator || source.transmission) active[k] = 1;
      }

      // field <- factor (field + source psi), psi last.
      const auto apply = [&](const Array& factor, const Array Sources::*propagator, int slice) {
        const complex* f = factor.data();
        for (int k = 0; k < count; ++k) {
          if (!active[k]) continue;
          const Sources& source = sources[k];
          const Array* s = nullptr;
          if (propagator && source.propagator) s = &(source.*propagator);
          if (!propagator && source.transmission) s = &source.slice[slice];
          if (s)
            multiply_add(raw(dpsi[k].data()), raw(f), raw(s->data()), raw(psi.data()), size);
          else
            multiply(dpsi[k].data(), f, size);
        }
        multiply(psi.data(), f, size);
      };
      const auto transform = [&](bool to_real_space) {
        const auto one = [&](FftArray& x) {
          to_real_space ? fft_.backward(x.data()) : fft_.forward(x.data());
        };
        one(psi);
        for (int k = 0; k < count; ++k)
          if (active[k]) one(dpsi[k]);
      };
      apply(step.half, &Sources::half, 0);
      for (int cell = 0; cell < step.cells; ++cell)
        for (std::size_t j = 0; j < step.transmission.size(); ++j) {
          stop_if_interrupted();
          transform(true);
          apply(step.transmission[j], nullptr, int(j));
          transform(false);
          const bool last = cell + 1 == step.cells && j + 1 == step.transmission.size();
          if (last)
            apply(step.half, &Sources::half, 0);
          else
            apply(step.full, &Sources::full, 0);
        }
    }

    const complex factor = std::polar(1.0, common);
    for (std::size_t i = 0; i < beams_.size(); ++i) {
      const complex value = factor * psi[beam_pixel_[i]];
      waves.psi(i, direction) = value;
      for (int k = 0; k < count; ++k)
        waves.dpsi[k](i, direction) =
            factor * dpsi[k][beam_pixel_[i]] + complex(0, dcommon[k]) * value;
    }
  }
}

void SplitStep::thickness_series(const State& state, const std::vector<Vec2>& incidence, int layer,
                                 const std::vector<double>& thicknesses,
                                 const SeriesSink& sink) const {
  if (layer < 0 || layer >= int(state.layers.size()))
    throw Error(ErrorKind::study, "layer " + std::to_string(layer) +
                                      " of a thickness series: the specimen has " +
                                      std::to_string(state.layers.size()));
  std::vector<SliceArrays> slices(potentials_.size());
  for (std::size_t c = 0; c < potentials_.size(); ++c)
    potentials_[c].evaluate(state.crystals[c].crystal, fft_, slices[c]);
  const std::vector<Vec3> g = pixel_g(state);

  /// Where a wave is read out: after how many cells, for which thickness.
  struct Stop {
    int cells;
    std::size_t thickness;
  };
  // Ways through the layer: on each, cells are stretched alike (but for rounding).
  std::vector<std::vector<Stop>> ways;
  const double period = slices[state.layers[layer].crystal].period;
  const auto cell = [&](const Stop& stop) { return thicknesses[stop.thickness] / stop.cells; };
  for (std::size_t k = 0; k < thicknesses.size(); ++k) {
    const Stop stop{std::max(1, int(std::lround(thicknesses[k] / period))), k};
    const auto way = std::find_if(ways.begin(), ways.end(), [&](const std::vector<Stop>& w) {
      return std::abs(cell(w[0]) - cell(stop)) <= 2e-15 * cell(stop);
    });
    way == ways.end() ? ways.push_back({stop}) : way->push_back(stop);
  }
  for (std::vector<Stop>& way : ways)
    std::stable_sort(way.begin(), way.end(),
                     [](const Stop& a, const Stop& b) { return a.cells < b.cells; });

  parallel_for(long(incidence.size()), [&](long direction, int) {
    const Vec2 tilt = state.beam_tilt + incidence[direction];
    struct Wave {
      FftArray psi;
      double common;  // 2π Σ (K_n − k0_n) t
    };
    /// The wave behind `thick` of layer l, at each stop on the way.
    const auto cross = [&](const Wave& from, int l, const std::vector<Stop>& stops,
                           const auto& thick, const auto& out) {
      const int c = state.layers[l].crystal, size = grid_.size();
      const LayerStep step = layer_step(tilt, state, g, c, thick(stops.back()), slices[c]);
      FftArray x = from.psi;
      multiply(x.data(), step.half.data(), size);
      auto stop = stops.begin();
      for (int i = 0, m = int(step.transmission.size()); stop != stops.end(); ++i) {
        stop_if_interrupted();
        fft_.backward(x.data());
        multiply(x.data(), step.transmission[i % m].data(), size);
        fft_.forward(x.data());
        for (; stop != stops.end() && stop->cells * m == i + 1; ++stop) {
          Wave here{
              x, from.common + 2 * electron::pi * (step.wave.K_n - step.wave.k0_n) * thick(*stop)};
          multiply(here.psi.data(), step.half.data(), size);
          out(*stop, std::move(here));
        }
        multiply(x.data(), step.full.data(), size);
      }
    };
    const auto cross_whole = [&](Wave& wave, int l) {
      const double t = state.layers[l].thickness;
      const double cells = t / slices[state.layers[l].crystal].period;
      cross(
          Wave(wave), l, {{std::max(1, int(std::lround(cells))), 0}},
          [&](const Stop&) { return t; },
          [&](const Stop&, Wave behind) { wave = std::move(behind); });
    };

    Wave entrance{FftArray(std::size_t(grid_.size())), 0};
    entrance.psi[0] = 1;
    for (int l = 0; l < layer; ++l) cross_whole(entrance, l);
    for (const std::vector<Stop>& way : ways)
      cross(
          entrance, layer, way, [&](const Stop& stop) { return thicknesses[stop.thickness]; },
          [&](const Stop& stop, Wave wave) {
            for (int l = layer + 1; l < int(state.layers.size()); ++l) cross_whole(wave, l);
            MatrixXcd psi(beams_.size(), 1);
            for (std::size_t i = 0; i < beams_.size(); ++i)
              psi(i, 0) = std::polar(1.0, wave.common) * wave.psi[beam_pixel_[i]];
            sink(stop.thickness, {std::size_t(direction)}, psi);
          });
  });
}

LayerVariant SplitStep::layer_variant(const State& state, int layer) const {
  const Layer& of = state.layers[layer];
  LayerVariant variant{of.thickness, {}};
  potentials_[of.crystal].evaluate(state.crystals[of.crystal].crystal, fft_, variant.slices);
  return variant;
}

MatrixXcd SplitStep::exit_waves_of_variants(
    const State& state, const Vec2& incidence,
    const std::vector<std::vector<LayerVariant>>& variants) const {
  const int size = grid_.size(), layers = int(state.layers.size());
  const Vec2 tilt = state.beam_tilt + incidence;
  const std::vector<Vec3> g = pixel_g(state);
  // The layer before which waves from the entrance meet waves from the exit: least propagations.
  std::vector<double> forward(layers + 1, 0), backward(layers + 1, 0);
  double combinations = 1;
  for (int l = 0; l < layers; ++l) {
    combinations *= double(variants[l].size());
    forward[l + 1] = forward[l] + combinations;
  }
  combinations = double(beams_.size());
  for (int l = layers - 1; l >= 0; --l) {
    combinations *= double(variants[l].size());
    backward[l] = backward[l + 1] + combinations;
  }
  int meeting = layers;
  for (int l = 0; l <= layers; ++l)
    if (forward[l] + backward[l] < forward[meeting] + backward[meeting]) meeting = l;

  /// One layer applied to every wave; transposed: from the exit face.
  const auto propagate = [&](int l, std::vector<FftArray>& waves, bool transposed) {
    const int c = state.layers[l].crystal;
    std::vector<FftArray> result;
    for (std::size_t v = 0; v < variants[l].size(); ++v) {
      const LayerStep step =
          layer_step(tilt, state, g, c, variants[l][v].thickness, variants[l][v].slices);
      const complex common = std::polar(
          1.0, 2 * electron::pi * (step.wave.K_n - step.wave.k0_n) * variants[l][v].thickness);
      const int m = int(step.transmission.size());
      for (const FftArray& incoming : waves) {
        FftArray x = incoming;
        multiply(x.data(), step.half.data(), size);
        for (int i = 0; i < step.cells * m; ++i) {
          stop_if_interrupted();
          // the transpose runs the slices and the transforms the other way round
          transposed ? fft_.forward(x.data()) : fft_.backward(x.data());
          multiply(x.data(), step.transmission[transposed ? m - 1 - i % m : i % m].data(), size);
          transposed ? fft_.backward(x.data()) : fft_.forward(x.data());
          const bool last = i + 1 == step.cells * m;
          multiply(x.data(), (last ? step.half : step.full).data(), size);
        }
        for (complex& value : x) value *= common;
        result.push_back(std::move(x));
      }
    }
    waves = std::move(result);
  };
  // Order of the columns: the layer applied last is slowest here; sorted out at the end.
  std::vector<FftArray> entrance(1, FftArray(size)), exit;
  entrance[0][0] = 1;
  for (int l = 0; l < meeting; ++l) propagate(l, entrance, false);
  for (int pixel : beam_pixel_) {
    exit.emplace_back(size);
    exit.back()[pixel] = 1;
  }
  for (int l = layers - 1; l >= meeting; --l) propagate(l, exit, true);

  const auto matrix = [&](const std::vector<FftArray>& waves) {
    MatrixXcd result(size, waves.size());
    for (std::size_t i = 0; i < waves.size(); ++i)
      result.col(i) = Eigen::Map<const VectorXcd>(waves[i].data(), size);
    return result;
  };
  MatrixXcd products(exit.size(), entrance.size());  // (variants behind × beams, variants before)
  const MatrixXcd left = matrix(exit).transpose(), right = matrix(entrance);
  gemm(1, left, false, right, 0, products);

  // entrance index: v_0 + n_0 (v_1 + n_1 (...)); exit: beam + n_beams (v_{L-1} + n_{L-1} (...)).
  const int n_beams = int(beams_.size());
  long total = 1;
  for (const auto& v : variants) total *= long(v.size());
  MatrixXcd amplitudes(n_beams, total);
  std::vector<std::size_t> index(layers, 0);
  for (long column = 0; column < total; ++column) {
    long rest = column;
    for (int l = layers - 1; l >= 0; --l) {
      index[l] = rest % variants[l].size();
      rest /= long(variants[l].size());
    }
    long before = 0, behind = 0;
    for (int l = meeting - 1; l >= 0; --l)
      before = before * long(variants[l].size()) + long(index[l]);
    for (int l = meeting; l < layers; ++l)
      behind = behind * long(variants[l].size()) + long(index[l]);
    amplitudes.col(column) = products.col(before).segment(behind * n_beams, n_beams);
  }
  return amplitudes;
}

}  // namespace pendel

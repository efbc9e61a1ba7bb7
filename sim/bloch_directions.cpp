// Bloch::thickness_series: what directions share is found once; then blocks of directions cross the
// layers, each by eigen-decompositions or by the exponential's action.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "sim/bloch.hpp"
#include "sim/bloch_exponential.hpp"
#include "sim/bloch_symmetry.hpp"

namespace pendel {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// A direction computed stands for others: beam g of `direction` is conj(phase_g) times beam
/// image_g of the one computed; no symmetry: itself.
struct Copy {
  std::size_t direction;
  const BeamSymmetry* symmetry;
};

struct Computed {
  Vec2 tilt, transverse;  // whole tilt, its sines
  std::vector<Copy> copies;
};

std::vector<Computed> representatives(const State& state, const std::vector<Vec2>& incidence,
                                      const std::vector<BeamSymmetry>& symmetries) {
  // Sines equal to within this are the same direction: excitation errors then agree to rounding.
  constexpr double resolution = 1e-13;
  const auto key = [](const Vec2& s) {
    return std::make_pair(std::llround(s[0] / resolution), std::llround(s[1] / resolution));
  };
  std::vector<Computed> computed;
  std::map<std::pair<long long, long long>, std::size_t> known;
  for (std::size_t d = 0; d < incidence.size(); ++d) {
    const Vec2 tilt = state.beam_tilt + incidence[d];
    const Vec2 transverse = tilt.array().sin();
    auto found = known.find(key(transverse));
    const BeamSymmetry* used = nullptr;
    for (std::size_t i = 0; i < symmetries.size() && found == known.end(); ++i) {
      found = known.find(key(symmetries[i].R * transverse));
      used = &symmetries[i];
    }
    if (found != known.end()) {
      computed[found->second].copies.push_back({d, used});
    } else {
      known[key(transverse)] = computed.size();
      computed.push_back({tilt, transverse, {{d, nullptr}}});
    }
  }
  return computed;
}

/// Blocks of neighbours in tilt: their spectra are alike, so that no direction pays for another's.
void split(std::vector<Computed>::iterator begin, std::vector<Computed>::iterator end, long most,
           std::vector<std::pair<std::vector<Computed>::iterator, long>>& blocks) {
  const long count = end - begin;
  if (count <= most) {
    if (count > 0) blocks.emplace_back(begin, count);
    return;
  }
  Vec2 low = begin->transverse, high = low;
  for (auto d = begin; d != end; ++d) {
    low = low.cwiseMin(d->transverse);
    high = high.cwiseMax(d->transverse);
  }
  const int axis = high[0] - low[0] >= high[1] - low[1] ? 0 : 1;
  const auto middle = begin + (count / most + (count % most != 0)) / 2 * most;
  std::sort(begin, end, [axis](const Computed& a, const Computed& b) {
    return std::make_pair(a.transverse[axis], a.copies[0].direction) <
           std::make_pair(b.transverse[axis], b.copies[0].direction);
  });
  split(begin, middle, most, blocks);
  split(middle, end, most, blocks);
}

/// Nanoseconds that one direction costs, N beams, measured with one thread of an AVX-512 processor
/// (OpenBLAS, busy machine): dsyevd, zheevd, zgeev with inverse for N = 20..300, and the series of
/// bench/bench_directions.cpp. LAPACK is bound by memory here, so nearly N². Only ratios matter.
double eigen_cost(double N, bool is_real, bool loss, double thicknesses) {
  const double decomposition = loss ? 1300 + 2.5 * N : is_real ? 140 : 240 + 0.5 * N;
  return (decomposition + thicknesses) * N * N;
}
double exponential_cost(double N, bool real_vectors, double flop, double terms,
                        double thicknesses) {
  const double products = real_vectors ? 1 : 3;
  return terms * products * 0.04 * flop + terms * (3 * products + 0.5 * thicknesses) * N;
}

/// One crystal of the specimen, on the beams reached, in their gauge.
struct CrystalPart {
  double U_0 = 0;  // refraction
  MatrixXcd U;     // couplings
  std::optional<CouplingBlocks> blocks;
  ZoneFace face;  // if other zones act on the mean
  struct Slice {
    CouplingBlocks blocks;
    std::pair<double, double> elastic, loss;  // extreme eigenvalues
  };
  std::vector<Slice> slices;  // if the crystal is in slices: no U and blocks of its own, then
  std::vector<int> sequence;  // of a cell
  std::pair<double, double> loss = {0, 0};  // extreme eigenvalues of the absorptive couplings
  double norm = 0;                          // of the off-diagonal couplings: a bound
};

/// The directions of one block in one crystal.
struct BlockWaves {
  std::vector<IncidentWave> wave;
  DirectionBlock block;
  double K = 0;       // M = K H for all directions: exp(iπ H t) = exp(iτM), τ = π t/K
  Spectrum spectrum;  // if wanted
};

/// g_n of every beam [1/Å], and whether any is not 0.
VectorXd along_normal(const State& state, const ReachedBeams& reached) {
  const Vec3 normal = state.surface_normal.normalized();
  VectorXd g_n(reached.g.size());
  for (std::size_t g = 0; g < reached.g.size(); ++g) g_n[Index(g)] = reached.g[g].dot(normal);
  return g_n;
}
bool inclined(const VectorXd& g_n) { return g_n.cwiseAbs().maxCoeff() > 1e-11; }

BlockWaves block_waves(const State& state, const CrystalPart& crystal, const ReachedBeams& reached,
                       const std::vector<Vec2>& tilts) {
  const Index n = Index(reached.g.size()), m = Index(tilts.size());
  BlockWaves result;
  for (const Vec2& tilt : tilts) result.wave.push_back(incident_wave(state, tilt, crystal.U_0));
  result.K = result.wave[0].K_n;
  result.block.diagonal.resize(n, m);
  result.block.factor.resize(m);
  const VectorXd g_n = along_normal(state, reached);
  const bool scaled = inclined(g_n);
  if (scaled) result.block.scale.resize(n, m);
  for (Index d = 0; d < m; ++d) {
    const IncidentWave& wave = result.wave[d];
    for (Index g = 0; g < n; ++g) {
      const double share = result.K / (wave.K_n + (scaled ? g_n[g] : 0));
      result.block.diagonal(g, d) = excitation(wave, reached.g[g]) * share;
      if (scaled) result.block.scale(g, d) = std::sqrt(share);
    }
    result.block.factor[d] = scaled ? 1 : result.K / wave.K_n;
  }
  return result;
}

/// The largest eigenvalue is a convex function of the diagonal, and the diagonal nearly linear in
/// the transverse wavevector: bounds at the corners of a box around the tilts hold inside it, but
/// for what is not linear, which is added.
Spectrum block_spectrum(const State& state, const CrystalPart& crystal, const ReachedBeams& reached,
                        const std::vector<Vec2>& tilts, const BlockWaves& waves) {
  Vec2 low = tilts[0].array().sin(), high = low;
  for (const Vec2& tilt : tilts) {
    low = low.cwiseMin(Vec2(tilt.array().sin()));
    high = high.cwiseMax(Vec2(tilt.array().sin()));
  }
  std::vector<Vec2> corners;
  for (int i = 0; i < 4; ++i)
    corners.push_back(Vec2(i % 2 ? high[0] : low[0], i / 2 ? high[1] : low[1]).array().asin());
  if (high == low) corners.resize(1);
  BlockWaves at_corner = block_waves(state, crystal, reached, corners);

  Spectrum spectrum{INFINITY, -INFINITY, 0, 0};
  MatrixXcd U = crystal.U;
  if (crystal.loss.second != 0 || crystal.loss.first != 0)
    U = 0.5 * (crystal.U + crystal.U.adjoint());
  // in units of the block's K
  const double unit = waves.K / at_corner.K;
  at_corner.block.diagonal *= unit;
  double scale_change = 0;  // relative, of what multiplies the couplings
  VectorXd scale = VectorXd::Ones(U.rows());
  if (waves.block.scale.size() > 0) {
    scale = waves.block.scale.col(0);
    scale_change = 2 * (waves.block.scale.array().colwise() / scale.array() - 1).abs().maxCoeff();
  } else {
    scale_change = (waves.block.factor.array() - 1).abs().maxCoeff();
  }
  const MatrixXcd scaled = scale.asDiagonal() * U * scale.asDiagonal();
  for (Index corner = 0; corner < at_corner.block.diagonal.cols(); ++corner) {
    const auto bounds = extreme_eigenvalues(scaled, at_corner.block.diagonal.col(corner));
    spectrum.lowest = std::min(spectrum.lowest, bounds.first);
    spectrum.highest = std::max(spectrum.highest, bounds.second);
  }
  double not_linear = 0;
  const Vec2 size = high - low;
  for (std::size_t d = 0; d < tilts.size() && corners.size() == 4; ++d) {
    const Vec2 s = tilts[d].array().sin();
    const double x = size[0] > 0 ? (s[0] - low[0]) / size[0] : 0;
    const double y = size[1] > 0 ? (s[1] - low[1]) / size[1] : 0;
    VectorXd weights(4);
    weights << (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y;
    not_linear = std::max(
        not_linear,
        (at_corner.block.diagonal * weights - waves.block.diagonal.col(d)).cwiseAbs().maxCoeff());
  }
  const double largest_scale = scale.cwiseAbs2().maxCoeff();
  const double more = not_linear + 1.1 * scale_change * largest_scale * crystal.norm;
  spectrum.lowest -= more;
  spectrum.highest += more;
  const double change = largest_scale * (1 + scale_change);
  spectrum.least_loss = std::min(crystal.loss.first * change, crystal.loss.first / change);
  spectrum.most_loss = crystal.loss.second * change;
  return spectrum;
}

/// The same for a slice, short enough to need no narrow bounds.
Spectrum slice_spectrum(const CrystalPart::Slice& slice, const DirectionBlock& block) {
  const double factor_change = (block.factor.array() - 1).abs().maxCoeff();
  const auto widened = [&](const std::pair<double, double>& range) {
    const double more = factor_change * std::max(std::abs(range.first), std::abs(range.second));
    return std::make_pair(range.first - more, range.second + more);
  };
  const auto [low, high] = widened(slice.elastic);
  const auto [least_loss, most_loss] = widened(slice.loss);
  return {block.diagonal.minCoeff() + low, block.diagonal.maxCoeff() + high, least_loss, most_loss};
}

}  // namespace

SeriesReport Bloch::thickness_series(const State& state, const std::vector<Vec2>& incidence,
                                     int layer, const std::vector<double>& thicknesses,
                                     const SeriesSink& sink, const SeriesOptions& options) const {
  if (layer < 0 || layer >= int(state.layers.size()))
    throw Error(ErrorKind::study, "layer " + std::to_string(layer) +
                                      " of a thickness series: the specimen has " +
                                      std::to_string(state.layers.size()));
  const bool folded = weak_.size() > 0;
  if (folded && options.method == BlochMethod::exponential)
    throw Error(ErrorKind::study,
                "weak beams change with the direction: a thickness series with them needs the "
                "eigen method");
  if (slices_ && options.method == BlochMethod::eigen)
    throw Error(ErrorKind::study,
                "a crystal in slices is crossed by the exponential method, not by eigen");
  if (incidence.empty() || thicknesses.empty()) return {};

  // The couplings of every crystal, and what they have in common.
  const bool absorbing = potential_.absorbing(state);
  std::vector<int> used;
  for (const Layer& l : state.layers)
    if (std::find(used.begin(), used.end(), l.crystal) == used.end()) used.push_back(l.crystal);
  std::vector<CrystalPart> crystals(state.crystals.size());
  std::vector<OpticalPotential::Coefficients> potential(state.crystals.size());
  std::vector<Couplings> hermitian;
  const auto hermitian_parts = [&](const MatrixXcd& U) -> Couplings {
    if (!absorbing) return {U, {}};
    return {0.5 * (U + U.adjoint()), complex(0, -0.5) * (U - U.adjoint())};
  };
  std::vector<SlicedCell> cells(state.crystals.size());
  for (int c : used) {
    if (slices_) {
      potential[c] = potential_.coefficients(state, c);
      crystals[c].U_0 = potential[c].refraction_U_0;
      cells[c] = sliced_cell(c, potential[c].U);
      crystals[c].sequence = cells[c].sequence;
      // What all slices have in common, a sum with weights that no symmetry knows has, too.
      VectorXcd sum = VectorXcd::Zero(cells[c].potentials[0].size());
      for (std::size_t j = 0; j < cells[c].potentials.size(); ++j)
        sum += (1 + 0.5 * std::sin(1.7 * double(j))) * cells[c].potentials[j];
      hermitian.push_back(hermitian_parts(coupling_matrix(pairs_[c].strong, sum)));
      continue;
    }
    LayerPart part = layer_part(state, c);
    potential[c] = std::move(part.potential);
    crystals[c].face = std::move(part.face);
    crystals[c].U_0 = potential[c].refraction_U_0;
    crystals[c].U = coupling_matrix(pairs_[c].strong, potential[c].U);
    hermitian.push_back(hermitian_parts(crystals[c].U));
  }
  // Faces must have the symmetry, too: iY and Y2 are hermitian without absorption.
  for (int c : used) {
    if (!zones_) continue;
    // a mirror at the face makes Y vanish, but for rounding
    if (crystals[c].face.Y.cwiseAbs().maxCoeff() < 1e-13) crystals[c].face.Y.setZero();
    for (const MatrixXcd& F :
         {MatrixXcd(complex(0, 1) * crystals[c].face.Y), crystals[c].face.Y2}) {
      if (F.isZero(0)) continue;
      hermitian.push_back({0.5 * (F + F.adjoint()), {}});
      if (absorbing) hermitian.back().absorptive = complex(0, -0.5) * (F - F.adjoint());
    }
  }
  const Beams beams = strained(beams_, state), weak = strained(weak_, state);
  ReachedBeams reached;
  if (folded) {  // weak beams join beams and break their symmetry with the direction
    reached.kept.resize(beams_.size());
    std::iota(reached.kept.begin(), reached.kept.end(), 0);
    reached.g = beams.g;
    reached.gauge = VectorXcd::Ones(beams_.size());
    reached.zero = zero_beam_;
  } else {
    reached = reached_beams(beams, hermitian, zero_beam_, state.surface_normal, options.symmetry);
  }
  const Index n = Index(reached.kept.size());
  const ParityBasis basis(reached);
  // couplings among the beams reached, in their gauge; exactly real where they are real
  const auto among_reached = [&](const MatrixXcd& couplings) {
    MatrixXcd result(n, n);
    for (Index h = 0; h < n; ++h)
      for (Index g = 0; g < n; ++g)
        result(g, h) = std::conj(reached.gauge[g]) * reached.gauge[h] *
                       couplings(reached.kept[g], reached.kept[h]);
    return result;
  };
  const auto exactly = [&](const MatrixXcd& couplings) -> MatrixXcd {
    if (couplings.size() == 0) return MatrixXcd::Zero(n, n);
    const MatrixXcd result = among_reached(couplings);
    return reached.is_real ? result.real().cast<complex>() : result;
  };
  for (std::size_t i = 0; i < used.size(); ++i) {
    CrystalPart& crystal = crystals[used[i]];
    if (slices_) {
      for (const VectorXcd& slice : cells[used[i]].potentials) {
        const Couplings parts = hermitian_parts(coupling_matrix(pairs_[used[i]].strong, slice));
        const MatrixXcd U = exactly(parts.elastic), loss = exactly(parts.absorptive);
        const VectorXd none = VectorXd::Zero(n);
        crystal.slices.push_back(
            {CouplingBlocks(U + complex(0, 1) * loss, basis, reached.is_real && !absorbing),
             extreme_eigenvalues(U, none),
             absorbing ? extreme_eigenvalues(loss, none) : std::make_pair(0.0, 0.0)});
      }
      continue;
    }
    const MatrixXcd U = exactly(hermitian[i].elastic), loss = exactly(hermitian[i].absorptive);
    if (zones_) crystal.face = {among_reached(crystal.face.Y), among_reached(crystal.face.Y2)};
    if (absorbing) crystal.loss = extreme_eigenvalues(loss, VectorXd::Zero(n));
    crystal.norm = U.cwiseAbs().rowwise().sum().maxCoeff();
    crystal.U = U + complex(0, 1) * loss;
    crystal.blocks.emplace(crystal.U, basis, reached.is_real && !absorbing);
  }

  std::vector<double> ascending = thicknesses;
  std::sort(ascending.begin(), ascending.end());
  ascending.erase(std::unique(ascending.begin(), ascending.end()), ascending.end());
  const std::size_t T = ascending.size();
  if (!(ascending[0] >= 0))
    throw Error(ErrorKind::study,
                "a thickness is " + std::to_string(ascending[0]) + " A; it must not be negative");

  std::vector<Computed> computed = representatives(state, incidence, reached.symmetries);
  const double bytes = 16.0 * double(T + 6) * double(beams_.size()) * 2;
  const long most = std::clamp(long(options.memory_MB * 1e6 / bytes), 1l, 48l);
  std::vector<std::pair<std::vector<Computed>::iterator, long>> blocks;
  split(computed.begin(), computed.end(), most, blocks);

  std::vector<SeriesReport> work(blocks.size());
  parallel_for(long(blocks.size()), [&](long number, int) {
    const auto [begin, count] = blocks[number];
    std::vector<Vec2> tilts;
    for (long d = 0; d < count; ++d) tilts.push_back(begin[d].tilt);
    std::vector<BlockWaves> waves(crystals.size());
    std::vector<bool> by_eigen(crystals.size(), !slices_);
    // A layer's share of the wave: ways through it, and how often a method pays.
    for (int c : used) {
      waves[c] = block_waves(state, crystals[c], reached, tilts);
      if (slices_ || folded || options.method == BlochMethod::eigen) continue;
      waves[c].spectrum = block_spectrum(state, crystals[c], reached, tilts, waves[c]);
      double terms = 0, ways = 0;
      for (int l = 0; l < int(state.layers.size()); ++l) {
        if (state.layers[l].crystal != c) continue;
        const double t = l == layer ? ascending.back() : state.layers[l].thickness;
        const double once =
            chebyshev_terms(1.01 * waves[c].spectrum.half_width() * electron::pi * t / waves[c].K);
        const double starts = l > layer ? double(T) : 1;
        terms += once * starts * (l > 0 && !absorbing && reached.is_real ? 2 : 1);
        ways += l >= layer ? double(T) : 1;
      }
      by_eigen[c] =
          options.method != BlochMethod::exponential &&
          eigen_cost(double(n), reached.is_real, absorbing, ways) <
              exponential_cost(double(n), reached.is_real && !absorbing, basis.flop(), terms, ways);
    }
    std::vector<std::vector<EigenDecomposition>> eigen(crystals.size());
    for (int c : used)
      for (long d = 0; by_eigen[c] && d < count; ++d) {
        MatrixXcd H;
        if (folded) {
          H = crystal_wave(state, beams, weak, pairs_[c], potential[c], tilts[d]).H;
          H *= waves[c].K;
        } else {
          H = crystals[c].U;
          if (waves[c].block.scale.size() > 0) {
            const VectorXd scale = waves[c].block.scale.col(d);
            H = scale.asDiagonal() * H * scale.asDiagonal();
          }
          H *= waves[c].block.factor[d];
          H.diagonal() += waves[c].block.diagonal.col(d).cast<complex>();
        }
        eigen[c].push_back(decompose(H, absorbing));
      }
    for (int c : used) work[number].eigen_directions += by_eigen[c] ? count : 0;
    // Thicknesses of slices of one depth are read out on one way through the layer.
    const auto cross_slices = [&](int c, const std::vector<double>& t, const MatrixXcd& psi) {
      const CrystalPart& crystal = crystals[c];
      std::vector<Spectrum> spectra;
      for (const CrystalPart::Slice& slice : crystal.slices)
        spectra.push_back(slice_spectrum(slice, waves[c].block));
      std::vector<ZoneSlices::Cut> cuts;
      for (double thickness : t) cuts.push_back(slices_->cut(state, c, thickness));
      std::vector<MatrixXcd> result(t.size());
      for (std::size_t k = 0; k < t.size(); ++k) {
        if (result[k].size() > 0) continue;
        const double depth = cuts[k].depth;
        const auto together = [&](std::size_t other) {
          return std::abs(cuts[other].depth - depth) <= 1e-13 * depth;
        };
        int most = 0;
        for (std::size_t other = k; other < t.size(); ++other)
          if (together(other)) most = std::max(most, cuts[other].cells);
        MatrixXcd wave = psi;
        for (int crossed = 1; crossed <= most; ++crossed) {
          for (int j : crystal.sequence)
            wave = exponentials(crystal.slices[j].blocks, waves[c].block, spectra[j], wave,
                                {electron::pi * depth / waves[c].K}, &work[number].flop)[0];
          for (std::size_t other = k; other < t.size(); ++other)
            if (together(other) && cuts[other].cells == crossed) result[other] = wave;
        }
      }
      return result;
    };
    const auto cross = [&](int c, const std::vector<double>& t, const MatrixXcd& psi) {
      if (slices_) return cross_slices(c, t, psi);
      std::vector<double> tau;
      for (double thickness : t) tau.push_back(electron::pi * thickness / waves[c].K);
      if (!by_eigen[c]) {
        return exponentials(*crystals[c].blocks, waves[c].block, waves[c].spectrum, psi, tau,
                            &work[number].flop);
      }
      std::vector<MatrixXcd> result(t.size(), MatrixXcd(n, count));
      for (long d = 0; d < count; ++d) {
        const VectorXcd y = eigen[c][d].inverse * psi.col(d);
        for (std::size_t k = 0; k < t.size(); ++k)
          result[k].col(d) =
              eigen[c][d].vectors *
              (complex(0, tau[k]) * eigen[c][d].values).array().exp().matrix().cwiseProduct(y);
      }
      return result;
    };

    std::vector<MatrixXcd> psi(1, MatrixXcd::Zero(n, count));
    psi[0].row(reached.zero).setOnes();
    for (int l = 0; l < int(state.layers.size()); ++l) {
      const int c = state.layers[l].crystal;
      const std::vector<double> t =
          l == layer ? ascending : std::vector<double>{state.layers[l].thickness};
      MatrixXd T;  // excitations
      if (zones_) {
        T.resize(n, count);
        for (long d = 0; d < count; ++d)
          for (Index g = 0; g < n; ++g) T(g, d) = excitation(waves[c].wave[d], reached.g[g]);
      }
      std::vector<MatrixXcd> next;
      for (const MatrixXcd& wave : psi)
        for (MatrixXcd& out : cross(c, t, zones_ ? crystals[c].face.in(T, wave) : wave))
          next.push_back(zones_ ? crystals[c].face.out(T, std::move(out)) : std::move(out));
      for (std::size_t k = 0; k < next.size(); ++k)
        for (long d = 0; d < count; ++d)
          next[k].col(d) *=
              phase((waves[c].wave[d].K_n - waves[c].wave[d].k0_n) * t[t.size() > 1 ? k : 0]);
      psi = std::move(next);
    }

    // All beams and all directions that these stand for.
    std::vector<std::size_t> directions;
    for (long d = 0; d < count; ++d)
      for (const Copy& copy : begin[d].copies) directions.push_back(copy.direction);
    MatrixXcd out = MatrixXcd::Zero(beams_.size(), directions.size());
    for (std::size_t k = 0; k < thicknesses.size(); ++k) {
      const MatrixXcd& wave =
          psi[std::lower_bound(ascending.begin(), ascending.end(), thicknesses[k]) -
              ascending.begin()];
      Index column = 0;
      for (long d = 0; d < count; ++d)
        for (const Copy& copy : begin[d].copies) {
          for (Index g = 0; g < n; ++g)
            out(reached.kept[g], column) = copy.symmetry
                                               ? std::conj(copy.symmetry->phase[g]) *
                                                     reached.gauge[copy.symmetry->image[g]] *
                                                     wave(copy.symmetry->image[g], d)
                                               : reached.gauge[g] * wave(g, d);
          ++column;
        }
      sink(k, directions, out);
    }
  });
  SeriesReport report{std::size_t(n), computed.size(), reached.is_real, 0, 0};
  for (const SeriesReport& block : work) {
    report.eigen_directions += block.eigen_directions / double(used.size());
    report.flop += block.flop;
  }
  return report;
}

std::vector<MatrixXcd> Bloch::thickness_series(const State& state,
                                               const std::vector<Vec2>& incidence, int layer,
                                               const std::vector<double>& thicknesses,
                                               const SeriesOptions& options) const {
  std::vector<MatrixXcd> result(thicknesses.size(), MatrixXcd(beams_.size(), incidence.size()));
  thickness_series(
      state, incidence, layer, thicknesses,
      [&](std::size_t k, const std::vector<std::size_t>& directions, const MatrixXcd& psi) {
        for (std::size_t i = 0; i < directions.size(); ++i)
          result[k].col(directions[i]) = psi.col(i);
      },
      options);
  return result;
}

}  // namespace pendel

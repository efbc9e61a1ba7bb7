// How a surrogate is made: nodes, symmetries, simulations, series.
#include "model/surrogate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>
#include <string>

#include "core/decomposition.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "model/chebyshev.hpp"

namespace pendel {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// At the nodes: 1 GiB in double precision.
constexpr double most_values = double(1 << 27);
// What cutting the series into cells may drop, as a part of the tolerance; and the cells' memory.
constexpr double cells_tail = 0.1;
constexpr std::size_t most_bytes = std::size_t(96) << 20;

/// One parameter as a dimension of the tensor.
struct Dimension {
  int parameter;
  double lower, upper;  // of the nodes: tilts are extended by the aperture
  int nodes = 0;
  double node(int k) const {
    return (lower + upper) / 2 + (upper - lower) / 2 * chebyshev_node(k, nodes);
  }
};

/// An operation under which the pattern is the same: values -> signed permutation, disks ->
/// permutation.
struct Symmetry {
  std::vector<int> source;  // per dimension: which dimension its value comes from
  std::vector<int> sign;
  std::vector<int> disk;  // image of every disk
};

struct Builder {
  const ForwardModel& exact;
  const SplitStep& engine;
  std::vector<Dimension> tilts;                // 0 or 2
  std::vector<std::vector<Dimension>> layers;  // per layer: its own parameters

  std::vector<Dimension*> all() {
    std::vector<Dimension*> result;
    for (Dimension& d : tilts) result.push_back(&d);
    for (auto& layer : layers)
      for (Dimension& d : layer) result.push_back(&d);
    return result;
  }

  VectorXd nominal() const {
    VectorXd values(exact.parameters().size());
    for (long k = 0; k < values.size(); ++k) values[k] = exact.parameters()[k].nominal;
    return values;
  }

  /// Intensities for a plane wave.
  VectorXd intensities(const VectorXd& values) const {
    ExitWaves waves;
    engine.exit_waves(state_at(exact.base(), exact.parameters(), values.data()), {Vec2(0, 0)}, {},
                      waves);
    return waves.psi.col(0)(exact.rows()).cwiseAbs2();
  }
};

Builder classify(const ForwardModel& exact) {
  const SplitStep* engine = std::get_if<SplitStep>(&exact.engine());
  if (!engine)
    throw Error(ErrorKind::study,
                "a surrogate needs the split-step engine; use search: multistart");
  Builder builder{exact, *engine, {}, {}};
  const State& base = exact.base();
  builder.layers.resize(base.layers.size());
  for (int k = 0; k < int(exact.parameters().size()); ++k) {
    const Parameter& p = exact.parameters()[k];
    Dimension dimension{k, p.lower, p.upper};
    const StateTangent& direction = p.direction;
    std::vector<int> touched;
    const bool other = direction.absorption_strength != 0 || direction.semiangle != 0 ||
                       direction.tilt_spread != 0 ||
                       !strain_of_beams(base, direction).topLeftCorner<2, 2>().isZero(0);
    for (int l = 0; l < int(base.layers.size()); ++l) {
      const int c = base.layers[l].crystal;
      const bool thickness = !direction.thickness.empty() && direction.thickness[l] != 0;
      const bool crystal = !direction.crystals.empty() && !direction.crystals[c].zero();
      if (thickness || crystal) touched.push_back(l);
    }
    const bool tilted = !direction.beam_tilt.isZero(0);
    if (tilted && touched.empty() && !other) {
      const double margin = exact.semiangle() / direction.beam_tilt.norm();
      dimension.lower -= margin;
      dimension.upper += margin;
      builder.tilts.push_back(dimension);
    } else if (!tilted && touched.size() == 1 && !other) {
      builder.layers[touched[0]].push_back(dimension);
    } else {
      throw Error(ErrorKind::study,
                  "a surrogate cannot hold the parameter " + p.name +
                      ", which does not act on one layer alone; use search: multistart");
    }
  }
  if (builder.tilts.size() == 1)
    throw Error(ErrorKind::study, "a surrogate needs both beam tilts as parameters, or none");
  if (!builder.tilts.empty() && base.tilt_spread > 0)
    throw Error(ErrorKind::study,
                "a surrogate in the tilts averages over the aperture alone, not over a spread of "
                "the tilt; use search: multistart");
  return builder;
}

/// The fewest nodes whose neglected coefficients stay below `tail` (R1) along lines through random
/// points, for every dimension.
void choose_nodes(Builder& builder, double tail, int most_nodes, std::mt19937& random) {
  constexpr int lines = 2;
  const std::vector<Dimension*> dimensions = builder.all();
  std::vector<std::array<int, lines>> needed(dimensions.size());
  std::vector<VectorXd> base(dimensions.size() * lines, builder.nominal());
  std::uniform_real_distribution<double> uniform(0, 1);
  for (VectorXd& point : base)
    for (const Dimension* d : dimensions)
      point[d->parameter] = d->lower + uniform(random) * (d->upper - d->lower);
  parallel_for(long(base.size()), [&](long job, int) {
    const Dimension& d = *dimensions[job / lines];
    Dimension line = d;
    line.nodes = most_nodes;
    VectorXd point = base[job];
    MatrixXd values(most_nodes, long(builder.exact.disks()));
    for (int k = 0; k < most_nodes; ++k) {
      point[d.parameter] = line.node(k);
      values.row(k) = builder.intensities(point);
    }
    const MatrixXd series = chebyshev_coefficients(most_nodes) * values;
    const double total = values.row(0).sum();
    double rest = 0;
    int n = most_nodes;
    while (n > 1 && (rest += series.row(n - 1).cwiseAbs().sum()) < tail * total) --n;
    needed[job / lines][job % lines] = n;
  });
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const int n = *std::max_element(needed[i].begin(), needed[i].end());
    if (n == most_nodes)
      throw Error(ErrorKind::study, "a surrogate needs more than " + std::to_string(most_nodes) +
                                        " nodes over the range of " +
                                        builder.exact.parameters()[dimensions[i]->parameter].name +
                                        "; narrow the range or use search: multistart");
    dimensions[i]->nodes = n + 1;
  }
}

/// Operations of the tilts' square symmetry that leave the patterns the same (R1 within
/// `tolerance`: an even grid's unpaired highest frequency breaks mirrors a little), found by trying
/// them at a random point; the identity first.
std::vector<Symmetry> find_symmetries(Builder& builder, double tolerance, std::mt19937& random) {
  const std::vector<Dimension*> dimensions = builder.all();
  const int count = int(dimensions.size());
  Symmetry identity;
  identity.source.resize(count);
  std::iota(identity.source.begin(), identity.source.end(), 0);
  identity.sign.assign(count, 1);
  identity.disk.resize(builder.exact.disks());
  std::iota(identity.disk.begin(), identity.disk.end(), 0);
  std::vector<Symmetry> found{identity};
  if (builder.tilts.size() != 2) return found;

  const auto symmetric = [&](int i) {
    return std::abs(dimensions[i]->lower + dimensions[i]->upper) < 1e-9 * dimensions[i]->upper;
  };
  const auto alike = [&](int i, int j) {
    return std::abs(dimensions[i]->upper - dimensions[j]->upper) < 1e-9 * dimensions[i]->upper;
  };
  if (!symmetric(0) || !symmetric(1)) return found;
  // Dimensions that may change sign or place: the displacement modes of one layer, at most two.
  std::vector<int> modes;
  int modes_layer = -1;
  int first = 2;
  for (std::size_t l = 0; l < builder.layers.size(); ++l)
    for (std::size_t i = 0; i < builder.layers[l].size(); ++i, ++first) {
      const Parameter& p = builder.exact.parameters()[builder.layers[l][i].parameter];
      if (!p.direction.thickness.empty()) continue;
      if (!symmetric(first) || (modes_layer >= 0 && modes_layer != int(l)) || modes.size() == 2)
        return found;
      modes_layer = int(l);
      modes.push_back(first);
    }

  std::uniform_real_distribution<double> uniform(-1, 1);
  VectorXd point = builder.nominal();
  for (const Dimension* d : dimensions)
    point[d->parameter] =
        (d->lower + d->upper) / 2 + 0.8 * uniform(random) * (d->upper - d->lower) / 2;
  const VectorXd pattern = builder.intensities(point);
  const std::vector<int>& rows = builder.exact.rows();
  const std::vector<Vec3>& g = builder.engine.beams().g;

  const auto signed_pairs = [](const std::vector<int>& pair, bool may_swap) {
    std::vector<std::pair<std::vector<int>, std::vector<int>>> result;  // (source, sign)
    const int n = int(pair.size());
    for (int swap = 0; swap < (n == 2 && may_swap ? 2 : 1); ++swap)
      for (int signs = 0; signs < 1 << n; ++signs) {
        std::vector<int> source = pair, sign;
        if (swap) std::swap(source[0], source[1]);
        for (int i = 0; i < n; ++i) sign.push_back(signs >> i & 1 ? -1 : 1);
        result.emplace_back(source, sign);
      }
    return result;
  };
  const auto tilt_operations = signed_pairs({0, 1}, alike(0, 1));
  const auto mode_operations = signed_pairs(modes, modes.size() == 2 && alike(modes[0], modes[1]));
  for (const auto& [tilt_source, tilt_sign] : tilt_operations) {
    // Tilts are taken along lab x, y: the operation acts on g alike.
    Symmetry operation = identity;
    bool closed = true;
    for (int i = 0; i < 2; ++i) {
      operation.source[i] = tilt_source[i];
      operation.sign[i] = tilt_sign[i];
    }
    if (operation.source == identity.source && operation.sign == identity.sign) continue;
    for (std::size_t i = 0; i < rows.size() && closed; ++i) {
      const Vec3& from = g[rows[i]];
      const Vec3 to(tilt_sign[0] * from[tilt_source[0]], tilt_sign[1] * from[tilt_source[1]],
                    from.z());
      const auto image =
          std::find_if(rows.begin(), rows.end(), [&](int r) { return (g[r] - to).norm() < 1e-6; });
      closed = image != rows.end();
      if (closed) operation.disk[i] = int(image - rows.begin());
    }
    for (const auto& [mode_source, mode_sign] : mode_operations) {
      if (!closed) break;
      for (std::size_t i = 0; i < modes.size(); ++i) {
        operation.source[modes[i]] = mode_source[i];
        operation.sign[modes[i]] = mode_sign[i];
      }
      VectorXd image = point;
      for (int i = 0; i < count; ++i)
        image[dimensions[i]->parameter] =
            operation.source[i] == i && operation.sign[i] == 1
                ? point[dimensions[i]->parameter]
                : operation.sign[i] * point[dimensions[operation.source[i]]->parameter];
      const VectorXd other = builder.intensities(image);
      double difference = 0;
      for (long i = 0; i < pattern.size(); ++i)
        difference += std::abs(other[operation.disk[i]] - pattern[i]);
      if (difference < tolerance * pattern.sum()) {
        found.push_back(operation);
        break;
      }
    }
  }
  // Swapped dimensions share their nodes.
  for (const Symmetry& operation : found)
    for (int i = 0; i < count; ++i) {
      const int n = std::max(dimensions[i]->nodes, dimensions[operation.source[i]]->nodes);
      dimensions[i]->nodes = dimensions[operation.source[i]]->nodes = n;
    }
  return found;
}

/// Coefficients (over the inner ranges) of the aperture average of a function given at the tilt
/// nodes of the extended ranges: (n_x n_y, n_x n_y).
MatrixXd averaging(const std::vector<Dimension>& tilts, const std::vector<Parameter>& parameters,
                   double semiangle) {
  const int nx = tilts[0].nodes, ny = tilts[1].nodes;
  const Aperture aperture = disk_aperture(semiangle, 2 * std::max(nx, ny));
  const MatrixXd Dx = chebyshev_coefficients(nx), Dy = chebyshev_coefficients(ny);
  // extended series at the shifted nodes of the inner ranges, averaged
  MatrixXd shifted = MatrixXd::Zero(nx * ny, nx * ny);
  VectorXd Tx(nx), Ty(ny);
  const auto unit = [](const Dimension& d) { return 2 / (d.upper - d.lower); };
  const auto inner = [&](int axis, int k) {
    const Parameter& p = parameters[tilts[axis].parameter];
    return (p.lower + p.upper) / 2 + (p.upper - p.lower) / 2 * chebyshev_node(k, tilts[axis].nodes);
  };
  const double per_rad[2] = {1 / parameters[tilts[0].parameter].direction.beam_tilt.norm(),
                             1 / parameters[tilts[1].parameter].direction.beam_tilt.norm()};
  for (int i = 0; i < nx; ++i)
    for (int j = 0; j < ny; ++j)
      for (std::size_t q = 0; q < aperture.offsets.size(); ++q) {
        const double x = inner(0, i) + aperture.offsets[q][0] * per_rad[0];
        const double y = inner(1, j) + aperture.offsets[q][1] * per_rad[1];
        chebyshev((x - tilts[0].lower) * unit(tilts[0]) - 1, nx, Tx.data(), nullptr);
        chebyshev((y - tilts[1].lower) * unit(tilts[1]) - 1, ny, Ty.data(), nullptr);
        for (int a = 0; a < nx; ++a)
          shifted.row(i * ny + j).segment(a * ny, ny) +=
              aperture.weights[q] * Tx[a] * Ty.transpose();
      }
  const auto kronecker = [&](const MatrixXd& A, const MatrixXd& B) {
    MatrixXd K(A.rows() * B.rows(), A.cols() * B.cols());
    for (long i = 0; i < A.rows(); ++i)
      for (long j = 0; j < A.cols(); ++j)
        K.block(i * B.rows(), j * B.cols(), B.rows(), B.cols()) = A(i, j) * B;
    return K;
  };
  const MatrixXd transform = kronecker(Dx, Dy);
  return transform * shifted * transform;
}

}  // namespace

bool Surrogate::can_hold(const ForwardModel& exact) {
  try {
    classify(exact);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void Surrogate::build(const ForwardModel& exact, const SurrogateOptions& options, double tail) {
  std::mt19937 random(20240917);
  Builder builder = classify(exact);
  choose_nodes(builder, tail, options.most_nodes, random);
  const std::vector<Symmetry> symmetries = find_symmetries(builder, options.tolerance / 25, random);
  const std::vector<Dimension*> dimensions = builder.all();
  const int tilts = int(builder.tilts.size()), count = int(dimensions.size());
  const int disks = exact.disks();

  double size = disks;
  for (const Dimension* d : dimensions) size *= d->nodes;
  if (size > most_values)
    throw Error(ErrorKind::study,
                "a surrogate of these ranges would need " + std::to_string(size / most_values) +
                    " times the values that are allowed; narrow the ranges or use search: "
                    "multistart");

  // Every layer's variants, its own parameters varying in order, the last fastest.
  std::vector<std::vector<LayerVariant>> variants(builder.layers.size());
  long local = 1;
  for (std::size_t l = 0; l < builder.layers.size(); ++l) {
    long combinations = 1;
    for (const Dimension& d : builder.layers[l]) combinations *= d.nodes;
    local *= combinations;
    for (long v = 0; v < combinations; ++v) {
      VectorXd values = builder.nominal();
      long rest = v;
      for (int i = int(builder.layers[l].size()) - 1; i >= 0; --i) {
        const Dimension& d = builder.layers[l][i];
        values[d.parameter] = d.node(int(rest % d.nodes));
        rest /= d.nodes;
      }
      const State state = state_at(exact.base(), parameters_, values.data());
      variants[l].push_back(builder.engine.layer_variant(state, int(l)));
    }
  }

  // Incident directions: tilt nodes, or the aperture's cubature where the tilt is no parameter.
  const int nx = tilts ? builder.tilts[0].nodes : 1, ny = tilts ? builder.tilts[1].nodes : 1;
  const int directions = tilts ? nx * ny : int(exact.aperture().offsets.size());
  const auto incidence = [&](int t) -> Vec2 {
    if (!tilts) return exact.aperture().offsets[t];
    Vec2 offset = Vec2::Zero();
    const int index[2] = {t / ny, t % ny};
    for (int axis = 0; axis < 2; ++axis) {
      const Dimension& d = builder.tilts[axis];
      const Parameter& p = parameters_[d.parameter];
      offset += (d.node(index[axis]) - p.nominal) * p.direction.beam_tilt;
    }
    return offset;
  };

  // Directions related by symmetry are simulated once.
  const auto image = [&](const Symmetry& s, const std::vector<int>& index, int first, int last) {
    std::vector<int> result = index;
    for (int i = first; i < last; ++i) {
      const int k = index[s.source[i]];
      result[i] = s.sign[i] > 0 ? k : dimensions[i]->nodes - 1 - k;
    }
    return result;
  };
  std::vector<std::pair<int, int>> origin(directions, {-1, 0});  // (simulated direction, operation)
  std::vector<int> simulated;
  for (int t = 0; t < directions; ++t) {
    if (origin[t].first >= 0) continue;
    simulated.push_back(t);
    std::vector<int> index(count, 0);
    if (tilts) index[0] = t / ny, index[1] = t % ny;
    for (int s = int(symmetries.size()) - 1; s >= 0; --s) {
      const std::vector<int> to = image(symmetries[s], index, 0, tilts);
      origin[tilts ? to[0] * ny + to[1] : t] = {t, s};
    }
  }
  std::vector<MatrixXd> patterns(directions);  // (disks, local)
  parallel_for(long(simulated.size()), [&](long i, int) {
    const MatrixXcd psi =
        builder.engine.exit_waves_of_variants(exact.base(), incidence(simulated[i]), variants);
    patterns[simulated[i]] = psi(exact.rows(), Eigen::all).cwiseAbs2();
  });
  for (int t = 0; t < directions; ++t) {
    const auto [from, s] = origin[t];
    if (from == t) continue;
    patterns[t].resize(disks, local);
    for (long v = 0; v < local; ++v) {
      std::vector<int> index(count, 0);
      long rest = v;
      for (int i = count - 1; i >= tilts; --i) {
        index[i] = int(rest % dimensions[i]->nodes);
        rest /= dimensions[i]->nodes;
      }
      const std::vector<int> to = image(symmetries[s], index, tilts, count);
      long column = 0;
      for (int i = tilts; i < count; ++i) column = column * dimensions[i]->nodes + to[i];
      for (int d = 0; d < disks; ++d)
        patterns[t](symmetries[s].disk[d], column) = patterns[from](d, v);
    }
  }

  // Tensor of values (directions, disks × local) to coefficients, dimension by dimension.
  MatrixXd tensor(directions, disks * local);
  for (int t = 0; t < directions; ++t) {
    tensor.row(t) = Eigen::Map<const Eigen::RowVectorXd>(patterns[t].data(), disks * local);
    patterns[t].resize(0, 0);
  }
  if (tilts) {
    const MatrixXd M = averaging(builder.tilts, parameters_, exact.semiangle());
    MatrixXd result(directions, tensor.cols());
    gemm(M, tensor, result);
    tensor = std::move(result);
  } else {
    const Eigen::Map<const Eigen::RowVectorXd> weights(exact.aperture().weights.data(), directions);
    tensor = (weights * tensor).eval();
  }
  const int n_tilt = int(tensor.rows());
  long inner = disks;  // disks are fastest, then the last dimension
  for (int i = count - 1; i >= tilts; --i) {
    const int n = dimensions[i]->nodes;
    const MatrixXd D = chebyshev_coefficients(n);
    parallel_for(n_tilt, [&](long t, int) {
      Eigen::RowVectorXd row = tensor.row(t);
      for (long block = 0; block < row.size() / (inner * n); ++block) {
        Eigen::Map<MatrixXd> values(row.data() + block * inner * n, inner, n);
        values = (values * D.transpose()).eval();
      }
      tensor.row(t) = row;
    });
    inner *= n;
  }

  nodes_.assign(parameters_.size(), 1);
  order_.clear();
  std::vector<int> degrees;
  for (const Dimension* d : dimensions) {
    nodes_[d->parameter] = d->nodes;
    order_.push_back(d->parameter);
    degrees.push_back(d->nodes);
  }
  disks_ = disks;
  const double total = tensor.row(0).head(disks).sum();
  std::vector<float> series(std::size_t(tensor.size()));
  for (int t = 0; t < n_tilt; ++t)
    Eigen::Map<Eigen::RowVectorXf>(series.data() + long(t) * tensor.cols(), tensor.cols()) =
        tensor.row(t).cast<float>();
  tensor.resize(0, 0);
  series_ = LocalSeries(series, degrees, disks, cells_tail * options.tolerance * total, most_bytes);

  certificate_.nodes = nodes_;
  certificate_.cells = series_.cells();
  certificate_.terms = series_.terms();
  certificate_.symmetries = int(symmetries.size());
}

}  // namespace pendel

#include "studies/direction_engines.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/electron.hpp"
#include "core/interrupt.hpp"
#include "core/progress.hpp"
#include "sim/bloch_exponential.hpp"
#include "sim/ewald.hpp"

namespace pendel {

namespace {

/// Corners of the convex hull (Andrew's monotone chain); few or collinear points: the ends.
std::vector<Vec2> convex_hull(std::vector<Vec2> points) {
  const auto less = [](const Vec2& a, const Vec2& b) {
    return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]);
  };
  std::sort(points.begin(), points.end(), less);
  points.erase(std::unique(points.begin(), points.end()), points.end());
  if (points.size() < 3) return points;
  std::vector<Vec2> hull;
  const auto half = [&](auto begin, auto end) {
    const std::size_t start = hull.size();
    for (auto p = begin; p != end; ++p) {
      while (hull.size() >= start + 2) {
        const Vec2 a = hull.back() - hull[hull.size() - 2], b = *p - hull.back();
        if (a[0] * b[1] - a[1] * b[0] > 0) break;
        hull.pop_back();
      }
      hull.push_back(*p);
    }
    hull.pop_back();  // the other half begins with it
  };
  half(points.begin(), points.end());
  half(points.rbegin(), points.rend());
  return hull;
}

/// The width of a tile [rad] across which the excitation error of the outermost beam changes by
/// sg_max: lists then hold few beams that a direction does not need.
double tile_width(const EngineOptions& options) {
  const EngineOptions usual;
  return options.tolerance ? usual.sg_max_invA / usual.g_max_invA
                           : options.sg_max_invA / options.g_max_invA;
}

}  // namespace

DirectionEngines::DirectionEngines(const State& state, const EngineOptions& options,
                                   const std::vector<Vec2>& directions, const WantedBeams& wanted,
                                   bool quiet)
    : state_(state), options_(options) {
  choose_tiling(directions, quiet);
  find_beams(wanted, quiet);
}

DirectionEngines::Folded DirectionEngines::fold(const Tiling& tiling, const Vec2& direction) const {
  Folded best{direction, 0};
  const Vec2 sines = (state_.beam_tilt + direction).array().sin();
  Vec2 largest = sines;
  for (std::size_t k = 1; k < tiling.symmetries.size(); ++k) {
    constexpr double same = 1e-12;
    const Vec2 turned = tiling.symmetries[k].R * sines;
    const double dx = turned[0] - largest[0], dy = turned[1] - largest[1];
    if (dx < -same || (dx <= same && dy <= same)) continue;
    largest = turned;
    best = {Vec2(turned.array().asin()) - state_.beam_tilt, k};
  }
  return best;
}

int DirectionEngines::tile_of(const Tiling& tiling, const Vec2& folded) {
  int place[2];
  for (int axis = 0; axis < 2; ++axis)
    place[axis] = std::clamp(int(std::floor((folded[axis] - tiling.low[axis]) / tiling.size[axis])),
                             0, tiling.count[std::size_t(axis)] - 1);
  return place[1] * tiling.count[0] + place[0];
}

DirectionEngines::Tiling DirectionEngines::cut(const std::vector<Vec2>& directions,
                                               std::vector<DirectionSymmetry> symmetries,
                                               double width) const {
  Tiling result;
  result.symmetries = std::move(symmetries);
  std::vector<Folded> folded;
  for (const Vec2& direction : directions) folded.push_back(fold(result, direction));
  Vec2 high = result.low = folded.at(0).direction;
  for (const Folded& f : folded) {
    result.low = result.low.cwiseMin(f.direction);
    high = high.cwiseMax(f.direction);
  }
  for (int axis = 0; axis < 2; ++axis) {
    const double extent = high[axis] - result.low[axis];
    const int count = std::max(1, int(std::ceil(extent / width - 1e-9)));
    result.count[std::size_t(axis)] = count;
    result.size[axis] = std::max(extent, 1e-12) / count;
  }
  std::map<int, std::vector<Vec2>> inside;
  for (const Folded& f : folded) {
    const int number = tile_of(result, f.direction);
    inside[number].push_back(f.direction);
    result.tiles[number].folded.insert(f.symmetry);
  }
  for (auto& [number, points] : inside) {
    std::set<std::pair<long long, long long>> different;
    for (const Vec2& p : points)
      different.emplace(std::llround(p[0] * 1e12), std::llround(p[1] * 1e12));
    result.tiles[number].directions = different.size();
    result.tiles[number].hull = convex_hull(std::move(points));
  }
  return result;
}

// The products with a tile's couplings: n² for every term of the series, whose number grows with
// the range of excitation errors.
double DirectionEngines::operations(Tiling& tiling, bool quiet) const {
  double sum = 0;
  Progress progress("beam lists", long(tiling.tiles.size()), quiet || tiling.tiles.size() == 1);
  for (auto& [number, tile] : tiling.tiles) {
    stop_if_interrupted();
    const Beams beams = beams_from_hkl(state_, list_of(tile).hkl);
    double terms = 0;
    for (const Vec2& corner : tile.hull) {
      const IncidentWave wave = incident_wave(state_, state_.beam_tilt + corner, 0);
      double lowest = 0, highest = 0;
      for (const Vec3& g : beams.g) {
        const double e = excitation(wave, g);
        lowest = std::min(lowest, e);
        highest = std::max(highest, e);
      }
      terms += chebyshev_terms(0.5 * (highest - lowest) * electron::pi * total_thickness(state_) /
                               wave.K_n);
    }
    sum += terms / double(tile.hull.size()) * double(tile.directions) *
           std::pow(double(beams.size()), 2);
    progress.advance();
  }
  return sum;
}

void DirectionEngines::choose_tiling(const std::vector<Vec2>& directions, bool quiet) {
  const DirectionSymmetry identity{Eigen::Matrix2d::Identity(), Eigen::Matrix3i::Identity(),
                                   Vec3::Zero()};
  tiling_ = cut(directions, {identity}, INFINITY);
  if (engine_kind(state_, options_) != EngineKind::bloch) return;
  const Vec2 extent = tiling_.size;
  const double widths = extent.maxCoeff() / tile_width(options_);
  if (widths <= 1) return;
  const bool whole_cells = options_.zones != HigherZones::listed || options_.tolerance;
  Tiling tiles = cut(directions, direction_symmetries(state_, whole_cells), tile_width(options_));
  if (options_.tolerance) {  // lists cost too much to compare them
    if (widths > 2.5) tiling_ = std::move(tiles);
    return;
  }
  // One list that has the symmetry of the directions: each different one is calculated once, and
  // combinations of one parity are not coupled to others.
  double different = 0;
  for (const auto& entry : tiles.tiles) different += double(entry.second.directions);
  Tile& all = tiling_.tiles.begin()->second;
  const double alike = double(all.directions) / different;
  const double parities = alike > 2.5 ? 4 : alike > 1.5 ? 2 : 1;
  if (operations(tiles, quiet) < operations(tiling_, true) / alike / parities)
    tiling_ = std::move(tiles);
}

void DirectionEngines::find_beams(const WantedBeams& wanted, bool quiet) {
  std::set<Hkl> calculated;
  if (wanted.hkl) {
    beams_ = beams_from_hkl(state_, *wanted.hkl);
  } else {
    Progress progress("beam lists", long(tiles()), quiet || tiles() == 1 || !options_.tolerance);
    std::set<Hkl> found;
    for (auto& [number, tile] : tiling_.tiles) {
      stop_if_interrupted();
      if (engine_kind(state_, options_) == EngineKind::splitstep) {
        const Beams zone = zone_beams(state_, wanted.g_max);
        found.insert(zone.hkl.begin(), zone.hkl.end());
      } else {
        for (const std::size_t k : tile.folded)  // where the list's beams were before
          for (const Hkl& hkl : list_of(tile).hkl) found.insert(tiling_.symmetries[k].before(hkl));
      }
      progress.advance();
    }
    const Beams all = beams_from_hkl(state_, {found.begin(), found.end()});
    std::vector<std::pair<long long, Hkl>> sorted;  // by |g|, equal but for rounding
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all.g[i].norm() <= wanted.g_max * (1 + 1e-12))
        sorted.emplace_back(std::llround(all.g[i].norm() * 1e8), all.hkl[i]);
    std::sort(sorted.begin(), sorted.end());
    std::vector<Hkl> hkl;
    for (const auto& entry : sorted) hkl.push_back(entry.second);
    beams_ = beams_from_hkl(state_, hkl);
  }
  calculated_ = beams_.hkl;
  for (const auto& entry : tiling_.tiles)
    for (const std::size_t k : entry.second.folded)
      for (const Hkl& hkl : beams_.hkl) calculated.insert(tiling_.symmetries[k].image(hkl));
  for (const Hkl& hkl : beams_.hkl) calculated.erase(hkl);
  calculated_.insert(calculated_.end(), calculated.begin(), calculated.end());
}

const BeamList& DirectionEngines::list_of(Tile& tile) const {
  if (!tile.list) tile.list = beam_list(state_, options_, tile.hull);
  return *tile.list;
}

const EngineWithBeams& DirectionEngines::engine_of(Tile& tile) {
  // about 16 bytes for every pair of beams; a quarter of a gigabyte of them is kept
  constexpr double most = 256e6 / 16;
  tile.used = ++clock_;
  if (tile.engine) return *tile.engine;
  double held = 0;
  const auto pairs = [](const Tile& t) { return std::pow(double(t.list->hkl.size()), 2); };
  for (auto& entry : tiling_.tiles)
    if (entry.second.engine) held += pairs(entry.second);
  for (list_of(tile); held > 0 && held + pairs(tile) > most;) {
    Tile* oldest = nullptr;
    for (auto& entry : tiling_.tiles)
      if (entry.second.engine && (!oldest || entry.second.used < oldest->used))
        oldest = &entry.second;
    oldest->engine.reset();
    held -= pairs(*oldest);
  }
  tile.engine.emplace(make_engine(state_, calculated_, options_, *tile.list, tile.hull));
  return *tile.engine;
}

std::string DirectionEngines::note() {
  if (tiles() == 1) return engine_of(tiling_.tiles.begin()->second).note;
  std::size_t least = 0, most = 0;
  for (const auto& [number, tile] : tiling_.tiles) {
    if (!tile.list) continue;
    least = least == 0 ? tile.list->hkl.size() : std::min(least, tile.list->hkl.size());
    most = std::max(most, tile.list->hkl.size());
  }
  std::string text = std::to_string(tiles()) + " tiles of directions, each with its beams";
  if (most > 0) text += ": " + std::to_string(least) + " to " + std::to_string(most);
  return text;
}

void DirectionEngines::thickness_series(const State& state, const std::vector<Vec2>& incidence,
                                        int layer, const std::vector<double>& thicknesses,
                                        const SeriesSink& sink) {
  std::map<int, std::vector<std::size_t>> in_tile;
  std::vector<Folded> folded;
  for (std::size_t d = 0; d < incidence.size(); ++d) {
    folded.push_back(fold(tiling_, incidence[d]));
    in_tile[tile_of(tiling_, folded[d].direction)].push_back(d);
  }
  // per symmetry: where a beam's amplitude is found, and the phase that it gets
  std::map<Hkl, std::size_t> place;
  for (std::size_t i = 0; i < calculated_.size(); ++i) place[calculated_[i]] = i;
  const std::size_t count = beams_.size();
  std::vector<std::vector<std::size_t>> source(tiling_.symmetries.size());
  std::vector<VectorXcd> phase(tiling_.symmetries.size(), VectorXcd(long(count)));
  for (const auto& entry : tiling_.tiles)
    for (const std::size_t k : entry.second.folded)
      for (std::size_t i = source[k].size(); i < count; ++i) {
        const DirectionSymmetry& symmetry = tiling_.symmetries[k];
        source[k].push_back(place.at(symmetry.image(beams_.hkl[i])));
        phase[k][long(i)] = std::conj(symmetry.phase(beams_.hkl[i]));
      }
  for (const auto& [number, directions] : in_tile) {
    std::vector<Vec2> some;
    for (const std::size_t d : directions) some.push_back(folded[d].direction);
    const EngineWithBeams& engine = engine_of(tiling_.tiles.at(number));
    pendel::thickness_series(
        engine.engine, state, some, layer, thicknesses,
        [&, &directions = directions](std::size_t t, const std::vector<std::size_t>& which,
                                      const MatrixXcd& waves) {
          std::vector<std::size_t> numbers;
          MatrixXcd psi(long(count), waves.cols());
          for (std::size_t j = 0; j < which.size(); ++j) {
            numbers.push_back(directions[which[j]]);
            const std::size_t k = folded[numbers[j]].symmetry;
            for (std::size_t i = 0; i < count; ++i)
              psi(long(i), long(j)) =
                  phase[k][long(i)] * waves(engine.index[source[k][i]], long(j));
          }
          sink(t, numbers, psi);
        });
  }
}

DirectionEngines::DirectionEngines(const DirectionEngines& other, const EngineOptions& options)
    : state_(other.state_),
      options_(options),
      tiling_{
          other.tiling_.symmetries, other.tiling_.low, other.tiling_.size, other.tiling_.count, {}},
      beams_(other.beams_),
      calculated_(other.calculated_) {
  for (const auto& [number, tile] : other.tiling_.tiles)
    static_cast<Region&>(tiling_.tiles[number]) = tile;
}

DirectionEngines DirectionEngines::refined(const EngineOptions& options) const {
  return DirectionEngines(*this, options);
}

}  // namespace pendel

#include "studies/direction_engines.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/progress.hpp"
#include "studies/interrupt.hpp"

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
    : state_(state), options_(options), low_(directions.at(0)) {
  Vec2 high = low_;
  for (const Vec2& direction : directions) {
    low_ = low_.cwiseMin(direction);
    high = high.cwiseMax(direction);
  }
  const bool bloch = engine_kind(state, options) == EngineKind::bloch;
  for (int axis = 0; axis < 2; ++axis) {
    const double extent = high[axis] - low_[axis];
    // a few tiles' width shares one list: directions that symmetry relates are computed once then
    const double widths = bloch ? extent / tile_width(options) : 0;
    count_[std::size_t(axis)] = widths <= 2.5 ? 1 : int(std::ceil(widths - 1e-9));
    size_[axis] = std::max(extent, 1e-12) / count_[std::size_t(axis)];
  }
  std::map<int, std::vector<Vec2>> inside;
  for (const Vec2& direction : directions) inside[tile_of(direction)].push_back(direction);
  for (auto& [number, points] : inside) tiles_[number].hull = convex_hull(std::move(points));

  if (wanted.hkl) {
    beams_ = beams_from_hkl(state, *wanted.hkl);
    return;
  }
  Progress progress("beam lists", long(tiles_.size()), quiet || tiles_.size() == 1);
  std::set<Hkl> found;
  for (auto& [number, tile] : tiles_) {
    stop_if_interrupted("interrupted; nothing was calculated yet");
    if (engine_kind(state, options) == EngineKind::splitstep) {
      const Beams zone = zone_beams(state, wanted.g_max);
      found.insert(zone.hkl.begin(), zone.hkl.end());
    } else {
      found.insert(list_of(tile).hkl.begin(), list_of(tile).hkl.end());
    }
    progress.advance();
  }
  const Beams all = beams_from_hkl(state, {found.begin(), found.end()});
  std::vector<std::pair<long long, Hkl>> sorted;  // by |g|, equal but for rounding
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all.g[i].norm() <= wanted.g_max * (1 + 1e-12))
      sorted.emplace_back(std::llround(all.g[i].norm() * 1e8), all.hkl[i]);
  std::sort(sorted.begin(), sorted.end());
  std::vector<Hkl> hkl;
  for (const auto& entry : sorted) hkl.push_back(entry.second);
  beams_ = beams_from_hkl(state, hkl);
}

int DirectionEngines::tile_of(const Vec2& direction) const {
  int place[2];
  for (int axis = 0; axis < 2; ++axis)
    place[axis] = std::clamp(int(std::floor((direction[axis] - low_[axis]) / size_[axis])), 0,
                             count_[std::size_t(axis)] - 1);
  return place[1] * count_[0] + place[0];
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
  for (auto& entry : tiles_)
    if (entry.second.engine) held += pairs(entry.second);
  for (list_of(tile); held > 0 && held + pairs(tile) > most;) {
    Tile* oldest = nullptr;
    for (auto& entry : tiles_)
      if (entry.second.engine && (!oldest || entry.second.used < oldest->used))
        oldest = &entry.second;
    oldest->engine.reset();
    held -= pairs(*oldest);
  }
  tile.engine.emplace(make_engine(state_, beams_.hkl, options_, *tile.list, tile.hull));
  return *tile.engine;
}

std::string DirectionEngines::note() {
  if (tiles_.size() == 1) return engine_of(tiles_.begin()->second).note;
  std::size_t least = 0, most = 0;
  for (const auto& [number, tile] : tiles_) {
    if (!tile.list) continue;
    least = least == 0 ? tile.list->hkl.size() : std::min(least, tile.list->hkl.size());
    most = std::max(most, tile.list->hkl.size());
  }
  std::string text = std::to_string(tiles_.size()) + " tiles of directions, each with its beams";
  if (most > 0) text += ": " + std::to_string(least) + " to " + std::to_string(most);
  return text;
}

void DirectionEngines::thickness_series(const State& state, const std::vector<Vec2>& incidence,
                                        int layer, const std::vector<double>& thicknesses,
                                        const SeriesSink& sink) {
  std::map<int, std::vector<std::size_t>> in_tile;
  for (std::size_t d = 0; d < incidence.size(); ++d) in_tile[tile_of(incidence[d])].push_back(d);
  for (const auto& [number, directions] : in_tile) {
    std::vector<Vec2> some;
    for (const std::size_t d : directions) some.push_back(incidence[d]);
    const EngineWithBeams& engine = engine_of(tiles_.at(number));
    pendel::thickness_series(
        engine.engine, state, some, layer, thicknesses,
        [&, &directions = directions](std::size_t t, const std::vector<std::size_t>& which,
                                      const MatrixXcd& waves) {
          std::vector<std::size_t> numbers;
          for (const std::size_t d : which) numbers.push_back(directions[d]);
          MatrixXcd psi(long(engine.index.size()), waves.cols());
          for (std::size_t i = 0; i < engine.index.size(); ++i)
            psi.row(long(i)) = waves.row(engine.index[i]);
          sink(t, numbers, psi);
        });
  }
}

DirectionEngines::DirectionEngines(const DirectionEngines& other, const EngineOptions& options)
    : state_(other.state_),
      options_(options),
      beams_(other.beams_),
      low_(other.low_),
      size_(other.size_),
      count_(other.count_) {
  for (const auto& [number, tile] : other.tiles_) tiles_[number].hull = tile.hull;
}

DirectionEngines DirectionEngines::refined(const EngineOptions& options) const {
  return DirectionEngines(*this, options);
}

}  // namespace pendel

// Engines for many directions of incidence. Which beams are near the Ewald sphere changes with the
// direction, over a degree so much that one list cannot serve: directions are cut into square
// tiles, and each tile has a list of its own. At a border only beams change that are far from the
// sphere for both tiles: intensities jump there by no more than a larger sg_max_invA would
// change them on both sides.
#pragma once
#include <map>
#include <optional>

#include "studies/engine.hpp"

namespace pendel {

/// The beams whose amplitudes are asked for: these, or all near the Ewald sphere for some direction
/// with |g| <= g_max [1/Å].
struct WantedBeams {
  double g_max = 0;
  std::optional<std::vector<Hkl>> hkl;
};

class DirectionEngines {
 public:
  /// directions: all that will be asked for [rad, added to the state's tilt]. Layers of the state
  /// are as thick as they will be at most. Errors as of `make_engine`.
  DirectionEngines(const State& state, const EngineOptions& options,
                   const std::vector<Vec2>& directions, const WantedBeams& wanted, bool quiet);

  const Beams& beams() const { return beams_; }
  std::size_t tiles() const { return tiles_.size(); }
  /// "359 beams, ..." or "25 tiles of directions, ..."; empty where the engine has no list of them.
  std::string note();

  /// As pendel::thickness_series, psi being (beams(), directions). Tiles follow each other, `sink`
  /// is called by several threads.
  void thickness_series(const State& state, const std::vector<Vec2>& incidence, int layer,
                        const std::vector<double>& thicknesses, const SeriesSink& sink);

  /// The same beams and options for other directions.
  DirectionEngines of(const std::vector<Vec2>& directions) const {
    return DirectionEngines(state_, options_, directions, {0, beams_.hkl}, true);
  }
  /// The same tiles and beams with other options.
  DirectionEngines refined(const EngineOptions& options) const;

 private:
  struct Tile {
    std::vector<Vec2> hull;        // of its directions
    std::optional<BeamList> list;  // when it is needed
    std::optional<EngineWithBeams> engine;
    long used = 0;  // when, to forget the engine that was longest not used
  };
  DirectionEngines(const DirectionEngines& other, const EngineOptions& options);
  int tile_of(const Vec2& direction) const;
  const BeamList& list_of(Tile& tile) const;
  const EngineWithBeams& engine_of(Tile& tile);

  State state_;
  EngineOptions options_;
  Beams beams_;
  Vec2 low_, size_;            // rad: where tiles begin, their size
  std::array<int, 2> count_;   // of tiles along x, y
  std::map<int, Tile> tiles_;  // those with directions
  long clock_ = 0;
};

}  // namespace pendel

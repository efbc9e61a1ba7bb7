// Engines for many directions of incidence. Which beams are near the Ewald sphere changes with the
// direction, over a degree so much that one list gets long. Directions are either given one list
// for all, or those that the crystal's symmetry relates are laid upon each other and cut into
// square tiles, each tile with a list of its own: whichever is predicted to take fewer operations.
// At a border only beams change that are far from the sphere for both tiles: intensities jump there
// by no more than a larger sg_max_invA would change them on both sides.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <set>

#include "sim/direction_symmetry.hpp"
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
  std::size_t tiles() const { return tiling_.tiles.size(); }
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
  struct Region {
    std::vector<Vec2> hull;        // of the directions
    std::size_t directions = 0;    // so many different ones
    std::set<std::size_t> folded;  // by these symmetries
  };
  struct Tile : Region {
    std::optional<BeamList> list;  // when it is needed
    std::optional<EngineWithBeams> engine;
    long used = 0;  // when, to forget the engine that was longest not used
  };
  /// How directions are cut into tiles, after each was turned by one of the symmetries.
  struct Tiling {
    std::vector<DirectionSymmetry> symmetries;
    Vec2 low, size;             // rad: where tiles begin, their size
    std::array<int, 2> count;   // of tiles along x, y
    std::map<int, Tile> tiles;  // those with directions
  };
  struct Folded {
    Vec2 direction;
    std::size_t symmetry;  // that turned it
  };
  DirectionEngines(const DirectionEngines& other, const EngineOptions& options);
  Folded fold(const Tiling& tiling, const Vec2& direction) const;
  static int tile_of(const Tiling& tiling, const Vec2& folded);
  /// width [rad] of a tile; infinite: one for all.
  Tiling cut(const std::vector<Vec2>& directions, std::vector<DirectionSymmetry> symmetries,
             double width) const;
  /// That the exponentials of all directions are predicted to take, but for what symmetry saves
  /// within a tile.
  double operations(Tiling& tiling, bool quiet) const;
  void choose_tiling(const std::vector<Vec2>& directions, bool quiet);
  void find_beams(const WantedBeams& wanted, bool quiet);
  const BeamList& list_of(Tile& tile) const;
  const EngineWithBeams& engine_of(Tile& tile);

  State state_;
  EngineOptions options_;
  Tiling tiling_;
  Beams beams_;
  std::vector<Hkl> calculated_;  // beams_ and their images by the symmetries
  long clock_ = 0;
};

}  // namespace pendel

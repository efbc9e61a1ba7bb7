// Beam lists that follow the direction of incidence, against one list that is long enough.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/electron.hpp"
#include "core/parallel.hpp"
#include "studies/direction_engines.hpp"
#include "studies/specimen.hpp"

using namespace pendel;

namespace {

State titanate(double thickness) {
  CrystalsOptions crystals;
  crystals["STO"].cif.path = std::string(PENDEL_SOURCE_DIR) + "/data/cif/SrTiO3.cif";
  SpecimenOptions specimen;
  specimen.beam_direction = Vec3(0, 0, 1);
  LayerOptions layer;
  layer.crystal = "STO";
  layer.thickness_A = thickness;
  specimen.layers = {layer};
  BeamOptions beam;
  beam.energy_keV = 200;
  return build_specimen(crystals, specimen, beam, {}).state;
}

EngineOptions bloch() {
  EngineOptions options;
  options.kind = EngineKind::bloch;
  options.g_max_invA = 2;
  options.sg_max_invA = 0.04;
  return options;
}

// On a line over 8 degrees, away from symmetric directions; no two of them are related by symmetry.
std::vector<Vec2> wide_line() {
  std::vector<Vec2> tilts;
  for (int i = 0; i <= 70; ++i) tilts.emplace_back(0.012 + 0.002 * i, 0.011);
  return tilts;
}

const WantedBeams some{0, std::vector<Hkl>{{0, 0, 0}, {1, 0, 0}, {0, 2, 0}, {-1, 1, 0}}};

/// (beams, directions)
Eigen::MatrixXd intensities(DirectionEngines& engines, const State& state,
                            const std::vector<Vec2>& directions) {
  Eigen::MatrixXd result(long(engines.beams().size()), long(directions.size()));
  engines.thickness_series(
      state, directions, 0, {state.layers[0].thickness},
      [&](std::size_t, const std::vector<std::size_t>& which, const MatrixXcd& psi) {
        for (std::size_t d = 0; d < which.size(); ++d)
          result.col(long(which[d])) = psi.col(long(d)).cwiseAbs2();
      });
  return result;
}

double largest(const Eigen::MatrixXd& difference) { return difference.cwiseAbs().maxCoeff(); }

}  // namespace

// One direction, or a few: one list, that of the engine.
BOOST_AUTO_TEST_CASE(a_narrow_cone_has_one_list) {
  const State state = titanate(300);
  for (const double width : {0.0, 0.005}) {
    const std::vector<Vec2> tilts = {{0, 0}, {width, 0}, {0, width}, {-width, 0}, {0, -width}};
    DirectionEngines engines(state, bloch(), tilts, {0.8, {}}, true);
    BOOST_TEST(engines.tiles() == 1u);
    const EngineWithBeams engine =
        make_engine(state, engines.beams().hkl, bloch(), beam_list(state, bloch(), tilts), tilts);
    BOOST_TEST(engines.note() == engine.note);
    ExitWaves waves;
    exit_waves(engine.engine, state, tilts, {}, waves);
    const Eigen::MatrixXd found = intensities(engines, state, tilts);
    for (std::size_t i = 0; i < engine.index.size(); ++i)
      BOOST_TEST(largest(found.row(long(i)) - waves.psi.row(engine.index[i]).cwiseAbs2()) < 1e-10);
  }
  // every beam asked for lies within reach of the zone, and there are as many as in the list
  DirectionEngines engines(state, bloch(), {{0, 0}}, {0.8, {}}, true);
  std::size_t within = 0;
  const BeamList list = beam_list(state, bloch(), {{0, 0}});
  for (const Vec3& g : beams_from_hkl(state, list.hkl).g) within += g.norm() <= 0.8;
  BOOST_TEST(engines.beams().size() == within);
}

// Bright field where (10 0 0) is at its Bragg angle, 1.8 degrees from the zone: the list of the
// zone axis lacks that beam. A long list (|s| <= 0.1 1/Å) is the measure.
BOOST_AUTO_TEST_CASE(lists_follow_the_tilt) {
  const State state = titanate(1000);
  EngineOptions options = bloch();
  options.g_max_invA = 3.2;
  options.zero_order_only = true;
  const double bragg =
      std::asin(0.5 * electron::wavelength(200) * beams_from_hkl(state, {{10, 0, 0}}).g[0].norm());
  const std::vector<Vec2> tilts = {{0, 0.011}, {-bragg, 0.011}}, there = {tilts[1]};
  const WantedBeams bright_field{0, std::vector<Hkl>{{0, 0, 0}}};
  DirectionEngines engines(state, options, tilts, bright_field, true);
  BOOST_TEST(engines.tiles() == 2u);
  const double found = intensities(engines, state, there)(0, 0);
  EngineOptions many = options;
  many.sg_max_invA = 0.1;
  DirectionEngines longer = engines.refined(many);
  const double exact = intensities(longer, state, there)(0, 0);
  const EngineWithBeams middle = make_engine(state, {{0, 0, 0}}, options);
  ExitWaves waves;
  exit_waves(middle.engine, state, there, {}, waves);
  const double fixed = std::norm(waves.psi(middle.index[0], 0));
  BOOST_TEST_MESSAGE("bright field " << exact << ", with lists that follow " << found
                                     << ", with the middle's " << fixed);
  // what |s| <= 0.04 1/Å leaves out turns the phase between the beams over 1000 Å
  BOOST_TEST(std::abs(found - exact) < 0.02);
  BOOST_TEST(std::abs(fixed - exact) > 2 * std::abs(found - exact));
  BOOST_TEST(std::abs(fixed - exact) > 0.03);
}

// Strong reflections far from the sphere are listed where the opposite one does not undo what they
// do: for a tilted beam those of the zone, never those nearly along the beam.
BOOST_AUTO_TEST_CASE(far_beams_are_listed_where_they_count) {
  const State state = titanate(1000);
  EngineOptions options = bloch();
  options.g_max_invA = 3;
  const Vec2 tilt(0.05, 0.003);
  std::vector<Vec2> tilted;  // corners of a tile
  for (int corner : {0, 1, 3, 2})
    tilted.push_back(tilt + 0.0066 * Vec2(corner % 2 ? 1 : -1, corner / 2 ? 1 : -1));
  const auto listed = [&](const std::vector<Hkl>& list, const Hkl& hkl) {
    return std::find(list.begin(), list.end(), hkl) != list.end();
  };
  const std::vector<Hkl> on_axis = beam_list(state, options, {{0, 0}}).hkl,
                         list = beam_list(state, options, tilted).hkl;
  for (int l : {-1, 1}) {
    BOOST_TEST(!listed(on_axis, {0, 0, l}));
    BOOST_TEST(!listed(list, {0, 0, l}));
  }
  // the measure: |s| <= 0.1 1/Å and whatever couples to the incident beam
  BeamSelection selection;
  selection.g_max = 3;
  selection.sg_max = 0.04;
  BeamList near{select_beams(state, options.potential(), selection, tilted).hkl, ""},
      longest = near;
  for (double far : {0.1, 1e3}) {
    selection.sg_max = far;
    selection.weight_min = far > 1 ? 0.001 : 0;
    for (const Hkl& hkl : select_beams(state, options.potential(), selection, tilted).hkl)
      if (!listed(longest.hkl, hkl)) longest.hkl.push_back(hkl);
  }
  BOOST_TEST(list.size() > near.hkl.size());
  const std::vector<Hkl> wanted = {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}, {0, -1, 0}};
  const auto patterns = [&](const BeamList& beams) {
    const EngineWithBeams engine = make_engine(state, wanted, options, beams, tilted);
    Eigen::VectorXd result(4);
    thickness_series(engine.engine, state, {tilt}, 0, {1000},
                     [&](std::size_t, const std::vector<std::size_t>&, const MatrixXcd& psi) {
                       for (int i = 0; i < 4; ++i)
                         result[i] = std::norm(psi(engine.index[std::size_t(i)], 0));
                     });
    return result;
  };
  const Eigen::VectorXd exact = patterns(longest);
  const double with = largest(patterns({list, ""}) - exact),
               without = largest(patterns(near) - exact);
  BOOST_TEST_MESSAGE(list.size() << " beams: " << with << ", without " << without);
  BOOST_TEST(with < 0.004);
  BOOST_TEST(with < 0.6 * without);
}

// Just before and just behind every border: less than what sg_max_invA leaves out there, on both
// sides together.
BOOST_AUTO_TEST_CASE(borders_do_not_show) {
  const State state = titanate(150);
  std::vector<Vec2> tilts = wide_line(), borders;
  const double size = 0.14 / 7;
  for (int tile = 1; tile < 7; ++tile)
    for (const double side : {-1e-9, 1e-9}) borders.emplace_back(0.012 + size * tile + side, 0.011);
  tilts.insert(tilts.end(), borders.begin(), borders.end());
  DirectionEngines engines(state, bloch(), tilts, some, true);
  BOOST_TEST(engines.tiles() == 7u);
  EngineOptions more = bloch();
  more.sg_max_invA *= 1.5;  // what the certificate tries
  DirectionEngines finer = engines.refined(more);
  const Eigen::MatrixXd found = intensities(engines, state, borders),
                        refined = intensities(finer, state, borders);
  double jump = 0;
  for (int i = 0; i < found.cols(); i += 2)
    jump = std::max(jump, largest(found.col(i) - found.col(i + 1)));
  BOOST_TEST_MESSAGE("jump " << jump << ", left out " << largest(found - refined));
  BOOST_TEST(jump > 0);
  BOOST_TEST(jump < 2 * largest(found - refined));
}

// Directions that the symmetry relates are laid upon each other: against the list turned back, at
// the direction itself, phases included. A polar crystal has one mirror, strontium titanate all of
// 4mm.
BOOST_AUTO_TEST_CASE(directions_related_by_symmetry) {
  State polar = titanate(100);
  polar.crystals[0].crystal.sites[1].position.v += Vec3(0, 0.03, 0);
  const std::vector<Hkl> wanted = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {-1, 0, 0}, {0, -1, 0}};
  for (const auto& [state, number] : {std::pair{titanate(100), 8u}, {polar, 2u}}) {
    // alone in their tiles but for equal ones: lists are those of these directions
    const std::vector<Vec2> directions = {
        {-0.07, 0.045}, {0.1, 0.012}, {-0.012, -0.1}, {0.02, -0.04}, {0.05, 0.05}};
    DirectionEngines engines(state, bloch(), directions, {0, wanted}, true);
    const auto symmetries = direction_symmetries(state, false);
    BOOST_TEST(symmetries.size() == number);
    BOOST_TEST(engines.tiles() > 1u);
    engines.thickness_series(
        state, directions, 0, {100},
        [&](std::size_t, const std::vector<std::size_t>& which, const MatrixXcd& psi) {
          for (std::size_t j = 0; j < which.size(); ++j) {
            const Vec2 direction = directions[which[j]];
            double least = 1;  // over the symmetries: one of them is that of the tile
            for (const DirectionSymmetry& symmetry : symmetries) {
              const Vec2 turned = (symmetry.R * Vec2(direction.array().sin())).array().asin();
              BeamList list;
              for (const Hkl& hkl : beam_list(state, bloch(), {turned}).hkl)
                list.hkl.push_back(symmetry.before(hkl));
              const EngineWithBeams engine = make_engine(state, wanted, bloch(), list, {direction});
              ExitWaves waves;
              exit_waves(engine.engine, state, {direction}, {}, waves);
              double error = 0;
              for (std::size_t i = 0; i < wanted.size(); ++i)
                error = std::max(error,
                                 std::abs(waves.psi(engine.index[i], 0) - psi(long(i), long(j))));
              least = std::min(least, error);
            }
            BOOST_TEST(least < 1e-8);
          }
        });
  }
}

// All of a square that one list with the symmetry serves in fewer operations than lists that
// follow, and one that it does not.
BOOST_AUTO_TEST_CASE(whichever_takes_fewer_operations) {
  const State state = titanate(200);
  for (const auto& [half_width, one] : {std::pair{0.014, true}, {0.07, false}}) {
    std::vector<Vec2> square;
    for (int x = -10; x <= 10; ++x)
      for (int y = -10; y <= 10; ++y) square.push_back(half_width / 10 * Vec2(x, y));
    DirectionEngines engines(state, bloch(), square, some, true);
    BOOST_TEST((engines.tiles() == 1u) == one);
    BOOST_TEST(engines.tiles() <= 10u);  // of an octant
  }
}

// A stated tolerance bounds what the last third of the beams changed; what is still missing may be
// somewhat more, on each side of a border.
BOOST_AUTO_TEST_CASE(a_tolerance_holds_across_a_border) {
  const State state = titanate(60);
  EngineOptions options = bloch();
  options.zero_order_only = true;
  options.tolerance = 5e-3;
  const double border = 0.02 + 0.07 / 3;
  const std::vector<Vec2> tilts = {
      {0.02, 0.01}, {border - 1e-9, 0.01}, {border + 1e-9, 0.01}, {0.09, 0.01}};
  DirectionEngines engines(state, options, tilts, {0.6, {}}, true);
  BOOST_TEST(engines.tiles() == 3u);
  const Eigen::MatrixXd found = intensities(engines, state, tilts);
  const double jump = largest(found.col(1) - found.col(2));
  BOOST_TEST_MESSAGE("jump " << jump << "; " << engines.note());
  BOOST_TEST(jump < 3 * *options.tolerance);
}

BOOST_AUTO_TEST_CASE(threads_and_company_change_no_bit) {
  const State state = titanate(100);
  const std::vector<Vec2> tilts = wide_line();
  DirectionEngines engines(state, bloch(), tilts, some, true);
  const Eigen::MatrixXd all = intensities(engines, state, tilts);
  set_threads(1);
  DirectionEngines again(state, bloch(), tilts, some, true);
  const Eigen::MatrixXd one = intensities(again, state, tilts);
  set_threads(0);
  BOOST_TEST(largest(all - one) == 0);
}

// Beams by second-order perturbation stay far from the sphere over the whole tile.
BOOST_AUTO_TEST_CASE(weak_beams_follow_too) {
  const State state = titanate(100);
  EngineOptions options = bloch();
  options.g_max_invA = 1.5;
  options.weak_g_max_invA = 3;
  const std::vector<Vec2> tilts = wide_line();
  DirectionEngines engines(state, options, tilts, some, true);
  const Eigen::MatrixXd found = intensities(engines, state, tilts);
  BOOST_TEST(found.allFinite());
  BOOST_TEST(found.colwise().sum().maxCoeff() < 1.0001);
}

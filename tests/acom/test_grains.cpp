// Grains, misorientations and twins of maps made here, whose every position is described by an
// equivalent orientation drawn at random.
#include "acom/grains.hpp"

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

using namespace pendel;

namespace {

constexpr double degree = 0.017453292519943295;

/// The operations of a cube: signed permutations of the axes.
std::vector<Mat3> cube() {
  std::vector<Mat3> all;
  int order[3] = {0, 1, 2};
  do
    for (int signs = 0; signs < 8; ++signs) {
      Mat3 S = Mat3::Zero();
      for (int i = 0; i < 3; ++i) S(i, order[i]) = signs >> i & 1 ? -1 : 1;
      all.push_back(S);
    }
  while (std::next_permutation(order, order + 3));
  BOOST_REQUIRE(all.size() == 48u);
  return all;
}

Mat3 turn(double angle_deg, const Vec3& axis) {
  return Eigen::AngleAxisd(angle_deg * degree, axis.normalized()).toRotationMatrix();
}

struct Made {
  OrientationMap map;
  std::mt19937 random{3};

  Made(std::size_t rows, std::size_t columns) {
    map.rows = rows;
    map.columns = columns;
    map.phases.resize(2);
    map.phases[0].symmetry = cube();
    map.at.resize(rows * columns);
  }
  Mat3 equivalent(const Mat3& R, int phase) {
    std::vector<Mat3> some{Mat3::Identity()};
    for (const Mat3& S : map.phases[std::size_t(phase)].symmetry)
      if (S.determinant() > 0) some.push_back(S);
    return R * some[random() % some.size()];
  }
  void put(std::size_t row, std::size_t column, int phase, const Mat3& R, double score = 1) {
    OrientationSolution solution;
    solution.phase = phase;
    solution.R_lab_crystal = equivalent(R, phase);
    solution.score = score;
    map.at[row * map.columns + column].solutions.push_back(solution);
  }
};

/// Of two orientations of a phase of `Made`, as neighbours of a map.
double misorientation_deg(const Mat3& A, const Mat3& B, int phase = 0) {
  Made made(1, 2);
  made.put(0, 0, phase, A);
  made.put(0, 1, phase, B);
  return neighbour_pairs(made.map).at(0).angle_deg;
}

}  // namespace

BOOST_AUTO_TEST_CASE(misorientations_are_the_smallest_of_all_equivalent_ones) {
  const Mat3 A = turn(33, {1, 2, 3});
  // largest angle that two cubes can have: 62.8° [Mackenzie]; Σ3 is 60°, a turn by 90° none
  BOOST_TEST(misorientation_deg(A, A * turn(60, {1, 1, 1})) == 60,
             boost::test_tools::tolerance(1e-9));
  BOOST_TEST(misorientation_deg(A, A * turn(180, {1, 1, 2})) == 60,
             boost::test_tools::tolerance(1e-9));
  BOOST_TEST(misorientation_deg(A, A * turn(90, {0, 0, 1})) < 1e-6);
  BOOST_TEST(misorientation_deg(A, A * turn(1e-5, {3, 0, 1})) == 1e-5,
             boost::test_tools::tolerance(1e-6));
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  double largest = 0;
  for (int i = 0; i < 20000; ++i) {
    const Eigen::Quaterniond q(normal(random), normal(random), normal(random), normal(random));
    largest =
        std::max(largest, misorientation_deg(Mat3::Identity(), q.normalized().toRotationMatrix()));
  }
  BOOST_TEST(largest < 62.7995);
  BOOST_TEST(largest > 60);
}

BOOST_AUTO_TEST_CASE(grains_are_found_with_their_means) {
  // three grains of the cubic phase, one of the other, a hole, and scatter
  Made made(12, 15);
  const Mat3 left = turn(20, {1, 0, 2}), right = left * turn(9, {0, 1, 1}),
             below = turn(70, {3, 1, 1});
  std::normal_distribution<double> normal(0, 0.5);
  for (std::size_t r = 0; r < 12; ++r)
    for (std::size_t c = 0; c < 15; ++c) {
      if (r == 3 && c == 3) continue;
      const Mat3 noise = turn(normal(made.random),
                              {normal(made.random), normal(made.random), normal(made.random)});
      if (r >= 9)
        made.put(r, c, 1, noise * below);
      else
        made.put(r, c, 0, noise * (c < 8 ? left : right));
    }
  const Grains found = find_grains(made.map);
  BOOST_REQUIRE(found.grains.size() == 3u);
  BOOST_TEST(found.grains[0].positions == 71u);
  BOOST_TEST(found.grains[1].positions == 63u);
  BOOST_TEST(found.grains[2].positions == 45u);
  BOOST_TEST(found.id[3 * 15 + 3] == -1);
  BOOST_TEST(std::isnan(found.from_mean_deg[3 * 15 + 3]));
  const Mat3 truth[] = {left, right, below};
  const int phases[] = {0, 0, 1};
  for (std::size_t g = 0; g < 3; ++g) {
    const MapGrain& grain = found.grains[g];
    BOOST_TEST(grain.phase == phases[g]);
    // 0.5° about random axes, over 45 positions and more: 0.04° in each component
    BOOST_TEST(misorientation_deg(grain.R_lab_crystal, truth[g], grain.phase) < 0.2);
    BOOST_TEST(grain.spread_deg > 0.2);
    BOOST_TEST(grain.spread_deg < 0.6);
  }
  BOOST_TEST(std::abs(found.grains[1].centre.x() - 11) < 1e-12);
  BOOST_TEST(std::abs(found.grains[1].centre.y() - 4) < 1e-12);
  GrainOptions options;
  options.threshold_deg = 15;
  BOOST_TEST(find_grains(made.map, options).grains.size() == 2u);
  options.least_positions = 100;
  BOOST_TEST(find_grains(made.map, options).grains.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_bent_grain_is_one_with_the_right_mean_and_gradient) {
  // 2° per column over 60°: more than from a cube's orientation to the next equivalent one
  Made made(2, 31);
  const Mat3 start = turn(11, {1, 1, 0});
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t c = 0; c < 31; ++c)
      made.put(r, c, 0, turn(2.0 * double(c), {0, 0, 1}) * start);
  const Grains found = find_grains(made.map);
  BOOST_REQUIRE(found.grains.size() == 1u);
  BOOST_TEST(misorientation_deg(found.grains[0].R_lab_crystal, turn(30, {0, 0, 1}) * start) < 1e-6);
  const auto pairs = neighbour_pairs(made.map);
  BOOST_TEST(pairs.size() == 31u + 60u);
  const auto kernel = kernel_average(made.map, pairs, 5);
  // two neighbours at 2°, one at 0°; at the ends one and one
  BOOST_TEST(kernel[5] == 4. / 3, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(kernel[0] == 1, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(std::isnan(kernel_average(made.map, {}, 5)[0]));
}

BOOST_AUTO_TEST_CASE(twins_are_told_from_boundaries_of_the_same_angle) {
  // Σ3 of a cube beside a turn by 60° about another axis
  const Cell cell(4, 4, 4, 90, 90, 90);
  const Mat3 left = turn(40, {2, 1, 5});
  const auto relation = [&](const Mat3& right) {
    Made made(1, 2);
    made.put(0, 0, 0, left);
    made.put(0, 1, 0, right);
    const Twin twin{"sigma 3", 0, twin_turn(cell, {1, 1, 1}, 60), 5};
    const auto pairs = neighbour_pairs(made.map, {twin});
    BOOST_REQUIRE(pairs.size() == 1u);
    return pairs[0];
  };
  for (const Vec3& axis : {Vec3(1, 1, 1), Vec3(1, -1, 1), Vec3(-1, -1, 1)})
    for (const double sign : {1., -1.}) {
      const NeighbourPair pair = relation(left * turn(60 * sign, axis));
      BOOST_TEST(pair.twin == 0);
      BOOST_TEST(pair.angle_deg == 60, boost::test_tools::tolerance(1e-9));
    }
  BOOST_TEST(relation(left * turn(60, {1, 1, 1}) * turn(4, {1, 0, 0})).twin == 0);
  BOOST_TEST(relation(left * turn(60, {1, 1, 1}) * turn(6, {1, 0, 0})).twin == -1);
  BOOST_TEST(relation(left * turn(60, {1, 1, 0})).twin == -1);
  BOOST_TEST(relation(left * turn(1, {1, 1, 0})).twin == -1);
  BOOST_CHECK_THROW(twin_turn(cell, {0, 0, 0}, 60), std::exception);
}

BOOST_AUTO_TEST_CASE(neighbours_decide_between_solutions_of_about_the_same_score) {
  Made made(10, 10);
  const Mat3 right = turn(25, {1, 2, 0}), wrong = turn(180, {0, 0, 1}) * right;
  BOOST_REQUIRE(misorientation_deg(right, wrong, 1) > 30);
  std::size_t swapped = 0;
  for (std::size_t r = 0; r < 10; ++r)
    for (std::size_t c = 0; c < 10; ++c) {
      const bool swap = made.random() % 4 == 0;
      swapped += swap;
      made.put(r, c, 1, swap ? wrong : right, 0.9);
      made.put(r, c, 1, swap ? right : wrong, 0.87);
    }
  // a solution that is clearly better is not voted down
  auto& sure = made.map.at[55].solutions;
  sure.clear();
  made.put(5, 5, 1, wrong, 0.9);
  made.put(5, 5, 1, right, 0.5);
  const std::size_t before = swapped;
  const std::size_t changed = choose_by_neighbours(made.map);
  BOOST_TEST(changed >= before - 1);
  BOOST_TEST(changed <= before);
  for (std::size_t i = 0; i < 100; ++i) {
    const MapPosition& at = made.map.at[i];
    const bool is_right = misorientation_deg(at.solutions[0].R_lab_crystal, right, 1) < 1;
    BOOST_TEST(is_right == (i != 55));
    BOOST_TEST(at.solutions.size() == 2u);
    BOOST_TEST(((at.flags & by_neighbours) != 0) ==
               (at.solutions[0].score < at.solutions[1].score));
  }
}

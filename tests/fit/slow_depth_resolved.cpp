// Polarization resolved in depth: the PbTiO3 of SrTiO3/PbTiO3/SrTiO3 cut into two sublayers with
// opposite polarization, which counts of disks tell from the ranges alone; and thin sublayers at a
// low dose, of which the rank says in words that they do not.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "core/parallel.hpp"
#include "fit/determination.hpp"
#include "fit/scan_fit.hpp"
#include "fit/uncertainty.hpp"
#include "sim/sublayers.hpp"
#include "tests/model/demo_stack.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double semiangle = 1.75e-3;

/// 8 cells of SrTiO3, two sublayers of PbTiO3, 8 cells of SrTiO3.
struct Halves : DemoStack {
  explicit Halves(int cells) {
    state.layers = {{0, 8 * 3.905}, {1, cells * 4.0}, {0, 8 * 3.905}};
    split_layer(state, 1, 2);
  }
  /// Tilts and the amplitudes of x (and y) in the first and the second sublayer; thickness.
  std::vector<Parameter> parameters(bool all) const {
    std::vector<Parameter> result = {tilt_parameter(state, 0, -4, 4),
                                     tilt_parameter(state, 1, -4, 4)};
    for (const int layer : {1, 2}) {
      const std::string part = std::to_string(layer) + "of2";
      const int crystal = state.layers[std::size_t(layer)].crystal;
      result.push_back(mode_parameter(state, crystal, mode_x, "x." + part, -1.2, 1.2));
      if (all) result.push_back(mode_parameter(state, crystal, mode_y, "y." + part, -1.2, 1.2));
    }
    const double whole = state.layers[1].thickness + state.layers[2].thickness;
    if (all) result.push_back(thickness_parameter(state, 1, whole - 8, whole + 8, 2));
    return result;
  }
  ForwardModel model(bool all, double slice, double g_max, int degree) const {
    const std::vector<Hkl> disks = zone_beams(state, 1.2).hkl;
    SplitStepOptions options;
    options.potential.absorption = Absorption::proportional;
    options.slice_A = slice;
    options.g_max = g_max;
    return ForwardModel(state, engine(disks, options), disks, parameters(all), semiangle, degree);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(opposite_sublayers_are_told_apart) {
  const Halves stack(16);
  const ForwardModel model = stack.model(true, 1, 4, 3), finer = stack.model(true, 0.5, 4.5, 5);
  const long n = long(model.parameters().size());
  constexpr int truths = 12;
  std::vector<Eigen::VectorXd> truth(truths, Eigen::VectorXd(n));
  std::vector<DiskData> data(truths);
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (Eigen::VectorXd& values : truth) {
    const double P = 0.7 + 0.2 * uniform(random), angle = M_PI * uniform(random);
    const double x = P * std::cos(angle), y = P * std::sin(angle);
    values << 3 * uniform(random), 3 * uniform(random), x, y, -x, -y, 64 + 5 * uniform(random);
  }
  parallel_for(truths, [&](long i, int) {
    data[i].dose = 1e5;
    finer.evaluate(truth[i].data(), data[i].intensity, nullptr);
  });
  for (DiskData& position : data)
    for (double& I : position.intensity)
      I = double(std::poisson_distribution<long>(position.dose * I)(random));

  const StartTable table(model, 1500);
  const std::vector<PositionFit> fits = fit_scan(model, table, data, {});
  int recovered = 0;
  double square = 0, error = 0, reported = 0;
  for (int i = 0; i < truths; ++i) {
    const Eigen::VectorXd off = fits[i].solution.values - truth[i];
    const bool good = off.segment(2, 4).cwiseAbs().maxCoeff() < 0.2;
    recovered += good;
    BOOST_TEST_MESSAGE((good ? "" : "NOT ")
                       << "recovered " << truth[i].transpose() << ": "
                       << fits[i].solution.values.transpose() << "; χ² " << fits[i].reduced_chi2);
    if (!good) continue;
    for (int k = 2; k < 6; ++k) {
      square += off[k] * off[k] / fits[i].covariance(k, k);
      error += off[k] * off[k];
      reported += fits[i].covariance(k, k);
    }
    const Determination d =
        determination(weighted_jacobian(model, data[i], fits[i].solution, nullptr, nullptr),
                      free_unknowns(model, Nuisance()), model.parameters(), 1);
    BOOST_TEST(d.rank == n);
  }
  BOOST_TEST_MESSAGE(recovered << " of " << truths << "; rms error "
                               << std::sqrt(error / (4 * recovered)) << ", error bar "
                               << std::sqrt(reported / (4 * recovered)) << ", spread "
                               << std::sqrt(square / (4 * recovered)));
  record("Fits", "opposite polarizations of two sublayers: share found", "12 truths",
         double(recovered) / truths, at_least(1));
  record("Fits", "opposite polarizations: spread of 48 normalised residuals", "1",
         std::sqrt(square / (4 * recovered)), between(0.7, 1.3));
}

BOOST_AUTO_TEST_CASE(the_rank_says_when_sublayers_are_not_told_apart) {
  // A layer so thin that both halves scatter nearly alike, few electrons.
  const Halves stack(2);
  const ForwardModel model = stack.model(false, 2, 4, 3);
  Eigen::VectorXd truth(4);
  truth << 1, -0.7, 0.7, -0.7;
  Solution solution;
  solution.values = truth;
  const auto lines = [&](double dose) {
    DiskData data;
    data.dose = dose;
    model.evaluate(truth.data(), data.intensity, nullptr);
    data.intensity *= dose;
    return open_combinations(
        {determination(weighted_jacobian(model, data, solution, nullptr, nullptr),
                       free_unknowns(model, Nuisance()), model.parameters(), 1)},
        model.parameters());
  };
  BOOST_TEST(lines(1e4).empty());
  const std::vector<std::string> few = lines(1e3), fewest = lines(100);
  BOOST_REQUIRE(few.size() == 1u);
  BOOST_TEST_MESSAGE("1000 electrons: " << few[0]);
  BOOST_TEST(few[0].find("x.1of2 and x.2of2 are determined only in the combination 0.7 x.1of2") ==
             0u);
  const std::vector<std::string> each = {"x.1of2 is not determined at 1 of 1 positions",
                                         "x.2of2 is not determined at 1 of 1 positions"};
  BOOST_TEST(fewest == each, boost::test_tools::per_element());
}

// Structure refinement from a rocking series: PbTiO3 along [100], polar axis in the plane, 400 Å.
// Counts are simulated with Bloch waves from a structure that differs from the known one in
// positions, Debye-Waller factors and one structure factor; split-step propagation is fitted.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "cif/read.hpp"
#include "crystal/orientation.hpp"
#include "crystal/structure_factor.hpp"
#include "crystal/symmetry.hpp"
#include "fit/position_fit.hpp"
#include "model/joint_model.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {

constexpr double dose = 1e5;  // electrons per tilt
const Hkl refined_hkl{0, 1, 1};
const char* simulated = "41 tilts by Bloch waves, fitted by split-step";

enum { tilt_x, tilt_y, z_Ti, z_O1, z_O2, B_Pb, B_Ti, B_O, U_011, thickness, absorption, unknowns };

/// 41 tilts on a spiral up to 20 mrad: the zone axis and two-beam conditions of all low orders.
std::vector<Vec2> rocking_series() {
  std::vector<Vec2> tilts;
  for (int i = 0; i < 41; ++i) {
    const double radius = 20e-3 * std::sqrt(i / 40.0), angle = i * M_PI * (3 - std::sqrt(5.0));
    tilts.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  }
  return tilts;
}

PotentialOptions potential() {
  PotentialOptions options;
  options.absorption = Absorption::proportional;
  return options;
}

State known_structure() {
  const Crystal crystal = read_cif(PENDEL_SOURCE_DIR "/data/cif/PbTiO3.cif");
  State state;
  state.energy_keV = 200;
  state.crystals = {{crystal, orientation(crystal.cell, {1, 0, 0}, {0, 1, 0})}};
  state.layers = {{0, 400}};
  return state;
}

std::vector<Parameter> parameters(const State& base) {
  const Crystal& crystal = base.crystals[0].crystal;
  const auto along_c = [&](int site, const char* name) {
    return mode_parameter(base, 0, symmetric_displacement(crystal, site, {0, 0, 1}), name, -0.15,
                          0.15);
  };
  return {tilt_parameter(base, 0, -4, 4),
          tilt_parameter(base, 1, -4, 4),
          along_c(1, "z of Ti"),
          along_c(2, "z of O1"),
          along_c(3, "z of O2"),
          debye_waller_parameter(base, 0, 82, 0.3, 2),
          debye_waller_parameter(base, 0, 22, 0.1, 1.5),
          debye_waller_parameter(base, 0, 8, 0.1, 2),
          structure_factor_parameter(base, 0, refined_hkl, UgPart::amplitude, {}, 0.02, 0.2),
          thickness_parameter(base, 0, 340, 460),
          absorption_parameter(base, 0, 2)};
}

/// |U| of the refined reflection in the crystal of a state.
double structure_factor(const State& state) {
  return std::abs(
      structure_factors(state.crystals[0].crystal, {refined_hkl}, state.energy_keV, potential())[0]
          .elastic);
}

}  // namespace

BOOST_AUTO_TEST_CASE(structure_from_a_rocking_series) {
  const State base = known_structure();
  const std::vector<Parameter> all = parameters(base);
  const std::vector<Vec2> tilts = rocking_series();
  const std::vector<Hkl> disks = zone_beams(base, 1.2).hkl;
  Eigen::VectorXd truth(unknowns);
  truth << 0.7, -1.1, 0.031, -0.042, 0.025, 0.75, 0.58, 0.87, 0, 417.3, 0.8;
  truth[U_011] = 1.03 * all[U_011].nominal;

  // Zero-order zone in both engines. These beams leave R1 = 2e-4 against fine slices.
  const State true_state = state_at(base, all, truth.data());
  const Bloch bloch(true_state, zone_beams(base, 4), {potential()});
  SeriesOptions series;
  series.method = BlochMethod::exponential;
  const MatrixXcd psi =
      bloch.thickness_series(true_state, tilts, 0, {true_state.layers[0].thickness}, series)[0];
  std::mt19937_64 random(11);
  std::vector<ModelSet> sets;
  DiskData expected;
  expected.dose = dose;
  expected.intensity.resize(long(tilts.size() * disks.size()));
  SplitStepOptions splitstep;
  splitstep.potential = potential();
  splitstep.zero_order_only = true;
  splitstep.g_max = 3.5;
  splitstep.slice_A = 2;
  const auto engine =
      std::make_shared<const Engine>(SplitStep(base, beams_from_hkl(base, disks), splitstep));
  long row = 0;
  for (std::size_t t = 0; t < tilts.size(); ++t) {
    for (const Hkl& hkl : disks)
      expected.intensity[row++] = dose * std::norm(psi(bloch.beams().index(hkl), long(t)));
    State tilted = base;
    tilted.beam_tilt += tilts[t];
    ModelSet set;
    set.model = std::make_shared<ForwardModel>(tilted, engine, disks, all, 0, 1);
    sets.push_back(set);
  }
  const JointModel model(sets, {}, 1);
  const StartTable table(model, 100);
  FitOptions options;
  options.starts = 3;
  const double true_U = structure_factor(true_state);
  PositionFit fit;
  double square = 0;
  constexpr int noises = 3;
  for (int noise = 0; noise < noises; ++noise) {
    DiskData data = expected;
    for (double& count : data.intensity)
      count = double(std::poisson_distribution<long>(count)(random));
    // the ranges alone, then the solution: noise does not change the basin
    fit = noise == 0 ? fit_position(model, table, data, options)
                     : fit_position(model, {fit.solution.values}, data, options);
    BOOST_TEST((fit.status == FitStatus::converged));
    const Eigen::VectorXd error = fit.solution.values - truth;
    for (int k = 0; k < unknowns; ++k) {
      const double sigma = std::sqrt(fit.covariance(k, k));
      BOOST_TEST_MESSAGE(all[k].name << ": " << fit.solution.values[k] << ", error " << error[k]
                                     << ", error bar " << sigma);
      BOOST_TEST(std::abs(error[k]) < 4 * sigma);
      square += std::pow(error[k] / sigma, 2);
    }
    for (const int k : {z_Ti, z_O1, z_O2})
      record("Fits", "refined structure: error of positions, Å", simulated, std::abs(error[k]),
             at_most(0.002));
    for (const int k : {B_Pb, B_Ti, B_O})
      record("Fits", "refined structure: relative error of B", simulated,
             std::abs(error[k]) / truth[k], at_most(0.05));
    const double U = structure_factor(state_at(base, all, fit.solution.values.data()));
    BOOST_TEST_MESSAGE("U_g: " << U << ", error " << 100 * (U / true_U - 1) << " %; χ² "
                               << fit.reduced_chi2);
    record("Fits", "refined structure: relative error of U_011", simulated,
           std::abs(U / true_U - 1), at_most(0.005));
    record("Fits", "refined structure: reduced χ²", simulated, fit.reduced_chi2, at_most(1.1));
  }
  BOOST_TEST_MESSAGE("normalised residuals: rms " << std::sqrt(square / (noises * unknowns)));
  record("Fits", "refined structure: mean square of 33 normalised residuals", "1",
         square / (noises * unknowns), between(0.5, 1.8));
}

// Candidates that single scattering cannot tell apart, peaks from Bloch waves of all beams.
#include "acom/dynamical_ranking.hpp"

#include <boost/test/unit_test.hpp>

#include "cif/read.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"
#include "crystal/orientation.hpp"
#include "sim/bloch.hpp"
#include "simulated_peaks.hpp"

using namespace pendel;

namespace {

constexpr double energy = 200, g_max = 1;

Crystal crystal_of(const std::string& name) {
  return read_cif(PENDEL_SOURCE_DIR "/data/cif/" + name + ".cif");
}

DynamicalOptions options_of() {
  DynamicalOptions options;
  options.g_max = g_max;
  options.tolerance = 0.02;
  return options;
}

std::vector<double> thicknesses() {
  std::vector<double> result;
  for (int k = 1; k <= 30; ++k) result.push_back(8 * k);
  return result;
}

/// Of all beams near the Ewald sphere, no perturbation; by thickness.
std::vector<std::vector<Spot>> by_bloch(const Crystal& crystal, const Mat3& R,
                                        const std::vector<double>& thickness) {
  State state;
  state.energy_keV = energy;
  state.crystals = {{crystal, R}};
  state.layers = {{0, thickness.back()}};
  BlochOptions how;
  how.potential = options_of().potential;
  BeamSelection all;
  all.g_max = 2;
  all.sg_max = 0.08;
  const Bloch bloch(state, select_beams(state, how.potential, all), how);
  std::vector<std::vector<Spot>> result;
  for (const MatrixXcd& psi : bloch.thickness_series(state, {Vec2(0, 0)}, 0, thickness)) {
    result.emplace_back();
    for (std::size_t i = 0; i < bloch.beams().size(); ++i) {
      Spot spot;
      spot.hkl = bloch.beams().hkl[i];
      spot.g = bloch.beams().g[i];
      spot.intensity = std::norm(psi(Eigen::Index(i), 0));
      if (spot.g.norm() <= g_max) result.back().push_back(spot);
    }
  }
  return result;
}

Match candidate(int phase, const Mat3& R) {
  Match result;
  result.phase = phase;
  result.R_lab_crystal = R;
  result.score = 1;
  return result;
}

}  // namespace

// Gallium arsenide along [110] and turned by 180°: |U_g| of g and −g are the same, and so are
// excitation errors; by many beams the two ends of [001] differ.
BOOST_AUTO_TEST_CASE(the_sense_of_a_polar_axis_and_the_thickness) {
  const Crystal crystal = crystal_of("GaAs");
  const Mat3 R = orientation(crystal.cell, {1, 1, 0}, {0, 0, 1});
  const Mat3 turned = rotation_about(Vec3::UnitZ(), electron::pi) * R;
  SpotOptions once;
  once.g_max = g_max;
  const std::vector<Spot> a = SpotPatterns(crystal, energy, once).spots(R);
  const std::vector<Spot> b = SpotPatterns(crystal, energy, once).spots(turned);
  BOOST_REQUIRE(a.size() == b.size());
  for (const Spot& spot : a) {
    const auto twin = std::find_if(
        b.begin(), b.end(), [&](const Spot& other) { return (other.g - spot.g).norm() < 1e-9; });
    BOOST_REQUIRE(twin != b.end());
    BOOST_TEST(std::abs(twin->intensity - spot.intensity) < 1e-9 * (1 + spot.intensity));
  }

  const DynamicalPatterns patterns(crystal, energy, options_of(), thicknesses(),
                                   std::vector<Mat3>{R});
  DynamicalRankingOptions options;
  options.intensity_error = 0.1;
  options.tilted = 0;  // the orientation is known
  std::mt19937_64 random(5);
  const std::vector<double> truths{83, 141, 207};
  const std::vector<std::vector<Spot>> spots = by_bloch(crystal, R, truths);
  for (std::size_t t = 0; t < truths.size(); ++t)
    for (const bool right_is_first : {true, false}) {
      const double truth = truths[t];
      std::vector<PeakVector> peaks = noisy_peaks(spots[t], {}, g_max, random);
      if (!right_is_first)
        for (PeakVector& peak : peaks) peak.q = -peak.q;
      const std::vector<Match> ranked =
          ranked_dynamically(peaks, {candidate(0, R), candidate(0, turned)}, {&patterns}, options);
      BOOST_TEST_MESSAGE("GaAs " << truth << " A: " << ranked[0].thickness_A << " +- "
                                 << ranked[0].thickness_error_A << ", misfits "
                                 << ranked[0].dynamical_misfit << ", " << ranked[1].dynamical_misfit
                                 << " with " << peaks.size() << " peaks");
      BOOST_TEST((ranked[0].R_lab_crystal == R) == right_is_first);
      BOOST_TEST(ranked[1].dynamical_misfit >
                 ranked[0].dynamical_misfit + 6);  // a likelihood ratio of twenty
      BOOST_TEST(std::abs(ranked[0].thickness_A - truth) < 3 * ranked[0].thickness_error_A);
      BOOST_TEST(ranked[0].thickness_error_A < 15);
    }
}

// From as far as single scattering leaves the orientation: to a tenth of that, and the thickness.
BOOST_AUTO_TEST_CASE(tilts_are_found) {
  const Crystal crystal = crystal_of("GaAs");
  const Mat3 truth =
      rotation_about({1, 2, 0}, 0.02) * orientation(crystal.cell, {1, 1, 0}, {0, 0, 1});
  const Mat3 start = rotation_about({2, -1, 0}, 0.008) * truth;
  const DynamicalPatterns patterns(crystal, energy, options_of(), thicknesses(),
                                   std::vector<Mat3>{truth});
  std::mt19937_64 random(6);
  const std::vector<PeakVector> peaks =
      noisy_peaks(by_bloch(crystal, truth, {160})[0], {}, g_max, random);
  const Match found = ranked_dynamically(peaks, {candidate(0, start)}, {&patterns})[0];
  const double error = misorientation(found.R_lab_crystal, truth, {Mat3::Identity()});
  BOOST_TEST_MESSAGE("tilted: " << 1e3 * error << " mrad off, " << found.thickness_A << " +- "
                                << found.thickness_error_A << " A");
  BOOST_TEST(error < 8e-4);
  // its error is that at this orientation: the tilt, known to 0.5 mrad, adds a spacing
  BOOST_TEST(std::abs(found.thickness_A - 160) < 8 + 2 * found.thickness_error_A);
}

BOOST_AUTO_TEST_CASE(wrong_input_is_refused) {
  const Crystal crystal = crystal_of("Si");
  const DynamicalPatterns one(crystal, energy, options_of(), {50}, BeamLimits{1.5, 0.05});
  const DynamicalPatterns two(crystal, energy, options_of(), {50, 60}, BeamLimits{1.5, 0.05});
  const auto refused = [&](int phase, const DynamicalPatterns& patterns, double error) {
    DynamicalRankingOptions options;
    options.intensity_error = error;
    try {
      ranked_dynamically({}, {candidate(phase, Mat3::Identity())}, {&patterns}, options);
    } catch (const Error& e) {
      return e.kind() == ErrorKind::study;
    }
    return false;
  };
  BOOST_TEST(!refused(0, two, 0.1));
  BOOST_TEST(refused(0, one, 0.1));
  BOOST_TEST(refused(1, two, 0.1));
  BOOST_TEST(refused(-1, two, 0.1));
  BOOST_TEST(refused(0, two, 0));
}

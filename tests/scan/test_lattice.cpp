// Plane lattices and strain from Bragg peaks: deformations known exactly, noise against the
// Cramér-Rao limit, and the numbers of another program.
#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/Geometry>
#include <Eigen/LU>
#include <Eigen/SVD>
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <random>

#include "core/electron.hpp"
#include "scan/lattice.hpp"
#include "scan/strain.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
using Eigen::Matrix2d;

namespace {

Matrix2d matrix(double a, double b, double c, double d) {
  Matrix2d m;
  m << a, b, c, d;
  return m;
}

Matrix2d rotation(double degrees) {
  return Eigen::Rotation2Dd(degrees * electron::pi / 180).toRotationMatrix();
}

/// Of reciprocal vectors when real space is deformed by F.
Matrix2d deformed(const Matrix2d& basis, const Matrix2d& F) {
  return F.inverse().transpose() * basis;
}

const Matrix2d oblique = matrix(0.25, 0.03, -0.02, 0.31);  // columns g1, g2

std::vector<PeakVector> peaks_on(const Matrix2d& basis, double radius,
                                 const Vec2& origin = Vec2::Zero()) {
  std::vector<PeakVector> peaks;
  for (int h = -12; h <= 12; ++h)
    for (int k = -12; k <= 12; ++k) {
      const Vec2 q = basis * Vec2(h, k);
      if (q.norm() > radius) continue;
      PeakVector peak;
      peak.q = q + origin;
      peak.intensity = 1;
      peaks.push_back(peak);
    }
  return peaks;
}

}  // namespace

BOOST_AUTO_TEST_CASE(known_deformations) {
  struct Case {
    Matrix2d strain;
    double degrees;
  };
  for (const Case& c :
       {Case{matrix(0.05, 0, 0, 0), 0}, Case{matrix(0.3, 0, 0, -0.2), 0},
        Case{matrix(0, 0.1, 0.1, 0), 0}, Case{matrix(0, 0, 0, 0), 10},
        Case{matrix(0.05, -0.02, -0.02, 0.3), 10}, Case{matrix(-0.04, 0.05, 0.05, 0.1), -25}}) {
    const Matrix2d F = rotation(c.degrees) * (Matrix2d::Identity() + c.strain);
    const Matrix2d basis = deformed(oblique, F);
    const auto fit = fit_lattice(peaks_on(basis, 2, Vec2(0.01, -0.02)), oblique);
    BOOST_TEST_CONTEXT("strain " << c.strain.row(0) << ", " << c.strain.row(1) << ", rotation "
                                 << c.degrees) {
      BOOST_REQUIRE(fit);
      BOOST_TEST((fit->origin - Vec2(0.01, -0.02)).norm() < 1e-12);
      const Strain found = strain_of(fit->basis, oblique).strain;
      for (const double error :
           {found.xx - c.strain(0, 0), found.yy - c.strain(1, 1), found.xy - c.strain(0, 1),
            found.rotation - c.degrees * electron::pi / 180})
        record("Calibration and strain", "strain to 30 %, rotation to 25°, of exact peaks",
               "closed form", std::abs(error), at_most(1e-12));
    }
  }
}

BOOST_AUTO_TEST_CASE(derivatives) {
  const Matrix2d basis = deformed(oblique, rotation(7) * matrix(1.1, 0.04, 0.02, 0.95));
  for (const bool linearised : {false, true})
    for (int i = 0; i < 4; ++i) {
      const double step = 1e-6;
      Matrix2d up = basis, down = basis;
      up(i % 2, i / 2) += step;
      down(i % 2, i / 2) -= step;
      const Strain a = strain_of(up, oblique, linearised).strain,
                   b = strain_of(down, oblique, linearised).strain;
      const Eigen::Vector4d difference =
          Eigen::Vector4d(a.xx - b.xx, a.yy - b.yy, a.xy - b.xy, a.rotation - b.rotation) /
          (2 * step);
      const auto exact = strain_of(basis, oblique, linearised).derivative.col(i);
      BOOST_TEST((exact - difference).norm() < 1e-8 * exact.norm());
    }
}

// py4DSTEM's numbers; its x is our y, its rotation turns from x to y with the sign reversed.
BOOST_AUTO_TEST_CASE(linearised_as_the_peer) {
  const Matrix2d square = 0.2 * Matrix2d::Identity();
  const auto peer = [&](double exx, double degrees) {
    return strain_of(deformed(square, rotation(-degrees) * matrix(1, 0, 0, 1 + exx)), square, true)
        .strain;
  };
  BOOST_TEST(std::abs(peer(0.02, 0).yy - 0.019607843137254943) < 1e-12);
  BOOST_TEST(std::abs(peer(0.05, 0).yy - 0.04761904761904767) < 1e-12);
  const Strain turned = peer(0, 5);
  BOOST_TEST(std::abs(turned.xx - 0.003805301908254455) < 1e-12);
  BOOST_TEST(std::abs(turned.yy - 0.0038053019082542328) < 1e-12);
  BOOST_TEST(std::abs(turned.xy) < 1e-12);
  BOOST_TEST(std::abs(turned.rotation * 180 / electron::pi - -4.993656219768748) < 1e-10);
}

// Numbers that py4DSTEM 0.14.18 reports from orientations that it matched on a grid, which leaves
// up to 2e-4; its frame is taken here, its theta has the opposite sign.
BOOST_AUTO_TEST_CASE(linearised_as_the_peer_from_orientations) {
  struct Case {
    Matrix2d strain;
    double degrees, xx, yy, xy, theta_deg;
  };
  for (const Case& c :
       {Case{matrix(0.01, 0, 0, 0), 0, 0.009828225, -0.000127716, 0.000021526, 0.007658149},
        Case{matrix(0.03, 0, 0, -0.01), 0, 0.029053449, -0.010228726, 0.000021526, 0.007658149},
        Case{matrix(0, 0.01, 0.01, 0), 0, -0.000172775, -0.000227726, 0.010022526, 0.007658150},
        Case{matrix(0, 0, 0, 0), 1, 0.000079540, 0.000024589, 0.000021526, -0.992291082},
        Case{matrix(0.01, 0, 0, 0), 2, 0.010431367, 0.000481457, 0.000194296, -1.982036739},
        Case{matrix(0, 0, 0, 0), 3, 0.001297700, 0.001242744, 0.000021526, -2.990971260}}) {
    const Matrix2d square = 0.2 * Matrix2d::Identity();
    const Matrix2d F = rotation(c.degrees) * (Matrix2d::Identity() + c.strain);
    const Strain found = strain_of(deformed(square, F), square, true).strain;
    for (const double error : {found.xx - c.xx, found.yy - c.yy, found.xy - c.xy,
                               found.rotation + c.theta_deg * electron::pi / 180})
      record("Calibration and strain", "linearised strain (its grid leaves 2e-4)",
             "py4DSTEM [Savitzky2021]", std::abs(error), at_most(2.5e-4));
  }
}

// The lattice's own settings: whatever the start, the same lattice; centred ones too.
BOOST_AUTO_TEST_CASE(basis_from_the_peaks) {
  for (const Matrix2d& basis :
       {oblique, matrix(0.2, 0, 0, 0.2), matrix(0.3, 0.15, 0, 0.26), matrix(0.1, 0.04, 0, 0.5)}) {
    const auto found = find_basis({peaks_on(rotation(17) * basis, 1.6)});
    BOOST_REQUIRE(found);
    // an integer change of determinant ±1 leads to the made one
    const Matrix2d change = found->inverse() * rotation(17) * basis;
    BOOST_TEST((change - Matrix2d(change.array().round())).norm() < 1e-9);
    BOOST_TEST(std::abs(std::abs(change.determinant()) - 1) < 1e-9);
    BOOST_TEST(found->determinant() > 0);
    // reduced: no combination is shorter
    BOOST_TEST(std::abs(found->col(0).dot(found->col(1))) <=
               0.5000001 * std::min(found->col(0).squaredNorm(), found->col(1).squaredNorm()));
  }
  // peaks that are missing at random, in many patterns, with noise and false ones
  std::mt19937 random(5);
  std::uniform_real_distribution<double> uniform(-1.5, 1.5);
  std::normal_distribution<double> normal(0, 0.004);
  std::vector<std::vector<PeakVector>> patterns(60);
  for (auto& pattern : patterns) {
    for (PeakVector peak : peaks_on(oblique, 1.5))
      if (uniform(random) < -0.3) {
        peak.q += Vec2(normal(random), normal(random));
        pattern.push_back(peak);
      }
    for (int i = 0; i < 5; ++i) {
      PeakVector false_one;
      false_one.q = Vec2(uniform(random), uniform(random));
      pattern.push_back(false_one);
    }
  }
  const auto found = find_basis(patterns);
  BOOST_REQUIRE(found);
  const Matrix2d change = found->inverse() * oblique;
  BOOST_TEST((change - Matrix2d(change.array().round())).norm() < 0.02);
  BOOST_TEST(std::abs(std::abs(Matrix2d(change.array().round()).determinant()) - 1) < 1e-9);
}

BOOST_AUTO_TEST_CASE(no_lattice) {
  BOOST_TEST(!find_basis({}).has_value());
  BOOST_TEST(!find_basis({{PeakVector()}}).has_value());
  std::vector<PeakVector> line;  // systematic row: one direction only
  for (int h = -4; h <= 4; ++h) {
    PeakVector peak;
    peak.q = Vec2(0.2 * h, 0.1 * h);
    line.push_back(peak);
  }
  BOOST_TEST(!find_basis({line}).has_value());
  BOOST_TEST(!fit_lattice(line, oblique).has_value());
  BOOST_TEST(!fit_lattice(peaks_on(oblique, 0.1), oblique).has_value());
}

// Strain's scatter against the Cramér-Rao limit of its peaks, and its error bars against both:
// known errors, unequal and not along the axes, and none; one false peak in ten does little harm.
BOOST_AUTO_TEST_CASE(noise) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  const Matrix2d truth = deformed(oblique, rotation(2) * matrix(1.02, 0.01, 0, 0.99));
  const std::vector<PeakVector> exact = peaks_on(truth, 1.0);
  for (const bool known : {true, false}) {
    // limit: the information matrix, written here without the fit's own
    Eigen::MatrixXd information = Eigen::MatrixXd::Zero(6, 6);
    std::vector<Matrix2d> roots;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const double size = known ? 0.001 * (1 + double(i % 5)) : 0.002;
      roots.push_back(size * (known ? matrix(1, 0, 0.5, 0.7) : Matrix2d(Matrix2d::Identity())));
      const Matrix2d weight = (roots[i] * roots[i].transpose()).inverse();
      const Vec2 hk = (truth.inverse() * exact[i].q).array().round();
      const Eigen::Vector3d one(1, hk.x(), hk.y());
      for (int a = 0; a < 3; ++a)
        for (int b = 0; b < 3; ++b)
          information.block<2, 2>(2 * a, 2 * b) += one[a] * one[b] * weight;
    }
    const auto lattice = strain_of(truth, oblique);
    const Eigen::Matrix4d limit = lattice.derivative *
                                  information.inverse().bottomRightCorner<4, 4>() *
                                  lattice.derivative.transpose();
    Eigen::Vector4d squares = Eigen::Vector4d::Zero(), normalised = squares, mean = squares;
    const int trials = 2000;
    for (int t = 0; t < trials; ++t) {
      std::vector<PeakVector> peaks = exact;
      for (std::size_t i = 0; i < peaks.size(); ++i) {
        peaks[i].q += roots[i] * Vec2(normal(random), normal(random));
        if (known) peaks[i].covariance = roots[i] * roots[i].transpose();
      }
      const auto fit = fit_lattice(peaks, oblique);
      BOOST_REQUIRE(fit);
      const auto found = strain_of(fit->basis, oblique);
      const Eigen::Vector4d d(
          found.strain.xx - lattice.strain.xx, found.strain.yy - lattice.strain.yy,
          found.strain.xy - lattice.strain.xy, found.strain.rotation - lattice.strain.rotation);
      const Eigen::Matrix4d covariance = found.derivative *
                                         fit->covariance.bottomRightCorner<4, 4>() *
                                         found.derivative.transpose();
      squares += d.cwiseAbs2() / trials;
      mean += d / trials;
      normalised += d.cwiseAbs2().cwiseQuotient(covariance.diagonal()) / trials;
    }
    for (int i = 0; i < 4; ++i) {
      const double ratio = std::sqrt(squares[i] / limit(i, i));
      BOOST_TEST_MESSAGE("    errors "
                         << (known ? "known" : "not known") << ", component " << i << ": rms "
                         << ratio << " of the Cramér-Rao limit, spread of normalised residuals "
                         << std::sqrt(normalised[i]));
      record("Calibration and strain", "strain of noisy peaks: rms error over the limit",
             "Cramér-Rao limit", ratio, between(0.95, 1.2));
      record("Calibration and strain", "strain of noisy peaks: spread of normalised residuals", "1",
             std::sqrt(normalised[i]), between(0.9, 1.1));
      BOOST_TEST(std::abs(mean[i]) < 0.15 * std::sqrt(limit(i, i)));
    }
  }
}

BOOST_AUTO_TEST_CASE(false_peaks) {
  std::mt19937 random(9);
  std::normal_distribution<double> normal(0, 0.002);
  std::uniform_real_distribution<double> uniform(-1, 1);
  double worst = 0;
  for (int t = 0; t < 200; ++t) {
    std::vector<PeakVector> peaks = peaks_on(oblique, 1.0);
    const std::size_t good = peaks.size();
    for (PeakVector& peak : peaks) peak.q += Vec2(normal(random), normal(random));
    for (std::size_t i = 0; i < good / 5; ++i) {
      PeakVector false_one;
      false_one.q = Vec2(uniform(random), uniform(random));
      peaks.push_back(false_one);
    }
    const auto fit = fit_lattice(peaks, oblique);
    BOOST_REQUIRE(fit);
    worst = std::max(worst, std::abs(strain_of(fit->basis, oblique).strain.xx));
  }
  BOOST_TEST_MESSAGE("    one false peak for five: largest strain " << worst);
  BOOST_TEST(worst < 0.003);  // of peaks that scatter by 0.002 each
}

#include "sim/kinematical_pattern.hpp"

#include <Eigen/Geometry>
#include <cmath>
#include <string>
#include <utility>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "core/require.hpp"
#include "sim/ewald.hpp"

namespace pendel {

using electron::pi;

namespace {

/// The two things a shape needs: its value (1 at s = 0) and, for the precession mean, the highest
/// frequency in s [Å] that it holds (to 1e-16 for the Gaussian, whose spectrum is a Gaussian).
struct Shape {
  double thickness = 0, sigma = 0;  // one of them

  explicit Shape(const std::variant<SlabShape, GaussianShape>& shape) {
    if (const auto* slab = std::get_if<SlabShape>(&shape)) {
      thickness = slab->thickness;
      require(thickness > 0, "thickness [A] of a spot pattern", thickness, "positive");
    } else {
      sigma = std::get<GaussianShape>(shape).sigma;
      require(sigma > 0, "sigma [1/A] of a spot pattern", sigma, "positive");
    }
  }
  bool slab() const { return thickness > 0; }
  double value(double s) const {
    return slab() ? std::pow(sinc(s * thickness), 2) : std::exp(-0.5 * std::pow(s / sigma, 2));
  }
  double bandwidth() const { return slab() ? thickness : 8.6 / (2 * pi * sigma); }
  /// What multiplies |U_g|² value(s).
  double scale(double K_n, double kappa) const {
    return slab() ? std::pow(pi * thickness, 2) / (K_n * kappa) : 1;
  }
};

/// The incident beam, or the cone on which it precesses: K(α) = K_0 cos φ + (u cos α + v sin α),
/// u ⊥ v of length K sin φ.
struct Cone {
  Vec3 axis, u, v, normal;

  Vec3 beam(double alpha) const { return axis + std::cos(alpha) * u + std::sin(alpha) * v; }
};

Cone cone_of(const IncidentWave& wave, double precession, const Vec3& normal) {
  const Vec3 direction = wave.wavevector / wave.K;
  const Vec3 side = std::abs(direction[0]) < 0.7 ? Vec3::UnitX() : Vec3::UnitY();
  const Vec3 u = direction.cross(side).cross(direction).normalized();
  const double radius = wave.K * std::sin(precession);
  const Cone cone{std::cos(precession) * wave.wavevector, radius * u, radius * direction.cross(u),
                  normal};
  const double least = cone.axis.dot(normal) - std::hypot(cone.u.dot(normal), cone.v.dot(normal));
  require(least > 0,
          "the least component of a precessing beam's wavevector along the surface "
          "normal [1/A]",
          least, "positive (the beam enters through the surface)");
  return cone;
}

double shape_at(const Shape& shape, const Cone& cone, const Vec3& g, double alpha) {
  const Vec3 K = cone.beam(alpha);
  const double s = exact_excitation_error(K, g, cone.normal);
  if (std::isnan(s)) return 0;
  const double K_n = K.dot(cone.normal);
  return shape.scale(K_n, K_n + g.dot(cone.normal)) * shape.value(s);
}

/// Mean over the cone: the trapezoidal rule, exact for harmonics below the number of directions.
/// s swings by about `swing`, so a frequency b of the shape has harmonics up to 2π b swing; then
/// directions are doubled until the mean stays.
double mean_shape(const Shape& shape, const Cone& cone, const Vec3& g, double tolerance) {
  const double kappa = (cone.axis + g).dot(cone.normal);
  const double swing = std::hypot(cone.u.dot(g), cone.v.dot(g)) / kappa;
  const auto mean = [&](int directions, double offset) {
    double sum = 0;
    for (int i = 0; i < directions; ++i)
      sum += shape_at(shape, cone, g, 2 * pi * (i + offset) / directions);
    return sum / directions;
  };
  const double largest = shape.scale(cone.axis.dot(cone.normal), kappa);
  int directions = int(2 * pi * shape.bandwidth() * swing) + 24;
  double value = mean(directions, 0);
  for (int doubling = 0; doubling < 8; ++doubling) {
    const double finer = 0.5 * (value + mean(directions, 0.5));
    if (std::abs(finer - value) <= tolerance * largest) return finer;
    value = finer;
    directions *= 2;
  }
  throw Error(ErrorKind::numerical,
              "the precession mean has not converged with " + std::to_string(directions) +
                  " directions; a larger precession_tolerance would be reached");
}

/// Least |s| on the cone. s falls as K·g grows, which is extreme where the azimuth is that of g (to
/// first order in the angle, if the surface is inclined).
double nearest_approach(const Cone& cone, const Vec3& g) {
  const double alpha = std::atan2(cone.v.dot(g), cone.u.dot(g));
  const double low = exact_excitation_error(cone.beam(alpha), g, cone.normal);
  const double high = exact_excitation_error(cone.beam(alpha + pi), g, cone.normal);
  if (low <= 0 && high >= 0) return 0;
  return std::fmin(std::abs(low), std::abs(high));  // fmin passes over NaN
}

}  // namespace

double exact_excitation_error(const Vec3& K, const Vec3& g, const Vec3& n) {
  // s² + 2κs = K² − |K+g|², κ = (K+g)·n, without cancellation.
  const double kappa = (K + g).dot(n), excitation = -(2 * K + g).dot(g);
  const double square = kappa * kappa + excitation;
  if (!(kappa > 0 && square >= 0)) return std::nan("");
  return excitation / (kappa + std::sqrt(square));
}

std::vector<Reflection> reflections(const Crystal& crystal, double energy_keV, double g_max,
                                    ScatteringTable table, double forbidden_fraction) {
  const std::vector<Hkl> hkl = reflections_within(crystal.cell, g_max);
  PotentialOptions potential;
  potential.table = table;
  const std::vector<Ug> U = structure_factors(crystal, hkl, energy_keV, potential);
  const std::vector<Ug> largest = structure_factors(in_phase(crystal), hkl, energy_keV, potential);
  std::vector<Reflection> result;
  for (std::size_t i = 0; i < hkl.size(); ++i)
    result.push_back({hkl[i], crystal.cell.g(hkl[i]).v, U[i].elastic,
                      std::abs(U[i].elastic) <= forbidden_fraction * std::abs(largest[i].elastic)});
  return result;
}

SpotPatterns::SpotPatterns(const Crystal& crystal, double energy_keV, SpotOptions options)
    : energy_keV_(energy_keV),
      options_(std::move(options)),
      reflections_(pendel::reflections(crystal, energy_keV, options_.g_max, options_.table)) {
  const Shape shape(options_.shape);
  require(options_.sg_max > 0, "sg_max [1/A] of a spot pattern", options_.sg_max, "positive");
  require(options_.precession >= 0 && options_.precession < pi / 4, "precession angle [rad]",
          options_.precession, "0 to 0.78");
  require(options_.precession_tolerance > 0, "tolerance of the precession mean",
          options_.precession_tolerance, "positive");
}

std::vector<Spot> SpotPatterns::spots(const Mat3& R_lab_crystal, const Vec3& surface_normal,
                                      const Vec2& beam_tilt) const {
  const Shape shape(options_.shape);
  State state;
  state.energy_keV = energy_keV_;
  state.surface_normal = surface_normal;
  const IncidentWave wave = incident_wave(state, beam_tilt, 0);
  const Cone cone = cone_of(wave, options_.precession, surface_normal.normalized());
  const bool precessing = options_.precession > 0;

  std::vector<Spot> result;
  for (const Reflection& reflection : reflections_) {
    const Vec3 g = R_lab_crystal * reflection.g;
    const double s = exact_excitation_error(wave.wavevector, g, cone.normal);
    const double nearest = precessing ? nearest_approach(cone, g) : std::abs(s);
    if (!(nearest <= options_.sg_max)) continue;  // NaN: it does not leave the exit face
    Spot spot{reflection.hkl, g, s, reflection.U_g, 0, reflection.forbidden};
    if (shape.slab() && reflection.hkl == Hkl{})
      spot.intensity = 1;
    else
      spot.intensity = std::norm(reflection.U_g) *
                       (precessing ? mean_shape(shape, cone, g, options_.precession_tolerance)
                                   : shape_at(shape, cone, g, 0));
    result.push_back(spot);
  }
  return result;
}

}  // namespace pendel

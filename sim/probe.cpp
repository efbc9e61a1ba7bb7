#include "sim/probe.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/decomposition.hpp"
#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

constexpr double pi = electron::pi;

struct Node {
  double x, weight;
};

// Of the standard normal distribution: the Jacobi matrix of the Hermite polynomials He_n has
// sqrt(1), sqrt(2), ... beside its diagonal; its eigenvalues are the nodes, the squared first
// components of its eigenvectors the weights.
std::vector<Node> gauss_hermite(int count) {
  Eigen::MatrixXd jacobi = Eigen::MatrixXd::Zero(count, count);
  for (int i = 1; i < count; ++i) jacobi(i, i - 1) = jacobi(i - 1, i) = std::sqrt(double(i));
  const EigenDecomposition eigen = symmetric_eigen(jacobi);
  std::vector<Node> nodes;
  for (int i = 0; i < count; ++i)
    nodes.push_back({eigen.values[i].real(), std::norm(eigen.vectors(0, i))});
  return nodes;
}

std::vector<Node> gaussian(double standard_deviation, int count) {
  if (standard_deviation < 0 || count < 1)
    throw Error(ErrorKind::study, "a Gaussian average of standard deviation " +
                                      std::to_string(standard_deviation) + " A by " +
                                      std::to_string(count) +
                                      " points; it needs a value >= 0 and at least 1 point");
  if (standard_deviation == 0) return {{0, 1}};
  std::vector<Node> nodes = gauss_hermite(count);
  for (Node& node : nodes) node.x *= standard_deviation;
  return nodes;
}

}  // namespace

double outer_semiangle(const Probe& probe) { return probe.semiangle + probe.edge / 2; }

void check_aberration(int n, int m) {
  if (n >= 1 && m >= 0 && m <= n + 1 && (n + 1 - m) % 2 == 0) return;
  std::string right;
  for (int i = (n + 1) % 2; n >= 1 && i <= n + 1; i += 2)
    right += (right.empty() ? "" : ", ") + std::string("C") + std::to_string(n) + std::to_string(i);
  throw Error(ErrorKind::study,
              "there is no aberration C" + std::to_string(n) + std::to_string(m) +
                  (n < 1 ? "; the order n is at least 1"
                         : "; of order n = " + std::to_string(n) + " there are " + right));
}

double aberration_phase(const Probe& probe, const Vec2& k) {
  const double lambda = electron::wavelength(probe.energy_keV);
  const double theta = lambda * k.norm(), phi = std::atan2(k[1], k[0]);
  double chi = 0;
  for (const Aberration& a : probe.aberrations)
    chi += a.C * std::pow(theta, a.n + 1) / (a.n + 1) * std::cos(a.m * (phi - a.phi));
  return 2 * pi / lambda * chi;
}

double aperture_amplitude(const Probe& probe, const Vec2& k) {
  const double theta = electron::wavelength(probe.energy_keV) * k.norm();
  // a pixel on the rim is inside, however its coordinates were rounded
  if (probe.edge == 0) return theta <= probe.semiangle * (1 + 1e-9) ? 1 : 0;
  return std::sqrt(std::clamp((probe.semiangle - theta) / probe.edge + 0.5, 0.0, 1.0));
}

template <class Real>
void probe_wave(const Probe& probe, const WaveGrid& grid, const Vec2& position,
                std::complex<Real>* wave) {
  for (const Aberration& a : probe.aberrations) check_aberration(a.n, a.m);
  const double k_max = outer_semiangle(probe) / electron::wavelength(probe.energy_keV);
  if (k_max > grid.band_limit())
    throw Error(ErrorKind::study, "the aperture reaches to " + std::to_string(k_max) +
                                      " 1/A, beyond the band limit of the grid, " +
                                      std::to_string(grid.band_limit()) +
                                      " 1/A; smaller pixels are needed");
  std::fill(wave, wave + grid.size(), std::complex<Real>(0));
  const int x_max = int(k_max * grid.lx + 1e-6), y_max = int(k_max * grid.ly + 1e-6);
  std::vector<complex> amplitudes;
  std::vector<std::size_t> pixels;
  double intensity = 0;
  for (int y = -y_max; y <= y_max; ++y)
    for (int x = -x_max; x <= x_max; ++x) {
      const Vec2 k(x / grid.lx, y / grid.ly);
      const double A = aperture_amplitude(probe, k);
      if (A == 0) continue;
      intensity += A * A;
      amplitudes.push_back(std::polar(A, -aberration_phase(probe, k) - 2 * pi * k.dot(position)));
      pixels.push_back(std::size_t((y + grid.ny) % grid.ny) * grid.nx + (x + grid.nx) % grid.nx);
    }
  for (std::size_t i = 0; i < pixels.size(); ++i)
    wave[pixels[i]] = std::complex<Real>(amplitudes[i] / std::sqrt(intensity));
}

template void probe_wave(const Probe&, const WaveGrid&, const Vec2&, std::complex<float>*);
template void probe_wave(const Probe&, const WaveGrid&, const Vec2&, std::complex<double>*);

double probe_radius(const Probe& probe) {
  if (probe.semiangle <= 0)
    throw Error(ErrorKind::study, "a plane wave has no radius; a probe needs a semi-angle");
  const double lambda = electron::wavelength(probe.energy_keV);
  // |grad_k chi|/2 pi on a polar net of the aperture; chi is smooth, so central differences do
  constexpr int rings = 16, spokes = 48;
  const double k_max = outer_semiangle(probe) / lambda, h = 1e-4 * k_max;
  double largest = 0;
  for (int ring = 1; ring <= rings; ++ring)
    for (int spoke = 0; spoke < spokes; ++spoke) {
      const double phi = 2 * pi * spoke / spokes, r = k_max * ring / rings;
      const Vec2 k(r * std::cos(phi), r * std::sin(phi));
      Vec2 gradient;
      for (int axis = 0; axis < 2; ++axis) {
        const Vec2 step = h * Vec2::Unit(axis);
        gradient[axis] =
            (aberration_phase(probe, k + step) - aberration_phase(probe, k - step)) / (2 * h);
      }
      largest = std::max(largest, gradient.norm() / (2 * pi));
    }
  return 0.61 * lambda / probe.semiangle + largest;
}

double focal_spread(double Cc, double energy_spread_eV, double energy_keV) {
  const double ratio = energy_keV / electron::rest_energy_keV;
  return Cc * energy_spread_eV / (1e3 * energy_keV) * (1 + ratio) / (1 + ratio / 2);
}

std::vector<DefocusOffset> defocus_offsets(double standard_deviation, int count) {
  std::vector<DefocusOffset> offsets;
  for (const Node& node : gaussian(standard_deviation, count))
    offsets.push_back({node.x, node.weight});
  return offsets;
}

std::vector<PositionOffset> source_offsets(double standard_deviation, int count) {
  const std::vector<Node> nodes = gaussian(standard_deviation, count);
  std::vector<PositionOffset> offsets;
  for (const Node& y : nodes)
    for (const Node& x : nodes) offsets.push_back({Vec2(x.x, y.x), x.weight * y.weight});
  return offsets;
}

}  // namespace pendel

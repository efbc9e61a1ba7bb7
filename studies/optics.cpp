#include "studies/optics.hpp"

#include <algorithm>
#include <cctype>

#include "core/electron.hpp"
#include "core/error.hpp"

namespace pendel {

namespace {

constexpr double mrad = 1e-3, degree = electron::pi / 180;

// "C30" -> n = 3, m = 0.
Aberration aberration_of(const AberrationOptions& options) {
  const std::string& name = options.name;
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  if (name.size() != 3 || name[0] != 'C' || !digit(name[1]) || !digit(name[2]))
    throw Error(ErrorKind::study,
                "'" + name + "' is no aberration; allowed: C10, C12, C21, C30 ...");
  const Aberration aberration{name[1] - '0', name[2] - '0', options.value_A,
                              options.angle_deg * degree};
  check_aberration(aberration.n, aberration.m);
  return aberration;
}

}  // namespace

void check_probe(const std::string& path, const ProbeOptions& probe, Problems& problems) {
  if (!probe.aberrations) return;
  for (std::size_t i = 0; i < probe.aberrations->size(); ++i) try {
      aberration_of((*probe.aberrations)[i]);
    } catch (const Error& error) {
      problems.add(path + ".aberrations." + std::to_string(i) + ".name", error.what());
    }
}

Probe probe_of(const BeamOptions& beam, const ProbeOptions& options) {
  Probe probe;
  probe.energy_keV = beam.energy_keV;
  probe.semiangle = beam.semiangle_mrad * mrad;
  if (options.aberrations)
    for (const AberrationOptions& aberration : *options.aberrations)
      probe.aberrations.push_back(aberration_of(aberration));
  return probe;
}

Detector detector_of(const DetectorOptions& options, double energy_keV) {
  Detector detector;
  detector.rows = options.rows;
  detector.columns = options.columns;
  detector.pixel = options.pixel_mrad * mrad / electron::wavelength(energy_keV);
  detector.rotation = options.rotation_deg * degree;
  if (options.ellipse) {
    detector.ellipse_ratio = options.ellipse->ratio;
    detector.ellipse_angle = options.ellipse->angle_deg * degree;
  }
  detector.blur = options.blur_px;
  if (options.mtf) detector.mtf = *options.mtf;
  return detector;
}

double corner_k(const Detector& detector) {
  double largest = 0;
  for (const double column : {-0.5, detector.columns - 0.5})
    for (const double row : {-0.5, detector.rows - 0.5})
      largest = std::max(largest, detector.wavevector({column, row}).norm());
  return largest;
}

std::vector<EmdAxis> detector_axes(const DetectorOptions& options) {
  EmdAxis rows = index_axis("q_row", std::size_t(options.rows)),
          columns = index_axis("q_column", std::size_t(options.columns));
  for (EmdAxis* axis : {&rows, &columns}) {
    axis->units = "mrad";
    const double centre = double(axis->values.size() / 2);
    for (double& value : axis->values) value = (value - centre) * options.pixel_mrad;
  }
  return {rows, columns};
}

}  // namespace pendel

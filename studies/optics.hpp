// The groups of keys of what is before and behind the specimen: probe, detector.
#pragma once
#include "core/options_reader.hpp"
#include "io/emd.hpp"
#include "sim/detector.hpp"
#include "sim/probe.hpp"
#include "studies/options.hpp"

namespace pendel {

struct AberrationOptions {
  std::string name;
  double value_A = 0, angle_deg = 0;

  template <class Visitor>
  void describe(Visitor& v) {
    v("name", name, help("C10 (minus the defocus), C12, C21, C23, C30, ...").required());
    v("value_A", value_A, help("its size").required());
    v("angle_deg", angle_deg, help("its azimuth, for m > 0").range(-360, 360));
  }
};

struct ProbeOptions {
  std::optional<std::vector<AberrationOptions>> aberrations;
  double focal_spread_A = 0;
  double source_size_A = 0;

  template <class Visitor>
  void describe(Visitor& v) {
    v("aberrations", aberrations, help("coefficients C_nm of the illumination"));
    v("focal_spread_A", focal_spread_A,
      help("standard deviation of defocus, from chromatic aberration").at_least(0));
    v("source_size_A", source_size_A,
      help("standard deviation of the source's image along x and y").at_least(0));
  }
};

struct EllipseOptions {
  double ratio = 1, angle_deg = 0;

  template <class Visitor>
  void describe(Visitor& v) {
    v("ratio", ratio, help("long axis over short axis").range(1, 10));
    v("angle_deg", angle_deg, help("of the long axis, from columns to rows").range(-360, 360));
  }
};

struct DetectorOptions {
  int rows = 128, columns = 128;
  double pixel_mrad = 1;
  double rotation_deg = 0;
  std::optional<EllipseOptions> ellipse;
  double blur_px = 0;
  std::optional<std::vector<Vec2>> mtf;
  std::optional<double> dose;
  int seed = 1;

  template <class Visitor>
  void describe(Visitor& v) {
    v("rows", rows, help("pixels along lab y").required().range(1, 16384));
    v("columns", columns, help("pixels along lab x").required().range(1, 16384));
    v("pixel_mrad", pixel_mrad, help("size of a pixel").required().above(0));
    v("rotation_deg", rotation_deg,
      help("of the pattern on the detector, from columns to rows").range(-360, 360));
    v("ellipse", ellipse, help("distortion of the pattern"));
    v("blur_px", blur_px, help("standard deviation of a Gaussian point spread").at_least(0));
    v("mtf", mtf, help("modulation transfer: pairs of frequency in 1/pixel, ascending, and value"));
    v("dose", dose, help("electrons per position: counts with Poisson noise").above(0));
    v("seed", seed, help("of the noise").at_least(0));
  }
};

struct VirtualDetectorOptions {
  double inner_mrad = 0, outer_mrad = 0;

  template <class Visitor>
  void describe(Visitor& v) {
    v("inner_mrad", inner_mrad, help("where it begins").at_least(0));
    v("outer_mrad", outer_mrad, help("where it ends").required().above(0));
  }
};

/// Names that are no aberrations.
void check_probe(const std::string& path, const ProbeOptions& probe, Problems& problems);
Probe probe_of(const BeamOptions& beam, const ProbeOptions& options);
Detector detector_of(const DetectorOptions& options, double energy_keV);
/// The largest |k| [1/Å] that falls on the detector.
double corner_k(const Detector& detector);
/// Columns and rows as scattering angles [mrad], the rotation and the ellipse left out.
std::vector<EmdAxis> detector_axes(const DetectorOptions& options);

}  // namespace pendel

// Study `images`: virtual images of a measured scan, the centre of mass of its patterns, and their
// mean, maximum and variance, radial means and what halos say.
#pragma once
#include "studies/measured_scan.hpp"

namespace pendel {

struct ImageDetectorOptions {
  std::string name;
  std::optional<std::array<double, 2>> radii_px, radii_mrad, radii_invA;
  std::optional<ReferenceOptions> mask;
  std::optional<Vec2> centre_px;
  std::optional<std::array<double, 2>> angles_deg;

  template <class Visitor>
  void describe(Visitor& v) {
    v("name", name, help("of the image").required());
    v("radii_px", radii_px, help("inner and outer radius").increasing().at_least(0));
    v("radii_mrad", radii_mrad, help("or as scattering angles").increasing().at_least(0));
    v("radii_invA", radii_invA, help("or as spatial frequencies").increasing().at_least(0));
    v("mask", mask, help("or weights of all pixels").word("file"));
    v("centre_px", centre_px,
      help("column, row of its centre, for dark fields of a reflection; else the beam's"));
    v("angles_deg", angles_deg,
      help("a sector: from, to; 0 along the columns' axis, 90 along the rows'")
          .increasing()
          .range(-360, 720));
    v.exactly_one({"radii_px", "radii_mrad", "radii_invA", "mask"});
  }
};

struct CentreOfMassOptions {
  std::optional<double> radius_px;
  double rotation_deg = 0;
  bool flip = false;

  template <class Visitor>
  void describe(Visitor& v) {
    v("radius_px", radius_px, help("only pixels this near the beam count").above(0));
    v("rotation_deg", rotation_deg,
      help("of the detector's columns against the scan's: deflections are turned back by it")
          .range(-360, 360));
    v("flip", flip, help("the detector is a mirror image: its rows are reversed before"));
  }
};

struct PairDistributionOptions {
  File cif;
  std::array<double, 2> q_invA{{0, 0}};
  double damping_A2 = 0;
  double r_max_A = 10;

  template <class Visitor>
  void describe(Visitor& v) {
    v("cif", cif, help("whose atoms, in the same shares, make the specimen").required());
    v("q_invA", q_invA, help("1/d in use").required().increasing().at_least(0));
    v("damping_A2", damping_A2,
      help("the structure function is multiplied by exp(-damping q²) against ripples").at_least(0));
    v("r_max_A", r_max_A, help("distances up to it").above(0));
  }
};

struct RadialOptions {
  std::optional<ReferenceOptions> mask;
  std::optional<std::array<double, 2>> halo;
  std::optional<double> counts_per_electron;
  std::optional<PairDistributionOptions> pair_distribution;

  template <class Visitor>
  void describe(Visitor& v) {
    v("mask", mask, help("pixels that are 0 in it do not count (beam stop)").word("file"));
    v("halo", halo,
      help("a halo is fitted between these radii, in 1/Å where the pixel is known in it, else in "
           "pixels")
          .increasing()
          .at_least(0));
    v("counts_per_electron", counts_per_electron,
      help(
          "fluctuation (FEM): what one electron adds to the stored numbers, whose Poisson noise is "
          "taken off")
          .at_least(0));
    v("pair_distribution", pair_distribution, help("reduced density function of amorphous matter"));
  }
};

struct ImagesOptions {
  std::optional<File> calibration;
  std::optional<RadialOptions> radial;
  std::optional<Vec2> centre_px;
  std::vector<ImageDetectorOptions> detectors;
  CentreOfMassOptions centre_of_mass;
  int median_positions = 1000;

  template <class Visitor>
  void describe(Visitor& v) {
    v("calibration", calibration,
      help("a result of study `calibrate`: the beam, pixel, ellipse, rotation and flip are its, "
           "deflections start from its origin of each position"));
    v("centre_px", centre_px,
      help("column, row of the undiffracted beam in the patterns as they are used; else found in "
           "the mean of some"));
    v("detectors", detectors, help("virtual detectors"));
    v("centre_of_mass", centre_of_mass, help("of every pattern, and the phase from it"));
    v("median_positions", median_positions,
      help("the median pattern is over so many positions, evenly chosen, or over all if there are "
           "fewer; 0: none")
          .range(0, 100000));
    v("radial", radial, help("means around the beam, and halos of amorphous matter"));
  }
};

struct ImagesStudy {
  std::string study = "images";
  std::optional<File> output;
  MeasuredScanOptions scan;
  ImagesOptions images;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("scan", scan, help("the measurement").required());
    v("images", images, help("what is made of it"));
  }

  static constexpr const char* summary =
      "Virtual images of a measured scan, the centre of mass of every pattern and the phase from "
      "it, "
      "the mean, maximum and variance of the patterns.";
  static ImagesStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel

// Study `calibrate`: where the beam is in every pattern of a scan, the ellipse, the size of a pixel
// and the turn of the detector against the scan, from the measurement itself.
#pragma once
#include "scan/origin.hpp"
#include "studies/measured_scan.hpp"

namespace pendel {

inline Choices<OriginShape> choices(OriginShape) {
  return {{"constant", OriginShape::constant},
          {"plane", OriginShape::plane},
          {"parabola", OriginShape::parabola},
          {"none", OriginShape::none}};
}

struct OriginOptions {
  std::optional<Vec2> centre_px;
  double radius_px = 10;
  OriginShape shape = OriginShape::plane;

  template <class Visitor>
  void describe(Visitor& v) {
    v("centre_px", centre_px,
      help("column, row of the undiffracted beam, about; else the brightest disk of the mean of "
           "some patterns"));
    v("radius_px", radius_px,
      help("the beam of every pattern is looked for within it; a disk and its descan").above(0));
    v("shape", shape,
      help("of the function of the position that the origins follow; none: every origin as it was "
           "found"));
  }
};

struct RingCalibrationOptions {
  std::optional<File> cif;
  std::optional<double> pixel_invA;
  std::optional<std::array<double, 2>> radii_px;

  template <class Visitor>
  void describe(Visitor& v) {
    v("cif", cif, help("the crystal; without it the rings give the ellipse, but no pixel size"));
    v("pixel_invA", pixel_invA, help("about (10 %); else searched").above(0));
    v("radii_px", radii_px,
      help("between which rings are fitted; else from where the radial mean ceases to fall to the "
           "nearest edge")
          .increasing()
          .at_least(1));
  }
};

struct ZoneCalibrationOptions {
  File cif;
  std::array<int, 3> zone_axis{{0, 0, 1}};
  double pixel_invA = 0;
  double reach_invA = 0.05;

  template <class Visitor>
  void describe(Visitor& v) {
    v("cif", cif, help("the crystal").required());
    v("zone_axis", zone_axis, help("u, v, w: points back to the source").required());
    v("pixel_invA", pixel_invA,
      help("about, so that peaks find their reflections").above(0).required());
    v("reach_invA", reach_invA, help("a peak further from every reflection is left out").above(0));
  }
};

struct DirectionPairOptions {
  double scan_deg = 0, pattern_deg = 0;
  bool flip = false;

  template <class Visitor>
  void describe(Visitor& v) {
    v("scan_deg", scan_deg,
      help("a direction in the image, from the scan's columns to its rows")
          .required()
          .range(-360, 360));
    v("pattern_deg", pattern_deg,
      help("the same direction in the pattern, from its columns to its rows")
          .required()
          .range(-360, 360));
    v("flip", flip, help("the detector is a mirror image"));
  }
};

struct RotationOptions {
  bool from_deflection = false;
  bool towards_dark_field = false;
  std::optional<DirectionPairOptions> pair;

  template <class Visitor>
  void describe(Visitor& v) {
    v("from_deflection", from_deflection,
      help("from the beam's deflection, which has no curl in the scan's frame; leaves 180° open"));
    v("towards_dark_field", towards_dark_field,
      help("settles the 180°: the beam is bent to where the dark field, outside twice "
           "origin.radius_px, is bright"));
    v("pair", pair, help("or from one direction, seen in an image and in a pattern"));
  }
};

struct CalibrateStudy {
  std::string study = "calibrate";
  std::optional<File> output;
  std::optional<MeasuredScanOptions> scan;
  std::optional<File> peaks;
  std::optional<ReferenceOptions> mask;
  OriginOptions origin;
  std::optional<RingCalibrationOptions> rings;
  std::optional<ZoneCalibrationOptions> zone;
  RotationOptions rotation;

  template <class Visitor>
  void describe(Visitor& v) {
    v("study", study, help("kind of study").required());
    v("output", output, help("result; without it the name of this file with .h5"));
    v("scan", scan, help("the measurement"));
    v("peaks", peaks,
      help("or its Bragg peaks: a result of study `disks`, or a file of py4DSTEM's"));
    v.exactly_one({"scan", "peaks"});
    v("mask", mask,
      help("pixels of the patterns as they are used that are 0 in it do not count (beam stop)")
          .word("file"));
    v("origin", origin, help("the undiffracted beam"));
    v("rings", rings, help("ellipse and pixel from the rings in the mean pattern"));
    v("zone", zone, help("or, with peaks, from the spots of a known crystal"));
    v("rotation", rotation, help("of the detector's columns against the scan's"));
  }

  static constexpr const char* summary =
      "Calibration of a measured scan from itself, with errors: the beam's place in every pattern, "
      "ellipse and pixel size from rings or from a known crystal, rotation against the scan.";
  static CalibrateStudy example(const std::string& data);
  void check(Problems& problems) const;
  void run(RunContext& context) const;
};

}  // namespace pendel

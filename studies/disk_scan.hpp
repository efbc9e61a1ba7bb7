// Measured intensities of a scan, of disks or of the pixels in them, as a study names them in an
// HDF5 file.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/array.hpp"
#include "core/options.hpp"
#include "io/emd.hpp"
#include "model/disk_pixels.hpp"
#include "sim/state.hpp"
#include "studies/optics.hpp"

namespace pendel {

struct TemplateOptions {
  File file;
  std::string image = "template";

  template <class Visitor>
  void describe(Visitor& v) {
    v("file", file, help("HDF5 file").required());
    v("image", image, help("dataset (q_row, q_column) of the probe in vacuum, any scale"));
  }
};

struct DiskPixelOptions {
  double g_max_invA = 0;
  std::optional<double> pixel_mrad;
  std::optional<Vec2> centre_px;
  double rotation_deg = 0;
  std::optional<EllipseOptions> ellipse;
  std::optional<TemplateOptions> probe;
  double edge_mrad = 0, blur_px = 0;
  double tolerance = 1e-3;
  int most_directions = 200;

  template <class Visitor>
  void describe(Visitor& v) {
    v("g_max_invA", g_max_invA, help("largest |g| of the disks").required().above(0));
    v("pixel_mrad", pixel_mrad,
      help("size of a pixel; without it that of the file's axes, which are in mrad or 1/Å")
          .above(0));
    v("centre_px", centre_px,
      help("column and row of the undiffracted disk's centre, from 0; without it where the file's "
           "axes are 0"));
    v("rotation_deg", rotation_deg,
      help("of the pattern on the detector, from columns to rows").range(-360, 360));
    v("ellipse", ellipse, help("distortion of the pattern"));
    v("probe", probe,
      help("image of the probe in vacuum on the same detector; without it a disk of "
           "beam.semiangle_mrad"));
    v("edge_mrad", edge_mrad, help("width over which that disk's edge falls").at_least(0));
    v("blur_px", blur_px,
      help("standard deviation of a Gaussian point spread, besides that of the probe's image")
          .at_least(0));
    v("tolerance", tolerance,
      help("largest error of interpolating between directions in the aperture, Σ|ΔI|/ΣI")
          .range(1e-6, 0.1));
    v("most_directions", most_directions, help("of these").range(6, 2000));
  }
};

struct DataOptions {
  File file;
  std::string intensity = "intensity";
  std::string beams = "hkl";
  std::optional<std::string> variance, truth, tilts_mrad;
  std::optional<double> dose, scan_step_A;
  std::optional<DiskPixelOptions> pixels;
  std::optional<Vec2> tilt_offset_mrad;
  std::vector<double> thickness_offset_A;
  std::optional<double> energy_keV, semiangle_mrad;

  template <class Visitor>
  void describe(Visitor& v) {
    v("file", file, help("HDF5 file").required());
    v("intensity", intensity,
      help("dataset (row, column, disk) or (position, disk), or with `pixels` (row, column, q_row, "
           "q_column) or (position, q_row, q_column); NaN: no data"));
    v("beams", beams,
      help("dataset (disk, 3): Miller indices in the first layer's crystal; or "
           "(disk, 2): indices along b1, b2 of the zone"));
    v("variance", variance, help("dataset shaped as the intensity, for gaussian noise"));
    v("truth", truth, help("group with true maps, named as the parameters of the result"));
    v("dose", dose,
      help("intensity of the incident beam in units of the data; without it, estimated").above(0));
    v("scan_step_A", scan_step_A,
      help("distance of neighbouring positions; without it that of the file's axes, if it has any")
          .above(0));
    v("pixels", pixels,
      help("the data are whole patterns: every pixel of the disks is fitted, not their integrals"));
    v("tilts_mrad", tilts_mrad,
      help(
          "a tilt (rocking) series: dataset (tilt, 2) of known tilts of the beam against the "
          "fitted "
          "one; intensities then have an axis of tilts before that of the disks, and may be of one "
          "position, (tilt, disk)"));
    v("tilt_offset_mrad", tilt_offset_mrad,
      help("known tilt of this set's beam against the fitted one"));
    v("thickness_offset_A", thickness_offset_A,
      help("known thickness of every layer in this set less the fitted one"));
    v("energy_keV", energy_keV, help("of this set; without it beam.energy_keV").range(1, 3000));
    v("semiangle_mrad", semiangle_mrad,
      help("of this set; without it beam.semiangle_mrad").at_least(0));
  }
};

/// What is fitted to. One set: disks. Several sets, or pixels: what is said of disks is said of
/// all channels; a tilt series has the disks of every tilt behind each other.
struct DiskScan {
  std::vector<std::size_t> shape;         ///< of a map: (row, column) or (position)
  std::vector<EmdAxis> axes;              ///< of a map
  Array intensity, variance;              ///< (positions..., disks); variance may be empty
  std::string units;                      ///< of the intensity
  std::vector<Hkl> hkl;                   ///< of the disks (of a pixel: its disk)
  std::vector<int> set;                   ///< of the disks: number of their set, from 0
  std::size_t tilts = 1;                  ///< of a series; the disks are (tilt, beam)
  std::vector<Vec2> tilt_mrad;            ///< of the disks, in a series; or empty
  std::vector<DiskPixels::Pixel> pixels;  ///< of the disks; row and column −1: integrated
  std::size_t positions() const { return Array::count(shape); }
  std::size_t disks() const { return hkl.size(); }
  /// A map of NaN.
  Array map() const { return Array(shape, std::numeric_limits<double>::quiet_NaN()); }
};

/// Of one set of integrated disks. Error (input), naming file and dataset: missing, wrong shape, no
/// positions, no finite intensity, a variance that is not positive, or a beam that the state's zone
/// does not hold. g_max [1/Å] and zone_only: what the engine can give.
DiskScan read_disk_scan(const DataOptions& options, const State& state, double g_max,
                        bool zone_only);

/// Whole patterns: the detector that the study and the axes of the file describe, the image of the
/// probe, and the intensities of the pixels in disks. Error (input) or (study) for what is missing.
Detector read_detector(const DataOptions& options, double energy_keV);
ProbeTemplate read_template(const DataOptions& options, const Detector& detector, double semiangle);
DiskScan read_pixel_scan(const DataOptions& options, const DiskPixels& pixels,
                         const std::vector<Hkl>& disks);

/// Sets of the same positions behind each other. Error (input) where shapes differ.
DiskScan joined(const std::vector<DiskScan>& sets, const std::vector<DataOptions>& options);

}  // namespace pendel

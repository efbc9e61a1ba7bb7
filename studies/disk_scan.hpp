// Measured disk intensities of a scan, as a study names them in an HDF5 file.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/array.hpp"
#include "core/options.hpp"
#include "io/emd.hpp"
#include "sim/state.hpp"

namespace pendel {

struct DataOptions {
  File file;
  std::string intensity = "intensity";
  std::string beams = "hkl";
  std::optional<std::string> variance, truth;
  std::optional<double> dose, scan_step_A;

  template <class Visitor>
  void describe(Visitor& v) {
    v("file", file, help("HDF5 file").required());
    v("intensity", intensity,
      help("dataset (row, column, disk) or (position, disk); NaN: no data"));
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
  }
};

struct DiskScan {
  std::vector<std::size_t> shape;  ///< of a map: (row, column) or (position)
  std::vector<EmdAxis> axes;       ///< of a map
  Array intensity, variance;       ///< (positions..., disks); variance may be empty
  std::string units;               ///< of the intensity
  std::vector<Hkl> hkl;            ///< of the disks
  std::size_t positions() const { return Array::count(shape); }
  std::size_t disks() const { return hkl.size(); }
  /// A map of NaN.
  Array map() const { return Array(shape, std::numeric_limits<double>::quiet_NaN()); }
};

/// Error (input), naming file and dataset: missing, wrong shape, no positions, no finite intensity,
/// a variance that is not positive, or a beam that the state's zone does not hold.
/// g_max [1/Å] and zone_only: what the engine can give.
DiskScan read_disk_scan(const DataOptions& options, const State& state, double g_max,
                        bool zone_only);

}  // namespace pendel

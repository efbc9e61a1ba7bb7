// The SrTiO3/PbTiO3/SrTiO3 stack of the demonstration, and the simulated scans of it that ship
// (data/scans/README.md).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cif/read.hpp"
#include "crystal/displacement.hpp"
#include "fit/disk_data.hpp"
#include "io/hdf5.hpp"
#include "model/forward_model.hpp"

namespace pendel::test {

struct DemoStack {
  State state;
  CrystalTangent mode_x, mode_y;

  DemoStack() {
    const std::string data = PENDEL_SOURCE_DIR "/data/cif/";
    const Crystal sto = read_cif(data + "SrTiO3_stack.cif"),
                  pto = read_cif(data + "PbTiO3_stack.cif");
    mode_x = displacement_between(pto, read_cif(data + "PbTiO3_stack_polar_x.cif"));
    mode_y = displacement_between(pto, read_cif(data + "PbTiO3_stack_polar_y.cif"));
    state.crystals = {{sto, Mat3::Identity()}, {pto, Mat3::Identity()}};
    state.layers = {{0, 16 * 3.905}, {1, 16 * 4.0}, {0, 16 * 3.905}};
  }

  /// Tilts [mrad], two mode amplitudes, and thicknesses of the given layers [Å] around their
  /// values.
  std::vector<Parameter> parameters(double tilt, double rho, const std::vector<int>& layers,
                                    double thickness) const {
    std::vector<Parameter> result = {tilt_parameter(state, 0, -tilt, tilt),
                                     tilt_parameter(state, 1, -tilt, tilt),
                                     mode_parameter(state, 1, mode_x, "x", -rho, rho),
                                     mode_parameter(state, 1, mode_y, "y", -rho, rho)};
    for (int layer : layers) {
      const double t = state.layers[layer].thickness;
      result.push_back(thickness_parameter(state, layer, t - thickness, t + thickness));
    }
    return result;
  }

  std::shared_ptr<const Engine> engine(const std::vector<Hkl>& disks,
                                       const SplitStepOptions& options) const {
    return std::make_shared<const Engine>(SplitStep(state, beams_from_hkl(state, disks), options));
  }
};

struct DemoScan {
  std::vector<Hkl> hkl;
  std::vector<DiskData> expected, counts;  ///< 1e5 electrons × scale + 2; without and with noise
  std::vector<Eigen::VectorXd> truth;      ///< tilt x, y [mrad], rho x, y, three thicknesses [Å]

  explicit DemoScan(const std::string& name) {
    const hdf5::InputFile file(PENDEL_SOURCE_DIR "/data/scans/" + name);
    const Array table = file.read("hkl");
    for (std::size_t i = 0; i < table.rows(); ++i)
      hkl.push_back({int(table(i, 0)), int(table(i, 1)), int(table(i, 2))});
    const auto disks = [&](const std::string& dataset) {
      const Array values = file.read(dataset);
      std::vector<DiskData> result(values.rows());
      for (std::size_t i = 0; i < result.size(); ++i) {
        result[i].dose = 1e5;
        result[i].intensity =
            Eigen::Map<const Eigen::VectorXd>(&values.values[i * hkl.size()], long(hkl.size()));
      }
      return result;
    };
    expected = disks("expected");
    counts = disks("counts");
    truth.assign(counts.size(), Eigen::VectorXd(7));
    int k = 0;
    for (const char* map :
         {"beam_tilt_mrad.x", "beam_tilt_mrad.y", "polarization.PTO.x", "polarization.PTO.y",
          "thickness_A.1", "thickness_A.2", "thickness_A.3"}) {
      const Array values = file.read(std::string("truth/") + map);
      for (std::size_t i = 0; i < truth.size(); ++i) truth[i][k] = values.values[i];
      ++k;
    }
  }
};

}  // namespace pendel::test

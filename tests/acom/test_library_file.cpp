// Libraries come back from a file as they were written.
#include "acom/library_file.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>

#include "acom/zone_sampling.hpp"
#include "cif/read.hpp"
#include "crystal/point_group.hpp"

using namespace pendel;

BOOST_AUTO_TEST_CASE(every_number_comes_back) {
  std::vector<PhaseLibrary> made;
  for (const char* name : {"Au", "PbTiO3"}) {
    const Crystal crystal = read_cif(std::string(PENDEL_SOURCE_DIR "/data/cif/") + name + ".cif");
    std::vector<Mat3> orientations;
    for (const Vec3& axis : zone_axes(FundamentalZone(laue_group(point_group(crystal))), 0.2).axes)
      orientations.push_back(zone_orientation(axis));
    SpotOptions options;
    options.g_max = 1.1;
    made.push_back(kinematical_library(name, crystal, 200, options, orientations));
  }
  // even ones, of which the axis would keep two values
  made[1].thickness_A = {120, 220, 320};
  for (Template& t : made[1].templates) {
    const auto once = t.intensity;
    for (const float part : {0.5f, 0.3f})
      for (const float value : once) t.intensity.push_back(part * value);
  }
  made[1].templates[2] = {made[1].templates[2].R_lab_crystal, {}, {}, {}};  // nothing seen
  const std::string path = (std::filesystem::temp_directory_path() / "pendel_library.h5").string();
  EmdWriter writer("pendel");
  write_libraries(writer, made);
  writer.save(path);
  const std::vector<PhaseLibrary> read = read_libraries(path);
  std::remove(path.c_str());
  BOOST_REQUIRE(read.size() == 2u);
  for (std::size_t p = 0; p < 2; ++p) {
    const PhaseLibrary &a = made[p], &b = read[p];
    BOOST_TEST(a.name == b.name);
    BOOST_TEST(a.energy_keV == b.energy_keV);
    BOOST_TEST(a.g_max == b.g_max);
    BOOST_TEST(a.thickness_A == b.thickness_A);
    BOOST_REQUIRE(a.symmetry.size() == b.symmetry.size());
    for (std::size_t k = 0; k < a.symmetry.size(); ++k)
      BOOST_TEST((a.symmetry[k] == b.symmetry[k]));
    BOOST_TEST((a.crystal.cell.edges() == b.crystal.cell.edges()));
    BOOST_REQUIRE(a.crystal.sites.size() == b.crystal.sites.size());
    for (std::size_t j = 0; j < a.crystal.sites.size(); ++j) {
      const Site &x = a.crystal.sites[j], &y = b.crystal.sites[j];
      BOOST_TEST((x.label == y.label && x.Z == y.Z && x.occupancy == y.occupancy &&
                  x.position.v == y.position.v && x.U == y.U));
    }
    BOOST_REQUIRE(a.templates.size() == b.templates.size());
    for (std::size_t t = 0; t < a.templates.size(); ++t) {
      const Template &x = a.templates[t], &y = b.templates[t];
      BOOST_TEST((x.R_lab_crystal == y.R_lab_crystal && x.hkl == y.hkl && x.q == y.q &&
                  x.intensity == y.intensity));
    }
  }
  BOOST_CHECK_THROW(read_libraries(PENDEL_SOURCE_DIR "/data/scans/cathode_peaks.h5"),
                    std::exception);
}

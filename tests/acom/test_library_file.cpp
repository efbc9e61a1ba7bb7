// Libraries in files: every number comes back, an interrupted build goes on from one, and what is
// wrong is said.
#include "acom/library_file.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "acom/dynamical_library.hpp"
#include "acom/zone_sampling.hpp"
#include "cif/read.hpp"
#include "core/error.hpp"
#include "simulated_peaks.hpp"

using namespace pendel;

namespace {

Crystal crystal_of(const std::string& name) {
  return read_cif(PENDEL_SOURCE_DIR "/data/cif/" + name + ".cif");
}

std::vector<Mat3> some_orientations(int count) {
  std::mt19937_64 random(3);
  std::vector<Mat3> result;
  for (int i = 0; i < count; ++i) result.push_back(random_rotation(random));
  return result;
}

PhaseLibrary kinematical(int count) {
  Crystal crystal = crystal_of("PbTiO3");
  crystal.strain(0, 1) = 0.01;
  crystal.U_g_change[{1, 0, 0}] = {1e-3, 2e-3};
  SpotOptions options;
  options.g_max = 1.3;
  options.shape = SlabShape{70};
  options.precession = 0.011;
  options.precession_tolerance = 1e-5;
  return kinematical_library("PTO", crystal, 300, options, some_orientations(count), 1e-3);
}

PhaseLibrary dynamical(int count, const LibraryBuild& build = {}) {
  DynamicalOptions options;
  options.g_max = 1.1;
  options.tolerance = 0.04;
  options.potential.phonon = false;
  return dynamical_library("gold", crystal_of("Au"), 200, options, some_orientations(count),
                           {40, 77.7}, build);
}

void require_identical(const PhaseLibrary& a, const PhaseLibrary& b) {
  BOOST_TEST(same_recipe(a, b));
  BOOST_TEST(a.crystal.name == b.crystal.name);
  BOOST_TEST(a.crystal.sites[0].label == b.crystal.sites[0].label);
  BOOST_TEST((a.symmetry == b.symmetry));
  BOOST_REQUIRE(a.templates.size() == b.templates.size());
  for (std::size_t i = 0; i < a.templates.size(); ++i) {
    const Template &x = a.templates[i], &y = b.templates[i];
    BOOST_TEST((x.R_lab_crystal == y.R_lab_crystal && x.hkl == y.hkl && x.q == y.q &&
                x.intensity == y.intensity));
  }
}

struct TemporaryFile {
  std::string path;
  explicit TemporaryFile(const std::string& name)
      : path((std::filesystem::temp_directory_path() / ("pendel_library_" + name)).string()) {}
  ~TemporaryFile() { std::filesystem::remove(path); }
};

bool refused(const std::string& path, const std::string& part) {
  try {
    read_libraries(path);
  } catch (const Error& e) {
    BOOST_TEST_MESSAGE(e.what());
    return e.kind() == ErrorKind::input && std::string(e.what()).find(part) != std::string::npos;
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(recipes_come_back) {
  const TemporaryFile file("round.h5");
  const std::vector<PhaseLibrary> libraries{kinematical(5), dynamical(3)};
  BOOST_TEST(libraries[1].templates[2].hkl.size() > 5u);
  save_libraries(file.path, libraries);
  const std::vector<PhaseLibrary> read = read_libraries(file.path);
  BOOST_REQUIRE(read.size() == 2u);
  for (int i = 0; i < 2; ++i) require_identical(read[std::size_t(i)], libraries[std::size_t(i)]);
  // and what is not the same is seen
  PhaseLibrary other = read[0];
  std::get<SpotOptions>(other.recipe).precession = 0.01;
  BOOST_TEST(!same_recipe(other, read[0]));
}

BOOST_AUTO_TEST_CASE(an_interrupted_build_goes_on_from_its_file) {
  const TemporaryFile file("part.h5");
  const PhaseLibrary whole = dynamical(7);
  struct Killed {};
  LibraryBuild first;
  first.block = 3;
  first.checkpoint = [&](const PhaseLibrary& so_far) {
    save_libraries(file.path, {so_far});
    if (so_far.templates.size() == 6) throw Killed{};
  };
  BOOST_CHECK_THROW(dynamical(7, first), Killed);
  const PhaseLibrary begun = read_libraries(file.path).at(0);
  BOOST_TEST(begun.templates.size() == 6u);
  LibraryBuild second;
  second.begun = &begun;
  int made = 0;
  second.progress = [&] { ++made; };
  require_identical(dynamical(7, second), whole);
  BOOST_TEST(made == 1);
}

BOOST_AUTO_TEST_CASE(libraries_load_in_milliseconds) {
  const TemporaryFile file("speed.h5");
  SpotOptions options;
  options.g_max = 1.5;
  const PhaseLibrary library =
      kinematical_library("Au", crystal_of("Au"), 200, options, some_orientations(1596));
  save_libraries(file.path, {library});
  const auto start = std::chrono::steady_clock::now();
  const std::vector<PhaseLibrary> read = read_libraries(file.path);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  BOOST_TEST_MESSAGE("1596 kinematical templates of gold: " << 1e3 * seconds << " ms, "
                                                            << std::filesystem::file_size(file.path)
                                                            << " bytes");
  BOOST_TEST(read[0].templates.size() == 1596u);
  BOOST_TEST(seconds < 0.5);  // of a busy machine
}

BOOST_AUTO_TEST_CASE(wrong_and_damaged_files_are_refused) {
  BOOST_TEST(refused("/nowhere/library.h5", "/nowhere/library.h5"));
  const TemporaryFile other("other.h5"), damaged("damaged.h5"), cut("cut.h5");
  EmdWriter("pendel").save(other.path);
  BOOST_TEST(refused(other.path, "holds no template library"));
  save_libraries(damaged.path, {kinematical(2)});
  BOOST_TEST(read_libraries(damaged.path).size() == 1u);
  {
    std::fstream file(damaged.path, std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    const std::size_t at = bytes.find("kinematical");
    BOOST_REQUIRE(at != std::string::npos);
    file.seekp(long(at));
    file.write("kinematicaX", 11);
    std::ofstream(cut.path, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  }
  BOOST_TEST(refused(damaged.path, "kinematicaX"));
  BOOST_TEST(refused(cut.path, cut.path));
}

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

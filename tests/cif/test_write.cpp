#include "cif/write.hpp"

#include <boost/test/unit_test.hpp>

#include "cif/read.hpp"
#include "core/error.hpp"
#include "temporary.hpp"

using namespace pendel;

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  Crystal crystal;
  crystal.name = "a name with blanks";
  crystal.cell = Cell(7.1, 8.3, 11.2, 81.5, 97.3, 113.9);
  Mat3 U;
  U << 0.012, 0.003, -0.002, 0.003, 0.008, 0.001, -0.002, 0.001, 0.02;
  for (int i = 0; i < 4; ++i) {
    Site site;
    site.Z = i == 0 ? 82 : 8;
    site.label = i == 0 ? "Pb1" : i == 1 ? "O 1'" : "O2";  // labels that need quotes, that repeat
    site.position.v = Vec3(0.1 + 0.2 * i, 1.0 / 3, 0.7 / (i + 1));
    site.occupancy = 1 - 0.25 * i;
    site.set_B(0.3 + i / 7.0);
    if (i == 2) site.U = U;
    crystal.sites.push_back(site);
  }
  const TemporaryFile file;
  write_cif(crystal, file.path());
  std::vector<std::string> notes;
  const Crystal result = read_cif(file.path(), {}, &notes);
  BOOST_TEST(notes.empty());
  BOOST_TEST((result.cell.orthogonalization() == crystal.cell.orthogonalization()));
  BOOST_REQUIRE(result.sites.size() == crystal.sites.size());
  for (std::size_t i = 0; i < crystal.sites.size(); ++i) {
    const Site &a = result.sites[i], &b = crystal.sites[i];
    BOOST_TEST(a.Z == b.Z);
    BOOST_TEST(a.occupancy == b.occupancy);
    BOOST_TEST((a.position.v - b.position.v).norm() < 1e-14);
    BOOST_TEST((a.U - b.U).norm() < 1e-15);
  }
  BOOST_TEST(result.sites[1].label == "O 1'");
  BOOST_TEST(result.sites[3].label == "O2_2");
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_written) {
  BOOST_CHECK_EXCEPTION(write_cif(Crystal{}, "/nowhere/x.cif"), Error,
                        [](const Error& e) { return e.kind() == ErrorKind::input; });
}

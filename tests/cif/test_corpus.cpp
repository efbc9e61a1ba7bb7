// Hundreds of collected CIF files, good and bad: each is read or refused with an Error (input) that
// names it. They are too many to ship; the test does nothing where they are absent.
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "cif/read.hpp"
#include "core/error.hpp"

using namespace pendel;

BOOST_AUTO_TEST_CASE(every_file_is_read_or_refused) {
  const std::filesystem::path folder = PENDEL_SOURCE_DIR "/../shared/data/cif";
  if (!std::filesystem::is_directory(folder)) {
    BOOST_TEST_MESSAGE("skipped: " << folder << " is absent");
    return;
  }
  int read = 0, refused = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (entry.path().extension() != ".cif") continue;
    try {
      const Crystal crystal = read_cif(path);
      BOOST_TEST(!crystal.sites.empty(), path);
      ++read;
    } catch (const Error& e) {
      BOOST_TEST((e.kind() == ErrorKind::input), e.what());
      BOOST_TEST(std::string(e.what()).find(path) == 0u, e.what());
      ++refused;
    }
  }
  // 650 of 877 when this was written; most of the others are dictionaries and broken on purpose.
  BOOST_TEST(read >= 640);
  BOOST_TEST_MESSAGE(read << " read, " << refused << " refused");
}

// Hundreds of collected CIF files, good and bad: each is read or refused with an Error (input) that
// names it. They are too many to ship; the test does nothing where they are absent.
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "cif/read.hpp"
#include "core/error.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;

namespace {
const char* read_files = "CIF files that are read (the others are refused by name)";
const char* corpus = "877 collected files, some 220 of them no structures or broken on purpose";
}  // namespace

BOOST_AUTO_TEST_CASE(every_file_is_read_or_refused) {
  const std::filesystem::path folder = PENDEL_SOURCE_DIR "/../shared/data/cif";
  if (!std::filesystem::is_directory(folder)) {
    not_at_hand("Crystals", read_files, corpus);
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
  record("Crystals", read_files, corpus, read, at_least(640));
  BOOST_TEST_MESSAGE(read << " read, " << refused << " refused");
}

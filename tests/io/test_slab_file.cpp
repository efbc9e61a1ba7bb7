// A file of slabs has its name when it is whole, and gives back the bytes.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <numeric>

#include "core/error.hpp"
#include "io/slab_file.hpp"

using namespace pendel;
namespace fs = std::filesystem;

namespace {

struct Place {
  fs::path directory = fs::temp_directory_path() / ("pendel_slab_" + std::to_string(getpid()));
  std::string path = (directory / "a.h5").string();
  Place() { fs::create_directory(directory); }
  ~Place() { fs::remove_all(directory); }
  long files() const {
    return std::distance(fs::directory_iterator(directory), fs::directory_iterator());
  }
};

const std::vector<std::size_t> shape{2, 3, 4, 5};

std::vector<float> slab(int number) {
  std::vector<float> values(20);
  std::iota(values.begin(), values.end(), float(100 * number));
  return values;
}

bool is_input(const Error& error) { return error.kind() == ErrorKind::input; }

}  // namespace

BOOST_FIXTURE_TEST_CASE(written_and_read, Place) {
  std::vector<float> values(20);
  {
    SlabFile file(path, "waves", shape, 2, hdf5::Stored::float32, {{"a key", "Å"}, {"none", ""}});
    BOOST_TEST(file.slabs() == 6u);
    BOOST_TEST(file.slab_bytes() == 80u);
    for (const int i : {5, 0, 1, 2, 3}) file.write(std::size_t(i), slab(i).data());
    BOOST_TEST(!file.has(4));
    BOOST_TEST(!fs::exists(path));
    file.read(5, values.data());
    BOOST_TEST((values == slab(5)));
    file.write(4, slab(4).data());
    BOOST_TEST(fs::exists(path));
    file.read(1, values.data());
    BOOST_TEST((values == slab(1)));
  }
  BOOST_TEST(files() == 1);
  const SlabFile file(path, "waves", 2);
  BOOST_TEST(file.slabs() == 6u);
  for (int i = 0; i < 6; ++i) {
    BOOST_TEST(file.has(std::size_t(i)));
    file.read(std::size_t(i), values.data());
    BOOST_TEST((values == slab(i)));
  }
  const hdf5::InputFile opened(path);
  BOOST_TEST(opened.attribute("waves", "a key") == "Å");
  BOOST_TEST(opened.attribute("waves", "none").empty());
  const Array all = opened.read("waves");
  BOOST_TEST((all.shape == shape));
  BOOST_TEST(all.values[5 * 20 + 3] == 503);
}

BOOST_FIXTURE_TEST_CASE(unfinished_files_leave_nothing, Place) {
  {
    SlabFile file(path, "waves", shape, 2, hdf5::Stored::float64, {});
    BOOST_TEST(file.slab_bytes() == 160u);
    BOOST_TEST(files() == 1);
  }
  BOOST_TEST(files() == 0);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be, Place) {
  const auto make = [&](const std::string& where, std::vector<std::size_t> size) {
    return SlabFile(where, "waves", size, 1, hdf5::Stored::float32, {}).slabs();
  };
  BOOST_CHECK_EXCEPTION(make((directory / "no/a.h5").string(), {2, 2}), Error, is_input);
  BOOST_CHECK_EXCEPTION(make(path, {1u << 30, 1u << 20}), Error, [](const Error& error) {
    return is_input(error) &&
           std::string(error.what()).find("the disk is too full: 4.5e+06 GB") != std::string::npos;
  });
  BOOST_CHECK_EXCEPTION(SlabFile(path, "waves", 1), Error, is_input);
  BOOST_TEST(files() == 0);
  {
    hdf5::OutputFile other;
    other.write("data/numbers", Array({8, 1024}));
    other.save(path);
  }
  BOOST_CHECK_EXCEPTION(SlabFile(path, "waves", 1), Error, is_input);
  BOOST_CHECK_EXCEPTION(SlabFile(path, "data/numbers", 1), Error, is_input);  // in pieces
}

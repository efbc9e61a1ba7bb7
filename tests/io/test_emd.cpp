// What is written reads back; every failure names the file and the dataset.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "io/emd.hpp"
#include "io/provenance.hpp"

using namespace pendel;
namespace fs = std::filesystem;

namespace {

struct Place {
  fs::path directory = fs::temp_directory_path() / ("pendel_emd_" + std::to_string(getpid()));
  std::string path = (directory / "a.h5").string();
  Place() { fs::create_directory(directory); }
  ~Place() { fs::remove_all(directory); }
};

Array counting(std::vector<std::size_t> shape) {
  Array array(std::move(shape));
  for (std::size_t i = 0; i < array.size(); ++i) array.values[i] = 0.25 * double(i);
  return array;
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    BOOST_TEST(error.exit_status() == 3);
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(arrays_and_metadata_read_back, Place) {
  EmdWriter writer("pendel");
  const Array map = counting({3, 4});
  const Array large = counting({20, 30, 40});  // compressed
  writer.array("parameters/tilt", map, "mrad",
               {index_axis("row", 3), {"column", "Å", {0, 2, 4, 6}}}, "x");
  writer.array("large", large, "", {index_axis("a", 20), index_axis("b", 30), index_axis("c", 40)},
               "", hdf5::Stored::float32);
  writer.metadata(
      "study", {{"yaml", "a: µ\n"}, {"seed", 3.0}, {"inputs", std::vector<std::string>{"p", "q"}}});
  writer.metadata("provenance", Provenance().dictionary());
  writer.save(path);
  const hdf5::InputFile file(path);
  BOOST_TEST(emd_root(file) == "/pendel");
  const Array read = file.read("/pendel/parameters/tilt");
  BOOST_TEST((read.shape == map.shape));
  BOOST_TEST((read.values == map.values));
  BOOST_TEST((file.read("pendel/large/data").values == large.values));
  BOOST_TEST(file.attribute("/pendel/parameters/tilt/data", "units") == "mrad");
  BOOST_TEST(file.attribute("/pendel/parameters", "python_class") == "Node");
  BOOST_TEST((file.read("/pendel/parameters/tilt/dim1").values == std::vector<double>{0, 2}));
  BOOST_TEST(file.read_text("/pendel/metadatabundle/study/yaml") == "a: µ\n");
  BOOST_TEST(file.read("/pendel/metadatabundle/study/seed").values.at(0) == 3);
  BOOST_TEST(file.read_text("/pendel/metadatabundle/study/inputs/1") == "q");
  BOOST_TEST(file.read_text("/pendel/metadatabundle/provenance/version") == version());
  BOOST_TEST(!file.has("/pendel/nothing/data"));
  BOOST_TEST(!file.has("pendel/large/data/more"));
  bool listed = false;
  for (const hdf5::Item& item : file.items())
    if (item.path == "/pendel/large/data")
      listed = item.type == "float32" && item.shape == large.shape && !item.is_group;
  BOOST_TEST(listed);
}

BOOST_FIXTURE_TEST_CASE(failures_name_file_and_dataset, Place) {
  BOOST_TEST(
      contains(error_of([&] { hdf5::InputFile file(path); }), path + ": there is no such file"));
  std::ofstream(path) << "not HDF5 at all";
  BOOST_TEST(
      contains(error_of([&] { hdf5::InputFile file(path); }), path + ": this is not an HDF5 file"));
  hdf5::OutputFile out;
  out.write("/counts", counting({100, 100}));
  out.write_text("/words", "some");
  out.save(path);
  {
    const hdf5::InputFile file(path);
    BOOST_TEST(contains(error_of([&] { file.read("count"); }),
                        path + ": count: there is no such dataset; the file has: /counts, /words"));
    BOOST_TEST(
        contains(error_of([&] { file.read("words"); }), "words: holds text values; numbers"));
    BOOST_TEST(contains(error_of([&] { file.read("/"); }), "/: this is not a dataset"));
    BOOST_TEST(contains(error_of([&] { file.read_text("counts"); }), "counts: is not one text"));
  }
  // cut anywhere: never silence, never a crash
  const auto size = fs::file_size(path);
  int failures = 0;
  for (const double fraction : {0.05, 0.3, 0.6, 0.9, 0.999}) {
    const std::string cut = (directory / "cut.h5").string();
    fs::copy_file(path, cut, fs::copy_options::overwrite_existing);
    fs::resize_file(cut, std::uintmax_t(double(size) * fraction));
    failures += error_of([&] { hdf5::InputFile(cut).read("counts"); }).find(cut) == 0;
  }
  BOOST_TEST(failures == 5);
}

BOOST_FIXTURE_TEST_CASE(empty_arrays, Place) {
  hdf5::OutputFile out;
  out.write("/none", Array({0, 5}));
  out.save(path);
  const Array none = hdf5::InputFile(path).read("/none");
  BOOST_TEST((none.shape == std::vector<std::size_t>{0, 5}));
  BOOST_TEST(none.rows() == 0u);
}

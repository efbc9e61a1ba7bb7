// A scan reads back as it was computed, whatever killed the runs that made it.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "core/error.hpp"
#include "io/scan_file.hpp"

using namespace pendel;
namespace fs = std::filesystem;
using hdf5::Stored;

namespace {

const std::string fingerprint(64, 'a');

struct Place {
  fs::path directory = fs::temp_directory_path() / ("pendel_scan_" + std::to_string(getpid()));
  std::string path = (directory / "scan.h5").string();
  Place() { fs::create_directory(directory); }
  ~Place() { fs::remove_all(directory); }
};

ScanFileLayout layout_of(Stored stored, int deflate) {
  ScanFileLayout layout;
  layout.rows = 5;
  layout.columns = 7;
  layout.q_rows = 24;
  layout.q_columns = 33;
  layout.cubes = {"thin", "thick"};
  layout.stored = stored;
  layout.deflate = deflate;
  layout.extras = 2;
  return layout;
}

/// Counts, the same for every run: (cubes, q_rows, q_columns).
std::vector<float> pattern(const ScanFileLayout& layout, std::size_t position) {
  std::mt19937 random(unsigned(position) + 1);
  std::vector<float> values(layout.cubes.size() * layout.pattern());
  for (float& value : values) value = float(random() % 900);
  return values;
}

void write(ScanWriter& writer, const ScanFileLayout& layout, std::size_t position) {
  const double extras[2] = {0.1 * double(position), -3};
  writer.write(position, pattern(layout, position).data(), extras);
}

void finish(ScanWriter& writer, const ScanFileLayout& layout) {
  EmdWriter rest("pendel");
  rest.array("virtual/bright", Array({5, 7}, 2.5), "", {index_axis("row", 5), index_axis("c", 7)},
             "an image");
  rest.metadata("study", {{"yaml", "a: 1\n"}});
  const auto axis = [](const char* name, const char* units, double first, double step,
                       std::size_t count) {
    EmdAxis result{name, units, {}};
    for (std::size_t i = 0; i < count; ++i) result.values.push_back(first + double(i) * step);
    return result;
  };
  writer.finish(rest,
                {axis("row", "Å", 0, 0.5, layout.rows), axis("column", "Å", 0, 0.5, layout.columns),
                 axis("q_row", "1/Å", -1.5, 0.125, layout.q_rows),
                 axis("q_column", "1/Å", -2, 0.125, layout.q_columns)},
                "pixel intensity", "patterns");
}

/// One run without interruption.
void whole_run(const std::string& path, const ScanFileLayout& layout) {
  ScanWriter writer(path, fingerprint, layout, false);
  for (std::size_t i = layout.positions(); i-- > 0;) write(writer, layout, i);
  finish(writer, layout);
}

void check_result(const std::string& path, const ScanFileLayout& layout) {
  const hdf5::InputFile file(path);
  BOOST_TEST(emd_root(file) == "/pendel");
  for (std::size_t cube = 0; cube < 2; ++cube) {
    const std::string node = "/pendel/" + layout.cubes[cube];
    BOOST_TEST(file.attribute(node, "python_class") == "DataCube");
    BOOST_TEST(file.attribute(node, "emd_group_type") == "array");
    BOOST_TEST(file.attribute(node + "/data", "units") == "pixel intensity");
    BOOST_TEST(file.attribute(node + "/dim2", "name") == "q_row");
    BOOST_TEST(file.attribute(node + "/dim3", "units") == "1/Å");
    const Array data = file.read(node);
    BOOST_REQUIRE((data.shape == std::vector<std::size_t>{5, 7, 24, 33}));
    std::size_t wrong = 0;
    for (std::size_t position = 0; position < layout.positions(); ++position) {
      const std::vector<float> expected = pattern(layout, position);
      for (std::size_t i = 0; i < layout.pattern(); ++i)
        wrong += data.values[position * layout.pattern() + i] !=
                 double(expected[cube * layout.pattern() + i]);
    }
    BOOST_TEST(wrong == 0u);
  }
  BOOST_TEST(file.read("/pendel/virtual/bright").values.at(34) == 2.5);
  BOOST_TEST(file.read_text("/pendel/metadatabundle/study/yaml") == "a: 1\n");
  const std::string calibration = "/pendel/metadatabundle/calibration";
  BOOST_TEST(file.attribute(calibration, "python_class") == "Calibration");
  BOOST_TEST(file.read(calibration + "/Q_pixel_size").values.at(0) == 0.125);
  BOOST_TEST(file.read_text(calibration + "/Q_pixel_units") == "A^-1");
  BOOST_TEST(file.read(calibration + "/qx0").values.at(0) == 12);
  BOOST_TEST(file.read(calibration + "/qy0").values.at(0) == 16);
  BOOST_TEST(file.read(calibration + "/R_pixel_size").values.at(0) == 0.5);
  BOOST_TEST(!fs::exists(ScanWriter::partial(path)));
  BOOST_TEST(!fs::exists(ScanWriter::journal(path)));
}

/// Runs the action in a process of its own, which is expected to kill itself.
void in_a_killed_process(const std::function<void()>& action) {
  const pid_t child = fork();
  if (child == 0) {
    action();
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  BOOST_REQUIRE(WIFSIGNALED(status));
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(every_kind_reads_back, Place) {
  for (const Stored stored :
       {Stored::float32, Stored::float64, Stored::int32, Stored::uint16, Stored::uint32})
    for (const int deflate : {0, 4}) {
      const ScanFileLayout layout = layout_of(stored, deflate);
      whole_run(path, layout);
      check_result(path, layout);
    }
  for (const hdf5::Item& item : hdf5::InputFile(path).items())
    if (item.path == "/pendel/thin/data") BOOST_TEST(item.type == "uint32");
}

BOOST_FIXTURE_TEST_CASE(threads_write_in_any_order, Place) {
  for (const int deflate : {0, 1}) {
    const ScanFileLayout layout = layout_of(Stored::uint16, deflate);
    {
      ScanWriter writer(path, fingerprint, layout, false);
      std::thread odd([&] {
        for (std::size_t i = 1; i < layout.positions(); i += 2) write(writer, layout, i);
      });
      for (std::size_t i = 0; i < layout.positions(); i += 2) write(writer, layout, i);
      odd.join();
      finish(writer, layout);
    }
    check_result(path, layout);
  }
}

BOOST_FIXTURE_TEST_CASE(killed_runs_continue, Place) {
  for (const int deflate : {0, 4}) {
    const ScanFileLayout layout = layout_of(Stored::float32, deflate);
    // killed while it computes, then while it finishes, when the file holds more than patterns
    in_a_killed_process([&] {
      ScanWriter writer(path, fingerprint, layout, false);
      for (std::size_t i = 0; i < 20; ++i) write(writer, layout, i);
      kill(getpid(), SIGKILL);
    });
    in_a_killed_process([&] {
      ScanWriter writer(path, fingerprint, layout, true);
      if (writer.finished() != 20) _exit(1);
      for (std::size_t i = 20; i < layout.positions(); ++i) write(writer, layout, i);
      // as if in the middle of adding the rest
      std::ofstream(ScanWriter::partial(path), std::ios::in | std::ios::out | std::ios::binary)
          << std::string(300, '?');
      std::ofstream(ScanWriter::partial(path), std::ios::app | std::ios::binary)
          << std::string(5000, '?');
    });
    {
      ScanWriter writer(path, fingerprint, layout, true);
      BOOST_TEST(writer.finished() == layout.positions());
      BOOST_TEST(writer.extras(33).at(0) == 0.1 * 33);
      BOOST_TEST(writer.extras(3).at(1) == -3);
      finish(writer, layout);
    }
    check_result(path, layout);
  }
}

// Cut anywhere, or damaged anywhere: what is not right is not taken for done.
BOOST_FIXTURE_TEST_CASE(torn_journals_lose_only_what_is_torn, Place) {
  for (const int deflate : {0, 4}) {
    const ScanFileLayout layout = layout_of(Stored::float32, deflate);
    {
      ScanWriter writer(path, fingerprint, layout, false);
      for (std::size_t i = 0; i < 10; ++i) write(writer, layout, i);
    }
    const auto size = fs::file_size(ScanWriter::journal(path));
    fs::resize_file(ScanWriter::journal(path), size - 5);
    std::size_t finished = 0;
    {
      ScanWriter writer(path, fingerprint, layout, true);
      finished = writer.finished();
      BOOST_TEST(finished == 9u);
      BOOST_TEST(!writer.done(9));
      write(writer, layout, 9);
    }
    if (deflate == 0) {  // a pattern that never reached the disk
      std::fstream data(ScanWriter::partial(path), std::ios::in | std::ios::out | std::ios::binary);
      data.seekp(std::streamoff(fs::file_size(ScanWriter::partial(path)) / 2 + 24 * 33 * 4 * 3));
      data.put('?').put('?');
    } else {
      std::fstream data(ScanWriter::journal(path), std::ios::in | std::ios::out | std::ios::binary);
      data.seekp(std::streamoff(size / 2));
      data.put('?').put('?');
    }
    {
      ScanWriter writer(path, fingerprint, layout, true);
      BOOST_TEST(writer.finished() < 10u);
      BOOST_TEST(writer.finished() >= 4u);
      for (std::size_t i = 0; i < layout.positions(); ++i)
        if (!writer.done(i)) write(writer, layout, i);
      finish(writer, layout);
    }
    check_result(path, layout);
  }
  // cut within its head it is as if there were none
  const ScanFileLayout layout = layout_of(Stored::float32, 0);
  { ScanWriter writer(path, fingerprint, layout, false); }
  const auto size = fs::file_size(ScanWriter::journal(path));
  for (const double fraction : {0.0, 0.02, 0.5, 0.99}) {
    fs::resize_file(ScanWriter::journal(path), std::uintmax_t(fraction * double(size)));
    ScanWriter writer(path, fingerprint, layout, true);
    BOOST_TEST(writer.finished() == 0u);
  }
}

BOOST_FIXTURE_TEST_CASE(misuse_is_named, Place) {
  ScanFileLayout layout = layout_of(Stored::uint16, 0);
  {
    ScanWriter writer(path, fingerprint, layout, false);
    std::vector<double> values(2 * layout.pattern(), 65535.4);
    const double extras[2] = {0, 0};
    writer.write(0, values.data(), extras);
    values[5] = 65536;
    BOOST_TEST(contains(error_of([&] { writer.write(1, values.data(), extras); }),
                        "a pattern holds 65536.0"));
    values[5] = std::nan("");
    BOOST_TEST(contains(error_of([&] { writer.write(1, values.data(), extras); }), "does not fit"));
    BOOST_TEST(!writer.done(1));
    EmdWriter rest("pendel");
    BOOST_TEST(contains(error_of([&] { writer.finish(rest, {}, "", ""); }),
                        "only 1 of 35 patterns are there"));
  }
  BOOST_TEST(contains(error_of([&] { ScanWriter(path, std::string(64, 'b'), layout, true); }),
                      "belongs to another study: the study, an input file"));
  layout.q_rows = 25;
  BOOST_TEST(contains(error_of([&] { ScanWriter(path, fingerprint, layout, true); }),
                      "its shape or number type differs"));
  BOOST_TEST(fs::exists(ScanWriter::journal(path)));
  std::ofstream(ScanWriter::journal(path)) << std::string(1000, 'x');
  BOOST_TEST(contains(error_of([&] { ScanWriter(path, fingerprint, layout, true); }),
                      "this is not what a scan of Pendel leaves"));
  BOOST_TEST(contains(error_of([&] { ScanWriter("/nowhere/scan.h5", fingerprint, layout, false); }),
                      "/nowhere/scan.h5.partial.journal: cannot be written"));
  // more than any disk has: said before anything is computed, and nothing is left behind
  fs::remove(ScanWriter::journal(path));
  layout.rows = layout.columns = 100;
  layout.q_rows = layout.q_columns = 100000;
  const std::string message = error_of([&] { ScanWriter(path, fingerprint, layout, false); });
  BOOST_TEST(contains(message, "GB are needed"), message);
  BOOST_TEST(!fs::exists(ScanWriter::journal(path)));
  BOOST_TEST(!fs::exists(ScanWriter::partial(path)));
}

// A limit on the size of files stands for a full disk.
BOOST_FIXTURE_TEST_CASE(a_full_disk_loses_nothing, Place) {
  const ScanFileLayout layout = layout_of(Stored::float64, 1);
  in_a_killed_process([&] {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{60000, 60000};
    setrlimit(RLIMIT_FSIZE, &limit);
    ScanWriter writer(path, fingerprint, layout, false);
    const std::string message = error_of([&] {
      for (std::size_t i = 0; i < layout.positions(); ++i) write(writer, layout, i);
    });
    if (!contains(message, "what is finished is kept") || writer.finished() < 5) _exit(1);
  });
  {
    ScanWriter writer(path, fingerprint, layout, true);
    BOOST_TEST(writer.finished() >= 5u);
    for (std::size_t i = 0; i < layout.positions(); ++i)
      if (!writer.done(i)) write(writer, layout, i);
    finish(writer, layout);
  }
  check_result(path, layout);
}

// Files of detectors and programs open with the values that are known of them; what is damaged or
// no scan gets a reason.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "core/error.hpp"
#include "io/hdf5.hpp"
#include "scan/write.hpp"
#include "tests/record.hpp"

using namespace pendel;
using namespace pendel::test;
namespace fs = std::filesystem;

namespace {

const fs::path shipped = PENDEL_SOURCE_DIR "/tests/data/scan";
const fs::path shared = PENDEL_SOURCE_DIR "/../shared/data/fourdstem";
const char* of_collection = "files of detectors that open (the others give a reason)";
const char* collection = "collected recordings of detectors and programs";

struct Folder {
  fs::path path = fs::temp_directory_path() / ("pendel_formats_" + std::to_string(getpid()));
  Folder() { fs::create_directory(path); }
  ~Folder() { fs::remove_all(path); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
    return (path / name).string();
  }
};

std::string bytes_of_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<double> all(const Recording& scan) {
  std::vector<double> values(scan.frames->count() * scan.frames->pixels());
  scan.frames->read(0, scan.frames->count(), values.data());
  return values;
}
double different(const std::vector<double>& a, const std::vector<double>& b) {
  BOOST_REQUIRE(a.size() == b.size());
  return double(a.size()) -
         std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(), std::equal_to<>());
}
double sum(const Recording& scan, std::size_t frame) {
  std::vector<double> values(scan.frames->pixels());
  scan.frames->read(frame, 1, values.data());
  return std::accumulate(values.begin(), values.end(), 0.0);
}
std::string reason(const std::string& path, const OpenOptions& options = {}) {
  try {
    open_recording(path, options);
  } catch (const Error& error) {
    BOOST_TEST(error.exit_status() == 3);
    return error.what();
  }
  return "";
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

template <class T>
std::string big_endian(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(&bytes[0], &value, sizeof value);
  return {bytes.rbegin(), bytes.rend()};
}
template <class T>
std::string plain(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(&bytes[0], &value, sizeof value);
  return bytes;
}

// A Merlin file of frames whose pixels count up.
std::string merlin(const std::string& type, std::size_t frames) {
  std::string file;
  for (std::size_t f = 0; f < frames; ++f) {
    std::string header = "MQ1,00000" + std::to_string(f) + ",00384,01,0004,0003," + type +
                         ",   1x1,01,2020-01-01 00:00:00.0,0.001000,0,0,0,,MQ1A,"
                         "2020-01-01T00:00:00Z,1000000ns,12,";
    header.resize(384, '\0');
    file += header;
    for (unsigned i = 0; i < 12; ++i)
      file += type == "U08"   ? std::string(1, char(f + i))
              : type == "U16" ? big_endian(std::uint16_t(300 * f + i))
                              : big_endian(std::uint32_t(70000 * f + i));
  }
  return file;
}

}  // namespace

BOOST_AUTO_TEST_CASE(nanomegas) {
  const Recording scan = open_recording((shipped / "test2.blo").string());
  BOOST_TEST(scan.rows == 2u);
  BOOST_TEST(scan.columns == 3u);
  BOOST_TEST(scan.frames->q_rows() == 5u);
  BOOST_TEST(scan.energy_keV == 200);
  BOOST_TEST(scan.scale.scan_step_A[0] == 640, boost::test_tools::tolerance(1e-12));
  const double sums[] = {473, 537, 534, 482, 388, 538};
  for (std::size_t i = 0; i < 6; ++i)
    record("Files", "NanoMEGAS .blo: sums of patterns less those known", "tests/data/scan",
           sum(scan, i) - sums[i], between(0, 0));
}

// The raw frame, unscrambled, is the processed one of the same digital pattern: two recordings that
// differ in single pixels.
BOOST_AUTO_TEST_CASE(merlin_raw_is_merlin_processed) {
  const Recording raw = open_recording((shipped / "merlin_1bit_raw.mib").string());
  const Recording processed = open_recording((shipped / "merlin_1bit.mib").string());
  BOOST_TEST(raw.frames->q_rows() == 256u);
  BOOST_TEST(name_of(raw.frames->number()) == "uint8");
  const std::vector<double> a = all(raw), b = all(processed);
  std::size_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
  record("Files", "Merlin raw: share of pixels equal to the detector's own reading",
         "tests/data/scan", double(equal) / double(a.size()), at_least(0.999));
  BOOST_TEST(std::accumulate(a.begin(), a.end(), 0.0) > 2000);  // not all zero
}

// Frames of the other depths and of four chips, encoded here as the manual describes the stream.
BOOST_AUTO_TEST_CASE(merlin_raw_depths_and_chips) {
  const Folder folder;
  const auto value = [](std::size_t y, std::size_t x, int depth) {
    return std::uint32_t((y * 2654435761u + x * 40503u) >> 7) & ((1u << depth) - 1);
  };
  for (const std::size_t chips : {1, 4})
    for (const int depth : {1, 6, 12, 24}) {
      const std::size_t edge = chips == 4 ? 512 : 256;
      char header[385];
      std::snprintf(header, sizeof header,
                    "MQ1,000001,00384,%02zu,%04zu,0256,R64,   %s,0F,2020-01-01 00:00:00,0.001,0,0,"
                    "0,,MQ1A,2020-01-01T00:00:00Z,1000ns,%d,",
                    chips, chips * 256 * (depth == 24 ? 2 : 1), chips == 4 ? "2x2" : "1x1", depth);
      std::string file(header);
      file.resize(384, '\0');
      // pixels in the order of the stream
      std::vector<std::uint32_t> stream;
      for (std::size_t row = 0; row < 256; ++row)
        for (std::size_t block = 0; block < chips; ++block)
          for (std::size_t column = 0; column < 256; ++column) {
            std::size_t y = row, x = column;
            const std::size_t chip = chips - block;  // 4, 3, 2, 1
            if (chips == 4) {
              if (chip == 2) x += 256;
              if (chip == 3) y = 511 - row, x = 255 - column;
              if (chip == 4) y = 511 - row, x = 511 - column;
            }
            stream.push_back(value(y, x, depth));
          }
      const auto words = [&](int shift) {  // 12-bit numbers, four of them reversed
        for (std::size_t i = 0; i < stream.size(); i += 4)
          for (std::size_t j = 4; j-- > 0;)
            file += big_endian(std::uint16_t(stream[i + j] >> shift & 0xfff));
      };
      if (depth == 24) words(12);
      if (depth >= 12) words(0);
      if (depth == 6)
        for (std::size_t i = 0; i < stream.size(); i += 8)
          for (std::size_t j = 8; j-- > 0;) file += char(stream[i + j]);
      if (depth == 1)
        for (std::size_t i = 0; i < stream.size(); i += 64)
          for (std::size_t byte = 8; byte-- > 0;) {
            int bits = 0;
            for (std::size_t bit = 0; bit < 8; ++bit)
              bits |= int(stream[i + 8 * byte + bit]) << bit;
            file += char(bits);
          }
      const Recording scan = open_recording(folder.write("raw.mib", file));
      BOOST_TEST(scan.notes.empty());
      BOOST_REQUIRE(scan.frames->count() == 1u);
      BOOST_REQUIRE(scan.frames->q_columns() == edge);
      const std::vector<double> pattern = all(scan);
      std::size_t wrong = 0;
      for (std::size_t y = 0; y < edge; ++y)
        for (std::size_t x = 0; x < edge; ++x)
          wrong += pattern[y * edge + x] != double(value(y, x, depth));
      record("Files", "Merlin raw, 1 to 24 bits, one and four chips: wrong pixels",
             "stream as the manual has it", double(wrong), at_most(0));
    }
}

BOOST_AUTO_TEST_CASE(merlin_scans) {
  const Folder folder;
  for (const std::string type : {"U08", "U16", "U32"}) {
    const std::string path = folder.write("scan.mib", merlin(type, 6));
    const Recording line = open_recording(path);
    BOOST_TEST(line.columns == 6u);
    BOOST_TEST(has(line.notes.at(0), "say otherwise by scan_shape"));
    const double step = type == "U08" ? 1 : type == "U16" ? 300 : 70000;
    BOOST_TEST(sum(line, 4) == 12 * 4 * step + 66);
    folder.write("scan.hdr", "HDR,\t\nScanX:\t3\nScanY:\t2\nEnd\t");
    BOOST_TEST(open_recording(path).rows == 2u);
    BOOST_TEST(open_recording(path).notes.empty());
    folder.write("scan.hdr",
                 "HDR,\t\nFrames in Acquisition (Number):\t6\n"
                 "Frames per Trigger (Number):\t2\nEnd\t");
    BOOST_TEST(open_recording(path).columns == 2u);
    OpenOptions options;
    options.scan_shape = {{6, 1}};
    BOOST_TEST(open_recording(path, options).rows == 6u);
    options.scan_shape = {{1, 5}};
    BOOST_TEST(has(reason(path, options), "1 x 5 (rows x columns) does not hold the 6 patterns"));
    fs::remove(folder.path / "scan.hdr");
  }
  // cut within the last frame, and a scan that was stopped
  const std::string cut = merlin("U16", 6).substr(0, 5 * 408 + 400);
  const Recording five = open_recording(folder.write("scan.mib", cut));
  BOOST_TEST(five.frames->count() == 5u);
  BOOST_TEST(has(five.notes.at(0), "incomplete"));
  folder.write("scan.hdr", "HDR,\t\nScanX:\t3\nScanY:\t2\nEnd\t");
  const Recording stopped = open_recording((folder.path / "scan.mib").string());
  BOOST_TEST(stopped.rows == 2u);
  BOOST_TEST(stopped.recorded() == 5u);
  BOOST_TEST(has(stopped.notes.back(), "the last 1 of 2 x 3 positions were not recorded"));
}

BOOST_AUTO_TEST_CASE(empad) {
  const Folder folder;
  std::string ramp;
  for (std::size_t f = 0; f < 6; ++f)
    for (std::size_t i = 0; i < 130 * 128; ++i) ramp += plain(float(f * 16640 + i));
  const Recording named = open_recording(folder.write("scan_x3_y2.raw", ramp));
  BOOST_TEST(named.rows == 2u);
  BOOST_TEST(named.columns == 3u);
  BOOST_TEST(named.frames->q_rows() == 128u);
  std::vector<double> pattern(128 * 128);
  named.frames->read(4, 1, pattern.data());
  BOOST_TEST(pattern[0] == 4 * 16640);
  BOOST_TEST(pattern.back() == 4 * 16640 + 128 * 128 - 1);
  folder.write("one.xml",
               "<root><pix_x>2</pix_x><pix_y>3</pix_y><raw_file filename=\"a.raw\"/>"
               "<source.get_voltage>80000.0</source.get_voltage>"
               "<calibrated_diffraction_angle>0.0005</calibrated_diffraction_angle></root>");
  BOOST_TEST(has(reason((folder.path / "one.xml").string()), "a.raw, which is not beside it"));
  folder.write("a.raw", ramp + "tail");
  for (const char* name : {"one.xml", "a.raw"}) {
    const Recording scan = open_recording((folder.path / name).string());
    BOOST_TEST(scan.rows == 3u);
    BOOST_TEST(scan.energy_keV == 80);
    BOOST_TEST(scan.scale.q_units == "mrad");
    BOOST_TEST(scan.scale.q_pixel[1] == 0.5, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(has(scan.notes.at(0), "incomplete"));
  }
  BOOST_TEST(has(reason(folder.write("b.raw", "short")), "shorter than one EMPAD frame"));
}

BOOST_AUTO_TEST_CASE(digital_micrograph) {
  const Recording scan = open_recording((shipped / "2D_test-1.dm4").string());
  BOOST_TEST(scan.format == "DigitalMicrograph 4");
  BOOST_TEST(scan.frames->q_rows() == 2u);
  BOOST_TEST(sum(scan, 0) == 10);
  const std::string bytes = bytes_of_file(shipped / "2D_test-1.dm4");
  const Folder folder;
  for (const std::size_t length : {std::size_t(20), std::size_t(1000), bytes.size() / 2})
    BOOST_TEST(has(reason(folder.write("cut.dm4", bytes.substr(0, length))), "truncated"));
}

// A pixel's values of all frames in one piece, and the same numbers frame by frame.
BOOST_AUTO_TEST_CASE(scan_axes_fastest) {
  const Folder folder;
  std::string by_frame, by_pixel;
  const auto value = [](int frame, int pixel) { return std::int16_t(100 * frame - pixel); };
  for (int frame = 0; frame < 7; ++frame)
    for (int pixel = 0; pixel < 6; ++pixel) by_frame += plain(value(frame, pixel));
  for (int pixel = 0; pixel < 6; ++pixel)
    for (int frame = 0; frame < 7; ++frame) by_pixel += plain(value(frame, pixel));
  RawLayout layout;
  layout.count = 7;
  layout.q_rows = 2;
  layout.q_columns = 3;
  layout.number = Number::int16;
  layout.path = folder.write("a", by_frame);
  const RawFrames a(layout);
  layout.path = folder.write("b", by_pixel);
  layout.frames_fastest = true;
  const RawFrames b(layout);
  std::vector<float> x(3 * 6), y(3 * 6);
  a.read(2, 3, x.data());
  b.read(2, 3, y.data());
  BOOST_TEST(x == y, boost::test_tools::per_element());
  BOOST_TEST(x[1] == 199);
}

BOOST_AUTO_TEST_CASE(mrc) {
  const Folder folder;
  for (const bool big : {false, true}) {
    const auto number = [&](std::int32_t n) { return big ? big_endian(n) : plain(n); };
    std::string header = number(3) + number(2) + number(4) + number(6);
    header.resize(92, '\0');
    header += number(16);
    header.resize(208, '\0');
    header += "MAP ";
    header += big ? "\x11\x11" : "\x44\x44";
    header.resize(1024 + 16, '\0');
    std::string data;
    for (std::uint16_t i = 0; i < 24; ++i)
      data += big ? big_endian(std::uint16_t(1000 + i)) : plain(std::uint16_t(1000 + i));
    const Recording scan = open_recording(folder.write("a.mrc", header + data));
    BOOST_TEST(scan.rows == 2u);
    BOOST_TEST(scan.frames->q_columns() == 3u);
    BOOST_TEST(sum(scan, 3) == 6 * 1018 + 15);
    const Recording cut = open_recording(folder.write("a.mrc", header + data.substr(0, 40)));
    BOOST_TEST(cut.frames->count() == 3u);
    BOOST_TEST(has(cut.notes.at(0), "the file ends after 3"));
  }
}

BOOST_AUTO_TEST_CASE(emd_and_hyperspy) {
  const Recording cube = open_recording((shipped / "golden_datacube.h5").string());
  BOOST_TEST(cube.rows == 4u);
  BOOST_TEST(cube.columns == 3u);
  BOOST_TEST(cube.frames->q_rows() == 8u);
  BOOST_TEST(cube.scale.q_pixel[0] == 0.02, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(cube.scale.scan_step_A[1] == 20, boost::test_tools::tolerance(1e-12));
  const std::vector<double> values = all(cube);
  record("Files", "EMD 1.0 by py4DSTEM: sum less that known", "tests/data/scan",
         std::accumulate(values.begin(), values.end(), 0.0) - 1726, between(0, 0));
  BOOST_TEST(values[((2 * 3 + 1) * 8 + 3) * 6 + 4] == 1);
  BOOST_TEST(sum(cube, 11) == 154);
  const Recording hspy = open_recording((shipped / "example2_v3.1.hspy").string());
  BOOST_TEST(hspy.energy_keV == 200);
  BOOST_TEST(sum(hspy, 0) == 250910);
  BOOST_TEST(hspy.scale.q_pixel[0] == 0.0174433, boost::test_tools::tolerance(1e-5));
  OpenOptions options;
  options.dataset = "nothing";
  BOOST_TEST(
      has(reason((shipped / "golden_datacube.h5").string(), options), "it holds /datacube_root"));
}

// As emdfile lays a Probe out: a stack of the image in a vacuum and the kernel made of it.
BOOST_AUTO_TEST_CASE(py4dstem_probe) {
  const Folder folder;
  hdf5::OutputFile file;
  file.attribute("/", "emd_group_type", std::string("file"));
  const std::string node = "/probe_root/probe";
  file.group(node);
  file.attribute("/probe_root", "emd_group_type", std::string("root"));
  file.attribute(node, "emd_group_type", std::string("array"));
  file.attribute(node, "python_class", std::string("Probe"));
  Array stack({2, 5, 7});
  for (std::size_t i = 0; i < stack.values.size(); ++i) stack.values[i] = i < 35 ? double(i) : -1e9;
  file.write(node + "/data", stack);
  const std::string path = (folder.path / "probe.h5").string();
  file.save(path);
  for (const std::string& dataset : {std::string(), node + "/data"}) {
    OpenOptions options;
    options.dataset = dataset;
    const Recording probe = open_recording(path, options);
    BOOST_TEST(probe.frames->count() == 1u);
    BOOST_TEST(probe.frames->q_columns() == 7u);
    BOOST_TEST(sum(probe, 0) == 34 * 35 / 2);
  }
}

// From each format to the others, and every number is the same.
BOOST_AUTO_TEST_CASE(conversions_keep_every_number) {
  const Folder folder;
  const Recording cube = open_recording((shipped / "golden_datacube.h5").string());
  for (const std::string name : {"a.h5", "a.hspy", "a.npy", "a.emd"}) {
    const std::string path = (folder.path / name).string();
    std::size_t last = 0;
    write_recording(cube, path, [&](std::size_t done) { last = done; });
    BOOST_TEST(last == 12u);
    const Recording copy = open_recording(path);
    BOOST_TEST(copy.rows == 4u);
    BOOST_TEST(name_of(copy.frames->number()) == "uint16");
    record("Files", "numbers changed by writing EMD, .hspy, .npy and reading", "tests/data/scan",
           different(all(copy), all(cube)), at_most(0));
    if (name != "a.npy") {
      BOOST_TEST(copy.scale.q_pixel[1] == 0.02, boost::test_tools::tolerance(1e-12));
      BOOST_TEST(copy.scale.scan_step_A[0] == 20, boost::test_tools::tolerance(1e-12));
    }
  }
  const Recording blo = open_recording((shipped / "test2.blo").string());
  const std::string again = (folder.path / "b.blo").string();
  write_recording(blo, again);
  BOOST_TEST(all(open_recording(again)) == all(blo), boost::test_tools::per_element());
  BOOST_TEST(open_recording(again).scale.q_pixel[0] == blo.scale.q_pixel[0],
             boost::test_tools::tolerance(1e-4));
  // square patterns only, eight bits only; nothing is left behind
  const auto error_of = [&](const Recording& scan, const std::string& name) -> std::string {
    try {
      write_recording(scan, (folder.path / name).string());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  BOOST_TEST(has(error_of(cube, "c.blo"), "square patterns"));
  BOOST_TEST(has(error_of(open_recording((shipped / "example2_v3.1.hspy").string()), "c.blo"),
                 "whole numbers from 0 to 255"));
  BOOST_TEST(has(error_of(cube, "c.xyz"), "no format that Pendel writes"));
  BOOST_TEST(has(error_of(open_recording(again), "b.blo"), "is the file that is read"));
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path))
    names.insert(entry.path().filename().string());
  BOOST_TEST(names == (std::set<std::string>{"a.h5", "a.hspy", "a.npy", "a.emd", "b.blo"}),
             boost::test_tools::per_element());
}

// Positions that were not recorded are zeros in the copy.
BOOST_AUTO_TEST_CASE(a_stopped_scan_converts) {
  const Folder folder;
  folder.write("scan.hdr", "HDR,\t\nScanX:\t3\nScanY:\t2\nEnd\t");
  const Recording stopped = open_recording(folder.write("scan.mib", merlin("U16", 5)));
  for (const std::string name : {"a.h5", "a.npy"}) {
    write_recording(stopped, (folder.path / name).string());
    const Recording copy = open_recording((folder.path / name).string());
    BOOST_TEST(copy.positions() == 6u);
    BOOST_TEST(sum(copy, 4) == sum(stopped, 4));
    BOOST_TEST(sum(copy, 5) == 0);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_scan) {
  const Folder folder;
  BOOST_TEST(has(reason("/nowhere/scan.mib"), "there is no such file"));
  BOOST_TEST(has(reason(folder.write("a.xyz", "text")), "of no format that Pendel knows"));
  BOOST_TEST(has(reason(folder.write("empty.raw", "")), "shorter than one EMPAD frame"));
  BOOST_TEST(has(reason(folder.write("a.npy", "\x93NUMPY")), "header"));
  BOOST_TEST(has(reason(folder.write("a.mib", "MQ1,000001,")), "incomplete"));
  BOOST_TEST(has(reason(folder.write("a.blo", "IMGBLO")), "ends within its header"));
  std::string short_head = bytes_of_file(shipped / "test2.blo").substr(0, 239);
  short_head[12] = short_head[13] = '\0';  // patterns from byte 0: there are some
  BOOST_TEST(reason(folder.write("short.blo", short_head)) == "");
  BOOST_TEST(has(reason(folder.write("a.tif", std::string("II*\0\x08\0\0\0", 8))), "damaged"));
  std::string fortran = "{'descr': '<u2', 'fortran_order': True, 'shape': (2, 2, 3, 3), }\n";
  fortran = std::string("\x93NUMPY\x01\x00", 8) + char(fortran.size()) + '\0' + fortran;
  BOOST_TEST(has(reason(folder.write("f.npy", fortran)), "ascontiguousarray"));
}

// Every file of the collection opens or says why not.
BOOST_AUTO_TEST_CASE(the_collection) {
  if (!fs::exists(shared)) {
    return not_at_hand("Files", of_collection, collection);
  }
  std::size_t opened = 0;
  for (const auto& entry : fs::recursive_directory_iterator(shared)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path().string();
    try {
      const Recording scan = open_recording(path);
      std::vector<double> values(scan.frames->pixels());
      scan.frames->read(scan.recorded() - 1, 1, values.data());
      ++opened;
    } catch (const Error& error) {
      BOOST_TEST(error.exit_status() == 3);
      BOOST_TEST(std::string(error.what()).size() > path.size() + 20);
    }
  }
  record("Files", of_collection, collection, double(opened), at_least(22));
  const Recording blo = open_recording((shared / "formats/blo/test1.blo").string());
  const double sums[] = {845297, 867000, 861801, 872369, 847954, 870149};
  for (std::size_t i = 0; i < 6; ++i) BOOST_TEST(sum(blo, i) == sums[i]);
  const Recording ramp = open_recording((shared / "formats/empad/scan_x4_y4.raw").string());
  std::vector<float> values(ramp.frames->pixels());
  ramp.frames->read(13, 1, values.data());
  BOOST_TEST(values[5 * 128 + 7] == float(13 * 16640 + 5 * 128 + 7));
}

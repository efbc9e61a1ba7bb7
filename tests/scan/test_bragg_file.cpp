// Bragg peaks and calibrations in files, by the rules that py4DSTEM reads them by.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>

#include "core/electron.hpp"
#include "core/error.hpp"
#include "io/emd.hpp"
#include "scan/bragg_file.hpp"

using namespace pendel;

namespace {

const std::string shared = PENDEL_SOURCE_DIR "/../shared/data/fourdstem/";

bool is_there(const std::string& path) {
  const bool found = std::ifstream(path).good();
  if (!found) BOOST_TEST_MESSAGE("    skipped: " << path << " is not there");
  return found;
}

BraggPeaks some_peaks(bool flip) {
  BraggPeaks peaks;
  peaks.rows = 2;
  peaks.columns = 3;
  peaks.q_rows = 40;
  peaks.q_columns = 30;
  peaks.at.resize(6);
  peaks.recorded = {true, true, true, true, true, false};
  for (int i = 1; i < 5; ++i)  // the first was recorded, and is empty
    for (int k = 0; k < i; ++k)
      peaks.at[std::size_t(i)].push_back(
          {{10.25 + k, 20.5 - i}, 100.0 * i + k, {0.01 * i, 0.02 * (k + 1)}});
  for (int i = 0; i < 6; ++i) peaks.calibration.origin.push_back({15.1 + 0.1 * i, 20.2 - 0.2 * i});
  peaks.calibration.origin_error = {0.03, 0.04};
  peaks.calibration.ellipse_ratio = 1.07;
  peaks.calibration.ellipse_angle_deg = 25;
  peaks.calibration.pixel_invA = 0.0123;
  peaks.calibration.rotation_deg = -37;
  peaks.calibration.flip = flip;
  peaks.calibration.sources = {{"pixel", "told"}};
  return peaks;
}

std::string written(const BraggPeaks& peaks, const std::string& name) {
  EmdWriter file("pendel");
  write_bragg_peaks(file, peaks);
  file.save(name);
  return name;
}

}  // namespace

BOOST_AUTO_TEST_CASE(there_and_back) {
  for (const bool flip : {false, true}) {
    const BraggPeaks peaks = some_peaks(flip);
    const BraggPeaks read = read_bragg_peaks(written(peaks, "bragg_file_there_and_back.h5"));
    BOOST_TEST(read.rows == 2u);
    BOOST_TEST(read.columns == 3u);
    BOOST_TEST(read.q_rows == 40u);
    BOOST_TEST(read.q_columns == 30u);
    BOOST_TEST((read.recorded == peaks.recorded));
    for (std::size_t i = 0; i < 6; ++i) {
      BOOST_REQUIRE_EQUAL(read.at[i].size(), peaks.at[i].size());
      for (std::size_t k = 0; k < read.at[i].size(); ++k) {
        BOOST_TEST((read.at[i][k].position == peaks.at[i][k].position));
        BOOST_TEST(read.at[i][k].intensity == peaks.at[i][k].intensity);
        BOOST_TEST((read.at[i][k].error == peaks.at[i][k].error));
      }
      BOOST_TEST((read.calibration.origin[i] == peaks.calibration.origin[i]));
    }
    BOOST_TEST((read.calibration.matrix() - peaks.calibration.matrix()).norm() < 1e-15);
    BOOST_TEST((read.calibration.origin_error == peaks.calibration.origin_error));
    BOOST_TEST(std::isnan(read.calibration.pixel_error_invA));
    BOOST_TEST(read.calibration.sources.at(0).second == "told");
  }
}

// The same diffraction vectors by py4DSTEM's rules, written out from its documentation: subtract
// the origin, contract the ellipse, scale, exchange if flipped, rotate.
BOOST_AUTO_TEST_CASE(peer_finds_the_same_vectors) {
  for (const bool flip : {false, true}) {
    const BraggPeaks peaks = some_peaks(flip);
    const hdf5::InputFile file(written(peaks, "bragg_file_peer.h5"));
    const std::string items = "/pendel/metadatabundle/calibration/";
    const auto number = [&](const char* name) { return file.read(items + name).values.at(0); };
    BOOST_TEST(file.read_text(items + "Q_pixel_units") == "A^-1");
    const Array qx0 = file.read(items + "qx0"), qy0 = file.read(items + "qy0");
    BOOST_TEST((qx0.shape == std::vector<std::size_t>{2, 3}));
    const hdf5::PointLists lists = hdf5::read_point_lists(
        file, "/pendel/braggvectors/_v_uncal/data", {"qx", "qy", "intensity"});
    const double e = number("b") / number("a"), t = number("theta") - electron::pi / 2;
    const double s = std::sin(t), c = std::cos(t), r = number("QR_rotation");
    int compared = 0;
    for (std::size_t i = 0; i < 6; ++i)
      for (std::size_t p = lists.first(i); p < lists.ends[i]; ++p) {
        const double x = lists.values[3 * p] - qx0.values[i];
        const double y = lists.values[3 * p + 1] - qy0.values[i];
        double u = ((e * s * s + c * c) * x + s * c * (1 - e) * y) * number("Q_pixel_size");
        double v = (s * c * (1 - e) * x + (s * s + e * c * c) * y) * number("Q_pixel_size");
        if (file.read_flag(items + "QR_flip")) std::swap(u, v);
        const Vec2 theirs(std::cos(r) * u - std::sin(r) * v, std::sin(r) * u + std::cos(r) * v);
        const Vec2 ours = peaks.calibration.vector(i, peaks.at[i][p - lists.first(i)].position);
        BOOST_TEST((Vec2(theirs.y(), theirs.x()) - ours).norm() < 1e-14);
        ++compared;
      }
    BOOST_TEST(compared == 10);
  }
}

// A tilted ellipse, drawn by hand, becomes a circle; and back.
BOOST_AUTO_TEST_CASE(ellipse_becomes_a_circle) {
  Calibration calibration;
  calibration.origin = {Vec2(3, 4)};
  calibration.ellipse_ratio = 1.21;
  calibration.ellipse_angle_deg = 30;
  for (int k = 0; k < 7; ++k) {
    const double t = 0.9 * k, along = 10 * 1.1 * std::cos(t), across = 10 / 1.1 * std::sin(t);
    const Vec2 at(3 + along * std::sqrt(0.75) - across * 0.5,
                  4 + along * 0.5 + across * std::sqrt(0.75));
    BOOST_TEST(std::abs(calibration.vector(0, at).norm() - 10) < 1e-12);
    BOOST_TEST((calibration.pixel(0, calibration.vector(0, at)) - at).norm() < 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(files_of_py4dstem) {
  const std::string golden = shared + "emdfile_golden/golden_datacube.h5";
  if (is_there(golden)) {
    const BraggPeaks peaks = read_bragg_peaks(golden);
    BOOST_TEST(peaks.rows == 4u);
    BOOST_TEST(peaks.columns == 3u);
    BOOST_TEST(peaks.q_rows == 8u);
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 3; ++j) {
        const auto& list = peaks.at[std::size_t(3 * i + j)];
        BOOST_REQUIRE_EQUAL(list.size(), std::size_t((3 * i + j) % 4));
        for (int k = 0; k < int(list.size()); ++k) {
          BOOST_TEST((list[std::size_t(k)].position == Vec2(2.5 - k, 3.5 + k)));
          BOOST_TEST(list[std::size_t(k)].intensity == 10.0 * k + i);
        }
      }
    BOOST_TEST(peaks.calibration.origin.size() == 12u);
  }
  const std::string cathode = shared + "py4dstem/braggdisks_cali.h5";
  if (is_there(cathode)) {
    const BraggPeaks peaks = read_bragg_peaks(cathode);
    BOOST_TEST(peaks.rows == 80u);
    BOOST_TEST(peaks.columns == 58u);
    std::size_t count = 0;
    for (const auto& list : peaks.at) count += list.size();
    BOOST_TEST(count == 121390u);
  }
}

BOOST_AUTO_TEST_CASE(wrong_files) {
  EmdWriter empty("pendel");
  empty.metadata("things", {{"a", 1.0}});
  empty.save("bragg_file_empty.h5");
  const auto says = [](const std::string& words) {
    return [words](const Error& error) {
      return error.kind() == ErrorKind::input &&
             std::string(error.what()).find(words) != std::string::npos;
    };
  };
  BOOST_CHECK_EXCEPTION(read_bragg_peaks("bragg_file_empty.h5"), Error, says("no Bragg peaks"));
  BOOST_CHECK_EXCEPTION(read_calibration("bragg_file_empty.h5"), Error, says("no calibration"));
  BOOST_CHECK_EXCEPTION(read_bragg_peaks("not_there.h5"), Error, says("not_there.h5"));
}

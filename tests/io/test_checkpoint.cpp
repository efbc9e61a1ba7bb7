// A checkpoint survives being cut anywhere, and is refused where it does not belong.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "io/checkpoint.hpp"
#include "io/files.hpp"

using namespace pendel;
namespace fs = std::filesystem;

namespace {

const std::string study = sha256("study"), other = sha256("other study");

struct Place {
  std::string path =
      (fs::temp_directory_path() / ("pendel_checkpoint_" + std::to_string(getpid()))).string();
  ~Place() { fs::remove(path); }
  std::string bytes() const {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  void write(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
};

std::vector<double> row(int i) { return {i + 0.5, -1.0 / (i + 1), 1e-300}; }

std::string refusal(const std::string& path, const std::string& fingerprint, std::size_t values) {
  try {
    Checkpoint(path, fingerprint, values, true);
  } catch (const Error& error) {
    BOOST_TEST(error.exit_status() == 3);
    return error.what();
  }
  return "accepted";
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(rows_come_back, Place) {
  {
    Checkpoint checkpoint(path, study, 3, false);
    parallel_for(50, [&](long i, int) { checkpoint.append(i, row(int(i))); });
  }
  Checkpoint again(path, study, 3, true);
  BOOST_REQUIRE(again.rows().size() == 50);
  for (const auto& [index, values] : again.rows()) BOOST_TEST((values == row(int(index))));
  Checkpoint::remove(path);
  BOOST_TEST(!Checkpoint::exists(path));
}

BOOST_FIXTURE_TEST_CASE(a_torn_record_loses_only_itself, Place) {
  std::size_t header = 0;
  {
    Checkpoint checkpoint(path, study, 3, false);
    header = bytes().size();
    for (int i = 0; i < 3; ++i) checkpoint.append(i, row(i));
  }
  const std::string whole = bytes();
  const std::size_t record = (whole.size() - header) / 3;
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    write(whole.substr(0, cut));
    const std::size_t complete = cut < header ? 0 : (cut - header) / record;
    {
      Checkpoint checkpoint(path, study, 3, true);
      BOOST_TEST(checkpoint.rows().size() == complete);
      checkpoint.append(7, row(7));
    }
    Checkpoint again(path, study, 3, true);
    BOOST_TEST(again.rows().size() == complete + 1);
    BOOST_TEST((again.rows().at(7) == row(7)));
  }
}

BOOST_FIXTURE_TEST_CASE(a_damaged_record_is_left_out, Place) {
  std::size_t header = 0;
  {
    Checkpoint checkpoint(path, study, 3, false);
    header = bytes().size();
    for (int i = 0; i < 3; ++i) checkpoint.append(i, row(i));
  }
  std::string damaged = bytes();
  damaged[header + (damaged.size() - header) / 3 + 11] ^= 1;
  write(damaged);
  Checkpoint checkpoint(path, study, 3, true);
  BOOST_TEST(checkpoint.rows().size() == 2u);
  BOOST_TEST(checkpoint.rows().count(1) == 0u);
}

BOOST_FIXTURE_TEST_CASE(another_study_is_refused, Place) {
  { Checkpoint(path, study, 3, false).append(0, row(0)); }
  BOOST_TEST(refusal(path, other, 3).find("belongs to another study") != std::string::npos);
  BOOST_TEST(refusal(path, study, 4).find("belongs to another study") != std::string::npos);
  write(
      "some quite ordinary text that is longer than the header of a checkpoint, which is a hundred "
      "bytes and a few more than that");
  BOOST_TEST(refusal(path, study, 3).find("this is not a checkpoint") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(without_resume_it_begins_anew, Place) {
  { Checkpoint(path, study, 3, false).append(0, row(0)); }
  { Checkpoint(path, other, 2, false); }
  BOOST_TEST(Checkpoint(path, other, 2, true).rows().empty());
}

BOOST_AUTO_TEST_CASE(full_disk) {
  if (access("/dev/full", W_OK) != 0) {
    BOOST_TEST_MESSAGE("no /dev/full here");
    return;
  }
  BOOST_CHECK_EXCEPTION(Checkpoint("/dev/full", study, 3, false), Error, [](const Error& e) {
    return std::string(e.what()) == "/dev/full: cannot be written: No space left on device";
  });
}

// SHA-256 and CRC-32 against published vectors, and writing that leaves nothing half done.
#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "core/error.hpp"
#include "io/files.hpp"

using namespace pendel;
namespace fs = std::filesystem;

// FIPS 180-4 example values, and a length on each side of the padding's limit.
BOOST_AUTO_TEST_CASE(sha256_vectors) {
  BOOST_TEST(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  BOOST_TEST(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  BOOST_TEST(sha256(std::string(1000000, 'a')) ==
             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

BOOST_AUTO_TEST_CASE(crc32_vector) {
  BOOST_TEST(crc32("123456789", 9) == 0xCBF43926u);  // the check value of this CRC
  BOOST_TEST(crc32("456789", 6, crc32("123", 3)) == 0xCBF43926u);
}

BOOST_AUTO_TEST_CASE(sha256_of_a_file) {
  const std::string path =
      (fs::temp_directory_path() / ("pendel_sha_" + std::to_string(getpid()))).string();
  std::ofstream(path) << "abc";
  BOOST_TEST(sha256_of_file(path) == sha256("abc"));
  fs::remove(path);
  BOOST_CHECK_THROW(sha256_of_file(path), Error);
}

// Of a large file its length and both ends count.
BOOST_AUTO_TEST_CASE(fingerprint_of_a_large_file) {
  const std::string path =
      (fs::temp_directory_path() / ("pendel_large_" + std::to_string(getpid()))).string();
  std::ofstream(path) << "abc";
  BOOST_TEST(fingerprint_of_file(path) == sha256("abc"));
  std::set<std::string> found;
  for (const std::uint64_t size : {std::uint64_t(300) << 20, (std::uint64_t(300) << 20) + 1}) {
    fs::resize_file(path, size);  // a hole
    found.insert(fingerprint_of_file(path));
    BOOST_TEST(found.rbegin()->find("ends:" + std::to_string(size) + ":") == 0u);
  }
  std::fstream(path, std::ios::in | std::ios::out) << "x";
  found.insert(fingerprint_of_file(path));
  {
    std::fstream file(path, std::ios::in | std::ios::out);
    file.seekp(-1, std::ios::end);
    file << "x";
  }
  found.insert(fingerprint_of_file(path));
  BOOST_TEST(found.size() == 4u);
  fs::remove(path);
}

BOOST_AUTO_TEST_CASE(a_write_that_fails_leaves_the_old_file) {
  const fs::path directory =
      fs::temp_directory_path() / ("pendel_files_" + std::to_string(getpid()));
  fs::create_directory(directory);
  const std::string path = (directory / "a").string();
  write_whole_file(path, "old", 3);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string large(5000, 'x');
  BOOST_CHECK_EXCEPTION(
      write_whole_file(path, large.data(), large.size()), Error, [](const Error& e) {
        return e.exit_status() == 3 &&
               std::string(e.what()).find("cannot be written") != std::string::npos;
      });
  setrlimit(RLIMIT_FSIZE, &before);
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  BOOST_TEST(text.str() == "old");
  BOOST_TEST(std::distance(fs::directory_iterator(directory), fs::directory_iterator()) == 1);
  fs::remove_all(directory);
  BOOST_CHECK_THROW(write_whole_file(path, "x", 1), Error);  // no such directory
}

#include "io/files.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include "core/error.hpp"

namespace pendel {

namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::input, path + ": " + what + ": " + std::strerror(errno));
}

class Sha256 {
 public:
  void add(const unsigned char* bytes, std::size_t count) {
    length_ += count;
    for (std::size_t i = 0; i < count; ++i) {
      block_[filled_++] = bytes[i];
      if (filled_ == 64) compress();
    }
  }

  std::string digest() {
    const std::uint64_t bits = 8 * length_;
    const unsigned char one = 0x80, zero = 0;
    add(&one, 1);
    while (filled_ != 56) add(&zero, 1);
    for (int shift = 56; shift >= 0; shift -= 8) {
      const unsigned char byte = static_cast<unsigned char>(bits >> shift);
      add(&byte, 1);
    }
    char text[65];
    for (int i = 0; i < 8; ++i) std::snprintf(text + 8 * i, 9, "%08x", h_[i]);
    return text;
  }

 private:
  static std::uint32_t rotated(std::uint32_t x, int n) { return x >> n | x << (32 - n); }

  // The first 32 bits of the fractional parts of roots of the primes, computed with integers:
  // floor(2^32 p^(1/n)) is found bit by bit.
  static std::uint32_t root_fraction(std::uint32_t prime, int power) {
    __extension__ using Wide = unsigned __int128;
    Wide root = 0;
    for (int bit = 35; bit >= 0; --bit) {
      const Wide trial = root | Wide(1) << bit;
      // trial^power <= prime 2^(32 power), without overflow: at most 36·3 = 108 bits
      Wide product = trial;
      for (int i = 1; i < power; ++i) product *= trial;
      if (product <= Wide(prime) << (32 * power)) root = trial;
    }
    return static_cast<std::uint32_t>(root);
  }

  struct Constants {
    std::array<std::uint32_t, 64> k;
    std::array<std::uint32_t, 8> h;
    Constants() {
      int found = 0;
      for (std::uint32_t p = 2; found < 64; ++p) {
        bool prime = true;
        for (std::uint32_t d = 2; d * d <= p; ++d) prime = prime && p % d != 0;
        if (!prime) continue;
        if (found < 8) h[found] = root_fraction(p, 2);
        k[found++] = root_fraction(p, 3);
      }
    }
  };
  static const Constants& constants() {
    static const Constants values;
    return values;
  }

  void compress() {
    std::array<std::uint32_t, 64> w;
    for (int i = 0; i < 16; ++i)
      w[i] = std::uint32_t(block_[4 * i]) << 24 | std::uint32_t(block_[4 * i + 1]) << 16 |
             std::uint32_t(block_[4 * i + 2]) << 8 | block_[4 * i + 3];
    for (int i = 16; i < 64; ++i) {
      const std::uint32_t a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) + w[i - 7] +
             (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
    }
    std::array<std::uint32_t, 8> s = h_;
    for (int i = 0; i < 64; ++i) {
      const std::uint32_t big1 = rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25);
      const std::uint32_t choose = (s[4] & s[5]) ^ (~s[4] & s[6]);
      const std::uint32_t t1 = s[7] + big1 + choose + constants().k[i] + w[i];
      const std::uint32_t big0 = rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22);
      const std::uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
      for (int j = 7; j > 0; --j) s[j] = s[j - 1];
      s[4] += t1;
      s[0] = t1 + big0 + majority;
    }
    for (int i = 0; i < 8; ++i) h_[i] += s[i];
    filled_ = 0;
  }

  std::array<std::uint32_t, 8> h_ = constants().h;
  std::array<unsigned char, 64> block_;
  std::size_t filled_ = 0;
  std::uint64_t length_ = 0;
};

}  // namespace

bool write_all(int file, const void* bytes, std::size_t count) {
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::write(file, next, count);
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = ENOSPC;
    if (written <= 0) return false;
    next += written;
    count -= static_cast<std::size_t>(written);
  }
  return true;
}

bool write_at(int file, const void* bytes, std::size_t count, std::uint64_t offset) {
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::pwrite(file, next, count, off_t(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = ENOSPC;
    if (written <= 0) return false;
    next += written;
    offset += std::uint64_t(written);
    count -= std::size_t(written);
  }
  return true;
}

std::size_t read_at(int file, void* bytes, std::size_t count, std::uint64_t offset) {
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got =
        ::pread(file, static_cast<char*>(bytes) + have, count - have, off_t(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += std::size_t(got);
  }
  return have;
}

std::string size_text(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, bytes < 1e8 ? "%.3g MB" : "%.3g GB",
                bytes < 1e8 ? bytes / 1e6 : bytes / 1e9);
  return text;
}

void check_room(const std::string& path, double needed, const std::string& comfort) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  struct statvfs disk;
  if (::statvfs(folder.c_str(), &disk) != 0) fail(path, "its folder cannot be examined");
  const double there = double(disk.f_bavail) * double(disk.f_frsize);
  if (needed > there)
    throw Error(ErrorKind::input, path + ": the disk is too full: " + size_text(needed) +
                                      " are needed, " + size_text(there) + " are free" + comfort);
}

void write_whole_file(const std::string& path, const void* bytes, std::size_t count) {
  const std::string temporary = path + ".tmp" + std::to_string(::getpid());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail(path, "cannot be written");
  bool good = write_all(file, bytes, count) && ::fsync(file) == 0;
  int reason = errno;
  if (::close(file) != 0 && good) {
    good = false;
    reason = errno;
  }
  if (good && std::rename(temporary.c_str(), path.c_str()) == 0) return;
  if (good) reason = errno;
  ::unlink(temporary.c_str());
  errno = reason;
  fail(path, "cannot be written");
}

std::string sha256(const std::string& bytes) {
  Sha256 hash;
  hash.add(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  return hash.digest();
}

namespace {

void add_part(const std::string& path, std::uint64_t from, std::uint64_t count, Sha256& hash) {
  std::ifstream file(path, std::ios::binary);
  if (!file.seekg(std::streamoff(from))) fail(path, "cannot be read");
  std::vector<char> buffer(1 << 16);
  while (count > 0 && file) {
    file.read(buffer.data(), std::streamsize(std::min<std::uint64_t>(buffer.size(), count)));
    hash.add(reinterpret_cast<const unsigned char*>(buffer.data()), std::size_t(file.gcount()));
    count -= std::uint64_t(file.gcount());
  }
  if (!file && !file.eof()) fail(path, "cannot be read");
}

}  // namespace

std::string sha256_of_file(const std::string& path) {
  Sha256 hash;
  add_part(path, 0, std::numeric_limits<std::uint64_t>::max(), hash);
  return hash.digest();
}

std::string fingerprint_of_file(const std::string& path) {
  constexpr std::uint64_t whole = 256 << 20, end = 32 << 20;
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error || size <= whole) return sha256_of_file(path);
  Sha256 hash;
  add_part(path, 0, end, hash);
  add_part(path, size - end, end, hash);
  return "ends:" + std::to_string(size) + ":" + hash.digest();
}

namespace {

// tables[0]: the CRC of each byte; tables[n]: of that byte and n zeros behind it
std::array<std::array<std::uint32_t, 256>, 8> crc_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables;
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    tables[0][i] = crc;
  }
  for (int n = 1; n < 8; ++n)
    for (std::uint32_t i = 0; i < 256; ++i)
      tables[n][i] = tables[n - 1][i] >> 8 ^ tables[0][tables[n - 1][i] & 255];
  return tables;
}

}  // namespace

std::uint32_t crc32(const void* bytes, std::size_t count, std::uint32_t before) {
  static const auto t = crc_tables();
  std::uint32_t crc = ~before;
  const auto* byte = static_cast<const unsigned char*>(bytes);
  for (; count >= 8; count -= 8, byte += 8) {
    crc ^= std::uint32_t(byte[0]) | std::uint32_t(byte[1]) << 8 | std::uint32_t(byte[2]) << 16 |
           std::uint32_t(byte[3]) << 24;
    crc = t[7][crc & 255] ^ t[6][crc >> 8 & 255] ^ t[5][crc >> 16 & 255] ^ t[4][crc >> 24] ^
          t[3][byte[4]] ^ t[2][byte[5]] ^ t[1][byte[6]] ^ t[0][byte[7]];
  }
  for (; count > 0; --count, ++byte) crc = crc >> 8 ^ t[0][(crc ^ *byte) & 255];
  return ~crc;
}

}  // namespace pendel

#include "io/checkpoint.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "io/files.hpp"

namespace pendel {

namespace {

const std::string magic = "PENDEL-CHECKPOINT-1\n";

template <class T>
void put(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_crc(std::string& bytes) {
  const std::uint32_t crc = crc32(bytes.data(), bytes.size());
  put(bytes, crc);
}

bool crc_is_right(const char* bytes, std::size_t count) {
  std::uint32_t crc = 0;
  std::memcpy(&crc, bytes + count - sizeof crc, sizeof crc);
  return crc == crc32(bytes, count - sizeof crc);
}

std::string header(const std::string& fingerprint, std::size_t values_per_row) {
  std::string bytes = magic + fingerprint;
  put(bytes, std::uint64_t(values_per_row));
  put_crc(bytes);
  return bytes;
}

std::size_t record_size(std::size_t values) { return 8 + 8 * values + 4; }

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::input, path + ": " + what);
}

}  // namespace

bool Checkpoint::exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Checkpoint::Checkpoint(const std::string& path, const std::string& fingerprint,
                       std::size_t values_per_row, bool resume)
    : path_(path), values_per_row_(values_per_row) {
  const std::string expected = header(fingerprint, values_per_row);
  std::size_t keep = 0;
  if (resume && exists(path)) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    const std::string bytes = text.str();
    if (bytes.size() >= expected.size()) {
      if (bytes.compare(0, magic.size(), magic) != 0 ||
          !crc_is_right(bytes.data(), expected.size()))
        fail(path, "this is not a checkpoint of Pendel; remove it, or run without --resume");
      if (bytes.compare(0, expected.size(), expected) != 0)
        fail(path,
             "this checkpoint belongs to another study: the study, an input file or the version "
             "has changed since; run without --resume to begin anew");
      read_rows(bytes.substr(expected.size()));
      // what follows the last whole record was torn off
      keep = bytes.size() - (bytes.size() - expected.size()) % record_size(values_per_row);
    }
  }
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (keep ? 0 : O_TRUNC), 0666);
  if (file_ < 0) fail(path, std::string("cannot be written: ") + std::strerror(errno));
  const bool good = keep ? ::ftruncate(file_, off_t(keep)) == 0 && ::lseek(file_, 0, SEEK_END) >= 0
                         : write_all(file_, expected.data(), expected.size());
  if (!good) {
    const std::string reason = std::strerror(errno);
    ::close(file_);
    fail(path, "cannot be written: " + reason);
  }
}

Checkpoint::~Checkpoint() { ::close(file_); }

void Checkpoint::read_rows(const std::string& bytes) {
  const std::size_t size = record_size(values_per_row_);
  for (std::size_t at = 0; at + size <= bytes.size(); at += size) {
    if (!crc_is_right(bytes.data() + at, size)) continue;
    std::uint64_t index = 0;
    std::memcpy(&index, bytes.data() + at, sizeof index);
    std::vector<double>& row = rows_[index];
    row.resize(values_per_row_);
    std::memcpy(row.data(), bytes.data() + at + 8, 8 * values_per_row_);
  }
}

void Checkpoint::append(std::uint64_t index, const std::vector<double>& values) {
  assert(values.size() == values_per_row_);
  std::string record;
  put(record, index);
  for (const double value : values) put(record, value);
  put_crc(record);
  const std::lock_guard<std::mutex> lock(mutex_);
  const off_t end = ::lseek(file_, 0, SEEK_END);
  if (write_all(file_, record.data(), record.size())) return;
  const std::string reason = std::strerror(errno);
  // half a record must not stand before whole ones
  if (::ftruncate(file_, end) != 0) fail(path_, "cannot be written or shortened: " + reason);
  fail(path_, "cannot be written: " + reason + "; what is finished is kept");
}

void Checkpoint::remove(const std::string& path) { ::unlink(path.c_str()); }

}  // namespace pendel

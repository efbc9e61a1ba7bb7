// Files as bytes: whole reading, atomic writing, fingerprints.
#pragma once
#include <cstdint>
#include <string>

namespace pendel {

/// Writes a temporary file beside `path` and renames it. Error (input) if that fails; the temporary
/// file is removed and an older file of that name is untouched.
void write_whole_file(const std::string& path, const void* bytes, std::size_t count);

/// write(2) until everything is written; false with errno if it fails.
bool write_all(int file, const void* bytes, std::size_t count);

/// pwrite(2) until everything is written; false with errno if it fails.
bool write_at(int file, const void* bytes, std::size_t count, std::uint64_t offset);
/// pread(2); how many bytes there were, less than `count` at the end of the file or if it fails.
std::size_t read_at(int file, void* bytes, std::size_t count, std::uint64_t offset);

/// "12.3 MB".
std::string size_text(double bytes);
/// Error (input) if the disk of `path` has less room [bytes]; `comfort` ends the message.
void check_room(const std::string& path, double needed, const std::string& comfort = "");

/// SHA-256 in hexadecimal. [FIPS180-4]
std::string sha256(const std::string& bytes);
/// Of a file. Error (input) if it cannot be read.
std::string sha256_of_file(const std::string& path);
/// That of files up to 256 MB; of a larger one, which would take minutes, "ends:SIZE:" and the
/// SHA-256 of its first and last 32 MB.
std::string fingerprint_of_file(const std::string& path);

/// CRC-32 (polynomial 0xEDB88320, as in zip); `before`: of bytes that precede these.
std::uint32_t crc32(const void* bytes, std::size_t count, std::uint32_t before = 0);

}  // namespace pendel

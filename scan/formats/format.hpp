// Inside the readers: one entry of the table of formats, and what they share. A format is a file of
// this folder and a row of the table in scan/recording.cpp.
#pragma once
#include <string>

#include "core/error.hpp"
#include "scan/recording.hpp"

namespace pendel::formats {

/// A file before anything is known of it.
struct Candidate {
  std::string path, extension;  ///< extension: lower case, with its dot
  std::string head;             ///< its first bytes, 4096 or fewer
  std::uint64_t size = 0;       ///< [bytes]
};
/// Error (input) if there is no such file.
Candidate candidate(const std::string& path);

[[noreturn]] inline void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::input, path + ": " + what);
}

/// A little-endian or big-endian number at a byte of the head. Error (input) beyond its end.
template <class T>
T number_at(const Candidate& file, std::size_t offset, bool big_endian = false);

/// Rows and columns from the options, else from the file, else a square or one row; with notes of
/// what is missing or was assumed. Error (input) if the options do not fit the number of frames.
void shape_scan(Recording& recording, const OpenOptions& options,
                std::optional<std::array<std::size_t, 2>> in_file);

/// Takes a step and a unit as files spell them ("1/nm", "$A^{-1}$", "nm", "mrad", ...) to a scale;
/// unknown units are left out with a note.
void set_q_pixel(Recording& recording, std::size_t axis, double step, const std::string& unit);
void set_scan_step(Recording& recording, std::size_t axis, double step, const std::string& unit);

Recording open_mib(const Candidate& file, const OpenOptions& options);
Recording open_blo(const Candidate& file, const OpenOptions& options);
Recording open_empad(const Candidate& file, const OpenOptions& options);
Recording open_dm(const Candidate& file, const OpenOptions& options);
Recording open_mrc(const Candidate& file, const OpenOptions& options);
Recording open_npy(const Candidate& file, const OpenOptions& options);
Recording open_tiff(const Candidate& file, const OpenOptions& options);
Recording open_hdf5(const Candidate& file, const OpenOptions& options);

}  // namespace pendel::formats

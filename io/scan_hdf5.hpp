// What a ScanWriter does with the HDF5 library. `kept` ends the messages of failures that lose
// nothing.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "io/scan_file.hpp"

namespace pendel::hdf5 {

std::size_t bytes_per_number(Stored stored);

/// Makes a file of contiguous datasets without values, named as the cubes. Returns where in the
/// file the numbers of each begin.
std::vector<std::uint64_t> make_contiguous(const std::string& path, const ScanFileLayout& layout);

/// One pattern as the library keeps it, its filter mask (32 bits) first.
std::string compressed(const ScanFileLayout& layout, const char* pattern);
/// Makes a file of datasets with one chunk per pattern; chunks(position) are those of all cubes as
/// `compressed` gave them.
void make_compressed(const std::string& path, const ScanFileLayout& layout,
                     const std::function<std::vector<std::string>(std::size_t position)>& chunks,
                     const std::string& kept);

/// Copies the group `root` of `rest` and the attributes of its file, and moves the datasets into
/// the groups root/NAME.
void add_rest(const std::string& path, const ScanFileLayout& layout, const OutputFile& rest,
              const std::string& root, const std::string& units, const std::string& kept);
/// How many bytes that is, about.
double size_of(const OutputFile& rest);

}  // namespace pendel::hdf5

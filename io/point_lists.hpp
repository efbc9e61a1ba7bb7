// Lists of points in HDF5, one list per element of an array, as EMD 1.0 keeps Bragg vectors: each
// point is a compound of named 64-bit numbers.
#pragma once
#include <string>
#include <vector>

#include "io/hdf5.hpp"

namespace pendel::hdf5 {

struct PointLists {
  std::vector<std::size_t> shape;   ///< of the array of lists
  std::vector<std::string> fields;  ///< of a point
  std::vector<std::size_t> ends;    ///< per list: the points of it and of those before
  std::vector<double> values;       ///< (points, fields)

  std::size_t first(std::size_t list) const { return list == 0 ? 0 : ends[list - 1]; }
};

/// Path, from the file's root, of every dataset of point lists.
std::vector<std::string> point_lists_of(const InputFile& file);
/// The given fields of each point, in that order. Error (input) if the dataset is no array of point
/// lists or lacks a field.
PointLists read_point_lists(const InputFile& file, const std::string& dataset,
                            const std::vector<std::string>& fields);
/// Whether points have such a field.
bool has_field(const InputFile& file, const std::string& dataset, const std::string& field);

void write_point_lists(OutputFile& file, const std::string& dataset, const PointLists& lists);

}  // namespace pendel::hdf5

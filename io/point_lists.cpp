#include "io/point_lists.hpp"

#include <hdf5.h>

#include "core/error.hpp"
#include "io/hdf5_handle.hpp"

namespace pendel::hdf5 {

namespace {

[[noreturn]] void fail(const InputFile& file, const std::string& dataset, const std::string& what) {
  throw Error(ErrorKind::input, file.path() + ": " + dataset + ": " + what);
}

/// A list's points as 64-bit numbers one after another.
Handle memory_type(const std::vector<std::string>& fields) {
  const Handle point(H5Tcreate(H5T_COMPOUND, sizeof(double) * fields.size()), H5Tclose);
  for (std::size_t i = 0; i < fields.size(); ++i)
    H5Tinsert(point, fields[i].c_str(), sizeof(double) * i, H5T_NATIVE_DOUBLE);
  return Handle(H5Tvlen_create(point), H5Tclose);
}

/// The compound in a dataset's lists; not good if it is none.
Handle point_of(hid_t dataset) {
  const Handle type(H5Dget_type(dataset), H5Tclose);
  if (!type.good() || H5Tget_class(type) != H5T_VLEN) return Handle(-1, H5Tclose);
  Handle point(H5Tget_super(type), H5Tclose);
  if (H5Tget_class(point) != H5T_COMPOUND) return Handle(-1, H5Tclose);
  return point;
}

Handle opened(const InputFile& file, const std::string& dataset) {
  return Handle(H5Dopen2(file.id(), dataset.c_str(), H5P_DEFAULT), H5Dclose);
}

}  // namespace

std::vector<std::string> point_lists_of(const InputFile& file) {
  std::vector<std::string> found;
  for (const Item& item : file.items())
    if (!item.is_group && point_of(opened(file, item.path)).good()) found.push_back(item.path);
  return found;
}

bool has_field(const InputFile& file, const std::string& dataset, const std::string& field) {
  const Handle point = point_of(opened(file, dataset));
  return point.good() && H5Tget_member_index(point, field.c_str()) >= 0;
}

PointLists read_point_lists(const InputFile& file, const std::string& dataset,
                            const std::vector<std::string>& fields) {
  const Handle data = opened(file, dataset);
  if (!data.good()) fail(file, dataset, "there is no such dataset");
  const Handle point = point_of(data);
  if (!point.good()) fail(file, dataset, "is no array of lists of points");
  for (const std::string& field : fields) {
    const int index = H5Tget_member_index(point, field.c_str());
    const H5T_class_t kind =
        index < 0 ? H5T_NO_CLASS : H5Tget_member_class(point, static_cast<unsigned>(index));
    if (kind != H5T_FLOAT && kind != H5T_INTEGER)
      fail(file, dataset, "its points have no number '" + field + "'");
  }
  PointLists lists;
  lists.fields = fields;
  const Handle space(H5Dget_space(data), H5Sclose);
  std::vector<hsize_t> lengths(std::size_t(std::max(0, H5Sget_simple_extent_ndims(space))));
  H5Sget_simple_extent_dims(space, lengths.data(), nullptr);
  lists.shape.assign(lengths.begin(), lengths.end());
  const std::size_t count = Array::count(lists.shape);
  const Handle type = memory_type(fields);
  std::vector<hvl_t> read(count);
  if (count > 0 && H5Dread(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, read.data()) < 0)
    fail(file, dataset, "cannot be read");
  for (const hvl_t& list : read) {
    const auto* values = static_cast<const double*>(list.p);
    lists.values.insert(lists.values.end(), values, values + list.len * fields.size());
    lists.ends.push_back(lists.values.size() / fields.size());
  }
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, read.data());
  return lists;
}

void write_point_lists(OutputFile& file, const std::string& dataset, const PointLists& lists) {
  file.group(dataset.substr(0, dataset.rfind('/')));
  std::vector<hvl_t> written(lists.ends.size());
  std::vector<double> values = lists.values;  // the library wants to be able to change them
  const std::size_t fields = lists.fields.size();
  for (std::size_t i = 0; i < written.size(); ++i)
    written[i] = {lists.ends[i] - lists.first(i), values.data() + lists.first(i) * fields};
  const std::vector<hsize_t> lengths(lists.shape.begin(), lists.shape.end());
  const Handle space(H5Screate_simple(int(lengths.size()), lengths.data(), nullptr), H5Sclose);
  const Handle type = memory_type(lists.fields);
  const Handle data(H5Dcreate2(hid_t(file.id()), dataset.c_str(), type, space, H5P_DEFAULT,
                               H5P_DEFAULT, H5P_DEFAULT),
                    H5Dclose);
  if (!data.good() ||
      (!written.empty() && H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, written.data()) < 0))
    throw Error(ErrorKind::input, dataset + ": the HDF5 library cannot write it");
}

}  // namespace pendel::hdf5

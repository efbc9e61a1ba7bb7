#include "io/hdf5.hpp"

#include <hdf5.h>

#include <algorithm>
#include <fstream>

#include "core/error.hpp"
#include "io/files.hpp"
#include "io/hdf5_handle.hpp"

namespace pendel::hdf5 {

namespace {

void be_silent() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

[[noreturn]] void fail(const std::string& file, const std::string& name, const std::string& what) {
  throw Error(ErrorKind::input, file + ": " + (name.empty() ? "" : name + ": ") + what);
}

// Making something in memory fails only for want of memory or by a mistake of ours.
void must(bool good, const std::string& name) {
  if (!good) fail("result", name, "cannot be made in memory");
}

std::string type_name(hid_t type) {
  const std::string bits = std::to_string(8 * H5Tget_size(type));
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return (H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int") + bits;
    case H5T_FLOAT:
      return "float" + bits;
    case H5T_STRING:
      return "text";
    case H5T_COMPOUND:
      return "compound";
    case H5T_ENUM:
      return "enum";
    case H5T_VLEN:
      return "variable-length";
    default:
      return "other";
  }
}

std::vector<std::size_t> shape_of(hid_t space) {
  const int rank = std::max(0, H5Sget_simple_extent_ndims(space));
  std::vector<hsize_t> lengths(rank);
  H5Sget_simple_extent_dims(space, lengths.data(), nullptr);
  return {lengths.begin(), lengths.end()};
}

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

// A text of an attribute or dataset, stored with fixed or variable length.
template <class ReadInto>
std::string text_from(hid_t type, ReadInto read_into) {
  if (H5Tget_class(type) != H5T_STRING) return "";
  Handle memory(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_cset(memory, H5Tget_cset(type));
  if (H5Tis_variable_str(type) > 0) {
    H5Tset_size(memory, H5T_VARIABLE);
    char* text = nullptr;
    if (read_into(memory, &text) < 0 || !text) return "";
    std::string result = text;
    H5free_memory(text);
    return result;
  }
  std::string text(H5Tget_size(type) + 1, '\0');
  H5Tset_size(memory, text.size());
  if (read_into(memory, text.data()) < 0) return "";
  return text.c_str();
}

std::string attribute_text(hid_t object, const std::string& name) {
  if (H5Aexists(object, name.c_str()) <= 0) return "";
  const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute), H5Tclose);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  if (H5Sget_simple_extent_npoints(space) != 1) return "";
  return text_from(type, [&](hid_t memory, void* to) { return H5Aread(attribute, memory, to); });
}

}  // namespace

void no_cleanup_at_exit() { H5dont_atexit(); }

long file_type(Stored stored) {
  switch (stored) {
    case Stored::float64:
      return H5T_IEEE_F64LE;
    case Stored::float32:
      return H5T_IEEE_F32LE;
    case Stored::int32:
      return H5T_STD_I32LE;
    case Stored::int64:
      return H5T_STD_I64LE;
    case Stored::uint16:
      return H5T_STD_U16LE;
    case Stored::uint32:
      return H5T_STD_U32LE;
    case Stored::uint8:
      return H5T_STD_U8LE;
    case Stored::int8:
      return H5T_STD_I8LE;
    case Stored::int16:
      return H5T_STD_I16LE;
  }
  return -1;
}

InputFile::InputFile(const std::string& path) : path_(path) {
  be_silent();
  if (!std::ifstream(path)) fail(path, "", "there is no such file, or it may not be read");
  if (H5Fis_hdf5(path.c_str()) <= 0) fail(path, "", "this is not an HDF5 file");
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(access, false, true);  // a file on a read-only medium cannot be locked
#endif
  file_ = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access);
  if (file_ < 0) fail(path, "", "this HDF5 file is truncated or damaged");
}

InputFile::~InputFile() {
  if (part_ >= 0) H5Dclose(part_);
  H5Fclose(file_);
}

bool InputFile::has(const std::string& name) const {
  // every part of the way must exist, or the library fails instead of answering
  for (std::size_t end = 1; end != std::string::npos && end <= name.size();) {
    end = name.find('/', end);
    const std::string part = name.substr(0, end);
    if (part != "/" && H5Lexists(file_, part.c_str(), H5P_DEFAULT) <= 0) return false;
    if (end != std::string::npos) ++end;
  }
  return !name.empty() && (name == "/" || H5Oexists_by_name(file_, name.c_str(), H5P_DEFAULT) > 0);
}

namespace {

// A dataset of numbers, or the dataset `data` of a group.
Handle open_numbers(const InputFile& file, long id, std::string name) {
  if (!file.has(name)) {
    std::string there;
    for (const Item& item : file.items())
      if (!item.is_group && there.size() < 300) there += (there.empty() ? "" : ", ") + item.path;
    fail(file.path(), name, "there is no such dataset; the file has: " + there);
  }
  while (file.has(name + "/data")) name += "/data";
  Handle dataset(H5Dopen2(id, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.good()) fail(file.path(), name, "this is not a dataset");
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type);
  if (kind != H5T_INTEGER && kind != H5T_FLOAT)
    fail(file.path(), name, "holds " + type_name(type) + " values; numbers are needed");
  return dataset;
}

// H5S_ALL: everything.
void read_numbers(const InputFile& file, const std::string& name, hid_t dataset, hid_t memory,
                  hid_t space, Array& array) {
  if (!array.values.empty() &&
      H5Dread(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, array.values.data()) < 0)
    fail(file.path(), name, "cannot be read: the file is truncated or damaged");
}

}  // namespace

Array InputFile::read(const std::string& name) const {
  const Handle dataset = open_numbers(*this, file_, name);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  Array array(shape_of(space));
  read_numbers(*this, name, dataset, H5S_ALL, H5S_ALL, array);
  return array;
}

std::vector<std::size_t> InputFile::shape(const std::string& name) const {
  const Handle dataset = open_numbers(*this, file_, name);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  return shape_of(space);
}

Array InputFile::read_part(const std::string& name, std::size_t first, std::size_t count) const {
  const Handle dataset = open_numbers(*this, file_, name);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  std::vector<std::size_t> shape = shape_of(space);
  std::vector<hsize_t> start(shape.size(), 0), length(shape.begin(), shape.end());
  start.at(0) = first;
  length.at(0) = shape.at(0) = count;
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, length.data(), nullptr);
  const Handle memory(H5Screate_simple(int(length.size()), length.data(), nullptr), H5Sclose);
  Array array(shape);
  read_numbers(*this, name, dataset, memory, space, array);
  return array;
}

bool InputFile::read_flag(const std::string& name) const {
  if (!has(name)) fail(path_, name, "there is no such dataset");
  const Handle dataset(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.good()) fail(path_, name, "this is not a dataset");
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const bool truth = H5Tget_class(type) == H5T_ENUM;
  if ((!truth && H5Tget_class(type) != H5T_INTEGER) || H5Tget_size(type) > sizeof(std::uint64_t) ||
      H5Sget_simple_extent_npoints(space) != 1)
    fail(path_, name, "is not one truth value");
  std::uint64_t bytes = 0;  // whichever of them, of a yes one is not 0
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &bytes) < 0)
    fail(path_, name, "cannot be read: the file is truncated or damaged");
  return bytes != 0;
}

std::string InputFile::read_text(const std::string& name) const {
  if (!has(name)) fail(path_, name, "there is no such dataset");
  const Handle dataset(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.good()) fail(path_, name, "this is not a dataset");
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
    fail(path_, name, "is not one text");
  return text_from(type, [&](hid_t memory, void* to) {
    return H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, to);
  });
}

Block InputFile::block(const std::string& name) const {
  if (!has(name)) fail(path_, name, "there is no such dataset");
  const Handle dataset(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.good()) fail(path_, name, "this is not a dataset");
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  Block block;
  block.shape = shape_of(space);
  block.type = type_name(type);
  block.number_bytes = H5Tget_size(type);
  block.big_endian = H5Tget_order(type) == H5T_ORDER_BE;
  // parts of other files, or in one of their own, are none of this one
  if (H5Pget_layout(creation) == H5D_CONTIGUOUS && H5Pget_external_count(creation) == 0)
    if (const haddr_t offset = H5Dget_offset(dataset); offset != HADDR_UNDEF) block.offset = offset;
  return block;
}

namespace {

// ": it is compressed by filter 32008 (bitshuffle ...), which ..."; empty if all filters are there.
std::string missing_filter(hid_t dataset) {
  const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
    unsigned flags = 0, config = 0;
    std::size_t values = 0;
    char name[80] = "";
    const H5Z_filter_t filter =
        H5Pget_filter2(creation, unsigned(i), &flags, &values, nullptr, sizeof name, name, &config);
    if (filter >= 0 && H5Zfilter_avail(filter) <= 0)
      return ": it is compressed by filter " + std::to_string(filter) + " (" + name +
             "), which this machine's HDF5 library lacks; install that plugin, and set "
             "HDF5_PLUGIN_PATH to its folder";
  }
  return "";
}

}  // namespace

// Kept for the next part, with room for a row of large chunks.
long InputFile::opened(const std::string& name) const {
  if (part_ >= 0 && part_name_ == name) return part_;
  if (part_ >= 0) H5Dclose(part_);
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_chunk_cache(access, 12421, std::size_t(64) << 20, H5D_CHUNK_CACHE_W0_DEFAULT);
  part_ = H5Dopen2(file_, name.c_str(), access);
  part_name_ = name;
  if (part_ < 0) fail(path_, name, "this is not a dataset");
  return part_;
}

void InputFile::read_part(const std::string& name, const std::vector<std::size_t>& start,
                          const std::vector<std::size_t>& count, Stored type, void* values) const {
  const hid_t dataset = opened(name);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const std::vector<hsize_t> first(start.begin(), start.end()), length(count.begin(), count.end());
  const Handle memory(H5Screate_simple(int(length.size()), length.data(), nullptr), H5Sclose);
  const Handle native(H5Tget_native_type(file_type(type), H5T_DIR_ASCEND), H5Tclose);
  if (H5Sselect_hyperslab(space, H5S_SELECT_SET, first.data(), nullptr, length.data(), nullptr) <
          0 ||
      H5Dread(dataset, native, memory, space, H5P_DEFAULT, values) < 0) {
    const std::string filter = missing_filter(dataset);
    fail(path_, name,
         "cannot be read" + (filter.empty() ? ": the file is truncated or damaged" : filter));
  }
}

std::string InputFile::attribute(const std::string& object, const std::string& name) const {
  if (!has(object)) return "";
  const Handle opened(H5Oopen(file_, object.c_str(), H5P_DEFAULT), H5Oclose);
  return attribute_text(opened, name);
}

std::optional<double> InputFile::number_attribute(const std::string& object,
                                                  const std::string& name) const {
  if (!has(object)) return std::nullopt;
  const Handle opened(H5Oopen(file_, object.c_str(), H5P_DEFAULT), H5Oclose);
  if (H5Aexists(opened, name.c_str()) <= 0) return std::nullopt;
  const Handle attribute(H5Aopen(opened, name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute), H5Tclose);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  const H5T_class_t kind = H5Tget_class(type);
  double value = 0;
  if ((kind != H5T_INTEGER && kind != H5T_FLOAT) || H5Sget_simple_extent_npoints(space) != 1 ||
      H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0)
    return std::nullopt;
  return value;
}

std::vector<Member> InputFile::members(const std::string& group) const {
  std::vector<Member> result;
  const auto visit = [](hid_t parent, const char* name, const H5L_info_t* info,
                        void* data) -> herr_t {
    Member member{name, ""};
    if (info->type == H5L_TYPE_EXTERNAL) {
      std::vector<char> link(info->u.val_size + 1);
      unsigned flags = 0;
      const char *file = nullptr, *object = nullptr;
      if (H5Lget_val(parent, name, link.data(), link.size(), H5P_DEFAULT) >= 0 &&
          H5Lunpack_elink_val(link.data(), info->u.val_size, &flags, &file, &object) >= 0)
        member.external_file = file;
    }
    static_cast<std::vector<Member>*>(data)->push_back(std::move(member));
    return 0;
  };
  const Handle opened(H5Gopen2(file_, group.c_str(), H5P_DEFAULT), H5Gclose);
  if (opened.good()) H5Literate(opened, H5_INDEX_NAME, H5_ITER_INC, nullptr, visit, &result);
  return result;
}

std::vector<Item> InputFile::items(const std::string& group) const {
  std::vector<Item> result;
  const auto visit = [](hid_t root, const char* name, const H5O_info_t* info,
                        void* data) -> herr_t {
    auto& list = *static_cast<std::vector<Item>*>(data);
    if (std::string(name) == ".") return 0;
    Item item;
    item.path = std::string("/") + name;
    item.is_group = info->type == H5O_TYPE_GROUP;
    if (info->type == H5O_TYPE_DATASET) {
      const Handle dataset(H5Dopen2(root, name, H5P_DEFAULT), H5Dclose);
      const Handle type(H5Dget_type(dataset), H5Tclose);
      const Handle space(H5Dget_space(dataset), H5Sclose);
      item.shape = shape_of(space);
      item.type = type_name(type);
      item.units = attribute_text(dataset, "units");
    }
    list.push_back(std::move(item));
    return 0;
  };
  const Handle opened(H5Oopen(file_, group.c_str(), H5P_DEFAULT), H5Oclose);
  if (!opened.good() ||
      H5Ovisit2(opened, H5_INDEX_NAME, H5_ITER_INC, visit, &result, H5O_INFO_BASIC) < 0)
    fail(path_, group, "cannot be listed: the file is truncated or damaged");
  if (group != "/")
    for (Item& item : result) item.path = group + item.path;
  return result;
}

OutputFile::OutputFile() {
  be_silent();
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // In memory, so that a full disk is met by our own checked write and not inside the library,
  // which cannot close a file that it fails to flush.
  H5Pset_fapl_core(access, 1 << 20, false);
  file_ = H5Fcreate("result", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  must(file_ >= 0, "");
}

OutputFile::~OutputFile() { H5Fclose(file_); }

void OutputFile::group(const std::string& name) {
  for (std::size_t end = 1; end != std::string::npos;) {
    end = name.find('/', end);
    const std::string part = name.substr(0, end);
    if (!part.empty() && part != "/" && H5Lexists(file_, part.c_str(), H5P_DEFAULT) <= 0) {
      const Handle made(H5Gcreate2(file_, part.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                        H5Gclose);
      must(made.good(), part);
    }
    if (end != std::string::npos) ++end;
  }
}

namespace {

Handle make_dataset(hid_t file, const std::string& name, hid_t type, hid_t space, hid_t creation) {
  Handle dataset(H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT),
                 H5Dclose);
  must(dataset.good(), name);
  return dataset;
}

std::string parent(const std::string& name) { return name.substr(0, name.rfind('/')); }

constexpr std::int8_t no = 0, yes = 1;

Handle flag_type() {
  Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
  H5Tenum_insert(type, "FALSE", &no);
  H5Tenum_insert(type, "TRUE", &yes);
  return type;
}

}  // namespace

void OutputFile::write(const std::string& name, const Array& array, Stored stored) {
  group(parent(name));
  const std::vector<hsize_t> lengths(array.shape.begin(), array.shape.end());
  const Handle space(lengths.empty()
                         ? H5Screate(H5S_SCALAR)
                         : H5Screate_simple(int(lengths.size()), lengths.data(), nullptr),
                     H5Sclose);
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  if (array.size() > 4096) {  // large ones are compressed, in pieces of about 64 k numbers
    std::vector<hsize_t> chunk = lengths;
    for (std::size_t axis = 0; axis < chunk.size(); ++axis)
      while (chunk[axis] > 1 && Array::count({chunk.begin(), chunk.end()}) > 65536)
        chunk[axis] = (chunk[axis] + 1) / 2;
    H5Pset_chunk(creation, int(chunk.size()), chunk.data());
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, 4);
  }
  const Handle dataset = make_dataset(file_, name, file_type(stored), space, creation);
  must(array.values.empty() || H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                        array.values.data()) >= 0,
       name);
}

void OutputFile::write_scalar(const std::string& name, double value, Stored stored) {
  Array scalar{std::vector<std::size_t>{}};
  scalar.values[0] = value;
  write(name, scalar, stored);
}

void OutputFile::write_text(const std::string& name, const std::string& value) {
  group(parent(name));
  const Handle type = text_type();
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle dataset = make_dataset(file_, name, type, space, H5P_DEFAULT);
  const char* text = value.c_str();
  must(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text) >= 0, name);
}

void OutputFile::write_flag(const std::string& name, bool value) {
  group(parent(name));
  const Handle type = flag_type();
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle dataset = make_dataset(file_, name, type, space, H5P_DEFAULT);
  must(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value ? &yes : &no) >= 0, name);
}

void OutputFile::attribute(const std::string& object, const std::string& name,
                           const std::string& value) {
  const Handle opened(H5Oopen(file_, object.c_str(), H5P_DEFAULT), H5Oclose);
  const Handle type = text_type();
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(H5Acreate2(opened, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  const char* text = value.c_str();
  must(attribute.good() && H5Awrite(attribute, type, &text) >= 0, object + " " + name);
}

namespace {

void scalar_attribute(hid_t file, const std::string& object, const std::string& name, hid_t stored,
                      hid_t memory, const void* value) {
  const Handle opened(H5Oopen(file, object.c_str(), H5P_DEFAULT), H5Oclose);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(H5Acreate2(opened, name.c_str(), stored, space, H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  must(attribute.good() && H5Awrite(attribute, memory, value) >= 0, object + " " + name);
}

}  // namespace

void OutputFile::attribute(const std::string& object, const std::string& name, long value) {
  scalar_attribute(file_, object, name, H5T_STD_I64LE, H5T_NATIVE_LONG, &value);
}

void OutputFile::real_attribute(const std::string& object, const std::string& name, double value) {
  scalar_attribute(file_, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

void OutputFile::flag(const std::string& object, const std::string& name, bool value) {
  const Handle type = flag_type();
  scalar_attribute(file_, object, name, type, type, value ? &yes : &no);
}

void OutputFile::save(const std::string& path) {
  must(H5Fflush(file_, H5F_SCOPE_GLOBAL) >= 0, "");
  const ssize_t size = H5Fget_file_image(file_, nullptr, 0);
  must(size > 0, "");
  std::vector<char> image(static_cast<std::size_t>(size));
  must(H5Fget_file_image(file_, image.data(), image.size()) == size, "");
  write_whole_file(path, image.data(), image.size());
}

}  // namespace pendel::hdf5

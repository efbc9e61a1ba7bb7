#include "io/scan_hdf5.hpp"

#include <hdf5.h>

#include <cstring>

#include "core/error.hpp"
#include "io/hdf5_handle.hpp"

namespace pendel::hdf5 {

namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::input, path + ": " + what);
}

Handle file_access() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(access, true, true);
#endif
  return access;
}

Handle chunked(const std::vector<hsize_t>& chunk, int deflate) {
  Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_chunk(creation, int(chunk.size()), chunk.data());
  H5Pset_shuffle(creation);
  H5Pset_deflate(creation, unsigned(deflate));
  return creation;
}

Handle new_file(const std::string& path, const std::string& kept = "") {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, file_access()), H5Fclose);
  if (!file.good()) fail(path, "cannot be written" + kept);
  return file;
}

Handle new_cube(hid_t file, const std::string& name, const ScanFileLayout& layout, hid_t creation) {
  const hsize_t shape[4] = {layout.rows, layout.columns, layout.q_rows, layout.q_columns};
  const Handle space(H5Screate_simple(4, shape, nullptr), H5Sclose);
  return {H5Dcreate2(file, name.c_str(), file_type(layout.stored), space, H5P_DEFAULT, creation,
                     H5P_DEFAULT),
          H5Dclose};
}

// Attributes of the root: numbers and texts.
bool copy_attributes(hid_t from, hid_t to) {
  const auto copy = [](hid_t object, const char* name, const H5A_info_t*, void* target) -> herr_t {
    const Handle source(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
    const Handle type(H5Aget_type(source), H5Tclose), space(H5Aget_space(source), H5Sclose);
    const Handle made(
        H5Acreate2(*static_cast<hid_t*>(target), name, type, space, H5P_DEFAULT, H5P_DEFAULT),
        H5Aclose);
    std::vector<char> value(H5Tget_size(type) * std::size_t(H5Sget_simple_extent_npoints(space)));
    if (H5Aread(source, type, value.data()) < 0) return -1;
    const herr_t result = H5Awrite(made, type, value.data());
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, value.data());
    return result;
  };
  const Handle root(H5Gopen2(from, "/", H5P_DEFAULT), H5Gclose);
  Handle target(H5Gopen2(to, "/", H5P_DEFAULT), H5Gclose);
  hid_t target_id = target;
  return H5Aiterate2(root, H5_INDEX_NAME, H5_ITER_INC, nullptr, copy, &target_id) >= 0;
}

}  // namespace

std::size_t bytes_per_number(Stored stored) { return H5Tget_size(file_type(stored)); }

std::vector<std::uint64_t> make_contiguous(const std::string& path, const ScanFileLayout& layout) {
  Handle file = new_file(path);
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_layout(creation, H5D_CONTIGUOUS);
  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  std::vector<std::uint64_t> offsets;
  for (const std::string& name : layout.cubes) {
    const Handle data = new_cube(file, name, layout, creation);
    const haddr_t offset = data.good() ? H5Dget_offset(data) : HADDR_UNDEF;
    if (offset == HADDR_UNDEF) fail(path, "a dataset of this size cannot be made");
    offsets.push_back(offset);
  }
  if (!file.close()) fail(path, "cannot be written: the disk is full, or the file too large");
  return offsets;
}

// The library does not give away its filters, so it writes the pattern to a file in memory.
std::string compressed(const ScanFileLayout& layout, const char* pattern) {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access, 1 << 16, false);
  const Handle file(H5Fcreate("pattern", H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose);
  const std::vector<hsize_t> shape{layout.q_rows, layout.q_columns};
  const hsize_t start[2] = {0, 0};
  const Handle space(H5Screate_simple(2, shape.data(), nullptr), H5Sclose);
  const hid_t type = file_type(layout.stored);
  const Handle creation = chunked(shape, layout.deflate);
  const Handle data(H5Dcreate2(file, "p", type, space, H5P_DEFAULT, creation, H5P_DEFAULT),
                    H5Dclose);
  hsize_t length = 0;
  std::uint32_t mask = 0;
  std::string result;
  bool good = H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pattern) >= 0 &&
              H5Dflush(data) >= 0 && H5Dget_chunk_storage_size(data, start, &length) >= 0;
  if (good) {
    result.resize(sizeof mask + length);
    good = H5Dread_chunk(data, H5P_DEFAULT, start, &mask, &result[sizeof mask]) >= 0;
    std::memcpy(&result[0], &mask, sizeof mask);
  }
  if (!good) throw Error(ErrorKind::numerical, "a pattern cannot be compressed");
  return result;
}

void make_compressed(const std::string& path, const ScanFileLayout& layout,
                     const std::function<std::vector<std::string>(std::size_t position)>& chunks,
                     const std::string& kept) {
  Handle file = new_file(path, kept);
  const Handle creation = chunked({1, 1, layout.q_rows, layout.q_columns}, layout.deflate);
  std::vector<Handle> cubes;
  for (const std::string& name : layout.cubes) {
    cubes.push_back(new_cube(file, name, layout, creation));
    if (!cubes.back().good()) fail(path, "a dataset of this size cannot be made" + kept);
  }
  for (std::size_t position = 0; position < layout.positions(); ++position) {
    const std::vector<std::string> parts = chunks(position);
    const hsize_t start[4] = {position / layout.columns, position % layout.columns, 0, 0};
    for (std::size_t cube = 0; cube < cubes.size(); ++cube) {
      std::uint32_t mask = 0;
      std::memcpy(&mask, parts[cube].data(), sizeof mask);
      if (H5Dwrite_chunk(cubes[cube], H5P_DEFAULT, mask, start, parts[cube].size() - sizeof mask,
                         parts[cube].data() + sizeof mask) < 0)
        fail(path, "cannot be written: the disk is full, or the file too large" + kept);
    }
  }
  cubes.clear();
  if (!file.close())
    fail(path, "cannot be written: the disk is full, or the file too large" + kept);
}

void add_rest(const std::string& path, const ScanFileLayout& layout, const OutputFile& rest,
              const std::string& root, const std::string& units, const std::string& kept) {
  Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, file_access()), H5Fclose);
  if (!file.good()) fail(path, "cannot be opened again" + kept);
  bool good = H5Ocopy(rest.id(), root.c_str(), file, root.c_str(), H5P_DEFAULT, H5P_DEFAULT) >= 0;
  const Handle text(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(text, H5T_VARIABLE);
  H5Tset_cset(text, H5T_CSET_UTF8);
  const Handle scalar(H5Screate(H5S_SCALAR), H5Sclose);
  for (const std::string& cube : layout.cubes) {
    const std::string place = root + "/" + cube + "/data";
    good = good && H5Lmove(file, cube.c_str(), file, place.c_str(), H5P_DEFAULT, H5P_DEFAULT) >= 0;
    if (!good) break;
    const Handle data(H5Dopen2(file, place.c_str(), H5P_DEFAULT), H5Dclose);
    const Handle attribute(H5Acreate2(data, "units", text, scalar, H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose);
    const char* value = units.c_str();
    good = H5Awrite(attribute, text, &value) >= 0;
  }
  good = good && copy_attributes(rest.id(), file);
  if (!file.close() || !good) fail(path, "cannot be completed" + kept);
}

double size_of(const OutputFile& rest) {
  hsize_t size = 0;
  H5Fget_filesize(rest.id(), &size);
  return double(size);
}

}  // namespace pendel::hdf5

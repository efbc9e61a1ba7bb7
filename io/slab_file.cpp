#include "io/slab_file.hpp"

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/error.hpp"
#include "io/files.hpp"
#include "io/hdf5_handle.hpp"

namespace pendel {

namespace {

using hdf5::Handle;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::input, path + ": " + what);
}

// Contiguous, its place in the file known before there are values; that place.
std::uint64_t make_file(const std::string& path, const std::string& dataset,
                        const std::vector<std::size_t>& shape, hdf5::Stored stored,
                        const SlabFile::Texts& attributes) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
  if (!file.good()) fail(path, "cannot be written");
  haddr_t offset = HADDR_UNDEF;
  bool good = true;
  {
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_layout(creation, H5D_CONTIGUOUS);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    const std::vector<hsize_t> lengths(shape.begin(), shape.end());
    const Handle space(H5Screate_simple(int(lengths.size()), lengths.data(), nullptr), H5Sclose);
    const Handle data(H5Dcreate2(file, dataset.c_str(), hdf5::file_type(stored), space, H5P_DEFAULT,
                                 creation, H5P_DEFAULT),
                      H5Dclose);
    if (!data.good()) fail(path, "a dataset of this size cannot be made");
    const Handle text(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_cset(text, H5T_CSET_UTF8);
    const Handle scalar(H5Screate(H5S_SCALAR), H5Sclose);
    for (const auto& [name, value] : attributes) {
      H5Tset_size(text, std::max<std::size_t>(1, value.size()));
      const Handle attribute(H5Acreate2(data, name.c_str(), text, scalar, H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose);
      good = good && attribute.good() && H5Awrite(attribute, text, value.data()) >= 0;
    }
    offset = H5Dget_offset(data);
  }
  if (!file.close() || !good || offset == HADDR_UNDEF)
    fail(path, "cannot be written: the disk is full, or the file too large");
  return offset;
}

}  // namespace

void SlabFile::measure(const std::vector<std::size_t>& shape, std::size_t slab_axes,
                       std::size_t number_bytes) {
  const auto split = shape.begin() + std::ptrdiff_t(slab_axes);
  slab_bytes_ = number_bytes * Array::count({split, shape.end()});
  done_.assign(Array::count({shape.begin(), split}), temporary_.empty());
}

SlabFile::SlabFile(const std::string& path, const std::string& dataset,
                   const std::vector<std::size_t>& shape, std::size_t slab_axes,
                   hdf5::Stored stored, const Texts& attributes)
    : path_(path), temporary_(path + ".partial" + std::to_string(::getpid())) {
  measure(shape, slab_axes, H5Tget_size(hdf5::file_type(stored)));
  const std::uint64_t bytes = std::uint64_t(slab_bytes_) * done_.size();
  check_room(path, double(bytes));
  try {
    offset_ = make_file(temporary_, dataset, shape, stored, attributes);
    file_ = ::open(temporary_.c_str(), O_RDWR | O_CLOEXEC);
    if (file_ < 0) fail(temporary_, std::string("cannot be opened again: ") + std::strerror(errno));
    const int problem = ::posix_fallocate(file_, off_t(offset_), off_t(bytes));
    if (problem != 0 && problem != EOPNOTSUPP && problem != EINVAL)
      fail(path,
           "its " + size_text(double(bytes)) + " cannot be reserved: " + std::strerror(problem));
  } catch (...) {
    if (file_ >= 0) ::close(file_);
    ::unlink(temporary_.c_str());
    throw;
  }
}

SlabFile::SlabFile(const std::string& path, const std::string& dataset, std::size_t slab_axes)
    : path_(path) {
  const hdf5::Block block = hdf5::InputFile(path).block(dataset);
  if (block.shape.size() < slab_axes)
    fail(path, dataset + ": has " + std::to_string(block.shape.size()) + " axes; at least " +
                   std::to_string(slab_axes) + " are needed");
  if (!block.offset) fail(path, dataset + ": is not stored in one piece");
  offset_ = *block.offset;
  measure(block.shape, slab_axes, block.number_bytes);
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) fail(path, std::string("cannot be read: ") + std::strerror(errno));
}

SlabFile::~SlabFile() {
  if (file_ >= 0) ::close(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void SlabFile::read(std::size_t slab, void* bytes) const {
  if (read_at(file_, bytes, slab_bytes_, offset_ + slab * slab_bytes_) != slab_bytes_)
    fail(path_, "cannot be read: the file is truncated or damaged");
}

void SlabFile::write(std::size_t slab, const void* bytes) {
  if (!write_at(file_, bytes, slab_bytes_, offset_ + slab * slab_bytes_))
    fail(temporary_, std::string("cannot be written: ") + std::strerror(errno));
  done_[slab] = true;
  if (!std::all_of(done_.begin(), done_.end(), [](bool done) { return done; })) return;
  if (::fsync(file_) != 0 || std::rename(temporary_.c_str(), path_.c_str()) != 0)
    fail(path_, std::string("cannot be written: ") + std::strerror(errno));
  temporary_.clear();
}

}  // namespace pendel

// An array too large for memory, in an HDF5 file that is written and read a slab at a time: what
// one run makes and later ones use again. The file has its name only when every slab is in it;
// until then it is called PATH.partial and the number of the process.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "io/hdf5.hpp"

namespace pendel {

class SlabFile {
 public:
  using Texts = std::vector<std::pair<std::string, std::string>>;

  /// A new one, its space reserved: a dataset of this shape whose first `slab_axes` axes count the
  /// slabs, with attributes. Error (input) if it cannot be written or the disk has no room.
  SlabFile(const std::string& path, const std::string& dataset,
           const std::vector<std::size_t>& shape, std::size_t slab_axes, hdf5::Stored stored,
           const Texts& attributes);
  /// A finished one. Error (input) if there is no such dataset in it, or not one that this class
  /// wrote.
  SlabFile(const std::string& path, const std::string& dataset, std::size_t slab_axes);
  /// An unfinished one is removed.
  ~SlabFile();
  SlabFile(const SlabFile&) = delete;
  SlabFile& operator=(const SlabFile&) = delete;

  std::size_t slabs() const { return done_.size(); }
  std::size_t slab_bytes() const { return slab_bytes_; }
  bool has(std::size_t slab) const { return done_[slab]; }
  /// slab_bytes() of them, numbers as they are stored. Error (input) if the file cannot be read.
  void read(std::size_t slab, void* bytes) const;
  /// After the last one the file gets its name. Error (input) if the disk is full.
  void write(std::size_t slab, const void* bytes);

 private:
  void measure(const std::vector<std::size_t>& shape, std::size_t slab_axes,
               std::size_t number_bytes);

  std::string path_, temporary_;  // empty when it is finished
  int file_ = -1;
  std::uint64_t offset_ = 0;
  std::size_t slab_bytes_ = 0;
  std::vector<bool> done_;
};

}  // namespace pendel

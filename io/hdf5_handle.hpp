// Owns one identifier of the HDF5 library (hid_t, a long). For .cpp files of this room.
#pragma once
#include <cstdint>
#include <utility>

namespace pendel::hdf5 {

class Handle {
 public:
  using Id = std::int64_t;
  Handle(Id id, int (*close)(Id)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  operator Id() const { return id_; }
  bool good() const { return id_ >= 0; }
  /// Closes it now; whether that went well.
  bool close() { return close_(std::exchange(id_, -1)) >= 0; }

 private:
  Id id_;
  int (*close_)(Id);
};

}  // namespace pendel::hdf5

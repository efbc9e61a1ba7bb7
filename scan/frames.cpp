#include "scan/frames.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <vector>

#include "core/clones.hpp"
#include "core/error.hpp"
#include "io/files.hpp"

namespace pendel {

namespace {

struct NumberType {
  Number number;
  const char* name;
  std::size_t bytes;
};
constexpr NumberType number_types[] = {
    {Number::uint8, "uint8", 1},     {Number::int8, "int8", 1},      {Number::uint16, "uint16", 2},
    {Number::int16, "int16", 2},     {Number::uint32, "uint32", 4},  {Number::int32, "int32", 4},
    {Number::float32, "float32", 4}, {Number::float64, "float64", 8}};

const NumberType& type_of(Number number) {
  return *std::find_if(std::begin(number_types), std::end(number_types),
                       [&](const NumberType& type) { return type.number == number; });
}

// Values lie where a vector of bytes puts them: aligned.
template <class Stored, class Real>
inline __attribute__((always_inline)) void convert(const void* from, std::size_t count, Real* to) {
  const Stored* values = static_cast<const Stored*>(from);
  for (std::size_t i = 0; i < count; ++i) to[i] = Real(values[i]);
}

template <class Real>
inline __attribute__((always_inline)) void convert_body(Number number, const void* from,
                                                        std::size_t count, Real* to) {
  switch (number) {
    case Number::uint8:
      return convert<std::uint8_t>(from, count, to);
    case Number::int8:
      return convert<std::int8_t>(from, count, to);
    case Number::uint16:
      return convert<std::uint16_t>(from, count, to);
    case Number::int16:
      return convert<std::int16_t>(from, count, to);
    case Number::uint32:
      return convert<std::uint32_t>(from, count, to);
    case Number::int32:
      return convert<std::int32_t>(from, count, to);
    case Number::int64:
      return convert<std::int64_t>(from, count, to);
    case Number::float32:
      return convert<float>(from, count, to);
    case Number::float64:
      return convert<double>(from, count, to);
  }
}
PENDEL_CLONES void convert(Number number, const void* from, std::size_t count, float* to) {
  convert_body(number, from, count, to);
}
PENDEL_CLONES void convert(Number number, const void* from, std::size_t count, double* to) {
  convert_body(number, from, count, to);
}

void swap_bytes(void* values, std::size_t count, std::size_t bytes) {
  auto* at = static_cast<unsigned char*>(values);
  for (std::size_t i = 0; i < count; ++i, at += bytes) std::reverse(at, at + bytes);
}

}  // namespace

std::size_t bytes_of(Number number) { return type_of(number).bytes; }
std::string name_of(Number number) { return type_of(number).name; }

Number number_of(const std::string& name, const std::string& where) {
  for (const NumberType& type : number_types)
    if (name == type.name) return type.number;
  throw Error(ErrorKind::input, where + ": the patterns are stored as " + name +
                                    "; numbers of at most 32 bits, or float64, can be read");
}

template <class Real>
void Frames::read(std::size_t first, std::size_t count, Real* values) const {
  constexpr bool single = sizeof(Real) == sizeof(float);
  if (number_ == (single ? Number::float32 : Number::float64))
    return read_stored(first, count, values);
  std::vector<char> stored(count * pixels() * bytes_of(number_));
  read_stored(first, count, stored.data());
  convert(number_, stored.data(), count * pixels(), values);
}
template void Frames::read(std::size_t, std::size_t, float*) const;
template void Frames::read(std::size_t, std::size_t, double*) const;

RawFrames::RawFrames(const RawLayout& layout)
    : Frames(layout.count, layout.q_rows, layout.q_columns, layout.number), layout_(layout) {
  if (layout_.encoded_bytes == 0) layout_.encoded_bytes = pixels() * bytes_of(number());
  if (layout_.stride == 0) layout_.stride = layout_.encoded_bytes;
  file_ = ::open(layout_.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0)
    throw Error(ErrorKind::input, layout_.path + ": cannot be opened: " + std::strerror(errno));
}

RawFrames::~RawFrames() { ::close(file_); }

void RawFrames::read_bytes(void* bytes, std::size_t count, std::uint64_t offset) const {
  if (read_at(file_, bytes, count, offset) != count)
    throw Error(ErrorKind::input, layout_.path + ": cannot be read at byte " +
                                      std::to_string(offset) + ": the file has become shorter");
}

void RawFrames::read_stored(std::size_t first, std::size_t count, void* values) const {
  const std::size_t bytes = bytes_of(number()), frame = pixels() * bytes;
  auto* to = static_cast<char*>(values);
  if (layout_.frames_fastest) {
    std::vector<char> run(count * bytes);
    for (std::size_t pixel = 0; pixel < pixels(); ++pixel) {
      read_bytes(run.data(), run.size(), layout_.offset + (pixel * this->count() + first) * bytes);
      for (std::size_t i = 0; i < count; ++i)
        std::memcpy(to + i * frame + pixel * bytes, &run[i * bytes], bytes);
    }
  } else if (layout_.stride == frame && !layout_.decode) {
    read_bytes(to, count * frame, layout_.offset + first * frame);
  } else {
    std::vector<unsigned char> encoded(layout_.decode ? layout_.encoded_bytes : 0);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t offset = layout_.offset + (first + i) * layout_.stride;
      if (!layout_.decode) {
        read_bytes(to + i * frame, frame, offset);
        continue;
      }
      read_bytes(encoded.data(), encoded.size(), offset);
      layout_.decode(encoded.data(), to + i * frame);
    }
  }
  if (layout_.big_endian && bytes > 1) swap_bytes(to, count * pixels(), bytes);
}

}  // namespace pendel

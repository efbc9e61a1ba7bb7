#include "io/scan_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "core/error.hpp"
#include "io/files.hpp"
#include "io/scan_hdf5.hpp"

namespace pendel {

namespace {

using hdf5::Stored;

const std::string magic = "PENDEL-SCAN-1\n";
const std::string kept = "; what is finished is kept for --resume";

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::input, path + ": " + what);
}

template <class T>
void put(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T get(const std::string& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// One record of the journal. What follows it: extras, then compressed patterns.
struct Record {
  std::uint64_t position, length;          // of what follows
  std::uint32_t payload_crc, pattern_crc;  // of what follows; of the patterns in the growing file
  std::uint32_t crc;                       // of the above
  static constexpr std::size_t size = 28, covered = 24;

  std::string bytes() const {
    std::string text;
    put(text, position);
    put(text, length);
    put(text, payload_crc);
    put(text, pattern_crc);
    put(text, crc32(text.data(), text.size()));
    return text;
  }
  // whether these bytes are a whole one
  bool read(const std::string& text) {
    if (text.size() != size || get<std::uint32_t>(text, covered) != crc32(text.data(), covered))
      return false;
    position = get<std::uint64_t>(text, 0);
    length = get<std::uint64_t>(text, 8);
    payload_crc = get<std::uint32_t>(text, 16);
    pattern_crc = get<std::uint32_t>(text, 20);
    return true;
  }
};

// what is there, at most `count` bytes
std::string pread_some(int file, std::size_t count, std::uint64_t offset) {
  std::string bytes(count, '\0');
  bytes.resize(read_at(file, &bytes[0], count, offset));
  return bytes;
}

template <class T, class Real>
void convert(const Real* values, std::size_t count, char* out) {
  for (std::size_t i = 0; i < count; ++i) {
    T number;
    if constexpr (std::is_integral_v<T>) {
      const double whole = std::nearbyint(double(values[i]));
      // the upper limit itself, as a double, may be one too much
      if (!(whole >= double(std::numeric_limits<T>::min()) &&
            whole <= double(std::numeric_limits<T>::max())))
        throw Error(ErrorKind::numerical,
                    "a pattern holds " + std::to_string(double(values[i])) +
                        ", which does not fit into " + std::to_string(8 * sizeof(T)) +
                        "-bit whole numbers; store 32-bit or floating-point numbers");
      number = T(whole);
    } else {
      number = T(values[i]);
    }
    std::memcpy(out + i * sizeof(T), &number, sizeof(T));
  }
}

template <class Real>
void convert(Stored stored, const Real* values, std::size_t count, char* out) {
  switch (stored) {
    case Stored::float64:
      return convert<double>(values, count, out);
    case Stored::float32:
      return convert<float>(values, count, out);
    case Stored::int32:
      return convert<std::int32_t>(values, count, out);
    case Stored::int64:
      throw Error(ErrorKind::study, "patterns are not stored as 64-bit whole numbers");
    case Stored::uint16:
      return convert<std::uint16_t>(values, count, out);
    case Stored::uint32:
      return convert<std::uint32_t>(values, count, out);
    case Stored::uint8:
      return convert<std::uint8_t>(values, count, out);
    case Stored::int8:
      return convert<std::int8_t>(values, count, out);
    case Stored::int16:
      return convert<std::int16_t>(values, count, out);
  }
}

}  // namespace

std::string ScanWriter::description() const {
  std::string text = magic + fingerprint_;
  for (const std::size_t number :
       {layout_.rows, layout_.columns, layout_.q_rows, layout_.q_columns, layout_.extras,
        std::size_t(layout_.stored), std::size_t(layout_.deflate), layout_.cubes.size()})
    put(text, std::uint64_t(number));
  for (const std::string& name : layout_.cubes) text += name + "\n";
  put(text, crc32(text.data(), text.size()));
  return text;
}

ScanWriter::ScanWriter(const std::string& path, const std::string& fingerprint,
                       const ScanFileLayout& layout, bool resume)
    : path_(path), fingerprint_(fingerprint), layout_(layout), places_(layout.positions()) {
  cube_bytes_ = hdf5::bytes_per_number(layout.stored) * layout.pattern();
  journal_ = ::open(journal(path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (journal_ < 0) fail(journal(path), std::string("cannot be written: ") + std::strerror(errno));
  bool continued = resume;
  try {
    continued = resume && read_journal(fingerprint);
    if (continued) {
      if (layout.deflate == 0) reserve();
    } else {
      if (::ftruncate(journal_, 0) != 0)
        fail(journal(path), std::string("cannot be written: ") + std::strerror(errno));
      if (layout.deflate == 0) {
        check_room(partial(path),
                   double(cube_bytes_) * double(layout.cubes.size() * layout.positions()));
        make_skeleton();
        reserve();
      }
      write_head();
    }
    if (layout.deflate == 0) check_patterns();
  } catch (...) {
    ::close(journal_);
    if (data_ >= 0) ::close(data_);
    if (!continued) {
      ::unlink(partial(path).c_str());
      ::unlink(journal(path).c_str());
    }
    throw;
  }
}

ScanWriter::~ScanWriter() {
  ::close(journal_);
  if (data_ >= 0) ::close(data_);
}

// What of the new file is no pattern goes into the journal, so that it can be restored whatever a
// killed run made of it.
void ScanWriter::make_skeleton() {
  const std::string name = partial(path_);
  data_offset_ = hdf5::make_contiguous(name, layout_);
  data_ = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
  struct stat status;
  if (data_ < 0 || ::fstat(data_, &status) != 0)
    fail(name, std::string("cannot be opened again: ") + std::strerror(errno));
  total_ = std::uint64_t(status.st_size);
  std::vector<std::uint64_t> begins = data_offset_;
  std::sort(begins.begin(), begins.end());
  const std::uint64_t cube_length = cube_bytes_ * layout_.positions();
  std::uint64_t from = 0;
  begins.push_back(total_);
  for (const std::uint64_t begin : begins) {
    if (begin > from) skeleton_.push_back({from, pread_some(data_, begin - from, from)});
    from = begin + cube_length;
  }
}

// The growing file at its full length, with all its space, and everything but the patterns.
void ScanWriter::reserve() {
  const std::string name = partial(path_);
  if (data_ < 0) data_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  struct stat status;
  if (data_ < 0 || ::fstat(data_, &status) != 0)
    fail(name, std::string("cannot be written: ") + std::strerror(errno));
  check_room(name, double(total_) - 512 * double(status.st_blocks));
  bool good = ::ftruncate(data_, off_t(total_)) == 0;
  if (good) {
    const int problem = ::posix_fallocate(data_, 0, off_t(total_));
    good = problem == 0 || problem == EOPNOTSUPP || problem == EINVAL;
    if (!good) errno = problem;
  }
  for (const Piece& piece : skeleton_)
    good = good && write_at(data_, piece.bytes.data(), piece.bytes.size(), piece.offset);
  if (good) return;
  const std::string reason = std::strerror(errno);
  fail(name,
       "the " + size_text(double(total_)) + " that the scan needs cannot be reserved: " + reason);
}

void ScanWriter::write_head() {
  std::string skeleton;
  put(skeleton, total_);
  for (const std::uint64_t offset : data_offset_) put(skeleton, offset);
  put(skeleton, std::uint64_t(skeleton_.size()));
  for (const Piece& piece : skeleton_) {
    put(skeleton, piece.offset);
    put(skeleton, std::uint64_t(piece.bytes.size()));
    skeleton += piece.bytes;
  }
  std::string head = description();
  put(head, std::uint64_t(skeleton.size()));
  head += skeleton;
  put(head, crc32(head.data(), head.size()));
  journal_end_ = head.size();
  if (!write_at(journal_, head.data(), head.size(), 0))
    fail(journal(path_), std::string("cannot be written: ") + std::strerror(errno));
}

// Only what is really in the file counts as done.
void ScanWriter::check_patterns() {
  for (std::size_t position = 0; position < places_.size(); ++position) {
    Place& place = places_[position];
    if (!place.done) continue;
    std::uint32_t crc = 0;
    for (const std::uint64_t offset : data_offset_) {
      const std::string bytes = pread_some(data_, cube_bytes_, offset + position * cube_bytes_);
      crc = crc32(bytes.data(), bytes.size(), crc);
    }
    place.done = crc == place.pattern_crc;
  }
}

// False if there is no journal yet.
bool ScanWriter::read_journal(const std::string& fingerprint) {
  const std::string name = journal(path_), expected = description();
  const std::string start = pread_some(journal_, expected.size() + 8, 0);
  if (start.size() < expected.size() + 8) return false;
  if (start.compare(0, magic.size(), magic) != 0)
    fail(name, "this is not what a scan of Pendel leaves; remove it, or run without --resume");
  if (start.compare(0, expected.size(), expected) != 0)
    fail(name, std::string("this unfinished scan belongs to another study: ") +
                   (start.compare(magic.size(), fingerprint.size(), fingerprint) != 0
                        ? "the study, an input file or the version has changed since"
                        : "its shape or number type differs") +
                   "; run without --resume to begin anew");
  const auto length = get<std::uint64_t>(start, expected.size());
  const std::string head = pread_some(journal_, expected.size() + 8 + length + 4, 0);
  const std::size_t covered = expected.size() + 8 + length;
  if (head.size() < covered + 4 || get<std::uint32_t>(head, covered) != crc32(head.data(), covered))
    return false;  // killed while it began
  std::size_t at = expected.size() + 8;
  const auto number = [&] {
    at += 8;
    return get<std::uint64_t>(head, at - 8);
  };
  total_ = number();
  if (layout_.deflate == 0)
    for (std::size_t i = 0; i < layout_.cubes.size(); ++i) data_offset_.push_back(number());
  for (std::uint64_t pieces = number(); pieces > 0; --pieces) {
    Piece piece;
    piece.offset = number();
    const std::uint64_t size = number();
    piece.bytes = head.substr(at, size);
    at += size;
    skeleton_.push_back(std::move(piece));
  }
  journal_end_ = covered + 4;
  for (Record record; record.read(pread_some(journal_, Record::size, journal_end_));) {
    const std::uint64_t payload = journal_end_ + Record::size;
    const std::string bytes = pread_some(journal_, record.length, payload);
    if (bytes.size() < record.length) break;  // torn off
    journal_end_ = payload + record.length;
    if (record.position >= places_.size() ||
        record.payload_crc != crc32(bytes.data(), bytes.size()))
      continue;
    places_[record.position] = {payload, record.length, record.pattern_crc, true};
  }
  if (::ftruncate(journal_, off_t(journal_end_)) != 0)
    fail(name, std::string("cannot be written: ") + std::strerror(errno));
  return true;
}

bool ScanWriter::done(std::size_t position) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return places_[position].done;
}

std::size_t ScanWriter::finished() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::size_t(
      std::count_if(places_.begin(), places_.end(), [](const Place& place) { return place.done; }));
}

std::vector<double> ScanWriter::extras(std::size_t position) const {
  Place place;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    place = places_[position];
  }
  assert(place.done);
  std::vector<double> values(layout_.extras);
  const std::string bytes = pread_some(journal_, 8 * layout_.extras, place.payload);
  if (bytes.size() < 8 * layout_.extras) fail(journal(path_), "cannot be read");
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <class Real>
void ScanWriter::write(std::size_t position, const Real* values, const double* extras) {
  assert(position < places_.size() && (extras || layout_.extras == 0));
  std::string patterns(cube_bytes_ * layout_.cubes.size(), '\0'), payload;
  convert(layout_.stored, values, layout_.pattern() * layout_.cubes.size(), &patterns[0]);
  for (std::size_t i = 0; i < layout_.extras; ++i) put(payload, extras[i]);

  Record record{};
  record.position = position;
  record.pattern_crc = crc32(patterns.data(), patterns.size());
  if (layout_.deflate == 0)
    for (std::size_t cube = 0; cube < layout_.cubes.size(); ++cube)
      if (!write_at(data_, &patterns[cube * cube_bytes_], cube_bytes_,
                    data_offset_[cube] + position * cube_bytes_))
        fail(partial(path_), std::string("cannot be written: ") + std::strerror(errno) + kept);

  const std::lock_guard<std::mutex> lock(mutex_);
  if (layout_.deflate > 0)
    for (std::size_t cube = 0; cube < layout_.cubes.size(); ++cube) {
      const std::string bytes = hdf5::compressed(layout_, &patterns[cube * cube_bytes_]);
      put(payload, std::uint64_t(bytes.size()));
      payload += bytes;
    }
  record.length = payload.size();
  record.payload_crc = crc32(payload.data(), payload.size());
  const std::string bytes = record.bytes() + payload;
  // half a record, should the disk be full, is known by its checksum
  if (!write_at(journal_, bytes.data(), bytes.size(), journal_end_))
    fail(journal(path_), std::string("cannot be written: ") + std::strerror(errno) + kept);
  places_[position] = {journal_end_ + Record::size, record.length, record.pattern_crc, true};
  journal_end_ += bytes.size();
}

template void ScanWriter::write(std::size_t, const float*, const double*);
template void ScanWriter::write(std::size_t, const double*, const double*);

// The chunks of a finished position, from the journal.
std::vector<std::string> ScanWriter::chunks(std::size_t position) const {
  const Place& place = places_[position];
  const std::string payload = pread_some(journal_, place.length, place.payload);
  std::vector<std::string> result;
  std::size_t at = 8 * layout_.extras;
  for (std::size_t cube = 0; cube < layout_.cubes.size(); ++cube) {
    if (payload.size() < at + 8) fail(journal(path_), "cannot be read");
    const std::size_t length = get<std::uint64_t>(payload, at);
    if (payload.size() < at + 8 + length) fail(journal(path_), "cannot be read");
    result.push_back(payload.substr(at + 8, length));
    at += 8 + length;
  }
  return result;
}

void ScanWriter::put_together() const {
  double needed = 0;
  for (const Place& place : places_) needed += double(place.length);
  // an entry of the chunks' index is below 100 bytes; nodes of the index may be half empty
  check_room(partial(path_),
             1.01 * needed + 200.0 * double(places_.size() * layout_.cubes.size()) + 1e6, kept);
  hdf5::make_compressed(
      partial(path_), layout_, [&](std::size_t position) { return chunks(position); }, kept);
}

void ScanWriter::require_all() const {
  if (finished() != layout_.positions())
    throw Error(ErrorKind::numerical, path_ + ": only " + std::to_string(finished()) + " of " +
                                          std::to_string(layout_.positions()) +
                                          " patterns are there");
}

void ScanWriter::finish(EmdWriter& rest, const std::array<EmdAxis, 4>& axes,
                        const std::string& units, const std::string& note) {
  require_all();
  for (const std::string& cube : layout_.cubes)
    rest.datacube(cube, {axes.begin(), axes.end()}, note);
  // py4DSTEM's names of units, its origin in pixels; one step for both directions
  const auto step = [](const EmdAxis& axis) {
    const std::size_t steps = axis.values.size() - 1;
    return steps > 0 ? (axis.values.back() - axis.values[0]) / double(steps) : 1;
  };
  const auto unit = [](const std::string& text) -> std::string {
    return text == "1/Å" ? "A^-1" : text == "Å" ? "A" : text.empty() ? "pixels" : text;
  };
  const auto scan_axis = axes[1].values.size() > 1 ? axes[1] : axes[0];
  rest.metadata("calibration",
                {{"Q_pixel_size", step(axes[2])},
                 {"Q_pixel_units", unit(axes[2].units)},
                 {"R_pixel_size", step(scan_axis)},
                 {"R_pixel_units", unit(scan_axis.units)},
                 {"qx0", -axes[2].values[0] / step(axes[2])},
                 {"qy0", -axes[3].values[0] / step(axes[3])},
                 {"_root_treepath", std::string()}},
                "Calibration");
  finish(rest.file(), rest.root(), units);
}

void ScanWriter::finish(const hdf5::OutputFile& rest, const std::string& root,
                        const std::string& units) {
  require_all();
  const std::string name = partial(path_);
  if (layout_.deflate > 0) {
    put_together();
  } else if (::fsync(data_) != 0) {
    fail(name, std::string("cannot be written: ") + std::strerror(errno));
  }
  check_room(name, 2 * hdf5::size_of(rest) + 1e6, kept);
  hdf5::add_rest(name, layout_, rest, root, units, kept);
  const int file = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
  const bool good =
      file >= 0 && ::fsync(file) == 0 && std::rename(name.c_str(), path_.c_str()) == 0;
  const std::string reason = std::strerror(errno);
  if (file >= 0) ::close(file);
  if (!good) fail(path_, "cannot be written: " + reason + kept);
  ::unlink(journal(path_).c_str());
}

}  // namespace pendel

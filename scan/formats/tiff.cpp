// TIFF: every directory is a pattern; or one directory with all of them behind it, as ImageJ
// writes large stacks.
#include <tiffio.h>

#include <cstring>
#include <mutex>

#include "scan/formats/format.hpp"

namespace pendel::formats {

namespace {

using Tiff = std::unique_ptr<TIFF, void (*)(TIFF*)>;

Tiff open(const std::string& path) {
  TIFFSetErrorHandler(nullptr);
  TIFFSetWarningHandler(nullptr);
  Tiff tiff(TIFFOpen(path.c_str(), "r"), TIFFClose);
  if (!tiff) fail(path, "this TIFF file is truncated or damaged");
  return tiff;
}

struct Page {
  std::uint32_t columns = 0, rows = 0;
  Number number = Number::uint8;
};

Page page_of(TIFF* tiff, const std::string& path) {
  Page page;
  std::uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page.columns);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page.rows);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
  if (samples != 1) fail(path, "is a colour image; a pattern has one number per pixel");
  const std::string kind = format == SAMPLEFORMAT_IEEEFP ? "float"
                           : format == SAMPLEFORMAT_INT  ? "int"
                                                         : "uint";
  page.number = number_of(kind + std::to_string(bits), path);
  if (page.columns == 0 || page.rows == 0 || page.columns > 65536 || page.rows > 65536)
    fail(path, "its TIFF header has no sensible sizes");
  return page;
}

class TiffFrames : public Frames {
 public:
  TiffFrames(const std::string& path, std::size_t count, const Page& page)
      : Frames(count, page.rows, page.columns, page.number), path_(path), tiff_(open(path)) {}

  void read_stored(std::size_t first, std::size_t count, void* values) const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::size_t frame = pixels() * bytes_of(number());
    for (std::size_t i = 0; i < count; ++i)
      read_page(first + i, static_cast<char*>(values) + i * frame, frame);
  }

 private:
  void read_page(std::size_t index, char* to, std::size_t bytes) const {
    TIFF* tiff = tiff_.get();
    // one on from the last: without a search from the beginning
    const bool there = TIFFCurrentDirectory(tiff) + 1 == tdir_t(index)
                           ? TIFFReadDirectory(tiff) == 1
                           : TIFFSetDirectory(tiff, tdir_t(index)) == 1;
    if (!there) bad(index);
    const Page page = page_of(tiff, path_);
    if (page.rows != q_rows() || page.columns != q_columns() || page.number != number())
      fail(path_, "page " + std::to_string(index + 1) + " has another size or type than the first");
    if (TIFFIsTiled(tiff)) return read_tiles(index, to);
    std::size_t at = 0;
    for (std::uint32_t strip = 0; strip < TIFFNumberOfStrips(tiff); ++strip) {
      const tmsize_t length = TIFFReadEncodedStrip(tiff, strip, to + at, tmsize_t(bytes - at));
      if (length < 0) bad(index);
      at += std::size_t(length);
    }
    if (at != bytes) bad(index);
  }

  void read_tiles(std::size_t index, char* to) const {
    TIFF* tiff = tiff_.get();
    std::uint32_t width = 0, height = 0;
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
    const std::size_t bytes = bytes_of(number());
    std::vector<char> tile(std::size_t(TIFFTileSize(tiff)));
    if (width == 0 || height == 0 || tile.size() < std::size_t(width) * height * bytes) bad(index);
    for (std::uint32_t y = 0; y < q_rows(); y += height)
      for (std::uint32_t x = 0; x < q_columns(); x += width) {
        if (TIFFReadTile(tiff, tile.data(), x, y, 0, 0) < 0) bad(index);
        const std::size_t columns = std::min<std::size_t>(width, q_columns() - x);
        for (std::uint32_t row = 0; row < height && y + row < q_rows(); ++row)
          std::memcpy(to + ((y + row) * q_columns() + x) * bytes, &tile[row * width * bytes],
                      columns * bytes);
      }
  }

  [[noreturn]] void bad(std::size_t index) const {
    fail(path_, "page " + std::to_string(index + 1) +
                    " cannot be read: the file is truncated, damaged, or of a compression that "
                    "this machine's libtiff lacks");
  }

  std::string path_;
  Tiff tiff_;
  mutable std::mutex mutex_;
};

/// "images=1200" of ImageJ's description; 0 without.
std::size_t images_of(TIFF* tiff) {
  const char* text = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_IMAGEDESCRIPTION, &text) != 1 || !text) return 0;
  const char* at = std::strstr(text, "images=");
  return std::strncmp(text, "ImageJ=", 7) == 0 && at ? std::strtoul(at + 7, nullptr, 10) : 0;
}

}  // namespace

Recording open_tiff(const Candidate& file, const OpenOptions& options) {
  const Tiff tiff = open(file.path);
  const Page page = page_of(tiff.get(), file.path);
  const std::size_t pages = TIFFNumberOfDirectories(tiff.get());
  TIFFSetDirectory(tiff.get(), 0);
  std::uint16_t compression = COMPRESSION_NONE;
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_COMPRESSION, &compression);
  const std::size_t images = images_of(tiff.get());

  Recording recording;
  recording.path = file.path;
  recording.format = "TIFF stack";
  if (images > pages && pages == 1 && compression == COMPRESSION_NONE && !TIFFIsTiled(tiff.get())) {
    RawLayout layout;
    layout.path = file.path;
    layout.offset = TIFFGetStrileOffset(tiff.get(), 0);
    layout.q_rows = page.rows;
    layout.q_columns = page.columns;
    layout.number = page.number;
    layout.big_endian = TIFFIsBigEndian(tiff.get()) != 0;
    const std::uint64_t frame = std::uint64_t(page.rows) * page.columns * bytes_of(page.number);
    layout.count = std::min<std::uint64_t>(
        images, file.size > layout.offset ? (file.size - layout.offset) / frame : 0);
    if (layout.count < images)
      recording.notes.push_back("the file ends after " + std::to_string(layout.count) + " of " +
                                std::to_string(images) + " patterns");
    recording.frames = std::make_shared<RawFrames>(layout);
  } else {
    recording.frames = std::make_shared<TiffFrames>(file.path, pages, page);
  }
  shape_scan(recording, options, std::nullopt);
  return recording;
}

}  // namespace pendel::formats

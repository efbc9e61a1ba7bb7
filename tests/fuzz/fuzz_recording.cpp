// libFuzzer on the readers of detectors' files: whatever bytes a file has, it opens or gets an
// Error. The first byte of an input chooses the name's extension, the others are the file. HDF5 is
// left out: damaged files crash the system's library itself.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "scan/recording.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const char* const extensions[] = {".mib", ".blo", ".npy", ".tif",
                                           ".dm4", ".dm3", ".mrc", ".raw"};
  static const std::string folder = [] {
    std::string name = "/dev/shm/pendel_fuzz_" + std::to_string(getpid());
    std::filesystem::create_directory(name);
    return name;
  }();
  // what begins as HDF5 is read as that, whatever its name
  if (size < 2 || (size > 4 && data[1] == 0x89 && data[2] == 'H')) return -1;
  const std::string path = folder + "/scan" + extensions[data[0] % 8];
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data + 1), std::streamsize(size - 1));
  try {
    const pendel::Recording recording = pendel::open_recording(path);
    const std::size_t pixels = recording.frames->pixels();
    if (pixels < (1u << 20) && recording.recorded() > 0) {
      std::vector<double> frame(pixels);
      recording.frames->read(0, 1, frame.data());
      recording.frames->read(recording.recorded() - 1, 1, frame.data());
    }
  } catch (const pendel::Error&) {
  }
  std::filesystem::remove(path);
  return 0;
}
